"""Compare the rows of a database that nobody reads as items: an app's own, or one of Apple's that holds documents."""

from __future__ import annotations

import re
import sqlite3
from enum import Enum
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.content.databases import TableDigest, database_copy, table_digests
from migrate.content.open_database import columns_of, open_database, ordinary_tables, quote_identifier

BOOKKEEPING = re.compile("Z_METADATA|Z_PRIMARYKEY|Z_MODELCACHE|ACHANGE|ATRANSACTION.*")
"""Core Data's own tables, which it rewrites whenever it opens a store (*read*: Apple on persistent history)."""


class Rows(Enum):
    """How the rows of one database compare with those of another."""

    ALL_THERE = "all-there"
    """Every row of every table is there; there may be more rows, columns and tables."""
    REWRITTEN = "rewritten"
    """No table has fewer rows, but some rows are not the same."""
    FEWER = "fewer"
    """A table is gone or has fewer rows."""
    DAMAGED = "damaged"
    """The other file is not a sound database, and this one is."""
    UNREADABLE = "unreadable"
    """This file is not a sound database itself."""


def compare_rows(old: Backup, record: Record, new: Backup, arrived: Record, tmp: Path) -> Rows:
    """Compare two databases, each opened with its `-wal` as an app would open it.

    Raises:
        MigrateError, OSError: a blob cannot be read.
    """
    with database_copy(old, record, tmp) as old_copy, database_copy(new, arrived, tmp) as new_copy:
        try:
            sent = _tables(old_copy)
        except sqlite3.Error:
            return Rows.UNREADABLE
        try:
            now = _tables(new_copy)
            # an update drops tables of its own: nothing is lost with one that had no rows
            sent = {table: digest for table, digest in sent.items() if digest.count or table in now}
            if all(now.get(table) == digest for table, digest in sent.items()):
                return Rows.ALL_THERE
            if any(table not in now or now[table].count < digest.count for table, digest in sent.items()):
                return Rows.FEWER
            changed = [table for table, digest in sent.items() if now[table] != digest]
            there = all(_has_all_rows(new_copy, old_copy, table) for table in changed)
        except sqlite3.Error:
            return Rows.DAMAGED
        return Rows.ALL_THERE if there else Rows.REWRITTEN


def _tables(copy: Path) -> dict[str, TableDigest]:
    """The digests of the tables with data, without the bookkeeping of Core Data."""
    return {table: digest for table, digest in table_digests(copy).items() if not BOOKKEEPING.fullmatch(table)}


def _has_all_rows(new_copy: Path, old_copy: Path, table: str) -> bool:
    """Whether every row of the old table is in the new one, in the columns that both have."""
    with open_database(old_copy) as old:
        assert table in ordinary_tables(old)
        columns = columns_of(old, table)
    with open_database(new_copy) as connection:
        shared = sorted(columns & columns_of(connection, table))
        if not shared:
            return False
        connection.execute("ATTACH ? AS old", (f"{old_copy.resolve().as_uri()}?mode=ro",))
        names = ", ".join(map(quote_identifier, shared))
        source = f"{quote_identifier(table)} NOT INDEXED"
        query = f"SELECT 1 FROM (SELECT {names} FROM old.{source} EXCEPT SELECT {names} FROM main.{source}) LIMIT 1"  # noqa: S608  names are quoted
        return connection.execute(query).fetchone() is None
