"""One row of the manifest: a file, directory or symbolic link of the phone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from stat import S_IFDIR, S_IFLNK, S_IFREG


class Kind(IntEnum):
    """What a record is, as in the manifest's `flags` column."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 4


KINDS_BY_MODE = {S_IFREG: Kind.FILE, S_IFDIR: Kind.DIRECTORY, S_IFLNK: Kind.SYMLINK}


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
    size: int | None  # as the phone claims; not the length of the content (facts 3.5)
    modified: int
    changed: int
    born: int
    protection_class: int
    flags: int  # MBFile.Flags: 0, on a few rows 128 (*seen*); not the `flags` column, which is `kind`
    encryption_key: bytes | None = field(repr=False)  # u32 LE class + 40 bytes wrapped
    digest: bytes | None = field(repr=False)  # SHA-1 of the stored bytes, ciphertext in an encrypted backup
    extended_attributes: bytes | None = field(repr=False)
    target: str | None


def file_id(domain: str, relative_path: str) -> str:
    """40 hex digits: SHA-1 of `domain-relative_path` in UTF-8 (*seen*: all 3,721 rows)."""
    name = f"{domain}-{relative_path}".encode("utf-8", "surrogatepass")
    return hashlib.sha1(name, usedforsecurity=False).hexdigest()


def major_version(ios_version: str) -> int:
    """ "17.5.1" -> 17; 0 where the text does not begin with a number."""
    head = ios_version.split(".", 1)[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 10 else 0
