"""zlib and gzip without compression. Compressed bytes differ from one zlib to the next; stored ones do not."""

from __future__ import annotations

import struct
import zlib

MAX_BLOCK_BYTES = 0xFFFF


def zlib_of(data: bytes) -> bytes:
    """RFC 1950, of stored blocks: for PNG."""
    return b"\x78\x01" + _stored(data) + struct.pack(">I", zlib.adler32(data))


def gzip_of(data: bytes) -> bytes:
    """RFC 1952, of stored blocks, without name and time: for note bodies."""
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x13"  # ends with the operating system's number
    return start + _stored(data) + struct.pack("<2I", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _stored(data: bytes) -> bytes:
    """RFC 1951, 3.2.4: blocks of at most 65,535 bytes, the last one marked; no data is one empty block."""
    blocks = [data[start : start + MAX_BLOCK_BYTES] for start in range(0, len(data), MAX_BLOCK_BYTES)] or [b""]
    last = len(blocks) - 1
    return b"".join(
        struct.pack("<BHH", number == last, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
