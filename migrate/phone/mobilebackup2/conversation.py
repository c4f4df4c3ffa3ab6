"""Send one request to the phone's backup service, and serve every operation it asks for until it responds.

The phone is in control: it lists, creates, moves and removes folders on our disk, uploads files and downloads them.
Each operation is answered with a status; the phone's Response to the request ends the conversation (facts 2.2).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.seal import Seal
from migrate.phone.mobilebackup2.download import Sender
from migrate.phone.mobilebackup2.host_folder import STATUS_OF_ERRNO, HostFolder, StatusResponse, status_for_error
from migrate.phone.mobilebackup2.link import DeviceLink, LinkEnded
from migrate.phone.mobilebackup2.received_files import Ledger, NoLedger, ReceivedFiles, file_id_of
from migrate.phone.mobilebackup2.upload import Receiver
from migrate.phone.quoting import safe_text
from migrate.progress import Phase

UNKNOWN_OPERATION = StatusResponse(-1, "unknown operation", {})

PROGRESS_INDEX = {
    "DLMessageUploadFiles": 2,
    "DLMessageDownloadFiles": 3,
    "DLMessageMoveItems": 3,
    "DLMessageMoveFiles": 3,
    "DLMessageRemoveItems": 3,
    "DLMessageRemoveFiles": 3,
}
"""The index of the phone's own progress, 0 to 100, in each message (facts 2.2)."""

IDLE_LIMIT = 100_000
"""The limit for operations in a row without a single file sent or received. A healthy phone needs about two thousand
to inspect the backup folder, and one for every 128 files while it moves a backup into place."""


