"""A SQLite database of the phone, opened and written back as the phone's own programs do it.

What a phone restored may come from a stranger's backup. A database is therefore edited in memory, its triggers are not
run, nothing can be attached to it, and the work on it is limited. A database that cannot be edited stays as it is.
"""

from __future__ import annotations

import re
import sqlite3
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrate.backup.companions import SUFFIXES
from migrate.problems import MigrateError
from migrate.simulator.aftermath.chance import RESTORED_UNIX_S
from migrate.simulator.contents.formats.sqlite_file import empty_shm, write_ahead_log
from migrate.simulator.device.filesystem import Bytes, Content, DigestOnly, Filesystem, Node, read_content

MAGIC = b"SQLite format 3\0"
LIMIT_BYTES = 64 << 20
"""Larger databases stay as they are: editing one takes seconds."""
STEPS, STEPS_LIMIT = 100_000, 2_000
"""SQLite asks after so many instructions whether to go on, and is stopped after so many questions: some seconds."""
ROLLBACK, WAL = b"\x01\x01", b"\x02\x02"
WRITER_VERSION = 3_050_004
"""The SQLite version in the header: a newer one than that of the contents (*guessed*)."""
FORBIDDEN = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_CREATE_VTABLE, sqlite3.SQLITE_DROP_VTABLE}

Row = dict[str, Any]


class Unusable(Exception):
    """The file is not a database that the phone can edit."""


class Store:
    """An open database. Table and column names are the database's own; look before you use them."""

    def __init__(self, image: bytes) -> None:
        """Raises Unusable."""
        self.journal = image[18:20]
        self._questions = 0
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self._connection.deserialize(image[:18] + ROLLBACK + image[20:])
            self._connection.execute("PRAGMA trusted_schema=OFF")
            self._connection.set_progress_handler(self._is_too_much, STEPS)
            self._connection.set_authorizer(_guard)
            self._triggers: list[tuple[str, str]] = self._connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"
            ).fetchall()
            for name, _ in self._triggers:
                self.run(f"DROP TRIGGER {quoted(name)}")
        except (sqlite3.Error, TypeError) as error:
            self._connection.close()
            raise Unusable from error

    def close(self) -> None:
        self._connection.close()

    def run(self, statement: str, *values: Any) -> int:
        """Executes a statement. Returns the last rowid."""
        return int(self._connection.execute(statement, values).lastrowid or 0)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def tables(self) -> list[str]:
        """The ordinary tables, in the order of their names."""
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' ORDER BY name"
        return [name for (name,) in self.rows(query) if not name.startswith("sqlite_")]

    def columns(self, table: str) -> list[str]:
        return [row[1] for row in self.rows(f"PRAGMA table_info({quoted(table)})")] if table in self.tables() else []

    def has(self, table: str, *columns: str) -> bool:
        found = self.columns(table)
        return bool(found) and set(columns) <= set(found)

    def dictionaries(self, table: str) -> Iterator[tuple[int, Row]]:
        """Every row of a table with its rowid."""
        names = self.columns(table)
        columns = ", ".join(map(quoted, names))
        for rowid, *values in self.rows(f"SELECT rowid, {columns} FROM {quoted(table)} ORDER BY rowid"):  # noqa: S608
            yield rowid, dict(zip(names, values, strict=True))

    def insert(self, table: str, row: Mapping[str, Any], *, or_ignore: bool = False) -> int:
        """Adds a row, without values for columns that the table does not have. Returns its rowid."""
        there = set(self.columns(table))
        row = {name: value for name, value in row.items() if name in there}
        names, marks = ", ".join(map(quoted, row)), ", ".join("?" * len(row))
        verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
        return self.run(f"{verb} INTO {quoted(table)} ({names}) VALUES ({marks})", *row.values())

    def image(self) -> bytes:
        """The database in its current state, with its triggers, except those of tables that are gone."""
        for name, statement in list(self._triggers):
            try:
                self.run(statement)
            except sqlite3.Error:
                self._triggers.remove((name, statement))
        image = bytearray(self._connection.serialize())
        for name, _ in self._triggers:
            self.run(f"DROP TRIGGER {quoted(name)}")
        image[18:20] = self.journal
        image[96:100] = struct.pack(">I", WRITER_VERSION)
        return bytes(image)

    def vacuum(self) -> None:
        """Writes all pages anew, in the order of the tables."""
        self._connection.set_authorizer(None)  # VACUUM attaches a database
        self.run("VACUUM")
        self._connection.set_authorizer(_guard)

    def _is_too_much(self) -> int:
        self._questions += 1
        return int(self._questions > STEPS_LIMIT)


