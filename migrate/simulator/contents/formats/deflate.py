"""zlib and gzip streams without compression, because compressed bytes differ between zlib versions."""

from __future__ import annotations

import struct
import zlib

MAX_BLOCK_BYTES = 0xFFFF


def zlib_of(data: bytes) -> bytes:
    """A zlib stream (RFC 1950) of stored blocks, for PNG."""
    return b"\x78\x01" + _stored(data) + struct.pack(">I", zlib.adler32(data))


def gzip_of(data: bytes) -> bytes:
    """A gzip file (RFC 1952) of stored blocks without name and time, for note bodies."""
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x13"  # the last byte is the operating system
    return start + _stored(data) + struct.pack("<2I", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _stored(data: bytes) -> bytes:
    """Stored blocks (RFC 1951, 3.2.4) of at most 65,535 bytes, the last one marked. Without data, one empty block."""
    blocks = [data[start : start + MAX_BLOCK_BYTES] for start in range(0, len(data), MAX_BLOCK_BYTES)] or [b""]
    last = len(blocks) - 1
    return b"".join(
        struct.pack("<BHH", number == last, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
