"""Encodes the MBFile archive in a row's `file` column, as a phone does (its format: decode.py)."""

from __future__ import annotations

import plistlib
from plistlib import UID
from typing import Any

from migrate.backup.record import Record, major_version

DATA_CLASS = {"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData", "NSObject"]}
_MBFILE_CLASS = {"$classname": "MBFile", "$classes": ["MBFile", "NSObject"]}


def inlines_digests(ios_version: str) -> bool:
    """Whether phones of this version write a digest into the root itself, not as an object of its own (facts 3.3)."""
    return major_version(ios_version) >= 27


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
        if inlines_digests(ios_version):
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