@dataclass
class Conversation:
    """One request on a link after its handshakes. Blocking; belongs to one thread.

    `seal`: that of the restore set to send. `fetching`: the phone asked for files and has not received all of them.
    `operations`: how many were served. `percent`: the highest progress the phone has reported.
    """

    link: DeviceLink
    host_folder: HostFolder
    ledger: Ledger = field(default_factory=NoLedger)
    on_progress: Callable[[Conversation], None] = lambda _: None
    seal: Seal | None = None
    on_response: Callable[[Mapping[str, Any]], None] = lambda _: None
    """Called in this thread, before anything else happens: a process that is killed right after it knows the answer."""
    on_phase: Callable[[Phase], None] = lambda _: None
    request_sent: bool = field(default=False, init=False)
    fetching: bool = field(default=False, init=False)
    operations: int = field(default=0, init=False)
    percent: float = field(default=0.0, init=False)
    local_disk_error: OSError | None = field(default=None, init=False)
    receiver: Receiver = field(init=False)
    sender: Sender = field(init=False)
    _received: ReceivedFiles = field(init=False)
    _idle: int = field(default=0, init=False)
    _files_transferred: int = field(default=0, init=False)  # in both directions, after the previous operation
    _phase: Phase = field(default="getting-ready", init=False)

    def __post_init__(self) -> None:
        self._received = ReceivedFiles(self.host_folder, self.ledger)
        self.receiver = Receiver(self.link, self.host_folder, self._received, self._report)
        self.sender = Sender(self.link, self.host_folder, self._report, self.seal)
        self.host_folder.on_removed = self._removed

    def send_request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send `request`, serve the phone until its Response, and return that.

        On return, everything received has been written and hashed.

        Raises:
            LinkEnded: the connection was lost. LinkSilent: it is open, but the phone sends nothing.
            NotAsSealed: a file of the restore set has changed; the phone did not get all of it.
            PhoneBrokeProtocol, UnsafeName: the phone sent something that no healthy phone sends.
        """
        with self._received:
            self.on_phase(self._phase)
            self.request_sent = True
            self.link.send_request(request)
            try:
                while (response := self._serve(self.link.receive())) is None:
                    self.operations += 1
            finally:
                self.local_disk_error = self._received.disk_error or self.local_disk_error
        self.local_disk_error = self._received.disk_error or self.local_disk_error
        return response

    def _serve(self, message: list[Any]) -> dict[str, Any] | None:
        """Carry out one message and answer it, or return it if it is the Response."""
        operation = message[0]
        self._note_progress(message)
        self._note_phase(operation, *message[1:2])
        if operation == "DLMessageProcessMessage":
            if len(message) < 2 or not isinstance(message[1], dict):
                raise self.link.protocol_error("its answer is no dictionary")
            self.on_response(message[1])
            return message[1]
        if operation == "DLMessageDisconnect":
            raise LinkEnded("The phone ended the session.")
        try:
            answer = self._carry_out(operation, *message[1:3])
            self._limit_idle_operations()
        except _MalformedMessage as error:
            raise self.link.protocol_error(f"{safe_text(operation, 40)} came without what belongs to it") from error
        if answer.code == STATUS_OF_ERRNO[errno.ENOSPC] and self.local_disk_error is None:
            self.local_disk_error = OSError(errno.ENOSPC, answer.text)
        self.link.answer(answer.code, answer.text, answer.payload)
        return None

    def _carry_out(self, operation: str, first: Any = None, second: Any = None) -> StatusResponse:
        match operation:
            case "DLMessageUploadFiles":
                refused = self.receiver.receive_files()
                return status_for_error(refused) if refused else StatusResponse()
            case "DLMessageDownloadFiles":
                self.fetching = True
                answer = self.sender.send_files(_names(first))
                self.fetching = False
                return answer
            case "DLContentsOfDirectory":
                return self.host_folder.list_directory(_name(first))
            case "DLMessageCreateDirectory":
                return self.host_folder.make_directory(_name(first))
            case "DLMessageMoveItems" | "DLMessageMoveFiles":
                return self.host_folder.move(_pairs(first))
            case "DLMessageRemoveItems" | "DLMessageRemoveFiles":
                return self.host_folder.remove(_names(first))
            case "DLMessageCopyItem":
                return self.host_folder.copy(_name(first), _name(second))
            case "DLMessageGetFreeDiskSpace":
                return self.host_folder.free_space()
            case "DLMessagePurgeDiskSpace":
                return self.host_folder.purge(first)
        return UNKNOWN_OPERATION

    def _removed(self, host_path: str) -> None:
        """Tell the ledger about a removed blob. Those under `Snapshot/` do not count: they were moved into place."""
        if host_path == self.host_folder.name:
            self._received.removed(None)
        elif (file_id := file_id_of(host_path)) is not None and "/Snapshot/" not in host_path:
            self._received.removed(file_id)

    def _note_progress(self, message: list[Any]) -> None:
        index = PROGRESS_INDEX.get(message[0])
        if index is None or len(message) <= index:
            return
        percent = message[index]
        if isinstance(percent, int | float) and 0 <= percent <= 100:
            self.percent = max(self.percent, float(percent))

    def _note_phase(self, operation: str, first: Any = None) -> None:
        """Tell a backup's phases apart by what the phone asks for (facts 2.3). A restore's are its caller's to tell."""
        match operation, self._phase:
            case "DLMessageUploadFiles", "getting-ready":
                self._begin("copying")
            case (("DLMessageMoveItems" | "DLMessageMoveFiles"), ("getting-ready" | "copying")):
                # the other move is the old folder's, before a full backup begins
                if isinstance(first, dict) and any("/Snapshot/" in str(source) for source in first):
                    self._begin("moving-files")
            case (("DLMessageRemoveItems" | "DLMessageRemoveFiles"), ("copying" | "moving-files")):
                self._begin("finishing")

    def _begin(self, phase: Phase) -> None:
        self._phase = phase
        self.on_phase(phase)

    def _limit_idle_operations(self) -> None:
        transferred = self.receiver.files_received + len(self.receiver.unreadable) + self.sender.files_sent
        self._idle = self._idle + 1 if transferred == self._files_transferred else 0
        self._files_transferred = transferred
        if self._idle > IDLE_LIMIT:
            raise self.link.protocol_error(
                f"it asked for {IDLE_LIMIT} things one after the other, and no file among them"
            )

    def _report(self) -> None:
        self.on_progress(self)


class _MalformedMessage(Exception):
    """An operation whose arguments are missing or have the wrong type."""


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise _MalformedMessage
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _MalformedMessage
    return [_name(name) for name in value]


def _pairs(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _MalformedMessage
    return {_name(source): _name(target) for source, target in value.items()}
