"""Changes on a phone since a run: new files and rows, without what iOS writes on its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.categories.claims import Claims
from migrate.journey.changes_since import ChangesSince
from tests.journey.proof.made import PHOTO, SMS, Files, backup_of

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
    assert counted({SETTINGS: b"later"}, {SETTINGS: b"before"}) == {}


def test_another_recording_under_the_same_name_is_counted(counted: Counted) -> None:
    assert counted({MEMO: b"later"}, {MEMO: b"before"}) == {"voice-memos": 1}
