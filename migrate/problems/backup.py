"""Problems of a backup on disk: opening, extracting, composing, repairing. What `verify` finds is in `damage.py`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from migrate.language import _
from migrate.problems.problem import Command, MigrateError, Problem, RecordProblem, by_count, when

# -- opening ---------------------------------------------------------------------------------------------------------


class BackupNotFound(MigrateError):
    path: Path
    candidates: tuple[str, ...] = ()
    exit_code = 2

    what = when(
        "candidates",
        "{path} holds several backups, and it is not clear which one you mean.",
        otherwise=when("is_there", "There is no iPhone backup in {path}.", otherwise="There is no folder {path}."),
    )
    why = when(
        "candidates",
        "It holds {number} backups: {shown}.",
        otherwise=when(
            "is_there",
            "Neither it nor a folder directly inside it holds Manifest.db or Manifest.mbdb.",
            otherwise="Its name, or the name of a folder around it, may be misspelled.",
        ),
    )
    next = when(
        "candidates",
        "Name one of them, for example: {example}",
        otherwise="Name the folder that holds Manifest.db. To list the backups on this computer: {list_backups}",
    )

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    @property
    def number(self) -> int:
        return len(self.candidates)

    @property
    def shown(self) -> tuple[str, ...]:
        return self.candidates[:8]

    @property
    def example(self) -> Path:
        return self.path / self.candidates[0]


class BackupForbidden(MigrateError):
    """The system denies access to a folder: another user's, or on a Mac without Full Disk Access."""

    path: Path
    system_said: str
    exit_code = 31
    what = "This computer does not let migrate read {path}."
    why = "The system answered: {system_said}."
    next = (
        "Check who owns the folder. On a Mac, turn your terminal on in System Settings, Privacy & Security, Full Disk "
        "Access, and open it again."
    )


class BackupUnreadable(MigrateError):
    path: Path
    part: str  # the file inside the backup: "Manifest.db"
    reason: str
    exit_code = 31
    what = "The backup {path} cannot be read."
    why = "{part}: {reason}."
    next = "Use another backup of the phone, or back it up again: {back_up_phone}"


class KeybagUnreadable(MigrateError):
    """The keys of the backup are damaged. An unencrypted backup has them too, and does not need them."""

    reason: str
    needed: bool = True
    exit_code = 31
    severity = when("needed", "error", otherwise="warning")
    what = when(
        "needed",
        "The backup's keys are damaged, so nothing in it can be decrypted.",
        otherwise="The backup's keys are damaged. It is not encrypted, so they are not needed.",
    )
    why = "BackupKeyBag in Manifest.plist: {reason}."
    next = "Use another backup of the phone, or back it up again: {back_up_phone}"


class BackupUnfinished(MigrateError):
    path: Path
    state: str  # Status.plist's SnapshotState: "uploading", "moving", "removing"; "" where there is none
    exit_code = 34
    what = "The backup {path} is unfinished."
    why = when(
        "state",
        'The phone stopped in the middle (state "{state}"). What it had sent by then is kept.',
        otherwise="The phone never reported that it was finished. What it had sent by then is kept.",
    )
    next = "Connect the phone and continue the backup where it stopped: {back_up_phone}"
    next_in_wizard = "Choose another backup, or the phone itself: its backup continues where it stopped."


class PasswordMissing(MigrateError):
    path: Path
    exit_code = 32
    what = "The backup {path} is encrypted, and no password was given."
    why = "Without its password the contents cannot be read or checked."
    next = "Give the backup password with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD. Then {again}"
    next_in_wizard = "Enter it when you are asked for it: {again}"


class WrongPassword(MigrateError):
    backup: str = ""  # the folder, where it is known
    exit_code = 32
    what = when(
        "backup",
        "The password does not open the backup {backup}.",
        otherwise="The password does not open the backup.",
    )
    what_in_wizard = "That password does not open the backup on this computer."
    why = "It unlocks none of the keys in the backup."
    next = (
        "Try the password that was set when backups of this phone were first encrypted. It is not the passcode. "
        "Then {again}"
    )


