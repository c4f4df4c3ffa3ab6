"""Stored bytes that are not the ones the phone sent: flipped, cut, lengthened, zeroed, emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backup.small_backup import SmallBackup
from tests.damaged.defect import (
    MESSAGES,
    PHOTO,
    PHOTOS,
    Change,
    Defect,
    Expected,
    Undetectable,
    Witness,
    assert_found,
    error,
    flipped,
    stored,
    warning,
)

CHANGES: dict[str, Change] = {
    "a bit flipped in the first block": flipped(0),
    "a bit flipped in the middle": flipped(0.5),
    "a bit flipped in the last block": flipped(1),
    "cut by a byte": lambda data: data[:-1],
    "cut by a block": lambda data: data[:-16],
    "cut in half": lambda data: data[: len(data) // 32 * 16],
    "lengthened by a byte": lambda data: data + b"\0",
    "lengthened by a block": lambda data: data + bytes(16),
    "zeroed": lambda data: bytes(len(data)),
    "emptied": lambda data: b"",
}

IMPOSSIBLE, EMPTIED = error("stored-length-impossible", quick=True), error("file-emptied", quick=True)
PADDING, LENGTH = error("padding-wrong"), warning("size-differs", quick=True)
IN_TRANSIT = error("damaged-in-transit")
CUT, NOT_ITS_NAME = error("form-broken"), warning("not-what-its-name-says")

ALONE: dict[str, tuple[Expected, Expected]] = {
    "a bit flipped in the first block": (NOT_ITS_NAME, NOT_ITS_NAME),
    "a bit flipped in the middle": (Undetectable(), Undetectable()),
    "a bit flipped in the last block": (PADDING, warning("form-broken")),
    "cut by a byte": (IMPOSSIBLE, CUT),
    "cut by a block": (IN_TRANSIT, CUT),
    "cut in half": (IN_TRANSIT, CUT),
    "lengthened by a byte": (IMPOSSIBLE, LENGTH),
    "lengthened by a block": (IN_TRANSIT, LENGTH),
    "zeroed": (PADDING, NOT_ITS_NAME),
    "emptied": (EMPTIED, EMPTIED),
}
"""What is found of a photo without digest and seal: encrypted, plain."""


def witnessed(code: str, change: str) -> tuple[Expected, Expected]:
    """What is found where a digest or a seal speaks: its word, but where the length alone is impossible."""
    if change == "emptied":
        return EMPTIED, EMPTIED
    return IMPOSSIBLE if change.endswith("by a byte") else error(code), error(code)


def of(witness: Witness, name: tuple[str, str], change: str) -> Defect:
    found = ALONE[change] if witness == "neither" else witnessed(f"{witness}-differs", change)
    return Defect(change, stored(name, CHANGES[change]), *found, witness=witness, about=(name,))


def page_overwritten(backup: SmallBackup) -> None:
    """An index page: of the right length, under the right header, and encrypted as it should be."""
    data = backup.contents[PHOTOS]
    backup.add_file(*PHOTOS, data[:2048] + b"\x0a" + bytes(1023) + data[3072:])
    backup.write_manifest()


DEFECTS = [
    *(of("digest", MESSAGES, change) for change in CHANGES),
    *(of("seal", PHOTO, change) for change in CHANGES),
    *(of("neither", PHOTO, change) for change in CHANGES),
    Defect(
        "a database's page overwritten",
        page_overwritten,
        error("database-damaged"),
        error("database-damaged"),
        witness="neither",
        about=(PHOTOS,),
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[f"{defect.name}, {defect.witness}" for defect in DEFECTS])
def test_changed_bytes_are_found_by_name(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)
