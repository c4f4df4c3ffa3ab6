"""One request to the phone's backup service, and the serving of everything it asks for until it answers.

The phone drives: it lists, makes, moves and removes folders on our disk, sends files and fetches them, one operation
after the other, each answered with a status, and at the end comes its Response (facts 2.2).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.phone.mobilebackup2.download import Sender
from migrate.phone.mobilebackup2.host_folder import CODE_OF_ERRNO, Drive, StatusResponse, status_for_error
from migrate.phone.mobilebackup2.link import DeviceLink, LinkEnded
from migrate.phone.mobilebackup2.pipeline import BlobRemoved, Ledger, NoLedger, Pipeline, file_id_of
from migrate.phone.mobilebackup2.upload import Receiver
from migrate.phone.quoting import safe_text

NOT_KNOWN = StatusResponse(-1, "not known here", {})

PROGRESS_AT = {
    "DLMessageUploadFiles": 2,
    "DLMessageDownloadFiles": 3,
    "DLMessageMoveItems": 3,
    "DLMessageMoveFiles": 3,
    "DLMessageRemoveItems": 3,
    "DLMessageRemoveFiles": 3,
}
"""Where the phone's own progress, 0 to 100, stands in a message (facts 2.2)."""

IDLE_LIMIT = 100_000
"""Operations in a row without one file sent or received. A healthy phone comes to some two thousand while it looks
around, and to one for every 128 files while it moves a backup into place."""


@dataclass
class Conversation:
    """One session on a link whose versions are agreed on. Blocking; belongs to one thread.

    `request_sent`: the request is out. `fetching`: the phone wants files and has not been sent all of them. `operations`
    counts what was served; `percent` is what the phone last said of its own progress.
    """

    link: DeviceLink
    drive: Drive
    ledger: Ledger = field(default_factory=NoLedger)
    on_progress: Callable[[Conversation], None] = lambda _: None
    request_sent: bool = field(default=False, init=False)
    fetching: bool = field(default=False, init=False)
    operations: int = field(default=0, init=False)
    percent: float = field(default=0.0, init=False)
    local_disk_error: OSError | None = field(default=None, init=False)
    receiver: Receiver = field(init=False)
    sender: Sender = field(init=False)
    _pipeline: Pipeline = field(init=False)
    _idle: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)  # files, either way, when it was last looked at

    def __post_init__(self) -> None:
        self._pipeline = Pipeline(self.drive.root / f".{self.drive.name}.receiving", self.ledger)
        self.receiver = Receiver(self.link, self.drive, self._pipeline, self._report)
        self.sender = Sender(self.link, self.drive, self._report)
        self.drive.on_removed = self._removed

    def send_request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send `request` and serve the phone until its Response; everything received is then written and hashed.

        Raises:
            LinkEnded: the phone is gone. LinkSilent: it is there and says nothing.
            PhoneBrokeProtocol, UnsafeName: it said what no healthy phone says.
        """
        with self._pipeline:
            self.request_sent = True
            self.link.send_request(request)
            try:
                while (response := self._serve(self.link.receive())) is None:
                    self.operations += 1
            finally:
                self.local_disk_error = self._pipeline.write_error or self.local_disk_error
        self.local_disk_error = self._pipeline.write_error or self.local_disk_error
        return response

    def _serve(self, message: list[Any]) -> dict[str, Any] | None:
        """Carry out one message. The Response, when it was that."""
        operation = message[0]
        self._note_progress(message)
        if operation == "DLMessageProcessMessage":
            if len(message) < 2 or not isinstance(message[1], dict):
                raise self.link.protocol_error("its answer is no dictionary")
            return message[1]
        if operation == "DLMessageDisconnect":
            raise LinkEnded("The phone ended the session.")
        try:
            answer = self._carry_out(operation, *message[1:3])
            self._note_idleness()
        except _Malformed as error:
            raise self.link.protocol_error(f"{safe_text(operation, 40)} came without what belongs to it") from error
        if answer.code == CODE_OF_ERRNO[errno.ENOSPC] and self.local_disk_error is None:
            self.local_disk_error = OSError(errno.ENOSPC, answer.text)
        self.link.answer(answer.code, answer.text, answer.payload)
        return None

    def _carry_out(self, operation: str, what: Any = None, other: Any = None) -> StatusResponse:
        match operation:
            case "DLMessageUploadFiles":
                refused = self.receiver.receive_files()
                return status_for_error(refused) if refused else StatusResponse()
            case "DLMessageDownloadFiles":
                self.fetching = True
                answer = self.sender.send_files(_names(what))
                self.fetching = False
                return answer
            case "DLContentsOfDirectory":
                return self.drive.list_directory(_name(what))
            case "DLMessageCreateDirectory":
                return self.drive.make_directory(_name(what))
            case "DLMessageMoveItems" | "DLMessageMoveFiles":
                return self.drive.move(_pairs(what))
            case "DLMessageRemoveItems" | "DLMessageRemoveFiles":
                return self.drive.remove(_names(what))
            case "DLMessageCopyItem":
                return self.drive.copy(_name(what), _name(other))
            case "DLMessageGetFreeDiskSpace":
                return self.drive.free_space()
            case "DLMessagePurgeDiskSpace":
                return self.drive.purge(what)
        return NOT_KNOWN

    def _removed(self, host_path: str) -> None:
        """Something was removed. What lay in `Snapshot/` has moved on under the same name, so that is no loss."""
        if host_path == self.drive.name:
            self._pipeline.put((BlobRemoved(None),))
        elif (file_id := file_id_of(host_path)) is not None and "/Snapshot/" not in host_path:
            self._pipeline.put((BlobRemoved(file_id),))

    def _note_progress(self, message: list[Any]) -> None:
        at = PROGRESS_AT.get(message[0])
        if at is None or len(message) <= at:
            return
        percent = message[at]
        if isinstance(percent, int | float) and 0 <= percent <= 100:
            self.percent = max(self.percent, float(percent))

    def _note_idleness(self) -> None:
        passed = self.receiver.files_received + len(self.receiver.unreadable) + self.sender.files_sent
        self._idle = self._idle + 1 if passed == self._passed else 0
        self._passed = passed
        if self._idle > IDLE_LIMIT:
            raise self.link.protocol_error(
                f"it asked for {IDLE_LIMIT} things one after the other, and no file among them"
            )

    def _report(self) -> None:
        self.on_progress(self)


class _Malformed(Exception):
    """An operation without the names it is about."""


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise _Malformed
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _Malformed
    return [_name(name) for name in value]


def _pairs(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Malformed
    return {_name(source): _name(target) for source, target in value.items()}
