"""Manifest.db itself: cut, empty, garbage, one page in another's place, not padded, changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backup.small_backup import SmallBackup
from tests.damaged.defect import (
    Defect,
    Undetectable,
    assert_found,
    database,
    error,
    flipped,
    info,
    own_file,
)

PAGE_BYTES = 4096
UNREADABLE = error("manifest-unreadable", quick=True, exit_code=31)
CHANGED = error("manifest-changed")


def missing(backup: SmallBackup) -> None:
    (backup.path / "Manifest.db").unlink()


def a_page_in_anothers_place(data: bytes) -> bytes:
    """The last page over the one before it: both are of one tree, or of two."""
    return data[: -2 * PAGE_BYTES] + data[-PAGE_BYTES:] + data[-PAGE_BYTES:]


def unused_bytes_changed(data: bytes) -> bytes:
    """Within a page there is unused space between the list of cells and the cells; not even SQLite reads it."""
    at = data.index(bytes(400), 200) + 200
    return data[:at] + b"\1" + data[at + 1 :]


DEFECTS = [
    Defect("missing", missing, *[error("manifest-missing", quick=True, exit_code=31)] * 2, says="Manifest.db"),
    Defect("empty", own_file("Manifest.db", lambda data: b""), UNREADABLE, UNREADABLE),
    Defect("garbage", own_file("Manifest.db", lambda data: bytes(range(256)) * 64), UNREADABLE, UNREADABLE),
    Defect("cut in half", own_file("Manifest.db", lambda data: data[: len(data) // 32 * 16]), UNREADABLE, UNREADABLE),
    Defect("cut by a page", own_file("Manifest.db", lambda data: data[: -PAGE_BYTES - 16]), UNREADABLE, UNREADABLE),
    Defect("its first bit flipped", own_file("Manifest.db", flipped(0)), UNREADABLE, UNREADABLE),
    Defect(
        "a page in another's place",
        database(a_page_in_anothers_place),
        *[error("manifest-faulty")] * 2,
        says="list of files",
    ),
    Defect("an unused byte changed", database(unused_bytes_changed), CHANGED, CHANGED, witness="seal"),
    Defect("an unused byte changed", database(unused_bytes_changed), Undetectable(), Undetectable(), witness="neither"),
    Defect(
        "not padded",
        own_file("Manifest.db", lambda data: data[:-16]),
        info("manifest-not-padded"),
        Undetectable("no defect: nothing is lost"),
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[f"{defect.name}, {defect.witness}" for defect in DEFECTS])
def test_a_broken_manifest_is_found(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)
