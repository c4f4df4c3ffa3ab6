"""Voice memos, read from the three places where they have been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import FileRef, State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.voice_memos import VoiceMemo
from migrate.content.source import Source
from tests.made_backups import MakeBackup

GROUP = "AppDomainGroup-group.com.apple.VoiceMemos.shared"
NEW = (GROUP, "Recordings/CloudRecordings.db")
MIDDLE = ("MediaDomain", "Media/Recordings/CloudRecordings.db")
OLD = ("MediaDomain", "Media/Recordings/Recordings.db")
NAME = "20240503 101500-0A1B2C3D.m4a"

Read = Callable[..., tuple[list[Any], list[Any], Source]]


@pytest.fixture
def read(make_backup: MakeBackup, tmp_path: Path) -> Read:
    """`read(contents)`: the recordings of a backup with these files, the findings, and the source."""

    def read_memos(contents: dict[tuple[str, str], bytes]) -> Any:
        findings: list[object] = []
        source = Source(make_backup(contents), tmp_path, source_places(), findings.append)
        return list(kind("voice-memos").items(source)), findings, source

    return read_memos


OLD_SCHEMA = f"""
CREATE TABLE ZRECORDING (Z_PK INTEGER PRIMARY KEY, ZDATE TIMESTAMP, ZDURATION FLOAT, ZCUSTOMLABEL VARCHAR,
 ZPATH VARCHAR);
INSERT INTO ZRECORDING VALUES (5, 736000000.4, 61.2, 'Café', '/var/mobile/Media/Recordings/{NAME}');
"""
MIDDLE_SCHEMA = f"""
CREATE TABLE ZCLOUDRECORDING (Z_PK INTEGER PRIMARY KEY, ZFOLDER INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT,
 ZEVICTIONDATE TIMESTAMP, ZCUSTOMLABEL VARCHAR, ZPATH VARCHAR, ZUNIQUEID VARCHAR);
CREATE TABLE ZFOLDER (Z_PK INTEGER PRIMARY KEY, ZENCRYPTEDNAME VARCHAR);
INSERT INTO ZFOLDER VALUES (1, 'Work');
INSERT INTO ZCLOUDRECORDING VALUES (2, 1, 736000000.4, 61.2, NULL, 'Café', '{NAME}', 'U-1');
"""
NEW_SCHEMA = f"""
CREATE TABLE ZFOLDER (Z_PK INTEGER PRIMARY KEY, ZRANK INTEGER, ZENCRYPTEDNAME VARCHAR);
CREATE TABLE ZCLOUDRECORDING (ZNEWIN26 BLOB, ZUNIQUEID VARCHAR, ZPATH VARCHAR, ZCUSTOMLABEL VARCHAR,
 ZENCRYPTEDTITLE VARCHAR, ZEVICTIONDATE TIMESTAMP, ZLOCALDURATION FLOAT, ZDURATION FLOAT, ZDATE TIMESTAMP,
 ZFOLDER INTEGER, Z_PK INTEGER PRIMARY KEY);
INSERT INTO ZFOLDER VALUES (77, 3, 'Work');
INSERT INTO ZCLOUDRECORDING VALUES (x'00', 'U-1', '{NAME}', '2024-05-03T10:15:00Z', 'Cafe\u0301 ', NULL, 61, 61.4,
 736000000.1, 77, 900);
