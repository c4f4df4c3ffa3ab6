"""Manifest.db: which records a backup has. Read a piece at a time (manifest_pages.py); manifest_writer.py writes one.

Nothing of it reaches the disk in plain: an encrypted one is decrypted in memory, and even a plain one is never opened
in place (it is in WAL mode, so SQLite would leave `-wal` and `-shm` inside the backup). A manifest is a stranger:
only the plain table `Files` is read, and its rows are counted while they come.
Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.folder import FILE_ID, PATH_LIMIT_BYTES, BackupFolder
from migrate.backup.manifest.database import (
    COLUMNS,
    DATABASE_ERRORS,
    TOO_MANY_ROWS,
    OpenedDatabase,
    damaged,
    is_plain_table,
    open_database,
)
from migrate.backup.mbfile.fast_decode import FIELDS
from migrate.backup.record import LAYOUTS, Kind, Record, decode_mbfile, file_id
from migrate.problems import BackupUnreadable, BadRecord, KeybagUnreadable, KeyUnusable, PasswordMissing, WrongPassword

MIN_ROW_BYTES = 60
"""A row holds its 40-digit file id twice (table and key index) and an archive. A B-tree whose pages refer to the same
children again can claim billions of rows in a few kilobytes; more rows than this allows is such a one."""

_KINDS = {int(kind): kind for kind in Kind}
_INODE, _KEY = FIELDS.index("InodeNumber"), FIELDS.index("EncryptionKey")


class Row(NamedTuple):
    """One row of `Files` as it lies there, types checked, the archive in `file` not yet opened."""

    file_id: str
    domain: str
    relative_path: str
    flags: int
    file: bytes

    def record(self) -> Record:
        """Raises BadRecord."""
        kind = _KINDS.get(self.flags & 7)  # 8 to 128 are marks of a backup that is still running (facts 3.2)
        if kind is None:
            raise BadRecord(self.file_id, self.domain, self.relative_path, f"its flags are {self.flags}")
        return decode_mbfile(
            self.file,
            file_id=self.file_id,
            domain=self.domain,
            relative_path=self.relative_path,
            kind=kind,
        )

    def inode_and_key(self) -> tuple[int, bytes | None]:
        """The two values of the archive that decide how a row goes into another manifest, in half of `record`'s time.
        Raises BadRecord where `record` does."""
        values = LAYOUTS.read(self.file) if self.flags & 7 in _KINDS else None
        if values is None:
            record = self.record()
            return record.inode, record.encryption_key
        return values[_INODE], values[_KEY]


OnBad = Callable[[BadRecord], None]
RecordFilter = Callable[[str, str], bool]


class Manifest:
    """A backup's records, read-only. Several threads may use it. Manifest.db stays open until `close`."""

    def __init__(
        self,
        folder: BackupFolder,
        opened: OpenedDatabase,
        class_keys: ClassKeys | None,
        manifest_key: bytes | None,
    ) -> None:
        """Use `open`."""
        self.folder = folder
        self.class_keys = class_keys
        self.manifest_key = manifest_key  # Manifest.db's, for whoever writes a new one under it; None: it is plain
        self.is_padded = opened.is_padded
        self.is_composed = opened.is_composed  # written here, for a restore set or a clone
        self._database = opened.connection
        self._budget = opened.budget
        self._most_rows = opened.size // MIN_ROW_BYTES

    def __repr__(self) -> str:
        return f"Manifest({str(self.folder.path)!r})"

    @classmethod
    def open(cls, folder: BackupFolder, password: str | None) -> Manifest:
        """The manifest in memory: Manifest.db, or for a backup of iOS 5 to 9 what Manifest.mbdb says.

        Raises:
            PasswordMissing, WrongPassword: it is encrypted, and not opened by `password`.
            KeybagUnreadable: its keybag is damaged.
            BackupUnreadable: Manifest.db is missing, no database, or not one with a plain table `Files`; or
                Manifest.mbdb is cut short or none.
        """
        if folder.is_flat:
            from migrate.backup.manifest.mbdb_manifest import MbdbManifest  # it is a Manifest itself

            return MbdbManifest.of(folder, password)
        class_keys = manifest_key = None
        if folder.is_encrypted:
            class_keys, manifest_key = unlock(folder, password)
        return cls(folder, open_database(folder, manifest_key), class_keys, manifest_key)

    @classmethod
    def open_list(cls, folder: BackupFolder) -> Manifest:
        """The list of an encrypted backup whose list is plain (`folder.list_is_plain`), without its password: names,
        lengths and digests; no content opens. Raises BackupUnreadable."""
        if folder.is_flat:
            from migrate.backup.manifest.mbdb_manifest import MbdbManifest

            return MbdbManifest.with_keys(folder, None)
        return cls(folder, open_database(folder, None), None, None)

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
        for values in self._files("NOT INDEXED"):
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

    def records_where(self, wanted: RecordFilter, on_bad: OnBad) -> Iterator[Record]:
        """The records `wanted(domain, relative_path)` is true of; the archives of the others stay shut. Damaged ones
        that are wanted go to `on_bad`."""

        def on_bad_row(bad: BadRecord) -> None:
            if wanted(bad.domain, bad.relative_path):
                on_bad(bad)

        for row in self.rows(on_bad_row):
            if not wanted(row.domain, row.relative_path):
                continue
            try:
                record = row.record()
            except BadRecord as bad:
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
        for values in self._files("WHERE fileID = ?", (wanted,)):
            row = _row(values)
            if (row.domain, row.relative_path) == (domain, relative_path):
                return row
        return None

    def domains(self) -> frozenset[str]:
        """Every domain that a row names."""
        stored = self._select("SELECT typeof(domain), CAST(domain AS BLOB) FROM Files NOT INDEXED")
        found = (_text(kind, domain) for kind, domain in stored)
        return frozenset(domain for domain in found if isinstance(domain, str))

    def properties(self) -> dict[str, Any]:
        """The table `Properties`: empty on iOS 14 (*seen*), `passwordHash` and `salt` on newer ones (facts 3.2)."""
        self._budget.begin()
        try:
            plain = is_plain_table(self._database, "Properties")
        except DATABASE_ERRORS as error:
            raise damaged(self.folder, error) from error
        if not plain:
            return {}
        rows = self._select("SELECT key, value FROM Properties NOT INDEXED")
        return {key: value for key, value in rows if isinstance(key, str)}

    def find_faults(self) -> Iterator[str]:
        """What SQLite's own check finds wrong with the database, at most ten sentences; nothing where it is sound."""
        for (message,) in self._select("PRAGMA integrity_check(10)"):
            if message != "ok":
                yield str(message)

    def _files(self, where: str = "", values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The five columns of the rows. From the first text on that is no UTF-8, such texts come as bytes, so that they
        are refused where a name is expected and the rows after them still come."""
        number = 0
        try:
            query = f"SELECT {', '.join(COLUMNS)} FROM Files {where}"  # noqa: S608 all of it is ours
            for row in self._select(query, values):
                yield row
                number += 1
        except BackupUnreadable as damage:
            if not isinstance(damage.__cause__, UnicodeDecodeError):
                raise
            stored = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in COLUMNS[:3])
            stored += ", CASE typeof(flags) WHEN 'integer' THEN flags END, CASE typeof(file) WHEN 'blob' THEN file END"
            query = f"SELECT {stored} FROM Files {where} LIMIT -1 OFFSET {number}"  # noqa: S608
            for *texts, flags, file in self._select(query, values):
                yield *map(_text, texts[::2], texts[1::2]), flags, file

    def _select(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        self._budget.begin()
        try:
            for number, row in enumerate(self._database.execute(query, values), 1):
                if number > self._most_rows:
                    raise BackupUnreadable(self.folder.path, "Manifest.db", TOO_MANY_ROWS)
                yield row
        except DATABASE_ERRORS as error:
            raise damaged(self.folder, error) from error


def unlock(folder: BackupFolder, password: str | None) -> tuple[ClassKeys, bytes | None]:
    """The class keys of an encrypted backup and the key of its Manifest.db, None where that is plain all the same.

    Raises:
        PasswordMissing, WrongPassword: the person's.
        KeybagUnreadable, BackupUnreadable: the backup's.
    """
    keybag = _keybag(folder)
    if folder.has_plain_list:
        return _unlocked(folder, keybag, password), None
    wrapped = (folder.manifest_plist or {}).get("ManifestKey")
    if not isinstance(wrapped, bytes):
        raise BackupUnreadable(
            folder.path, "Manifest.plist", "ManifestKey is missing, so Manifest.db cannot be decrypted"
        )
    class_keys = _unlocked(folder, keybag, password)
    try:
        return class_keys, class_keys.unwrap(wrapped)
    except KeyUnusable as error:
        raise BackupUnreadable(folder.path, "Manifest.plist", f"ManifestKey: {error.reason}") from error


def unlock_keybag(folder: BackupFolder, password: str | None) -> ClassKeys:
    """The class keys of an encrypted backup. Raises what `unlock` raises."""
    return _unlocked(folder, _keybag(folder), password)


def _keybag(folder: BackupFolder) -> Keybag:
    bag = (folder.manifest_plist or {}).get("BackupKeyBag")
    if not isinstance(bag, bytes):
        raise KeybagUnreadable("it is missing" if bag is None else "it is not data")
    return Keybag.from_bytes(bag)


def _unlocked(folder: BackupFolder, keybag: Keybag, password: str | None) -> ClassKeys:
    if password is None:
        raise PasswordMissing(folder.path)
    try:
        return keybag.unlock(password)
    except WrongPassword:
        raise WrongPassword(str(folder.path)) from None


def _text(kind: str, stored: bytes | None) -> str | bytes | None:
    """A value by its type in SQLite's words and its bytes: a text, or the bytes of what is none or no UTF-8."""
    if kind != "text" or stored is None:
        return stored
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored


def _row(values: tuple[Any, ...]) -> Row:
    identity, domain, relative_path, flags, file = values
    if not isinstance(identity, str) or not FILE_ID.fullmatch(identity):
        raise BadRecord(_shown(identity), _shown(domain), _shown(relative_path), "its file id is not 40 hex digits")
    if not isinstance(domain, str) or not isinstance(relative_path, str):
        raise BadRecord(identity, _shown(domain), _shown(relative_path), "its domain or path is not text")
    if max(len(domain), len(relative_path)) > PATH_LIMIT_BYTES:
        raise BadRecord(
            identity, _shown(domain), _shown(relative_path), "its domain or path is longer than any phone's"
        )
    if not isinstance(flags, int) or not isinstance(file, bytes):
        raise BadRecord(identity, domain, relative_path, "its flags are not a number or its archive is not data")
    return Row(identity, domain, relative_path, flags, file)


def _shown(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
