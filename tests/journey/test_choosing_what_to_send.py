"""What is composed, and what is refused or named before anything is sent."""

from __future__ import annotations

import asyncio
import plistlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.backup.manifest.db_manifest import DbManifest
from migrate.backup.manifest.manifest import OnBad, Row
from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.backup.restore_set.builder import Dropped
from migrate.backup.restore_set.compose import RestoreSet, SetRequest
from migrate.categories.choose import Choice
from migrate.journey.home import Home
from migrate.journey.run_state import Run
from migrate.journey.steps import compose as composing
from migrate.journey.steps.compose import Replacement, build_set_request, compose_set, refuse_unapproved_replacement
from migrate.journey.steps.restore import RESTORE_OPTIONS
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified
from migrate.journey.unreadable_files import LostFile
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import BadRecord, ChosenFilesUnreadable, HalfGroup, NothingChosen, WouldReplace
from tests.journey.moves import NEW, OLD, run_without_phones, see_every_row
from tests.journey.proof.made import PHOTO, SMS, Files, backup_of, database

ATTACHMENT = ("MediaDomain", "Library/SMS/Attachments/0a/10/G/IMG_0001.JPG")
MEMO = ("MediaDomain", "Media/Recordings/soup.m4a")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = run_without_phones(Home(tmp_path / "home").open())
    run.set_strategy(Strategy.REPLACE)
    return run


def plan(**sections: Any) -> Plan:
    raw: dict[str, Any] = {"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["messages"]}}
    return Plan.model_validate({**raw, **sections})


def old_phone_verified(folder: Path, files: Files) -> OldPhoneVerified:
    folder.parent.mkdir(parents=True, exist_ok=True)
    backup_of(folder, files).__exit__(None, None, None)
    return OldPhoneVerified(folder, "whole", 1, 1, 1, "18.5", False, {})


# -- what may be replaced --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "approved", "refused"),
    [
        (0, [], False),
        (3, [], True),
        (None, [], True),  # nobody knows what is there
        (None, ["photos"], False),
        (3, ["photos"], False),
    ],
)
def test_only_what_is_empty_or_approved_is_replaced(there: int | None, approved: list[str], refused: bool) -> None:
    move = {"categories": ["photos"], "may_replace": approved}
    rows = [Replacement("photos", "Photos and videos", 12, there)]
    if not refused:
        refuse_unapproved_replacement(plan(move=move), rows)
        return
    with pytest.raises(WouldReplace):
        refuse_unapproved_replacement(plan(move=move), rows)


def test_only_a_phone_that_becomes_like_the_old_one_has_the_rest_erased() -> None:
    assert RESTORE_OPTIONS[Strategy.REPLACE].remove_items_not_restored
    assert not RESTORE_OPTIONS[Strategy.OVERLAY].remove_items_not_restored
    assert not RESTORE_OPTIONS[Strategy.GRAFT].remove_items_not_restored


# -- what is composed ------------------------------------------------------------------------------------------------


def composed_without(monkeypatch: pytest.MonkeyPatch, *dropped: Dropped) -> None:
    def compose(request: SetRequest, progress: Any) -> RestoreSet:
        see_every_row(request)
        return RestoreSet(path=Path("set"), records=1, files=1, bytes=1, dropped=dropped)

    monkeypatch.setattr(composing, "compose", compose)


def test_messages_are_not_sent_without_a_group_of_their_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = database(tmp_path, "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT);")
    verified = old_phone_verified(tmp_path / "old" / OLD, {SMS: messages, ATTACHMENT: b"\xff\xd8"})
    composed_without(monkeypatch)
    assert asyncio.run(compose_set(run, plan(), verified, None)).left_out == ()
    lost = Dropped(*ATTACHMENT, file_id(*ATTACHMENT), "it has no key")
    composed_without(monkeypatch, lost)
    with pytest.raises(HalfGroup):
        asyncio.run(compose_set(run, plan(), verified, None))


def test_a_choice_of_which_nothing_is_there_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed_without(monkeypatch)
    verified = old_phone_verified(tmp_path / "old" / OLD, {PHOTO: b"\xff\xd8"})
    with pytest.raises(NothingChosen):
        asyncio.run(compose_set(run, plan(), verified, None))


