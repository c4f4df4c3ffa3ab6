"""Parses Manifest.mbdb, the list of files of a backup of iOS 5 to 9: one record after another, without an index.

    magic       "mbdb", version 5, 0
    record      domain, path, target, digest, key       each: length u16, then that many bytes; 0xFFFF: none
                mode u16, inode u64, user u32, group u32, modified u32, changed u32, born u32, size u64
                protection class u8, attributes u8      that many extended attributes follow
                name, value                             each: length u16, then that many arbitrary bytes

All numbers are big-endian. The file itself is never encrypted. It does not store its number of records, so a file that
was cut between two records looks whole; only stored files without a record reveal it.
Source: facts 3.7. The tests compare with pyiosbackup's parser where it can read (it takes attributes for text).
"""

from __future__ import annotations

import plistlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from stat import S_IFMT
from struct import Struct

from migrate.backup.record import KINDS_BY_MODE, Kind, Record, file_id
from migrate.problems import BadRecord

MAGIC = b"mbdb\x05\x00"

LIMIT_BYTES = 512 << 20
"""A record has 100 to 300 bytes; a phone of iOS 9 with a million files would stay below this (*guessed*)."""

_NONE = 0xFFFF
_TEXTS = 5  # domain, path, target, digest, key
_NUMBERS = Struct(">HQIIIIIQBB")


class MbdbBroken(Exception):
    """Why the bytes cannot be parsed; becomes a BackupUnreadable where the folder is known."""


@dataclass(frozen=True, slots=True)
class MbdbRecord:
    """One record as stored. Nothing in it is validated yet."""

    domain: bytes | None
    path: bytes | None
    target: bytes | None
    digest: bytes | None
    key: bytes | None
    numbers: tuple[int, ...]
    attributes: tuple[tuple[bytes, bytes], ...]

    def record(self) -> Record:
        """Raises BadRecord."""
        domain, path = self._text(self.domain, "domain"), self._text(self.path or b"", "path")
        identity = file_id(domain, path)
        mode, inode, user_id, group_id, modified, changed, born, size, protection_class, _ = self.numbers
        kind = KINDS_BY_MODE.get(S_IFMT(mode))
        if kind is None:
            raise BadRecord(identity, domain, path, f"its mode is {mode:#o}: no file, directory or link")
        return Record(
            file_id=identity,
            domain=domain,
            relative_path=path,
            kind=kind,
            mode=mode,
            inode=inode,
            user_id=user_id,
            group_id=group_id,
            size=size,
            modified=modified,
            changed=changed,
            born=born,
            protection_class=protection_class,
            flags=0,
            encryption_key=self.key or None,  # its length is checked where it is used
            digest=self.digest or None,
            extended_attributes=self._nested_attributes(),
            target=self._text(self.target or b"", "target") if kind is Kind.SYMLINK else None,
        )

    def _text(self, value: bytes | None, name: str) -> str:
        if value is None:
            raise BadRecord("", "", _shown(self.path), f"its {name} is missing")
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRecord("", _shown(self.domain), _shown(self.path), f"its {name} is not UTF-8 text") from error

    def _nested_attributes(self) -> bytes | None:
        """The attributes as Manifest.db holds them: a property list of name to data."""
        if not self.attributes:
            return None
        named = {name.decode("utf-8", "replace"): value for name, value in self.attributes}
        return plistlib.dumps(named, fmt=plistlib.FMT_BINARY)


def _shown(value: bytes | None) -> str:
    return (value or b"")[:200].decode("utf-8", "replace")


class Mbdb:
    """The records of one Manifest.mbdb in memory, with the offset of each."""

    def __init__(self, data: bytes) -> None:
        """Raises MbdbBroken: not in this format, or cut within a record."""
        if not data.startswith(MAGIC):
            raise MbdbBroken(_not_the_magic(data))
        self._data = data
        self._places = array("Q", _walk(data))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[MbdbRecord]:
        return map(self.at, range(len(self)))

    def bytes_of(self, number: int) -> bytes:
        """The bytes of one record, to be written again unchanged."""
        end = self._places[number + 1] if number + 1 < len(self) else len(self._data)
        return self._data[self._places[number] : end]

    def at(self, number: int) -> MbdbRecord:
        data, place = self._data, self._places[number]
        texts: list[bytes | None] = []
        for _ in range(_TEXTS):
            text, place = _bytes_at(data, place)
            texts.append(text)
        numbers = _NUMBERS.unpack_from(data, place)
        place += _NUMBERS.size
        attributes: list[tuple[bytes, bytes]] = []
        for _ in range(numbers[-1]):
            name, place = _bytes_at(data, place)
            value, place = _bytes_at(data, place)
            attributes.append((name or b"", value or b""))
        domain, path, target, digest, key = texts
        return MbdbRecord(domain, path, target, digest, key, numbers, tuple(attributes))


def _not_the_magic(data: bytes) -> str:
    if not data:
        return "it is empty"
    if len(data) < len(MAGIC) and MAGIC.startswith(data):
        return "it is cut short, within its first six bytes"
    if data.startswith(MAGIC[:4]) and len(data) >= len(MAGIC):
        return f"its version is {data[4]}.{data[5]}, and 5.0 is the only one known"
    return "it does not begin as such a list of files does"


def _walk(data: bytes) -> Iterator[int]:
    """The offset of each record. Every length is checked against the end before anything is read."""
    place, end, number = len(MAGIC), len(data), 0
    while place < end:
        yield place
        number += 1
        begin = place
        place = _past(data, place, _TEXTS)
        numbers_end = place + _NUMBERS.size
        if numbers_end <= end:
            place = _past(data, numbers_end, 2 * data[numbers_end - 1])
        if numbers_end > end or place > end:
            raise MbdbBroken(f"it ends within record {number:,}, which begins at byte {begin:,}: it is cut short")


def _past(data: bytes, place: int, count: int) -> int:
    """The offset after `count` strings; beyond the end of `data` where it ends before them."""
    end = len(data)
    for _ in range(count):
        if place + 2 > end:
            return end + 1
        length = data[place] << 8 | data[place + 1]
        place += 2 if length == _NONE else 2 + length
    return place


def _bytes_at(data: bytes, place: int) -> tuple[bytes | None, int]:
    length = data[place] << 8 | data[place + 1]
    place += 2
    return (None, place) if length == _NONE else (data[place : place + length], place + length)
