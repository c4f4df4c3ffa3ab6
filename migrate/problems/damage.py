"""What `verify` can find wrong with a backup: as a whole, in one record, and against its seal.

Severity "error" makes a backup damaged. A "warning" is worth knowing but proves no damage: phones themselves cause it.
"info" is for people who want every detail.
"""

from __future__ import annotations

from pathlib import Path

from migrate.problems.problem import MigrateError, Problem, RecordProblem, when

BACK_UP_FROM_SCRATCH = (
    'Use another copy of this backup, or back up the phone from the beginning (begin = "fresh" in the plan).'
)
REPAIR = "Use another copy of this backup, or repair it with its phone: {repair_backup}"
FETCH = "Fetch it from the phone again: {repair_backup}"
FETCH_LIST = "Back up the phone again, which fetches what is missing: {back_up_phone}"
LOOK_ON_PHONE = (
    "Look at it on the old phone. If it works there, back up the phone again; otherwise nothing was lost here."
)
NOTHING_TO_DO = "Do nothing."


class MoreOfTheSame(Problem):
    """More findings of one code than are kept."""

    count: int
    kind: str
    shown: int
    severity = "warning"
    what = "There are {count:,} more findings of the kind {kind}."
    why = "Only the first {shown:,} are listed."
    next = "Look at the ones that are listed. This many have one common cause."


# -- the folder ------------------------------------------------------------------------------------------------------


class PlistMissing(Problem):
    name: str
    exit_code = 30
    what = "{name} is missing."
    why = "Every backup has Info.plist, Manifest.plist and Status.plist. An iPhone refuses a backup without them."
    next = FETCH_LIST


class PlistGarbage(Problem):
    name: str
    reason: str
    exit_code = 30
    what = "{name} cannot be read."
    why = "{reason!c}."
    next = BACK_UP_FROM_SCRATCH


class PlistIncomplete(Problem):
    name: str
    key: str
    exit_code = 30
    what = "{name} has no {key}."
    why = "Neither migrate nor an iPhone can use the backup without it."
    next = BACK_UP_FROM_SCRATCH


class PlistOdd(Problem):
    """A value of another type than a phone or Finder writes."""

    name: str
    key: str
    needed: bool
    exit_code = 30
    severity = when("needed", "error", otherwise="warning")
    what = "{name} has an unexpected value for {key}."
    why = "The value has another type than a phone or Finder writes, so it is treated as missing."
    next = when("needed", BACK_UP_FROM_SCRATCH, otherwise=NOTHING_TO_DO)


class EncryptionContradicted(Problem, abstract=True):
    code = "encryption-contradicted"
    exit_code = 30
    next = BACK_UP_FROM_SCRATCH


class MarkedEncryptedButPlain(EncryptionContradicted):
    code = "encryption-contradicted"
    what = "The backup is marked as encrypted, but its list of files is not encrypted."
    why = "Manifest.plist says IsEncrypted, and Manifest.db is a plain database."


class MarkedPlainButEncrypted(EncryptionContradicted):
    code = "encryption-contradicted"
    what = "The backup is marked as unencrypted, but its list of files is not a plain database."
    why = "Manifest.plist says that it is not encrypted, and Manifest.db does not begin as a database."


class MarkedPlainButFilesEncrypted(EncryptionContradicted):
    code = "encryption-contradicted"
    what = "The backup is marked as unencrypted, but its files are encrypted."
    why = "Every stored file has the length that encryption gives it, and none has the length in the list of files."


class MarkedEncryptedButFilesPlain(EncryptionContradicted):
    code = "encryption-contradicted"
    what = "The backup is marked as encrypted, but its files are not."
    why = "Every stored file has the length in the list of files, and none has the length that encryption gives it."


class PlistsDisagree(Problem):
    key: str
    severity = "warning"
    what = "Info.plist and Manifest.plist have a different {key}."
    why = "One backup writes both of them, so one of the two files comes from another backup."
    next = (
        "Take Info.plist, Manifest.plist and Status.plist from the same backup if you copied them by hand. "
        "Otherwise back up the phone again."
    )


class ManifestMissing(Problem):
    exit_code = 30
    what = "The backup's list of files (Manifest.db) is missing."
    why = "Without it the files in the backup have no names."
    next = FETCH_LIST


