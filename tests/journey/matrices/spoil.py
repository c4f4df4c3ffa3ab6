"""What a sabotage may do to a phone's files. No reader of `migrate` takes part, and every time of a file stays."""

from __future__ import annotations

import plistlib
import re
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from migrate.simulator.device.filesystem import Bytes, Filesystem, Node, read_content
from migrate.simulator.device.keychain import KeychainItem

COMPANIONS = ("-wal", "-shm", "-journal")


class NothingToSpoil(Exception):
    """The phone has nothing of this."""


@dataclass
class Spoiled:
    """The files of a phone that loses data, beside those it had before the move."""

    files: Filesystem
    own: Filesystem
    keychain: list[KeychainItem] = field(default_factory=list)

    # -- files

    def find(self, domain: str, pattern: str) -> list[Node]:
        """The files whose whole path matches, by path."""
        regex = re.compile(pattern)
        found = [
            node for node in self.files.walk(domain) if node.kind == "file" and regex.fullmatch(node.relative_path)
        ]
        if not found:
            raise NothingToSpoil(f"{domain} {pattern}")
        return sorted(found, key=lambda node: node.relative_path)

    def first(self, domain: str, pattern: str) -> Node:
        """The first that was sent: a phone in use still has files of its own that belong to nothing any more."""
        for node in self.find(domain, pattern):
            mine = self.own.get(domain, node.relative_path)
            if mine is None or read_content(mine.content) != read_content(node.content):
                return node
        return self.find(domain, pattern)[0]

    def lose(self, node: Node) -> None:
        for suffix in ("", *COMPANIONS):
            self.files.remove(node.domain, node.relative_path + suffix)

    def lose_all(self, domain: str, pattern: str) -> None:
        for node in self.find(domain, pattern):
            self.lose(node)

    def rewrite(self, node: Node, change: Callable[[bytes], bytes]) -> None:
        data = read_content(node.content)
        changed = change(data)
        assert changed != data, "the sabotage changed nothing"
        self.files.put(replace(node, content=Bytes(changed)))
        now = self.files.get(node.domain, node.relative_path)
        assert now is not None and now.modified == node.modified

    def flip(self, node: Node) -> None:
        """One bit in the middle."""
        self.rewrite(
            node, lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        )

    def cut(self, node: Node) -> None:
        self.rewrite(node, lambda data: data[: len(data) * 2 // 3])

    def keep_own(self, domain: str, pattern: str) -> None:
        """The files are those that the phone had before the move."""
        regex = re.compile(pattern)
        mine = [node for node in self.own.walk(domain) if node.kind == "file" and regex.fullmatch(node.relative_path)]
        if not mine:
            raise NothingToSpoil(f"its own {domain} {pattern}")
        self.lose_all(domain, pattern)
        for node in mine:
            for suffix in ("", *COMPANIONS):
                if (one := self.own.get(domain, node.relative_path + suffix)) is not None:
                    self.files.put(one)

    # -- the keychain

    def lose_from_keychain(self, table: str) -> KeychainItem:
        """Lose the first item that is expected on another phone."""
        for item in self.keychain:
            if item.table == table and not item.stays_on_device:
                self.keychain.remove(item)
                return item
        raise NothingToSpoil(f"keychain {table}")

    # -- property lists

    def plist(self, domain: str, path: str, change: Callable[[Any], object]) -> None:
        node = self.first(domain, re.escape(path))
        value = plistlib.loads(read_content(node.content))
        change(value)
        kept = plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
        self.rewrite(node, lambda data: kept)

    # -- databases

    def ask(self, domain: str, pattern: str, query: str, *values: object) -> Any:
        """The first column of the first row of the first database that has one."""
        for node in self.find(domain, pattern):
            with self._opened(node) as (connection, _path):
                row = connection.execute(_named(connection, query), values).fetchone()
                if row is not None and row[0] is not None:
                    return row[0]
        raise NothingToSpoil(query)

    def sql(self, domain: str, pattern: str, *statements: str) -> None:
        """Run statements in every matching database with such rows, and write it back checkpointed."""
        changed = 0
        for node in self.find(domain, pattern):
            with self._opened(node) as (connection, path):
                before = connection.total_changes
                for statement in statements:
                    connection.execute(_named(connection, statement))
                done = connection.total_changes - before
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                data = path.read_bytes()
            if done:
                changed += done
                self.files.put(replace(node, content=Bytes(data)))
                for suffix in COMPANIONS:
                    self.files.remove(node.domain, node.relative_path + suffix)
        if not changed:
            raise NothingToSpoil(statements[0])

    def _opened(self, node: Node) -> Any:
        return _Opened(self.files, node)


class _Opened:
    """A copy of a database with its log."""

    def __init__(self, files: Filesystem, node: Node) -> None:
        self._files, self._node = files, node

    def __enter__(self) -> tuple[sqlite3.Connection, Path]:
        self._folder = tempfile.TemporaryDirectory(prefix="spoiled-")
        path = Path(self._folder.name) / "database"
        path.write_bytes(read_content(self._node.content))
        log = self._files.get(self._node.domain, self._node.relative_path + "-wal")
        if log is not None and log.size:
            Path(f"{path}-wal").write_bytes(read_content(log.content))
        self._connection = sqlite3.connect(path, isolation_level=None)
        return self._connection, path

    def __exit__(self, *_: object) -> None:
        with closing(self._connection):
            pass
        self._folder.cleanup()


def _named(connection: sqlite3.Connection, statement: str) -> str:
    """Core Data numbers its join tables by entities, whose numbers differ between iOS versions: `{albums}` and its
    columns `{album}` and `{asset}`; the table of assets has two names."""
    if "{" not in statement:
        return statement
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    joined = next((name for name in tables if re.fullmatch(r"Z_\d+ASSETS", name)), "")
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{joined}")')] if joined else []
    return statement.format(
        albums=joined,
        album=next((name for name in columns if name.endswith("ALBUMS")), ""),
        asset=next((name for name in columns if re.fullmatch(r"Z_\d+ASSETS", name)), ""),
        assets="ZASSET" if "ZASSET" in tables else "ZGENERICASSET",
    )
