"""The end of a run: the receipt is there however it ended, and the last thing said is true."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from tests.stories.kitchen import EVERYTHING, NEW, OLD, SetTable, new_phone
from tests.stories.test_interrupted import end, moving, wait_for


def test_a_proof_that_failed_leaves_its_receipt_and_shows_it(
    set_table: SetTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who needs a receipt more? Only a proven run wrote its page."""
    new = new_phone()
    restart = new.reboot

    def restart_and_lose_the_messages() -> None:
        restart()
        new.files.remove("HomeDomain", "Library/SMS/sms.db")

    monkeypatch.setattr(new, "reboot", restart_and_lose_the_messages)
    table = set_table(new=new)
    done = table.migrate("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes")
    assert done.code == 60, str(done)
    page = table.only_run / "receipt.html"
    assert "not proven" in page.read_text() and "sms.db" in page.read_text()
    assert "not proven" in done.out and str(page) in done.out and str(page) in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process is a POSIX notion")
@pytest.mark.parametrize(("step", "times"), [("back-up-old-phone", 3), ("receipt", 1)])
def test_ctrl_c_late_or_struck_again_never_says_that_nothing_began(set_table: SetTable, step: str, times: int) -> None:
    """At the very end it said that no phone was changed, below the event of a proven run, and ended with 130."""
    table = set_table()
    process = table.start("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, lambda event: event["event"] == "step_started" and event["step"] == step)
    for _ in range(times - 1):
        process.send_signal(signal.SIGINT)
    done = end(process, signal.SIGINT)
    assert done.last["event"] == "run_finished" and done.code == done.last["exit_code"], str(done)
    assert [event["event"] for event in done.events].count("run_finished") == 1
    assert done.last["outcome"] in ("proven", "stopped") and "before anything" not in json.dumps(done.last)
    if done.last["outcome"] == "stopped":
        assert table.migrate("resume", "--yes", "--json").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process is a POSIX notion")
def test_a_demo_that_was_stopped_says_so_once_and_names_no_way_on(set_table: SetTable) -> None:
    table = set_table()
    process = table.start("demo", "--json")
    wait_for(process, moving("back-up-old-phone", 0))
    done = end(process, signal.SIGINT)
    assert (done.code, done.last["exit_code"], done.last["error"]["code"]) == (130, 130, "demo-stopped"), str(done)
    assert [event["event"] for event in done.events].count("run_finished") == 1 and done.last["run"] is None
