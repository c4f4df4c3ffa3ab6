"""Manifest.db: which records a backup has. Read from memory only, written to bytes only.

Nothing of it reaches the disk in plain: an encrypted one is decrypted in memory, and even a plain one is never opened
in place (it is in WAL mode, so SQLite would leave `-wal` and `-shm` inside the backup). A manifest is a stranger:
only the plain table `Files` is read, and its rows are counted while they come.
Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from migrate.backup.crypto import (
    BLOCK_BYTES,
    TornCiphertext,
    decrypted_chunks,
    encrypted_chunks,
    padding_for,
    padding_length,
)
from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.keybag import ClassKeys, Keybag
from migrate.backup.record import MBFILE_LIMIT_BYTES, Kind, Record, decode_mbfile, encode_mbfile, file_id, major_version
from migrate.errors import BackupUnreadable, BadRecord, KeybagUnreadable, KeyUnusable, PasswordMissing, WrongPassword

MANIFEST_LIMIT_BYTES = 8 << 30
"""Manifests of 1.2 to 1.55 GB are known, for 0.8 to 1.3 million rows (facts 3.2)."""

ROW_BYTES_AT_LEAST = 60
"""A row holds its 40-digit file id twice (table and key index) and an archive. A B-tree whose pages refer to the same
children again can claim billions of rows in a few kilobytes; more rows than this allows is such a one."""

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
WRITE_VERSION, READ_VERSION = 18, 19  # header bytes: 1 rollback journal, 2 write-ahead log
PAGE_BYTES = 4096

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What Python's sqlite3 raises on damaged databases: a flipped byte in the schema reaches it as text that is no UTF-8
(*seen*, flipping bytes), a size beyond 64 bits as an overflow."""

