"""Paths from a phone's names, finding the backup a person means, and facts from the plists."""

from __future__ import annotations

import os
import plistlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.safe_path import inside, split_name
from migrate.problems import BackupNotFound, BackupUnfinished, BackupUnreadable, UnsafeName

posix = pytest.mark.skipif(os.name != "posix", reason="needs symbolic links without a privilege")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Manifest.db", "Manifest.db"),
        ("ab/abcdef", "ab/abcdef"),
        ("/.b/6/x", ".b/6/x"),
        ("//a//b/", "a/b"),
        ("./a/./b", "a/b"),
        ("...", "..."),
        ("..a/b..", "..a/b.."),
        ("Grüße/你好", "Grüße/你好"),
    ],
)
def test_a_plain_name_stays_in_the_folder(tmp_path: Path, name: str, place: str) -> None:
    assert inside(tmp_path, name) == tmp_path / place


@pytest.mark.parametrize(
    "name",
    ["", "/", ".", "..", "../x", "a/../../x", "/../x", "a/..", "a\0b", "x" * 256, "ü" * 128, "a/" * 2_500, "\ud800"],
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeName) as refused:
        inside(tmp_path, name)
    assert str(refused.value)


@pytest.mark.parametrize("name", ["C:/x", "C:x", "a\\..\\b", "\\\\server\\share", "con", "a/NUL.txt", "x.", "x "])
def test_names_that_lead_out_on_windows_are_refused_there(name: str) -> None:
    with pytest.raises(UnsafeName):
        split_name(name, windows=True)
    assert split_name(name, windows=False)


@given(st.text(alphabet=st.sampled_from("./\\ab\0:~é"), max_size=12))
def test_no_name_leaves_the_folder(name: str) -> None:
    root = Path("/somewhere/backup")
    try:
        place = inside(root, name)
    except UnsafeName:
        return
    assert os.path.normpath(place).startswith(os.path.normpath(root) + os.sep)


@posix
def test_a_symbolic_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "backup"
    root.mkdir()
    (root / "ab").symlink_to(tmp_path)
    (root / "own").symlink_to(root)
    with pytest.raises(UnsafeName):
        inside(root, "ab/secret")
    with pytest.raises(UnsafeName):
        BackupFolder(root).blob("ab" * 20)
    assert inside(root, "own/x") == root / "own" / "x"


@posix
def test_a_backup_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "Backup").symlink_to(tmp_path / "disk")
    assert inside(tmp_path / "Backup", "ab/x") == tmp_path / "Backup" / "ab" / "x"


@posix
def test_a_blob_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    root, file_id = tmp_path / "backup", "ab" * 20
    (root / "ab").mkdir(parents=True)
    (root / "ab" / file_id).symlink_to("/etc/hostname")
    with pytest.raises(UnsafeName):
        BackupFolder(root).blob(file_id)


@pytest.mark.parametrize("file_id", ["", "ab", "AB" * 20, "ab" * 19 + "/.", "../" + "a" * 37, "ab" * 20 + "\n"])
def test_only_forty_hex_digits_name_a_blob(tmp_path: Path, file_id: str) -> None:
    with pytest.raises(UnsafeName):
        BackupFolder(tmp_path).blob(file_id)


def test_a_person_may_name_the_backup_or_the_folder_around_it(tmp_path: Path) -> None:
    backup = tmp_path / "Backup" / "00008110-000A"
    backup.mkdir(parents=True)
    (tmp_path / "Backup" / "notes").mkdir()
    (backup / "Manifest.mbdb").touch()
    assert find_backup(backup) == backup
    assert find_backup(tmp_path / "Backup") == backup


