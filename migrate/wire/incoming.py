"""Bytes that came in and were not read yet, for every protocol here whose packets tell their own length."""

from __future__ import annotations


class PacketReader:
    """The base of a reader: it says how long a packet is, this collects it."""

    def __init__(self) -> None:
        self._received = bytearray()

    @property
    def missing_bytes(self) -> int:
        """How many more bytes the packet that has begun needs, as far as is known: never more than it has. Reading no
        more leaves what follows, which may be another protocol's, alone."""
        return max(0, self._packet_length() - len(self._received))

    @property
    def trailing(self) -> bytes:
        """What was received behind the last packet that was read."""
        return bytes(self._received)

    def receive(self, data: bytes) -> None:
        self._received += data

    def _take_packet(self) -> bytes | None:
        """The next packet, all of it, or None while bytes of it are missing. Raises what `_packet_length` does."""
        end = self._packet_length()
        if len(self._received) < end:
            return None
        packet = bytes(self._received[:end])
        del self._received[:end]
        return packet

    def _packet_length(self) -> int:
        """The length of the packet that has begun; before that is known, of the head that tells it. Never 0.

        Raises:
            PeerBroke: the announced length is none, or over the limit.
        """
        raise NotImplementedError
