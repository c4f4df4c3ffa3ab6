"""Interrupted moves: power cuts, pulled cables, Ctrl-C, mistyped passwords. No data is lost."""

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
from tests.stories.lab import EVERYTHING, NEW, OLD, PASSWORD, Command, CommandResult, Lab, MakeLab, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

BIG = 40_000_000
"""One video, so that a backup and a restore take long enough to be interrupted midway."""


def wait_for(process: Command, condition: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Read events until one meets `condition`. Returns all events read."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if condition(seen[-1]):
            return seen
    raise AssertionError(f"ended too early: {seen[-3:]}\n{process.finish()}")


def signal_and_wait(process: Command, number: int) -> CommandResult:
    process.send_signal(number)
    return process.finish()


def moved_more_than(step: str, size_bytes: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "bytes_moved" and event["step"] == step and event["done"] > size_bytes


def journal(lab: Lab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (lab.only_run / "journal.ndjson").read_text().splitlines()]


@pytest.mark.parametrize(
    "step", [pytest.param("back-up-old-phone", marks=pytest.mark.soak), pytest.param("restore", marks=pytest.mark.soak)]
)
def test_a_killed_run_resumes_without_repeating_finished_steps(make_lab: MakeLab, step: str) -> None:
    old = old_phone()
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    lab = make_lab(old=old)
    before = old.files.digests()
    process = lab.start("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, moved_more_than(step, BIG // 4))
    killed = signal_and_wait(process, signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert (lab.migrate("runs", "--json")).events[0]["state"] == "unfinished"

    finished = [line["finished"] for line in journal(lab) if "finished" in line]
    done = lab.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert done.last["outcome"] == "proven"
    assert not set(done.steps) & set(finished)
    assert done.steps[0] == step
    assert_became(lab.new, before)
    if step == "back-up-old-phone":  # the phone does not send again what it had already sent
        again = max(e["done"] for e in done.events if e["event"] == "bytes_moved" and e["step"] == step)
        assert again < sum(node.content.size for node in old.files.walk() if node.content) + BIG // 2


@pytest.mark.soak
def test_a_cable_pulled_during_restore_resumes_where_it_stopped(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(faults=Faults(drop_restore_after_bytes=3_000_000)))
    before = lab.old.files.digests()
    done = lab.move(lab.plan(EVERYTHING), "--wait", "0")  # waits for nothing, so it does not wait for the cable either
    assert done.code == 23, str(done)
    assert done.last["error"]["code"] == "phone-lost" and "migrate resume" in done.last["error"]["next"]
    assert "Traceback" not in done.err and "never retrieved" not in done.err
    again = lab.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "restore"
    assert_became(lab.new, before)


def test_ctrl_c_midway_shows_how_to_resume(make_lab: MakeLab) -> None:
    old = old_phone()
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    lab = make_lab(old=old)
    process = lab.start("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, moved_more_than("back-up-old-phone", BIG // 4))
    stopped = signal_and_wait(process, signal.SIGINT)
    assert stopped.code == 50, str(stopped)
    assert stopped.last["outcome"] == "stopped" and stopped.last["run"] == lab.only_run.name
    assert f"migrate resume {lab.only_run.name}" in stopped.last["error"]["next"]
    assert "Traceback" not in stopped.err


def test_ctrl_c_before_the_first_step_leaves_no_run_behind(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="new")
    process = lab.start("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, lambda event: event["event"] == "person_needed")
    stopped = signal_and_wait(process, signal.SIGINT)
    assert stopped.code == 130, str(stopped)
    assert stopped.last["run"] is None
    assert list((lab.home / "runs").iterdir()) == []


def test_a_run_stops_when_its_parent_process_ends(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="new")
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = lab.start(
        "run",
        lab.plan(EVERYTHING),
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
    stopped = process.finish()
    assert stopped.code == 130, str(stopped)
    assert stopped.last["error"]["code"] == "stopped-before-beginning"
    assert list((lab.home / "runs").iterdir()) == []


@pytest.mark.soak
def test_after_a_wrong_password_the_run_resumes_without_another_backup(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    before = lab.old.files.digests()
    lab.environment["MIGRATE_BACKUP_PASSWORD"] = "battery-staple"
    done = lab.move(lab.plan(EVERYTHING))
    assert done.code == 32, str(done)
    assert done.last["error"]["code"] == "wrong-password"
    del lab.environment["MIGRATE_BACKUP_PASSWORD"]
    again = lab.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "verify"
    assert_became(lab.new, before)


@pytest.mark.soak
def test_an_unreadable_file_stops_the_move_unless_the_plan_accepts_the_loss(make_lab: MakeLab) -> None:
    lost = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0003.JPG"
    old = old_phone(faults=Faults(unreadable={lost: "Input/output error (5)"}))
    assert lost in old.files.digests()
    lab = make_lab(old=old)
    before = old.files.digests()
    done = lab.move(lab.plan(EVERYTHING))
    assert done.code == 35, str(done)
    assert done.last["error"]["code"] == "chosen-files-unreadable"
    assert "photos" in done.last["error"]["why"]
    assert NEW not in lab.new.files.digests() and lab.new.pending_restore is None

    accepted = lab.move(lab.plan(EVERYTHING + "[safety]\naccept_unreadable = true\n"))
    assert accepted.code == 0, str(accepted)
    codes = [e["finding"]["code"] for e in accepted.events if e["event"] == "found"]
    assert "left-behind-unreadable" in codes
    del before[lost]
    assert_became(lab.new, before)


# -- cut anywhere ------------------------------------------------------------------------------------------------------


class PowerCut(BaseException):
    """Ends the process: nothing after it runs."""


class AutomaticAnswers:
    def password(self, role: Literal["old", "new"], phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        return PASSWORD

    def chosen_password(self, role: Literal["old", "new"], phone: str) -> str | None:
        return PASSWORD

    def reject_password(self, role: Literal["old", "new"], phone: str) -> bool:
        return False

    def is_restored(self, new: str, old: str) -> bool | None:
        return None

    def confirm(self, confirmation: Confirmation) -> bool:
        return True


@pytest.mark.soak
def test_a_move_cut_at_every_step_and_resumed_each_time_completes(make_lab: MakeLab, tmp_path: Path) -> None:
    """The power fails at the start and at the end of every step, and the move still completes."""
    lab = make_lab(new=new_phone(empty=False))
    home = Home(lab.home).open()
    before = lab.old.files.digests()
    plan = override_phones(
        read_plan(lab.plan(EVERYTHING.replace('"erased"', '"erased"\nwipe = true'))), old=OLD, new=NEW
    )
    cuts: list[events.Event] = []

    def cut_once(event: events.Event) -> None:
        if isinstance(event, events.StepStarted | events.StepFinished) and event not in cuts:
            cuts.append(event)
            raise PowerCut

    context = RunContext(
        home=home,
        tmp=tmp_path,
        usbmux=UsbmuxConfig(lab.server.address, home.pairing, tmp_path),
        prompts=AutomaticAnswers(),
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
    assert_became(lab.new, before)


if sys.platform == "win32":
    pytest.skip("needs SIGKILL and SIGINT", allow_module_level=True)