def _guard(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in FORBIDDEN else sqlite3.SQLITE_OK


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def open_store(files: Filesystem, domain: str, path: str) -> Iterator[Store]:
    """Opens a database with what is in its log.

    Raises:
        Unusable: it does not exist, is no database, is too large, or its contents were not kept; also instead of any
            error of SQLite inside the block.
    """
    node = files.get(domain, path)
    if node is None or node.kind != "file":
        raise Unusable
    log = files.get(domain, f"{path}-wal")
    store = Store(_folded(_read(node.content), _read(log.content) if log is not None and log.size else b""))
    try:
        yield store
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise Unusable from error
    finally:
        store.close()


def write_store(files: Filesystem, domain: str, path: str, image: bytes) -> None:
    """Replaces a database by a checkpointed one without companion files."""
    node = files.get(domain, path)
    assert node is not None
    replace_content(files, node, image)
    for suffix in SUFFIXES:
        files.remove(domain, path + suffix)


def write_store_with_log(
    files: Filesystem, domain: str, path: str, before: bytes, after: bytes, salt: tuple[int, int]
) -> None:
    """Replaces a database by `before` and a log that turns it into `after`; an empty log if they are equal."""
    write_store(files, domain, path, before)
    node = files.get(domain, path)
    assert node is not None
    log = write_ahead_log(before, after, salt=salt) if before != after else b""
    for suffix, data in (("-wal", log), ("-shm", empty_shm())):
        files.put(replace(node, relative_path=path + suffix, content=Bytes(data)))


def replace_content(files: Filesystem, node: Node, data: bytes) -> None:
    """Writes a file anew, with its owner, mode, class and attributes."""
    changed = max(node.changed, RESTORED_UNIX_S)
    files.put(replace(node, content=Bytes(data), modified=RESTORED_UNIX_S, changed=changed))


def _read(content: Content) -> bytes:
    if isinstance(content, DigestOnly) or content.size > LIMIT_BYTES:
        raise Unusable
    try:
        return read_content(content)
    except (OSError, MigrateError) as error:
        raise Unusable from error


def _folded(data: bytes, log: bytes) -> bytes:
    """The database with the transactions of its log."""
    if data[: len(MAGIC)] != MAGIC or len(data) < 100:
        raise Unusable
    if not log:
        return data
    with tempfile.TemporaryDirectory(prefix="simulator-") as name:
        path = Path(name) / "database"
        path.write_bytes(data)
        Path(f"{path}-wal").write_bytes(log)
        try:
            with closing(sqlite3.connect(path)) as opened:
                opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise Unusable from error
        return path.read_bytes()


def paths_matching(files: Filesystem, domain: str, pattern: str) -> list[str]:
    """The files of a domain whose whole path matches the regular expression, in order."""
    if not re.search(r"[*+?\[(|]", pattern):
        path = re.sub(r"\\(.)", r"\1", pattern)
        node = files.get(domain, path)
        return [path] if node is not None and node.kind == "file" else []
    matcher = re.compile(pattern)
    return [n.relative_path for n in files.walk(domain) if n.kind == "file" and matcher.fullmatch(n.relative_path)]
