"""com.apple.afc: access to the phone's media folder, as backup and restore clients use it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.simulator.device.filesystem import Content
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.services.file_locks import EXCLUSIVE, UNLOCK
from migrate.simulator.services.media import Entry, MediaTree, PathOutsideMedia, absolute
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire import afc
from migrate.wire.afc import AfcServer, Data, OpenMode, OpenResult, Status, StatusCode, TellResult

SYNC_LOCK = "/com.apple.itunes.lock_sync"
BLOCK_BYTES = 4096
DIRECTORY_ENTRY_BYTES = 32
"""APFS gives a directory 32 bytes for each entry, "." and ".." included: 64 for an empty one (*read*: pymobiledevice3's
tests), and as many links as entries."""
FILE_LIMIT_BYTES = 1 << 30
"""The longest file a host can write; it is kept in memory."""
TRUNCATING = (OpenMode.WRITE, OpenMode.WRITE_READ)
APPENDING = (OpenMode.APPEND, OpenMode.READ_APPEND)


class Refused(Exception):
    def __init__(self, code: StatusCode) -> None:
        super().__init__(code.name)
        self.code = code


def serve(stream: ByteStream, phone: SimulatedPhone) -> None:
    """Serves one client until it closes. However the connection ends, files are saved and locks released."""
    wire = AfcServer()
    inbox = Inbox[afc.Request](stream, wire)
    session = Session(phone)
    try:
        while (request := inbox.receive()) is not None:
            try:
                answer = session.answer(request)
            except Refused as refusal:
                answer = Status(refusal.code)
            except PathOutsideMedia:
                answer = Status(StatusCode.PERMISSION_DENIED)
            stream.sendall(wire.send(answer))
    finally:
        session.close()


@dataclass(eq=False)
class OpenFile:
    path: str
    mode: OpenMode
    reading: Reader | None = None  # None once the file was written to
    written: bytearray = field(default_factory=bytearray)
    dirty: bool = False
    position: int = 0

    @property
    def size(self) -> int:
        return self.reading.size if self.reading else len(self.written)


class Reader:
    """Random access to a content. Sequential reads take one pass, however large the content is."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.size = content.size
        self._chunks: Iterator[bytes] = iter(())
        self._chunk, self._start = b"", 0
        self._rewind()

    def read(self, position: int, size: int) -> bytes:
        if position < self._start:
            self._rewind()
        read = bytearray()
        while len(read) < size and position < self.size:
            while position >= self._start + len(self._chunk):
                self._start += len(self._chunk)
                self._chunk = next(self._chunks)
            offset = position - self._start
            piece = self._chunk[offset : offset + size - len(read)]
            read += piece
            position += len(piece)
        return bytes(read)

    def _rewind(self) -> None:
        self._chunks = iter(self._content.chunks())
        self._chunk, self._start = b"", 0


