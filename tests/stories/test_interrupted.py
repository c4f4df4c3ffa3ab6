"""What happens to people: the power goes, the cable is pulled, Ctrl-C, a password mistyped. Nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from migrate.journey import events
from migrate.journey.context import RunContext, RunResult
from migrate.journey.home import Home
from migrate.journey.prompts import Confirmation
from migrate.journey.run import resume, run
from migrate.journey.runs import RunFolder, only_unfinished
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.read import override_phones, read_plan
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.faults.faults import Faults
from tests.stories.kitchen import EVERYTHING, NEW, OLD, PASSWORD, Command, Done, SetTable, Table, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

BIG = 40_000_000
"""One film, so that a save and a restore take long enough to be killed in their middle."""


def wait_for(process: Command, enough: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Read events until `enough` says so."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if enough(seen[-1]):
            return seen
    raise AssertionError(f"it ended before that: {seen[-3:]}\n{process.to_its_end()}")


def end(process: Command, how: int) -> Done:
    process.send_signal(how)
    return process.to_its_end()


def moving(step: str, past: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "bytes_moved" and event["step"] == step and event["done"] > past


def journal(table: Table) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (table.only_run / "journal.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("step", ["back-up-old-phone", "restore"])
def test_a_run_killed_in_the_middle_goes_on_and_repeats_no_finished_step(set_table: SetTable, step: str) -> None:
    old = old_phone()
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    table = set_table(old=old)
    before = old.files.digests()
    process = table.start("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, moving(step, BIG // 4))
    killed = end(process, signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert (table.migrate("runs", "--json")).events[0]["state"] == "unfinished"

    finished = [line["finished"] for line in journal(table) if "finished" in line]
    done = table.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert done.last["outcome"] == "proven"
    assert not set(done.steps) & set(finished)
    assert done.steps[0] == step
    assert_became(table.new, before)
    if step == "back-up-old-phone":  # what the phone had sent before was not sent again
        again = max(e["done"] for e in done.events if e["event"] == "bytes_moved" and e["step"] == step)
        assert again < sum(node.content.size for node in old.files.walk() if node.content) + BIG // 2


def test_cable_pulled_during_restore_goes_on_where_it_stopped(set_table: SetTable) -> None:
    table = set_table(new=new_phone(faults=Faults(drop_restore_after_bytes=3_000_000)))
    before = table.old.files.digests()
    done = table.move(table.plan(EVERYTHING))
    assert done.code == 23, str(done)
    assert done.last["error"]["code"] == "phone-lost" and "migrate resume" in done.last["error"]["next"]
    again = table.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "restore"
    assert_became(table.new, before)


def test_ctrl_c_in_the_middle_says_how_to_go_on(set_table: SetTable) -> None:
    old = old_phone()
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    table = set_table(old=old)
    process = table.start("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, moving("back-up-old-phone", BIG // 4))
    stopped = end(process, signal.SIGINT)
    assert stopped.code == 50, str(stopped)
    assert stopped.last["outcome"] == "stopped" and stopped.last["run"] == table.only_run.name
    assert f"migrate resume {table.only_run.name}" in stopped.last["error"]["next"]
    assert "Traceback" not in stopped.err


def test_ctrl_c_before_anything_began_leaves_nothing_behind(set_table: SetTable) -> None:
    table = set_table(plugged="new")
    process = table.start("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, lambda event: event["event"] == "person_needed")
    stopped = end(process, signal.SIGINT)
    assert stopped.code == 130, str(stopped)
    assert stopped.last["run"] is None
    assert list((table.home / "runs").iterdir()) == []


def test_a_run_stops_as_for_ctrl_c_when_its_parent_process_ends(set_table: SetTable) -> None:
    table = set_table(plugged="new")
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = table.start(
        "run",
        table.plan(EVERYTHING),
        "--old",
        OLD,
        "--new",
        NEW,
        "--id",
        "mine",
        "--parent-pid",
        str(parent.pid),
        "--json",
    )
    seen = wait_for(process, lambda event: event["event"] == "person_needed")
    assert (seen[0]["event"], seen[0]["run"]) == ("run_started", "mine")
    parent.kill()
    parent.wait()
    stopped = process.to_its_end()
    assert stopped.code == 130, str(stopped)
    assert stopped.last["error"]["code"] == "stopped-before-beginning"
    assert list((table.home / "runs").iterdir()) == []


def test_a_wrong_password_stops_and_the_right_one_goes_on_without_saving_again(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    before = table.old.files.digests()
    table.environment["MIGRATE_BACKUP_PASSWORD"] = "battery-staple"
    done = table.move(table.plan(EVERYTHING))
    assert done.code == 32, str(done)
    assert done.last["error"]["code"] == "wrong-password"
    del table.environment["MIGRATE_BACKUP_PASSWORD"]
    again = table.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "verify"
    assert_became(table.new, before)


def test_a_file_the_phone_cannot_read_stops_the_move_unless_the_loss_is_accepted(set_table: SetTable) -> None:
    lost = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0003.JPG"
    old = old_phone(faults=Faults(unreadable={lost: "Input/output error (5)"}))
    assert lost in old.files.digests()
    table = set_table(old=old)
    before = old.files.digests()
    done = table.move(table.plan(EVERYTHING))
    assert done.code == 35, str(done)
    assert done.last["error"]["code"] == "chosen-files-unreadable"
    assert "photos" in done.last["error"]["why"]
    assert NEW not in table.new.files.digests() and table.new.pending_restore is None

    accepted = table.move(table.plan(EVERYTHING + "[safety]\naccept_unreadable = true\n"))
    assert accepted.code == 0, str(accepted)
    codes = [e["finding"]["code"] for e in accepted.events if e["event"] == "found"]
    assert "left-behind-unreadable" in codes
    del before[lost]
    assert_became(table.new, before)


# -- cut anywhere ------------------------------------------------------------------------------------------------------


class PowerCut(BaseException):
    """The process is gone: nothing after this line runs."""


class Unattended:
    def password(self, role: Literal["old", "new"], phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        return PASSWORD

    def chosen_password(self, role: Literal["old", "new"], phone: str) -> str | None:
        return PASSWORD

    def reject_password(self, role: Literal["old", "new"], phone: str) -> bool:
        return False

    def confirm(self, confirmation: Confirmation) -> bool:
        return True


def test_cut_at_every_event_of_every_step_and_resumed_each_time(set_table: SetTable, tmp_path: Path) -> None:
    """The power goes when a step starts and when it has ended, in each of them, and the move still comes out whole."""
    table = set_table(new=new_phone(empty=False))
    home = Home(table.home).open()
    before = table.old.files.digests()
    plan = override_phones(
        read_plan(table.plan(EVERYTHING.replace('"erased"', '"erased"\nwipe = true'))), old=OLD, new=NEW
    )
    cuts: list[events.Event] = []

    def cut_once(event: events.Event) -> None:
        if isinstance(event, events.StepStarted | events.StepFinished) and event not in cuts:
            cuts.append(event)
            raise PowerCut

    context = RunContext(
        home=home,
        tmp=tmp_path,
        usbmux=UsbmuxConfig(table.server.address, home.pairing, tmp_path),
        prompts=Unattended(),
        listener=cut_once,
        wait_s=30,
    )
    ended: RunResult | None = None
    while ended is None:
        try:
            unfinished = [folder for folder in home.runs.iterdir() if RunFolder(folder).unfinished]
            ended = asyncio.run(resume(only_unfinished(home), context) if unfinished else run(plan, context))
        except PowerCut:
            continue
    steps = [event.step for event in cuts if isinstance(event, events.StepFinished)]
    assert len(cuts) == 2 * len(steps) and steps[0] == "meet" and steps[-1] == "receipt"
    assert ended.outcome == "proven"
    assert len(list(home.runs.iterdir())) == 1
    assert_became(table.new, before)


if sys.platform == "win32":
    pytest.skip("SIGKILL and SIGINT are POSIX notions", allow_module_level=True)
