"""QuickTime and MPEG-4 files with one playable track: videos of JPEG pictures, and uncompressed sound.

A real phone records HEVC and AAC. Only the container matters here, not the codec. Format: Apple, QuickTime File Format;
ISO/IEC 14496-12.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.simulator.contents.formats.jpeg import draw_picture

FRAMES_PER_SECOND = 30
SAMPLES_PER_SECOND = 8000
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
UNDETERMINED = 0x55C4
"""The language code "und" of the track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Track:
    """`ticks` is the number of pictures or sound samples; `timescale` ticks are one second."""

    brand: bytes
    handler: bytes
    timescale: int
    ticks: int
    sizes: bytes  # of the ticks, as stsz counts them
    description: bytes  # the stsd box
    header: bytes  # the vmhd or smhd box
    dimensions: bytes
    volume: int


def encode_movie(width: int, height: int, rng: random.Random, *, frames: int, pictures: int = 6) -> bytes:
    """A `.MOV` file of `frames` frames at 30 per second, with `pictures` different pictures."""
    drawn = [draw_picture(width, height, rng, detail=16) for _ in range(pictures)]
    samples = [drawn[number * pictures // frames] for number in range(frames)]
    entry = bytes(6) + struct.pack(">H", 1) + bytes(16)
    entry += struct.pack(">2H3IH", width, height, 72 << 16, 72 << 16, 0, 1) + b"\x04jpeg" + bytes(27)
    entry += struct.pack(">Hh", 24, -1)
    track = _Track(
        brand=b"qt  ",
        handler=b"vide",
        timescale=FRAMES_PER_SECOND,
        ticks=frames,
        sizes=struct.pack(f">2I{frames}I", 0, frames, *map(len, samples)),
        description=_description(b"jpeg", entry),
        header=_box(b"vmhd", b"\x00\x00\x00\x01", bytes(8)),
        dimensions=struct.pack(">2I", width << 16, height << 16),
        volume=0,
    )
    return _file(track, samples)


def encode_recording(rng: random.Random, *, duration_s: int) -> bytes:
    """An `.m4a` file of some tones: mono, 16 bits, 8,000 samples per second."""
    tones = [_tone(rng.randint(12, 60), SAMPLES_PER_SECOND // 4) for _ in range(4 * duration_s)]
    entry = bytes(6) + struct.pack(">H", 1) + bytes(8)
    entry += struct.pack(">4HI", 1, 16, 0, 0, SAMPLES_PER_SECOND << 16)
    samples = SAMPLES_PER_SECOND * duration_s
    track = _Track(
        brand=b"M4A ",
        handler=b"soun",
        timescale=SAMPLES_PER_SECOND,
        ticks=samples,
        sizes=struct.pack(">2I", 2, samples),
        description=_description(b"sowt", entry),
        header=_box(b"smhd", bytes(8)),
        dimensions=bytes(8),
        volume=0x100,
    )
    return _file(track, tones)


def _tone(half_period: int, count: int) -> bytes:
    """A triangle wave: `count` samples of 16 bits, little-endian."""
    rising = [8000 * step // half_period - 4000 for step in range(half_period)]
    period = struct.pack(f"<{2 * half_period}h", *rising, *reversed(rising))
    return (period * (count // (2 * half_period) + 1))[: 2 * count]


def _file(track: _Track, samples: Sequence[bytes]) -> bytes:
    """The boxes `ftyp`, `moov` and `mdat`; `moov` has the file offset of the samples in `mdat`."""
    kind = _box(b"ftyp", track.brand, bytes(4), track.brand)
    samples_at = len(kind) + len(_moov(track, 0)) + 8
    return kind + _moov(track, samples_at) + _box(b"mdat", *samples)


def _moov(track: _Track, samples_at: int) -> bytes:
    table = _box(
        b"stbl",
        track.description,
        _box(b"stts", bytes(4), struct.pack(">3I", 1, track.ticks, 1)),
        _box(b"stsc", bytes(4), struct.pack(">4I", 1, 1, track.ticks, 1)),
        _box(b"stsz", bytes(4), track.sizes),
        _box(b"stco", bytes(4), struct.pack(">2I", 1, samples_at)),
    )
    here = _box(b"dref", bytes(4), struct.pack(">I", 1), _box(b"url ", b"\x00\x00\x00\x01"))
    media = _box(
        b"mdia",
        _box(b"mdhd", bytes(12), struct.pack(">2I2H", track.timescale, track.ticks, UNDETERMINED, 0)),
        _box(b"hdlr", bytes(8), track.handler, bytes(13)),
        _box(b"minf", track.header, _box(b"dinf", here), table),
    )
    about = struct.pack(">5I", 0, 0, 1, 0, track.ticks) + bytes(12) + struct.pack(">2H", track.volume, 0)
    header = _box(b"tkhd", b"\x00\x00\x00\x07", about, MATRIX, track.dimensions)
    movie = bytes(12) + struct.pack(">2IIH", track.timescale, track.ticks, 0x10000, 0x100) + bytes(10) + MATRIX
    return _box(b"moov", _box(b"mvhd", movie, bytes(24), struct.pack(">I", 2)), _box(b"trak", header, media))


def _description(codec: bytes, entry: bytes) -> bytes:
    return _box(b"stsd", bytes(4), struct.pack(">I", 1), _box(codec, entry))


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data
