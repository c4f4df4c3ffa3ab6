"""Encodes records fast: records that differ only in a few values share a template of their archive."""

from __future__ import annotations

from dataclasses import replace

from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Record

MAX_TEMPLATES = 512
MAX_SEEN = 10_000
PROBE_KEY, PROBE_DIGEST = b"\xa5\x5a\xfe\x01" * 11, b"\x5a\xa5\x01\xfe" * 5
PROBE_INODES = {
    2: (0xA5E7, 0xA5E9, 0xA5EB, 0xA5ED, 0xA5EF),
    4: (0x7E5AA5E7, 0x7E5AA5E9, 0x7E5AA5EB, 0x7E5AA5ED, 0x7E5AA5EF),
}
VERSION = 100_000
"""A number in every archive: NSKeyedArchiver's $version."""

_Key = tuple[object, ...]
_Slots = tuple[tuple[int, int, int], ...]
"""For each slot: which of inode, path, key and digest it holds, and the offsets of its first and past its last byte."""


class RecordTemplates:
    """Encodes exactly like `encode_mbfile`, but faster.

    A binary plist stores equal values once, and its offsets depend on the lengths of the values before them. So a
    template fits records with paths of the same length and inodes of the same width, if all else is equal. A record
    whose inode equals another of its numbers is encoded the slow way.
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
        numbers = (
            record.mode,
            record.user_id,
            record.group_id,
            record.size,
            record.modified,
            record.changed,
            record.born,
            record.protection_class,
            record.flags,
        )
        path, inode = record.relative_path, record.inode
        width = 2 if inode < 1 << 16 else 4  # plistlib's widths; other inodes are rare
        if not path.isascii() or inode in numbers or not 0x100 <= inode < 1 << 32 or inode == VERSION:
            return encode_mbfile(record, ios_version=self._ios_version)
        key = (
            numbers,
            width,
            len(path),
            record.encryption_key is None,
            record.digest is None,
            record.target,
            record.extended_attributes,
        )
        if key not in self._templates and key not in self._seen:
            if len(self._seen) >= MAX_SEEN:
                self._seen.clear()
            self._seen.add(key)
            return encode_mbfile(record, ios_version=self._ios_version)
        if key not in self._templates:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            self._templates[key] = self._make_template(record, width)
        template = self._templates[key]
        if template is None:
            return encode_mbfile(record, ios_version=self._ios_version)
        values = (
            inode.to_bytes(width, "big"),
            path.encode("ascii"),
            record.encryption_key or b"",
            record.digest or b"",
        )
        if not _are_apart(values, record):
            return encode_mbfile(record, ios_version=self._ios_version)
        archive = bytearray(template[0])
        for which, begin, end in template[1]:
            archive[begin:end] = values[which]
        return bytes(archive)

    def _make_template(self, record: Record, width: int) -> tuple[bytes, _Slots] | None:
        """The template for records like `record`, or None if the bytes of a slot are not unique in the archive."""
        path = "\x01" * len(record.relative_path)
        inode = next(
            n for n in PROBE_INODES[width] if n not in (record.size, record.modified, record.changed, record.born)
        )
        probe = replace(
            record,
            relative_path=path,
            inode=inode,
            encryption_key=PROBE_KEY if record.encryption_key is not None else None,
            digest=PROBE_DIGEST if record.digest is not None else None,
        )
        archive = encode_mbfile(probe, ios_version=self._ios_version)
        marked = bytes([0x10 | width // 2]) + inode.to_bytes(width, "big")  # an integer's type and length, its bytes
        slots = []
        for which, value in enumerate((marked, path.encode(), probe.encryption_key, probe.digest)):
            if value is None:
                continue
            if archive.count(value) != 1 or not value:
                return None
            end = archive.index(value) + len(value)
            slots.append((which, end - (width if which == 0 else len(value)), end))
        return archive, tuple(slots)


_WORDS = frozenset(
    """
    $null $version $archiver $top $objects $class $classname $classes root NSKeyedArchiver MBFile NSObject NSMutableData
    NSData NS.data RelativePath Target Digest EncryptionKey ExtendedAttributes LastModified LastStatusChange Birth Mode
    Size Flags UserID GroupID InodeNumber ProtectionClass
    """.split()  # noqa: SIM905  (thirty quotes are no easier to read)
)
"""Strings that an archive may contain."""


def _are_apart(values: tuple[bytes, bytes, bytes, bytes], record: Record) -> bool:
    """Whether the values that are filled in equal no other object of the archive."""
    path = record.relative_path
    if path in _WORDS or path == record.target:
        return False
    attributes = record.extended_attributes
    return values[2] != attributes and values[3] != attributes if attributes is not None else True
