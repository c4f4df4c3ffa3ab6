"""The faults of an otherwise healthy simulated iPhone. Every fault is off by default.

This module only describes them. `faulty_stream` wraps the bytes of a connection, `faulty_host_folder` its messages and
files.
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
    """One defect at one moment of a mobilebackup2 session. Several can be set; they are independent.

    replug    the cable drops, and the phone comes back under a new DeviceID
    unplug    the cable drops, and the phone stays away until it is plugged in
    hang-up   the phone closes only this connection
    stall     the phone sends and receives nothing for `seconds`
    refuse    the phone answers the request with MBErrorDomain `code`, at its next message outside a file stream
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    do: FaultAction
    at: TriggerPoint = "start"
    """`start`: the request was received, and nothing was done yet. `end`: everything is done except the Response."""
    after: int = 0
    """How many bytes (of a connection), messages or files (of a request) pass first."""
    way: Direction = "sent"
    """Whether bytes, messages and files are counted that the phone sent or that it received."""
    during: RequestKind | Literal["any"] = "any"
    seconds: float = 0.0
    code: int = 0
    text: str = ""
    """The error text sent with `code`. Empty: the text phones are known to send (`mb_errors`)."""
    times: int = 1
    """In how many requests it happens."""

    def __post_init__(self) -> None:
        if self.do == "refuse" and self.code <= 0:
            raise ValueError("refuse needs a positive code of MBErrorDomain")
        if self.do == "stall" and self.seconds <= 0:
            raise ValueError("stall needs a positive number of seconds")
        if self.after < 0 or (self.after and self.at in ("start", "end")):
            raise ValueError('after must be a number of bytes, messages or files, and 0 for at = "start" and "end"')


@dataclass
class Faults:
    """The phone file's `[faults]`, also set by tests and the admin channel. Counters are decremented in place."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    mishaps: list[Mishap] = field(default_factory=list)
    """Defects at a certain byte, message or file, or at the start or end of a request."""
    drop_save_after_bytes: int | None = None
    """The cable drops once, after the phone has *sent* this many bytes over one mobilebackup2 connection. Because a
    restore sends little, this interrupts a backup."""
    drop_restore_after_bytes: int | None = None
    """The same for bytes the phone has *received*: this interrupts a restore."""
    drop_every_bytes: int | None = None
    """A bad cable: it drops repeatedly at random, on average after this many bytes in both directions together."""
    seed: int = 0
    """The seed of all random faults: the same seed gives the same sequence."""
    drop_sessions: int = 0
    """This many mobilebackup2 connections are closed as soon as they open (REPORTED: the first after plugging in)."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """`Domain/relative/path` -> the error text sent for that file in a backup (stream code 0x0b)."""
    unreadable_once: dict[str, str] = field(default_factory=dict)
    """The same, but the file can be read again after the error was sent once."""
    unreadable_share: float = 0.0
    """The share of all files, 0 to 1, that cannot be read. `seed` decides which."""
    leaves_out_unreadable: bool = False
    """The manifest has no rows for files that could not be read. *Guessed*: whether phones do that is not published."""
    unreadable_after_bytes: int | None = None
    """How many bytes of an unreadable file are sent before 0x0b. None: half of its first mebibyte."""
    cut_in_transit: dict[str, int] = field(default_factory=dict)
    """`Domain/relative/path` -> how many of the file's stored bytes are lost at its end on the way to the computer,
    although the phone reports it as complete. Negative: so many are added."""
    cut_in_transit_once: dict[str, int] = field(default_factory=dict)
    """The same, but only the first time that the file is sent."""
    free_bytes: int | None = None
    """The free space the phone reports, instead of capacity minus contents."""
    afc_lock_busy_tries: int = 0
    """This many attempts to take the sync lock are answered OP_WOULD_BLOCK, as if Finder held it."""
    no_icon: tuple[str, ...] = ()
    """Bundle ids for which SpringBoard returns no icon."""
    refuse_services: dict[str, str] = field(default_factory=dict)
    """Service name -> the lockdown error with which its StartService is refused."""
    replug_after_trust: bool = False
    """The USB link resets right after Trust is tapped (REPORTED, libimobiledevice issue 20)."""
    idle_close_s: float | None = None
    """lockdownd closes a connection without a session after this many idle seconds (a real one: 10 to 30)."""
    session_idle_close_s: float | None = None
    """The same for a connection with a session (a real one: 60, *read* in pymobiledevice3's test_lockdown.py)."""
    silence_s: float = 0.0
    """How long the phone is silent while it scans for a backup (a real one: 2 to more than 60 seconds)."""
    frame_sizes: tuple[int, ...] = ()
    """The frame sizes that files are cut into on their way to the host, in a cycle, instead of always 32 KiB."""
    empty_blobs: bool = False
    """Encrypted backups store empty files of HomeDomain as empty files, not as one block of padding (seen by others on
    real phones; pyiosbackup cannot read it)."""
    drop_instead_of_response: bool = False
    """The link drops at the end of a restore instead of the Response (seen by others as a normal end)."""

    def __post_init__(self) -> None:
        self._random: random.Random | None = None
        self._bytes_until_drop: int | None = None

    @property
    def cuts_by_bytes(self) -> bool:
        """Whether a fault may happen after a number of bytes. Asked for every piece that is sent or received."""
        return bool(
            self.mishaps
            or self.drop_save_after_bytes is not None
            or self.drop_restore_after_bytes is not None
            or self.drop_every_bytes is not None
            or self._bytes_until_drop is not None
        )

    def free_space(self, actual_bytes: int) -> int:
        return actual_bytes if self.free_bytes is None else self.free_bytes

    def why_unreadable(self, domain: str, relative_path: str) -> str | None:
        """The error text for a file the phone cannot read in this backup, or None."""
        if not (self.unreadable_share or self.unreadable_once or self.unreadable):
            return None
        path = f"{domain}/{relative_path}"
        if self.unreadable_share and zlib.crc32(f"{self.seed} {path}".encode()) < self.unreadable_share * (1 << 32):
            return "Input/output error (5)"
        return self.unreadable_once.pop(path, None) or self.unreadable.get(path)

    def bytes_cut_in_transit(self, domain: str, relative_path: str) -> int:
        if not (self.cut_in_transit_once or self.cut_in_transit):
            return 0
        path = f"{domain}/{relative_path}"
        return self.cut_in_transit_once.pop(path, 0) or self.cut_in_transit.get(path, 0)

    # --- the bad cable

    @property
    def bytes_until_drop(self) -> int | None:
        """How many bytes pass before the bad cable drops again, over all connections. None: the cable is good."""
        if self.drop_every_bytes is None:
            self._bytes_until_drop = None
        elif self._bytes_until_drop is None:
            self._random = self._random or random.Random(self.seed)  # noqa: S311  (faults, not secrets)
            self._bytes_until_drop = 1 + int(self._random.expovariate(1 / max(1, self.drop_every_bytes)))
        return self._bytes_until_drop

    def let_through(self, count: int) -> None:
        if self._bytes_until_drop is not None:
            self._bytes_until_drop -= count

    def reset_drop(self) -> None:
        """The cable dropped: a new random distance to the next drop is chosen."""
        self._bytes_until_drop = None