class ManifestEmpty(MigrateError):
    """The list of files is sound and has no entry."""

    path: Path
    exit_code = 30
    what = "The backup {path} lists no files."
    why = "Its list of files has no entries, not even folders. The list of every iPhone has thousands."
    next = BACK_UP_FROM_SCRATCH


class ManifestLogRead(Problem):
    """Manifest.db-wal has committed changes, which belong to the database."""

    severity = "warning"
    what = "Part of the backup's list of files is in Manifest.db-wal. It was read too."
    why = "An iPhone leaves no such file: another program opened Manifest.db and changed it."
    next = "Back up the phone again, which gives a clean list: {back_up_phone}"


class ManifestUnreadable(Problem):
    reason: str
    exit_code = 30
    what = "The backup's list of files cannot be read."
    why = "{reason!c}."
    next = BACK_UP_FROM_SCRATCH


class ManifestFaulty(Problem):
    message: str
    exit_code = 30
    what = "The backup's list of files is damaged, so entries may be missing."
    why = "SQLite says about Manifest.db: {message}."
    next = BACK_UP_FROM_SCRATCH


class ManifestChanged(Problem):
    exit_code = 30
    what = "The backup's list of files was changed after the backup."
    why = "Manifest.db does not have the checksum (SHA-256) that was taken when the backup was finished."
    next = BACK_UP_FROM_SCRATCH


class ManifestNotPadded(Problem):
    severity = "info"
    what = "The backup's list of files was encrypted by another program, without the padding that an iPhone adds."
    why = "Some programs write Manifest.db this way after they remove entries. It can be read all the same."
    next = NOTHING_TO_DO


class PasswordWrong(Problem):
    """As the error `WrongPassword`, beside other damage."""

    exit_code = 32
    what = "The password does not open the backup, so its list of files was not read."
    why = "It unlocks none of the keys in the backup."
    next = (
        "Try the password that was set when backups of this phone were first encrypted. It is not the passcode. "
        "Then {again}"
    )


class NotCheckedWithoutPassword(Problem):
    """The list of files is encrypted."""

    count: int
    sealed: int
    severity = "info"
    what = "{count:,} stored files are there. Their contents, and whether any file is missing, could not be checked."
    why = when(
        "sealed",
        "The list of files is encrypted. {sealed:,} of the files were compared with the seal of this backup.",
        otherwise="The list of files is encrypted, and there is no seal of this backup to compare the files with.",
    )
    next = "Check again with the backup password: --password-file FILE, or MIGRATE_BACKUP_PASSWORD."


class ContentsNotChecked(Problem):
    """The list of files is plain, as in an encrypted backup of iOS 5 to 9."""

    count: int
    sealed: int
    code = "not-checked-without-password"
    severity = "info"
    what = "{count:,} stored files are there. Whether they can be decrypted was not checked."
    why = when(
        "sealed",
        "In a backup this old the list of files is readable and the files are encrypted. {sealed:,} of "
        "them were compared "
        "with the seal of this backup.",
        otherwise="In a backup this old the list of files is readable and the files are encrypted.",
    )
    next = "Check again with the backup password: --password-file FILE, or MIGRATE_BACKUP_PASSWORD."


class StrayFile(Problem):
    name: str
    severity = "warning"
    what = "{name} is stored in the backup, but the backup does not list it."
    why = "It was left over, or its entry was lost."
    next = "Do nothing: it only takes space. A backup from the beginning does not have it."

    @property
    def file_id(self) -> str | None:
        last = self.name.rpartition("/")[2]
        return last if len(last) == 40 else None


class ForeignEntry(Problem):
    name: str
    severity = "info"
    what = "{name} is in the backup's folder but is not part of the backup."
    why = "This computer or another program put it there."
    next = NOTHING_TO_DO


class EntryStrange(Problem):
    name: str
    exit_code = 30
    what = "{name} is neither a normal file nor a normal folder."
    why = "It is a link, or has the wrong type for its name, or cannot be opened. It was not followed."
    next = BACK_UP_FROM_SCRATCH


# -- the seal --------------------------------------------------------------------------------------------------------


class SealVoid(Problem):
    severity = "info"
    what = "The seal of this phone belongs to another backup, so it was not used."
    why = "A seal is valid for one backup only, by the UUID and date in Status.plist."
    next = NOTHING_TO_DO


