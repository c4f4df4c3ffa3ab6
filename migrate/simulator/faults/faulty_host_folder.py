"""A healthy drive on which things go wrong at a message or a file."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.simulator.agent.host_folder import FRAME_BYTES, Drive
from migrate.simulator.faults.faults import Moment, Way
from migrate.simulator.faults.faulty_stream import Mishaps
from migrate.simulator.usbmuxd.streams import ByteStream
from migrate.wire.device_link_messages import (
    STREAM_PARTS,
    FileEnds,
    FileFails,
    Message,
    ProcessMessage,
)


class FaultyDrive(Drive):
    """Counts what passes: files where they end, messages where they are no part of a file stream."""

    def __init__(self, stream: ByteStream, mishaps: Mishaps, *, frames: Sequence[int] = (FRAME_BYTES,)) -> None:
        super().__init__(stream, frames=frames)
        self._mishaps = mishaps

    def pause(self, seconds: float) -> None:
        self._flush()
        self._mishaps.stall(seconds)

    def check_link(self) -> None:
        self._mishaps.check_link()

    def _say(self, message: Message) -> None:
        if not isinstance(message, (*STREAM_PARTS, ProcessMessage)):
            self._mishaps.refuse_if_due()
        super()._say(message)
        self._note(message, "sent")

    def _hear(self) -> Message:
        message = super()._hear()
        self._note(message, "received")
        return message

    def _note(self, message: Message, way: Way) -> None:
        what: Moment = "files" if isinstance(message, FileEnds | FileFails) else "messages"
        if (what == "files" or not isinstance(message, STREAM_PARTS)) and self._mishaps.passed(what, way):
            self._flush()  # it has gone before anything happens
            self._mishaps.happen(what, way)
