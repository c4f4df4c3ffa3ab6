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
_DATED_AT, _KEYED_AT, _ROW_HASH_AT = 17, 25, 45
"""Where the facts end that have to be equal: kind, size and date; the key; the digest."""
_IS_DATED = 8
"""In the first byte: size and date are known."""
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


_GONE = int(FileState.GONE)


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


def facts_of(row: Row, *, is_encrypted: bool) -> bytes:
    """The facts of a file or link, packed. Raises BadRecord."""
    kind = row.flags & 7
    size, modified, encryption_key, digest, target = row.stated()
    if kind == Kind.SYMLINK:
        return _FACTS.pack(kind, _UNKNOWN, 0, hash(target), _NO_DIGEST, 0)
    key = hash(encryption_key) if is_encrypted and encryption_key is not None else 0
    if size is None or size > _LARGEST:
        size = _UNKNOWN
    elif modified and -_LARGEST < modified < _LARGEST:
        return _FACTS.pack(kind | _IS_DATED, size, modified, key, digest or _NO_DIGEST, hash(row.file))
    return _FACTS.pack(kind, size, 0, key, digest or _NO_DIGEST, hash(row.file) if digest else 0)


def unpacked(facts: bytes) -> Facts:
    """What `facts_of` packed."""
    kind, *others = _FACTS.unpack(facts)
    return Facts(kind & 7, *others)


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
    domains = () if at_places is None else at_places.domains
    for row in manifest.rows(on_bad):
        if at_places is not None and row.domain in domains:
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
            rows[bytes.fromhex(row.file_id)] = facts
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
        return unpacked(self._facts[place * _FACTS.size : (place + 1) * _FACTS.size])

    def is_plainly_alike(self, place: int, new: bytes) -> bool:
        """Whether these facts say that a file is unchanged, in a fifth of the time `known_alike` takes. False if they
        have to be looked at."""
        at = place * _FACTS.size
        old = self._facts[at : at + _ROW_HASH_AT]
        if old[:_DATED_AT] != new[:_DATED_AT] or not new[0] & _IS_DATED:
            return False
        # other keys: digests and seals are those of other ciphertexts, so size and date decide
        return old == new[:_ROW_HASH_AT] or old[_DATED_AT:_KEYED_AT] != new[_DATED_AT:_KEYED_AT]

    def has_row(self, place: int, row: Row) -> bool:
        """Whether OLD has the very same row, and that says that the file is unchanged."""
        known: int = _ROW_HASH.unpack_from(self._facts, place * _FACTS.size + _ROW_HASH_AT)[0]
        return known != 0 and known == hash(row.file)

    def is_gone(self, place: int) -> bool:
        return self._states[place] == _GONE

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
