"""The records of Manifest.db, the manifest of iOS 10 and later.

Nothing decrypted reaches the disk: an encrypted Manifest.db is decrypted in memory, piece by piece (vfs.py). A plain
one is not opened in place either: it is in WAL mode, so SQLite would leave `-wal` and `-shm` inside the backup. The
database is untrusted: only the plain table `Files` is read, and its rows are counted as they come.
Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from stat import S_IFMT
from typing import Any

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.manifest.database import (
    COLUMNS,
    DATABASE_ERRORS,
    LOOKUP_CACHE_KIB,
    TOO_MANY_ROWS,
    OpenedDatabase,
    damaged,
    is_plain_table,
)
from migrate.backup.manifest.manifest import Manifest, OnBad, RecordFilter, Row
from migrate.backup.mbfile.decode import parse_mbfile
from migrate.backup.record import KINDS_BY_MODE, Kind, Record, file_id
from migrate.backup.safe_path import PATH_LIMIT_BYTES
from migrate.problems import BackupUnreadable, BadRecord

MIN_ROW_BYTES = 60
"""A row holds its 40-digit file id twice (table and key index) and an archive. A B-tree whose pages refer to the same
children again can claim billions of rows in a few kilobytes; this limit detects it."""


class DbManifest(Manifest):
    """The records of a Manifest.db, which stays open until `close`."""

    def __init__(
        self,
        folder: BackupFolder,
        opened: OpenedDatabase,
        class_keys: ClassKeys | None,
        manifest_key: bytes | None,
    ) -> None:
        self.folder = folder
        self.class_keys = class_keys
        self.manifest_key = manifest_key
        self.is_padded = opened.is_padded
        self.is_composed = opened.is_composed
        self.has_log = opened.has_log
        self._database = opened.connection
        self._budget = opened.budget
        self._looks_up = False
        self._most_rows = opened.size // MIN_ROW_BYTES

    def close(self) -> None:
        self._database.close()

    @property
    def count(self) -> int:
        return sum(1 for _ in self._select("SELECT 1 FROM Files NOT INDEXED"))

    def rows(self, on_bad: OnBad | None = None) -> Iterator[Row]:
        return self._rows(on_bad, self._files("NOT INDEXED"))

    def rows_of(self, domains: Collection[str], on_bad: OnBad | None = None) -> Iterator[Row]:
        names = tuple(sorted(domains))
        found = self._files(f"NOT INDEXED WHERE domain IN ({', '.join('?' * len(names))})", names)
        return (row for row in self._rows(on_bad, found) if row.domain in domains)  # a column may ignore capitals

    @staticmethod
    def _rows(on_bad: OnBad | None, found: Iterator[tuple[Any, ...]]) -> Iterator[Row]:
        make, is_file_id = tuple.__new__, FILE_ID.fullmatch
        for values in found:
            identity, domain, relative_path, flags, file = values
            if (  # as good as always; `_row` knows the rest, and takes three times as long
                type(identity) is type(domain) is type(relative_path) is str
                and type(flags) is int
                and type(file) is bytes
                and flags
                and len(domain) <= PATH_LIMIT_BYTES
                and len(relative_path) <= PATH_LIMIT_BYTES
                and is_file_id(identity)
            ):
                yield make(Row, values)
                continue
            try:
                row = _row(values)
            except BadRecord as bad:
                if on_bad is None:
                    raise
                on_bad(bad)
                continue
            yield row

    def records(self, on_bad: OnBad | None = None) -> Iterator[Record]:
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
        row = self.row(domain, relative_path)
        return row.record() if row else None

    def row(self, domain: str, relative_path: str) -> Row | None:
        if not self._looks_up:
            self._database.execute(f"PRAGMA cache_size = -{LOOKUP_CACHE_KIB}")
            self._looks_up = True
        wanted = file_id(domain, relative_path)
        for values in self._files("WHERE fileID = ?", (wanted,)):
            row = _row(values)
            if (row.domain, row.relative_path) == (domain, relative_path):
                return row
        return None

    def domains(self) -> frozenset[str]:
        stored = self._select("SELECT DISTINCT typeof(domain), CAST(domain AS BLOB) FROM Files NOT INDEXED")
        found = (_text(kind, domain) for kind, domain in stored)
        return frozenset(domain for domain in found if isinstance(domain, str))

    def properties(self) -> dict[str, Any]:
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
        for (message,) in self._select("PRAGMA integrity_check(10)"):
            if message != "ok":
                yield str(message)

    def _files(self, where: str = "", values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The five columns of the rows. From the first text on that is not valid UTF-8, invalid texts are returned as
        bytes: they are refused where a name is expected, and the rows after them can still be read."""
        number = 0
        try:
            query = f"SELECT {', '.join(COLUMNS)} FROM Files {where}"  # noqa: S608 built from constants only
            self._budget.begin()
            try:
                for row in self._database.execute(query, values):  # `_select`, without a second generator for each row
                    if number >= self._most_rows:
                        raise BackupUnreadable(self.folder.path, "Manifest.db", TOO_MANY_ROWS)
                    yield row
                    number += 1
            except DATABASE_ERRORS as error:
                raise damaged(self.folder, error) from error
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


def _text(kind: str, stored: bytes | None) -> str | bytes | None:
    """A value from SQLite's name of its type and its bytes: a text where it is one in valid UTF-8, else the bytes."""
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
    return Row(identity, domain, relative_path, flags or _flags_by_mode(file), file)


def _flags_by_mode(file: bytes) -> int:
    """The flags of a row whose column holds 0: some tools write that, and other readers go by the mode in the archive
    (*read*: Entry.is_file in pyiosbackup). 0 where the archive does not tell."""
    try:
        record = parse_mbfile(file, file_id="", domain="", relative_path="", kind=Kind.FILE)
    except BadRecord:
        return 0
    return int(KINDS_BY_MODE.get(S_IFMT(record.mode), 0))


def _shown(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
