"""One row of the manifest, and the MBFile archive that lies in its `file` column.

    $top.root -> $objects[1]    a dictionary of class MBFile: numbers inline, the rest as references into $objects

        RelativePath        string
        Mode InodeNumber UserID GroupID Size LastModified LastStatusChange Birth ProtectionClass Flags    integers
        EncryptionKey       NSMutableData {NS.data: u32 LE class, 40 bytes wrapped key}
        Digest              20 raw bytes: an object of its own up to iOS 26, inline in the root from iOS 27 on
        ExtendedAttributes  raw bytes, a nested binary plist name -> data
        Target              string, symbolic links only

Source: 3,721 rows of an iPhone on iOS 14.3 (*seen*), facts 3.3.
"""

from __future__ import annotations

import hashlib
import plistlib
from dataclasses import dataclass, field, fields, make_dataclass
from enum import IntEnum
from plistlib import UID
from typing import Any, cast

from migrate.backup.mbfile.fast_decode import Layouts
from migrate.plists import NotAPlist, load_archive
from migrate.problems import BadRecord

MBFILE_LIMIT_BYTES = 16 << 20
"""Rows seen have 412 to 1,850 bytes; only extended attributes grow, and stay far below this (*guessed*)."""

PERSISTENT_KEY_BYTES = 44
DIGEST_BYTES = 20


class Kind(IntEnum):
    """What a record is, as the manifest's `flags` column says it."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One file, directory or symbolic link of the phone. Times are unix seconds."""

    file_id: str
    domain: str
    relative_path: str
    kind: Kind
    mode: int
    inode: int
    user_id: int
    group_id: int
    size: int | None  # what the phone claimed; never the length of the content (facts 3.5)
    modified: int
    changed: int
    born: int
    protection_class: int
    flags: int  # MBFile.Flags: 0, on a few rows 128 (*seen*); not the `flags` column, which is `kind`
    encryption_key: bytes | None = field(repr=False)  # u32 LE class + 40 bytes wrapped
    digest: bytes | None = field(repr=False)  # SHA-1 of the stored bytes, ciphertext in an encrypted backup
    extended_attributes: bytes | None = field(repr=False)
    target: str | None


LAYOUTS = Layouts()
_Thawed: Any = make_dataclass("_Thawed", [each.name for each in fields(Record)], slots=True)


def _record(*values: Any) -> Record:
    """The record of these values, in the order of its fields, in a third of the time (measured): a frozen class's own
    `__init__` looks every field up by name, an unfrozen one of the same slots just sets them."""
    record = _Thawed(*values)
    record.__class__ = Record
    return cast(Record, record)


def file_id(domain: str, relative_path: str) -> str:
    """40 hex digits: SHA-1 of `domain-relative_path` in UTF-8 (*seen*: all 3,721 rows)."""
    name = f"{domain}-{relative_path}".encode("utf-8", "surrogatepass")
    return hashlib.sha1(name, usedforsecurity=False).hexdigest()


class _Malformed(Exception):
    """Why an archive is no MBFile; becomes a BadRecord where the row is known."""


def decode_mbfile(blob: bytes, *, file_id: str, domain: str, relative_path: str, kind: Kind) -> Record:
    """The record in a `file` column: sliced where its layout is known, else parsed (`parse_mbfile`).

    Raises:
        BadRecord: the bytes are no such archive. The backup's fault.
    """
    values = LAYOUTS.read(blob)
    if values is None:
        record = parse_mbfile(blob, file_id=file_id, domain=domain, relative_path=relative_path, kind=kind)
        LAYOUTS.learn(blob)
        return record
    return _record(file_id, domain, relative_path, kind, *values)


def parse_mbfile(blob: bytes, *, file_id: str, domain: str, relative_path: str, kind: Kind) -> Record:
    """The record in a `file` column, whatever its layout. References are followed one step and never in circles.

    Raises:
        BadRecord: the bytes are no such archive. The backup's fault.
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
        """`value`, or what it refers to. One step: an archive that refers in circles leads nowhere."""
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
        """The bytes under `key`: inline, an object of their own, or wrapped as NSData or NSMutableData."""
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
        if isinstance(value, dict):  # NSMutableString and its kin keep theirs under NS.string
            value = self._follow(value.get("NS.string"))
            if value is None:
                raise _Malformed(f"{key} holds no text")
        if value is not None and not isinstance(value, str):
            raise _Malformed(f"{key} is no text")
        return value


DATA_CLASS = {"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData", "NSObject"]}
_MBFILE_CLASS = {"$classname": "MBFile", "$classes": ["MBFile", "NSObject"]}


def encode_mbfile(record: Record, *, ios_version: str) -> bytes:
    """The archive a phone of `ios_version` writes for `record`, its objects in a phone's order (*seen*, iOS 14.3)."""
    root: dict[str, Any] = {
        "LastModified": record.modified,
        "Flags": record.flags,
        "GroupID": record.group_id,
        "LastStatusChange": record.changed,
        "RelativePath": UID(2),
        "Birth": record.born,
        "Mode": record.mode,
        "UserID": record.user_id,
        "InodeNumber": record.inode,
        "ProtectionClass": record.protection_class,
    }
    objects: list[Any] = ["$null", root, record.relative_path]

    def refer(key: str, value: object) -> None:
        root[key] = UID(len(objects))
        objects.append(value)

    if record.size is not None:
        root["Size"] = record.size
    if record.digest is not None:
        if major_version(ios_version) >= 27:
            root["Digest"] = record.digest
        else:
            refer("Digest", record.digest)
    if record.target is not None:
        refer("Target", record.target)
    if record.encryption_key is not None:
        refer("EncryptionKey", {"NS.data": record.encryption_key, "$class": UID(len(objects) + 1)})
        objects.append(DATA_CLASS)
    if record.extended_attributes is not None:
        refer("ExtendedAttributes", record.extended_attributes)
    refer("$class", _MBFILE_CLASS)
    archive = {"$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": {"root": UID(1)}, "$objects": objects}
    return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)


def major_version(ios_version: str) -> int:
    """ "17.5.1" -> 17; 0 where the text does not begin with a number."""
    head = ios_version.split(".", 1)[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 10 else 0
