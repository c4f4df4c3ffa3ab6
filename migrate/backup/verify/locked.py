"""Verifies an encrypted backup without its password: the folder, the plists, lengths, and the seal.

The seal covers the stored bytes, so every file in it is checked as thoroughly as with the password; only names are
missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from migrate.backup.crypto.cipher import BLOCK_BYTES
from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.folder import BackupFolder
from migrate.backup.record import Kind, Record
from migrate.backup.seal import Seal, sha256_of
from migrate.backup.verify.blobs import CHUNK_BYTES
from migrate.backup.verify.findings import Findings
from migrate.backup.verify.stored_files import StoredFiles
from migrate.backup.verify.thread_pool import in_order
from migrate.problems import UnsafeName, damage


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
    digests = seal.digests if seal else {}
    for file_id in sorted(digests.keys() - stored.sizes.keys() - stored.irregular.keys()):
        found.add(damage.StoredFileMissing(file_id))
    for file_id in sorted(stored.irregular):
        found.add(damage.EntryStrange(f"{file_id[:2]}/{file_id}"))
    right_length: list[str] = []
    for file_id, size in sorted(stored.sizes.items()):
        if size % BLOCK_BYTES:
            found.add(damage.StoredFileLengthImpossible(file_id, size))
        elif seal is not None and seal.sizes.get(file_id, size) != size:
            found.add(damage.StoredFileChanged(file_id))
        elif file_id in digests:
            right_length.append(file_id)
    if read:
        for file_id, sha256 in _hashed(folder, right_length):
            if sha256 != digests[file_id]:
                found.add(damage.StoredFileChanged(file_id))
            on_read(stored.sizes[file_id])
    not_checked = damage.ContentsNotChecked if folder.has_plain_list else damage.NotCheckedWithoutPassword
    found.add(not_checked(len(stored.sizes), len(digests)))


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
        size = stored.sizes.get(record.file_id)
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


def _hashed(folder: BackupFolder, file_ids: list[str]) -> Iterator[tuple[str, str | None]]:
    """SHA-256 of each, in order; None where it cannot be read."""

    def hashed(file_id: str) -> tuple[str, str | None]:
        try:
            return file_id, sha256_of(folder.blob(file_id))
        except UnsafeName:
            return file_id, None

    return in_order(hashed, file_ids)
