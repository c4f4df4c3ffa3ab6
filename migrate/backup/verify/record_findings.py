"""What a check can find wrong with one record of a backup, in a person's words. One function a wound."""

from __future__ import annotations

from migrate.backup.record import Record
from migrate.backup.verify.findings import BACK_UP_AGAIN, BACK_UP_FROM_SCRATCH
from migrate.problems.finding import Finding, Severity

LOOK_ON_PHONE = "Look at it on the old phone. If it is well there, save the phone again; else nothing was lost here."


def _about(
    record: Record, code: str, severity: Severity, *, what: str, why: str, next: str = BACK_UP_FROM_SCRATCH
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        what=what,
        why=why,
        next=next,
        domain=record.domain,
        relative_path=record.relative_path,
        file_id=record.file_id,
    )


def _name(record: Record) -> str:
    return f"{record.domain} {record.relative_path}"


# -- the manifest's rows ---------------------------------------------------------------------------------------------


def row_bad(file_id: str, domain: str, relative_path: str, reason: str) -> Finding:
    return Finding(
        code="record-bad",
        severity="error",
        domain=domain,
        relative_path=relative_path,
        file_id=file_id,
        what=f"The manifest's row for {domain} {relative_path} is damaged.",
        why=f"{reason[:1].upper()}{reason[1:]}.",
        next=BACK_UP_FROM_SCRATCH,
    )


def file_id_wrong(record: Record, expected: str) -> Finding:
    return _about(
        record,
        "file-id-wrong",
        "error",
        what=f"The row for {_name(record)} has another file's id.",
        why=f"It says {record.file_id[:80]}; its domain and path give {expected}.",
    )


def name_unsafe(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "name-unsafe",
        "error",
        what=f"No phone calls a file {_name(record)}.",
        why=f"{reason[:1].upper()}{reason[1:]}; so somebody else wrote this row. Nothing was read or written there.",
        next="Do not restore this backup with any program, unless you know who made it. Save the phone anew.",
    )


def listed_twice(record: Record) -> Finding:
    return _about(
        record,
        "listed-twice",
        "error",
        what=f"{_name(record)} is listed twice.",
        why="Two rows of the manifest claim the same stored file, and only one can be right about it.",
    )


def key_missing(record: Record) -> Finding:
    return _about(
        record,
        "key-missing",
        "error",
        what=f"{_name(record)} cannot be decrypted: it has no key.",
        why="In an encrypted backup the manifest holds a key for every file.",
    )


def key_unusable(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "key-unusable",
        "error",
        what=f"{_name(record)} cannot be decrypted: its key is damaged.",
        why=f"{reason[:1].upper()}{reason[1:]}.",
    )


def class_contradicted(record: Record, key_class: int) -> Finding:
    return _about(
        record,
        "class-contradicted",
        "error",
        what=f"{_name(record)} and its key are of different protection classes.",
        why=f"Its row says class {record.protection_class}, its key says {key_class}; phones write the same.",
    )


# -- stored bytes ----------------------------------------------------------------------------------------------------


def missing(record: Record) -> Finding:
    return _about(
        record,
        "file-missing",
        "error",
        what=f"{_name(record)} is missing.",
        why="The manifest lists it, and its stored bytes are not in the folder.",
        next=BACK_UP_AGAIN,
    )


def not_a_file(record: Record, found: str) -> Finding:
    return _about(
        record,
        "file-not-a-file",
        "error",
        what=f"{_name(record)} is not stored as a file.",
        why=f"In its place lies {found}, which no phone writes and nothing here follows.",
    )


def unreadable_here(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "file-unreadable-here",
        "error",
        what=f"{_name(record)} cannot be read from this computer's disk.",
        why=f"The system answered: {reason}.",
        next="Check the disk, then save the phone again, or use another copy of this backup.",
    )


def unreadable_on_phone(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "file-unreadable-on-phone",
        "warning",
        what=f"The phone could not read {_name(record)} when it was saved.",
        why=f"It answered: {reason}." if reason else "It said so twice, while the save ran.",
        next="Look for it on the phone. Restarting the phone and saving again sometimes helps.",
    )


