"""Stored files that are missing, swapped, or have no row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate.backup.record import file_id
from tests.backup.small_backup import SmallBackup, jpeg
from tests.damaged.defect import (
    CATEGORIES_OF,
    LEVEL,
    MESSAGES,
    PHOTO,
    SETTINGS,
    Defect,
    Name,
    Undetectable,
    assert_found,
    error,
    warning,
)

TWIN = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.JPG")
CATEGORIES_OF[TWIN] = ("photos",)


def deleted(backup: SmallBackup) -> None:
    backup.blob(*LEVEL).unlink()


def never_stored(backup: SmallBackup) -> None:
    """A row, and nothing ever lay where it points to."""
    record = backup.records[LEVEL]
    name = (LEVEL[0], "Documents/level9.dat")
    backup.records[name] = replace(record, relative_path=name[1], file_id=file_id(*name), inode=9_999)
    backup.write_manifest()


def without_row(backup: SmallBackup) -> None:
    stray = backup.path / "ab" / ("ab" + "0" * 38)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left over")


def row_lost(backup: SmallBackup) -> None:
    del backup.records[LEVEL]
    backup.write_manifest()


def a_folder_instead(backup: SmallBackup) -> None:
    backup.blob(*LEVEL).unlink()
    backup.blob(*LEVEL).mkdir()


def swapped(one: Name, other: Name) -> Defect:
    def damage(backup: SmallBackup) -> None:
        first, second = backup.blob(*one), backup.blob(*other)
        mine, yours = first.read_bytes(), second.read_bytes()
        first.write_bytes(yours)
        second.write_bytes(mine)

    code = "digest-differs" if one == MESSAGES else "seal-differs"
    witness = "digest" if one == MESSAGES else "seal"
    return Defect(
        "two files swapped",
        damage,
        error(code),
        error(code),
        witness=witness,
        about=(one, other),  # type: ignore[arg-type]
    )


def twins_swapped(backup: SmallBackup) -> None:
    """Two pictures of one length, each in the other's place."""
    backup.add_file(*TWIN, jpeg(bytes(range(255)) * 39 + bytes(255)))
    backup.write_manifest()
    first, second = backup.blob(*PHOTO), backup.blob(*TWIN)
    mine, yours = first.read_bytes(), second.read_bytes()
    assert len(mine) == len(yours)
    first.write_bytes(yours)
    second.write_bytes(mine)


MISSING = error("file-missing", quick=True)
STRAY = warning("stray-file", quick=True)

DEFECTS = [
    Defect("deleted", deleted, MISSING, MISSING, about=(LEVEL,)),
    Defect("a row whose file was never there", never_stored, MISSING, MISSING, says="Documents/level9.dat"),
    Defect("a file that no row names", without_row, STRAY, STRAY, says="ab" + "0" * 38),
    Defect("a row lost", row_lost, STRAY, STRAY, says=file_id(*LEVEL)),
    Defect(
        "a row lost",
        row_lost,
        error("manifest-changed"),
        error("manifest-changed"),
        witness="seal",
        says="list of files",
    ),
    Defect(
        "a folder in its place",
        a_folder_instead,
        error("file-not-a-file", quick=True),
        error("file-not-a-file", quick=True),
        about=(LEVEL,),
    ),
    swapped(MESSAGES, SETTINGS),
    swapped(PHOTO, LEVEL),
    Defect(
        "two files of one length swapped",
        twins_swapped,
        error("padding-wrong"),
        Undetectable(),
        witness="neither",
        about=(PHOTO, TWIN),
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[f"{defect.name}, {defect.witness}" for defect in DEFECTS])
def test_lost_files_are_found_by_name(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)
