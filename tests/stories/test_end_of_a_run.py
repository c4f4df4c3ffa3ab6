"""The end of a run: it always leaves a receipt, and its last message is accurate."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from tests.stories.lab import EVERYTHING, NEW, OLD, MakeLab, new_phone
from tests.stories.test_interrupted import moved_more_than, signal_and_wait, wait_for


def test_a_failed_proof_writes_and_shows_its_receipt(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: only a proven run wrote its receipt page."""
    new = new_phone()
    restart = new.reboot

    def restart_and_lose_messages() -> None:
        restart()
        new.files.remove("HomeDomain", "Library/SMS/sms.db")

    monkeypatch.setattr(new, "reboot", restart_and_lose_messages)
    lab = make_lab(new=new)
    done = lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes")
    assert done.code == 60, str(done)
    page = lab.only_run / "receipt.html"
    assert "not proven" in page.read_text() and "60 of 60 messages are not on the new iPhone" in page.read_text()
    assert "not proven" in done.out and str(page) in done.out and str(page) in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT to a single process")
@pytest.mark.parametrize(
    ("step", "times"),
    [pytest.param("back-up-old-phone", 3, marks=pytest.mark.soak), pytest.param("receipt", 1, marks=pytest.mark.soak)],
)
def test_a_late_or_repeated_ctrl_c_never_reports_that_nothing_began(make_lab: MakeLab, step: str, times: int) -> None:
    """Regression: after a proven run it reported that no phone was changed, and exited with 130."""
    lab = make_lab()
    process = lab.start("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    wait_for(process, lambda event: event["event"] == "step_started" and event["step"] == step)
    for _ in range(times - 1):
        process.send_signal(signal.SIGINT)
    done = signal_and_wait(process, signal.SIGINT)
    assert done.last["event"] == "run_finished" and done.code == done.last["exit_code"], str(done)
    assert [event["event"] for event in done.events].count("run_finished") == 1
    assert done.last["outcome"] in ("proven", "stopped") and "before anything" not in json.dumps(done.last)
    if done.last["outcome"] == "stopped":
        assert lab.migrate("resume", "--yes", "--json").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT to a single process")
@pytest.mark.soak
def test_a_stopped_demo_is_reported_once_and_offers_no_resume(make_lab: MakeLab) -> None:
    lab = make_lab()
    process = lab.start("demo", "--json")
    wait_for(process, moved_more_than("back-up-old-phone", 0))
    done = signal_and_wait(process, signal.SIGINT)
    assert (done.code, done.last["exit_code"], done.last["error"]["code"]) == (130, 130, "demo-stopped"), str(done)
    assert [event["event"] for event in done.events].count("run_finished") == 1 and done.last["run"] is None
