"""Turn a phone's encrypted backups on or off, or change their password, and test at once what the phone took.

A password that nobody knows exactly locks every later backup for good, so a new one is never believed: the keybag of a
backup here is opened with it, or the phone is asked whether it accepts it.
"""

from __future__ import annotations

import asyncio
import plistlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import PLIST_LIMIT_BYTES
from migrate.backup.private_files import write_atomically
from migrate.journey.home import Home
from migrate.phone.facts import PhoneFacts
from migrate.phone.mobilebackup2.password import KEY_FILES
from migrate.phone.phone import Phone
from migrate.plists import NotAPlist, load_plist
from migrate.problems import (
    BackupPasswordUntested,
    CancelledOnPhone,
    EncryptionForced,
    KeybagUnreadable,
    KeyUnusable,
    NewPasswordRefused,
    PasscodeNotEntered,
    PasscodeWaitOver,
    PhoneLocked,
    PhoneLost,
    PhoneSilent,
    WrongPassword,
)
from migrate.problems.finding import Finding
from migrate.progress import Progress

Tested = Literal["keybag", "phone"]
"""How a new password was tested: it opened a backup's rewrapped keybag, or the phone accepted it when asked."""
NOT_ASKED_ERRORS = (PasscodeNotEntered, PasscodeWaitOver, CancelledOnPhone, PhoneLocked, PhoneLost, PhoneSilent)
"""Why a phone may leave the question open: the new password is set all the same."""


@dataclass(frozen=True)
class EncryptionChange:
    """What a change did."""

    tested: Tested | None = None
    backup: Path | None = None
    """The working backup, if the new password now opens it too."""
    findings: tuple[Finding, ...] = ()


async def turn_on(phone: Phone, new: str, progress: Progress) -> EncryptionChange:
    """Set a password on a phone that has none. Its passcode is asked for twice: to set it, and to test it.

    Raises:
        WrongPhonePassword: it has one already.
        NewPasswordRefused; what `change_backup_password` raises.
    """
    await phone.change_backup_password(None, new, progress=progress)
    return await _asked(phone, new, progress)


async def turn_off(phone: Phone, old: str, progress: Progress) -> EncryptionChange:
    """Remove the password. The backups that exist keep it.

    Raises:
        WrongPhonePassword; what `change_backup_password` raises.
    """
    await phone.change_backup_password(old, None, progress=progress)
    return EncryptionChange()


def refuse_forced_encryption(facts: PhoneFacts) -> None:
    """Refuse to turn encryption off on a managed phone that must have it, before anybody looks for a password.

    Raises:
        EncryptionForced.
    """
    if facts.requires_encryption:
        raise EncryptionForced(facts.name_or_model)


async def change_password(phone: Phone, home: Home, old: str, new: str, progress: Progress) -> EncryptionChange:
    """Set another password, on the phone and on its working backup, which so stays one that the next backup adds to.

    Earlier states of that backup, in runs and snapshots, keep the old one.

    Raises:
        WrongPhonePassword: `old` is wrong. BackupBusy: another process uses the working backup.
        NewPasswordRefused; what `change_backup_password` raises.
    """
    backup = home.working_backup(phone.facts.udid)
    with home.lock_working_backup(backup.name, phone.facts.name_or_model):
        ours = key_files(backup)
        theirs = await phone.change_backup_password(old, new, progress=progress, key_files=ours)
        try:
            rewrapped = await asyncio.to_thread(_rewrapped, ours, theirs, new)
        except (WrongPassword, KeybagUnreadable, KeyUnusable) as error:
            raise NewPasswordRefused(phone.facts.name_or_model) from error
        for name, content in rewrapped.items():
            write_atomically(backup / name, content)
        if rewrapped:
            return EncryptionChange("keybag", backup if "Manifest.plist" in rewrapped else None)
        return await _asked(phone, new, progress)


def key_files(backup: Path) -> dict[str, bytes]:
    """The files of an encrypted backup that hold its keybag; none if there is no such backup."""
    found = {}
    for name in KEY_FILES:
        path = backup / name
        if path.is_file() and path.stat().st_size <= PLIST_LIMIT_BYTES["Manifest.plist"]:
            content = path.read_bytes()
            if _properties(content).get("IsEncrypted") is True:
                found[name] = content
    return found


def _properties(content: bytes) -> dict[str, Any]:
    try:
        properties = load_plist(content)
    except NotAPlist:
        return {}
    return properties if isinstance(properties, dict) else {}


def _rewrapped(ours: dict[str, bytes], theirs: dict[str, bytes], new: str) -> dict[str, bytes]:
    """Our files with the keybags that the phone has rewrapped, each opened with the new password first.

    Only the keybag is taken from the phone, and it has to open our own ManifestKey: then it holds the same keys.

    Raises:
        WrongPassword, KeybagUnreadable, KeyUnusable: it does not open with the new password, or holds other keys.
    """
    opened: dict[bytes, Any] = {}  # both files usually have the same bag, and opening one takes seconds
    done = {}
    for name, before in ours.items():
        properties, bag = _properties(before), _properties(theirs.get(name, b"")).get("BackupKeyBag")
        if not isinstance(bag, bytes) or bag == properties.get("BackupKeyBag"):
            continue  # left as it was: it does not belong to the phone's password
        if bag not in opened:
            opened[bag] = Keybag.from_bytes(bag).unlock(new)
        if isinstance(key := properties.get("ManifestKey"), bytes):
            opened[bag].unwrap(key)
        done[name] = plistlib.dumps({**properties, "BackupKeyBag": bag}, fmt=plistlib.FMT_BINARY)
    return done


async def _asked(phone: Phone, new: str, progress: Progress) -> EncryptionChange:
    """Ask the phone whether it accepts the password it was just given.

    Raises:
        NewPasswordRefused.
    """
    name = phone.facts.name_or_model
    try:
        accepts = await phone.is_backup_password(new, progress=progress)
    except NOT_ASKED_ERRORS as error:
        return EncryptionChange(findings=(BackupPasswordUntested(name, error.what).as_finding(),))
    if not accepts:
        raise NewPasswordRefused(name)
    return EncryptionChange("phone")
