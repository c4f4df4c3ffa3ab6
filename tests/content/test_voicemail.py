"""Voicemails in the schemas of iOS 9 to 15 and a guessed later one, and their recordings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.record import Kind
from migrate.content.item import State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers import voicemail
from migrate.content.source import Source
from tests.content.reading import Reading, Rows, assert_same, database_of, later_schema, read_made
from tests.made_backups import MakeBackup

STORE = ("HomeDomain", "Library/Voicemail/voicemail.db")
SCHEMA = """
CREATE TABLE voicemail (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, remote_uid INTEGER, date INTEGER, token TEXT,
 sender TEXT, callback_num TEXT, duration INTEGER, expiration INTEGER, trashed_date INTEGER, flags INTEGER);
"""


def mailbox(shift: int = 0) -> Rows:
    rows: list[tuple[str, dict[str, Any]]] = [
        ("voicemail", row(shift + 1, "+49 170 1234567", 1_678_307_200)),
        ("voicemail", row(shift + 2, "0221 555", 1_678_307_300, trashed_date=700_000_000)),
        ("voicemail", row(shift + 3, None, 1_678_307_400, flags=75)),
        ("voicemail", row(shift + 4, "0221 555", 0)),
    ]
    return list(reversed(rows)) if shift else rows


def row(number: int, sender: str | None, date: int, **changes: Any) -> dict[str, Any]:
    common = {"duration": 12, "trashed_date": 0, "flags": 1, "remote_uid": number, "receiver": "x", "label": "y"}
    return {"ROWID": number, "sender": sender, "date": date, **common, **changes}


def recordings(shift: int = 0) -> dict[tuple[str, str], bytes]:
    """The last voicemail has no recording."""
    return {("HomeDomain", f"Library/Voicemail/{shift + n}.amr"): b"#!AMR\n" + bytes([n]) * 99 for n in (1, 2, 3)}


def read(make_backup: MakeBackup, tmp_path: Path, files: dict[Any, Any]) -> Reading:
    return read_made(make_backup, tmp_path, "voicemail", files)


def test_voicemails_keep_ids_and_fingerprints_when_rows_are_numbered_anew(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "databases" / "schemas" / "voicemails"
    schemas = [(folder / f"voicemails_{name}.sql").read_text() for name in ("9.3.5", "10.3.3", "11.2")]
    schemas += [SCHEMA, SCHEMA.replace("flags INTEGER", "flags INTEGER, receiver TEXT, label TEXT")]
    schemas += [later_schema(schema) for schema in schemas]
    readings = []
    for number, schema in enumerate(schemas):
        shift = number * 100
        reading = read(make_backup, tmp_path, {STORE: database_of(schema, mailbox(shift)), **recordings(shift)})
        assert reading.findings == []
        assert len(reading.items) == 4
        readings.append(reading.items)
    for items in readings:
        assert_same(readings[0], items)


def test_a_voicemail_is_read_with_its_recording(make_backup: MakeBackup, tmp_path: Path) -> None:
    reading = read(make_backup, tmp_path, {STORE: database_of(SCHEMA, mailbox()), **recordings()})
    items = {item.id: item for item in reading.items}

    first = items["+491701234567 1678307200"]
    assert (first.state, first.absent, first.files) == (State.LIVE, 0, ())
    assert (first.when, first.fingerprint()["duration"]) == (1_678_307_200, 12)
    assert items["0221555 1678307300"].state is State.DELETED
    assert items[" 1678307400"].state is State.DELETED
    undated = next(item for item in reading.items if item.id.startswith("~"))
    assert (undated.when, undated.absent, undated.recording) == (None, 1, None)
    assert len({item.recording for item in reading.items}) == 4
    assert first.describe().startswith("a voicemail from +49 170 1234567, ")


def test_another_or_a_missing_recording_is_seen(make_backup: MakeBackup, tmp_path: Path) -> None:
    made, name = database_of(SCHEMA, mailbox()), ("HomeDomain", "Library/Voicemail/1.amr")
    whole = read(make_backup, tmp_path, {STORE: made, **recordings()}).items
    other = read(make_backup, tmp_path, {STORE: made, **recordings(), name: b"silence"}).items
    gone = read(make_backup, tmp_path, {STORE: made}).items

    (first,) = (number for number, item in enumerate(whole) if item.id.startswith("+49"))
    assert compare(whole[first], other[first]).differing == ("recording",)
    assert compare(whole[first], gone[first]).differing == ("recording",)
    assert gone[first].absent == 1


def test_a_recording_that_cannot_be_read_is_unknown(
    make_backup: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {STORE: database_of(SCHEMA, mailbox()), **recordings()}
    whole = read(make_backup, tmp_path, files).items
    monkeypatch.setattr(voicemail, "LONGEST_RECORDING", 50)
    reading = read(make_backup, tmp_path, files)

    assert len(reading.failed) == 3
    assert [item.id for item in reading.items] == [item.id for item in whole]
    (first,) = (number for number, item in enumerate(whole) if item.id.startswith("+49"))
    assert compare(whole[first], reading.items[first]).undecided == ("recording",)


def test_a_folder_in_the_place_of_a_recording_is_no_recording(make_backup: MakeBackup, tmp_path: Path) -> None:
    name = ("HomeDomain", "Library/Voicemail/1.amr")
    reading = read(make_backup, tmp_path, {STORE: database_of(SCHEMA, mailbox()), name: Kind.DIRECTORY})
    assert [item.absent for item in reading.items] == [1, 1, 1, 1]


def test_a_mailbox_without_its_table_is_unknown(make_backup: MakeBackup, tmp_path: Path) -> None:
    reading = read(make_backup, tmp_path, {STORE: database_of("CREATE TABLE other (x)", ())})
    assert reading.items == []
    assert reading.failed == {STORE}


def test_hostile_cells_are_read(make_backup: MakeBackup, tmp_path: Path) -> None:
    strange = row(1, "\x1b]0;" + "z" * 500, 1_678_307_200, duration=1e999, trashed_date="never", flags=b"\x00")
    reading = read(make_backup, tmp_path, {STORE: database_of(SCHEMA, [("voicemail", strange)])})
    (item,) = reading.items
    assert reading.findings == []
    assert (item.duration, item.state) == (None, State.LIVE)
    assert item.describe().isprintable()


def test_the_mailbox_of_ios_15_is_empty_as_ileapp_found(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    made = (shared_data / "databases/ios15-real/voicemail/voicemail.db").read_bytes()
    reading = read(make_backup, tmp_path, {STORE: made})
    assert (reading.items, reading.findings) == ([], [])


def test_the_voicemails_of_a_simulated_phone_are_those_it_was_filled_with(
    phones_backup: Callable[..., Any], tmp_path: Path
) -> None:
    backup, _ = phones_backup("18.5", voicemails=6)
    findings: list[Any] = []
    items: list[Any] = list(kind("voicemail").items(Source(backup, tmp_path, source_places(), findings.append)))
    record = backup.record(*STORE)
    assert record is not None
    path = tmp_path / "witness.db"
    path.write_bytes(b"".join(backup.chunks(record)))
    with closing(sqlite3.connect(path)) as witness:
        rows = witness.execute("SELECT date, sender, duration FROM voicemail").fetchall()

    assert findings == []
    assert len(items) == 6
    assert sorted((int(item.when), item.sender, int(item.duration)) for item in items) == sorted(rows)
    assert all(item.recording is not None and item.absent == 0 for item in items)
