"""Changes a few values of an MBFile archive and keeps everything else as the phone wrote it, known or unknown.

Most changes replace a slice: a new key is as long as the old one, and a number has one position in all archives of a
layout (layout.py). Any other archive is parsed and written again.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass, field
from plistlib import UID
from typing import Any

from migrate.backup.mbfile.decode import LAYOUTS
from migrate.backup.mbfile.encode import DATA_CLASS
from migrate.plists import NotAPlist, load_archive


class CannotEdit(Exception):
    """The archive has parts that cannot be written again; `reason` names them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveChange:
    """New values. None keeps the present value; an empty key removes the key."""

    inode: int | None = None
    encryption_key: bytes | None = field(default=None, repr=False)
    digest: bytes | None = None
    size: int | None = None
    protection_class: int | None = None
    inline_digest: bool | None = None
    """The form that a digest gets: in the root itself, or an object of its own."""


_NOTHING = ArchiveChange()


def edit_archive(archive: bytes, change: ArchiveChange, *, key: bytes | None = None) -> bytes:
    """`archive`, from which a record was decoded, after `change`. `key` is the record's present encryption key.

    Raises:
        CannotEdit
    """
    if change == _NOTHING:
        return archive
    is_reformed = change.inline_digest is not None and b"Digest" in archive
    if change.digest is None and change.size is None and change.protection_class is None and not is_reformed:
        sliced: bytes | None = archive
        if change.inode is not None:
            sliced = LAYOUTS.with_inode(archive, change.inode)
        if sliced is not None and change.encryption_key is not None:
            sliced = _with_key(sliced, key, change.encryption_key)
        if sliced is not None:
            return sliced
    return _encoded_again(archive, change)


def _with_key(archive: bytes, key: bytes | None, new: bytes) -> bytes | None:
    if key is None or len(key) != len(new) or archive.count(key) != 1:
        return None
    return archive.replace(key, new)


def _encoded_again(blob: bytes, change: ArchiveChange) -> bytes:
    try:
        archive: dict[str, Any] = load_archive(blob)
    except NotAPlist as error:
        raise CannotEdit(error.reason) from error
    objects: list[Any] = archive["$objects"]
    top = archive["$top"]["root"]
    root: dict[str, Any] = objects[top.data] if isinstance(top, UID) else top
    used_before = _used_objects(archive)
    for name, value in (
        ("InodeNumber", change.inode),
        ("Size", change.size),
        ("ProtectionClass", change.protection_class),
    ):
        if value is not None:
            root[name] = value
    if change.inline_digest is not None and "Digest" in root:
        _put_digest_form(root, objects, inline=change.inline_digest)
    if change.digest is not None:
        _put_data(root, objects, "Digest", change.digest)
    if change.encryption_key == b"":
        root.pop("EncryptionKey", None)
    elif change.encryption_key is not None:
        _put_key(root, objects, change.encryption_key)
    for unused in sorted(used_before - _used_objects(archive), reverse=True):
        del archive["$objects"][unused]
        archive = _without_object(archive, unused)
    try:
        return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)
    except (OverflowError, RecursionError, TypeError, ValueError) as error:
        raise CannotEdit(f"it cannot be written again ({type(error).__name__})") from error


def _put_data(root: dict[str, Any], objects: list[Any], name: str, data: bytes) -> None:
    """Store data in the form it has now: inline, a separate object, or wrapped. An object that others may refer to is
    not changed."""
    before = root.get(name)
    found = objects[before.data] if isinstance(before, UID) else before
    if isinstance(found, dict):
        _put_wrapped(root, objects, name, data, found)
    elif isinstance(before, UID):
        root[name] = UID(len(objects))
        objects.append(data)
    else:
        root[name] = data


def _put_digest_form(root: dict[str, Any], objects: list[Any], *, inline: bool) -> None:
    before = root["Digest"]
    if inline and isinstance(before, UID):
        found = objects[before.data]
        root["Digest"] = found["NS.data"] if isinstance(found, dict) else found
    elif not inline and not isinstance(before, UID):
        root["Digest"] = UID(len(objects))
        objects.append(before)


def _used_objects(archive: dict[str, Any]) -> set[int]:
    """The numbers of the objects that can be reached from the top."""
    objects: list[Any] = archive["$objects"]
    used: set[int] = set()
    pending: list[Any] = [archive["$top"]]
    while pending:
        value = pending.pop()
        if isinstance(value, UID):
            if value.data not in used and value.data < len(objects):
                used.add(value.data)
                pending.append(objects[value.data])
        elif isinstance(value, (dict, list)):
            pending.extend(value.values() if isinstance(value, dict) else value)
    return used


def _without_object(value: Any, number: int) -> Any:
    """`value` with its references as they are after object `number` is removed."""
    if isinstance(value, UID):
        return UID(value.data - (value.data > number))
    if isinstance(value, dict):
        return {key: _without_object(each, number) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_object(each, number) for each in value]
    return value


def _put_key(root: dict[str, Any], objects: list[Any], key: bytes) -> None:
    if root.get("EncryptionKey") is not None:
        _put_data(root, objects, "EncryptionKey", key)
        return
    objects.append(DATA_CLASS)
    _put_wrapped(root, objects, "EncryptionKey", key, {"$class": UID(len(objects) - 1)})


def _put_wrapped(root: dict[str, Any], objects: list[Any], name: str, data: bytes, like: dict[str, Any]) -> None:
    root[name] = UID(len(objects))
    objects.append({**like, "NS.data": data})