"""
EXPECTED = VoiceMemo(id=NAME, when=978_307_200 + 736_000_000, title="Café", duration=61.0, folder="Work")


@pytest.mark.parametrize(
    ("place", "schema", "left_out"),
    [
        (OLD, OLD_SCHEMA, ("deleted", "folder")),
        (MIDDLE, MIDDLE_SCHEMA, ()),
        (NEW, MIDDLE_SCHEMA, ()),
        (NEW, NEW_SCHEMA, ()),
    ],
    ids=["11", "14", "17", "26"],
)
def test_the_same_recording_is_equal_in_every_schema(
    read: Read,
    make_database: Callable[[str], bytes],
    place: tuple[str, str],
    schema: str,
    left_out: tuple[str, ...],
) -> None:
    audio = (place[0], f"{place[1].rpartition('/')[0]}/{NAME}")
    items, findings, _ = read({place: make_database(schema), audio: b"sound"})

    assert findings == []
    assert [item.id for item in items] == [NAME]
    assert compare(EXPECTED, items[0]) == ((), (), left_out)
    assert items[0].files == (FileRef(*audio),)
    assert items[0].absent == 0


def test_the_first_place_with_recordings_counts(read: Read, make_database: Callable[[str], bytes]) -> None:
    items, _, _ = read({MIDDLE: make_database(MIDDLE_SCHEMA), OLD: make_database(OLD_SCHEMA)})
    assert [item.lacking for item in items] == [frozenset()]


def test_an_empty_newer_store_leaves_the_older_one(read: Read, make_database: Callable[[str], bytes]) -> None:
    empty = MIDDLE_SCHEMA.rpartition("INSERT")[0]
    items, _, _ = read({MIDDLE: make_database(empty), OLD: make_database(OLD_SCHEMA)})
    assert [item.id for item in items] == [NAME]


def test_an_unreadable_newer_store_is_not_replaced_by_an_older_one(
    read: Read, make_database: Callable[[str], bytes]
) -> None:
    items, findings, source = read({MIDDLE: b"SQLite format 3\0damaged", OLD: make_database(OLD_SCHEMA)})
    assert items == []
    assert len(findings) == 1
    assert FileRef(*MIDDLE) in source.failed


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE ZCLOUDRECORDING SET ZEVICTIONDATE = 736000500.0", "deleted"),
        ("UPDATE ZCLOUDRECORDING SET ZENCRYPTEDTITLE = 'Tea'", "title"),
        ("UPDATE ZCLOUDRECORDING SET ZDURATION = 5", "duration"),
        ("UPDATE ZCLOUDRECORDING SET ZDATE = 5", "when"),
        ("DELETE FROM ZFOLDER", "folder"),
    ],
)
def test_a_change_is_seen(read: Read, make_database: Callable[[str], bytes], statement: str, field: str) -> None:
    items, _, _ = read({NEW: make_database(NEW_SCHEMA + statement)})
    assert compare(EXPECTED, items[0]).differing == (field,)
    assert (items[0].state is State.DELETED) == (field == "deleted")
    assert (items[0].files, items[0].offloaded, items[0].absent) == ((), 0, 1)


def test_ids_without_a_path(read: Read, make_database: Callable[[str], bytes]) -> None:
    rows = "".join(
        f"INSERT INTO ZCLOUDRECORDING (ZPATH, ZUNIQUEID, ZDATE, ZDURATION) VALUES ({path}, {unique}, 9e999, 9e999);"
        for path, unique in (("''", "'U-2'"), ("NULL", "NULL"), ("'a/../b/x.m4a'", "'U-3'"), ("x'00'", "7"))
    )
    items, findings, _ = read({NEW: make_database(NEW_SCHEMA + rows)})
    ids = [item.id for item in items]
    assert findings == []
    assert ids == sorted(ids)
    assert set(ids) >= {NAME, "U-2", "x.m4a", "7"}
    assert sum(identity.startswith("~") for identity in ids) == 1
    assert all(item.fingerprint() and item.describe() for item in items)


@pytest.mark.parametrize("version", ["11.2", "14.3", "18.5"])
def test_a_simulated_phone(phones_backup: Callable[..., Any], tmp_path: Path, version: str) -> None:
    backup, _ = phones_backup(version, memos=4)
    items: list[Any] = list(kind("voice-memos").items(Source(backup, tmp_path, source_places())))

    assert len(items) == 4
    for item in items:
        assert item.files[0].relative_path.endswith(item.id)
        assert item.title.endswith(" 🎤")
        assert 6 <= item.duration <= 30
        assert item.describe().startswith(f"the recording “{item.title}”, ")