class CheckedByLengthOnly(Problem):
    count: int
    severity = "info"
    what = "{count:,} files could be checked only by their length and format."
    why = "The phone stores no checksum for them, and there is no seal of this backup."
    next = "Back up the phone with migrate, which takes a checksum of every file: {back_up_phone}"


class StoredFileMissing(Problem):
    """As `FileMissing`, where the list of files is encrypted and only the seal tells."""

    file_id: str
    code = "file-missing"
    exit_code = 30
    what = "The stored file {file_id} is missing."
    why = "The seal of this backup lists it, but it is not in the folder."
    next = FETCH


class StoredFileChanged(Problem):
    file_id: str
    code = "seal-differs"
    exit_code = 30
    what = "The stored file {file_id} was changed after the backup."
    why = "It does not have the length or the checksum (SHA-256) that was taken while it came from the phone."
    next = REPAIR


class StoredFileLengthImpossible(Problem):
    file_id: str
    stored_size: int
    code = "stored-length-impossible"
    exit_code = 30
    what = "The stored file {file_id} was shortened or lengthened."
    why = "It has {stored_size:,} bytes, and the length of an encrypted file is always a multiple of 16."
    next = REPAIR


# -- the manifest's rows ---------------------------------------------------------------------------------------------


class RecordBad(RecordProblem):
    reason: str
    exit_code = 30
    what = "The backup's entry for {file} is damaged."
    why = "{reason!c}."
    next = REPAIR


class FileIdWrong(RecordProblem):
    expected: str
    exit_code = 30
    what = "The backup's entry for {file} has the id of another file."
    why = "The entry says {found}, and its domain and path give {expected}."
    next = REPAIR

    @property
    def found(self) -> str:
        return self.file_id[:80]


class NameUnsafe(RecordProblem):
    reason: str
    exit_code = 30
    what = "The backup has an entry that no iPhone writes: {file}. Nothing was read or written there."
    why = "{reason!c}, so something other than a phone wrote this entry."
    next = "Do not restore this backup with any program unless you know who made it. Back up the phone again."


class NameUsedAsFolder(RecordProblem):
    exit_code = 30
    what = "The backup lists {file} both as a file and as a folder with files in it."
    why = "A name on an iPhone is one or the other, so one of these entries is wrong."
    next = REPAIR


class ListedTwice(RecordProblem):
    exit_code = 30
    what = "{file} is listed twice."
    why = "Two entries claim the same stored file, and only one of them can be right."
    next = REPAIR


class KeyMissing(RecordProblem):
    exit_code = 30
    what = "{file} cannot be decrypted: it has no key."
    why = "An encrypted backup has a key for every file."
    next = REPAIR


class FileKeyUnusable(RecordProblem):
    reason: str
    code = "key-unusable"
    exit_code = 30
    what = "{file} cannot be decrypted: its key is damaged."
    why = "{reason!c}."
    next = REPAIR


class ClassContradicted(RecordProblem):
    protection_class: int
    key_class: int
    exit_code = 30
    what = "{file} and its key have different protection classes."
    why = "The entry says class {protection_class} and its key says {key_class}. An iPhone writes the same for both."
    next = REPAIR


# -- stored bytes ----------------------------------------------------------------------------------------------------


class FileMissing(RecordProblem):
    exit_code = 30
    what = "{file} is missing."
    why = "The backup lists it, but its contents are not in the folder."
    next = FETCH


class FileNotAFile(RecordProblem):
    found: str
    code = "file-not-a-file"
    exit_code = 30
    what = "{file} is not stored as a file."
    why = "In its place is {found}, which no iPhone writes. It was not followed."
    next = REPAIR


class FileUnreadableHere(RecordProblem):
    reason: str
    exit_code = 30
    what = "{file} cannot be read from this computer's disk."
    why = "The system answered: {reason}."
    next = "Check the disk. Then back up the phone again, or use another copy of this backup."


class FileUnreadableOnPhone(RecordProblem):
    reason: str
    severity = "warning"
    what = "The phone could not read {file} during the backup."
    why = when("reason", "The phone reported: {reason}.", otherwise="The phone reported it twice during the backup.")
    next = "Look for it on the phone. Restarting the phone and backing it up again sometimes helps."


