"""What a manifest says of its files, packed: 73 bytes each, because a phone has up to 1.3 million (facts 3.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from migrate.backup.file_ids import IdTable
from migrate.backup.manifest.manifest import Manifest, OnBad, Row
from migrate.backup.record import Kind, file_id
from migrate.content.item import FileRef
from migrate.content.source import AtPlaces
from migrate.problems import BadRecord

IsWanted = Callable[[str, str], bool]
"""Whether a domain and path are compared."""

_FACTS = struct.Struct(">Bqqq20sq")
_NO_DIGEST = bytes(20)
_UNKNOWN = -1
_LARGEST = (1 << 63) - 1


class FileState(IntEnum):
    """What became of a file of OLD."""

    GONE = 0
    SAME = 1
    CHANGED = 2
    UNREADABLE = 3
    """Its contents would have to be compared and cannot be read on one of the sides."""


class Facts(NamedTuple):
    """What decides whether a file has changed, without reading it."""

    kind: int
    size: int
    """As the phone claims; -1 if it does not."""
    modified: int
    """0 if unknown."""
    key: int
    """A hash of the file's wrapped key (equal stored bytes under equal keys are equal contents), or of a link's target;
    0 if it has neither."""
    digest: bytes
    """SHA-1 of the stored bytes; zeros if the manifest has none."""
    row: int
    """A hash of the whole row, if a row like it says that nothing has changed; else 0. Python keys its hashes anew in
    each process, so that a stranger cannot choose two rows that have one."""


def facts_of(row: Row, *, is_encrypted: bool) -> Facts:
    """The facts of a file or link. Raises BadRecord."""
    kind = row.flags & 7
    size, modified, encryption_key, digest, target = row.stated()
    if kind == Kind.SYMLINK:
        return Facts(kind, _UNKNOWN, 0, hash(target), _NO_DIGEST, 0)
    key = hash(encryption_key) if is_encrypted and encryption_key is not None else 0
    tells = digest is not None or (size is not None and modified)
    return Facts(
        kind,
        _UNKNOWN if size is None else min(size, _LARGEST),
        modified if -_LARGEST < modified < _LARGEST else 0,
        key,
        digest or _NO_DIGEST,
        hash(row.file) if tells else 0,
    )


def known_alike(old: Facts, new: Facts, sealed_alike: Callable[[], bool | None]) -> bool | None:
    """Whether a file is unchanged; None if only its contents tell.

    Args:
        sealed_alike: whether both seals have one digest of the stored bytes; None if they do not tell.
    """
    if old.kind != new.kind:
        return False
    if old.kind == Kind.SYMLINK:
        return old.key == new.key
    if old.key == new.key:  # stored alike: under one key, or both plain
        if old.digest != _NO_DIGEST and new.digest != _NO_DIGEST:
            return old.digest == new.digest
        if (sealed := sealed_alike()) is not None:
            return sealed
    if _UNKNOWN in (old.size, new.size):
        return None
    if old.size != new.size:
        return False
    return True if old.modified == new.modified and old.modified else None


def file_rows(
    manifest: Manifest, is_wanted: IsWanted | None, on_bad: OnBad, at_places: AtPlaces | None = None
) -> Iterator[Row]:
    """The rows of files and links that are compared; `is_wanted` None: all of them. `at_places` gets those that readers
    of items ask for, wanted or not."""
    for row in manifest.rows(on_bad):
        if at_places is not None:
            at_places.add(row)
        if row.flags & 7 != Kind.DIRECTORY and (is_wanted is None or is_wanted(row.domain, row.relative_path)):
            yield row


class OldFiles:
    """The files and links of OLD, each with what became of it."""

    def __init__(self, manifest: Manifest, is_wanted: IsWanted | None, on_bad: OnBad, at_places: AtPlaces) -> None:
        """Reads the manifest once.

        Raises:
            BackupUnreadable: it is damaged.
        """
        encrypted = manifest.is_encrypted
        rows: dict[bytes, bytes] = {}
        for row in file_rows(manifest, is_wanted, on_bad, at_places):
            try:
                facts = facts_of(row, is_encrypted=encrypted)
            except BadRecord as bad:
                on_bad(bad)
                continue
            rows[bytes.fromhex(row.file_id)] = _FACTS.pack(*facts)
        ids = sorted(rows)
        self._facts = b"".join(map(rows.__getitem__, ids))
        self._table = IdTable(b"".join(ids))
        self._states = bytearray(len(ids))

    def __len__(self) -> int:
        return len(self._table)

    def place(self, name: str) -> int:
        """The number of a file id; -1 if OLD does not have it."""
        return self._table.place(bytes.fromhex(name))

    def facts(self, place: int) -> Facts:
        return Facts._make(_FACTS.unpack_from(self._facts, place * _FACTS.size))

    def has_row(self, place: int, row: Row) -> bool:
        """Whether OLD has the very same row, and that says that the file is unchanged."""
        known: int = _ROW_HASH.unpack_from(self._facts, place * _FACTS.size + _ROW_HASH_AT)[0]
        return known != 0 and known == hash(row.file)

    def settle(self, place: int, state: FileState) -> None:
        self._states[place] = state

    def state(self, place: int) -> FileState:
        return FileState(self._states[place])

    def state_of(self, file: FileRef) -> FileState | None:
        """What became of a file; None if it was not compared."""
        place = self.place(file_id(*file))
        return None if place < 0 else self.state(place)

    def count(self, state: FileState) -> int:
        return self._states.count(state)


_ROW_HASH = struct.Struct(">q")
_ROW_HASH_AT = _FACTS.size - _ROW_HASH.size
