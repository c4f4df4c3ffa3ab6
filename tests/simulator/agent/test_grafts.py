"""A graft restored to a simulated iPhone with iOS 27, where two domains are exact: the phone loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.backup.verify.run import verify
from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone

OLD_PASSWORD, NEW_PASSWORD = "the old one", "the new one"
CHOSEN = (
    "HomeDomain/Library/SMS/sms.db",
    "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG",
    "AppDomain-com.example.notes/Documents/a.txt",
    "MediaDomain/Library/SMS/Attachments/Grüße 🌍.txt",
)

MakePhone = Callable[..., SimulatedPhone]


def notes() -> App:
    return App("com.example.notes", "Notes", group_ids=("group.com.example.notes",))


@pytest.fixture
def new(make_phone: MakePhone) -> SimulatedPhone:
    """A phone in use: with messages, a photo, settings, and learned words."""
    phone = make_phone(ios_version="27.0", backup_password=NEW_PASSWORD)
    phone.apps["com.example.notes"] = notes()
    files = phone.files
    files.add_file("HomeDomain", "Library/SMS/sms.db", b"three messages")
    files.add_file("HomeDomain", "Library/Preferences/own.plist", b"a setting of its own")
    files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", b"another photo of this name")
    files.add_file("CameraRollDomain", "Media/DCIM/101APPLE/IMG_1001.JPG", b"its own photo")
    files.add_file("KeyboardDomain", "Library/Keyboard/dynamic.lm", b"what it has learned")
    files.add_file("AppDomain-com.example.notes", "Documents/a.txt", b"its own note")
    files.add_file("AppDomain-com.example.notes", "Documents/b.txt", b"another note of its own")
    return phone


@pytest.mark.parametrize("encrypted", [True, False], ids=["old-encrypted", "old-plain"])
def test_chosen_records_arrive_and_the_phone_keeps_everything_else(
    host: Any,
    make_host: Callable[[Path], Any],
    make_phone: MakePhone,
    new: SimulatedPhone,
    tmp_path: Path,
    encrypted: bool,
) -> None:
    old = make_phone(backup_password=OLD_PASSWORD if encrypted else None)
    old.apps["com.example.notes"] = notes()
    for phone in (old, new):
        assert host.backup(phone)["ErrorCode"] == 0
    with Backup.open(host.root / old.udid, OLD_PASSWORD if encrypted else None) as saved:
        wanted = {r.file_id for r in saved.records() if f"{r.domain}/{r.relative_path}" in CHOSEN}
    assert len(wanted) == len(CHOSEN)
    before = new.files.digests()
    made = compose(
        SetRequest(
            source=host.root / old.udid,
            password=OLD_PASSWORD if encrypted else None,
            into=tmp_path / "set",
            strategy="graft",
            wanted=wanted,
            base=host.root / new.udid,
            base_password=NEW_PASSWORD,
        )
    )
    assert made.path.name == new.udid and made.dropped == ()
    assert verify(made.path, NEW_PASSWORD, seals=None).verdict == "whole"

    asked = {"Password": NEW_PASSWORD, "RemoveItemsNotRestored": False, "RestorePreserveSettings": True}
    answer = make_host(tmp_path / "set").restore(new, new.udid, **asked)
    assert answer["ErrorCode"] == 0, answer
    new.reboot()
    after, theirs = new.files.digests(), old.files.digests()
    assert {path: after[path] for path in CHOSEN} == {path: theirs[path] for path in CHOSEN}
    nothing = after.keys() - before.keys() - set(CHOSEN)
    assert {path.removeprefix(CHOSEN[0]) for path in nothing} <= {"-wal", "-shm", "-journal"}
    lost = {path for path in before.keys() - after.keys() if "Caches" not in path}
    changed = {path for path in before.keys() & after.keys() if before[path] != after[path]}
    assert not lost and changed <= set(CHOSEN)
    assert new.backup_password == NEW_PASSWORD


def test_the_same_records_as_an_overlay_delete_the_phones_own(
    host: Any, make_phone: MakePhone, make_host: Callable[[Path], Any], new: SimulatedPhone, tmp_path: Path
) -> None:
    """The reason for grafts: without the phone's own complete domains, iOS 27 deletes what the set lacks."""
    old = make_phone(backup_password=OLD_PASSWORD)
    assert host.backup(old)["ErrorCode"] == 0
    with Backup.open(host.root / old.udid, OLD_PASSWORD) as saved:
        wanted = {r.file_id for r in saved.records() if f"{r.domain}/{r.relative_path}" in CHOSEN[:2]}
    compose(
        SetRequest(
            source=host.root / old.udid,
            password=OLD_PASSWORD,
            into=tmp_path / "set",
            strategy="overlay",
            wanted=wanted,
        )
    )
    asked = {"Password": OLD_PASSWORD, "RemoveItemsNotRestored": False, "RestorePreserveSettings": True}
    assert make_host(tmp_path / "set").restore(new, old.udid, **asked)["ErrorCode"] == 0
    new.reboot()
    assert "HomeDomain/Library/Preferences/own.plist" not in new.files.digests()
