"""An old phone's backup and the new phone's own, for sets that hold records of both."""

from __future__ import annotations

import plistlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.backup.restore_set.compose import RestoreSet
from migrate.categories.choose import Choice, choose
from migrate.categories.claims import Claims
from tests.backup.small_backup import SmallBackup, database

Key = tuple[str, str]

NEW_PASSWORD = "battery-staple-2026"
NEW_UDID = "00008140-0002222222222222"

MESSAGES = ("HomeDomain", "Library/SMS/sms.db")
ATTACHMENT = ("MediaDomain", "Library/SMS/Attachments/00/letter.txt")
NOTES = ("AppDomain-com.example.notes", "Documents/notes.sqlite")
GAME = ("AppDomain-com.example.game", "Documents/level.dat")
OLD_PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
OWN_PHOTO = ("CameraRollDomain", "Media/DCIM/101APPLE/IMG_1001.JPG")
KEYCHAIN = ("KeychainDomain", "keychain-backup.plist")


@dataclass
class NewPhone(SmallBackup):
    """The new phone's own backup: other keys, another password, another UDID, a newer iOS."""

    @property
    def password(self) -> str | None:
        return NEW_PASSWORD if self.encrypted else None

    def info(self) -> dict[str, Any]:
        return {**super().info(), "Target Identifier": NEW_UDID, "Unique Identifier": NEW_UDID, "Device Name": "New"}

    def manifest_plist(self) -> dict[str, Any]:
        plist = super().manifest_plist()
        plist["Lockdown"].update(UniqueDeviceID=NEW_UDID, DeviceName="New", ProductType="iPhone17,3")
        return plist


def new_phone(folder: Path, *, encrypted: bool = True, ios_version: str = "27.0") -> NewPhone:
    phone = NewPhone(folder / NEW_UDID, encrypted, ios_version=ios_version)
    for suffix, content in database(7, table="message", leave_log=True).items():
        phone.add_file(MESSAGES[0], MESSAGES[1] + suffix, content)
    phone.add_file("HomeDomain", "Library/Preferences/com.apple.springboard.plist", plistlib.dumps({"new": True}))
    phone.add_file("HomeDomain", "Library/Passes/card.pkpass", b"only on the new phone")
    phone.add_symlink("HomeDomain", "Library/Preferences/own.plist", "elsewhere.plist")
    phone.add_file(*OWN_PHOTO, b"\xff\xd8 taken with the new phone")
    phone.add_file("KeyboardDomain", "Library/Keyboard/dynamic.lm", b"what it has learned")
    phone.add_file("KeychainDomain", "keychain-backup.plist", plistlib.dumps({"genp": []}), protection_class=4)
    phone.add_file("MediaDomain", "Media/Recordings/own.m4a", b"stays on the phone, as in an overlay")
    phone.add_app("com.example.game")
    phone.add_app("com.example.own")
    phone.applications["com.example.game"]["CFBundleVersion"] = "50"
    phone.add_file(*GAME, b"level 1")
    phone.add_file("AppDomain-com.example.own", "Documents/own.txt", b"its own")
    phone.write()
    return phone


def ids(backup: SmallBackup, *keys: Key) -> frozenset[str]:
    return frozenset(backup.records[key].file_id for key in keys)


def contents(made: RestoreSet) -> dict[Key, bytes]:
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        return {
            (record.domain, record.relative_path): opened.read(record, 1 << 24)
            for record in opened.records()
            if record.kind is Kind.FILE
        }


def archives(folder: Path, password: str | None) -> dict[Key, bytes]:
    with Backup.open(folder, password) as opened:
        return {(row.domain, row.relative_path): row.file for row in opened.manifest.rows()}


def choice_and_counterparts(
    old: tuple[Path, str | None],
    new: tuple[Path, str | None],
    *,
    categories: Collection[str],
    apps: Collection[str] = (),
) -> tuple[Choice, frozenset[str]]:
    """What a choice claims in the backup of the old phone, and the file ids of what it claims in that of the new."""
    with Backup.open(*old) as opened:
        choice = choose(opened.records(), Claims.of(opened), categories=categories, apps=apps or None)
    with Backup.open(*new) as opened:
        claims = Claims.of(opened)
        claimed = (one for one in opened.records() if claims.owners(one.domain, one.relative_path) & choice.owners)
        return choice, frozenset(one.file_id for one in claimed)
