"""A backup's manifest: which records it has, whatever the format of the file that lists them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from typing import Any, NamedTuple, Self

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.folder import BackupFolder
from migrate.backup.mbfile.decode import LAYOUTS, decode_mbfile
from migrate.backup.mbfile.layout import FIELDS
from migrate.backup.record import Kind, Record
from migrate.problems import BadRecord

_KINDS = {int(kind): kind for kind in Kind}
_SIZE = FIELDS.index("Size")
_COPIED = itemgetter(*map(FIELDS.index, ("InodeNumber", "EncryptionKey", "Size")))
_STATED = itemgetter(*map(FIELDS.index, ("Size", "LastModified", "EncryptionKey", "Digest", "Target")))


Stated = tuple[int | None, int, bytes | None, bytes | None, str | None]
"""Size, time of the last change, key, digest and target; see `Record`."""


class Row(NamedTuple):
    """One row of `Files` as stored: types checked, the archive in `file` not yet decoded."""

    file_id: str
    domain: str
    relative_path: str
    flags: int
    file: bytes

    @property
    def kind(self) -> Kind | None:
        """None where the flags are no kind's: `record` raises BadRecord."""
        return _KINDS.get(self.flags & 7)  # 8 to 128 mark a backup that is still running (facts 3.2)

    def record(self) -> Record:
        """Raises BadRecord."""
        kind = self.kind
        if kind is None:
            raise BadRecord(self.file_id, self.domain, self.relative_path, f"its flags are {self.flags}")
        return decode_mbfile(
            self.file,
            file_id=self.file_id,
            domain=self.domain,
            relative_path=self.relative_path,
            kind=kind,
        )

    def copied(self) -> tuple[int, bytes | None, int | None]:
        """Inode number, key and size, which decide how a row is copied into another manifest, in half of the time
        `record` takes. Raises BadRecord where `record` does."""
        values = LAYOUTS.read(self.file) if self.flags & 7 in _KINDS else None
        if values is None:
            record = self.record()
            return record.inode, record.encryption_key, record.size
        copied: tuple[int, bytes | None, int | None] = _COPIED(values)
        return copied

    def stated(self) -> Stated:
        """What decides whether the contents are those of another backup, in half of the time `record` takes. Raises
        BadRecord where `record` does."""
        values = LAYOUTS.read(self.file) if self.flags & 7 in _KINDS else None
        if values is None:
            record = self.record()
            return record.size, record.modified, record.encryption_key, record.digest, record.target
        stated: Stated = _STATED(values)
        return stated

    def size(self) -> int | None:
        """The record's size, in half of the time `record` takes. Raises BadRecord where `record` does."""
        values = LAYOUTS.read(self.file) if self.flags & 7 in _KINDS else None
        if values is None:
            return self.record().size
        size: int | None = values[_SIZE]
        return size


OnBad = Callable[[BadRecord], None]
RecordFilter = Callable[[str, str], bool]


class Manifest(ABC):
    """A backup's records, read-only. Several threads may use it.

    In every method that takes `on_bad`, a damaged row goes to `on_bad`; without it, BadRecord is raised.
    """

    folder: BackupFolder
    class_keys: ClassKeys | None
    """None where the backup is not encrypted."""
    manifest_key: bytes | None
    """The plain key of Manifest.db, for writing a new one under it. None: Manifest.db is not encrypted."""
    is_padded: bool
    """False: Manifest.db ends without PKCS#7 padding, as pymobiledevice3's prune leaves it."""
    is_composed: bool
    """Written by this program, for a restore set or a clone."""
    has_log: bool
    """Rows of Manifest.db-wal are among the records."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_encrypted(self) -> bool:
        return self.class_keys is not None

    @abstractmethod
    def close(self) -> None: ...

    @property
    @abstractmethod
    def count(self) -> int:
        """The number of rows, damaged ones included."""

    @abstractmethod
    def rows(self, on_bad: OnBad | None = None) -> Iterator[Row]:
        """Every row, in stored order.

        Raises:
            BadRecord: a row has values of impossible types, and there is no `on_bad`.
            BackupUnreadable: the database is damaged; the rows yielded before are good.
        """

    def rows_of(self, domains: Collection[str], on_bad: OnBad | None = None) -> Iterator[Row]:
        """The rows of these domains, in stored order. For those who ask for few of a phone's hundreds of domains.
        Raises what `rows` raises."""
        return (row for row in self.rows(on_bad) if row.domain in domains)

    @abstractmethod
    def records(self, on_bad: OnBad | None = None) -> Iterator[Record]:
        """Every record, its archive decoded. Raises what `rows` raises."""

    @abstractmethod
    def records_where(self, wanted: RecordFilter, on_bad: OnBad) -> Iterator[Record]:
        """The records for which `wanted(domain, relative_path)` is true. Other archives are not decoded, and damaged
        rows among them are not reported."""

    @abstractmethod
    def record(self, domain: str, relative_path: str) -> Record | None:
        """The record of one path, or None. Raises BadRecord where its row is damaged."""

    @abstractmethod
    def row(self, domain: str, relative_path: str) -> Row | None:
        """The row of one path, found by its file id, or None."""

    @abstractmethod
    def domains(self) -> frozenset[str]:
        """Every domain that a row names."""

    @abstractmethod
    def properties(self) -> dict[str, Any]:
        """The table `Properties`: empty on iOS 14 (*seen*), `passwordHash` and `salt` on newer ones (facts 3.2)."""

    @abstractmethod
    def find_faults(self) -> Iterator[str]:
        """The faults that SQLite's integrity check finds, at most ten sentences; empty for a sound database."""
