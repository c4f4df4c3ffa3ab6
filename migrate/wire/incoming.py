"""The receive buffer of protocols whose packets announce their length."""

from __future__ import annotations


class PacketReader:
    """Base class that collects packets. Subclasses implement `_packet_length`."""

    def __init__(self) -> None:
        self._received = bytearray()

    @property
    def missing_bytes(self) -> int:
        """How many more bytes the current packet needs, as far as known; never more than it has. Reading only that many
        leaves the following bytes, which may belong to another protocol, in the socket."""
        return max(0, self._packet_length() - len(self._received))

    @property
    def trailing(self) -> bytes:
        """The bytes received after the last packet that was read."""
        return bytes(self._received)

    def receive(self, data: bytes) -> None:
        self._received += data

    def _take_packet(self) -> bytes | None:
        """The next complete packet, or None if bytes are missing. Raises PeerBroke like `_packet_length`."""
        end = self._packet_length()
        if len(self._received) < end:
            return None
        packet = bytes(self._received[:end])
        del self._received[:end]
        return packet

    def _packet_length(self) -> int:
        """The length of the current packet, or of its header until the length is known. Never 0.

        Raises:
            PeerBroke: the announced length is invalid or over the limit.
        """
        raise NotImplementedError
