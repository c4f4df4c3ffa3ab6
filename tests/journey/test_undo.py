"""`migrate undo RUN` restores the new phone's earlier state and loses nothing newer without consent."""

from __future__ import annotations

import asyncio
import plistlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from migrate.backup.snapshots.place import Place
from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import load_catalogue
from migrate.journey import events
from migrate.journey import undo as undoing
from migrate.journey.context import RunResult
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.prompts import Confirmation
from migrate.journey.run_state import Run
from migrate.journey.runs import RunFolder, remove
from migrate.journey.steps.verify import NewPhoneVerified
from migrate.journey.undo import undo
from migrate.journey.undo_losses import WillNotComeBack, sentences, will_not_come_back
from migrate.phone.facts import PhoneFacts
from migrate.plan.model import digest, to_toml
from migrate.plan.strategy import Strategy
from migrate.problems import (
    FindMyOn,
    NewPhoneTooFull,
    NotAgreed,
    NothingToUndo,
    NotProven,
    UndoNeedsRun,
    UndoWouldLose,
)
from migrate.simulator.device.domains import NEVER_BACKED_UP, is_covered
from migrate.simulator.device.phone import SimulatedPhone
from migrate.talk.prompts import confirmation_lines
from tests.journey.matrices.doubts import Case, Killed, Knife
from tests.journey.moves import NEW, PASSWORD, UNTOUCHED, Lab, new_phone, run_without_phones
from tests.journey.test_forgetting_runs import run_with_safety_backup

MakeLab = Callable[..., Lab]
MESSAGES: dict[str, Any] = {
    "new_phone": {"is": "in-use", "experimental": ["overlay"]},
    "move": {"categories": ["messages"], "may_replace": ["messages"]},
    "safety": {"prove": False},
}
COMPANIONS = ("-wal", "-shm", "-journal")


@pytest.fixture
def moved(make_lab: MakeLab) -> tuple[Lab, RunFolder, dict[str, str]]:
    """A lab after messages moved to a phone in use, the run, and the phone's files from before."""
    lab = make_lab(new=new_phone(empty=False, aftermath=UNTOUCHED))
    before = lab.new.files.digests()
    lab.move(lab.plan(**MESSAGES))
    assert lab.new.files.digests() != before
    return lab, lab.last_run, before


def undo_run(lab: Lab, run: RunFolder, *, accept_loss: bool = False) -> RunResult:
    lab.received_events.clear()
    return asyncio.run(undo(run, lab.context(), accept_loss=accept_loss))


def assert_restored(phone: SimulatedPhone, before: dict[str, str]) -> None:
    """Check that the phone holds exactly its earlier files, apart from those no backup contains."""
    now = phone.files.digests()
    expected = {path: sha for path, sha in before.items() if not is_covered(NEVER_BACKED_UP, *path.partition("/")[::2])}
    assert {path: now.get(path) for path in expected} == expected
    assert [path for path in now if path not in before and not path.endswith(COMPANIONS)] == []


def test_undo_restores_the_phone_and_loses_a_new_photo_only_with_consent(
    moved: tuple[Lab, RunFolder, dict[str, str]],
) -> None:
    """Undo is stopped by Find My, by a declined confirmation and by a new photo. With consent it is sent, killed right
    after the phone's answer, and resumed."""
    lab, run, before = moved
    lab.new.find_my = True
    with pytest.raises(FindMyOn):
        undo_run(lab, run)
    assert lab.last_run.path == run.path, "the refused undo leaves no run behind"
    lab.new.find_my, lab.person.agrees = False, False
    with pytest.raises(NotAgreed):
        undo_run(lab, run)
    unfinished = lab.last_run
    lab.new.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG", b"\xff\xd8 taken since")
    lab.person.agrees = True
    with pytest.raises(UndoWouldLose) as refused:
        lab.resume()
    assert refused.value.exit_code == 11 and "(1)" in refused.value.what and run.path.name in refused.value.next
    assert lab.new.pending_restore is None

    with killed("restore_taken"):
        undo_run(lab, run, accept_loss=True)
    ended = lab.resume()
    assert sum("restore_begins" in line for line in unfinished.journal().lines) == 1, "nothing is sent twice"
    assert (ended.outcome, ended.run_id) == ("undone", unfinished.path.name), "the unfinished undo is resumed"
    assert_restored(lab.new, before)
    assert lab.steps == [
        "back-up-new-phone", "verify-new-phone", "compare", "agree", "restore", "wait-for-phone", "prove", "receipt",
    ]  # fmt: skip
    confirmation = lab.person.confirmations[-1]
    assert confirmation.undoes == run.path.name and [there for _, _, there in confirmation.replaces] == [1]
    losses = " ".join(confirmation.will_not_come_back)
    assert (
        "1 (Photos and videos 1)" in losses and "2 apps are downloaded" in losses and "Cards in Apple Wallet" in losses
    )
    receipt = unfinished.receipt()
    assert receipt is not None and receipt["undoes"] == run.path.name and receipt["proof"]["verdict"] == "proven"
    assert receipt["will_not_come_back"] == list(confirmation.will_not_come_back)
    assert any((unfinished.path / "now").rglob("Manifest.db")), "its backup with the photo is kept"
    with pytest.raises(UndoNeedsRun):
        remove(lab.home, unfinished)
    remove(lab.home, run)