def test_two_backups_in_the_folder_are_listed_not_guessed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Manifest.db").touch()
    with pytest.raises(BackupNotFound) as error:
        find_backup(tmp_path)
    assert error.value.candidates == ("one", "two")
    assert error.value.exit_code == 2


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_a_folder_without_a_backup_is_reported(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "empty":
        path.mkdir()
    if kind == "file":
        path.touch()
    with pytest.raises(BackupNotFound):
        find_backup(path)


def test_a_backup_without_a_manifest_is_still_found(tmp_path: Path) -> None:
    (tmp_path / "Status.plist").touch()
    assert find_backup(tmp_path) == tmp_path


def test_missing_plists_read_as_none_and_facts_fall_back(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    assert (folder.info, folder.manifest_plist, folder.status) == (None, None, None)
    assert (folder.udid, folder.ios_version, folder.status_uuid) == (tmp_path.name, None, None)
    assert not folder.is_finished
    with pytest.raises(BackupUnfinished):
        folder.require_finished()


def test_facts_come_from_the_phone_before_the_host(tmp_path: Path) -> None:
    info = {"Unique Identifier": "AAA", "Product Version": "16.0"}
    (tmp_path / "Info.plist").write_bytes(plistlib.dumps(info))
    assert (BackupFolder(tmp_path).udid, BackupFolder(tmp_path).ios_version) == ("AAA", "16.0")
    manifest = {"Lockdown": {"UniqueDeviceID": "aaa", "ProductVersion": "16.1"}, "IsEncrypted": True}
    (tmp_path / "Manifest.plist").write_bytes(plistlib.dumps(manifest, fmt=plistlib.FMT_BINARY))
    folder = BackupFolder(tmp_path)
    assert (folder.udid, folder.ios_version, folder.is_encrypted) == ("aaa", "16.1", True)


@pytest.mark.parametrize("state", ["uploading", "moving", "removing", "Finished"])
def test_the_status_identifies_the_backup(tmp_path: Path, state: str) -> None:
    status = {"UUID": "U", "Date": datetime(2026, 1, 2, 3, 4, 5), "SnapshotState": state}
    (tmp_path / "Status.plist").write_bytes(plistlib.dumps(status, fmt=plistlib.FMT_BINARY))
    folder = BackupFolder(tmp_path)
    assert folder.status_uuid == "U"
    assert folder.status_date == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with pytest.raises(BackupUnfinished) as error:
        folder.require_finished()
    assert state in str(error.value)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"no plist",
        b"bplist00" + b"\xff" * 40,
        plistlib.dumps([1, 2]),
        b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict><key>&a;</key></dict></plist>',
        b"<plist><dict><key>a</key></dict>",
        b"bplist00" + b"\xa1\x00" * 5_000 + b"\x00" * 32,
    ],
    ids=["empty", "text", "torn binary", "a list", "entities", "torn xml", "nested"],
)
def test_a_damaged_plist_is_named(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "Status.plist").write_bytes(garbage)
    with pytest.raises(BackupUnreadable) as error:
        _ = BackupFolder(tmp_path).status
    assert error.value.part == "Status.plist"
    assert error.value.exit_code == 31


def test_an_oversized_plist_is_not_read_into_memory(tmp_path: Path) -> None:
    """It begins as a property list does, so only its length says that it is none."""
    with (tmp_path / "Status.plist").open("wb") as file:
        file.write(plistlib.dumps({"UUID": "U"}))
        file.truncate((1 << 20) + 1)
    with pytest.raises(BackupUnreadable) as error:
        _ = BackupFolder(tmp_path).status
    assert "larger than 1,048,576 bytes" in error.value.why


@posix
def test_a_plist_or_manifest_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_bytes(plistlib.dumps({"UUID": "U"}))
    (folder / "Status.plist").symlink_to(elsewhere)
    with pytest.raises(BackupUnreadable) as error:
        _ = BackupFolder(folder).status
    assert "symbolic link" in error.value.why
    database = tmp_path / "database"
    database.write_bytes(b"SQLite format 3\0")
    assert BackupFolder(folder).has_plain_header is None
    (folder / "Manifest.db").symlink_to(database)
    assert BackupFolder(folder).has_plain_header is None


def test_a_udid_or_version_of_thousands_of_letters_is_nobodys(tmp_path: Path) -> None:
    info = {"Unique Identifier": "A" * 5_000, "Product Version": "1" * 5_000, "Device Name": "phone " * 1_000}
    (tmp_path / "Info.plist").write_bytes(plistlib.dumps(info))
    folder = BackupFolder(tmp_path)
    assert (folder.udid, folder.ios_version, folder.device_name) == (tmp_path.name, None, None)
    (tmp_path / "Manifest.plist").write_bytes(plistlib.dumps({"Lockdown": {"UniqueDeviceID": "B" * 65}}))
    assert BackupFolder(tmp_path).udid == tmp_path.name


def test_a_real_backup_without_manifest_plist_still_gives_facts(shared_data: Path) -> None:
    folder = BackupFolder(find_backup(shared_data / "ios14-real-manifest"))
    assert folder.manifest_plist is None
    assert folder.ios_version == "14.3"
    assert not folder.is_encrypted
    assert not folder.is_finished
