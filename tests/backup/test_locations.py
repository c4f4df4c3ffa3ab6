"""Backups found where programs leave them, and what each says of itself at a glance."""

from __future__ import annotations

import errno
import os
import plistlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup import locations
from migrate.backup.folder import find_backup
from migrate.backup.locations import BackupLocation, BackupSummary, list_backups, summarize_backup, usual_locations
from migrate.problems import BackupForbidden

UDID = "00008101-000A1B2C3D4E5F60"
OLD_UDID = "2b6f0cc904d137be2e1730235f5664094b831186"


def look(place: Path, name: Any = "here") -> list[BackupSummary]:
    return list(list_backups((BackupLocation(name, place),)))


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("darwin", {"finder": "u/Library/Application Support/MobileSync/Backup"}),
        ("win32", {"itunes": "r/Apple Computer/MobileSync/Backup", "apple-devices": "p/Apple/MobileSync/Backup"}),
        ("linux", {}),
    ],
)
def test_each_system_has_its_usual_locations(platform: str, expected: dict[str, str]) -> None:
    found = usual_locations(platform, {"APPDATA": "r", "USERPROFILE": "p"}, Path("u"), ours=Path("o"), here=Path("h"))
    assert {place.name: place.path.as_posix() for place in found} == {"migrate": "o", **expected, "here": "h"}


def test_windows_without_its_variables_is_looked_up_in_the_profile() -> None:
    found = usual_locations("win32", {}, Path("u"), ours=Path("o"), here=Path("h"))
    assert [place.path.as_posix() for place in found][1:3] == [
        "u/AppData/Roaming/Apple Computer/MobileSync/Backup",
        "u/Apple/MobileSync/Backup",
    ]


def test_a_backup_is_summarized_without_its_password(small_backup: Any) -> None:
    before = sorted(small_backup.path.rglob("*"))
    (found,) = look(small_backup.path.parent, "finder")
    stored = sum(path.stat().st_size for path in before if path.is_file())
    assert found == BackupSummary(
        backup=small_backup.path,
        place="finder",
        udid=UDID,
        name="Mia's iPhone",
        model="iPhone13,2",
        ios_version="17.5.1",
        backed_up_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        encrypted=small_backup.encrypted,
        finished=True,
        bytes=stored,
    )
    assert list(found.as_json()) == [
        *("backup", "place", "udid", "name", "model", "ios_version", "saved", "encrypted", "finished", "bytes"),
        "problem",
    ]
    assert found.as_json()["saved"] == "2026-03-04T05:06:07+00:00"
    assert sorted(small_backup.path.rglob("*")) == before


def test_a_backup_of_ios_9_is_found_by_its_older_list(tmp_path: Path) -> None:
    folder = tmp_path / OLD_UDID
    folder.mkdir()
    (folder / "Manifest.mbdb").write_bytes(b"mbdb\5\0")
    lockdown = {"DeviceName": "Old iPad", "ProductVersion": "9.3.5", "UniqueDeviceID": OLD_UDID}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": True, "Lockdown": lockdown}))
    (found,) = look(tmp_path, "itunes")
    assert (found.name, found.ios_version, found.encrypted, found.finished) == ("Old iPad", "9.3.5", True, None)


def test_the_current_folder_is_searched_two_levels_deep(make_backup: Callable[..., Any]) -> None:
    backup = make_backup()
    for place in (backup.path, backup.path.parent, backup.path.parent.parent):
        assert [found.backup for found in look(place)] == [backup.path]
    assert look(backup.path.parent.parent, "finder") == [], "other places hold backups and nothing between"


def test_the_newest_comes_first_and_each_backup_once(make_backup: Callable[..., Any], tmp_path: Path) -> None:
    older = make_backup(name=OLD_UDID, date=datetime(2025, 1, 1))
    newer = make_backup(name=UDID, date=datetime(2026, 1, 1))
    twice = (BackupLocation("migrate", older.path.parent), BackupLocation("here", older.path.parent))
    assert [(found.backup, found.place) for found in list_backups(twice)] == [
        (newer.path, "migrate"),
        (older.path, "migrate"),
    ]


