"""Detects names that are different on the phone but the same on this computer: `IMG.JPG` and `img.jpg`.

An iPhone's data volume is case-sensitive (APFS). Most disks of Macs and Windows are not: there the second file would
silently replace the first, or two folders would become one.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from pathlib import Path


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
