"""Changes on a phone since a run: new files and rows, without what iOS writes on its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.categories.claims import Claims
from migrate.journey.changes_since import ChangesSince
from tests.journey.proof.made import APP_DATABASE, CALLS, PHOTO, SMS, Files, altered, backup_of, calls, database

Counted = Callable[..., dict[str, int]]
SETTINGS = ("HomeDomain", "Library/Preferences/com.apple.springboard.plist")
MEMO = ("MediaDomain", "Media/Recordings/soup.m4a")


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    def count(now: Files, *earlier: Files) -> dict[str, int]:
        tmp = tmp_path / "tmp"
        tmp.mkdir()
        phone = backup_of(tmp_path / "now", now)
        before = tuple(backup_of(tmp_path / f"earlier-{number}", files) for number, files in enumerate(earlier))
        found = ChangesSince(phone, Claims.of(phone), before, tmp).counted()
        assert not any(tmp.iterdir())  # no plaintext is left
        return found

    return count


def chat(folder: Path, *texts: str, lost: int = 0) -> bytes:
    """An sms.db with these messages, after `lost` earlier ones were deleted."""
    path = folder / f"chat-{len(texts)}-{lost}-{abs(hash(texts))}.db"
    made = sqlite3.connect(path)
    made.execute("CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)")
    made.executemany("INSERT INTO message (text) VALUES (?)", [(text,) for text in texts])
    made.execute("DELETE FROM message WHERE ROWID <= ?", (lost,))
    made.commit()
    made.close()
    return path.read_bytes()


def test_data_from_the_safety_backup_or_the_move_is_not_counted(counted: Counted, tmp_path: Path) -> None:
    sent, safety = {SMS: chat(tmp_path, "sent")}, {SMS: chat(tmp_path, "own", "own too"), PHOTO: b"\xff\xd8 own"}
    assert counted({**safety, **sent}, safety, sent) == {}


def test_a_new_photo_and_a_new_message_are_counted(counted: Counted, tmp_path: Path) -> None:
    sent = {SMS: chat(tmp_path, "one", "two")}
    now = {SMS: chat(tmp_path, "one", "two", "since"), PHOTO: b"\xff\xd8 taken since"}
    assert counted(now, {}, sent) == {"messages": 1, "photos": 1}


def test_one_message_deleted_and_one_received_counts_one_new(counted: Counted, tmp_path: Path) -> None:
    """Comparing row counts would miss it."""
    assert counted({SMS: chat(tmp_path, "one", "two", "since", lost=1)}, {SMS: chat(tmp_path, "one", "two")}) == {
        "messages": 1
    }


def test_files_that_ios_writes_are_not_counted(counted: Counted) -> None:
    nobodys = ("HomeDomain", "Library/Somewhere/state.bin")
    assert counted({SETTINGS: b"later", nobodys: b"later"}, {SETTINGS: b"before", nobodys: b"before"}) == {}


def test_another_recording_under_the_same_name_is_counted(counted: Counted) -> None:
    assert counted({MEMO: b"later"}, {MEMO: b"before"}) == {"voice-memos": 1}


def test_an_item_that_a_person_changed_since_is_counted(counted: Counted, tmp_path: Path) -> None:
    before = calls(tmp_path, "+1 5550001", "+1 5550002")
    now = altered(before, tmp_path, "UPDATE ZCALLRECORD SET ZDURATION = 99 WHERE Z_PK = 1;")
    assert counted({CALLS: now}, {CALLS: before}) == {"calls": 1}


def test_a_database_that_was_not_there_before_is_counted(counted: Counted, tmp_path: Path) -> None:
    made = database(tmp_path, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);")
    assert counted({APP_DATABASE: made, PHOTO: b"\xff\xd8"}, {PHOTO: b"\xff\xd8"}) == {"app:com.example.chatter": 1}


def test_an_apps_own_database_counts_if_it_has_a_row_more_and_not_if_it_was_only_rewritten(
    counted: Counted, tmp_path: Path
) -> None:
    before = database(
        tmp_path, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO note VALUES (1, 'a');"
    )
    rewritten = altered(before, tmp_path, "CREATE TABLE x (y); DROP TABLE x; VACUUM;")
    more = altered(before, tmp_path, "INSERT INTO note VALUES (2, 'b');")
    app = "app:com.example.chatter"
    assert rewritten != before
    assert counted({APP_DATABASE: more}, {APP_DATABASE: before}) == {app: 1}
    (tmp_path / "tmp").rmdir()
    for folder in ("now", "earlier-0"):
        (tmp_path / folder).rename(tmp_path / f"done-{folder}")
    assert counted({APP_DATABASE: rewritten}, {APP_DATABASE: before}) == {}
