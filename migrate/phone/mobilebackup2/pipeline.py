"""Write and hash received files in two threads, connected by bounded queues.

    upload -> [to write] -> writer: new file, bytes, rename -> [to hash] -> hasher: SHA-256, then the ledger

Both queues are short, so a slow disk slows the phone down instead of filling the memory. A disk error does not end the
conversation: later data is dropped, and `flush` returns the error so that it can be reported to the phone.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from migrate.backup.folder import FILE_ID
from migrate.backup.private_files import FOLDER_MODE, open_new, sync_folder
from migrate.phone.mobilebackup2.host_folder import make_folder

QUEUED_BATCHES = 8
"""Batches per queue. A batch is about 1 MiB (see `upload`), so both queues together hold at most about 16 MiB."""

SYNCED = frozenset({"Status.plist", "Manifest.plist", "Manifest.db", "Manifest.mbdb"})
"""The files that record how far a backup is. They must be on the disk before the phone gets its answer. Blobs are not
synced one by one: a hundred thousand syncs would take longer than the backup, and verify compares each with its hash.
"""


class Ledger(Protocol):
    """Records the hash of every blob. Called by the hashing thread only."""

    def add(self, file_id: str, sha256: str, size: int) -> None: ...
    def mark_unreadable(self, file_id: str, reason: str) -> None: ...
    def forget(self, file_id: str) -> None: ...
    def forget_everything(self) -> None: ...
    def flush(self) -> None:
        """Write what was recorded so far to its file, before the phone is told that its files arrived."""


class NoLedger:
    """A ledger that records nothing, for conversations other than a backup."""

    def add(self, file_id: str, sha256: str, size: int) -> None: ...
    def mark_unreadable(self, file_id: str, reason: str) -> None: ...
    def forget(self, file_id: str) -> None: ...
    def forget_everything(self) -> None: ...
    def flush(self) -> None: ...


@dataclass(slots=True)
class FileStart:
    """A file begins. If `local_path` is None, it may not be stored and its bytes are dropped."""

    local_path: Path | None


@dataclass(slots=True)
class FileData:
    data: bytes


@dataclass(slots=True)
class FileEnd:
    """A file ends. `unreadable`: why the phone could not read all of it; None: it is complete.

    The writer sets `stored`.
    """

    file_id: str | None
    unreadable: str | None = None
    stored: bool = False


@dataclass(slots=True)
class BlobRemoved:
    """A blob was removed; `file_id` None: the whole backup folder was renamed."""

    file_id: str | None


@dataclass(slots=True)
class FlushMarker:
    reached: threading.Event = field(default_factory=threading.Event)


Piece = FileStart | FileData | FileEnd | BlobRemoved | FlushMarker


class Pipeline:
    """A context manager for the link's thread. On exit it waits until everything is written and hashed."""

    def __init__(self, staging: Path, ledger: Ledger) -> None:
        """`staging`: a private folder on the backup's disk, where each file is written before it is renamed."""
        self._staging = staging
        self._ledger = ledger
        self._to_write: queue.Queue[Sequence[Piece] | None] = queue.Queue(QUEUED_BATCHES)
        self._to_hash: queue.Queue[Sequence[Piece] | None] = queue.Queue(QUEUED_BATCHES)
        self._writer = _Writer(staging)
        self._hasher = _Hasher(ledger)
        self._threads = (
            threading.Thread(target=self._write, name="backup-writer", daemon=True),
            threading.Thread(target=self._hash, name="backup-hasher", daemon=True),
        )
        self._bug: BaseException | None = None

    @property
    def write_error(self) -> OSError | None:
        """The first disk error of either thread."""
        return self._writer.write_error or self._hasher.write_error

    def __enter__(self) -> Pipeline:
        shutil.rmtree(self._staging, ignore_errors=True)  # a killed run may have left an unfinished file
        self._staging.mkdir(mode=FOLDER_MODE)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to_write.put(None)
        for thread in self._threads:
            thread.join()
        self._writer.abandon()
        shutil.rmtree(self._staging, ignore_errors=True)
        if error is None and self._bug is not None:
            raise self._bug

    def put(self, pieces: Sequence[Piece]) -> None:
        """Queue `pieces` for writing; waits while the queue is full.

        Raises:
            the unexpected exception, if one occurred in a thread.
        """
        if self._bug is not None:
            raise self._bug
        self._to_write.put(pieces)

    def flush(self) -> OSError | None:
        """Wait until everything queued so far is written and hashed, and return the first disk error, if any.

        The phone moves files into place once they are acknowledged. Killed then, a hash that had not been noted was
        lost for good.
        """
        marker = FlushMarker()
        self.put((marker,))
        marker.reached.wait()
        if self._bug is not None:
            raise self._bug
        return self.write_error

    def _write(self) -> None:
        self._run(self._to_write, self._writer.handle, then=self._to_hash)

    def _hash(self) -> None:
        self._run(self._to_hash, self._hasher.handle, then=None)

    def _run(
        self,
        pieces: queue.Queue[Sequence[Piece] | None],
        handle: Callable[[Piece], None],
        then: queue.Queue[Sequence[Piece] | None] | None,
    ) -> None:
        """Handle every piece; after an unexpected exception keep emptying the queue, or `put` would block forever."""
        while (batch := pieces.get()) is not None:
            for piece in batch:
                try:
                    if self._bug is None:
                        handle(piece)
                except BaseException as bug:
                    self._bug = bug
                if isinstance(piece, FlushMarker) and then is None:
                    piece.reached.set()
            if then is not None:
                then.put(batch)
        if then is not None:
            then.put(None)


