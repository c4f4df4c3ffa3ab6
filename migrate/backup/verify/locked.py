"""Verifies an encrypted backup without its password: the folder, the plists, lengths, and the seal.

The seal covers the stored bytes, so every file in it is checked as thoroughly as with the password; only names are
missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path

from migrate.backup.crypto.cipher import BLOCK_BYTES
from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.folder import BackupFolder
from migrate.backup.held_shards import HeldShards
from migrate.backup.record import Kind, Record
from migrate.backup.seal import Seal
from migrate.backup.seal_file import SealedFile, SealRows
from migrate.backup.verify.blobs import CHUNK_BYTES
from migrate.backup.verify.findings import Findings
from migrate.backup.verify.stored_files import StoredFiles
from migrate.backup.verify.thread_pool import SMALL_BYTES, in_order
from migrate.problems import damage


def check_without_password(
    folder: BackupFolder,
    stored: StoredFiles,
    seal: Seal | None,
    found: Findings,
    *,
    read: bool,
    on_read: Callable[[int], None],
) -> None:
    """Add findings for stored files that are damaged, and for what cannot be checked."""
    rows = seal.rows if seal is not None else SealRows.pack(())
    for row in rows:
        file_id = row.file_id.hex()
        if stored.get(file_id) is None and file_id not in stored.irregular:
            found.add(damage.StoredFileMissing(file_id))
    for file_id in sorted(stored.irregular):
        found.add(damage.EntryStrange(f"{file_id[:2]}/{file_id}"))

    def to_read() -> Iterator[tuple[SealedFile, int]]:
        for file_id, size in stored:
            sealed = rows.get(one := bytes.fromhex(file_id))
            if size % BLOCK_BYTES:
                found.add(damage.StoredFileLengthImpossible(file_id, size))
            elif sealed is not None and sealed[1] != size:
                found.add(damage.StoredFileChanged(file_id))
            elif sealed is not None and read:
                yield SealedFile(one, sealed[0], size), size

    with HeldShards(folder.path, flat=folder.is_flat) as shards:

        def is_as_sealed(one: tuple[SealedFile, int]) -> tuple[SealedFile, bool]:
            return one[0], _sha256_of(shards, one[0]) == one[0].sha256

        for row, is_right in in_order(is_as_sealed, to_read(), itemgetter(1)):
            if not is_right:
                found.add(damage.StoredFileChanged(row.file_id.hex()))
            on_read(row.size)
    not_checked = damage.ContentsNotChecked if folder.has_plain_list else damage.NotCheckedWithoutPassword
    found.add(not_checked(len(stored), len(rows)))


def check_against_plain_list(
    folder: BackupFolder, records: Iterator[Record], stored: StoredFiles, found: Findings, *, read: bool
) -> tuple[int, int]:
    """Compare the stored files with a plain list: missing files, and digests that differ from the phone's.

    Returns the number of rows and of files.

    That phones of iOS 5 to 9 compute digests of the stored bytes in an encrypted backup is *guessed* (blobs.py): so a
    digest counts only if another one in the same backup matches.
    """
    rows = files = agreed = 0
    differing: list[Record] = []
    for rows, record in enumerate(records, 1):  # noqa: B007 its last value is the count
        if record.kind is not Kind.FILE:
            continue
        files += 1
        size = stored.get(record.file_id)
        if size is None and record.file_id not in stored.irregular:
            found.add(damage.FileMissing.of(record))
        elif read and size and not size % BLOCK_BYTES and record.digest is not None:
            same = _sha1_of(folder.blob(record.file_id)) == record.digest
            agreed += same
            if not same:
                differing.append(record)
    for record in differing if agreed else ():
        found.add(damage.DigestDiffers.of(record))
    return rows, files


def _sha1_of(path: Path) -> bytes | None:
    """SHA-1 of a file; None where it cannot be read."""
    try:
        with open_regular_file(path) as file:
            sha1 = hashlib.sha1(usedforsecurity=False)
            while chunk := file.read(CHUNK_BYTES):
                sha1.update(chunk)
    except OSError:
        return None
    return sha1.digest()


def _sha256_of(shards: HeldShards, row: SealedFile) -> bytes | None:
    """None where it cannot be read."""
    file_id = row.file_id.hex()
    try:
        if row.size < SMALL_BYTES:
            return hashlib.sha256(shards.read_small(file_id, row.size)).digest()
        with shards.open_regular(file_id) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