def test_a_run_without_a_safety_backup_or_a_restore_cannot_be_undone(make_lab: MakeLab) -> None:
    lab = make_lab()
    folder = lab.home.runs / "20260101-120000-ab12"
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", folder.name, "a digest")
    for reason in ("Nothing was sent", "asked for no backup"):
        with pytest.raises(NothingToUndo) as refused:
            undo_run(lab, RunFolder(folder))
        assert reason in refused.value.why and refused.value.exit_code == 2
        journal.append({"restore_begins": {}})


def test_an_undo_is_refused_before_hours_of_copying_if_the_phone_has_become_too_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home").open()
    run = run_without_phones(home)
    undone = run_with_safety_backup(home, "move").journal()
    safety = replace(undone.result(NewPhoneVerified), bytes=2_000)
    undone.append_result("verify-new-phone", safety)
    (safety.backup / "Manifest.plist").write_bytes(plistlib.dumps({"Lockdown": {"ProductVersion": "26.1"}}))
    run.journal.lines[0]["undoes"] = "move"
    free_bytes = [1_000, 3_000]

    class FakePhone:
        async def refresh(self) -> PhoneFacts:
            return PhoneFacts(udid=NEW, connection="USB", ios_version="26.1", free_bytes=free_bytes.pop(0))

    @asynccontextmanager
    async def meets(*_: object) -> AsyncIterator[FakePhone]:
        yield FakePhone()

    monkeypatch.setattr(Run, "phone", meets)
    with pytest.raises(NewPhoneTooFull) as full:
        asyncio.run(undoing.preflight(run))
    assert full.value.exit_code == 41 and undoing.STEPS[1].do is undoing.preflight
    asyncio.run(undoing.preflight(run))


def test_the_unfinished_undo_of_another_run_is_not_continued(make_lab: MakeLab, tmp_path: Path) -> None:
    """Two runs were sent to the phone. The undo of the first one is unfinished, and the second one is undone now."""
    lab = make_lab()
    runs = {}
    for name, undoes in (("run-a", None), ("run-b", None), ("undo-of-a", "run-a")):
        folder = lab.home.runs / name
        folder.mkdir()
        plan = lab.plan()
        (folder / "plan.toml").write_text(to_toml(plan))
        journal = Journal.create(folder / "journal.ndjson", name, digest(plan), undoes=undoes)
        journal.append({"restore_begins": {}} if undoes is None else {"started": "verify-safety"})
        safety = tmp_path / name / lab.new.udid
        journal.append_result("verify-new-phone", NewPhoneVerified(safety, "whole", 1, 1, 1, "26.1", True, {}))
        runs[name] = RunFolder(folder)
    for name, continues in (("run-b", False), ("run-a", True)):
        lab.new.find_my = True  # it stops there
        with pytest.raises(FindMyOn):
            undo_run(lab, runs[name])
        begun = next(event.run_id for event in lab.received_events if isinstance(event, events.RunStarted))
        assert (begun == "undo-of-a") is continues


def test_an_undo_says_what_cannot_come_back() -> None:
    losses = (
        WillNotComeBack("unreadable", 1, ("Notes",)),
        WillNotComeBack("not-reinstallable", 2, ("Chatter", "Sketchbook")),
        WillNotComeBack("not-encrypted", titles=("Health",)),
    )
    said = sentences(losses)
    assert said == (
        "1 file that the phone could not read when it was backed up (Notes).",
        "2 apps that the phone cannot download again: Chatter, Sketchbook.",
        "The backup is not encrypted, so these are not in it: Health.",
    )
    confirmation = Confirmation(
        run_id="R2", old_name="Old", new_name="New", strategy=Strategy.REPLACE, replaces=(), set_bytes=1, set_files=1,
        undoes="R1", will_not_come_back=said,
    )  # fmt: skip
    shown = " ".join(" ".join(confirmation_lines(confirmation)).split())
    assert all(sentence in shown for sentence in said)


