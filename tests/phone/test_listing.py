"""The listing of a folder as a binary property list, read by Python's plistlib."""

from __future__ import annotations

import plistlib
import random
from datetime import datetime, timedelta

import pytest

from migrate.phone.mobilebackup2.listing import TYPES, Entry, encode_listing

NAMES = ("0123456789" * 4, "Manifest.db", "Fotoß 📷", "é" * 14, "é" * 15, "a" * 14, "a" * 15, "b" * 255)


@pytest.mark.parametrize("count", [0, 1, 8, 14, 15, 60, 61, 300, 17_000], ids="{} entries".format)
def test_a_listing_holds_every_entry_as_a_phone_reads_it(count: int) -> None:
    chance = random.Random(count)
    entries = [
        Entry(
            NAMES[index] if index < len(NAMES) else f"{chance.getrandbits(160):040x}",
            chance.choice(TYPES),
            chance.getrandbits(chance.choice((3, 20, 40, 62))),
            chance.randrange(-(10**9), 4 * 10**9),
        )
        for index in range(count)
    ]
    assert plistlib.loads(encode_listing(entries)) == [
        "DLMessageStatusResponse",
        0,
        "___EmptyParameterString___",
        {
            entry.name: {
                "DLFileType": entry.kind,
                "DLFileSize": entry.size,
                "DLFileModificationDate": datetime(1970, 1, 1) + timedelta(seconds=entry.modified),
            }
            for entry in entries
        },
    ]
