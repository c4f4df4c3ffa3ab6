"""What a check can find wrong with a backup as a whole, in a person's words. One function a wound.

`error` makes a backup damaged. A `warning` is something a person should know and nothing we may judge by: the phone
itself does it. `info` is for whoever looks closely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from migrate.problems.finding import Finding, Severity

Owners = Callable[[str, str], Collection[str]]
"""Which categories a record of this `(domain, relative_path)` belongs to."""

BACK_UP_FROM_SCRATCH = (
    'Save the phone from the beginning (begin = "fresh" in the plan), or use another copy of this backup.'
)
BACK_UP_AGAIN = "Save the phone again with migrate backup: what is missing here is fetched anew."
NOTHING = "Do nothing; it is good to know."

UNFINISHED = "backup-unfinished"
"""The one wound that has an exit code of its own: 34."""

PASSWORD_MISSING, PASSWORD_WRONG = "password-missing", "password-wrong"
"""Where they are all that is wrong: 32."""

SAME_CODE_LIMIT = 50_000
"""So many findings of one code are kept, then they are only counted. A finding is about a kilobyte; a backup of a
million files on a disk that was wiped must not fill the memory."""


class Findings:
    """The findings of one check, in the order they were made. `owners`, once known, name the categories they touch."""

    owners: Owners | None = None

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._seen: Counter[str] = Counter()
        self._severity: dict[str, Severity] = {}

    def add(self, finding: Finding) -> None:
        self._seen[finding.code] += 1
        self._severity[finding.code] = finding.severity
        if self._seen[finding.code] > SAME_CODE_LIMIT:
            return
        if self.owners and finding.domain and finding.relative_path is not None and not finding.categories:
            finding = replace(finding, categories=tuple(sorted(self.owners(finding.domain, finding.relative_path))))
        self._kept.append(finding)

    def has(self, code: str) -> bool:
        return code in self._seen

    @property
    def errors(self) -> bool:
        return "error" in self._severity.values()

    def all(self) -> tuple[Finding, ...]:
        """Everything kept, and for each code that was cut how many more there were."""
        more = [
            Finding(
                code="more-of-the-same",
                severity=self._severity[code],
                what=f"There are {count - SAME_CODE_LIMIT:,} more findings of the kind {code}.",
                why=f"Only the first {SAME_CODE_LIMIT:,} are listed.",
                next="Read the ones that are listed: so many have one cause.",
            )
            for code, count in self._seen.items()
            if count > SAME_CODE_LIMIT
        ]
        return (*self._kept, *more)


# -- the folder ------------------------------------------------------------------------------------------------------


def plist_missing(name: str) -> Finding:
    return Finding(
        code="plist-missing",
        severity="error",
        what=f"{name} is missing.",
        why="Every backup holds Info.plist, Manifest.plist and Status.plist; a phone refuses one without them.",
        next=BACK_UP_AGAIN,
    )


def plist_garbage(name: str, reason: str) -> Finding:
    return Finding(
        code="plist-garbage",
        severity="error",
        what=f"{name} cannot be read.",
        why=f"{reason}.",
        next=BACK_UP_FROM_SCRATCH,
    )


def plist_incomplete(name: str, key: str) -> Finding:
    return Finding(
        code="plist-incomplete",
        severity="error",
        what=f"{name} lacks {key}.",
        why="Without it neither this program nor a phone can use the backup.",
        next=BACK_UP_FROM_SCRATCH,
    )


def plist_odd(name: str, key: str, *, needed: bool) -> Finding:
    return Finding(
        code="plist-odd",
        severity="error" if needed else "warning",
        what=f"{name} has something else under {key} than a phone or Finder writes there.",
        why="It is of another type, so it is read as if it were missing.",
        next=BACK_UP_FROM_SCRATCH if needed else NOTHING,
    )


def unfinished(state: str) -> Finding:
    return Finding(
        code=UNFINISHED,
        severity="error",
        what="The backup was never finished.",
        why=f"Its Status.plist says {state!r}, not 'finished'." if state else "Its Status.plist has no finished state.",
        next="Connect the phone and run: migrate backup. It goes on where the backup stopped.",
    )


def says_encrypted_but_is_not() -> Finding:
    return Finding(
        code="encryption-contradicted",
        severity="error",
        what="The backup calls itself encrypted, and its Manifest.db is not.",
        why="Manifest.plist says IsEncrypted, but Manifest.db begins as a plain database.",
        next=BACK_UP_FROM_SCRATCH,
    )


def says_plain_but_is_not() -> Finding:
    return Finding(
        code="encryption-contradicted",
        severity="error",
        what="The backup calls itself unencrypted, and its Manifest.db is no plain database.",
        why="Manifest.plist says it is not encrypted, but Manifest.db does not begin as a database does.",
        next=BACK_UP_FROM_SCRATCH,
    )


def lengths_say_encrypted() -> Finding:
    return Finding(
        code="encryption-contradicted",
        severity="error",
        what="The backup does not call itself encrypted, and its stored files are.",
        why="Every one of them has the length that encryption gives it, and none the manifest's.",
        next=BACK_UP_FROM_SCRATCH,
    )


def lengths_say_plain() -> Finding:
    return Finding(
        code="encryption-contradicted",
        severity="error",
        what="The backup calls itself encrypted, and its stored files are not.",
        why="Every one of them has the manifest's length, and none the length that encryption gives it.",
        next=BACK_UP_FROM_SCRATCH,
    )


def plists_disagree(key: str) -> Finding:
    return Finding(
        code="plists-disagree",
        severity="warning",
        what=f"Info.plist and Manifest.plist do not name the same {key}.",
        why="The phone wrote one and a computer the other, in the same save; one of them is from another backup.",
        next="If the files were put together by hand, take all three plists from one save; else save the phone anew.",
    )


def manifest_missing() -> Finding:
    return Finding(
        code="manifest-missing",
        severity="error",
        what="Manifest.db is missing.",
        why="It lists every file of the backup; without it nothing here can be named.",
        next=BACK_UP_AGAIN,
    )


def manifest_unreadable(reason: str) -> Finding:
    return Finding(
        code="manifest-unreadable",
        severity="error",
        what="The backup's list of files cannot be read.",
        why=f"{reason}.",
        next=BACK_UP_FROM_SCRATCH,
    )


def manifest_faulty(message: str) -> Finding:
    return Finding(
        code="manifest-faulty",
        severity="error",
        what="The backup's list of files is damaged, so rows of it may be missing.",
        why=f"SQLite says of Manifest.db: {message}.",
        next=BACK_UP_FROM_SCRATCH,
    )


def manifest_changed() -> Finding:
    return Finding(
        code="manifest-changed",
        severity="error",
        what="The backup's list of files has changed since it was saved.",
        why="Manifest.db does not have the digest (SHA-256) taken when the save was finished.",
        next=BACK_UP_FROM_SCRATCH,
    )


def keybag_unreadable(reason: str, *, needed: bool) -> Finding:
    """An unencrypted backup has a keybag as well, which only the phone could open and nothing here needs."""
    return Finding(
        code="keybag-unreadable",
        severity="error" if needed else "warning",
        what="The keybag in Manifest.plist cannot be read.",
        why=f"BackupKeyBag: {reason}.",
        next=BACK_UP_FROM_SCRATCH,
    )


def manifest_not_padded() -> Finding:
    return Finding(
        code="manifest-not-padded",
        severity="info",
        what="Manifest.db is encrypted without the padding a phone gives it.",
        why="Some programs write it so after removing rows. It decrypts all the same.",
        next=NOTHING,
    )


def password_missing() -> Finding:
    return Finding(
        code=PASSWORD_MISSING,
        severity="error",
        what="The backup is encrypted and no password was given, so not all of it could be checked.",
        why="Its Manifest.plist says IsEncrypted.",
        next="Give the backup password with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD.",
    )


def password_wrong() -> Finding:
    return Finding(
        code=PASSWORD_WRONG,
        severity="error",
        what="The password does not open the backup, so its list of files was not read.",
        why="It opens none of the keys that the backup keeps under its password.",
        next="Try the password given when backups of this phone were first encrypted; it is not the passcode.",
    )


def not_checked_without_password(files: int, sealed: int) -> Finding:
    compared = f"{sealed:,} of them were held against the seal of this save" if sealed else "no seal speaks for them"
    return Finding(
        code="not-checked-without-password",
        severity="info",
        what=f"{files:,} stored files are there; what they are, and whether any is missing, was not checked.",
        why=f"Only the list of files tells, and it is encrypted; {compared}.",
        next="Check again with the backup password: --password-file FILE, or MIGRATE_BACKUP_PASSWORD.",
    )


def contents_not_checked(files: int, sealed: int) -> Finding:
    """As `not_checked_without_password`, where the list of files is plain."""
    compared = f"; {sealed:,} of them were held against the seal of this save" if sealed else ""
    return Finding(
        code="not-checked-without-password",
        severity="info",
        what=f"{files:,} stored files are there; whether they can be decrypted was not checked.",
        why=f"The list of files is plain in a backup so old, and its files are encrypted{compared}.",
        next="Check again with the backup password: --password-file FILE, or MIGRATE_BACKUP_PASSWORD.",
    )


def locked_file_missing(file_id: str) -> Finding:
    return Finding(
        code="file-missing",
        severity="error",
        file_id=file_id,
        what=f"The stored file {file_id[:2]}/{file_id} is missing.",
        why="The seal of this save has it, and it is not in the folder.",
        next=BACK_UP_AGAIN,
    )


def locked_file_changed(file_id: str) -> Finding:
    return Finding(
        code="seal-differs",
        severity="error",
        file_id=file_id,
        what=f"The stored file {file_id[:2]}/{file_id} has changed since it was saved.",
        why="Its bytes do not have the length or the digest (SHA-256) taken while they came from the phone.",
        next=BACK_UP_FROM_SCRATCH,
    )


def locked_length_impossible(file_id: str, stored_bytes: int) -> Finding:
    return Finding(
        code="stored-length-impossible",
        severity="error",
        file_id=file_id,
        what=f"The stored file {file_id[:2]}/{file_id} has been cut or lengthened.",
        why=f"It has {stored_bytes:,} bytes; encrypted contents are always a multiple of 16.",
        next=BACK_UP_FROM_SCRATCH,
    )


def stray(name: str) -> Finding:
    return Finding(
        code="stray-file",
        severity="warning",
        file_id=name.rpartition("/")[2] if len(name.rpartition("/")[2]) == 40 else None,
        what=f"{name} belongs to no file of this backup.",
        why="No row of the manifest names it: it was left over, or its row is lost.",
        next="Do nothing: it takes space and changes nothing. A save from the beginning is rid of it.",
    )


def foreign_entry(name: str) -> Finding:
    return Finding(
        code="foreign-entry",
        severity="info",
        what=f"{name} lies in the backup's folder and is no part of a backup.",
        why="The computer or another program put it there.",
        next=NOTHING,
    )


def entry_strange(name: str) -> Finding:
    return Finding(
        code="entry-strange",
        severity="error",
        what=f"{name} is not what it should be in a backup.",
        why="It is a link, or not a file or folder as its name says, or cannot be opened; it was not followed.",
        next=BACK_UP_FROM_SCRATCH,
    )


# -- the seal --------------------------------------------------------------------------------------------------------


def seal_void() -> Finding:
    return Finding(
        code="seal-void",
        severity="info",
        what="The seal kept for this phone belongs to another save.",
        why="A seal counts for one Status.plist UUID and date only; this backup has others.",
        next=NOTHING,
    )


def seal_damaged(reason: str) -> Finding:
    return Finding(
        code="seal-damaged",
        severity="warning",
        what="The seal kept for this phone cannot be read.",
        why=f"{reason}.",
        next="Run migrate backup: it takes a new seal.",
    )


def not_sealed(count: int) -> Finding:
    return Finding(
        code="checked-by-length-only",
        severity="info",
        what=f"{count:,} files could only be checked by their length and form.",
        why="The phone stores no digest for them, and no seal of this save is at hand.",
        next="Save the phone with migrate backup: it takes a digest of every file while it streams in.",
    )
