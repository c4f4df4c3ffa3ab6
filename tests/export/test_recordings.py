"""Voicemail and voice memos as files that every player plays, with names, dates and transcripts."""

from __future__ import annotations

import csv
import io
import plistlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import av
import pytest

from migrate.backup.reader import Backup
from migrate.content.counting import Counting
from migrate.export.media.converter import MediaConverter
from migrate.export.names import sortable_time
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

HOME = "HomeDomain"
MAILBOX = (HOME, "Library/Voicemail/voicemail.db")
CONTACTS = (HOME, "Library/AddressBook/AddressBook.sqlitedb")
WHEN = datetime(2024, 5, 1, 7, 30, 11, tzinfo=UTC).timestamp()
VOICEMAIL_SCHEMA = """
CREATE TABLE voicemail (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, remote_uid INTEGER, date INTEGER, token TEXT,
 sender TEXT, callback_num TEXT, duration INTEGER, expiration INTEGER, trashed_date INTEGER, flags INTEGER);
"""
ADDRESS_BOOK = """
CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY, First TEXT, Last TEXT, Organization TEXT, guid TEXT);
CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, label INTEGER, value TEXT);
CREATE TABLE ABMultiValueLabel (value TEXT);
INSERT INTO ABPerson VALUES (1, 'Mum', NULL, NULL, 'G-1');
INSERT INTO ABMultiValue VALUES (1, 1, 3, NULL, '0170 1234567');
"""
SOUND = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100
"""Two seconds of silence."""


def voicemail(number: int, sender: str | None, after: int = 0, *, trashed: int = 0) -> str:
    cell = "NULL" if sender is None else "'" + sender.replace("'", "''") + "'"
    return f"INSERT INTO voicemail VALUES ({number}, 1, {WHEN + after:.0f}, '', {cell}, NULL, 2, 0, {trashed}, 1);"


def sound(number: int, content: bytes = SOUND) -> dict[tuple[str, str], bytes]:
    return {(HOME, f"Library/Voicemail/{number}.amr"): content}


def transcript(number: int, text: str) -> dict[tuple[str, str], bytes]:
    """As VMVoicemailTranscript encodes itself."""
    root = {
        "confidence": 0.8,
        "confidenceRating": 3,
        "segments": plistlib.UID(3),
        "transcriptionString": plistlib.UID(2),
        "$class": plistlib.UID(4),
    }
    archive = {
        "$version": 100_000,
        "$archiver": "NSKeyedArchiver",
        "$top": {"root": plistlib.UID(1)},
        "$objects": ["$null", root, text, {"NS.objects": [], "$class": plistlib.UID(5)}, {}, {}],
    }
    content = plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)
    return {(HOME, f"Library/Voicemail/{number}.transcript"): content}


@pytest.fixture
def exported(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export, tmp_path: Any
) -> Callable[..., Exported]:
    """`exported(owner, store, sql, files, **choice)`, with the numbers that `show` prints."""

    def run(owner: str, store: tuple[str, str], sql: str, files: Any, **choice: Any) -> Exported:
        backup = make_backup({store: make_database(sql), CONTACTS: make_database(ADDRESS_BOOK), **files})
        done = export(backup, owners={owner}, **choice)
        counting = Counting(backup, tmp_path).count(owner)
        assert (done.category(owner).count("items"), done.category(owner).count("deleted")) == (
            counting.items,
            counting.deleted,
        )
        return done

    return run


def table(exported: Exported, path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(exported.text(path))))[1:]


def seconds_of(content: bytes) -> float:
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.audio and container.duration is not None
        return container.duration / 1e6


AT = sortable_time(WHEN)


