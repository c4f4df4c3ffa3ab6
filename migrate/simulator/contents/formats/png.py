"""Small PNG pictures with a palette: app icons, wallpapers, drawings."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

from migrate.simulator.contents.formats.deflate import zlib_of

Colour = tuple[int, int, int]
SHADES = 32


@lru_cache(maxsize=256)  # the same phone is often filled again; an icon takes a few KB
def draw_icon(size: int, inner: Colour, outer: Colour) -> bytes:
    """A square of `size` pixels that fades from `inner` in the middle to `outer` at the edges."""
    palette = b"".join(
        bytes((a * (SHADES - 1 - shade) + b * shade) // (SHADES - 1) for a, b in zip(inner, outer, strict=True))
        for shade in range(SHADES)
    )
    middle = size - 1
    rows = []
    for y in range(size):
        distances = (max(abs(2 * x - middle), abs(2 * y - middle)) for x in range(size))
        rows.append(b"\x00" + bytes(distance * SHADES // size for distance in distances))
    header = struct.pack(">2I5B", size, size, 8, 3, 0, 0, 0)  # 8-bit palette, not interlaced
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib_of(b"".join(rows))),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
