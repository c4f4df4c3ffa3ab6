"""Manifest.db as a database in memory: decrypted there, patched there, and never opened in place.

A manifest is a stranger. Only an ordinary table `Files` is accepted; views, triggers and computed columns are not
followed, SQLite may neither write nor attach nor sort on disk, and no value larger than an archive may be is built.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from migrate.backup.crypto import BLOCK_BYTES, TornCiphertext, decrypted_chunks, padding_for, padding_length
from migrate.backup.folder import BackupFolder
from migrate.backup.record import MBFILE_LIMIT_BYTES
from migrate.errors import BackupUnreadable

MANIFEST_LIMIT_BYTES = 4 << 30
"""Manifests of 1.2 to 1.55 GB are known, for 0.8 to 1.3 million rows (facts 3.2). While
one opens, it is in memory twice."""

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
WRITE_VERSION, READ_VERSION = 18, 19  # header bytes: 1 rollback journal, 2 write-ahead log

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What Python's sqlite3 raises on damaged databases: a flipped byte in the schema reaches it as text that is no UTF-8
(*seen*, flipping bytes), a size beyond 64 bits as an overflow."""

_COLUMNS = ("fileID", "domain", "relativePath", "flags", "file")


@dataclass(frozen=True)
class OpenedDatabase:
    """A manifest's database in memory."""

    connection: sqlite3.Connection = field(repr=False)
    size: int  # bytes of plain database
    is_padded: bool  # False: it ends without PKCS#7 padding, as pymobiledevice3's prune leaves it


def open_database(folder: BackupFolder, manifest_key: bytes | None) -> OpenedDatabase:
    """Manifest.db of `folder`, decrypted with the plain `manifest_key` where the backup is encrypted.

    Raises:
        BackupUnreadable: it is missing, cut short, no database, or has no ordinary table `Files`.
    """
    data = _stored_manifest(folder)
    if manifest_key is None:
        is_padded = _strip_padding(data)
    else:
        data, is_padded = _decrypted(folder, data, manifest_key)
    size = len(data)
    connection = _in_memory(folder, data)
    try:
        _require_plain_table(folder, connection)
    except BaseException:
        connection.close()
        raise
    return OpenedDatabase(connection, size, is_padded)


def _stored_manifest(folder: BackupFolder) -> bytearray:
    path = folder.manifest_db
    if not path.is_file():
        raise BackupUnreadable(folder.path, "Manifest.db", "it is missing")
    try:
        size = path.stat().st_size
        if size > MANIFEST_LIMIT_BYTES:
            raise BackupUnreadable(folder.path, "Manifest.db", f"it is larger than {MANIFEST_LIMIT_BYTES} bytes")
        data = bytearray(size)
        with path.open("rb") as file:
            del data[file.readinto(data) :]
    except OSError as error:
        raise BackupUnreadable(folder.path, "Manifest.db", error.strerror or type(error).__name__) from error
    if not data:
        raise BackupUnreadable(folder.path, "Manifest.db", "it is empty")
    return data


def _decrypted(folder: BackupFolder, data: bytearray, key: bytes) -> tuple[bytearray, bool]:
    """The plain database, and whether it ended in padding."""
    if data.startswith(MAGIC):
        raise BackupUnreadable(folder.path, "Manifest.db", "it is not encrypted, although Manifest.plist says so")
    step = 1 << 20
    unpadded: list[bool] = []
    plain = bytearray()
    try:
        chunks = (bytes(data[at : at + step]) for at in range(0, len(data), step))
        for chunk in decrypted_chunks(chunks, key, lambda: unpadded.append(True)):
            plain += chunk
    except TornCiphertext as error:
        raise BackupUnreadable(folder.path, "Manifest.db", "it is cut short") from error
    if plain.startswith(MAGIC) and not unpadded and len(plain) % _page_bytes(plain):
        # a database without padding whose last byte merely looked like some: what was stripped belongs to it
        plain += padding_for(len(plain))
        return plain, False
    return plain, not unpadded


def _strip_padding(data: bytearray) -> bool:
    """Cuts the padding off a plain database, in place; False where it has none."""
    length = padding_length(bytes(data[-BLOCK_BYTES:]))
    if not data.startswith(MAGIC) or length is None or (len(data) - length) % _page_bytes(data):
        return False
    del data[-length:]
    return True


def _page_bytes(header: bytearray) -> int:
    """The page size in a database's header; 1 stands for 65,536, and nonsense reads as 1 (everything divides)."""
    stored = int.from_bytes(header[16:18], "big")
    return 65_536 if stored == 1 else stored or 1


def _in_memory(folder: BackupFolder, data: bytearray) -> sqlite3.Connection:
    """A connection that never touches the disk, not even to sort. Empties `data`: a manifest can be a gigabyte."""
    if not data.startswith(MAGIC):
        reason = "it does not decrypt to a database" if folder.is_encrypted else "it is no database"
        raise BackupUnreadable(folder.path, "Manifest.db", reason)
    if len(data) < HEADER_BYTES:
        raise BackupUnreadable(folder.path, "Manifest.db", "it is cut short")
    data[WRITE_VERSION] = data[READ_VERSION] = 1
    database = sqlite3.connect(":memory:", check_same_thread=sqlite3.threadsafety != 3, isolation_level=None)
    try:
        database.deserialize(data)
        data.clear()
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MBFILE_LIMIT_BYTES)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema = OFF", "query_only = ON", "temp_store = MEMORY", "cell_size_check = ON"):
            database.execute(f"PRAGMA {pragma}")
        database.text_factory = _text
    except DATABASE_ERRORS as error:
        database.close()
        raise damaged(folder, error) from error
    return database


def _text(value: bytes) -> str | bytes:
    """Text that is no UTF-8 stays bytes, and is refused where a name is expected."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _require_plain_table(folder: BackupFolder, database: sqlite3.Connection) -> None:
    """Raises BackupUnreadable unless `Files` is an ordinary table with the five columns, none of them computed."""
    try:
        plain = is_plain_table(database, "Files")
        columns = {row[1]: row[6] for row in database.execute("PRAGMA table_xinfo(Files)")} if plain else {}
    except DATABASE_ERRORS as error:
        raise damaged(folder, error) from error
    if not plain:
        raise BackupUnreadable(folder.path, "Manifest.db", "it has no ordinary table named Files")
    missing = [name for name in _COLUMNS if columns.get(name) != 0]
    if missing:
        raise BackupUnreadable(folder.path, "Manifest.db", f"its table Files has no ordinary column {missing[0]}")


def is_plain_table(database: sqlite3.Connection, name: str) -> bool:
    """Whether `name` is a table of rows: no view, no virtual table, no second thing of that name."""
    found = database.execute("SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (name,))
    return [(kind, bool(root)) for kind, root in found] == [("table", True)]


def damaged(folder: BackupFolder, error: Exception) -> BackupUnreadable:
    return BackupUnreadable(folder.path, "Manifest.db", f"the database is damaged ({error})")
