"""Store and hash what a phone sends.

    small file    written, hashed and renamed into place in the thread that receives, from its buffer
    large file    buffer by buffer to one other thread, which writes and hashes while the next buffer arrives

A hand-over to another thread costs as much as a small file. A few buffers are shared by all large files, so a slow disk
slows the phone down instead of filling the memory. Only the receiving thread renames files and talks to the ledger. A
disk error does not end the conversation: later data is dropped, and `flush` returns the error so that it can be
reported to the phone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from migrate.backup.folder import FILE_ID
from migrate.backup.held_folders import HeldFolder
from migrate.backup.private_files import FOLDER_MODE
from migrate.phone.mobilebackup2.host_folder import HostFolder, HostPlace

BUFFER_BYTES = 1 << 20
"""A file that fits into one is small."""
MOST_BUFFERS = 8

SYNCED = frozenset({"Status.plist", "Manifest.plist", "Manifest.db", "Manifest.mbdb"})
"""The files that record how far a backup is. They must be on the disk before the phone gets its answer. Blobs are not
synced one by one: a hundred thousand syncs would take longer than the backup, and verify compares each with its hash.
"""

_PART = "part"


class Ledger(Protocol):
    """Records the hash of every blob. Called by the receiving thread only."""

    def add(self, file_id: str, sha256: str, size: int) -> None: ...
    def mark_unreadable(self, file_id: str, reason: str) -> None: ...
    def forget(self, file_id: str) -> None: ...
    def forget_everything(self) -> None: ...
    def flush(self) -> None:
        """Write down what was noted so far: the phone will hear that it arrived."""


class NoLedger:
    """A ledger that records nothing, for conversations other than a backup."""

    def add(self, file_id: str, sha256: str, size: int) -> None: ...
    def mark_unreadable(self, file_id: str, reason: str) -> None: ...
    def forget(self, file_id: str) -> None: ...
    def forget_everything(self) -> None: ...
    def flush(self) -> None: ...


@dataclass(eq=False, slots=True)
class LargeFile:
    """A file on its way through the writing thread. `place` None: it may not be stored, and its bytes are dropped."""

    place: HostPlace | None
    part: str
    descriptor: int
    size: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    file_id: str | None = None
    unreadable: str | None = None


class ReceivedFiles:
    """A context manager for the link's thread. On exit everything that arrived whole is stored and noted."""

    def __init__(self, host_folder: HostFolder, ledger: Ledger) -> None:
        self._host_folder = host_folder
        self._ledger = ledger
        self._staging_path = host_folder.root / f".{host_folder.name}.receiving"
        self._staging: HeldFolder | None = None
        self._writer = _LargeFileWriter()
        self._disk_error: OSError | None = None
        self._parts = 0

    @property
    def disk_error(self) -> OSError | None:
        """The first disk error."""
        return self._disk_error or self._writer.disk_error

    def __enter__(self) -> Self:
        # a killed run may have left an unfinished file
        shutil.rmtree(self._staging_path, ignore_errors=True)
        self._staging_path.mkdir(mode=FOLDER_MODE)
        self._staging = HeldFolder.open(self._staging_path)
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._finish_large_files()
            self._note(self._ledger.flush)
        finally:
            self._writer.stop()
            self._host_folder.close()
            if self._staging is not None:
                self._staging.close()
            shutil.rmtree(self._staging_path, ignore_errors=True)

    def flush(self) -> OSError | None:
        """Store and note everything received so far, and return the first disk error, if any.

        The phone moves files into place once they are acknowledged. Killed then, a hash that had not been noted was
        lost for good.
        """
        self._finish_large_files()
        self._note(self._ledger.flush)
        return self.disk_error

    def removed(self, file_id: str | None) -> None:
        """The phone removed a blob; None: it renamed the whole backup folder."""
        self._note(self._ledger.forget_everything if file_id is None else lambda: self._ledger.forget(file_id))

    # -- small files -------------------------------------------------------------------------------------------------

    def store(self, place: HostPlace | None, file_id: str | None, content: memoryview, unreadable: str | None) -> None:
        """Store a file that has arrived. `file_id` None: a plist or manifest. `unreadable`: why the phone could not
        read all of it; None: it is complete."""
        if self._writer.waiting:
            self._finish_before(place)
        if place is None or self.disk_error is not None or not _may_be_stored(file_id, len(content), unreadable):
            return
        try:
            staging = self._staging_folder()
            descriptor = staging.create(_PART)
            try:
                _write(descriptor, content)
                if place.name in SYNCED:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._into_place(_PART, place)
        except OSError as error:
            self._failed(error, _PART)
            return
        if file_id is not None:
            self._note_blob(file_id, hashlib.sha256(content).hexdigest(), len(content), unreadable)

    # -- large files -------------------------------------------------------------------------------------------------

    def buffer(self) -> bytearray:
        """A free buffer; waits while the disk is slower than the phone.

        Raises:
            the unexpected exception, if one occurred in the writing thread.
        """
        return self._writer.buffer()

    def begin(self, place: HostPlace | None) -> LargeFile:
        """A file begins that does not fit into a buffer."""
        self._parts += 1
        file = LargeFile(place, f"{_PART}{self._parts}", -1)
        if place is not None and self.disk_error is None:
            try:
                file.descriptor = self._staging_folder().create(file.part)
            except OSError as error:
                self._failed(error, file.part)
        return file

    def write(self, file: LargeFile, buffer: bytearray, count: int) -> None:
        """Hand over a buffer of which `count` bytes are filled."""
        self._writer.write(file, buffer, count)

    def end(self, file: LargeFile, file_id: str | None, unreadable: str | None) -> None:
        """All its bytes were handed over. See `store`."""
        file.file_id, file.unreadable = file_id, unreadable
        self._writer.end(file)

    def _finish_before(self, place: HostPlace | None) -> None:
        """Store the large files that are written; all of them if one has the same place, so the last one sent stays."""
        if place is not None and any(file.place == place for file in self._writer.waiting):
            self._finish_large_files()
        while (file := self._writer.written(wait=False)) is not None:
            self._finish(file)

    def _finish_large_files(self) -> None:
        while (file := self._writer.written(wait=True)) is not None:
            self._finish(file)

    def _finish(self, file: LargeFile) -> None:
        place = file.place
        if file.descriptor < 0 or place is None or self.disk_error is not None:
            return
        if not _may_be_stored(file.file_id, file.size, file.unreadable):
            self._discard(file.part)
            return
        try:
            self._into_place(file.part, place)
        except OSError as error:
            self._failed(error, file.part)
            return
        if file.file_id is not None:
            self._note_blob(file.file_id, file.sha256.hexdigest(), file.size, file.unreadable)

    # -- both --------------------------------------------------------------------------------------------------------

    def _staging_folder(self) -> HeldFolder:
        if self._staging is None:
            raise ValueError("not entered")
        return self._staging

    def _into_place(self, part: str, place: HostPlace) -> None:
        staging, folder = self._staging_folder(), self._host_folder.held(place.folder)
        try:
            staging.replace(part, folder, place.name)
        except FileNotFoundError:  # somebody else removed the folder meanwhile
            self._host_folder.let_go()
            folder = self._host_folder.held(place.folder)
            staging.replace(part, folder, place.name)
        if place.name in SYNCED:
            folder.sync()

    def _note_blob(self, file_id: str, sha256: str, size: int, unreadable: str | None) -> None:
        try:
            if unreadable is None:
                self._ledger.add(file_id, sha256, size)
            else:
                self._ledger.mark_unreadable(file_id, unreadable)
        except OSError as error:
            self._failed(error, None)

    def _note(self, note: Callable[[], None]) -> None:
        if self.disk_error is None:
            try:
                note()
            except OSError as error:
                self._failed(error, None)

    def _failed(self, error: OSError, part: str | None) -> None:
        self._disk_error = self._disk_error or error
        if part is not None:
            self._discard(part)

    def _discard(self, part: str) -> None:
        with suppress(OSError):
            self._staging_folder().unlink(part)


