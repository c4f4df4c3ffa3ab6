"""A host folder with faults at a message or file."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.simulator.agent.host_folder import FRAME_BYTES, HostFolder
from migrate.simulator.faults.faults import Direction, TriggerPoint
from migrate.simulator.faults.faulty_stream import FaultInjector
from migrate.simulator.usbmuxd.streams import ByteStream
from migrate.wire.device_link_messages import (
    STREAM_PARTS,
    FileEnd,
    FileError,
    Message,
    ProcessMessage,
)


class FaultyHostFolder(HostFolder):
    """Counts files when they end, and messages outside file streams, and triggers the faults that are due."""

    def __init__(self, stream: ByteStream, injector: FaultInjector, *, frames: Sequence[int] = (FRAME_BYTES,)) -> None:
        super().__init__(stream, frames=frames)
        self._injector = injector

    def pause(self, seconds: float) -> None:
        self._flush()
        self._injector.stall(seconds)

    def check_link(self) -> None:
        self._injector.check_link()

    def _send(self, message: Message) -> None:
        if not isinstance(message, (*STREAM_PARTS, ProcessMessage)):
            self._injector.refuse_if_due()
        super()._send(message)
        self._note(message, "sent")

    def _receive(self, *, names_only: bool = False) -> Message:
        message = super()._receive(names_only=names_only)
        self._note(message, "received")
        return message

    def _file_sent(self) -> None:
        self._passed("files", "sent")

    def _file_received(self) -> None:
        self._passed("files", "received")

    def _note(self, message: Message, way: Direction) -> None:
        if isinstance(message, FileEnd | FileError):
            self._passed("files", way)
        elif not isinstance(message, STREAM_PARTS):
            self._passed("messages", way)

    def _passed(self, what: TriggerPoint, way: Direction) -> None:
        if self._injector.passed(what, way):
            self._flush()  # the message reaches the host before the fault happens
            self._injector.trigger(what, way)
