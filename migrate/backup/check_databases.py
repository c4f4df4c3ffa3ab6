"""SQLite's own word on the databases a person would miss most, without a byte of them on disk in plain."""

from __future__ import annotations

import re
import sqlite3

from migrate.backup import check_record_findings as wound
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.write_ahead_log import SQLITE_MAGIC, folded
from migrate.errors import BadRecord, BlobMissing, BlobUnreadable
from migrate.findings import Finding

OPENED_UP_TO_BYTES = 256 << 20
"""Three copies are in memory for a moment: decrypted, folded, SQLite's. A heavy sms.db is 100 to 200 MB (*guessed*)."""

SQLITE_SPARE_BYTES = 1 << 20
"""No row is longer than its database; a stranger's schema may compute values of a gigabyte otherwise."""

SMALLEST_DATABASE_BYTES = 512  # one page of the smallest size SQLite has

_KEY_DATABASES = re.compile(
    r"""
      HomeDomain-Library/( SMS/sms\.db
                         | AddressBook/AddressBook(Images)?\.sqlitedb
                         | CallHistoryDB/CallHistory\.storedata
                         | Calendar/Calendar\.sqlitedb
                         | Notes/notes\.sqlite
                         | Voicemail/voicemail\.db
                         | Safari/(Bookmarks|History|SafariTabs)\.db
                         | Accounts/Accounts3\.sqlite
                         | Reminders/Container_v1/Stores/Data-[^/]*\.sqlite
                         | Shortcuts/Shortcuts\.sqlite )
    | CameraRollDomain-Media/PhotoData/Photos\.sqlite
    | HealthDomain-Health/healthdb(_secure)?\.sqlite
    | MediaDomain-Media/Recordings/(Cloud)?Recordings\.db
    | AppDomainGroup-group\.com\.apple\.notes-NoteStore\.sqlite
    | AppDomainGroup-group\.com\.apple\.reminders-Container_v1/Stores/Data-[^/]*\.sqlite
    | AppDomainGroup-group\.com\.apple\.VoiceMemos\.shared-Recordings/CloudRecordings\.db
    | AppDomainGroup-group\.net\.whatsapp\.WhatsApp\.shared-ChatStorage\.sqlite
    """,
    re.VERBOSE,
)
"""`domain-path`, as file ids are made. Source: categories 2 and 3."""


def is_key_database(record: Record) -> bool:
    return record.kind is Kind.FILE and bool(_KEY_DATABASES.fullmatch(f"{record.domain}-{record.relative_path}"))


def check_database(backup: Backup, record: Record, stored_bytes: int, *, as_sent: bool) -> Finding | None:
    """What SQLite finds wrong with a key database whose stored bytes are sound, its `-wal` folded in; None: nothing.

    `as_sent`: its digest or seal was met, so a fault came from the phone and is a warning.
    """
    if stored_bytes > OPENED_UP_TO_BYTES:
        return wound.database_too_large(record, stored_bytes)
    try:
        content = backup.read(record, OPENED_UP_TO_BYTES)
        log = _log_of(backup, record)
    except (BlobMissing, BlobUnreadable):
        return None  # named already, where every stored file is examined
    said = faults(folded(content, log))
    if said is None:
        return None
    if not as_sent and len(content) < SMALLEST_DATABASE_BYTES and len(content) == record.size:
        return wound.database_never_was(record, len(content))
    if as_sent:
        return wound.database_damaged_on_phone(record, said)
    return wound.database_damaged(record, said)


def _log_of(backup: Backup, record: Record) -> bytes:
    try:
        log = backup.record(record.domain, f"{record.relative_path}-wal")
    except BadRecord:
        return b""
    return backup.read(log, OPENED_UP_TO_BYTES) if log is not None and log.kind is Kind.FILE else b""


def faults(database: bytes | bytearray) -> str | None:
    """The first thing SQLite's check finds wrong with a database in rollback mode, or None. Never raises for its sake.

    Some of Apple's databases have collations and tokenizers that only iOS knows (*seen*: `ab_cf_tokenizer` in an
    AddressBook of iOS 15); a check that stops at one of them says nothing against the file.
    """
    if not database:
        return None  # an empty file is an empty database
    if not database.startswith(SQLITE_MAGIC):
        return "file is not a database"
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.deserialize(database)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, len(database) + SQLITE_SPARE_BYTES)
        for pragma in ("trusted_schema = OFF", "ignore_check_constraints = ON"):
            connection.execute(f"PRAGMA {pragma}")
        for check in ("integrity_check(1)", "quick_check(1)"):
            try:
                said = str(connection.execute(f"PRAGMA {check}").fetchone()[0])
            except sqlite3.OperationalError:
                continue
            return None if said == "ok" or "tokenizer" in said or "no such module" in said else said
    except sqlite3.DatabaseError as problem:
        return str(problem)
    finally:
        connection.close()
    return None