class _LargeFileWriter:
    """A thread that writes and hashes buffers in the order in which they are handed over."""

    def __init__(self) -> None:
        self.disk_error: OSError | None = None
        self.waiting: list[LargeFile] = []
        """Ended, and not yet returned by `written`. The receiving thread's."""
        self._bug: BaseException | None = None
        self._jobs: queue.SimpleQueue[tuple[LargeFile, bytearray | None, int] | None] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[LargeFile] = queue.SimpleQueue()
        self._buffers = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="backup-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()

    def buffer(self) -> bytearray:
        self._raise_bug()
        if self._buffers < MOST_BUFFERS and self._free.empty():
            self._buffers += 1
            return bytearray(BUFFER_BYTES)
        return self._free.get()

    def write(self, file: LargeFile, buffer: bytearray, count: int) -> None:
        self._jobs.put((file, buffer, count))

    def end(self, file: LargeFile) -> None:
        self.waiting.append(file)
        self._jobs.put((file, None, 0))

    def written(self, *, wait: bool) -> LargeFile | None:
        """The next file that is written, in order; None where there is none."""
        if not self.waiting or (self._written.empty() and not wait):
            self._raise_bug()
            return None
        file = self._written.get()
        self.waiting.remove(file)
        self._raise_bug()
        return file

    def _raise_bug(self) -> None:
        if self._bug is not None:
            raise self._bug

    def _run(self) -> None:
        """Do every job; after an unexpected exception keep returning buffers, or the receiving thread would wait
        forever."""
        open_file: LargeFile | None = None
        while (job := self._jobs.get()) is not None:
            file, buffer, count = job
            try:
                if buffer is None:
                    open_file = None
                    _close(file)
                elif self.disk_error is None and self._bug is None and file.descriptor >= 0:
                    open_file = file
                    with memoryview(buffer)[:count] as content:
                        _write(file.descriptor, content)
                        file.sha256.update(content)
                        file.size += count
            except OSError as error:
                self.disk_error = self.disk_error or error
            except BaseException as bug:
                self._bug = self._bug or bug
            if buffer is None:
                self._written.put(file)
            else:
                self._free.put(buffer)
        if open_file is not None:
            with suppress(OSError):
                os.close(open_file.descriptor)


def _may_be_stored(file_id: str | None, size: int, unreadable: str | None) -> bool:
    """Whether a file that arrived may replace one of its name.

    An unreadable blob is stored as far as it arrived: the phone refuses its own backup if a row has no file at all
    (205, facts 2.4). A truncated or empty plist or manifest must never replace a complete one (an empty Manifest.plist
    makes every later backup fail with 205, facts row 9).
    """
    return file_id is not None or (unreadable is None and size > 0)


def _write(descriptor: int, content: memoryview) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        count = os.write(descriptor, content[written:])
        if count == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        written += count


def _close(file: LargeFile) -> None:
    if file.descriptor < 0:
        return
    try:
        if file.place is not None and file.place.name in SYNCED:
            os.fsync(file.descriptor)
    finally:
        os.close(file.descriptor)


def file_id_of(name: str) -> str | None:
    """The file id in a host path such as `<UDID>/Snapshot/ab/abcdef…`; None for a plist or manifest."""
    last = name.rpartition("/")[2]
    return last if FILE_ID.fullmatch(last) else None