class DigestDiffers(RecordProblem):
    exit_code = 30
    what = "{file} was changed after the phone sent it."
    why = "Its contents do not have the checksum (SHA-1) that the phone stored for them."
    next = REPAIR


class SealDiffers(RecordProblem):
    exit_code = 30
    what = "{file} was changed after the backup."
    why = "Its contents do not have the checksum (SHA-256) that was taken while they came from the phone."
    next = REPAIR


class FileEmptied(RecordProblem):
    size: int
    exit_code = 30
    what = "{file} is empty."
    why = "The phone reported {size:,} bytes for it, and none of them are here."
    next = REPAIR


class StoredLengthImpossible(RecordProblem):
    stored_size: int
    exit_code = 30
    what = "{file} was shortened or lengthened."
    why = "It is stored in {stored_size:,} bytes, and the length of an encrypted file is always a multiple of 16."
    next = REPAIR


class PaddingWrong(RecordProblem):
    exit_code = 30
    what = "{file} does not end as an encrypted file does."
    why = "Its length is right, but its last block does not decrypt to padding: its contents or its key were changed."
    next = REPAIR


class SizeDiffers(RecordProblem):
    """The manifest's Size is what the phone saw when it listed the file, and databases are often rewritten before they
    are sent, so another length alone is no damage (facts 3.5)."""

    size: int
    content_size: int
    checksum_matches: bool
    severity = "warning"
    what = "{file} does not have the length that the phone reported."
    why = when(
        "checksum_matches",
        "The phone reported {size:,} bytes and {content_size:,} are here. The file was being written "
        "during the backup; its "
        "checksum shows that nothing was lost on the way.",
        otherwise="The phone reported {size:,} bytes and {content_size:,} are here. Probably the file was"
        " being written "
        "during the backup, but it may also have been shortened.",
    )
    next = "Look at it on the new phone. Backing up again while the phone is not in use gives a cleaner copy."


class DamagedInTransit(RecordProblem):
    """It arrived with another length than the phone announced, and does not end as a complete file does."""

    size: int
    stored_size: int
    asked_twice: bool  # by this program, so that fetching it a third time may not help; a move leaves it out
    exit_code = 30
    severity = when("asked_twice", "warning", otherwise="error")
    what = "{file} was damaged on its way from the phone."
    why = when(
        "asked_twice",
        "The phone announced {size:,} bytes. It was asked for twice, and both times something else arrived.",
        otherwise="The phone announced {size:,} bytes. {stored_size:,} are stored here, and they do not end as a "
        "complete file does.",
    )
    next = "Use another cable and another USB port. Then back up the phone again."


# -- databases -------------------------------------------------------------------------------------------------------


class DatabaseDamaged(RecordProblem):
    message: str
    is_key: bool  # iOS itself writes it, with care; an app's own may have been unsound on the phone
    exit_code = 30
    severity = when("is_key", "error", otherwise="warning")
    what = "The database {file} is damaged."
    why = "SQLite says: {message}."
    next = when("is_key", REPAIR, otherwise=LOOK_ON_PHONE)


class DatabaseDamagedOnPhone(RecordProblem):
    message: str
    severity = "warning"
    what = "The database {file} was already damaged on the phone."
    why = "SQLite says: {message}. Its contents are exactly what the phone sent, so this backup is not at fault."
    next = "Open its app on the old phone and check its data. Backing up again gives the same database."


class DatabaseNeverWas(RecordProblem):
    content_size: int
    severity = "warning"
    what = "{file} is not a database, although its name says so."
    why = "It has {content_size:,} bytes, as the phone reported. No database is that short."
    next = "Open its app on the old phone and check its data."


# -- formats ---------------------------------------------------------------------------------------------------------


class FormBroken(RecordProblem):
    file_format: str
    reason: str
    damaged_in_transfer: bool  # other evidence, or where the file lies, shows that it was intact on the phone
    exit_code = 30
    severity = when("damaged_in_transfer", "error", otherwise="warning")
    what = "{file} is an incomplete {file_format}."
    why = "{reason!c}."
    next = when("damaged_in_transfer", REPAIR, otherwise=LOOK_ON_PHONE)


class NotWhatItsNameSays(RecordProblem):
    reason: str
    severity = "warning"
    what = "{file} does not have the format that its name suggests."
    why = "{reason!c}. It may already have been like this on the phone."
    next = LOOK_ON_PHONE
