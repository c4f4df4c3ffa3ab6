"""A byte that changes on this disk between verify and the phone: who notices, and what the phone has then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.backup.seal import read_seal
from migrate.journey import events
from migrate.journey.steps.compose import ComposedSet
from migrate.problems import RestoreSetChanged, RestoreSetDamaged
from tests.journey.moves import OLD, PASSWORD, Lab

MakeLab = Callable[..., Lab]
MESSAGES = ("HomeDomain", "Library/SMS/sms.db")
REHEARSED: dict[str, Any] = {"rehearse": True, "prove": False}
UNREHEARSED: dict[str, Any] = {"rehearse": False, "prove": False}


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab()


def plan_from(lab: Lab, backup: Path, safety: dict[str, Any]) -> Any:
    return lab.plan(old_phone={"backup": str(backup)}, safety=safety, move={"categories": ["messages", "contacts"]})


def rot(path: Path, at: float = 0.5) -> None:
    """Change one byte of a file, and of no hard link to it."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.unlink()
    path.write_bytes(content)


def record_of(folder: Path, domain: str, path: str) -> Record:
    backup = Backup.open(folder, PASSWORD)
    with backup:
        return next(record for record in backup.records() if (record.domain, record.relative_path) == (domain, path))


def set_of(lab: Lab) -> Path:
    return lab.last_run.journal().result(ComposedSet).set


def when(event_type: type, step: str, do: Callable[[], None]) -> Callable[[events.Event], None]:
    """A listener that acts once, when a step starts or is finished."""
    waiting = [do]

    def listen(event: events.Event) -> None:
        if isinstance(event, event_type) and getattr(event, "step", None) == step and waiting:
            waiting.pop()()

    return listen


def rot_messages(lab: Lab) -> None:
    folder = set_of(lab)
    rot(BackupFolder(folder).blob(record_of(folder, *MESSAGES).file_id))


def is_untouched(lab: Lab, before: dict[str, str]) -> bool:
    return lab.new.pending_restore is None and lab.new.files.digests() == before


def test_a_byte_changed_after_composing_is_noticed_by_the_rehearsal(lab: Lab, old_phone_backup: Path) -> None:
    before = lab.new.files.digests()
    lab.on = when(events.StepStarted, "rehearse", lambda: rot_messages(lab))
    with pytest.raises(RestoreSetChanged) as noticed:
        lab.move(plan_from(lab, old_phone_backup, REHEARSED))
    assert noticed.value.exit_code == 30 and "Library/SMS/sms.db" in noticed.value.what
    assert "nothing on it has changed" in noticed.value.why
    assert is_untouched(lab, before) and lab.person.confirmations == []
    assert lab.last_run.journal().latest_value("restore_begins") is None


def test_a_byte_changed_after_the_confirmation_stops_the_restore_before_the_phone_commits(
    lab: Lab, old_phone_backup: Path
) -> None:
    before, kept = lab.new.files.digests(), lab.tmp / "sms.db"
    stored: list[Path] = []

    def spoil() -> None:
        folder = set_of(lab)
        stored.append(BackupFolder(folder).blob(record_of(folder, *MESSAGES).file_id))
        shutil.copyfile(stored[0], kept)
        rot(stored[0], at=0.999)

    lab.on = when(events.StepStarted, "restore", spoil)
    with pytest.raises(RestoreSetChanged, match=r"Library/SMS/sms\.db"):
        lab.move(plan_from(lab, old_phone_backup, UNREHEARSED))
    journal = lab.last_run.journal()
    assert journal.latest_value("restore_begins") is not None and journal.latest_value("restore_not_taken") is True
    assert is_untouched(lab, before)

    stored[0].unlink()
    shutil.copyfile(kept, stored[0])  # from a copy of the disk, say: now the same run ends as if nothing had happened
    assert lab.resume().outcome == "done"
    assert lab.new.files.digests() != before


@pytest.mark.parametrize("name", ["Manifest.db", "Info.plist"])
def test_a_changed_list_or_plist_of_the_set_is_not_sent(lab: Lab, old_phone_backup: Path, name: str) -> None:
    before = lab.new.files.digests()
    lab.on = when(events.StepStarted, "restore", lambda: rot(set_of(lab) / name))
    with pytest.raises(RestoreSetChanged, match=name):
        lab.move(plan_from(lab, old_phone_backup, UNREHEARSED))
    assert is_untouched(lab, before)


