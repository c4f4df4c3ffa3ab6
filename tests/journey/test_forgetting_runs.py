"""`runs rm` deletes nothing that an undo still needs, unless told to after it has named the loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.backup.snapshots.place import Place
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.lock import locked
from migrate.journey.runs import RunFolder, all_runs, remove
from migrate.journey.steps.verify import NewPhoneVerified
from migrate.problems import RunBusy, UndoNeedsRun


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def run_with_safety_backup(home: Home, name: str, *, was_sent: bool = True, undoes: str | None = None) -> RunFolder:
    """A run, with a safety backup, as this version leaves it."""
    folder = home.runs / name
    safety = folder / ("now" if undoes else "safety") / "00008140-0002BBBB00000002"
    safety.mkdir(parents=True)
    journal = Journal.create(folder / "journal.ndjson", name, "a digest", undoes=undoes)
    journal.append({"met": "new", "udid": safety.name, "name": "Ada's iPhone"})
    journal.append({"started": "verify-new-phone"})
    verified = NewPhoneVerified(safety, "whole", 1, 1, 1, "26.1", True, {})
    journal.append_result("verify-new-phone", verified)
    if was_sent:
        Place(safety.parent).protect(name, "undo")
        journal.append({"restore_begins": {}})
    return RunFolder(folder)


def test_the_only_backup_from_before_a_move_is_kept_until_the_person_lets_it_go(home: Home) -> None:
    run = run_with_safety_backup(home, "move")
    with pytest.raises(UndoNeedsRun) as refused:
        remove(home, run)
    assert "Ada's iPhone as it was before move" in refused.value.why
    assert "migrate runs rm move --lose-undo" in refused.value.next and refused.value.exit_code == 2
    assert run.path.exists()
    remove(home, run, lose_undo=True)
    assert not run.path.exists() and not any(home.runs.iterdir())


def test_a_run_that_sent_nothing_or_was_undone_is_deleted(home: Home) -> None:
    remove(home, run_with_safety_backup(home, "rehearsed", was_sent=False))
    undone = run_with_safety_backup(home, "undone")
    Place(undone.path / "safety").release("undone")
    remove(home, undone)
    assert all_runs(home) == []


def test_a_run_of_an_older_version_is_kept_if_it_sent_anything(home: Home) -> None:
    run = run_with_safety_backup(home, "older")
    (run.path / "safety" / "protected.json").unlink()
    with pytest.raises(UndoNeedsRun):
        remove(home, run)


def test_a_run_is_kept_for_its_unfinished_undo(home: Home) -> None:
    undone = run_with_safety_backup(home, "move")
    Place(undone.path / "safety").release("move")
    run_with_safety_backup(home, "its-undo", was_sent=False, undoes="move")
    with pytest.raises(UndoNeedsRun) as refused:
        remove(home, undone)
    assert "its-undo" in refused.value.why


def test_a_run_at_work_is_not_deleted_under_it(home: Home) -> None:
    run = run_with_safety_backup(home, "move", was_sent=False)
    with locked(run.path / "lock"), pytest.raises(RunBusy):
        remove(home, run)
    assert run.path.exists()


def test_what_an_undo_deleted_from_the_phone_is_kept_too(home: Home) -> None:
    undo = run_with_safety_backup(home, "an-undo", undoes="long-gone")
    with pytest.raises(UndoNeedsRun):
        remove(home, undo)


def test_a_run_that_was_being_deleted_when_the_process_was_killed_is_no_run(home: Home) -> None:
    run = run_with_safety_backup(home, "move", was_sent=False)
    run.path.rename(home.runs / ".move.removed-ab12")
    assert all_runs(home) == []
    remove(home, run_with_safety_backup(home, "move", was_sent=False))
    assert all_runs(home) == []
