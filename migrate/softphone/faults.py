"""What can go wrong with an otherwise healthy software iPhone. Every fault is off until it is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from migrate.softphone.streams import ByteStream, LinkCut


@dataclass
class Faults:
    """Set by tests, the phone file's `[faults]` and the admin channel. Counts and limits are used up by happening."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    drop_save_after_bytes: int | None = None
    """The cable drops once the phone has *sent* this many bytes over one mobilebackup2 connection; then it is whole
    again. A restore sends little, so this is the save's wound."""
    drop_restore_after_bytes: int | None = None
    """The same for bytes the phone has *received*: the restore's wound."""
    drop_sessions: int = 0
    """So many mobilebackup2 connections are closed as soon as they are open (REPORTED: the first after plugging in)."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """`Domain/relative/path` -> the error text the phone sends for it in a backup (stream code 0x0b)."""
    unreadable_once: dict[str, str] = field(default_factory=dict)
    """The same, but healed once the phone has said so."""
    free_bytes: int | None = None
    """What the phone believes it has free, instead of capacity minus contents."""
    afc_lock_busy_tries: int = 0
    """So many attempts at the sync lock are answered OP_WOULD_BLOCK, as if Finder held it."""
    no_icon: tuple[str, ...] = ()
    """Bundle ids whose icon SpringBoard cannot give."""
    refuse_services: dict[str, str] = field(default_factory=dict)
    """Service name -> the lockdown error its StartService gets."""
    replug_after_trust: bool = False
    """The USB link resets right after Trust was tapped (REPORTED, libimobiledevice issue 20)."""
    idle_close_s: float | None = None
    """lockdownd closes a connection without a session after so many idle seconds (a real one: 10 to 30)."""
    silence_s: float = 0.0
    """How long the phone says nothing while it scans for a backup (a real one: 2 to more than 60 seconds)."""
    frame_sizes: tuple[int, ...] = ()
    """Lengths that the pieces of a file cycle through on their way to the host, instead of always 32 KiB."""
    empty_blobs: bool = False
    """Empty files of HomeDomain are stored as empty ones in encrypted backups too, not as one block of padding (seen by
    others on real phones; pyiosbackup cannot read it)."""
    drop_instead_of_response: bool = False
    """At the end of a restore the link drops where the Response should come (seen by others as a normal end)."""
    missing_rows: Literal["fetch", "full"] = "fetch"
    """What the phone does about a backup whose manifest lacks rows it wrote there: it sends those files again, or it
    takes the backup for damaged and begins a full one. Which of the two a real phone does is not known (INFERRED)."""

    def free_space(self, honest_bytes: int) -> int:
        return honest_bytes if self.free_bytes is None else self.free_bytes

    def why_unreadable(self, domain: str, relative_path: str) -> str | None:
        """The error text for a file the phone cannot read in this backup, or None: it can."""
        path = f"{domain}/{relative_path}"
        return self.unreadable_once.pop(path, None) or self.unreadable.get(path)


class FaultyStream:
    """A healthy stream that breaks where the faults say. `cut` pulls the cable of the whole phone, once."""

    def __init__(self, stream: ByteStream, faults: Faults, cut: Callable[[], None]) -> None:
        self._stream = stream
        self._faults = faults
        self._cut = cut
        self._sent = 0
        self._received = 0

    def recv(self, limit: int) -> bytes:
        allowed = self._faults.drop_restore_after_bytes
        if allowed is not None and self._received >= allowed:
            self._faults.drop_restore_after_bytes = None
            self._break(f"after {self._received} bytes received")
        data = self._stream.recv(limit if allowed is None else max(1, min(limit, allowed - self._received)))
        self._received += len(data)
        return data

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        allowed = self._faults.drop_save_after_bytes
        if allowed is not None and self._sent + len(data) > allowed:
            part = memoryview(data)[: max(0, allowed - self._sent)]
            self._stream.sendall(part)
            self._faults.drop_save_after_bytes = None
            self._break(f"after {self._sent + len(part)} bytes sent")
        self._stream.sendall(data)
        self._sent += len(data)

    def close(self) -> None:
        self._stream.close()

    def _break(self, where: str) -> None:
        self._cut()
        raise LinkCut(where)