def test_a_voicemail_has_a_recording_that_plays_and_what_was_said(exported: Callable[..., Exported]) -> None:
    sql = VOICEMAIL_SCHEMA + voicemail(4, "+49 170 1234567")
    done = exported("voicemail", MAILBOX, sql, {**sound(4), **transcript(4, "Call me back. =1+1")})

    names = [f"Voicemail/{AT} Mum{end}" for end in (".amr", ".m4a", ".txt")]
    assert done.paths() == [*names, "Voicemail/voicemail.csv"]
    amr, m4a, said = (done.root / name for name in names)
    assert amr.read_bytes() == SOUND
    assert abs(seconds_of(m4a.read_bytes()) - 2) < 0.2
    assert said.read_text(encoding="utf-8") == "Call me back. =1+1\n"
    assert {file.stat().st_mtime for file in (amr, m4a, said)} == {WHEN}
    (row,) = table(done, "Voicemail/voicemail.csv")
    assert row[1:] == ["+49 170 1234567", "Mum", "2", "no", f"{AT} Mum.amr", "Call me back. =1+1"]
    assert datetime.fromisoformat(row[0]).timestamp() == WHEN


def test_originals_only_means_no_conversions(exported: Callable[..., Exported]) -> None:
    sql = VOICEMAIL_SCHEMA + voicemail(4, "0221 555")
    done = exported("voicemail", MAILBOX, sql, sound(4), originals=True)

    assert done.paths() == [f"Voicemail/{AT} 0221 555.amr", "Voicemail/voicemail.csv"]


def test_deleted_voicemails_have_a_folder_of_their_own(exported: Callable[..., Exported]) -> None:
    sql = VOICEMAIL_SCHEMA + voicemail(1, None) + voicemail(2, "../x", 5, trashed=700_000_000)
    done = exported("voicemail", MAILBOX, sql, {**sound(1), **sound(2)}, originals=True)

    assert done.paths() == [
        f"Voicemail/{AT} unknown number.amr",
        f"Voicemail/Recently Deleted/{sortable_time(WHEN + 5)} .._x.amr",
        "Voicemail/voicemail.csv",
    ]
    numbers = done.category("voicemail")
    assert [numbers.count(name) for name in ("items", "exported", "deleted", "deleted_exported")] == [1, 1, 1, 1]
    assert [row[4] for row in table(done, "Voicemail/voicemail.csv")] == ["no", "yes"]


def test_a_voicemail_without_its_recording_is_named_and_listed(exported: Callable[..., Exported]) -> None:
    done = exported("voicemail", MAILBOX, VOICEMAIL_SCHEMA + voicemail(1, "0221 555"), transcript(1, "Hello"))

    assert done.category("voicemail").count("unreadable") == 1
    assert done.paths() == [f"Voicemail/{AT} 0221 555.txt", "Voicemail/voicemail.csv"]
    (row,) = table(done, "Voicemail/voicemail.csv")
    assert row[5:] == ["", "Hello"]


def test_sound_and_transcripts_that_are_broken_are_named_and_the_recording_is_exported(
    exported: Callable[..., Exported],
) -> None:
    sql = VOICEMAIL_SCHEMA + voicemail(1, "0221 555") + voicemail(2, "0221 555", 5)
    files = {**sound(1, b"no sound at all"), **sound(2), (HOME, "Library/Voicemail/2.transcript"): b"bplist00 broken"}
    done = exported("voicemail", MAILBOX, sql, files)

    category = done.category("voicemail")
    assert (category.count("exported"), category.count("unreadable")) == (2, 0)
    assert sorted(path.rpartition(".")[2] for path in done.paths()) == ["amr", "amr", "csv", "m4a"]
    assert len(category.reasons) == 2