def test_what_cannot_come_back_is_counted_from_the_safety_backup() -> None:
    apps = {name: AppEntry(id=name, title=name.title(), reinstallable=name == "chatter") for name in ("chatter", "own")}
    record = SimpleNamespace(file_id="ab" * 20, domain="HomeDomain", relative_path="Library/Notes/x.db")
    safety: Any = SimpleNamespace(
        backup=SimpleNamespace(records=lambda: [record]),
        claims=SimpleNamespace(apps=apps, catalogue=load_catalogue(), owners=lambda *_: frozenset({"notes"})),
        seal=SimpleNamespace(unreadable={record.file_id: "Input/output error"}),
    )
    losses = will_not_come_back(safety, is_encrypted=False, since=[("Photos and videos", 2)])
    counted = {loss.reason: (loss.number, loss.titles) for loss in losses}
    assert counted["since"] == (2, ("Photos and videos 2",)) and counted["unreadable"] == (1, ("Notes",))
    assert counted["not-reinstallable"] == (1, ("Own",)) and counted["app-store"] == (1, ())
    assert "Health and Medical ID" in counted["not-encrypted"][1] and {"cards", "excluded"} < set(counted)
    assert len(sentences(losses)) == len(losses) == 7
    whole: Any = SimpleNamespace(claims=SimpleNamespace(apps={}, catalogue=load_catalogue()), seal=None)
    assert [loss.reason for loss in will_not_come_back(whole, is_encrypted=True, since=())] == ["cards", "excluded"]


@contextmanager
def killed(line: str) -> Iterator[None]:
    """End the process right after a line of that kind is in the journal."""
    knife = Knife(Case(line, "killed after", is_used=False), Journal.append)
    with patch.object(Journal, "append", lambda journal, entry: knife.append(journal, entry)), pytest.raises(Killed):
        yield


@pytest.mark.parametrize(("verdict", "needs"), [("not proven", True), ("pending", False), ("proven", False)])
def test_only_an_undo_that_was_not_proven_still_needs_the_safety_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, needs: bool
) -> None:
    home = Home(tmp_path / "home").open()
    undone = run_with_safety_backup(home, "move")

    async def proves(*_: object) -> Any:
        return SimpleNamespace(verdict=verdict)

    monkeypatch.setattr(undoing, "prove_move", proves)
    run: Any = SimpleNamespace(home=home, journal=SimpleNamespace(undoes="move"))
    nothing: Any = None
    asyncio.run(undoing.prove_undo(run, nothing, nothing, None, None))
    assert bool(Place(undone.path / "safety").protections) is needs


@pytest.mark.soak
def test_undo_of_a_wiped_phone_restores_its_data(make_lab: MakeLab) -> None:
    """After a replace: its apps, its backup password and all its data."""
    lab = make_lab(new=new_phone(empty=False, backup_password=PASSWORD, aftermath=UNTOUCHED))
    before, apps = lab.new.files.digests(), set(lab.new.apps)
    lab.move(lab.plan(new_phone={"wipe": True}, safety={"save_new_phone_first": True, "prove": False}))
    assert lab.new.files.digests() != before
    try:
        undo_run(lab, lab.last_run)
    except NotProven as error:
        pytest.fail(f"{error.what} {lab.last_run.receipt()}")
    assert_restored(lab.new, before)
    assert set(lab.new.apps) == apps


@pytest.mark.soak
def test_an_undo_killed_while_it_is_created_leaves_no_half_journal(
    moved: tuple[Lab, RunFolder, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a journal but without its strategy, every resume of the undo ended in a bug."""
    lab, run, _before = moved

    class Killed(BaseException): ...

    append, lines = Journal.append, 0

    def killed(self: Journal, entry: dict[str, Any]) -> None:
        nonlocal lines
        append(self, entry)
        lines += 1
        if lines == 2:
            raise Killed

    monkeypatch.setattr(Journal, "append", killed)
    with pytest.raises(Killed):
        undo_run(lab, run)
    assert [folder.name for folder in lab.home.runs.iterdir()] == [run.path.name]
