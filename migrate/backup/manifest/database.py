"""Opens Manifest.db as an untrusted, read-only database. It is read piece by piece (vfs.py), never opened in place.

Only an ordinary table `Files` is accepted, without views, triggers or computed columns. SQLite may not write, attach
another database or sort on disk, and it may not build a value larger than an MBFile archive can be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

from migrate.backup.companions import LOG
from migrate.backup.crypto.cipher import BLOCK_BYTES
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.vfs import APPLICATION_ID, COMPOSED, HEADER_BYTES, ManifestPages, connect
from migrate.backup.manifest.wal import SQLITE_MAGIC, WalPages
from migrate.backup.mbfile.decode import MBFILE_LIMIT_BYTES
from migrate.problems import BackupUnreadable

MANIFEST_LIMIT_BYTES = 4 << 30
"""Manifests of 1.2 to 1.55 GB are known, for 0.8 to 1.3 million rows (facts 3.2)."""

LOG_LIMIT_BYTES = 64 << 20
"""SQLite empties a log at 4 MB. Checking its sums takes a second for each 10 MB (measured)."""

DATABASE_ERRORS = (apsw.Error, UnicodeDecodeError, OverflowError)
"""What reading damaged databases raises: a flipped byte in the schema arrives as text that is no UTF-8
(*seen*, flipping bytes), a size beyond 64 bits as an overflow."""

TOO_MANY_ROWS = "it claims more rows than it has room for"

STEPS_PER_CALLBACK = 100_000
MIN_STEPS, STEPS_PER_BYTE = 1_000_000, 2
"""Steps of SQLite's virtual machine that one query may take. Reading a row takes 7 steps, SQLite's own check of it 31,
and a row has about 880 bytes (*seen*, iOS 14.3: 0.04 steps per byte)."""

COLUMNS = ("fileID", "domain", "relativePath", "flags", "file")


class QueryBudget:
    """Limits how long one query may run. Pages that name each other as children hold more rows than can ever be read;
    if none of them matches the query, no row arrives that could be counted (*seen*: a schema of 28 KB that SQLite read
    forever)."""

    def __init__(self, size: int) -> None:
        """`size`: bytes of the database."""
        self._callbacks = (MIN_STEPS + size * STEPS_PER_BYTE) // STEPS_PER_CALLBACK
        self.begin()

    def begin(self) -> None:
        """Start another query."""
        self._left = self._callbacks

    def is_exhausted(self) -> bool:
        """SQLite's progress handler: True interrupts the query."""
        self._left -= 1
        return self._left < 0


@dataclass(frozen=True)
class OpenedDatabase:
    """A manifest's database, open for reading."""

    connection: apsw.Connection = field(repr=False)
    budget: QueryBudget = field(repr=False)
    size: int  # bytes of plain database
    is_composed: bool  # written by this program, for a restore set or a clone
    is_padded: bool  # False: it ends without PKCS#7 padding, as pymobiledevice3's prune leaves it
    has_log: bool  # committed changes in Manifest.db-wal are part of it


def open_database(folder: BackupFolder, manifest_key: bytes | None) -> OpenedDatabase:
    """Open the Manifest.db of `folder`, with its log. `manifest_key` is its plain key, None where it is not encrypted.

    Raises:
        BackupUnreadable: it is missing, cut short, not a database, or has no ordinary table `Files`.
    """
    try:
        manifest = ManifestPages(folder.manifest_db, manifest_key)
    except FileNotFoundError as error:
        raise BackupUnreadable(folder.path, "Manifest.db", "it is missing") from error
    except OSError as error:
        raise BackupUnreadable(folder.path, "Manifest.db", error.strerror or type(error).__name__) from error
    connection: apsw.Connection | None = None
    pages = WalPages(manifest, None)
    try:
        if (reason := _why_no_database(manifest, encrypted=manifest_key is not None)) is not None:
            raise BackupUnreadable(folder.path, "Manifest.db", reason)
        if manifest_key is None:
            pages = _with_log(folder, manifest)
        budget = QueryBudget(pages.size)
        connection = _connected(folder, pages, budget)
        _require_plain_table(folder, connection)
    except BaseException:
        if connection is not None:
            connection.close()
        pages.close()
        raise
    is_composed = int.from_bytes(manifest.header[APPLICATION_ID], "big") == COMPOSED
    return OpenedDatabase(connection, budget, pages.size, is_composed, manifest.is_padded, bool(pages.log_bytes))


