"""`--id NAME` starts or resumes a run, and `last` is the run started last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.context import RunResult
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.run import run
from migrate.journey.run_plan import check_run_id
from migrate.journey.runs import all_runs, find_run
from migrate.journey.steps.rehearse import REHEARSE
from migrate.problems import NotAgreed, RunHasOtherPlan, RunNotFound, UsageWrong
from tests.journey.moves import Lab

NAME = "ada.to-erin_1"


def run_named(lab: Lab, backup: Path, *, stop_after: str | None = None, **sections: Any) -> RunResult:
    lab.received_events.clear()
    plan = lab.plan(old_phone={"backup": str(backup)}, **{"safety": {"prove": False}, **sections})
    return asyncio.run(run(plan, lab.context(), run_id=NAME, stop_after=stop_after))


def test_a_named_run_is_started_then_resumed_then_reported_again(
    make_lab: Callable[..., Lab], old_phone_backup: Path
) -> None:
    lab = make_lab()
    lab.person.agrees = False
    with pytest.raises(NotAgreed):
        run_named(lab, old_phone_backup)
    assert [folder.path.name for folder in all_runs(lab.home)] == [NAME]
    lab.person.agrees = True
    ended = run_named(lab, old_phone_backup)
    assert (ended.run_id, ended.outcome, lab.steps[0]) == (NAME, "done", "agree")

    lines = (lab.home.runs / NAME / "journal.ndjson").read_bytes()
    again = run_named(lab, old_phone_backup)
    assert again == ended and lab.steps == []
    assert [type(event) for event in lab.received_events] == [events.RunStarted, events.RunFinished]
    assert (lab.home.runs / NAME / "journal.ndjson").read_bytes() == lines
    with pytest.raises(RunHasOtherPlan) as refused:
        run_named(lab, old_phone_backup, move={"categories": ["photos"]}, new_phone={"is": "erased"})
    assert refused.value.exit_code == 11 and NAME in refused.value.what


def test_a_rehearsal_with_a_name_is_idempotent_and_its_run_can_continue(
    make_lab: Callable[..., Lab], old_phone_backup: Path
) -> None:
    lab = make_lab()
    for steps in (["rehearse"], []):
        assert run_named(lab, old_phone_backup, stop_after=REHEARSE).outcome == "rehearsed"
        assert lab.steps[-1:] == steps
    assert run_named(lab, old_phone_backup).outcome == "done"
    sent = len(lab.received_events)
    assert sent and run_named(lab, old_phone_backup, stop_after=REHEARSE).outcome == "done", "its end is reported again"
    assert lab.steps == []


def test_run_started_is_the_first_event_of_a_run_and_of_its_resume(
    make_lab: Callable[..., Lab], old_phone_backup: Path
) -> None:
    lab = make_lab()
    lab.person.agrees = False
    with pytest.raises(NotAgreed):
        run_named(lab, old_phone_backup)
    assert lab.received_events[0] == events.RunStarted(NAME)
    assert events.as_json(lab.received_events[0]) == {"event": "run_started", "run": NAME}
    lab.received_events.clear()
    with pytest.raises(NotAgreed):
        lab.resume()
    assert lab.received_events[0] == events.RunStarted(NAME)
    assert sum(isinstance(event, events.RunStarted) for event in lab.received_events) == 1


def test_a_run_killed_before_its_first_journal_line_starts_over(
    make_lab: Callable[..., Lab], old_phone_backup: Path
) -> None:
    lab = make_lab()
    folder = lab.home.runs / NAME
    folder.mkdir()
    (folder / "journal.ndjson").write_text('{"journal": 3, "ru')
    assert run_named(lab, old_phone_backup).outcome == "done"


@pytest.mark.parametrize("name", ["a", "Ada-2", "a.b", "20260101-120000-ab12", "x" * 64])
def test_a_name_valid_as_a_folder_on_every_system_is_accepted(name: str) -> None:
    assert check_run_id(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "a\\b", "/etc", "a b", "a.", "x" * 65, "last", "Last", "NUL", "con.txt", "é"],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UsageWrong) as refused:
        check_run_id(name)
    assert refused.value.exit_code == 2


def start_run(home: Home, name: str, at: str) -> None:
    folder = home.runs / name
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", name, "a digest")
    path = journal.path
    path.write_text(path.read_text().replace(journal.begun_at, at))


def test_last_is_the_run_started_last_regardless_of_its_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").open()
    with pytest.raises(RunNotFound):
        find_run(home, "last")
    start_run(home, "20260102-120000-ab12", "2026-01-02T12:00:00.500+00:00")
    start_run(home, "a-name", "2026-01-03T12:00:00.000+00:00")
    start_run(home, "z-name", "2026-01-01T12:00:00.000+00:00")
    assert [folder.path.name for folder in all_runs(home)] == ["z-name", "20260102-120000-ab12", "a-name"]
    assert find_run(home, "last").path.name == "a-name" and find_run(home, "z-name").path.name == "z-name"
    start_run(home, "20260104-120000-ab12", "2026-01-04T12:00:00.000+00:00")
    assert find_run(home, "last").path.name == "20260104-120000-ab12"
