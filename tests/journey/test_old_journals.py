"""Runs started before journal format 3: they can be read, proven and undone, and `resume` refuses them by name.

`old_journals/` was recorded with the last version that wrote formats 1 (a move) and 2 (its undo).
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.journey.journal import FORMAT, Journal
from migrate.journey.run import prove_again, resume
from migrate.journey.runs import RunFolder, only_unfinished
from migrate.journey.steps.back_up import NewPhoneBackedUp, OldPhoneBackedUp
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.prove import Proved
from migrate.journey.steps.restore import Restored
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, SafetyBackupVerified
from migrate.journey.undo import SetToPutBack, undo
from migrate.problems import JournalTooOld, RunIsOver
from tests.journey.moves import UNTOUCHED, Lab, new_phone

RECORDED = Path(__file__).parent / "old_journals"
CONTACTS = {
    "new_phone": {"is": "in-use", "experimental": ["overlay"]},
    "move": {"categories": ["contacts"], "may_replace": ["contacts"]},
    "safety": {"prove": False},
}


def test_a_recorded_move_is_read_by_type() -> None:
    journal = Journal.read(RECORDED / "format-1.ndjson")
    assert journal.is_of_an_older_format and journal.outcome == "proven" and journal.is_over
    assert journal.result(OldPhoneBackedUp).files == 164 and journal.result(NewPhoneBackedUp).files == 164
    assert journal.result(OldPhoneVerified).records == 438
    assert journal.result(NewPhoneVerified).backup.parts[-2] == "safety"
    composed = journal.result(ComposedSet)
    assert composed.chosen["contacts"]["records"] == 11 and composed.replaces[0].owner == "contacts"
    assert journal.result(Restored).confirmed and journal.result(Proved).verdict == "proven"


def test_a_recorded_undo_is_read_by_type() -> None:
    journal = Journal.read(RECORDED / "format-2.ndjson")
    assert journal.undoes and journal.outcome == "undone"
    assert journal.result(ComposedSet) == journal.result(SetToPutBack)
    assert journal.result(ComposedSet).set == journal.result(SafetyBackupVerified).backup


def test_fields_missing_from_an_old_result_are_filled_in(tmp_path: Path) -> None:
    lines = (RECORDED / "format-1.ndjson").read_text().splitlines()
    found_done = {"at": "x", "finished": "save-old-phone", "result": {"found_done": True, "backup": "/backups/A"}}
    path = tmp_path / "journal.ndjson"
    path.write_text("\n".join([lines[0], json.dumps(found_done)]) + "\n")
    assert Journal.read(path).result(OldPhoneBackedUp) == OldPhoneBackedUp(Path("/backups/A"), 0, 0, found_done=True)


def as_if_old(run: RunFolder, *, lines: int | None = None) -> None:
    """Rewrite the journal of a run in format 1, with only its first `lines` lines."""
    path = run.path / "journal.ndjson"
    text = path.read_text().replace("back-up-", "save-").replace(f'"journal": {FORMAT}', '"journal": 1')
    path.write_text("".join(text.splitlines(keepends=True)[:lines]))


def recorded_run(home: Home, *, lines: int | None = None) -> RunFolder:
    folder = home.runs / "20261130-054755-9c61"
    folder.mkdir()
    shutil.copy(RECORDED / "format-1.ndjson", folder / "journal.ndjson")
    shutil.copy(RECORDED / "format-1.plan.toml", folder / "plan.toml")
    run = RunFolder(folder)
    as_if_old(run, lines=lines)
    return run


def test_resume_refuses_an_unfinished_old_run_by_name(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    run = recorded_run(lab.home, lines=10)
    assert not run.unfinished and run.state() == "unfinished"
    for refused in (lambda: asyncio.run(resume(run, lab.context())), lambda: only_unfinished(lab.home)):
        with pytest.raises(JournalTooOld) as caught:
            refused()
        assert caught.value.exit_code == 2 and run.path.name in caught.value.what
        assert "migrate run" in caught.value.next and "undo" in caught.value.next
    assert set(run.steps()) == {"meet", "preflight", "back-up-old-phone"}


def test_resume_of_a_finished_old_run_reports_that_it_has_finished(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    with pytest.raises(RunIsOver):
        asyncio.run(resume(recorded_run(lab.home), lab.context()))


@pytest.mark.soak
def test_an_old_run_can_be_proven_and_undone(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(new=new_phone("18.5", empty=False, aftermath=UNTOUCHED))
    lab.person.passwords["new"] = lab.person.passwords["old"]
    lab.move(lab.plan(**CONTACTS))
    run = lab.last_run
    as_if_old(run)
    assert "save-old-phone" in (run.path / "journal.ndjson").read_text()
    assert asyncio.run(prove_again(run, lab.context())).outcome == "proven"
    receipt = run.receipt()
    assert receipt is not None and receipt["proof"]["verdict"] == "proven" and receipt["saved"]["verdict"] == "whole"
    assert run.journal().is_of_an_older_format and run.journal().is_over
    assert asyncio.run(undo(run, lab.context())).outcome == "undone"