def test_a_second_run_converts_nothing_again(
    exported: Callable[..., Exported], monkeypatch: pytest.MonkeyPatch, make_backup: MakeBackup, export: Export
) -> None:
    first = exported("voicemail", MAILBOX, VOICEMAIL_SCHEMA + voicemail(4, "0221 555"), sound(4))
    (before,) = ((first.root / path).stat() for path in first.paths() if path.endswith(".m4a"))

    def never(*_arguments: object, **_more: object) -> bytes:
        raise AssertionError("converted again")

    monkeypatch.setattr(MediaConverter, "convert", never)
    second = exported("voicemail", MAILBOX, VOICEMAIL_SCHEMA + voicemail(4, "0221 555"), sound(4))
    (after,) = ((second.root / path).stat() for path in second.paths() if path.endswith(".m4a"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_mailbox_of_ios_15_is_empty_as_ileapp_found(
    make_backup: MakeBackup, export: Export, shared_data: Any
) -> None:
    content = (shared_data / "databases/ios15-real/voicemail/voicemail.db").read_bytes()
    done = export(make_backup({MAILBOX: content}), owners={"voicemail"})

    assert done.category("voicemail").count("items") == 0
    assert done.paths() == []


def test_the_voicemails_and_memos_of_a_simulated_phone_play(
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]], export: Export
) -> None:
    backup, groups = phones_backup("18.5", voicemails=2, memos=2)
    done = export(backup, groups=groups, owners={"voicemail", "voice-memos"})

    rows = table(done, "Voicemail/voicemail.csv")
    assert len(rows) == 2
    for row in rows:
        amr = done.root / "Voicemail" / row[5]
        for path in (amr, amr.with_suffix(".m4a")):
            with av.open(str(path)) as container:
                heard = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
            assert abs(heard - int(row[3])) < 0.5, path
    memos = table(done, "Voice memos/voice memos.csv")
    assert len(memos) == 2
    for memo in memos:
        assert abs(seconds_of((done.root / "Voice memos" / memo[5]).read_bytes()) - int(memo[2])) < 0.5
        assert "🎤" in memo[1] and "🎤" in memo[5]


# -- voice memos -------------------------------------------------------------------------------------------------------

GROUP = "AppDomainGroup-group.com.apple.VoiceMemos.shared"
MEMOS = (GROUP, "Recordings/CloudRecordings.db")
MEMO_SCHEMA = """
CREATE TABLE ZFOLDER (Z_PK INTEGER PRIMARY KEY, ZENCRYPTEDNAME VARCHAR);
CREATE TABLE ZCLOUDRECORDING (Z_PK INTEGER PRIMARY KEY, ZDATE TIMESTAMP, ZDURATION FLOAT, ZEVICTIONDATE TIMESTAMP,
 ZENCRYPTEDTITLE VARCHAR, ZPATH VARCHAR, ZUNIQUEID VARCHAR, ZFOLDER INTEGER);
INSERT INTO ZFOLDER VALUES (1, 'Recently Deleted');
"""


def memo(number: int, title: str, *, folder: str = "NULL", evicted: str = "NULL", name: str | None = None) -> str:
    path = name or f"{number}.m4a"
    return (
        f"INSERT INTO ZCLOUDRECORDING VALUES ({number}, {WHEN - 978_307_200}, 61.4, {evicted}, '{title}', '{path}',"
        f" 'U-{number}', {folder});"
    )


def test_voice_memos_have_their_titles_dates_and_folders(exported: Callable[..., Exported]) -> None:
    sql = MEMO_SCHEMA + memo(1, "Café: 1/2") + memo(2, "Song", folder="1") + memo(3, "Old", evicted="700000000")
    sql += memo(4, "Gone") + memo(5, "Spatial", name="5.qta")
    ends = {1: "m4a", 2: "m4a", 3: "m4a", 5: "qta"}
    files = {(GROUP, f"Recordings/{number}.{end}"): b"sound" + bytes([number]) for number, end in ends.items()}
    done = exported("voice-memos", MEMOS, sql, files)

    assert done.paths() == [
        f"Voice memos/{AT} Café_ 1_2.m4a",
        f"Voice memos/{AT} Spatial.qta",
        f"Voice memos/Recently Deleted (2)/{AT} Old.m4a",
        f"Voice memos/Recently Deleted/{AT} Song.m4a",
        "Voice memos/voice memos.csv",
    ]
    assert (done.root / f"Voice memos/{AT} Spatial.qta").stat().st_mtime == WHEN
    category = done.category("voice-memos")
    assert [category.count(name) for name in ("items", "exported", "unreadable", "deleted_exported")] == [4, 3, 1, 1]
    rows = {row[1]: row[2:] for row in table(done, "Voice memos/voice memos.csv")}
    assert rows["Gone"] == ["61", "", "no", ""]
    assert rows["Song"][:2] == ["61", "Recently Deleted"]
    assert rows["Old"][2] == "yes"
