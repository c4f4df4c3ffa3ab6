"""The host's backup folder, as the phone's backup agent reaches it over DeviceLink.

Every operation sends one request and waits for the host's status. It raises MBError, as iOS translates the host's error
(wire/backup2); LinkCut if the host is gone; and PeerBroke if the host breaks the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from threading import Event
from typing import NamedTuple, TypeVar

from migrate.simulator.usbmuxd.streams import ByteStream, LinkCut
from migrate.wire.backup2 import MBError, MBErrorCode, Request, error_from_host_status, read_request
from migrate.wire.device_link import DeviceLink
from migrate.wire.device_link_messages import (
    EMPTY_TEXT,
    ContentsOfDirectory,
    CopyItem,
    CreateDirectory,
    DeviceReady,
    Disconnect,
    DownloadFiles,
    FileData,
    FileEnd,
    FileError,
    FileStart,
    GetFreeDiskSpace,
    Message,
    MoveItems,
    Operation,
    ProcessMessage,
    PurgeDiskSpace,
    RemoveItems,
    StatusResponse,
    StreamEnd,
    UploadFiles,
    VersionExchange,
    VersionsOk,
    encode_frame_head,
    signed,
)
from migrate.wire.plist_frames import NeedData, PeerBroke

RECEIVE_BYTES = 256 << 10
SEND_BYTES = 256 << 10
FRAME_BYTES = 32 << 10
"""The size of a file's frames on their way to the host. facts 2.2."""
MULTI_STATUS = -13
BATCH = 128
"""Files, moves or removals in one message. CONFIRMED(dec)."""

Item = TypeVar("Item")
FileConsumer = Callable[[str, Iterator[bytes]], None]


class Unreadable(Exception):
    """The phone cannot read on in a file. The bytes sent so far are followed by code 0x0b."""


class FileUpload(NamedTuple):
    """A file to send to the host. `size` is the announced number of bytes; `chunks` is called once, and
    returns a small file as a tuple of its bytes."""

    host_path: str
    device_path: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Entry:
    """One name in a folder of the host."""

    is_directory: bool
    size: int