class BadRecord(MigrateError):
    """A row of the manifest that cannot be used."""

    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code = 30
    code = "bad-record"
    what = "The backup's entry for {place} is damaged."
    why = "{reason!c}. All other files can still be used."
    next = "Back up the phone again: {back_up_phone}"

    @property
    def place(self) -> str:
        return f"{self.domain or '?'} {self.relative_path or repr(self.file_id)}"


class EntriesNotCounted(Problem):
    """`show` counts what can be read."""

    count: int
    severity = "warning"
    what = by_count(
        "count",
        "One entry of the backup is damaged and was not counted.",
        "{count:,} entries of the backup are damaged and were not counted.",
    )
    why = "All other entries were read."
    next = "See which they are: {verify_backup}"


class BlobMissing(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    exit_code = 30
    what = "{relative_path} ({domain}) is missing from the backup."
    why = "The backup lists it, but its contents ({file_id}) are not in the folder."
    next = "See what else is missing with {verify_backup} and fetch it from the phone with: {repair_backup}"


class BlobUnreadable(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code = 30
    what = "{relative_path} ({domain}) cannot be read from the backup."
    why = "{file_id}: {reason}."
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class BlobChanged(MigrateError):
    """The stored bytes are not those that were sealed while the phone sent them."""

    file_id: str
    domain: str
    relative_path: str
    exit_code = 30
    what = "{relative_path} ({domain}) has changed in the backup since the phone sent it."
    why = "Its stored contents ({file_id}) are not those that arrived: the disk or another program altered them."
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class KeyUnusable(MigrateError):
    """A wrapped key that the unlocked keybag does not open. `BlobUnreadable` carries it where the file is known."""

    reason: str
    exit_code = 30
    what = "A file in the backup cannot be decrypted, because its key is damaged."
    why = "{reason!c}."
    next = "See which files are affected: {verify_backup}"


class SealDamaged(MigrateError):
    path: Path
    reason: str
    exit_code = 30
    severity = "warning"
    what = "The seal {path} is damaged, so the backup cannot be compared with it."
    why = "{reason!c}. The backup itself is not affected."
    next = "Delete {path} and back up the phone again, which makes a new seal: {back_up_phone}"


class StrangeFileInBackup(MigrateError):
    """A backup folder holds something that is neither a file nor a folder."""

    path: str
    exit_code = 30
    what = "{path} does not belong in a backup."
    why = "It is a link or a device. Backups hold only files and folders, and following it could damage other data."
    next = "Find out what put it there and remove it. Then check the backup: {verify_backup}"


class UnsafeName(MigrateError):
    """A phone or a backup named a place outside the folder it may touch. Theirs, never the person's."""

    name: str
    reason: str
    exit_code = 30
    what = "The file name {shown} was refused. Nothing was read or written there."
    why = "It {reason}. A healthy iPhone or backup never names such a place."
    next = "Check where the backup or the phone comes from. If you trust it, please report this name."

    @property
    def shown(self) -> str:
        return repr(self.name[:200])


# -- extracting ------------------------------------------------------------------------------------------------------


class WouldOverwrite(MigrateError):
    """`migrate extract` into a folder that has some of the files already."""

    folder: str
    count: int
    first: str
    exit_code = 2
    what = by_count(
        "count",
        "Nothing was extracted: {folder} already has one of the chosen files.",
        "Nothing was extracted: {folder} already has {count:,} of the chosen files.",
    )
    why = "The first one is {first}. migrate never overwrites a file."
    next = "Name a new or empty folder with --to DIR."


class ExtractIntoBackup(MigrateError):
    """`migrate extract` into the backup itself, or around it."""

    folder: str
    backup: str
    exit_code = 2
    what = "Nothing was extracted: {folder} and the backup {backup} lie inside one another."
    why = "migrate never changes a backup, and other programs would think the backup is damaged."
    next = "Name a folder elsewhere with --to DIR."


class NothingToExtract(MigrateError):
    """`migrate extract` of what the backup does not have."""

    backup: str
    exit_code = 2
    show = Command("show", "{backup}")
    what = "The backup {backup} holds nothing that you asked for."
    why = "No file in it belongs to the categories and apps you named, or matches the names you gave."
    next = "See what is in it: {show}"


class CannotExtractHere(MigrateError):
    """The folder that files are extracted into cannot be written, or its disk is full."""

    folder: str
    system_said: str
    exit_code = 33
    what = "Some files could not be written to {folder}."
    why = "The system answered: {system_said}. The files already written are complete, and the backup is unchanged."
    next = when(
        "disk_full",
        "Free some space on that disk, then {again} It continues where it stopped.",
        otherwise="Name a new folder that you can write to with --to DIR.",
    )

    @property
    def disk_full(self) -> bool:
        return self.system_said == os.strerror(errno.ENOSPC)


class ExtractStopped(MigrateError):
    """Ctrl-C while files were extracted."""

    folder: str
    exit_code = 130
    what = "You stopped the extraction to {folder}."
    why = "The files already written are complete. The unfinished one was removed."
    next = "Continue where it stopped: {again}"


class ExtractRecordBad(RecordProblem):
    reason: str
    exit_code = 30
    what = "{file} was not extracted."
    why = "Its entry in the backup is damaged: {reason}."
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExtractNeedsRoom(MigrateError):
    """The chosen files are larger than the free space of the disk they should be extracted to."""

    folder: str
    needed_bytes: int
    free_bytes: int
    exit_code = 33
    what = "There is not enough space for these files on the disk of {folder}."
    why = "They need {needed_bytes}, and {free_bytes} are free. Nothing was written."
    next = "Free some space on that disk, or name a folder on another disk with --to DIR."


class ExtractEmptied(RecordProblem):
    size: int
    exit_code = 30
    what = "{file} was not extracted: it is empty in the backup."
    why = "The phone reported {size:,} bytes for it, and none of them are here."
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExtractDamaged(RecordProblem):
    reason: str
    exit_code = 30
    what = "{file} is damaged. What is left of it was extracted."
    why = "{reason!c}."
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExtractNameChanged(RecordProblem):
    """A name that the phone's file system would not keep either: `a//b`, `./a`."""

    place: str
    severity = "warning"
    what = "{file} was extracted under another name: {place}."
    why = "Its name has an empty part or a part that is only a dot. No iPhone writes such names."
    next = "Find out which program made the backup, if you do not know it."


class ExtractNamesMeet(RecordProblem):
    reason: str
    exit_code = 30
    what = "{file} was not extracted: another entry of the backup has its place."
    why = "{reason!c}."
    next = "See what else is wrong with the backup: {verify_backup}"


class ExtractMissing(RecordProblem):
    exit_code = 30
    what = "{file} was not extracted."
    why = "The backup lists it, but its contents are not in the folder."
    next = "See what else is missing with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExtractUnreadable(RecordProblem):
    reason: str  # a whole sentence
    exit_code = 30
    what = "{file} was not extracted."
    why = "{reason}"
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExtractNameImpossible(RecordProblem):
    reason: str
    exit_code = 33
    what = "{file} was not extracted: this computer's disk cannot hold a file of that name."
    why = "{reason!c}. The backup is unchanged."
    next = "Extract it to a folder on another disk with --to DIR, and name it with --match."


class ExtractNameUnsafe(RecordProblem):
    reason: str
    exit_code = 30
    what = "{file} was not extracted: no iPhone gives a file such a name."
    why = "{reason!c}, so something other than a phone wrote this entry."
    next = "See what else is wrong with the backup: {verify_backup}"


class ExtractLinkLeftOut(RecordProblem):
    reason: str
    severity = "info"
    what = "The symbolic link {file} was not extracted."
    why = "{reason!c}. A link has no content, so no data is missing."
    next = "Do nothing."


class ExtractCaughtMidWrite(RecordProblem):
    severity = "warning"
    what = "{file} was being written by an app while the phone was backed up. Its end may be old or incomplete."
    why = "It does not end as encrypted files do. Everything in it was extracted."
    next = "Look at it. A later backup of the phone may hold it complete."


# -- composing -------------------------------------------------------------------------------------------------------


class DiskFullHere(MigrateError):
    """This computer's disk filled up while a copy or a restore set was made from a backup."""

    folder: str
    system_said: str
    exit_code = 33
    what = "This computer's disk is full: there is no space for {folder}."
    why = "The system answered: {system_said}. The unfinished copy was removed, and the backup is unchanged."
    next = "Free some space on that disk. Then {again}"


class CannotCompose(MigrateError):
    """A backup cannot be made into a restore set that a phone would accept."""

    path: str
    reason: str
    exit_code = 30
    verify = Command("verify", "{path}")
    what = "The backup {path} cannot be prepared for the new iPhone."
    why = "{reason!c}. The backup is unchanged."
    next = "See what else is wrong with it: {verify}"


class RestoreWouldDelete(MigrateError):
    """The new phone's own backup lacks something that the restore would therefore delete from the phone."""

    path: str
    domain: str
    relative_path: str
    reason: str
    exit_code = 30
    what = when(
        "domain",
        "{relative_path} ({domain}) would be deleted from the new iPhone, so nothing was sent.",
        otherwise="A file would be deleted from the new iPhone, so nothing was sent: {relative_path}, whose place on "
        "the phone is not known.",
    )
    why = "An iPhone deletes what a restore does not contain, and its own backup in {path} lacks this file: {reason}."
    next = "Back up the new iPhone again, and continue with that backup."


class BackupTooOld(MigrateError):
    """A backup of iOS 5 to 9 is given as the old phone: migrate can read it, but not restore it."""

    path: str
    ios_version: str
    exit_code = 40
    extract = Command("extract", "{path}", "--to", "DIR")
    what = "The backup {path} is too old to be moved to another iPhone by migrate."
    why = when(
        "ios_version",
        "It is from iOS {ios_version}. Up to iOS 9, backups had another format, which migrate reads but "
        "does not write.",
        otherwise="It is from iOS 9 or older. Such backups have another format, which migrate reads but "
        "does not write.",
    )
    next = "Restore it with Finder or iTunes, or extract the files from it: {extract}"


# -- repairing -------------------------------------------------------------------------------------------------------


class RepairNeedsPhone(MigrateError):
    """A damaged backup should be repaired, and its phone is not connected."""

    path: str
    udid: str
    count: int  # damaged records
    seen: tuple[str, ...]
    exit_code = 20
    what = "The backup {path} is damaged, and its iPhone {udid} is not connected."
    why = when(
        "count",
        by_count(
            "count",
            "One of its files is damaged or missing. Connected: {connected}.",
            "{count:,} of its files are damaged or missing. Connected: {connected}.",
        ),
        otherwise="The backup's own lists are damaged, which only the phone can replace. Connected: {connected}.",
    )
    next = when(
        "count",
        "Connect that iPhone and unlock it, or add --without-phone to repair the backup without it. Then {again}",
        otherwise="Connect that iPhone and unlock it. Then {again}",
    )

    @property
    def connected(self) -> str:
        return ", ".join(self.seen) or _("no iPhone")


class RepairNeedsRoom(MigrateError):
    """A repair may need as much space as the whole backup, and there is less."""

    path: str
    needed_bytes: int
    free_bytes: int
    reason: str
    exit_code = 33
    what = "There is not enough space on the disk of {path} to repair it."
    why = "Up to {needed_bytes} are needed, because {reason}, and {free_bytes} are free. Nothing was changed."
    next = "Free that space, or copy the backup to a larger disk and repair it there. Then {again}"


class CannotRepairWithoutPhone(MigrateError):
    """The damage is not in one of the backup's files, so leaving files out does not help."""

    path: str
    first: str
    count: int
    exit_code = 30
    repair = Command("repair", "{path}")
    what = "The backup {path} cannot be repaired without its iPhone."
    why = by_count(
        "count",
        "{first} Leaving damaged files out does not help here: the phone has to send the data again.",
        "{first} ({more:,} more problems.) Leaving damaged files out does not help here: the phone has to"
        " send the data "
        "again.",
    )
    next = "Connect the phone and run: {repair}"

    @property
    def more(self) -> int:
        return self.count - 1


class CannotRepairHere(MigrateError):
    """The folder around a backup cannot be written."""

    folder: str
    system_said: str
    exit_code = 33
    what = "The backup cannot be repaired, because {folder} cannot be changed."
    why = "The system answered: {system_said}. The backup is as it was."
    next = "Check that you own the folder, or copy the backup to a folder of yours and repair it there. Then {again}"


class RepairStopped(MigrateError):
    """Ctrl-C while a backup was repaired."""

    path: str
    exit_code = 50
    repair = Command("repair", "{path}")
    what = "You stopped the repair of {path}."
    why = "The backup is as it was. What the phone has sent so far is kept beside it."
    next = "Continue with: {repair}"


class FileNotRepaired(RecordProblem):
    """A damaged record that the repaired backup does not have."""

    damage: str  # whole sentences
    with_phone: bool
    categories: tuple[str, ...] = ()
    code = "heal-lost"
    severity = "warning"
    what = "{file} was damaged, and the repaired backup does not have it."
    why = when("with_phone", "{damage} The phone no longer has it, so it was not sent again.", otherwise="{damage}")
    next = when(
        "with_phone",
        "Look in the original backup, kept beside this one. migrate extract reads what is left of the file.",
        otherwise="Look in the original backup, kept beside this one. migrate extract reads what is left of the file. "
        "If you find the phone, back it up again to get what it still has: {back_up_phone}",
    )


class DatabaseNotRepaired(RecordProblem):
    """What lies beside a damaged database is removed with it."""

    database: str
    categories: tuple[str, ...] = ()
    code = "heal-database-lost"
    exit_code = 30
    what = "{file} belongs to a damaged database."
    why = "Without {database} it cannot be used."
    next = "Use another copy of this backup, or back up the phone again: {back_up_phone}"


# -- snapshots -------------------------------------------------------------------------------------------------------


class SnapshotNotFound(MigrateError):
    reference: str
    known: tuple[str, ...] = ()
    exit_code = 2
    what = "There is no snapshot {reference}."
    why = when(
        "known",
        "The last ones of this iPhone are: {shown}.",
        otherwise="There is no snapshot of this iPhone on this computer.",
    )
    next = "List all snapshots: migrate snapshots list"

    @property
    def shown(self) -> str:
        return ", ".join(self.known)


class SnapshotProtected(MigrateError):
    reference: str
    needed_by: str
    exit_code = 2
    what = "The snapshot {reference} was not forgotten."
    why = "It is still needed by: {needed_by}."
    next = "Keep it until then. See the others: migrate snapshots list"


class SnapshotIsLast(MigrateError):
    """Forgetting the only finished backup of a phone."""

    reference: str
    exit_code = 2
    what = "The snapshot {reference} was not forgotten."
    why = "It is the only finished backup of this iPhone on this computer."
    next = "Back up the iPhone first: migrate backup"


class SnapshotNotTaken(Problem):
    """A backup that is finished, and whose state could not be kept beside the next one."""

    reason: str
    severity = "warning"
    what = "No snapshot of this backup was kept. The backup itself is complete."
    why = "{reason!c}."
    next = "Look at the free space and the kind of the disk that holds the backups: migrate check"


class NoRetention(MigrateError):
    exit_code = 2
    what = "Nothing was forgotten."
    why = "Neither snapshots nor a rule such as --keep-last 7 were named, and without one nothing would be kept."
    next = "Name what to keep, and look first: migrate snapshots forget --keep-daily 7 --keep-weekly 4 --dry-run"


class SnapshotSharesLittle(Problem):
    """After a full backup nothing is shared with the snapshots before."""

    reference: str
    size_bytes: int
    severity = "info"
    what = "The snapshot before this one, {reference}, takes {size_bytes} of its own now."
    why = "The iPhone sent nearly everything again, so the two share little."
    next = "Keep it, or free its space: migrate snapshots forget {reference}"
