"""Errors of a backup on disk: reading, checking, extracting, composing."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from migrate.problems.root import MigrateError
from migrate.units import format_bytes


@dataclass(eq=False)
class DiskFullHere(MigrateError):
    """This computer's disk filled up while a copy or a restore set was made from a saved backup."""

    folder: str
    system_said: str
    exit_code = 33

    def what(self) -> str:
        return f"There is no room left on this computer's disk for {self.folder}."

    def why(self) -> str:
        return (
            f"The system answered: {self.system_said}. What was begun there has been removed; the backup is unchanged."
        )

    def next(self) -> str:
        return f"Free some space on that disk, then {self.again}."


@dataclass(eq=False)
class StrangeFileInBackup(MigrateError):
    """A backup folder holds something that is neither a file nor a folder."""

    path: str
    exit_code = 30

    def what(self) -> str:
        return f"{self.path} does not belong into a backup."

    def why(self) -> str:
        return "It is a link or a device, and backups hold only files and folders; following it could lose other data."

    def next(self) -> str:
        return "Look what put it there and take it away, then check the backup with: migrate verify BACKUP"


@dataclass(eq=False)
class CannotCompose(MigrateError):
    """A saved backup cannot be made into a restore set that a phone would accept."""

    path: str
    reason: str
    exit_code = 30

    def what(self) -> str:
        return f"No restore set can be made from the backup {self.path}."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return f"See what else is wrong with it: migrate verify {self.path}"


@dataclass(eq=False)
class GraftWouldDelete(MigrateError):
    """The new phone's own backup cannot give back something of the domains that the phone takes as exact sets."""

    path: str
    domain: str
    relative_path: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"{self.domain} {self.relative_path} would be deleted from the new phone."

    def why(self) -> str:
        return f"The phone deletes what it is not sent, and its own backup in {self.path} lacks this: {self.reason}."

    def next(self) -> str:
        return "Save the new phone again, and go on with that backup"


@dataclass(eq=False)
class UnsafeName(MigrateError):
    """A phone or a backup named a place outside the folder it may touch. Theirs, never the person's."""

    name: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The name {self.name[:200]!r} was refused: nothing was read or written there."

    def why(self) -> str:
        return f"It {self.reason}; a healthy iPhone or backup never names such a place."

    def next(self) -> str:
        return "Check where the backup or the phone comes from; with a healthy one, please report this name to us."


@dataclass(eq=False)
class BackupNotFound(MigrateError):
    path: Path
    candidates: tuple[str, ...] = ()
    exit_code: ClassVar[int] = 2

    def what(self) -> str:
        return f"{self.path} is not one iPhone backup."

    def why(self) -> str:
        if self.candidates:
            return f"It holds {len(self.candidates)} backups: {', '.join(self.candidates[:8])}."
        return "Neither it nor a folder directly in it holds Manifest.db or Manifest.mbdb."

    def next(self) -> str:
        if self.candidates:
            return f"Name one of them, for instance: {self.path / self.candidates[0]}"
        return "Name the folder that holds Manifest.db, or the folder around exactly one such folder."


@dataclass(eq=False)
class BackupForbidden(MigrateError):
    """The system keeps us out of a folder: somebody else's, or on a Mac without Full Disk Access."""

    path: Path
    system_said: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return f"{self.path} may not be read."

    def why(self) -> str:
        return f"The system answered: {self.system_said}."

    def next(self) -> str:
        return (
            "Check whose folder it is; on a Mac, switch your terminal on in System Settings, Privacy & Security, "
            "Full Disk Access, and open it anew."
        )


@dataclass(eq=False)
class BackupUnreadable(MigrateError):
    path: Path
    part: str  # the file inside the backup: "Manifest.db"
    reason: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return f"The backup {self.path} cannot be read."

    def why(self) -> str:
        return f"{self.part}: {self.reason}."

    def next(self) -> str:
        return "Save the phone again with migrate backup, or name another backup of it."


@dataclass(eq=False)
class KeybagUnreadable(MigrateError):
    reason: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return "The backup's keybag cannot be read, so nothing in it can be decrypted."

    def why(self) -> str:
        return f"BackupKeyBag in Manifest.plist: {self.reason}."

    def next(self) -> str:
        return "Save the phone again with migrate backup, or name another backup of it."


