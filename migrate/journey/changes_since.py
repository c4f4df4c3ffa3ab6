"""Count what arrived on a phone after a run: what is neither in its safety backup nor in what the run sent.

    a file            counts if it is in neither, or differs from both
    a database        counts rows that are in neither: by row id, in the tables whose rows a person would miss
    an app's database whose tables are unknown counts as one thing if its rows differ

What iOS writes on any running phone (arrival rules, other-system) does not belong to a person and is not counted.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.categories.arrival import is_database_file, never_arrives_reason, rewritten_by_phone
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM
from migrate.categories.claims import Claims
from migrate.categories.databases import (
    TableDigest,
    database_copy,
    open_database,
    ordinary_tables,
    quote_identifier,
    table_digests,
)
from migrate.journey.proof.compare import RecordKey, comparable_records, content_digest, records_by_key
from migrate.progress import Progress, no_progress

RowIds = Mapping[str, frozenset[int]]
Known = tuple[Backup, dict[RecordKey, Record]]
ROW_IDS = "SELECT rowid FROM {} NOT INDEXED"
"""An index may need a collation that only the phone has, so the table itself is read."""


@dataclass
class ChangesSince:
    """Compares a phone's backup with its earlier one and with what was sent to it. Blocking; reads only."""

    now: Backup
    claims: Claims
    earlier: tuple[Backup, ...]
    """The safety backup, and what was sent."""
    tmp: Path
    progress: Progress = no_progress

    def counted(self) -> dict[str, int]:
        """How many new things there are, per category or app that has any."""
        now = records_by_key(self.now)
        known = [(backup, records_by_key(backup)) for backup in self.earlier]
        found: Counter[str] = Counter()
        done, total = 0, sum(record.size or 0 for record in now.values())
        for record in comparable_records(now):
            done += record.size or 0
            self.progress.bytes_moved(done, total)
            owners = self.claims.owners(record.domain, record.relative_path) - {OTHER_SYSTEM}
            if owners and (new := self._new_in(record, now, known, owners)):
                for owner in owners:
                    found[owner] += new
        return dict(found)

    def _new_in(
        self,
        record: Record,
        now: Mapping[RecordKey, Record],
        known: list[tuple[Backup, dict[RecordKey, Record]]],
        owners: frozenset[str],
    ) -> int:
        key = (record.domain, record.relative_path)
        twins = [(backup, records, records[key]) for backup, records in known if key in records]
        mine = content_digest(self.now, record, now)
        if any(content_digest(backup, twin, records) == mine for backup, records, twin in twins):
            return 0
        if is_database_file(record.relative_path):
            tables = self.claims.catalogue.counted_tables(*key)
            if not tables:
                return int(any(owner.startswith(APP_PREFIX) for owner in owners) and not self._same_rows(record, twins))
            rows = self._row_ids(self.now, record, tables)
            return min(
                (_added(rows, self._row_ids(backup, twin, tables)) for backup, _, twin in twins),
                default=_added(rows, {}),
            )
        return int(not rewritten_by_phone(*key) and not never_arrives_reason(*key))

    def _same_rows(self, record: Record, twins: list[tuple[Backup, dict[RecordKey, Record], Record]]) -> bool:
        """Whether a database has the same rows on other pages. False if the bytes are not a database."""
        try:
            mine = self._rows(self.now, record)
            return any(self._rows(backup, twin) == mine for backup, _, twin in twins)
        except sqlite3.Error:
            return False

    def _rows(self, backup: Backup, record: Record) -> dict[str, TableDigest]:
        with database_copy(backup, record, self.tmp) as copy:
            return table_digests(copy)

    def _row_ids(self, backup: Backup, record: Record, tables: frozenset[str]) -> RowIds:
        """The row ids per table; empty if the bytes are not a database, because nothing in it can be lost then."""
        try:
            with database_copy(backup, record, self.tmp) as copy, open_database(copy) as connection:
                there = ordinary_tables(connection) & tables
                return {
                    table: frozenset(row[0] for row in connection.execute(ROW_IDS.format(quote_identifier(table))))
                    for table in there
                }
        except sqlite3.Error:
            return {}


def _added(now: RowIds, before: RowIds) -> int:
    return sum(len(rows - before.get(table, frozenset())) for table, rows in now.items())
