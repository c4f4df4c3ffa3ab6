"""Decodes the MBFile archive in a row's `file` column.

    $top.root -> $objects[1]    a dictionary of class MBFile: numbers inline, the rest as references into $objects

        RelativePath        string
        Mode InodeNumber UserID GroupID Size LastModified LastStatusChange Birth ProtectionClass Flags    integers
        EncryptionKey       NSMutableData {NS.data: u32 LE class, 40 bytes wrapped key}
        Digest              20 raw bytes: a separate object up to iOS 26, inline in the root from iOS 27 on
        ExtendedAttributes  raw bytes, a nested binary plist name -> data
        Target              string, symbolic links only

Source: 3,721 rows of an iPhone on iOS 14.3 (*seen*), facts 3.3.
"""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from plistlib import UID
from typing import Any, cast

from migrate.backup.mbfile.fast_decode import Layouts
from migrate.backup.record import Kind, Record
from migrate.plists import NotAPlist, load_archive
from migrate.problems import BadRecord

MBFILE_LIMIT_BYTES = 16 << 20
"""Rows seen have 412 to 1,850 bytes; only extended attributes grow, and stay far below this (*guessed*)."""

PERSISTENT_KEY_BYTES = 44
DIGEST_BYTES = 20

LAYOUTS = Layouts()
"""The layouts that this process has met."""

_UnfrozenRecord: Any = make_dataclass("_UnfrozenRecord", [each.name for each in fields(Record)], slots=True)


def _record(*values: Any) -> Record:
    """The record with these values, in the order of its fields. This takes a third of the time (measured): the
    `__init__` of a frozen class sets each field through `object.__setattr__`, that of an unfrozen class with the same
    slots does not."""
    record = _UnfrozenRecord(*values)
    record.__class__ = Record
    return cast(Record, record)


class _Malformed(Exception):
    """Why an archive is not an MBFile; becomes a BadRecord where the row is known."""


def decode_mbfile(blob: bytes, *, file_id: str, domain: str, relative_path: str, kind: Kind) -> Record:
    """The record in a `file` column: sliced where its layout is known, else parsed (`parse_mbfile`).

    Raises:
        BadRecord: the bytes are not such an archive. The backup's fault.
    """
    values = LAYOUTS.read(blob)
    if values is None:
        record = parse_mbfile(blob, file_id=file_id, domain=domain, relative_path=relative_path, kind=kind)
        LAYOUTS.learn(blob)
        return record
    return _record(file_id, domain, relative_path, kind, *values)


def parse_mbfile(blob: bytes, *, file_id: str, domain: str, relative_path: str, kind: Kind) -> Record:
    """The record in a `file` column of any layout. References are followed one step, so cycles do no harm.

    Raises:
        BadRecord: the bytes are not such an archive. The backup's fault.
    """
    try:
        archive = _Archive(blob)
        size = archive.integer("Size")
        if size is not None and size < 0:
            raise _Malformed("Size is negative")
        return Record(
            file_id=file_id,
            domain=domain,
            relative_path=relative_path,
            kind=kind,
            mode=archive.integer("Mode") or 0,
            inode=archive.integer("InodeNumber") or 0,
            user_id=archive.integer("UserID") or 0,
            group_id=archive.integer("GroupID") or 0,
            size=size,
            modified=archive.integer("LastModified") or 0,
            changed=archive.integer("LastStatusChange") or 0,
            born=archive.integer("Birth") or 0,
            protection_class=archive.integer("ProtectionClass") or 0,
            flags=archive.integer("Flags") or 0,
            encryption_key=archive.data("EncryptionKey", PERSISTENT_KEY_BYTES),
            digest=archive.data("Digest", DIGEST_BYTES),
            extended_attributes=archive.data("ExtendedAttributes", None),
            target=archive.text("Target"),
        )
    except _Malformed as error:
        raise BadRecord(file_id, domain, relative_path, str(error)) from error


class _Archive:
    """The root dictionary of an NSKeyedArchiver plist, and its objects one reference away."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) > MBFILE_LIMIT_BYTES:
            raise _Malformed(f"the archive has {len(blob)} bytes")
        try:
            archive = load_archive(blob)
        except NotAPlist as error:
            raise _Malformed(f"the archive is damaged: {error.reason}") from error
        objects = archive.get("$objects") if isinstance(archive, dict) else None
        top = archive.get("$top") if isinstance(archive, dict) else None
        if not isinstance(objects, list) or not isinstance(top, dict):
            raise _Malformed("the archive has no $top and $objects")
        self._objects = objects
        root = self._follow(top.get("root"))
        if not isinstance(root, dict):
            raise _Malformed("the archive's root is not a dictionary")
        self._root: dict[Any, Any] = root

    def _follow(self, value: Any) -> Any:
        """`value`, or the object it refers to. Only one step, so cycles do no harm."""
        if not isinstance(value, UID):
            return value
        if value.data >= len(self._objects):
            raise _Malformed(f"the archive refers to object {value.data} of {len(self._objects)}")
        found = self._objects[value.data]
        return None if found == "$null" else found

    def integer(self, key: str) -> int | None:
        """The 64-bit number under `key`, or None where there is none."""
        value = self._follow(self._root.get(key))
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 64:
            raise _Malformed(f"{key} is no 64-bit number")
        return value

    def data(self, key: str, length: int | None) -> bytes | None:
        """The bytes under `key`: inline, a separate object, or wrapped as NSData or NSMutableData."""
        value = self._follow(self._root.get(key))
        if isinstance(value, dict):
            value = self._follow(value.get("NS.data"))
            if value is None:
                raise _Malformed(f"{key} holds no data")
        if value is None:
            return None
        if not isinstance(value, bytes):
            raise _Malformed(f"{key} is no data")
        if length is not None and len(value) != length:
            raise _Malformed(f"{key} has {len(value)} bytes, not {length}")
        return value

    def text(self, key: str) -> str | None:
        value = self._follow(self._root.get(key))
        if isinstance(value, dict):  # NSMutableString and similar classes keep their text under NS.string
            value = self._follow(value.get("NS.string"))
            if value is None:
                raise _Malformed(f"{key} holds no text")
        if value is not None and not isinstance(value, str):
            raise _Malformed(f"{key} is no text")
        return value
