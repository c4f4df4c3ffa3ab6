"""What the wizard finds on this computer before any phone is met."""

from __future__ import annotations

import plistlib
import sys
from datetime import datetime
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.talk.wizard.observations import earlier_backups, initial_state
from migrate.talk.wizard.texts import _backup_label


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home directory on a Mac, and an empty current folder."""
    person, empty = tmp_path / "person", tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(Path, "home", lambda: person)
    monkeypatch.chdir(empty)
    monkeypatch.setattr(sys, "platform", "darwin")
    (person / "Library/Application Support/MobileSync/Backup").mkdir(parents=True)
    return Home(tmp_path / "migrate").open()


def finders(home: Home) -> Path:
    return home.path.parent / "person/Library/Application Support/MobileSync/Backup"


def test_backups_of_other_programs_are_offered_in_place_of_the_old_phone(home: Home, plain_backup: Path) -> None:
    place = finders(home) / plain_backup.name
    plain_backup.rename(place)
    (found,) = earlier_backups(home)
    assert (found.folder, found.udid, found.encrypted) == (str(place), plain_backup.name, False)
    assert _backup_label(found) == f"{found.backed_up_on}, iOS 17.5.1, from Finder" and not found.is_too_old
    assert initial_state(home, home.path / "answers.json").backups == (found,)


def test_unfinished_backups_and_those_under_repair_are_not_offered(
    home: Home, plain_backup: Path, encrypted_backup: Path
) -> None:
    status = plain_backup / "Status.plist"
    status.write_bytes(status.read_bytes().replace(b"finished", b"movingXX"))
    plain_backup.rename(finders(home) / plain_backup.name)
    clone = home.backups / f".{encrypted_backup.name}.healing" / "clone"
    clone.mkdir(parents=True)
    encrypted_backup.rename(clone / encrypted_backup.name)
    assert earlier_backups(home) == []


def test_a_backup_of_ios_9_is_shown_as_too_old(home: Home) -> None:
    old = finders(home) / "2b6f0cc904d137be2e1730235f5664094b831186"
    old.mkdir()
    (old / "Manifest.mbdb").write_bytes(b"mbdb\x05\x00")
    lockdown = {"ProductVersion": "9.3.5", "DeviceName": "Mia's iPad", "UniqueDeviceID": old.name}
    plists = {
        "Manifest.plist": {"IsEncrypted": False, "Lockdown": lockdown},
        "Status.plist": {"SnapshotState": "finished", "UUID": "A", "Date": datetime(2016, 9, 1)},
        "Info.plist": {"Device Name": "Mia's iPad"},
    }
    for name, content in plists.items():
        (old / name).write_bytes(plistlib.dumps(content))
    (found,) = earlier_backups(home)
    assert found.is_too_old and (found.name, found.backed_up_on) == ("Mia's iPad", "2016-09-01")