def test_a_graft_leaves_the_old_counterparts_out_and_holds_the_rest_to_its_seal(run: Run, tmp_path: Path) -> None:
    verified = old_phone_verified(tmp_path / "old" / OLD, {MEMO: b"soup"})
    kept = run.folder / "safety" / NEW
    there = old_phone_verified(kept, {MEMO: b"its own", PHOTO: b"\xff\xd8"})
    kept.with_name(f"{NEW}.json").write_text("{}")
    run.set_strategy(Strategy.OVERLAY)  # a graft's safety backup is encrypted; these need no password
    safety = NewPhoneVerified(kept, "whole", 1, 1, 1, "27.0", False, {})
    assert there.backup == safety.backup
    chosen: Any = SimpleNamespace(owners=frozenset({"voice-memos"}), apps=frozenset())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(composing, "open_with_claims", opened_without_seal)
        request = asyncio.run(build_set_request(run, Strategy.GRAFT, chosen, verified, safety))
    assert request.replaced == {file_id(*MEMO)}
    assert (request.base, request.base_seals) == (kept, kept.parent)


async def opened_without_seal(run: Run, folder: Path, role: str) -> Any:
    from migrate.backup.reader import Backup
    from migrate.categories.claims import Claims
    from migrate.journey.opened_backup import OpenedBackup

    backup = Backup.open(folder)
    return OpenedBackup(backup, Claims.of(backup), None)


# -- what could not be read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_there", [True, False])
def test_a_resume_asks_the_phone_once_more_for_an_unreadable_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """A restart of the phone may have helped. Where there is only a backup, nothing would."""
    monkeypatch.setattr(composing, "lost_files", lambda *_: [LostFile("ab" * 20, *PHOTO)])
    monkeypatch.setattr(composing, "find_existing_backup", lambda *_: None if is_there else Path("backup"))
    opened: Any = SimpleNamespace(seal=None, claims=SimpleNamespace(owners=lambda *_: frozenset({"photos"})))
    choice = Choice(file_ids=frozenset(), owners=frozenset({"photos"}))
    with pytest.raises(ChosenFilesUnreadable):
        composing.refuse_unreadable(run, plan(), opened, choice)
    assert run.journal.was_reopened("back-up-old-phone") is is_there
    accepting = replace(run, findings=[])
    composing.refuse_unreadable(accepting, plan(safety={"accept_unreadable": True}), opened, choice)
    assert [finding.relative_path for finding in accepting.findings] == [PHOTO[1]]


# -- one pass ----------------------------------------------------------------------------------------------------------


def finished(folder: Path, files: Files) -> OldPhoneVerified:
    """A backup that the real composer accepts."""
    verified = old_phone_verified(folder, files)
    for name, content in {
        "Status.plist": {"SnapshotState": "finished", "UUID": "A-1"},
        "Info.plist": {"Unique Identifier": OLD, "Product Version": "18.5"},
        "Manifest.plist": {"IsEncrypted": False, "Lockdown": {"UniqueDeviceID": OLD, "ProductVersion": "18.5"}},
    }.items():
        (folder / name).write_bytes(plistlib.dumps(content))
    return verified


def test_the_manifest_is_read_once_and_what_is_counted_is_what_is_sent(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = database(tmp_path, "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT);")
    verified = finished(tmp_path / "old" / OLD, {SMS: messages, ATTACHMENT: b"\xff\xd8", MEMO: b"soup"})
    passes: list[DbManifest] = []
    rows = DbManifest.rows

    def counted(manifest: DbManifest, on_bad: OnBad | None = None) -> Iterator[Row]:
        passes.append(manifest)
        return rows(manifest, on_bad)

    monkeypatch.setattr(DbManifest, "rows", counted)
    monkeypatch.setattr(DbManifest, "rows_of", lambda *_: pytest.fail("it was read again for the inventory"))
    composed = asyncio.run(compose_set(run, plan(), verified, None))
    assert len(passes) == 1
    assert composed.chosen["messages"] == {"records": 2, "files": 2, "bytes": len(messages) + 2}
    with Backup.open(composed.set) as sent:
        there = {(record.domain, record.relative_path) for record in sent.records() if record.size}
    assert there == {SMS, ATTACHMENT}


def test_a_choice_that_is_refused_leaves_no_set(run: Run, tmp_path: Path) -> None:
    verified = finished(tmp_path / "old" / OLD, {PHOTO: b"\xff\xd8"})
    with pytest.raises(NothingChosen):
        asyncio.run(compose_set(run, plan(), verified, None))
    assert list((run.folder / "set").iterdir()) == []


def test_a_damaged_row_ends_the_composition_instead_of_being_left_out(run: Run, tmp_path: Path) -> None:
    """Verify names it and stops the move; a row that is damaged only now must not be lost without a word."""
    verified = finished(tmp_path / "old" / OLD, {MEMO: b"soup", ATTACHMENT: b"\xff\xd8"})
    with closing(sqlite3.connect(verified.backup / "Manifest.db")) as manifest, manifest:
        manifest.execute("UPDATE Files SET file = x'00' WHERE fileID = ?", (file_id(*ATTACHMENT),))
    with pytest.raises(BadRecord):
        asyncio.run(compose_set(run, plan(), verified, None))
    assert list((run.folder / "set").iterdir()) == []
