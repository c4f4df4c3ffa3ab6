"""Voicemail recordings in AMR narrowband, where random bits are valid speech. Format: RFC 4867, section 5."""

from __future__ import annotations

import random

FRAMES_PER_SECOND = 50
FRAME_HEADER = 7 << 3 | 1 << 2
"""Frame type 7 (12.2 kbit/s), good quality, followed by 31 bytes of speech."""


def encode_amr(rng: random.Random, *, duration_s: int) -> bytes:
    """An `.amr` file with random speech."""
    frames = (bytes([FRAME_HEADER]) + rng.randbytes(30) + b"\x00" for _ in range(FRAMES_PER_SECOND * duration_s))
    return b"#!AMR\n" + b"".join(frames)