@pytest.mark.parametrize("harm", ["missing", "cut", "Manifest.db", "Manifest.plist"])
def test_what_the_set_lacks_is_refused_before_the_last_confirmation(
    lab: Lab, old_phone_backup: Path, harm: str
) -> None:
    def spoil() -> None:
        folder = set_of(lab)
        blob = BackupFolder(folder).blob(record_of(folder, *MESSAGES).file_id)
        if harm.startswith("Manifest"):
            rot(folder / harm, at=0.9)
            return
        content = blob.read_bytes()
        blob.unlink()
        if harm == "cut":
            blob.write_bytes(content[:-16])

    lab.on = when(events.StepStarted, "agree", spoil)
    with pytest.raises(RestoreSetDamaged):
        lab.move(plan_from(lab, old_phone_backup, UNREHEARSED))
    assert lab.person.confirmations == []


def test_another_programs_backup_gets_its_seal_while_it_is_verified(lab: Lab, old_phone_backup: Path) -> None:
    """And so a byte that changes in it while the person decides is noticed, though no phone ever gave a checksum."""
    theirs = lab.tmp / "MobileSync" / OLD
    shutil.copytree(old_phone_backup, theirs)
    photo = next(
        record for record in records_of(theirs) if record.relative_path.startswith("Media/DCIM/") and record.size
    )
    lab.on = when(events.StepFinished, "verify", lambda: rot(BackupFolder(theirs).blob(photo.file_id)))
    plan = lab.plan(old_phone={"backup": str(theirs)}, safety=REHEARSED, move={"categories": ["photos"]})
    with pytest.raises(RestoreSetChanged, match=photo.relative_path):
        lab.move(plan)
    seal = read_seal(lab.last_run.path / "seals", BackupFolder(theirs))
    assert seal is not None and seal.app_groups is None
    assert set(seal.digests) == {path.name for path in theirs.glob("??/*")}
    assert [path.name for path in theirs.parent.iterdir()] == [OLD], (
        "nothing is written beside another program's backup"
    )


def records_of(folder: Path) -> list[Record]:
    with Backup.open(folder, PASSWORD) as backup:
        return [record for record in backup.records() if record.kind == 1]


def test_a_set_that_an_earlier_version_composed_is_sealed_before_it_is_sent(lab: Lab, old_phone_backup: Path) -> None:
    def as_before() -> None:
        (set_of(lab).parent / f"{OLD}.seal").unlink()

    lab.on = when(events.StepStarted, "agree", as_before)
    lab.move(plan_from(lab, old_phone_backup, UNREHEARSED))
    seal = read_seal(set_of(lab).parent, BackupFolder(set_of(lab)))
    assert seal is not None and set(seal.digests) == {path.name for path in set_of(lab).glob("??/*")}


def test_an_unsealed_set_that_is_not_whole_is_not_sealed_as_it_is(lab: Lab, old_phone_backup: Path) -> None:
    def spoil() -> None:
        (set_of(lab).parent / f"{OLD}.seal").unlink()
        rot_messages(lab)

    lab.on = when(events.StepStarted, "agree", spoil)
    with pytest.raises(RestoreSetDamaged):
        lab.move(plan_from(lab, old_phone_backup, UNREHEARSED))
    assert lab.person.confirmations == [] and not (set_of(lab).parent / f"{OLD}.seal").exists()


def test_a_set_takes_the_digests_from_the_phone_over_and_seals_what_it_writes(
    tmp_path: Path, old_phone_backup: Path
) -> None:
    theirs, seals = tmp_path / OLD, old_phone_backup.parent.parent / "seals"
    shutil.copytree(old_phone_backup, theirs)
    victim = BackupFolder(theirs).blob(record_of(theirs, *MESSAGES).file_id)
    wanted = frozenset(record.file_id for record in records_of(theirs))
    rot(victim)
    made = compose(
        SetRequest(
            source=theirs, password=PASSWORD, into=tmp_path / "set", strategy="replace", wanted=wanted, seals=seals
        )
    )
    sealed, old = read_seal(tmp_path / "set", BackupFolder(made.path)), read_seal(seals, BackupFolder(theirs))
    assert sealed is not None and old is not None
    assert sealed.digests[victim.name] == old.digests[victim.name], "not that of the changed bytes"
    assert set(sealed.digests) == {path.name for path in made.path.glob("??/*")}
    assert set(sealed.plists) == {"Info.plist", "Manifest.plist", "Status.plist"} and sealed.manifest != old.manifest
    assert sealed.app_groups == old.app_groups
