"""What can go wrong with an otherwise healthy simulated iPhone. Every fault is off until it is set.

Here it is said; what makes it happen wraps the healthy phone: `faulty_stream` the bytes of a connection, `faulty_drive`
its messages and files.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

FaultAction = Literal["replug", "unplug", "hang-up", "stall", "refuse"]
TriggerPoint = Literal["start", "bytes", "messages", "files", "end"]
Direction = Literal["sent", "received"]
RequestKind = Literal["backup", "restore", "password", "other"]


@dataclass
class Mishap:
    """One thing that goes wrong at one moment of a mobilebackup2 session. Several may be set; each happens by itself.

    replug    the cable drops, and the phone is back under a new DeviceID
    unplug    the cable drops; the phone stays away until somebody plugs it in
    hang-up   the phone closes this connection alone
    stall     the phone says and takes nothing for `seconds`
    refuse    the phone answers the request with MBErrorDomain `code`, at its next word outside of a file stream
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    do: FaultAction
    at: TriggerPoint = "start"
    """`start`: the request is heard, nothing is done for it yet. `end`: all is done, and the Response is due."""
    after: int = 0
    """How many bytes (of a connection), messages or files (of a request) have passed before it happens."""
    way: Direction = "sent"
    """By the phone, or to it."""
    during: RequestKind | Literal["any"] = "any"
    seconds: float = 0.0
    code: int = 0
    text: str = ""
    """What it says beside `code`; empty: what phones are known to say (`mb_errors`)."""
    times: int = 1
    """In how many requests it happens."""

    def __post_init__(self) -> None:
        if self.do == "refuse" and self.code <= 0:
            raise ValueError("a refusal needs a code of MBErrorDomain")
        if self.do == "stall" and self.seconds <= 0:
            raise ValueError("a stall needs its seconds")
        if self.after < 0 or (self.after and self.at in ("start", "end")):
            raise ValueError("after counts bytes, messages or files")


@dataclass
class Faults:
    """Set by tests, the phone file's `[faults]` and the admin channel. Counts and limits are used up by happening."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    mishaps: list[Mishap] = field(default_factory=list)
    """What happens at a certain byte, message or file, at the start or the end."""
    drop_save_after_bytes: int | None = None
    """The cable drops once the phone has *sent* this many bytes over one mobilebackup2 connection; then it is whole
    again. A restore sends little, so this is the save's wound."""
    drop_restore_after_bytes: int | None = None
    """The same for bytes the phone has *received*: the restore's wound."""
    drop_every_bytes: int | None = None
    """A bad cable: it drops again and again, at random, on average after so many bytes in either direction."""
    seed: int = 0
    """Of all that is random here: the same seed, the same accidents."""
    drop_sessions: int = 0
    """So many mobilebackup2 connections are closed as soon as they are open (REPORTED: the first after plugging in)."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """`Domain/relative/path` -> the error text the phone sends for it in a backup (stream code 0x0b)."""
    unreadable_once: dict[str, str] = field(default_factory=dict)
    """The same, but healed once the phone has said so."""
    unreadable_share: float = 0.0
    """This share of all files, 0 to 1, cannot be read; which ones follows from `seed`."""
    unreadable_after_bytes: int | None = None
    """How much of a file that cannot be read is sent before 0x0b; else half of its first mebibyte."""
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

    def __post_init__(self) -> None:
        self._dice: random.Random | None = None
        self._bytes_until_drop: int | None = None  # bytes until the bad cable drops again

    def free_space(self, honest_bytes: int) -> int:
        return honest_bytes if self.free_bytes is None else self.free_bytes

    def why_unreadable(self, domain: str, relative_path: str) -> str | None:
        """The error text for a file the phone cannot read in this backup, or None: it can."""
        path = f"{domain}/{relative_path}"
        if self.unreadable_share and zlib.crc32(f"{self.seed} {path}".encode()) < self.unreadable_share * (1 << 32):
            return "Input/output error (5)"
        return self.unreadable_once.pop(path, None) or self.unreadable.get(path)

    # --- the bad cable

    @property
    def bytes_until_drop(self) -> int | None:
        """How many bytes the bad cable still lets through, of all connections; None: it is a good one."""
        if self.drop_every_bytes is None:
            self._bytes_until_drop = None
        elif self._bytes_until_drop is None:
            self._dice = self._dice or random.Random(self.seed)  # noqa: S311  (accidents, no secrets)
            self._bytes_until_drop = 1 + int(self._dice.expovariate(1 / max(1, self.drop_every_bytes)))
        return self._bytes_until_drop

    def let_through(self, count: int) -> None:
        if self._bytes_until_drop is not None:
            self._bytes_until_drop -= count

    def reset_drop(self) -> None:
        """It dropped; it will do so again."""
        self._bytes_until_drop = None