@dataclass(eq=False)
class BackupUnfinished(MigrateError):
    path: Path
    state: str  # Status.plist's SnapshotState: "uploading", "moving", "removing"; "" where there is none
    exit_code: ClassVar[int] = 34

    def what(self) -> str:
        return f"The backup {self.path} was never finished."

    def why(self) -> str:
        return f"Its Status.plist says {self.state!r}, not 'finished'." if self.state else "It has no finished state."

    def next(self) -> str:
        return "Connect the phone and run migrate backup: it goes on where the backup stopped."


@dataclass(eq=False)
class PasswordMissing(MigrateError):
    path: Path
    exit_code: ClassVar[int] = 32

    def what(self) -> str:
        return f"The backup {self.path} is encrypted and no password was given."

    def why(self) -> str:
        return "Its Manifest.plist says IsEncrypted."

    def next(self) -> str:
        return "Give the backup password with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD."


@dataclass(eq=False)
class WrongPassword(MigrateError):
    backup: str = ""  # the folder, where it is known
    exit_code: ClassVar[int] = 32

    def what(self) -> str:
        return f"The password does not open {f'the backup {self.backup}' if self.backup else 'the backup'}."

    def why(self) -> str:
        return "It opens none of the keys that the backup keeps under its password."

    def next(self) -> str:
        return (
            "Try the password given when backups of this phone were first encrypted; it is not the passcode. "
            f"Then {self.again}"
        )