def _with_log(folder: BackupFolder, manifest: ManifestPages) -> WalPages:
    """The pages of a plain Manifest.db with the log beside it. Phones leave none; a program that opens the database in
    place and changes it does. Only a plain Manifest.db can have one: the log of an encrypted one would hold pages that
    SQLite never saw."""
    name = f"Manifest.db{LOG}"
    try:
        log = BlobReader(folder.path / name, None)
    except OSError:
        return WalPages(manifest, None)  # there is none, or a link or a pipe, which verify reports
    if log.size > LOG_LIMIT_BYTES:
        log.close()
        raise BackupUnreadable(folder.path, name, f"it is larger than {LOG_LIMIT_BYTES:,} bytes")
    try:
        return WalPages(manifest, log)
    except OSError as error:
        log.close()
        raise BackupUnreadable(folder.path, name, error.strerror or type(error).__name__) from error


CACHE_KIB = 2_048
"""Enough for reading all rows in order, which uses each page once."""

LOOKUP_CACHE_KIB = 16_384
"""Holds the index of 200,000 file ids, which are in no order: with SQLite's default of 2 MB each lookup in such a
manifest takes 130 us instead of 25 (measured)."""


def _why_no_database(pages: ManifestPages, *, encrypted: bool) -> str | None:
    if not pages.stored_bytes:
        return "it is empty"
    if pages.stored_bytes > MANIFEST_LIMIT_BYTES:
        return f"it is larger than {MANIFEST_LIMIT_BYTES} bytes"
    if encrypted and pages.has_plain_header:
        return "it is not encrypted, although Manifest.plist says so"
    if encrypted and pages.stored_bytes % BLOCK_BYTES:
        return "it is cut short"
    if not pages.header.startswith(SQLITE_MAGIC):
        return "it does not decrypt to a database" if encrypted else "it is not a database"
    return "it is cut short" if pages.size < HEADER_BYTES else None


def _connected(folder: BackupFolder, pages: WalPages, budget: QueryBudget) -> apsw.Connection:
    """A connection that only reads; it does not even sort on disk."""
    database: apsw.Connection | None = None
    try:
        database = connect(pages)
        database.limit(apsw.SQLITE_LIMIT_LENGTH, MBFILE_LIMIT_BYTES)
        database.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        database.set_progress_handler(budget.is_exhausted, STEPS_PER_CALLBACK)
        for pragma in (
            "trusted_schema = OFF",
            "query_only = ON",
            "temp_store = MEMORY",
            "cell_size_check = ON",
            f"cache_size = -{CACHE_KIB}",
        ):
            database.execute(f"PRAGMA {pragma}")
    except DATABASE_ERRORS as error:
        if database is not None:
            database.close()
        raise damaged(folder, error) from error
    return database


def _require_plain_table(folder: BackupFolder, database: apsw.Connection) -> None:
    """Raises BackupUnreadable unless `Files` is an ordinary table with the five columns, none of them computed."""
    try:
        plain = is_plain_table(database, "Files")
        columns = {row[1]: row[6] for row in database.execute("PRAGMA table_xinfo(Files)")} if plain else {}
    except DATABASE_ERRORS as error:
        raise damaged(folder, error) from error
    if not plain:
        raise BackupUnreadable(folder.path, "Manifest.db", "it has no ordinary table named Files")
    missing = [name for name in COLUMNS if columns.get(name) != 0]
    if missing:
        raise BackupUnreadable(folder.path, "Manifest.db", f"its table Files has no ordinary column {missing[0]}")


def is_plain_table(database: apsw.Connection, name: str) -> bool:
    """Whether `name` is an ordinary table: not a view, not a virtual table, and the only object of that name."""
    found = database.execute("SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (name,))
    return [(kind, bool(root)) for kind, root in found] == [("table", True)]


def damaged(folder: BackupFolder, error: Exception) -> BackupUnreadable:
    if isinstance(error, apsw.InterruptError):
        return BackupUnreadable(folder.path, "Manifest.db", TOO_MANY_ROWS)
    return BackupUnreadable(folder.path, "Manifest.db", f"the database is damaged ({str(error)[:200]})")
