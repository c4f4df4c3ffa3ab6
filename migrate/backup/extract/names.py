"""The names of extracted files, and whether this computer can tell them apart.

An iPhone's data volume is case-sensitive (APFS). Most disks of Macs and Windows are not: there the second file would
silently replace the first, or two folders would become one.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from pathlib import Path

from migrate.backup.record import Kind, Record
from migrate.problems import UnsafeName

DEPTH_LIMIT = 512
"""iOS allows paths of 1,024 bytes, so 512 folders. Each folder costs a check of all above it: a hostile path of two
thousand took minutes (*seen*)."""

PROBE = r"\.[0-9a-f]{16}-(?:name|\u00e9)\.part"
"""The names of the files that `UsedNames.of` tests a disk with."""


def name_of(record: Record) -> str:
    """The name of a record under the folder. Its name is safe (`unsafe_name_reason`).

    Raises:
        UnsafeName: it has no name, or lies too deep.
    """
    parts = [part for part in record.relative_path.split("/") if part not in ("", ".")]
    if len(parts) > DEPTH_LIMIT:
        raise UnsafeName(record.relative_path, "lies deeper than an iPhone allows")
    if not parts and record.kind is not Kind.DIRECTORY:
        raise UnsafeName(record.relative_path, "is empty")
    return "/".join([record.domain, *parts])


def is_changed(record: Record, name: str) -> bool:
    """Whether `name` is not what the record is called: parts that are empty or a dot were left out."""
    return name != (f"{record.domain}/{record.relative_path}" if record.relative_path else record.domain)


def linked_to(name: str, target: str) -> str:
    """The target of a link called `name`, as a name under the folder. The text is enough to decide: the link is in a
    real folder, and `..` is allowed only at the beginning of `target`, never after what may be another link.

    Raises:
        UnsafeName: it leads out of the folder.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((depth for depth, part in enumerate(parts) if part != ".."), len(parts))
    folder = name.split("/")[:-1]
    if target.startswith("/"):
        raise UnsafeName(target, "is a place on the phone")
    if up >= len(folder):
        raise UnsafeName(target, "lies outside its domain")
    return "/".join([*folder[: len(folder) - up], *parts[up:]])


class UsedNames:
    """The names written so far, as a file system compares them. Keeps only hashes: a backup may have a million
    names."""

    def __init__(self, *, folds_case: bool, folds_forms: bool) -> None:
        self.folds_case = folds_case
        self.folds_forms = folds_forms
        self._spelled: dict[int, int] = {}

    @classmethod
    def of(cls, folder: Path) -> UsedNames:
        """For the file system of `folder`, tested with two empty files. Raises OSError."""
        return cls(
            folds_case=_same(folder, "name", "NAME"),
            folds_forms=_same(folder, "\u00e9", "e\u0301"),
        )

    def take(self, name: str) -> bool:
        """Add the name of a file or folder. Returns True if it is in use in another spelling."""
        if not (self.folds_case or self.folds_forms):
            return False  # the file system tells all names apart
        folded = unicodedata.normalize("NFD", name) if self.folds_forms else name
        folded = folded.casefold() if self.folds_case else folded
        return self._spelled.setdefault(hash(folded), hash(name)) != hash(name)


def _same(folder: Path, one: str, other: str) -> bool:
    token = secrets.token_hex(8)
    probe = folder / f".{token}-{one}.part"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except (OSError, UnicodeError):
        if one.isascii():
            raise
        return False  # the file system has no such letter; files with it are reported later
    try:
        return os.path.lexists(folder / f".{token}-{other}.part")
    finally:
        probe.unlink()