def digest_differs(record: Record) -> Finding:
    return _about(
        record,
        "digest-differs",
        "error",
        what=f"{_name(record)} has changed since the phone sent it.",
        why="Its stored bytes do not have the digest (SHA-1) that the phone wrote down for them.",
    )


def seal_differs(record: Record) -> Finding:
    return _about(
        record,
        "seal-differs",
        "error",
        what=f"{_name(record)} has changed since it was saved.",
        why="Its stored bytes do not have the digest (SHA-256) taken while they came from the phone.",
    )


def emptied(record: Record) -> Finding:
    return _about(
        record,
        "file-emptied",
        "error",
        what=f"{_name(record)} is empty.",
        why=f"The phone said it has {record.size:,} bytes; nothing of them is here.",
    )


def stored_length_impossible(record: Record, stored_bytes: int) -> Finding:
    return _about(
        record,
        "stored-length-impossible",
        "error",
        what=f"{_name(record)} has been cut or lengthened.",
        why=f"It is stored in {stored_bytes:,} bytes; encrypted contents are always a multiple of 16.",
    )


def padding_wrong(record: Record) -> Finding:
    return _about(
        record,
        "padding-wrong",
        "error",
        what=f"{_name(record)} does not end as an encrypted file does.",
        why="Its length is right, but its last block does not decrypt to padding: the bytes or the key were changed.",
    )


def size_differs(record: Record, content_bytes: int, *, checksum_matches: bool) -> Finding:
    """The manifest's Size is what the phone saw when it listed the file, and databases are often rewritten before they
    are sent, so another length alone is no damage (facts 3.5)."""
    proof = (
        "and its digest shows that nothing was lost on the way"
        if checksum_matches
        else "and nothing here tells that from a cut"
    )
    return _about(
        record,
        "size-differs",
        "warning",
        what=f"{_name(record)} is not as long as the phone said.",
        why=f"It said {record.size:,} bytes, here are {content_bytes:,}: a file in use is caught mid-write, {proof}.",
        next="Look at it on the new phone. Saving again while the phone lies idle gives a calmer copy.",
    )


# -- databases -------------------------------------------------------------------------------------------------------


def database_damaged(record: Record, message: str, *, key: bool) -> Finding:
    """`key`: iOS itself writes it, with care; an app's own may have been unsound on the phone."""
    return _about(
        record,
        "database-damaged",
        "error" if key else "warning",
        what=f"The database {_name(record)} is damaged.",
        why=f"SQLite says: {message}.",
        next=BACK_UP_FROM_SCRATCH if key else LOOK_ON_PHONE,
    )


def database_damaged_on_phone(record: Record, message: str) -> Finding:
    return _about(
        record,
        "database-damaged-on-phone",
        "warning",
        what=f"The database {_name(record)} is not sound, and came so from the phone.",
        why=f"SQLite says: {message}. Its bytes are the ones the phone sent, so this backup is not at fault.",
        next="Open its app on the old phone and see whether all is there; saving again gives the same database.",
    )


def database_never_was(record: Record, content_bytes: int) -> Finding:
    return _about(
        record,
        "database-never-was",
        "warning",
        what=f"{_name(record)} is not the database its name says.",
        why=f"It has {content_bytes:,} bytes, as the phone said; no database is that short.",
        next="Open its app on the old phone and see whether all is there.",
    )


# -- forms -----------------------------------------------------------------------------------------------------------


def form_broken(record: Record, file_format: str, reason: str, *, damaged_in_transfer: bool) -> Finding:
    """`damaged_in_transfer`: another witness, or the place it has, says that it was not so on the phone."""
    return _about(
        record,
        "form-broken",
        "error" if damaged_in_transfer else "warning",
        what=f"{_name(record)} begins as a {file_format} and is not a whole one.",
        why=f"{reason[:1].upper()}{reason[1:]}.",
        next=BACK_UP_FROM_SCRATCH if damaged_in_transfer else LOOK_ON_PHONE,
    )


def not_its_name(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "not-what-its-name-says",
        "warning",
        what=f"{_name(record)} is not what its name says.",
        why=f"{reason[:1].upper()}{reason[1:]}. Nothing here tells whether it was so on the phone.",
        next=LOOK_ON_PHONE,
    )