class _Writer:
    """Writes one file after another into the staging folder, and renames it into place when it is complete."""

    def __init__(self, staging: Path) -> None:
        self.write_error: OSError | None = None
        self._part = staging / "part"
        self._file: IO[bytes] | None = None
        self._local_path: Path | None = None
        self._size = 0

    def handle(self, piece: Piece) -> None:
        if self.write_error is not None:
            return  # drop everything after a disk error; `flush` reports it
        try:
            match piece:
                case FileStart(local_path):
                    self._begin(local_path)
                case FileData(data) if self._file is not None:
                    self._file.write(data)
                    self._size += len(data)
                case FileEnd():
                    piece.stored = self._end(piece)
        except OSError as error:
            self.write_error = error
            self.abandon()

    def _begin(self, local_path: Path | None) -> None:
        self._local_path, self._size = local_path, 0
        if local_path is None:
            return
        self._file = open_new(self._part, buffering=0)

    def _end(self, end: FileEnd) -> bool:
        """Rename the file into place, if it may be, and return whether it was (also for a blob read only in part)."""
        local_path, file = self._local_path, self._file
        if local_path is None or file is None:
            return False
        # An unreadable blob is stored as far as it arrived: the phone refuses its own backup if a row has no file at
        # all (205, facts 2.4). A truncated or empty plist or manifest must never replace a complete one (an empty
        # Manifest.plist makes every later backup fail with 205, facts row 9).
        is_blob = end.file_id is not None
        if not is_blob and (end.unreadable is not None or self._size == 0):
            self.abandon()
            return False
        if local_path.name in SYNCED:
            os.fsync(file.fileno())
        file.close()
        self._file = None
        try:
            self._part.replace(local_path)
        except FileNotFoundError:
            make_folder(local_path.parent)
            self._part.replace(local_path)
        if local_path.name in SYNCED:
            sync_folder(local_path.parent)
        return True

    def abandon(self) -> None:
        """Delete the unfinished file."""
        with suppress(OSError):  # on a full disk, close may fail as write did
            if self._file is not None:
                self._file.close()
        self._file = None
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class _Hasher:
    """Computes SHA-256 and size of each file, and reports them to the ledger when the file ends."""

    def __init__(self, ledger: Ledger) -> None:
        self.write_error: OSError | None = None
        self._ledger = ledger
        self._hash = hashlib.sha256()
        self._size = 0

    def handle(self, piece: Piece) -> None:
        if self.write_error is not None:
            return
        try:
            match piece:
                case FileStart():
                    self._hash, self._size = hashlib.sha256(), 0
                case FileData(data):
                    self._hash.update(data)
                    self._size += len(data)
                case FileEnd(file_id=str(file_id), stored=True, unreadable=None):
                    self._ledger.add(file_id, self._hash.hexdigest(), self._size)
                case FileEnd(file_id=str(file_id), stored=True, unreadable=str(reason)):
                    self._ledger.mark_unreadable(file_id, reason)
                case BlobRemoved(str(file_id)):
                    self._ledger.forget(file_id)
                case BlobRemoved(None):
                    self._ledger.forget_everything()
                case FlushMarker():
                    self._ledger.flush()
        except OSError as error:
            self.write_error = error


def file_id_of(name: str) -> str | None:
    """The file id in a host path such as `<UDID>/Snapshot/ab/abcdef…`; None for a plist or manifest."""
    last = name.rpartition("/")[2]
    return last if FILE_ID.fullmatch(last) else None
