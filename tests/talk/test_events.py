"""The stream of events that scripts read: its last line is always `run_finished`, whatever happened."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.journey import events
from migrate.talk.progress import JsonListener, LineListener

if TYPE_CHECKING:
    from conftest import Migrate

PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def last(out: str) -> dict[str, Any]:
    *_, line = out.splitlines()
    event: dict[str, Any] = json.loads(line)
    assert set(event) == {"event", "at", "run", "outcome", "exit_code", "receipt", "error"}
    return event


@pytest.mark.parametrize(
    ("raised", "code", "name", "outcome"),
    [
        (RuntimeError("unforeseen"), 1, "bug", "failed"),
        (OSError(28, "No space left on device", "/somewhere"), 33, "disk-full-here", "failed"),
        (KeyboardInterrupt(), 130, "stopped-before-beginning", "stopped"),
    ],
    ids=["a bug of ours", "a full disk", "Ctrl-C"],
)
def test_an_unexpected_error_is_the_last_event_too(
    migrate: Migrate,
    plan: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    code: int,
    name: str,
    outcome: str,
) -> None:
    def read(path: Path) -> None:
        raise raised

    monkeypatch.setattr("migrate.plan.read.read_plan", read)
    answer = migrate("run", plan, "--json")
    event = last(answer.out)
    assert (answer.code, event["exit_code"], event["outcome"]) == (code, code, outcome)
    assert event["error"]["code"] == name


def test_control_characters_are_escaped_in_events(capsys: pytest.CaptureFixture[str]) -> None:
    lines = JsonListener(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    lines(events.PersonNeeded("Ada\x9b31m\u202e", "unlock"))
    out = capsys.readouterr().out
    assert out.isascii() and json.loads(out)["phone"] == "Ada\x9b31m\u202e"


class Gone(io.StringIO):
    """A pipe that its reader has closed (`| head`)."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_does_not_stop_a_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.talk.progress.discard_stdout", lambda: None)
    for listener in (JsonListener(Gone()), LineListener(Gone())):
        listener(events.StepStarted("restore"))
        listener(events.StepFinished("restore"))
