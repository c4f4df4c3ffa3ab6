"""The seeded choices of the aftermath, and its clock, so that the same seed gives the same bytes."""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.simulator.device.phone import SimulatedPhone

RESTORED_UNIX_S = 1_788_350_400
"""2026-09-02T12:00:00Z, a day after the latest date in the simulated contents: when a restored phone writes its own
rows. A date of this computer would make the bytes depend on it."""


def seed_of(phone: SimulatedPhone) -> int:
    seed = phone.aftermath.seed
    return zlib.crc32(phone.udid.encode()) if seed is None else seed


def chance_of(phone: SimulatedPhone, *what: str) -> random.Random:
    """A random stream of its own for each purpose, so that a skipped rule does not change what the others do."""
    return random.Random(f"{seed_of(phone)}:{':'.join(what)}")  # noqa: S311 - a simulation, no secret


def uuid_from(chance: random.Random) -> str:
    """A random UUID in upper case, as Apple writes it."""
    digits = bytearray(chance.randbytes(16))
    digits[6], digits[8] = digits[6] & 0x0F | 0x40, digits[8] & 0x3F | 0x80
    text = digits.hex().upper()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
