"""The three plists: missing, empty, garbage, at odds with one another, unfinished."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.small_backup import SmallBackup
from tests.damaged.defect import Defect, ExpectedFinding, assert_found, error, own_file, plist, warning

NAMES = ("Info.plist", "Manifest.plist", "Status.plist")

GARBLED: dict[str, bytes] = {
    "empty": b"",
    "garbage": b"\x93\x00garbage" * 20,
    "cut short": plistlib.dumps({"IsEncrypted": False})[:-20],
    "a list": plistlib.dumps(["a list"]),
}


def missing(name: str) -> Callable[[SmallBackup], None]:
    return lambda backup: (backup.path / name).unlink()


def found(name: str, code: str, *, plain_opens: bool) -> tuple[ExpectedFinding, ExpectedFinding]:
    """Without Manifest.plist an encrypted backup has no keys. Nor has a plain one any, but it needs none: it is read
    where the plist is gone, and not where the plist says what nobody can read."""
    hopeless = error(code, quick=True, exit_code=31)
    some = error(code, quick=True)
    if name != "Manifest.plist":
        return some, some
    return hopeless, some if plain_opens else hopeless


def says_the_opposite(backup: SmallBackup) -> None:
    lie = {"IsEncrypted": not backup.encrypted}
    plist("Manifest.plist", **lie, **({} if backup.encrypted else {"ManifestKey": bytes(44)}))(backup)


DEFECTS = [
    *(
        Defect(f"{name} missing", missing(name), *found(name, "plist-missing", plain_opens=True), says=name)
        for name in NAMES
    ),
    *(
        Defect(
            f"{name} {state}",
            own_file(name, lambda data, garbled=garbled: garbled),  # type: ignore[misc]
            *found(name, "plist-garbage", plain_opens=False),
            says=name,
        )
        for name in NAMES
        for state, garbled in GARBLED.items()
    ),
    Defect(
        "it says that it is not encrypted, and is; or that it is, and is not",
        says_the_opposite,
        *[error("encryption-contradicted", quick=True, exit_code=31)] * 2,
        says="its list of files",
    ),
    Defect(
        "Manifest.plist without Lockdown",
        plist("Manifest.plist", Lockdown=None),
        *[error("plist-incomplete", quick=True)] * 2,
        says="Lockdown",
    ),
    Defect(
        "another phone's Info.plist",
        plist("Info.plist", **{"Unique Identifier": "00008030-0011223344556677", "Target Identifier": None}),
        *[warning("plists-disagree", quick=True)] * 2,
        says="UDID",
    ),
    Defect(
        "a date that is a text",
        plist("Status.plist", Date="2026-03-04"),
        *[warning("plist-odd", quick=True)] * 2,
        says="Date",
    ),
    *(
        Defect(
            f"SnapshotState {state!r}",
            plist("Status.plist", SnapshotState=state),
            *[error("backup-unfinished", quick=True, exit_code=34)] * 2,
            says="is unfinished",
        )
        for state in ("uploading", "moving", "removing", "")
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_broken_plists_are_found_by_name(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)
