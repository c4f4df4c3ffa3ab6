"""Lists the stored files in a backup's folder, without opening them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from migrate.backup.companions import LOG
from migrate.backup.folder import FILE_ID, MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.verify.findings import Findings
from migrate.problems import damage

_SHARD = re.compile(r"[0-9a-f]{2}")

MANIFEST_LOG = f"Manifest.db{LOG}"

_OWN = frozenset({*PLIST_LIMIT_BYTES, *MANIFESTS})


@dataclass
class StoredFiles:
    """The stored files of a backup by name, 40 hex digits. None of them was opened."""

    sizes: dict[str, int] = field(default_factory=dict)
    """Regular files in the right place, with their length in bytes."""
    irregular: dict[str, str] = field(default_factory=dict)
    """Entries with a stored file's name that are not regular files, and what they are instead."""
    misplaced: list[str] = field(default_factory=list)
    """Entries of the shard folders with any other name."""

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())


def list_stored_files(folder: BackupFolder, found: Findings, *, finished: bool, has_log: bool = False) -> StoredFiles:
    """List the folder once, with findings for unexpected entries. Links are not followed. `has_log`: the log of the
    manifest is part of the backup."""
    stored = StoredFiles()
    with os.scandir(folder.path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _SHARD.fullmatch(entry.name) and not folder.is_flat:
                if entry.is_dir(follow_symlinks=False):
                    _list_shard(entry, stored, found)
                else:
                    found.add(damage.EntryStrange(entry.name))
            elif has_log and entry.name == MANIFEST_LOG:
                continue
            elif entry.name in _OWN:
                if not entry.is_file(follow_symlinks=False):
                    found.add(damage.EntryStrange(entry.name))
            elif folder.is_flat and FILE_ID.fullmatch(entry.name):
                _list_one(entry, stored)
            elif finished or entry.name != "Snapshot":  # an unfinished backup resumes from it
                found.add(damage.ForeignEntry(entry.name))
    return stored


def _list_shard(shard: os.DirEntry[str], stored: StoredFiles, found: Findings) -> None:
    try:
        with os.scandir(shard.path) as entries:
            for entry in entries:
                if not FILE_ID.fullmatch(entry.name) or entry.name[:2] != shard.name:
                    stored.misplaced.append(f"{shard.name}/{entry.name}")
                else:
                    _list_one(entry, stored)
    except OSError:
        found.add(damage.EntryStrange(shard.name))


def _list_one(entry: os.DirEntry[str], stored: StoredFiles) -> None:
    if entry.is_file(follow_symlinks=False):
        stored.sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    else:
        stored.irregular[entry.name] = _kind_of(entry)


def _kind_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link"
    return "a folder" if entry.is_dir(follow_symlinks=False) else "a device or a pipe"
