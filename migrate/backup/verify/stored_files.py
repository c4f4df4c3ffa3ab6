"""Lists the stored files in a backup's folder, without opening them."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator
from itertools import count

from migrate.backup.companions import LOG
from migrate.backup.file_ids import ID_BYTES, IdTable
from migrate.backup.folder import FILE_ID, MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.seal_file import DIGEST_BYTES, SealedFile, SealRows
from migrate.backup.verify.findings import Findings
from migrate.problems import damage

_SHARD = re.compile(r"[0-9a-f]{2}")

MANIFEST_LOG = f"Manifest.db{LOG}"

_OWN = frozenset({*PLIST_LIMIT_BYTES, *MANIFESTS})


class StoredFiles:
    """The stored files of a backup. None of them was opened. Each takes about 30 bytes."""

    def __init__(self) -> None:
        self.irregular: dict[str, str] = {}
        """Entries with a stored file's name that are not regular files, and what they are instead."""
        self.misplaced: list[str] = []
        """Entries of the shard folders with any other name."""
        self.bytes = 0
        """The length of all regular files in the right place, in bytes."""
        self._ids = bytearray()
        self._sizes = array("Q")
        self._table = IdTable(b"")
        self._taken = bytearray()
        self._sealed = array("i")
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """File id and length of every regular file, in the order of the ids."""
        ids = self._table.ids
        return (
            (ids[at : at + ID_BYTES].hex(), size) for at, size in zip(count(0, ID_BYTES), self._sizes, strict=False)
        )

    def add(self, regular: list[tuple[str, int]]) -> None:
        """Add the regular files of one folder. Folders come in the order of the ids; call `finish` after the last."""
        regular.sort()
        self._ids += bytes.fromhex("".join(name for name, _ in regular))
        self._sizes.extend(size for _, size in regular)

    def finish(self) -> None:
        self._table = IdTable(bytes(self._ids))
        self._ids = bytearray()
        self._taken = bytearray(len(self))
        self.bytes = sum(self._sizes)

    def place(self, file_id: str) -> int:
        """The number of a regular file, for `size_of` and the like; -1 where it is not there."""
        return self._table.place(bytes.fromhex(file_id))

    def get(self, file_id: str) -> int | None:
        place = self.place(file_id)
        return None if place < 0 else self._sizes[place]

    def take(self, file_id: str) -> int:
        """The number of a regular file that no row took before; -1 where there is none."""
        place = self._table.place(bytes.fromhex(file_id))
        if place < 0 or self._taken[place]:
            return -1
        self._taken[place] = 1
        return place

    def has_taken(self, file_id: str) -> bool:
        place = self.place(file_id)
        return place >= 0 and bool(self._taken[place])

    def size_at(self, place: int) -> int:
        """The length of the regular file of this number."""
        return self._sizes[place]

    def sealed_at(self, place: int) -> int:
        """The number of its row in the seal that was compared; -1 where it is not in there."""
        return self._sealed[place]

    def compare(self, rows: SealRows) -> None:
        """Find the row of every file in a seal. Both are in the order of the ids, so one pass does it."""
        ids = self._table.ids
        found = array("i", [-1]) * len(self)
        place, end = 0, len(ids)
        for number, row in enumerate(rows):
            file_id = row[0]
            while place < end and ids[place : place + ID_BYTES] < file_id:
                place += ID_BYTES
            if place < end and ids[place : place + ID_BYTES] == file_id:
                found[place // ID_BYTES] = number
        self._sealed = found

    def left(self) -> Iterator[str]:
        """The files that no row took."""
        ids = self._table.ids
        place = self._taken.find(0)
        while place >= 0:
            yield ids[place * ID_BYTES : (place + 1) * ID_BYTES].hex()
            place = self._taken.find(0, place + 1)

    # -- digests of sound files that were in no seal

    def note_digest(self, file_id: str, sha256: bytes) -> None:
        if not self._digests:
            self._digests = bytearray(DIGEST_BYTES * len(self))
        place = self.place(file_id)
        self._digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES] = sha256

    @property
    def has_new_digests(self) -> bool:
        return bool(self._digests)

    def sealed_rows(self) -> Iterator[SealedFile]:
        """Every file that `note_digest` named, in the order of the ids."""
        ids, digests = self._table.ids, self._digests
        for place, size in enumerate(self._sizes if digests else ()):
            sha256 = bytes(digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES])
            if sha256 != _NO_DIGEST:
                yield SealedFile(ids[place * ID_BYTES : (place + 1) * ID_BYTES], sha256, size)


_NO_DIGEST = bytes(DIGEST_BYTES)


def list_stored_files(folder: BackupFolder, found: Findings, *, finished: bool, has_log: bool = False) -> StoredFiles:
    """List the folder once, with findings for unexpected entries. Links are not followed. `has_log`: the log of the
    manifest is part of the backup."""
    stored = StoredFiles()
    flat: list[tuple[str, int]] = []
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
                _list_one(entry, stored, flat)
            elif finished or entry.name != "Snapshot":  # an unfinished backup resumes from it
                found.add(damage.ForeignEntry(entry.name))
    stored.add(flat)
    stored.finish()
    return stored


def _list_shard(shard: os.DirEntry[str], stored: StoredFiles, found: Findings) -> None:
    regular: list[tuple[str, int]] = []
    try:
        with os.scandir(shard.path) as entries:
            for entry in entries:
                if not FILE_ID.fullmatch(entry.name) or entry.name[:2] != shard.name:
                    stored.misplaced.append(f"{shard.name}/{entry.name}")
                else:
                    _list_one(entry, stored, regular)
    except OSError:
        found.add(damage.EntryStrange(shard.name))
    stored.add(regular)


def _list_one(entry: os.DirEntry[str], stored: StoredFiles, regular: list[tuple[str, int]]) -> None:
    if entry.is_file(follow_symlinks=False):
        regular.append((entry.name, entry.stat(follow_symlinks=False).st_size))
    else:
        stored.irregular[entry.name] = _kind_of(entry)


def _kind_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link"
    return "a folder" if entry.is_dir(follow_symlinks=False) else "a device or a pipe"
