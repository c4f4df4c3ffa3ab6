"""SQLite databases and write-ahead logs whose bytes depend only on their rows.

A phone's databases are in WAL mode, checkpointed, with pages of 4,096 bytes (*seen*: databases of iOS 14.3 and 15.3).
They are built in memory and serialised. Header fields that depend on the SQLite library are overwritten: the journal
mode (bytes 18 and 19), the change counter (24 and 92) and the library's version (96). The layout of the b-trees is
SQLite's, and identical for the same statements on every version tried (*guessed* for others).

File format, and the log's: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Literal

Value = int | float | str | bytes | None
Row = dict[str, Value]
"""Values by column name."""

PAGE_BYTES = 4096
WRITER_VERSION = 3_043_002
"""SQLite 3.43.2, the version in iOS 17 (REPORTED)."""
CHANGE_COUNTER = 7
SHM_BYTES = 32_768
JOURNAL_BYTES = {"delete": b"\x01\x01", "wal": b"\x02\x02"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Database:
    """A database that is being written. `schema` is a script of CREATE statements.

    `journal` is the journal mode in the header; nearly all databases on a phone are "wal".
    """

    def __init__(self, schema: str, *, page_bytes: int = PAGE_BYTES, journal: Literal["wal", "delete"] = "wal") -> None:
        self._journal = journal
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute(f"PRAGMA page_size={page_bytes}")
        self._connection.execute("PRAGMA foreign_keys=OFF")  # its default is a compile-time option
        self._connection.executescript(schema)

    def insert(self, table: str, row: Mapping[str, Value]) -> int:
        """Adds a row. Returns its rowid."""
        names = [table, *row]
        if bad := [name for name in names if not NAME.fullmatch(name)]:
            raise ValueError(f"not a valid table or column name: {bad[0]!r}")
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - names checked above
        return int(self._connection.execute(statement, tuple(row.values())).lastrowid or 0)

    def insert_all(self, table: str, rows: Iterable[Mapping[str, Value]]) -> None:
        for row in rows:
            self.insert(table, row)

    def add_columns(self, table: str, columns: str) -> None:
        """Adds the columns of a later iOS version, declared as in CREATE TABLE."""
        for column in columns.split(", "):
            self.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def execute(self, statement: str, *values: Value) -> None:
        self._connection.execute(statement, values)

    def value(self, query: str, *values: Value) -> Any:
        """The first column of the first row of a query."""
        return self._connection.execute(query, values).fetchone()[0]

    def to_bytes(self) -> bytes:
        """The database file in its current state. More rows may be added afterwards."""
        image = bytearray(self._connection.serialize())
        image[18:20] = JOURNAL_BYTES[self._journal]
        image[24:28] = image[92:96] = struct.pack(">I", CHANGE_COUNTER)
        image[96:100] = struct.pack(">I", WRITER_VERSION)
        return bytes(image)

    def close(self) -> None:
        self._connection.close()


def empty_wal_database() -> bytes:
    """A database in WAL mode of one page without tables, whose log holds everything.

    *Seen* on a phone: an AddressBook.sqlitedb of 4,096 bytes beside a log of megabytes.
    """
    database = Database("PRAGMA user_version=1; PRAGMA user_version=0;")
    try:
        return database.to_bytes()
    finally:
        database.close()


def write_ahead_log(before: bytes, after: bytes, *, salt: tuple[int, int]) -> bytes:
    """The log that turns the database `before` into `after` in one transaction: their different pages.

    Both must have the same page size, and `after` must not be shorter. Checksums are little-endian, as on ARM.
    """
    page_bytes = struct.unpack(">H", after[16:18])[0]
    pages = [after[start : start + page_bytes] for start in range(0, len(after), page_bytes)]
    changed = [
        (number, page)
        for number, page in enumerate(pages, start=1)
        if page != before[(number - 1) * page_bytes : number * page_bytes]
    ]
    start = struct.pack(">6I", 0x377F0682, 3_007_000, page_bytes, 0, *salt)
    checksum = _checksum(start, (0, 0))
    log = [start, struct.pack(">2I", *checksum)]
    for number, page in changed:
        committed = len(pages) if number == changed[-1][0] else 0
        frame = struct.pack(">2I", number, committed)
        checksum = _checksum(frame + page, checksum)
        log += [frame, struct.pack(">4I", *salt, *checksum), page]
    return b"".join(log)


def empty_shm() -> bytes:
    """An empty `-shm` file. It is the log's index, which SQLite builds when it opens the database."""
    return bytes(SHM_BYTES)


def _checksum(data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
