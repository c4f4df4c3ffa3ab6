"""Baseline JPEG pictures, drawn directly as frequencies of blocks of 8 by 8 pixels.

This needs no transform, no floating point and no Huffman statistics: a block is a grey level and one of a few textures,
and every symbol has a code of fixed length. A picture of 480 by 320 pixels takes milliseconds and has the same bytes on
every computer. Format: ITU-T T.81, annexes B (segments) and F (coding); colours and header as in JFIF 1.01.
"""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from functools import lru_cache

MCU = 16
"""The side of a unit (MCU) in pixels: four luma blocks share one block of each chroma (4:2:0)."""
END_OF_BLOCK = 0x00
DC_SYMBOLS = bytes(range(12))
AC_SYMBOLS = bytes([END_OF_BLOCK, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))])
DC_CODE_BITS, AC_CODE_BITS = 4, 8
TEXTURES = 24


def draw_picture(width: int, height: int, rng: random.Random, *, detail: int = 10, taken: int | None = None) -> bytes:
    """A landscape in two colours with a sun, `width` by `height` pixels (multiples of 16).

    `detail` is the number of frequencies in a texture, up to 63: about 20 bytes per block at 12. `taken` (unix seconds)
    is written as the Exif date.
    """
    if width % MCU or height % MCU or not 0 < width < 65536 or not 0 < height < 65536:
        raise ValueError(f"{width} by {height} pixels: both must be multiples of {MCU} below 65,536")
    scan = _scan(width // MCU, height // MCU, rng.getrandbits(64), detail)
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\x01\x22\x00" + b"\x02\x11\x01" + b"\x03\x11\x01"
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xE1, _exif(taken)) if taken is not None else b"",
            _segment(0xDB, b"\x00" + bytes([8] + [6] * 63) + b"\x01" + bytes([8] + [10] * 63)),
            _segment(0xC0, frame),
            _segment(0xC4, _huffman_table(0x00, DC_SYMBOLS, DC_CODE_BITS)),
            _segment(0xC4, _huffman_table(0x10, AC_SYMBOLS, AC_CODE_BITS)),
            _segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"),
            scan,
            b"\xff\xd9",
        ]
    )


@lru_cache(maxsize=512)  # the same phone is often filled again; a picture takes 20 to 60 KB
def _scan(columns: int, rows: int, seed: int, detail: int) -> bytes:
    """The coded units, row by row, padded with ones, with 0x00 after each 0xFF.

    Each of a unit's four luma blocks is one level darker than the one before; both chroma blocks are flat.
    """
    rng = random.Random(seed)  # noqa: S311  not for keys
    bright = [_texture(rng, detail) for _ in range(TEXTURES)]
    flat = _code(AC_SYMBOLS.index(END_OF_BLOCK), AC_CODE_BITS)
    sky = [rng.randint(-90, 95) for _ in range(3)]
    ground = [rng.randint(-90, 95) for _ in range(3)]
    sun_x, sun_y, sun = rng.randrange(columns), rng.randrange(rows), (columns // 6 + 1) ** 2
    darker, same = DC_CODES[-1], f"{DC_CODES[0]}{flat}" * 2
    last, last_colours = 0, [0, 0]
    bits: list[str] = []
    for y in range(rows):
        brightness, *colours = ((a * (rows - y) + b * y) // rows for a, b in zip(sky, ground, strict=True))
        textures = rng.choices(bright, k=4 * columns)
        changed = "".join(DC_CODES[new - old] + flat for new, old in zip(colours, last_colours, strict=True))
        for x in range(columns):
            lit = 25 if (x - sun_x) ** 2 + (y - sun_y) ** 2 < sun else 0
            level = brightness + lit + (x & 3)
            a, b, c, d = textures[4 * x : 4 * x + 4]
            bits.append(f"{DC_CODES[level - last]}{a}{darker}{b}{darker}{c}{darker}{d}{same if x else changed}")
            last = level - 3
        last_colours = colours
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def _texture(rng: random.Random, detail: int) -> str:
    """The code of a block's `detail` lowest AC frequencies, with decreasing strength, and of its end."""
    parts = []
    for number in range(detail):
        strength = max(1, 12 // (number + 1))
        value = rng.choice((-1, 1)) * rng.randint(1, strength)
        size, amplitude = _amplitude(value)
        parts.append(_code(AC_SYMBOLS.index(size), AC_CODE_BITS) + amplitude)
    if detail < 63:
        parts.append(_code(AC_SYMBOLS.index(END_OF_BLOCK), AC_CODE_BITS))
    return "".join(parts)


def _amplitude(value: int) -> tuple[int, str]:
    """T.81 F.1.2.1: the number of bits of a value, and the bits; ones' complement if negative."""
    size = abs(value).bit_length()
    return size, _code(value if value > 0 else value + (1 << size) - 1, size) if size else ""


def _code(number: int, bits: int) -> str:
    return f"{number:0{bits}b}"


def _dc_code(difference: int) -> str:
    size, amplitude = _amplitude(difference)
    return _code(DC_SYMBOLS.index(size), DC_CODE_BITS) + amplitude


DC_CODES = {difference: _dc_code(difference) for difference in range(-255, 256)}


def _huffman_table(destination: int, symbols: bytes, bits: int) -> bytes:
    """A table in which all codes have the same length, counted up from zero. The all-ones code must stay unused."""
    counts = bytes(len(symbols) if length == bits else 0 for length in range(1, 17))
    return bytes([destination]) + counts + symbols


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _exif(taken: int) -> bytes:
    """Make, model and date, as a camera writes them: a little-endian TIFF with one directory."""
    texts = (
        (0x010F, b"Apple\x00"),
        (0x0110, b"Simulated iPhone\x00"),
        (0x0132, datetime.fromtimestamp(taken, UTC).strftime("%Y:%m:%d %H:%M:%S\x00").encode()),
    )
    entries, values = b"", b""
    first_value = 8 + 2 + 12 * len(texts) + 4
    for tag, text in texts:
        entries += struct.pack("<HHII", tag, 2, len(text), first_value + len(values))
        values += text
    return b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(texts)) + entries + bytes(4) + values