class Session:
    """One client's connection and its open files."""

    def __init__(self, phone: SimulatedPhone) -> None:
        self._phone = phone
        self._tree = MediaTree(phone)
        self._open: dict[int, OpenFile] = {}
        self._next_handle = 1

    def close(self) -> None:
        for handle in list(self._open):
            self._close(handle)

    # --- one method per request. Raises Refused or PathOutsideMedia.

    @functools.singledispatchmethod
    def answer(self, request: afc.Request) -> afc.Answer:
        raise NotImplementedError(type(request).__name__)

    @answer.register
    def _(self, request: afc.InvalidRequest) -> afc.Answer:
        return Status(StatusCode.INVALID_ARGUMENT if request.is_known else StatusCode.UNKNOWN_PACKET_TYPE)

    @answer.register
    def _(self, request: afc.SetOption) -> afc.Answer:
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.DeviceInfo) -> afc.Answer:
        phone = self._phone
        facts = {
            "Model": phone.model,
            "FSTotalBytes": str(phone.capacity_bytes),
            "FSFreeBytes": str(phone.free_bytes),
            "FSBlockSize": str(BLOCK_BYTES),
        }
        return afc.zero_terminated([text for pair in facts.items() for text in pair])

    @answer.register
    def _(self, request: afc.ReadDirectory) -> afc.Answer:
        path = self._tree.resolve(absolute(request.path))
        if self._found(path).kind != "directory":
            raise Refused(StatusCode.READ_ERROR)
        return afc.zero_terminated([".", "..", *self._tree.names(path)])

    @answer.register
    def _(self, request: afc.FileInfo) -> afc.Answer:
        entry = self._found(absolute(request.path))
        links, size, blocks = 1, entry.content.size, -(-entry.content.size // 512)
        if entry.kind == "directory":
            links = 2 + len(self._tree.names(absolute(request.path)))
            size, blocks = links * DIRECTORY_ENTRY_BYTES, 0
        facts = {
            "st_size": str(size),
            "st_blocks": str(blocks),
            "st_nlink": str(links),
            "st_ifmt": {"file": "S_IFREG", "directory": "S_IFDIR", "symlink": "S_IFLNK"}[entry.kind],
            "st_mtime": str(entry.modified_ns),
            "st_birthtime": str(entry.born_ns),
        }
        if entry.target is not None:
            facts["LinkTarget"] = entry.target
        return afc.zero_terminated([text for pair in facts.items() for text in pair])

    @answer.register
    def _(self, request: afc.MakeDirectory) -> afc.Answer:
        path = absolute(request.path)
        if self._tree.leads_through_file(path):
            raise Refused(StatusCode.OBJECT_EXISTS)  # also for a file above it (*read*: pymobiledevice3's tests)
        self._tree.make_directory(path)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.RemovePath) -> afc.Answer:
        path = absolute(request.path)
        entry = self._found(path)
        if path == "/":
            raise Refused(StatusCode.PERMISSION_DENIED)
        if entry.kind == "directory" and not request.with_contents and self._tree.names(path):
            raise Refused(StatusCode.DIRECTORY_NOT_EMPTY)
        self._tree.remove(path)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.RenamePath) -> afc.Answer:
        source, target = absolute(request.source), absolute(request.target)
        entry = self._found(source)
        if source == "/" or target == "/" or target.startswith(f"{source}/"):
            raise Refused(StatusCode.PERMISSION_DENIED)
        if source != target:
            self._check_may_replace(entry, target)
            self._tree.remove(target)
            self._tree.move(source, target)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Truncate) -> afc.Answer:
        file = self._opened(absolute(request.path), OpenMode.READ_WRITE)
        self._resize(file, request.size)
        self._save(file)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.SetFileTime) -> afc.Answer:
        path = absolute(request.path)
        self._found(path)
        self._tree.set_modified(path, request.modified_ns)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Open) -> afc.Answer:
        handle = self._next_handle
        self._next_handle += 1
        self._open[handle] = self._opened(self._tree.resolve(absolute(request.path)), request.mode)
        return OpenResult(handle)

    @answer.register
    def _(self, request: afc.Close) -> afc.Answer:
        self._file(request.handle)
        self._close(request.handle)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Read) -> afc.Answer:
        file = self._file(request.handle)
        size = min(request.size, afc.PACKET_LIMIT_BYTES)
        if file.reading:
            data = file.reading.read(file.position, size)
        else:
            data = bytes(file.written[file.position : file.position + size])
        file.position += len(data)
        return Data(data)

    @answer.register
    def _(self, request: afc.Write) -> afc.Answer:
        file = self._file(request.handle)
        if file.mode is OpenMode.READ:
            raise Refused(StatusCode.PERMISSION_DENIED)
        if file.mode in APPENDING:
            file.position = file.size
        end = file.position + len(request.data)
        if end > file.size:
            self._resize(file, end)
        self._make_writable(file)
        file.written[file.position : end] = request.data
        file.position, file.dirty = end, True
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Seek) -> afc.Answer:
        file = self._file(request.handle)
        start = {0: 0, 1: file.position, 2: file.size}.get(request.whence)
        if start is None or start + request.offset < 0:
            raise Refused(StatusCode.INVALID_ARGUMENT)
        file.position = start + request.offset
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Tell) -> afc.Answer:
        return TellResult(self._file(request.handle).position)

    @answer.register
    def _(self, request: afc.SetSize) -> afc.Answer:
        file = self._file(request.handle)
        if file.mode is OpenMode.READ:
            raise Refused(StatusCode.PERMISSION_DENIED)
        self._resize(file, request.size)
        return Status(StatusCode.SUCCESS)

    @answer.register
    def _(self, request: afc.Lock) -> afc.Answer:
        """Refuses a lock that is held elsewhere, even if the client would wait: no client does."""
        file = self._file(request.handle)
        if request.operation & UNLOCK:
            self._phone.advisory_locks.release(file.path, file)
            return Status(StatusCode.SUCCESS)
        if file.path == SYNC_LOCK and self._phone.faults.afc_lock_busy_tries > 0:
            self._phone.faults.afc_lock_busy_tries -= 1
            raise Refused(StatusCode.WOULD_BLOCK)
        if file.path == SYNC_LOCK and self._phone.conditions.sync_lock_held:
            raise Refused(StatusCode.WOULD_BLOCK)
        exclusive = bool(request.operation & EXCLUSIVE)
        if not self._phone.advisory_locks.take(file.path, file, exclusive=exclusive):
            raise Refused(StatusCode.WOULD_BLOCK)
        return Status(StatusCode.SUCCESS)

    # --- files

    def _found(self, path: str) -> Entry:
        for file in self._open.values():
            self._save(file)
        entry = self._tree.entry(path)
        if entry is None:
            raise Refused(StatusCode.OBJECT_NOT_FOUND)
        return entry

    def _check_may_replace(self, source: Entry, target: str) -> None:
        """Checks whether rename(2) would put `source` at the path `target`. Raises Refused.

        The codes are *guessed*, except that a missing folder and a file in its place are refused (*read*:
        pymobiledevice3's tests).
        """
        parent = self._tree.entry(target.rpartition("/")[0] or "/")
        if parent is None or parent.kind != "directory":
            raise Refused(StatusCode.OBJECT_NOT_FOUND)
        there = self._tree.entry(target)
        if there is None:
            return
        if there.kind == "directory" and source.kind != "directory":
            raise Refused(StatusCode.OBJECT_IS_DIRECTORY)
        if there.kind != "directory" and source.kind == "directory":
            raise Refused(StatusCode.OBJECT_EXISTS)
        if there.kind == "directory" and self._tree.names(target):
            raise Refused(StatusCode.DIRECTORY_NOT_EMPTY)

    def _file(self, handle: int) -> OpenFile:
        if handle not in self._open:
            raise Refused(StatusCode.INVALID_ARGUMENT)
        return self._open[handle]

    def _opened(self, path: str, mode: OpenMode) -> OpenFile:
        for file in self._open.values():
            self._save(file)
        entry = self._tree.entry(path)
        if entry is None:
            parent = self._tree.entry(path.rpartition("/")[0] or "/")
            if mode is OpenMode.READ or parent is None or parent.kind != "directory":
                raise Refused(StatusCode.OBJECT_NOT_FOUND)
            return OpenFile(path, mode, dirty=True)
        if entry.kind == "directory":
            raise Refused(StatusCode.OBJECT_IS_DIRECTORY)
        if mode in TRUNCATING:
            return OpenFile(path, mode, dirty=True)
        return OpenFile(path, mode, reading=Reader(entry.content))

    def _make_writable(self, file: OpenFile) -> None:
        if file.reading:
            if file.reading.size > FILE_LIMIT_BYTES:
                raise Refused(StatusCode.NO_SPACE_LEFT)
            file.written = bytearray(file.reading.read(0, file.reading.size))
            file.reading = None

    def _resize(self, file: OpenFile, size: int) -> None:
        if size > FILE_LIMIT_BYTES or size - file.size > self._phone.free_bytes:
            raise Refused(StatusCode.NO_SPACE_LEFT)
        self._make_writable(file)
        del file.written[size:]
        file.written.extend(bytes(size - len(file.written)))
        file.dirty = True

    def _save(self, file: OpenFile) -> None:
        if file.dirty:
            self._tree.write(file.path, bytes(file.written))
            file.dirty = False

    def _close(self, handle: int) -> None:
        file = self._open.pop(handle)
        self._save(file)
        self._phone.advisory_locks.release(file.path, file)
