"""`--id NAME` begins a run or resumes it, and `last` is the run begun last."""

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
from tests.journey.moves import Bench

NAME = "ada.to-erin_1"


def named(table: Bench, saved: Path, *, stop_after: str | None = None, **sections: Any) -> RunResult:
    table.heard.clear()
    plan = table.plan(old_phone={"backup": str(saved)}, **{"safety": {"prove": False}, **sections})
    return asyncio.run(run(plan, table.context(), run_id=NAME, stop_after=stop_after))


def test_a_named_run_is_begun_then_resumed_then_reported_again(
    bench: Callable[..., Bench], saved_old_phone: Path
) -> None:
    table = bench()
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        named(table, saved_old_phone)
    assert [folder.path.name for folder in all_runs(table.home)] == [NAME]
    table.person.agrees = True
    ended = named(table, saved_old_phone)
    assert (ended.run_id, ended.outcome, table.steps[0]) == (NAME, "done", "agree")

    lines = (table.home.runs / NAME / "journal.ndjson").read_bytes()
    again = named(table, saved_old_phone)
    assert again == ended and table.steps == []
    assert [type(event) for event in table.heard] == [events.RunStarted, events.RunFinished]
    assert (table.home.runs / NAME / "journal.ndjson").read_bytes() == lines
    with pytest.raises(RunHasOtherPlan) as refused:
        named(table, saved_old_phone, move={"categories": ["photos"]}, new_phone={"is": "erased"})
    assert refused.value.exit_code == 11 and NAME in refused.value.what


def test_a_rehearsal_with_a_name_is_idempotent_and_its_run_can_be_made(
    bench: Callable[..., Bench], saved_old_phone: Path
) -> None:
    table = bench()
    for steps in (["rehearse"], []):
        assert named(table, saved_old_phone, stop_after=REHEARSE).outcome == "rehearsed"
        assert table.steps[-1:] == steps
    assert named(table, saved_old_phone).outcome == "done"
    sent = len(table.heard)
    assert sent and named(table, saved_old_phone, stop_after=REHEARSE).outcome == "done", "its end is reported again"
    assert table.steps == []


def test_run_started_is_the_first_event_of_a_run_and_of_its_resume(
    bench: Callable[..., Bench], saved_old_phone: Path
) -> None:
    table = bench()
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        named(table, saved_old_phone)
    assert table.heard[0] == events.RunStarted(NAME)
    assert events.as_json(table.heard[0]) == {"event": "run_started", "run": NAME}
    table.heard.clear()
    with pytest.raises(NotAgreed):
        table.resume()
    assert table.heard[0] == events.RunStarted(NAME)
    assert sum(isinstance(event, events.RunStarted) for event in table.heard) == 1


def test_a_run_killed_before_its_journal_has_a_line_is_begun_anew(
    bench: Callable[..., Bench], saved_old_phone: Path
) -> None:
    table = bench()
    folder = table.home.runs / NAME
    folder.mkdir()
    (folder / "journal.ndjson").write_text('{"journal": 3, "ru')
    assert named(table, saved_old_phone).outcome == "done"


@pytest.mark.parametrize("name", ["a", "Ada-2", "a.b", "20260101-120000-ab12", "x" * 64])
def test_a_name_that_every_system_takes_for_a_folder_is_accepted(name: str) -> None:
    assert check_run_id(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "a\\b", "/etc", "a b", "a.", "x" * 65, "last", "Last", "NUL", "con.txt", "é"],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UsageWrong) as refused:
        check_run_id(name)
    assert refused.value.exit_code == 2


def begun(home: Home, name: str, at: str) -> None:
    folder = home.runs / name
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", name, "a digest")
    path = journal.path
    path.write_text(path.read_text().replace(journal.begun_at, at))


def test_last_is_the_run_begun_last_whatever_it_is_called(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").open()
    with pytest.raises(RunNotFound):
        find_run(home, "last")
    begun(home, "20260102-120000-ab12", "2026-01-02T12:00:00.500+00:00")
    begun(home, "a-name", "2026-01-03T12:00:00.000+00:00")
    begun(home, "z-name", "2026-01-01T12:00:00.000+00:00")
    assert [folder.path.name for folder in all_runs(home)] == ["z-name", "20260102-120000-ab12", "a-name"]
    assert find_run(home, "last").path.name == "a-name" and find_run(home, "z-name").path.name == "z-name"
    begun(home, "20260104-120000-ab12", "2026-01-04T12:00:00.000+00:00")
    assert find_run(home, "last").path.name == "20260104-120000-ab12"
