"""`migrate undo RUN`: the new phone is again what it was, and nothing that came since is lost without a word."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import FindMyOn, NotAgreed, NothingToUndo, NotProven, UndoWouldLose
from migrate.journey.run import prove_again
from migrate.journey.runs import RunFolder
from migrate.journey.undo import undo
from migrate.journey.world import Ended
from migrate.softphone.device import Softphone
from migrate.softphone.domains import NEVER_BACKED_UP, covered
from tests.journey.moves import PASSWORD, Bench, new_phone

SetBench = Callable[..., Bench]
MESSAGES: dict[str, Any] = {
    "new_phone": {"is": "in-use"},
    "move": {"categories": ["messages"], "may_replace": ["messages"]},
    "safety": {"prove": False},
}
SMS = ("HomeDomain", "Library/SMS/sms.db")
COMPANIONS = ("-wal", "-shm", "-journal")


@pytest.fixture
def moved(bench: SetBench) -> tuple[Bench, RunFolder, dict[str, str]]:
    """Messages were put on a phone in use. With what was on it before."""
    table = bench(new=new_phone(empty=False))
    before = table.new.files.digests()
    table.move(table.plan(**MESSAGES))
    assert table.new.files.digests() != before
    return table, table.last_run, before


def take_back(table: Bench, run: RunFolder, *, lose: bool = False) -> Ended:
    table.heard.clear()
    return asyncio.run(undo(run, table.world(), lose=lose))


def assert_is_again(phone: Softphone, before: dict[str, str]) -> None:
    """Byte for byte what it was, but for what no backup holds, and nothing more."""
    now = phone.files.digests()
    held = {path: sha for path, sha in before.items() if not covered(NEVER_BACKED_UP, *path.partition("/")[::2])}
    assert {path: now.get(path) for path in held} == held
    assert [path for path in now if path not in before and not path.endswith(COMPANIONS)] == []


def test_the_phone_is_again_what_it_was(moved: tuple[Bench, RunFolder, dict[str, str]]) -> None:
    table, run, before = moved
    ended = take_back(table, run)
    assert ended.outcome == "proven"
    assert_is_again(table.new, before)
    assert table.steps == [
        "meet", "preflight", "verify-safety", "save-new-phone", "verify-new-phone", "compare", "agree", "restore",
        "wait-for-phone", "prove", "receipt",
    ]  # fmt: skip
    word = table.person.words[-1]
    assert (word.undoes, word.replaces) == (run.path.name, ())
    receipt = table.last_run.receipt()
    assert receipt is not None and receipt["undoes"] == run.path.name and receipt["proof"]["verdict"] == "proven"
    assert asyncio.run(prove_again(table.last_run, table.world())).outcome == "proven"


def test_a_photo_taken_since_stops_it_and_a_word_lets_it_go(moved: tuple[Bench, RunFolder, dict[str, str]]) -> None:
    table, run, before = moved
    table.new.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG", b"\xff\xd8 taken since")
    with pytest.raises(UndoWouldLose) as refused:
        take_back(table, run)
    assert refused.value.exit_code == 11 and "(1)" in refused.value.what() and run.path.name in refused.value.next()
    assert table.new.pending_restore is None and len(table.person.words) == 1
    begun = table.last_run
    assert take_back(table, run, lose=True).run == begun.path.name, "the one that was begun is gone on with"
    assert [title for title, _, there in table.person.words[-1].replaces if there == 1]
    assert_is_again(table.new, before)
    saved_now = table.last_run.path / "now"
    assert any(saved_now.rglob("Manifest.db")), "a save of it with the photo is kept"


def test_a_message_received_since_stops_it(moved: tuple[Bench, RunFolder, dict[str, str]], tmp_path: Path) -> None:
    table, run, _ = moved
    add_a_message(table.new, tmp_path)
    with pytest.raises(UndoWouldLose, match=r"Messages \(1\)"):
        take_back(table, run)


def add_a_message(phone: Softphone, tmp: Path) -> None:
    """One more row in its sms.db, as the phone would write it."""
    path = tmp / "sms.db"
    for suffix in ("", "-wal"):
        node = phone.files.get(SMS[0], SMS[1] + suffix)
        Path(f"{path}{suffix}").write_bytes(b"".join(node.content.chunks()) if node else b"")
    database = sqlite3.connect(path)
    database.execute("INSERT INTO message (guid, text) VALUES ('since', 'are you there?')")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    phone.files.add_file(*SMS, path.read_bytes())
    phone.files.add_file(SMS[0], SMS[1] + "-wal", b"")


def test_an_undo_that_was_not_agreed_to_is_gone_on_with_and_looks_again(
    moved: tuple[Bench, RunFolder, dict[str, str]],
) -> None:
    table, run, _ = moved
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        take_back(table, run)
    table.new.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG", b"\xff\xd8 taken since")
    with pytest.raises(UndoWouldLose):
        table.resume()


def test_find_my_stops_it_before_anything_is_saved(moved: tuple[Bench, RunFolder, dict[str, str]]) -> None:
    table, run, _ = moved
    table.new.find_my = True
    with pytest.raises(FindMyOn):
        take_back(table, run)
    assert table.last_run.path == run.path, "nothing is left of it"


def test_without_a_safety_backup_or_before_anything_was_sent_there_is_nothing_to_undo(bench: SetBench) -> None:
    table = bench()
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        table.move(table.plan(safety={"prove": False}))
    with pytest.raises(NothingToUndo, match="cannot be undone") as refused:
        take_back(table, table.last_run)
    assert "Nothing was sent" in refused.value.why()
    table.person.agrees = True
    table.resume()
    with pytest.raises(NothingToUndo) as refused:
        take_back(table, table.last_run)
    assert "No safety backup" in refused.value.why() and refused.value.exit_code == 2


def test_a_phone_that_was_wiped_gets_back_its_own_life(bench: SetBench) -> None:
    """After a replace: its own apps, its own password, its own everything."""
    table = bench(new=new_phone(empty=False, backup_password=PASSWORD))
    before, apps = table.new.files.digests(), set(table.new.apps)
    table.move(table.plan(new_phone={"wipe": True}, safety={"save_new_phone_first": True, "prove": False}))
    assert table.new.files.digests() != before
    try:
        take_back(table, table.last_run)
    except NotProven as error:
        pytest.fail(f"{error.what()} {table.last_run.receipt()}")
    assert_is_again(table.new, before)
    assert set(table.new.apps) == apps
