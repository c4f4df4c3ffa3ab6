"""The pictures of contacts: `AddressBookImages.sqlitedb` (tables *seen* on iOS 15.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from migrate.backup.record import Record
from migrate.content.item import FileRef
from migrate.content.open_database import Database
from migrate.content.source import Place, Source

PICTURES = Place("HomeDomain", ("Library/AddressBook/AddressBookImages.sqlitedb",))
LONGEST_PICTURE = 64 << 20
"""Larger than a picture a phone keeps (*seen*: 208,637 bytes); longer ones are not read."""


class Pictures:
    """Digests of the pictures by the row number of the person.

    The full picture counts; where there is none, the largest thumbnail. Only row numbers and lengths are held.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._record: Record | None = None
        self._database: Database | None = None
        self._rows: dict[int, tuple[bool, int, int, str]] = {}
        """Person -> is it the full picture, its length, row number and table; the largest of these tuples counts."""
        self._is_unknown = False

    def open(self, record: Record, database: Database) -> None:
        """Learn where the pictures of a database are.

        Raises:
            ValueError: it has no table of pictures.
            sqlite3.Error: it is damaged.
        """
        full = database.table("ABFullSizeImage")
        small = database.table("ABThumbnailImage")
        if full is None and small is None:
            raise ValueError("it has no table ABFullSizeImage")
        for table in (full, small):
            if table is None:
                continue
            for person, row, length in database.rows(f"SELECT record_id, ROWID, length(data) FROM {table.sql}"):  # noqa: S608  the name is the schema's own, quoted
                if isinstance(person, int) and isinstance(row, int) and length:
                    here = (table is full, length, row, table.sql)
                    self._rows[person] = max(here, self._rows.get(person, here))
        self._record, self._database = record, database

    def set_unknown(self) -> None:
        """The database cannot be read."""
        self._is_unknown = True

    def digest_of(self, person: int | None) -> tuple[str | None, bool]:
        """The digest of a person's picture, or None; and whether that is known."""
        if self._is_unknown:
            return None, False
        if person not in self._rows:
            return None, True
        _is_full, length, row, table = self._rows[person]
        if length > LONGEST_PICTURE:
            return f"{length} bytes", False
        stored = self._stored(table, row)
        return (None, False) if stored is None else (hashlib.blake2b(stored, digest_size=16).hexdigest(), True)

    def picture_of(self, person: int | None) -> bytes | None:
        """A person's picture; None if there is none, or if it cannot be read."""
        if self._is_unknown or person not in self._rows:
            return None
        _is_full, length, row, table = self._rows[person]
        return None if length > LONGEST_PICTURE else self._stored(table, row)

    def _stored(self, table: str, row: int) -> bytes | None:
        """The bytes of a picture; None if they cannot be read, which is reported."""
        assert self._record is not None and self._database is not None
        with self._source.reading(self._record):
            for (data,) in self._database.rows(f"SELECT data FROM {table} WHERE ROWID = ?", row):  # noqa: S608  the name is the schema's own, quoted
                return data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")
        self._is_unknown = True  # it is damaged, and has been reported
        return None


@contextmanager
def open_pictures(source: Source) -> Iterator[Pictures]:
    """The pictures of a backup's contacts. What cannot be read is reported. Without the file nobody has a picture."""
    with ExitStack() as opened:
        pictures = Pictures(source)
        for record in source.files(PICTURES):
            with source.reading(record):
                pictures.open(record, opened.enter_context(source.database(record)))
            if FileRef(record.domain, record.relative_path) in source.failed:
                pictures.set_unknown()
        yield pictures
