"""Encodes records fast: records that differ only in a few values share a template of their archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Record

MAX_TEMPLATES = 512
MAX_SEEN = 10_000
PROBE_KEY, PROBE_DIGEST = b"\xa5\x5a\xfe\x01" * 11, b"\x5a\xa5\x01\xfe" * 5
PROBES = {
    2: tuple(range(0xA5E7, 0xA607)),
    4: tuple(range(0x7E5AA5E7, 0x7E5AA607)),
}
"""Numbers that stand for others of the same width, in bytes, while a template is made."""
VERSION = 100_000
"""A number in every archive: NSKeyedArchiver's $version."""
PATH, KEY, DIGEST = 5, 6, 7
"""Slots. Those before are for the first, second, … different number."""

Numbers = tuple[int | None, ...]
"""Inode, size, and when a file was modified, changed and born."""
_Shape = tuple[object, ...]
_Key = tuple[object, ...]
_Slots = tuple[tuple[int, int, int], ...]
"""For each slot: which it is, and the offsets of its first and past its last byte."""


_UNKNOWN: Final[tuple[bytes, _Slots]] = (b"", ())


class RecordTemplates:
    """Encodes exactly like `encode_mbfile`, but faster.

    A binary plist stores equal values once, and its offsets depend on the lengths of the values before them. So a
    template fits records with paths of the same length and numbers of the same widths, of which the same ones are
    equal. Inode, size and dates are filled in if they have two or four bytes, plistlib's widths; a number of one byte
    is part of the template. A record with rarer numbers is encoded the slow way.
    """

    def __init__(self, ios_version: str) -> None:
        self._ios_version = ios_version
        self._templates: dict[_Key, tuple[bytes, _Slots] | None] = {}
        self._seen: set[_Key] = set()
        """Keys that one record had. The second one makes a template, which takes as long as encoding it twice."""

    @property
    def template_count(self) -> int:
        """How many templates are in use."""
        return sum(template is not None for template in self._templates.values())

    def encode(self, record: Record) -> bytes:
        fixed = (record.mode, record.user_id, record.group_id, record.protection_class, record.flags)
        return self.encode_parts(
            fixed,
            _numbers(record),
            record.relative_path,
            record.encryption_key,
            record.digest,
            record.target,
            record.extended_attributes,
            lambda: record,
        )

    def encode_parts(
        self,
        fixed: tuple[int, ...],
        numbers: Numbers,
        path: str,
        encryption_key: bytes | None,
        digest: bytes | None,
        target: str | None,
        attributes: bytes | None,
        make_record: Callable[[], Record],
    ) -> bytes:
        """`encode` of the record with these values, which is only made if no template fits. `fixed`: mode, user id,
        group id, protection class, flags."""
        shape, different = _shape_of(numbers)
        if shape is None or not path.isascii() or VERSION in different or not different.keys().isdisjoint(fixed):
            return encode_mbfile(make_record(), ios_version=self._ios_version)
        key = (fixed, shape, len(path), encryption_key is None, digest is None, target, attributes)
        template = self._templates.get(key, _UNKNOWN)
        if template is _UNKNOWN:
            if key not in self._seen:
                if len(self._seen) >= MAX_SEEN:
                    self._seen.clear()
                self._seen.add(key)
                return encode_mbfile(make_record(), ios_version=self._ios_version)
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[key] = self._make_template(make_record(), fixed, shape)
        if template is None or path in _WORDS or path == target:
            return encode_mbfile(make_record(), ios_version=self._ios_version)
        if attributes is not None and attributes in (encryption_key, digest):
            return encode_mbfile(make_record(), ios_version=self._ios_version)
        archive = bytearray(template[0])
        for which, begin, end in template[1]:
            if which < PATH:
                archive[begin:end] = numbers[which].to_bytes(end - begin, "big")  # type: ignore[union-attr]
            elif which == PATH:
                archive[begin:end] = path.encode("ascii")
            else:
                archive[begin:end] = (encryption_key if which == KEY else digest) or b""
        return bytes(archive)

    def _make_template(self, record: Record, fixed: tuple[int, ...], shape: _Shape) -> tuple[bytes, _Slots] | None:
        """The template for records like `record`, or None if the bytes of a slot are not unique in the archive."""
        path = "\x01" * len(record.relative_path)
        numbers = _numbers(record)
        unused = {width: iter([probe for probe in probes if probe not in fixed]) for width, probes in PROBES.items()}
        probes: dict[int, int] = {}  # a number -> the one in its place
        slots_of: list[tuple[int, bytes, int]] = []  # slot, bytes to look for, how many of them are the slot
        for place, (number, form) in enumerate(zip(numbers, shape, strict=True)):
            if form in PROBES and number is not None:
                width = 2 if form == 2 else 4
                probe = probes[number] = next(unused[width])
                marked = bytes([0x10 | width // 2]) + probe.to_bytes(width, "big")  # type and length, then its bytes
                slots_of.append((place, marked, width))

        def stand_in(number: int) -> int:
            return probes.get(number, number)

        probe_record = replace(
            record,
            relative_path=path,
            inode=stand_in(record.inode),
            size=None if record.size is None else stand_in(record.size),
            modified=stand_in(record.modified),
            changed=stand_in(record.changed),
            born=stand_in(record.born),
            encryption_key=PROBE_KEY if record.encryption_key is not None else None,
            digest=PROBE_DIGEST if record.digest is not None else None,
        )
        archive = encode_mbfile(probe_record, ios_version=self._ios_version)
        for slot, value in ((PATH, path.encode()), (KEY, probe_record.encryption_key), (DIGEST, probe_record.digest)):
            if value is not None:
                slots_of.append((slot, value, len(value)))
        slots = []
        for slot, value, length in slots_of:
            if archive.count(value) != 1 or not value:
                return None
            end = archive.index(value) + len(value)
            slots.append((slot, end - length, end))
        return archive, tuple(slots)


def _numbers(record: Record) -> Numbers:
    return record.inode, record.size, record.modified, record.changed, record.born


def _shape_of(numbers: Numbers) -> tuple[_Shape | None, dict[int, int]]:
    """For each number its width (2 or 4), that it equals an earlier one, or itself where it is small; and the different
    wider numbers. None: there is one that no template takes."""
    shape: list[object] = []
    different: dict[int, int] = {}
    for place, number in enumerate(numbers):
        if number is None or 0 <= number < 0x100:
            shape.append(("small", number))
        elif not 0 <= number < 1 << 32:
            return None, {}
        elif (first := different.setdefault(number, place)) != place:
            shape.append(("equal", first))
        else:
            shape.append(2 if number < 1 << 16 else 4)
    return tuple(shape), different


_WORDS = frozenset(
    """
    $null $version $archiver $top $objects $class $classname $classes root NSKeyedArchiver MBFile NSObject NSMutableData
    NSData NS.data RelativePath Target Digest EncryptionKey ExtendedAttributes LastModified LastStatusChange Birth Mode
    Size Flags UserID GroupID InodeNumber ProtectionClass
    """.split()  # noqa: SIM905  (thirty quotes are no easier to read)
)
"""Strings that an archive may contain."""
