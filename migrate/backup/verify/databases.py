"""Runs SQLite's integrity check on a database with its `-wal` applied, without plain copies on disk, for any size."""

from __future__ import annotations

import re

import apsw

from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.manifest.vfs import Pages, connect
from migrate.backup.manifest.wal import SQLITE_MAGIC, WalPages
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.problems import BadRecord, KeyUnusable, UnsafeName, damage
from migrate.problems.finding import Finding

SCATTERED_BYTES, SCATTERED_KEPT = 16 << 10, 512
CACHE_KIB = 64 << 10
"""SQLite looks up every row in every index, at random places in the file. Small pieces keep the cost of one look-up
low; a large cache keeps their number low."""

LONGEST_VALUE_BYTES = 64 << 20
"""A hostile schema may compute values of a gigabyte. A longer value (a film in a row, *guessed* not to exist) ends the
check without a finding."""

SMALLEST_DATABASE_BYTES = 512  # one page of the smallest size SQLite has

MIN_STEPS, STEPS_PER_BYTE, MAX_STEPS = 10_000_000, 20, 5_000_000_000
"""Steps of SQLite's virtual machine in one check: a row takes about 30 (*seen*, Manifest.db of iOS 14.3), and has at
least five bytes and as many in each index; a database of gigabytes takes hundreds of millions (*guessed*)."""

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
"""`domain-path`, as in file ids. Source: categories 2 and 3."""


def is_key_database(record: Record) -> bool:
    """Whether it is a database that a person would miss most: these are checked even if a digest or seal matches."""
    return record.kind is Kind.FILE and bool(_KEY_DATABASES.fullmatch(f"{record.domain}-{record.relative_path}"))


def check_database(backup: Backup, record: Record, *, checksum_matches: bool) -> Finding | None:
    """A finding if SQLite reports a fault in a database with its `-wal` applied, else None. Its stored bytes are sound.

    `checksum_matches`: its digest or seal matches, so a fault came from the phone and is a warning.
    """
    try:
        content = _opened(backup, record)
    except (KeyUnusable, UnsafeName, OSError):
        return None  # reported already, with the stored files
    size = content.size
    try:
        message = find_faults(WalPages(content, _log_of(backup, record)))
    except OSError:
        return None
    finally:
        content.close()
    if message is None:
        return None
    if checksum_matches:
        return damage.DatabaseDamagedOnPhone.of(record, message=message).as_finding()
    if size < SMALLEST_DATABASE_BYTES and size == record.size:
        return damage.DatabaseNeverWas.of(record, content_size=size).as_finding()
    return damage.DatabaseDamaged.of(record, message=message, is_key=is_key_database(record)).as_finding()


def _opened(backup: Backup, record: Record) -> BlobReader:
    keys = backup.manifest.class_keys
    key = keys.unwrap(record.encryption_key or b"") if keys is not None else None
    return BlobReader(backup.stored_path(record), key, piece_bytes=SCATTERED_BYTES, pieces_kept=SCATTERED_KEPT)


def _log_of(backup: Backup, record: Record) -> BlobReader | None:
    try:
        log = backup.record(record.domain, f"{record.relative_path}-wal")
        return _opened(backup, log) if log is not None and log.kind is Kind.FILE else None
    except (BadRecord, KeyUnusable, UnsafeName, OSError):
        return None  # reported with the log's own stored file


def find_faults(pages: Pages) -> str | None:
    """The first fault that SQLite's check finds in a database, or None. Closes `pages`; does not raise for any content.

    Some of Apple's databases use collations and tokenizers that only iOS has (*seen*: `ab_cf_tokenizer` in an
    AddressBook of iOS 15). A check that stops at one of them is not a fault of the file.
    """
    if not pages.size:
        pages.close()
        return None  # an empty file is an empty database
    if pages.read(len(SQLITE_MAGIC), 0) != SQLITE_MAGIC:
        pages.close()
        return "file is not a database"
    try:
        connection = connect(pages)
    except apsw.Error as problem:
        pages.close()
        return str(problem)
    try:
        return _run_checks(connection, pages.size)
    except (apsw.CorruptError, apsw.NotADBError) as problem:
        return str(problem).removeprefix("CorruptError: ").removeprefix("NotADBError: ")
    except (apsw.Error, UnicodeDecodeError):
        return None  # a limit was reached, or it needs something that only iOS has
    finally:
        connection.close()


def _run_checks(connection: apsw.Connection, size: int) -> str | None:
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    steps_left = min(MIN_STEPS + STEPS_PER_BYTE * size, MAX_STEPS) // 1_000_000

    def is_exhausted() -> bool:
        nonlocal steps_left
        steps_left -= 1
        return steps_left < 0

    connection.set_progress_handler(is_exhausted, 1_000_000)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "temp_store = MEMORY", "ignore_check_constraints = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for check in ("integrity_check(1)", "quick_check(1)"):
        try:
            message = str(connection.execute(f"PRAGMA {check}").fetchall()[0][0])
        except apsw.SQLError:
            continue  # a collation, a function or a module that only iOS has
        return None if message == "ok" or _NEEDS_IOS.search(message) else summarize_messages(message)
    return None


def summarize_messages(message: str) -> str:
    """SQLite's message without its headline, at most three sentences of it."""
    lines = [line for line in message.splitlines() if not line.startswith("***")]
    more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
    return "; ".join(line.rstrip(".") for line in lines[:3]) + more


_NEEDS_IOS = re.compile(r"tokenizer|no such module|unable to validate|no such function")
