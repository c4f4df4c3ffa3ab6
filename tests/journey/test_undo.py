"""`migrate undo RUN`: the new phone becomes what it was, and nothing newer is lost without consent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from migrate.journey.context import RunResult
from migrate.journey.journal import Journal
from migrate.journey.runs import RunFolder
from migrate.journey.undo import undo
from migrate.problems import FindMyOn, NotAgreed, NothingToUndo, NotProven, UndoWouldLose
from migrate.simulator.device.domains import NEVER_BACKED_UP, is_covered
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.moves import PASSWORD, Bench, new_phone

SetBench = Callable[..., Bench]
MESSAGES: dict[str, Any] = {
    "new_phone": {"is": "in-use"},
    "move": {"categories": ["messages"], "may_replace": ["messages"]},
    "safety": {"prove": False},
}
COMPANIONS = ("-wal", "-shm", "-journal")


@pytest.fixture
def moved(bench: SetBench) -> tuple[Bench, RunFolder, dict[str, str]]:
    """Messages were put on a phone in use. With what was on it before."""
    table = bench(new=new_phone(empty=False))
    before = table.new.files.digests()
    table.move(table.plan(**MESSAGES))
    assert table.new.files.digests() != before
    return table, table.last_run, before


def take_back(table: Bench, run: RunFolder, *, accept_loss: bool = False) -> RunResult:
    table.heard.clear()
    return asyncio.run(undo(run, table.context(), accept_loss=accept_loss))


def assert_is_again(phone: SimulatedPhone, before: dict[str, str]) -> None:
    """Byte for byte what it was, but for what no backup holds, and nothing more."""
    now = phone.files.digests()
    held = {path: sha for path, sha in before.items() if not is_covered(NEVER_BACKED_UP, *path.partition("/")[::2])}
    assert {path: now.get(path) for path in held} == held
    assert [path for path in now if path not in before and not path.endswith(COMPANIONS)] == []


def test_the_phone_becomes_what_it_was_and_a_new_photo_is_lost_only_with_consent(
    moved: tuple[Bench, RunFolder, dict[str, str]],
) -> None:
    """Find My stops it first, then nobody agrees, then a photo was taken; at last it may go."""
    table, run, before = moved
    table.new.find_my = True
    with pytest.raises(FindMyOn):
        take_back(table, run)
    assert table.last_run.path == run.path, "nothing is left of what was refused at once"
    table.new.find_my, table.person.agrees = False, False
    with pytest.raises(NotAgreed):
        take_back(table, run)
    begun = table.last_run
    table.new.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG", b"\xff\xd8 taken since")
    table.person.agrees = True
    with pytest.raises(UndoWouldLose) as refused:
        table.resume()
    assert refused.value.exit_code == 11 and "(1)" in refused.value.what and run.path.name in refused.value.next
    assert table.new.pending_restore is None

    ended = take_back(table, run, accept_loss=True)
    assert (ended.outcome, ended.run_id) == ("undone", begun.path.name), "the one that was begun is gone on with"
    assert_is_again(table.new, before)
    assert table.steps == [
        "back-up-new-phone", "verify-new-phone", "compare", "agree", "restore", "wait-for-phone", "prove", "receipt",
    ]  # fmt: skip
    confirmation = table.person.confirmations[-1]
    assert confirmation.undoes == run.path.name and [there for _, _, there in confirmation.replaces] == [1]
    receipt = begun.receipt()
    assert receipt is not None and receipt["undoes"] == run.path.name and receipt["proof"]["verdict"] == "proven"
    assert any((begun.path / "now").rglob("Manifest.db")), "a save of it with the photo is kept"


def test_without_a_safety_backup_or_before_anything_was_sent_there_is_nothing_to_undo(bench: SetBench) -> None:
    table = bench()
    folder = table.home.runs / "20260101-120000-ab12"
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", folder.name, "a digest")
    for reason in ("Nothing was sent", "asked for no backup"):
        with pytest.raises(NothingToUndo) as refused:
            take_back(table, RunFolder(folder))
        assert reason in refused.value.why and refused.value.exit_code == 2
        journal.append({"restore_begins": {}})


@pytest.mark.soak
def test_undo_of_a_wiped_phone_restores_its_own_data(bench: SetBench) -> None:
    """After a replace: its own apps, its own password, its own everything."""
    table = bench(new=new_phone(empty=False, backup_password=PASSWORD))
    before, apps = table.new.files.digests(), set(table.new.apps)
    table.move(table.plan(new_phone={"wipe": True}, safety={"save_new_phone_first": True, "prove": False}))
    assert table.new.files.digests() != before
    try:
        take_back(table, table.last_run)
    except NotProven as error:
        pytest.fail(f"{error.what} {table.last_run.receipt()}")
    assert_is_again(table.new, before)
    assert set(table.new.apps) == apps