@dataclass(eq=False)
class BadRecord(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The manifest's row for {self.domain or '?'} {self.relative_path or self.file_id!r} is damaged."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return "Save the phone again with migrate backup; until then this one file cannot move."


@dataclass(eq=False)
class BlobMissing(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The stored bytes of {self.domain} {self.relative_path} are not in the backup."

    def why(self) -> str:
        return f"The manifest lists {self.file_id}, and there is no such file in the folder."

    def next(self) -> str:
        return "Run migrate verify on the backup to see what else is missing, then migrate backup to fetch it again."


@dataclass(eq=False)
class BlobUnreadable(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The stored bytes of {self.domain} {self.relative_path} cannot be read."

    def why(self) -> str:
        return f"{self.file_id}: {self.reason}."

    def next(self) -> str:
        return "Run migrate verify on the backup to see what else is damaged, then migrate backup to fetch it again."


@dataclass(eq=False)
class KeyUnusable(MigrateError):
    """A wrapped key that the unlocked keybag does not open. `BlobUnreadable` carries it where the file is known."""

    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return "A key in the backup cannot be unwrapped."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return "Run migrate verify on the backup to see which files it touches."


@dataclass(eq=False)
class SealDamaged(MigrateError):
    path: Path
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The seal {self.path} cannot be read, so the backup it belongs to cannot be compared with it."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return f"Delete {self.path} and run migrate backup: it takes a new seal."


@dataclass(eq=False)
class WouldOverwrite(MigrateError):
    """`migrate extract` into a folder that has some of the files already."""

    folder: str
    count: int
    first: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing was taken out: {self.folder} has {self.count:,} of the chosen files already."

    def why(self) -> str:
        return f"The first one is {self.first}, and what is there is never replaced."

    def next(self) -> str:
        return "Name a new or empty folder with --to DIR."


@dataclass(eq=False)
class ExtractIntoBackup(MigrateError):
    """`migrate extract` into the backup itself, or around it."""

    folder: str
    backup: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing was taken out: {self.folder} and the backup {self.backup} lie in one another."

    def why(self) -> str:
        return "A saved backup is never changed, and other programs would take its folder for damaged."

    def next(self) -> str:
        return "Name a folder elsewhere with --to DIR."


@dataclass(eq=False)
class NothingToExtract(MigrateError):
    """`migrate extract` of what the backup does not have."""

    backup: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing in the backup {self.backup} is what you asked for."

    def why(self) -> str:
        return "No file of it belongs to the categories and apps you named, or has a name like those you gave."

    def next(self) -> str:
        return "See what is in it: migrate show BACKUP"


@dataclass(eq=False)
class CannotExtractHere(MigrateError):
    """The folder that files are taken out into cannot be written, or its disk is full."""

    folder: str
    system_said: str
    exit_code = 33

    def what(self) -> str:
        return f"Files could not all be written to {self.folder}."

    def why(self) -> str:
        return f"The system answered: {self.system_said}. The files that are there are whole; the backup is unchanged."

    def next(self) -> str:
        if self.system_said == os.strerror(errno.ENOSPC):
            return "Free some space on that disk, or name a new folder on another one with --to DIR."
        return "Name a new folder that you may write to with --to DIR."


@dataclass(eq=False)
class BackupTooOld(MigrateError):
    """A backup of iOS 5 to 9 stands in for the old phone: such a one can be read, and not restored."""

    path: str
    ios_version: str
    exit_code = 40

    def what(self) -> str:
        return f"The backup {self.path} is too old to be moved to another iPhone by this program."

    def why(self) -> str:
        version = f"iOS {self.ios_version}" if self.ios_version else "iOS 9 or older"
        return f"It is of {version}, and up to iOS 9 phones kept their list of files in another form (Manifest.mbdb)."

    def next(self) -> str:
        return (
            f"Take your files out of it: migrate extract {self.path} --to DIR. Finder and iTunes can still restore it."
        )


@dataclass(eq=False)
class HealNeedsPhone(MigrateError):
    """A damaged backup is to be healed, and its phone is not connected."""

    path: str
    udid: str
    count: int  # damaged records
    seen: tuple[str, ...]
    exit_code = 20

    def what(self) -> str:
        return f"{self.path} is damaged, and the iPhone {self.udid} that it is of is not connected."

    def why(self) -> str:
        files = "1 of its files is" if self.count == 1 else f"{self.count:,} of its files are"
        defects = f"{files} damaged or missing" if self.count else "What is damaged is not a file of its own"
        return f"{defects}. This computer sees: {', '.join(self.seen) or 'no phone'}."

    def next(self) -> str:
        gone = "; if it is gone, heal without it: migrate repair BACKUP --without-phone" if self.count else ""
        return f"Connect that phone, unlock it and {self.again}{gone}."


@dataclass(eq=False)
class HealNeedsRoom(MigrateError):
    """Healing may need as much room as the whole backup, and there is not so much."""

    path: str
    needed_bytes: int
    free_bytes: int
    reason: str
    exit_code = 33

    def what(self) -> str:
        return f"There is not enough room on the disk of {self.path} to heal it."

    def why(self) -> str:
        return (
            f"At worst {format_bytes(self.needed_bytes)} are needed, because {self.reason}; "
            f"{format_bytes(self.free_bytes)} are free. Nothing was changed."
        )

    def next(self) -> str:
        return f"Free that room, or copy the backup to a larger disk and name it there; then {self.again}."


@dataclass(eq=False)
class CannotHealWithoutPhone(MigrateError):
    """What is wrong with the backup is not one of its files, so leaving files out does not help."""

    path: str
    first: str
    count: int
    exit_code = 30

    def what(self) -> str:
        return f"{self.path} cannot be healed without its phone."

    def why(self) -> str:
        more = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
        return f"{self.first}{more} Only a new save brings that back; leaving damaged files out does not."

    def next(self) -> str:
        return f"Connect the phone and run: migrate repair {self.path}"


@dataclass(eq=False)
class CannotHealHere(MigrateError):
    """The folder around a backup cannot be written."""

    folder: str
    system_said: str
    exit_code = 33

    def what(self) -> str:
        return f"Nothing can be changed in {self.folder}, where the backup lies."

    def why(self) -> str:
        return f"The system answered: {self.system_said}. The backup is as it was."

    def next(self) -> str:
        return (
            "Check that the folder is yours, or copy the backup to a folder that is and name it there; then run again."
        )


@dataclass(eq=False)
class HealStopped(MigrateError):
    """Ctrl-C while a backup was healed."""

    path: str
    exit_code = 50

    def what(self) -> str:
        return f"Stopped while {self.path} was healed, because you asked."

    def why(self) -> str:
        return "The backup is as it was; what the phone has sent so far is kept beside it."

    def next(self) -> str:
        return f"Go on with: migrate repair {self.path}"


@dataclass(eq=False)
class ExtractStopped(MigrateError):
    """Ctrl-C while files were taken out of a backup."""

    folder: str
    exit_code = 130

    def what(self) -> str:
        return f"Stopped while files were written to {self.folder}, because you asked."

    def why(self) -> str:
        return "The files that are there are whole; the one that was being written has been removed."

    def next(self) -> str:
        return "Delete that folder, or name another with --to DIR, and run the same command again."
