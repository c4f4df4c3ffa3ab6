"""Length-prefixed property lists, and what all protocols here share: NEED_DATA, PeerBroke and WeBroke."""

from __future__ import annotations

import plistlib
from enum import Enum, auto
from struct import pack, unpack
from typing import Any, Final, TypeAlias

from migrate.plists import NotAPlist, load_plist
from migrate.wire.incoming import PacketReader

Plist: TypeAlias = dict[str, Any] | list[Any]
"""The top-level type of a message. No protocol here sends a bare number or string."""
LENGTH_BYTES = 4
LIMIT_BYTES = 16 << 20
"""The longest property list accepted. The largest a host sends here is a RestoreApplications-sized SetValue, well under
1 MiB; pymobiledevice3 and libimobiledevice have no limit."""


class PeerBroke(Exception):
    """The other side broke the protocol. The connection must be closed."""


class WeBroke(Exception):
    """Our own code sent a message that the protocol does not allow now. This is a bug."""


class NeedData(Enum):
    """The value that `next()` returns if more bytes must be received first."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA


class PlistFrames(PacketReader):
    """Property lists as lockdownd and most services send them.

        length   4 bytes, big-endian, not counting itself
        plist    `length` bytes, XML or binary

    Source: libimobiledevice src/property_list_service.c:131.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes

    def next(self) -> Plist | NeedData:
        """The next property list, or NEED_DATA.

        Raises:
            PeerBroke: the announced length is over the limit, or the bytes are not a dictionary or array.
        """
        frame = self._take_packet()
        return NEED_DATA if frame is None else read_plist(frame[LENGTH_BYTES:])

    def send(self, message: Plist, *, binary: bool = False) -> bytes:
        """The frame of a property list; XML unless `binary`."""
        body = plistlib.dumps(message, fmt=plistlib.FMT_BINARY if binary else plistlib.FMT_XML)
        return pack(">I", len(body)) + body

    def _packet_length(self) -> int:
        if len(self._received) < LENGTH_BYTES:
            return LENGTH_BYTES
        (length,) = unpack(">I", self._received[:LENGTH_BYTES])
        if not 0 < length <= self._limit_bytes:
            raise PeerBroke(f"a property list of {length} bytes was announced; the limit is {self._limit_bytes}")
        return LENGTH_BYTES + int(length)


def read_plist(body: bytes) -> Plist:
    """Parses a property list with a dictionary or array at the top. Raises PeerBroke, also for one that would expand to
    gigabytes."""
    try:
        value = load_plist(body)
    except NotAPlist as refused:
        raise PeerBroke(f"not a property list: {refused.reason}") from None
    if not isinstance(value, dict | list):
        raise PeerBroke(f"the property list is a {type(value).__name__}, not a dictionary or array")
    return value