_COLUMNS = ("fileID", "domain", "relativePath", "flags", "file")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `Files` as it lies there, types checked, the archive in `file` not yet opened."""

    file_id: str
    domain: str
    relative_path: str
    flags: int
    file: bytes

    def record(self) -> Record:
        """Raises BadRecord."""
        kind = self.flags & 7  # 8 to 128 are marks of a backup that is still running (facts 3.2)
        if kind not in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK):
            raise BadRecord(self.file_id, self.domain, self.relative_path, f"its flags are {self.flags}")
        return decode_mbfile(
            self.file,
            file_id=self.file_id,
            domain=self.domain,
            relative_path=self.relative_path,
            kind=Kind(kind),
        )


OnBad = Callable[[BadRecord], None]


class Manifest:
    """A backup's records, read-only. Several threads may use it where SQLite is built for that, as it usually is."""

    def __init__(
        self,
        folder: BackupFolder,
        database: sqlite3.Connection,
        *,
        size: int,
        is_padded: bool,
        class_keys: ClassKeys | None,
        manifest_key: bytes | None,
    ) -> None:
        self.folder = folder
        self.class_keys = class_keys
        self.manifest_key = manifest_key  # the plain key of Manifest.db, for whoever writes a new one under it
        self.is_padded = is_padded  # False: it ends without PKCS#7 padding, as pymobiledevice3's prune leaves it
        self._database = database
        self._most_rows = size // ROW_BYTES_AT_LEAST

    def __repr__(self) -> str:
        return f"Manifest({str(self.folder.path)!r})"

    @classmethod
    def open(cls, folder: BackupFolder, password: str | None) -> Self:
        """The manifest in memory.

        Raises:
            PasswordMissing, WrongPassword: it is encrypted, and not opened by `password`.
            KeybagUnreadable: its keybag is damaged.
            BackupUnreadable: Manifest.db is missing, no database, or not one with a plain table `Files`.
        """
        class_keys = manifest_key = None
        if folder.is_encrypted:
            class_keys, manifest_key = unlock(folder, password)
        data = _stored_manifest(folder)
        if manifest_key is not None:
            data, is_padded = _decrypted(folder, data, manifest_key)
        else:
            is_padded = _strip_padding(data)
        size = len(data)
        database = _in_memory(folder, data)
        manifest = cls(
            folder,
            database,
            size=size,
            is_padded=is_padded,
            class_keys=class_keys,
            manifest_key=manifest_key,
        )
        try:
            _require_plain_table(folder, database)
        except BaseException:
            manifest.close()
            raise
        return manifest

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_encrypted(self) -> bool:
        return self.class_keys is not None

    @property
    def count(self) -> int:
        """How many rows `Files` has, damaged ones too."""
        return sum(1 for _ in self._select("SELECT 1 FROM Files NOT INDEXED"))

    def rows(self, on_bad: OnBad | None = None) -> Iterator[Row]:
        """Every row in the order it lies there. A row of impossible types goes to `on_bad`, or is raised without it.

        Raises:
            BadRecord: see above.
            BackupUnreadable: the database is damaged; what came before is as good as it was.
        """
        for values in self._select("SELECT fileID, domain, relativePath, flags, file FROM Files NOT INDEXED"):
            try:
                row = _row(values)
            except BadRecord as bad:
                if on_bad is None:
                    raise
                on_bad(bad)
                continue
            yield row

    def records(self, on_bad: OnBad | None = None) -> Iterator[Record]:
        """Every record, archives opened; damaged ones as in `rows`."""
        for row in self.rows(on_bad):
            try:
                record = row.record()
            except BadRecord as bad:
                if on_bad is None:
                    raise
                on_bad(bad)
                continue
            yield record

    def record(self, domain: str, relative_path: str) -> Record | None:
        """The record of one path, or None. Raises BadRecord where its row is damaged."""
        row = self.row(domain, relative_path)
        return row.record() if row else None

    def row(self, domain: str, relative_path: str) -> Row | None:
        """The row of one path, found by its file id, or None."""
        wanted = file_id(domain, relative_path)
        query = "SELECT fileID, domain, relativePath, flags, file FROM Files WHERE fileID = ?"
        for values in self._select(query, (wanted,)):
            row = _row(values)
            if (row.domain, row.relative_path) == (domain, relative_path):
                return row
        return None

    def domains(self) -> frozenset[str]:
        """Every domain that a row names."""
        found = (domain for (domain,) in self._select("SELECT domain FROM Files NOT INDEXED"))
        return frozenset(domain for domain in found if isinstance(domain, str))

    def properties(self) -> dict[str, Any]:
        """The table `Properties`: empty on iOS 14 (*seen*), `passwordHash` and `salt` on newer ones (facts 3.2)."""
        try:
            plain = _is_plain_table(self._database, "Properties")
        except DATABASE_ERRORS as error:
            raise _damaged(self.folder, error) from error
        if not plain:
            return {}
        rows = self._select("SELECT key, value FROM Properties NOT INDEXED")
        return {key: value for key, value in rows if isinstance(key, str)}

    def faults(self) -> Iterator[str]:
        """What SQLite's own check finds wrong with the database, at most ten sentences; nothing where it is sound."""
        for (said,) in self._select("PRAGMA integrity_check(10)"):
            if said != "ok":
                yield str(said)

    def _select(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            for number, row in enumerate(self._database.execute(query, values), 1):
                if number > self._most_rows:
                    raise BackupUnreadable(self.folder.path, "Manifest.db", "it claims more rows than it has room for")
                yield row
        except DATABASE_ERRORS as error:
            raise _damaged(self.folder, error) from error


def unlock(folder: BackupFolder, password: str | None) -> tuple[ClassKeys, bytes]:
    """The class keys of an encrypted backup and the key of its Manifest.db.

    Raises:
        PasswordMissing, WrongPassword: the person's.
        KeybagUnreadable, BackupUnreadable: the backup's.
    """
    plist = folder.manifest_plist or {}
    bag, wrapped = plist.get("BackupKeyBag"), plist.get("ManifestKey")
    if not isinstance(bag, bytes):
        raise KeybagUnreadable("it is missing" if bag is None else "it is no data")
    if not isinstance(wrapped, bytes):
        raise BackupUnreadable(folder.path, "Manifest.plist", "ManifestKey is missing, so Manifest.db stays shut")
    keybag = Keybag.from_bytes(bag)
    if password is None:
        raise PasswordMissing(folder.path)
    try:
        class_keys = keybag.unlock(password)
    except WrongPassword:
        raise WrongPassword(str(folder.path)) from None
    try:
        return class_keys, class_keys.unwrap(wrapped)
    except KeyUnusable as error:
        raise BackupUnreadable(folder.path, "Manifest.plist", f"ManifestKey: {error.reason}") from error


def _stored_manifest(folder: BackupFolder) -> bytearray:
    path = folder.manifest_db
    if not path.is_file():
        if (folder.path / "Manifest.mbdb").is_file():
            reason = "this is the format of iOS 9 and older (Manifest.mbdb), which is not read"
            raise BackupUnreadable(folder.path, "Manifest.mbdb", reason)
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
        raise _damaged(folder, error) from error
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
        plain = _is_plain_table(database, "Files")
        columns = {row[1]: row[6] for row in database.execute("PRAGMA table_xinfo(Files)")} if plain else {}
    except DATABASE_ERRORS as error:
        raise _damaged(folder, error) from error
    if not plain:
        raise BackupUnreadable(folder.path, "Manifest.db", "it has no ordinary table named Files")
    missing = [name for name in _COLUMNS if columns.get(name) != 0]
    if missing:
        raise BackupUnreadable(folder.path, "Manifest.db", f"its table Files has no ordinary column {missing[0]}")


def _is_plain_table(database: sqlite3.Connection, name: str) -> bool:
    """Whether `name` is a table of rows: no view, no virtual table, no second thing of that name."""
    found = database.execute("SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (name,))
    return [(kind, bool(root)) for kind, root in found] == [("table", True)]


def _row(values: tuple[Any, ...]) -> Row:
    identity, domain, relative_path, flags, file = values
    if not isinstance(identity, str) or not FILE_ID.fullmatch(identity):
        raise BadRecord(_shown(identity), _shown(domain), _shown(relative_path), "its file id is not 40 hex digits")
    if not isinstance(domain, str) or not isinstance(relative_path, str):
        raise BadRecord(identity, _shown(domain), _shown(relative_path), "its domain or path is no text")
    if not isinstance(flags, int) or not isinstance(file, bytes):
        raise BadRecord(identity, domain, relative_path, "its flags are no number or its archive is no data")
    return Row(identity, domain, relative_path, flags, file)


def _shown(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _damaged(folder: BackupFolder, error: Exception) -> BackupUnreadable:
    return BackupUnreadable(folder.path, "Manifest.db", f"the database is damaged ({error})")


_SCHEMA = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA user_version = 2",
    "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)",
    "CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB)",
)
_DOMAIN_INDEX = "CREATE INDEX FilesDomainIdx ON Files(domain)"
_DOMAIN_INDEX_27 = "CREATE INDEX FilesDomainsRelativePathIdx ON Files(domain, relativePath)"
_INDICES = (
    "CREATE INDEX FilesRelativePathIdx ON Files(relativePath)",
    "CREATE INDEX FilesFlagsIdx ON Files(flags)",
)


class ManifestWriter:
    """A new manifest in memory, with the schema, indices and header that a phone of `ios_version` writes."""

    def __init__(self, ios_version: str) -> None:
        self._ios_version = ios_version
        self._database: sqlite3.Connection | None = sqlite3.connect(":memory:", isolation_level=None)
        for statement in _SCHEMA:
            self._database.execute(statement)
        self._database.execute("BEGIN")
        self.count = 0

    def add(self, record: Record) -> None:
        """One more record. A file id that is already there is a bug of ours: ValueError."""
        blob = encode_mbfile(record, ios_version=self._ios_version)
        self.add_row(record.file_id, record.domain, record.relative_path, record.kind, blob)

    def add_row(self, file_id: str, domain: str, relative_path: str, flags: int, file: bytes) -> None:
        """One more row, its archive as it is: how rows of another manifest are carried over untouched."""
        try:
            self._open.execute(
                "INSERT INTO Files VALUES (?, ?, ?, ?, ?)", (file_id, domain, relative_path, int(flags), file)
            )
        except sqlite3.IntegrityError as error:
            raise ValueError(f"{file_id} is in the manifest already") from error
        self.count += 1

    def set_property(self, key: str, value: bytes | str | int | float | None) -> None:
        self._open.execute("INSERT OR REPLACE INTO Properties VALUES (?, ?)", (key, value))

    def to_bytes(self) -> bytes:
        """The finished database, its header in WAL mode as on a phone, without padding. Ends the writer."""
        database = self._open
        domain_index = _DOMAIN_INDEX_27 if major_version(self._ios_version) >= 27 else _DOMAIN_INDEX
        for statement in (domain_index, *_INDICES, "COMMIT"):
            database.execute(statement)
        data = bytearray(database.serialize())
        self.close()
        data[WRITE_VERSION] = data[READ_VERSION] = 2
        return bytes(data)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise ValueError("this manifest was finished already")
        return self._database


def encrypt_manifest(db: bytes, manifest_key: bytes) -> bytes:
    """Manifest.db of an encrypted backup: `db` padded and encrypted under the plain manifest key."""
    return b"".join(encrypted_chunks([db], manifest_key))


def pad_manifest(db: bytes) -> bytes:
    """Manifest.db of an unencrypted backup: phones pad that one too (*seen*, iOS 14.3)."""
    return db + padding_for(len(db))
