"""What can be told of an encrypted backup without its password: the folder, the plists, lengths, and the seal.

The seal is of the stored bytes, so with one at hand every file that it knows is checked as thoroughly as with the
password; only names are missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from migrate.backup import check_findings as wound
from migrate.backup.check_blobs import AHEAD, WORKERS
from migrate.backup.check_findings import Findings
from migrate.backup.check_folder import Stored
from migrate.backup.crypto import BLOCK_BYTES
from migrate.backup.folder import BackupFolder
from migrate.backup.seal import Seal, sha256_of
from migrate.errors import UnsafeName


def look_without_password(
    folder: BackupFolder,
    stored: Stored,
    seal: Seal | None,
    found: Findings,
    *,
    read: bool,
    on_read: Callable[[int], None],
) -> None:
    """Add what is wrong with the stored files as far as anybody can tell, and what could not be looked at."""
    digests = seal.digests if seal else {}
    for file_id in sorted(digests.keys() - stored.sizes.keys() - stored.strange.keys()):
        found.add(wound.locked_file_missing(file_id))
    for file_id in sorted(stored.strange):
        found.add(wound.entry_strange(f"{file_id[:2]}/{file_id}"))
    right_length: list[str] = []
    for file_id, size in sorted(stored.sizes.items()):
        if size % BLOCK_BYTES:
            found.add(wound.locked_length_impossible(file_id, size))
        elif seal is not None and seal.sizes.get(file_id, size) != size:
            found.add(wound.locked_file_changed(file_id))
        elif file_id in digests:
            right_length.append(file_id)
    if read:
        for file_id, sha256 in _hashed(folder, right_length):
            if sha256 != digests[file_id]:
                found.add(wound.locked_file_changed(file_id))
            on_read(stored.sizes[file_id])
    found.add(wound.not_checked_without_password(len(stored.sizes), len(digests)))


def _hashed(folder: BackupFolder, file_ids: list[str]) -> Iterator[tuple[str, str | None]]:
    """SHA-256 of each, in order; None where it cannot be read."""

    def hashed(file_id: str) -> tuple[str, str | None]:
        try:
            return file_id, sha256_of(folder.blob(file_id))
        except UnsafeName:
            return file_id, None

    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
    try:
        running: deque[Future[tuple[str, str | None]]] = deque()
        for file_id in file_ids:
            running.append(pool.submit(hashed, file_id))
            if len(running) >= AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