class HostFolder:
    """The host's folder over one connection.

    The progress figure is `done_bytes` of `total_bytes`, which the run sets. After the user has `cancelled`, the next
    operation, or the next file of a batch, raises MBError CANCELLED. A batch the host is sending is received first.
    """

    def __init__(self, stream: ByteStream, *, frames: Sequence[int] = (FRAME_BYTES,)) -> None:
        self._stream = stream
        self._link = DeviceLink()
        self._frames = frames
        self.cancelled: Callable[[], bool] = lambda: False
        self._outbox: list[bytes | memoryview] = []
        self._outbox_bytes = 0
        self.done_bytes = 0
        self.total_bytes = 0

    def pause(self, seconds: float) -> None:
        """Waits without sending anything, as a busy phone does."""
        self._flush()
        Event().wait(seconds)

    def check_link(self) -> None:
        """Called now and then during long silent work. Raises LinkCut if the cable was pulled."""

    # --- the session

    def open(self) -> None:
        self._send(VersionExchange())
        answer = self._receive()
        if not isinstance(answer, VersionsOk):
            raise PeerBroke("the host left during the version exchange")
        self._send(DeviceReady())

    def next_request(self) -> Request | None:
        """The host's next request, or None if it disconnects or sends an unknown request."""
        message = self._receive()
        return read_request(message.body) if isinstance(message, ProcessMessage) else None

    def respond(self, body: Mapping[str, object]) -> None:
        self._send(ProcessMessage(body))
        self._flush()

    # --- small operations

    def make_directory(self, path: str) -> None:
        self._request(CreateDirectory(path), path, tolerate=(MBErrorCode.EXISTS,))

    def move(self, items: Iterable[tuple[str, str]]) -> None:
        """Renames the items in this order, in batches."""
        for batch in batches(items):
            self._request(MoveItems(dict(batch), self._progress()))

    def remove(self, paths: Iterable[str]) -> None:
        for batch in batches(paths):
            self._request(RemoveItems(batch, self._progress()), tolerate=(MBErrorCode.NOT_FOUND,))

    def copy(self, source: str, destination: str) -> None:
        self._request(CopyItem(source, destination), source)

    def contents(self, path: str) -> dict[str, Entry]:
        """The names in a folder. A missing folder is empty.

        pymobiledevice3 crashes on a missing folder, so a run only asks for folders it has created or seen in a listing.
        """
        payload = self._listing(path)
        if not isinstance(payload, dict):
            return {}
        return {str(name): _entry(facts) for name, facts in payload.items() if isinstance(facts, dict)}

    def names(self, path: str) -> list[str]:
        """Only the names in a folder, for listings of many files."""
        payload = self._listing(path, names_only=True)
        if isinstance(payload, list):
            return payload
        return [str(name) for name, facts in payload.items() if isinstance(facts, dict)] if payload else []

    def _listing(self, path: str, *, names_only: bool = False) -> dict[object, object] | list[str]:
        try:
            payload = self._request(ContentsOfDirectory(path), path, names_only=names_only)
        except MBError as error:
            if error.code != MBErrorCode.NOT_FOUND:
                raise
            return {}
        return payload if isinstance(payload, dict) or (names_only and isinstance(payload, list)) else {}

    def free_bytes(self) -> int:
        payload = self._request(GetFreeDiskSpace())
        if not isinstance(payload, int):
            raise MBError(MBErrorCode.IO, "The host did not report its free space")
        return payload

    def purge(self, amount_bytes: int, urgency: int) -> bool:
        """Asks the host to free space. Returns whether it says it did."""
        try:
            self._request(PurgeDiskSpace(amount_bytes, urgency))
        except MBError:
            return False
        return True

    # --- files to the host

    def upload(self, files: Iterable[FileUpload]) -> list[str]:
        """Sends files in batches of 128. Returns the host paths of files the phone could not read."""
        failed: list[str] = []
        waiting = batches(files)
        batch = next(waiting, None)
        while batch is not None:
            self._stop_if_cancelled()
            self._send(UploadFiles(self._progress(), sum(file.size for file in batch)))
            for file in batch:
                if self.cancelled():
                    break
                if not self._upload_one(file):
                    failed.append(file.host_path)
            self._send(StreamEnd())
            batch = next(waiting, None)  # found while the host stores the one before
            if (status := self._status()).status < 0:
                raise _refusal(status)
        self._stop_if_cancelled()
        return failed

    def write(self, host_path: str, device_path: str, data: bytes) -> None:
        self.upload([FileUpload(host_path, device_path, len(data), lambda: (data,))])

    def _upload_one(self, file: FileUpload) -> bool:
        chunks, is_whole = file.chunks(), True
        if isinstance(chunks, tuple) and len(chunks) == 1 and len(chunks[0]) <= self._frames[0]:
            self._queue(self._link.send_whole_file(file.host_path, file.device_path, chunks[0]))
        else:
            is_whole = self._upload_frames(file, chunks)
        self._file_sent()
        self.done_bytes += file.size
        return is_whole

    def _upload_frames(self, file: FileUpload, chunks: Iterable[bytes]) -> bool:
        """Sends a file frame by frame. Returns whether the phone could read it to its end."""
        self._queue(self._link.send(FileStart(file.host_path, file.device_path)))
        end: Message = FileEnd()
        try:
            for frame in framed(chunks, self._frames):
                self._outbox.append(encode_frame_head(len(frame)))
                self._queue(frame)
        except Unreadable as error:
            end = FileError(str(error))
        self._queue(self._link.send(end))
        return isinstance(end, FileEnd)

    def _file_sent(self) -> None:
        """Called after each file that was sent, whole or not."""

    # --- files from the host

    def download(self, paths: Sequence[str], consume: FileConsumer) -> dict[str, MBError]:
        """Requests files and passes each to `consume` while it streams in; `consume` may leave some of it unread.

        Returns an MBError for each path that failed: the host could not read it, or `consume` raised it.
        """
        problems: dict[str, MBError] = {}
        self._stop_if_cancelled()
        self._send(DownloadFiles(paths, self._progress()))
        expected = set(paths)
        while True:
            if (small := self._small_file()) is not None:
                path, data = small
            elif isinstance(message := self._receive(), FileStart):
                path, data = message.path, None
            else:
                break
            if path not in expected:
                raise PeerBroke("the host sent a file that was not requested, or sent it twice")
            expected.remove(path)
            chunks = self._chunks(path) if data is None else self._small_chunks(data)
            if (problem := self._consume_one(path, chunks, consume)) is not None:
                problems[path] = problem
        if isinstance(message, Disconnect):
            raise LinkCut("the host disconnected during a transfer")
        status = self._status()
        if status.status < 0 and status.status != MULTI_STATUS:
            raise _refusal(status)
        problems |= _problems_in(status.payload)
        for path in expected - problems.keys():
            problems[path] = MBError(MBErrorCode.NOT_FOUND, "The host did not send the file", path)
        return problems

    def read(self, path: str, limit_bytes: int) -> bytes:
        """One whole file, in memory.

        Raises:
            MBError: the host's error, for instance NOT_FOUND, or INVALID_DATA if it is longer than `limit_bytes`.
        """
        data = bytearray()

        def consume(_: str, chunks: Iterator[bytes]) -> None:
            for chunk in chunks:
                data.extend(chunk)
                if len(data) > limit_bytes:
                    raise MBError(MBErrorCode.INVALID_DATA, f"File is larger than {limit_bytes} bytes", path)

        if problem := self.download([path], consume).get(path):
            raise problem
        return bytes(data)

    def _consume_one(self, path: str, chunks: Iterator[bytes], consume: FileConsumer) -> MBError | None:
        problem: MBError | None = None
        try:
            consume(path, chunks)
        except MBError as error:
            problem = error
        try:
            for _ in chunks:  # what `consume` did not read must still be received
                pass
        except MBError as error:
            problem = problem or error
        return problem

    def _small_file(self) -> tuple[str, bytes] | None:
        """The next file, if it is whole and in one frame. None: the next message is something else."""
        while isinstance(found := self._link.next_small_file(), NeedData):
            self._receive_more()
        return found

    def _small_chunks(self, data: bytes) -> Iterator[bytes]:
        if data:
            self.done_bytes += len(data)
            yield data
        self._file_received()

    def _file_received(self) -> None:
        """Called at the end of each small file that was received."""

    def _chunks(self, path: str) -> Iterator[bytes]:
        while not isinstance(message := self._receive(), FileEnd):
            if isinstance(message, FileError):
                raise MBError(MBErrorCode.IO, message.text, path)  # the status after the batch has the exact code
            if not isinstance(message, FileData):
                raise PeerBroke("the file stream has no end")
            self.done_bytes += len(message.data)
            yield message.data

    # --- the wire

    def _request(
        self,
        operation: Operation,
        path: str | None = None,
        tolerate: Sequence[MBErrorCode] = (),
        *,
        names_only: bool = False,
    ) -> object:
        self._stop_if_cancelled()
        self._send(operation)
        status = self._status(names_only=names_only)
        if status.status < 0 and (refusal := _refusal(status, path)).code not in tolerate:
            raise refusal
        return status.payload if status.status >= 0 else None

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise MBError(MBErrorCode.CANCELLED, "Cancelled by the user")  # code CONFIRMED(dec), text *guessed*

    def _status(self, *, names_only: bool = False) -> StatusResponse:
        message = self._receive(names_only=names_only)
        if not isinstance(message, StatusResponse):
            raise LinkCut("the host disconnected instead of answering")
        return message

    def _receive(self, *, names_only: bool = False) -> Message:
        while isinstance(message := self._link.next(names_only=names_only), NeedData):
            self._receive_more()
        return message

    def _receive_more(self) -> None:
        self._flush()
        data = self._stream.recv(RECEIVE_BYTES)
        if not data:
            raise LinkCut("the host closed the connection")
        self._link.receive(data)

    def _send(self, message: Message) -> None:
        """Queues a message. Small messages are sent together, once there are enough or the host must answer: one TLS
        record instead of three."""
        self._queue(self._link.send(message))

    def _queue(self, data: bytes | memoryview) -> None:
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        if self._outbox_bytes >= SEND_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._outbox:
            data = b"".join(self._outbox)
            self._outbox.clear()
            self._outbox_bytes = 0
            self._stream.sendall(data)

    def _progress(self) -> float:
        return min(100.0, 100.0 * self.done_bytes / self.total_bytes) if self.total_bytes else 0.0


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    waiting = iter(items)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def framed(chunks: Iterable[bytes], sizes: Sequence[int]) -> Iterator[bytes | memoryview]:
    """Cuts the bytes into frames whose sizes cycle through `sizes`. The last frame is the rest, which is also yielded
    before an Unreadable is re-raised."""
    wanted, ready = cycle(sizes), bytearray()
    size = next(wanted)
    try:
        for chunk in chunks:
            start = 0
            if ready:  # complete the previous chunk's rest first
                start = min(size - len(ready), len(chunk))
                ready += chunk[:start]
                if len(ready) < size:
                    continue
                yield bytes(ready)
                ready.clear()
                size = next(wanted)
            view = memoryview(chunk)
            while len(chunk) - start >= size:
                yield view[start : start + size]
                start += size
                size = next(wanted)
            ready += view[start:]
    except Unreadable:
        if ready:
            yield bytes(ready)
        raise
    if ready:
        yield bytes(ready)


def _entry(facts: Mapping[str, object]) -> Entry:
    size = facts.get("DLFileSize")
    return Entry(facts.get("DLFileType") == "DLFileTypeDirectory", size if isinstance(size, int) else 0)


def _refusal(status: StatusResponse, path: str | None = None) -> MBError:
    return error_from_host_status(status.status, "" if status.text == EMPTY_TEXT else status.text, path)


def _problems_in(payload: object) -> dict[str, MBError]:
    """The error of each path in a "Multi status" payload."""
    problems: dict[str, MBError] = {}
    for path, facts in payload.items() if isinstance(payload, dict) else ():
        if isinstance(facts, dict) and isinstance(code := facts.get("DLFileErrorCode"), int):
            text = str(facts.get("DLFileErrorString", ""))
            problems[str(path)] = error_from_host_status(signed(code), text, str(path))
    return problems