def test_backups_moved_to_a_larger_disk_behind_a_link_are_found(
    make_backup: Callable[..., Any], tmp_path: Path
) -> None:
    backup = make_backup()
    try:
        (tmp_path / "MobileSync").mkdir()
        (tmp_path / "MobileSync" / UDID).symlink_to(backup.path)
        (tmp_path / "MobileSync" / "nowhere").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    (found,) = look(tmp_path / "MobileSync", "finder")
    assert found.name == "Mia's iPhone" and found.backup == tmp_path / "MobileSync" / UDID


def test_a_broken_backup_is_listed_with_what_is_wrong(make_backup: Callable[..., Any]) -> None:
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.plist").write_bytes(b"garbage")
    (backup.path / "Status.plist").unlink()
    (found,) = look(backup.path.parent)
    assert found.problem is not None and "Manifest.plist" in found.problem
    assert (found.name, found.ios_version, found.encrypted) == ("Mia's iPhone", "17.5.1", False)
    assert (found.finished, found.backed_up_at) == (None, None)


@pytest.mark.parametrize("missing", ["Manifest.db", "Manifest.plist", "Info.plist", "Status.plist"])
def test_a_backup_that_lacks_a_plist_or_manifest_is_still_listed(make_backup: Callable[..., Any], missing: str) -> None:
    backup = make_backup()
    (backup.path / missing).unlink()
    assert len(look(backup.path.parent)) == 1


@pytest.mark.parametrize("value", [7, b"data", [], {"a": 1}, True])
def test_facts_missing_from_odd_plists_are_left_out(make_backup: Callable[..., Any], value: Any) -> None:
    backup = make_backup()
    odd = {"Lockdown": value, "IsEncrypted": value, "Date": value, "SnapshotState": value, "Device Name": value}
    for name in ("Manifest.plist", "Status.plist", "Info.plist"):
        backup.write_plist(name, odd)
    found = summarize_backup(backup.path, "here")
    assert (found.name, found.ios_version, found.backed_up_at, found.finished) == (None, None, None, False)
    assert found.udid == UDID and isinstance(found.encrypted, bool)


def test_a_large_info_plist_is_not_read_for_a_summary(
    make_backup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = make_backup()
    (backup.path / "Manifest.plist").unlink()
    assert summarize_backup(backup.path, "here").name == "Mia's iPhone"
    monkeypatch.setattr(locations, "INFO_LIMIT_BYTES", 10)
    assert summarize_backup(backup.path, "here").name is None


def test_adding_up_a_huge_backup_stops_in_time(make_backup: Callable[..., Any]) -> None:
    ticks = iter(range(0, 1_000_000, 3))
    assert summarize_backup(make_backup().path, "here", clock=lambda: float(next(ticks))).bytes is None


def test_an_unreadable_location_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What macOS answers to a terminal without Full Disk Access."""
    real = os.scandir

    def forbidden(path: Any) -> Any:
        if path == tmp_path or path == str(tmp_path):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(path)

    monkeypatch.setattr(locations.os, "scandir", forbidden)
    (found,) = look(tmp_path, "finder")
    assert (found.backup, found.problem, found.name) == (tmp_path, "operation not permitted", None)
    assert look(tmp_path / "not-there", "itunes") == []


def test_an_unreadable_backup_is_reported(make_backup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    backup = make_backup()

    def forbidden(path: Path) -> bool:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("migrate.backup.folder._has_manifest", forbidden)
    with pytest.raises(BackupForbidden, match="Operation not permitted") as error:
        find_backup(backup.path)
    assert error.value.exit_code == 31


def test_a_folder_full_of_other_files_is_searched_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (tmp_path / f"folder-{number}" / "deeper").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert look(tmp_path) == []
    monkeypatch.setattr(locations, "ENTRIES_LIMIT", 3)
    assert look(tmp_path) == []
