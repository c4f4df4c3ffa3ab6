"""What readers say about a backup's list of files: nothing is left out in silence, nothing wrong is called whole."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyiosbackup import Backup as PeersBackup

from migrate.backup.extract.extract import extract
from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.manifest.mbdb import MAGIC
from migrate.backup.manifest.open import open_manifest
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.verify.run import verify
from migrate.problems import BackupUnreadable
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")


def codes(backup: Any, *, seals: Path | None = None, depth: Any = "full") -> dict[str, str]:
    verdict = verify(backup.path, backup.password, seals=seals, depth=depth)
    return {finding.code: finding.severity for finding in verdict.findings}


# -- nothing in it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["quick", "full"])
def test_a_list_without_a_row_is_damaged(small_backup: Any, depth: Any) -> None:
    small_backup.records.clear()
    small_backup.write_manifest()
    verdict = verify(small_backup.path, small_backup.password, seals=None, depth=depth)
    assert (verdict.verdict, verdict.exit_code, verdict.records) == ("damaged", 30, 0)
    assert "manifest-empty" in {finding.code for finding in verdict.findings if finding.severity == "error"}


def test_an_mbdb_that_is_only_its_header_is_damaged(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.db").unlink()
    (backup.path / "Manifest.mbdb").write_bytes(MAGIC)
    assert codes(backup)["manifest-empty"] == "error"


# -- a log beside it -------------------------------------------------------------------------------------------------


def change_in_place(backup: Any, statement: str) -> None:
    """Change the plain Manifest.db as a program does that opens it in place and never closes it."""
    path = backup.path / "Manifest.db"
    before = path.read_bytes()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(statement)
    kept = {name: (backup.path / name).read_bytes() for name in ("Manifest.db", "Manifest.db-wal")}
    connection.close()
    assert kept["Manifest.db"] == before
    for name, data in kept.items():
        (backup.path / name).write_bytes(data)
    (backup.path / "Manifest.db-shm").unlink(missing_ok=True)


def test_rows_that_are_only_in_the_log_are_read_and_it_is_said(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    level = backup.records["AppDomain-com.example.game", "Documents/level.dat"]
    change_in_place(backup, f"UPDATE Files SET relativePath = 'Documents/renamed' WHERE fileID = '{level.file_id}'")
    with open_manifest(BackupFolder(backup.path), None) as manifest:
        assert manifest.has_log
        assert "Documents/renamed" in {record.relative_path for record in manifest.records()}
        assert manifest.count == len(backup.records)
    found = codes(backup)
    assert found["manifest-log-read"] == "warning" and "foreign-entry" not in found
    assert found["file-id-wrong"] == "error"


def test_a_log_beside_a_sealed_backup_is_a_change(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    backup.seal(tmp_path / "seals")
    change_in_place(backup, "UPDATE Files SET relativePath = relativePath")
    assert codes(backup, seals=tmp_path / "seals", depth="quick")["manifest-changed"] == "error"


def test_a_log_without_a_commit_is_only_a_foreign_file(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    for content in (b"", b"no log", bytes(40)):
        (backup.path / "Manifest.db-wal").write_bytes(content)
        assert codes(backup) == {"foreign-entry": "info", "checked-by-length-only": "info"}


@posix
def test_a_pipe_as_the_log_does_not_hang(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    os.mkfifo(backup.path / "Manifest.db-wal")
    assert "foreign-entry" in codes(backup)


# -- rows ------------------------------------------------------------------------------------------------------------


def write_with_flags_0(backup: Any) -> None:
    writer = MemoryManifest(backup.ios_version)
    for record in backup.records.values():
        archive = encode_mbfile(record, ios_version=backup.ios_version)
        writer.add_row(record.file_id, record.domain, record.relative_path, 0, archive)
    plain = writer.to_bytes()
    stored = encrypt_manifest(plain, backup.manifest_key) if backup.encrypted else pad_manifest(plain)
    (backup.path / "Manifest.db").write_bytes(stored)


def test_a_minimal_backup_is_read_as_another_reader_reads_it(small_backup: Any, tmp_path: Path) -> None:
    """As the tests of pyiosbackup make them: flags 0, an empty Info.plist and Status.plist, four keys in
    Manifest.plist. The files and contents are those that the installed pyiosbackup finds."""
    write_with_flags_0(small_backup)
    small_backup.write_plist("Info.plist", {})
    small_backup.write_plist("Status.plist", {})
    needed = ("BackupKeyBag", "IsEncrypted", "ManifestKey")
    manifest = small_backup.manifest_plist()
    minimal = {key: manifest[key] for key in needed if key in manifest}
    small_backup.write_plist("Manifest.plist", {**minimal, "Lockdown": {"ProductVersion": "10.3"}}, binary=True)

    peers = PeersBackup.from_path(small_backup.path, small_backup.password or "")
    expected = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in peers.iter_files()}
    assert expected == small_backup.contents
    with Backup.open(small_backup.path, small_backup.password) as backup:
        files = [record for record in backup.records() if record.kind is Kind.FILE]
        assert {(r.domain, r.relative_path): backup.read(r, 1 << 20) for r in files} == expected
        done = extract(backup, tmp_path / "out", lambda domain, path: True)
    assert (done.files, done.exit_code) == (len(expected), 0)
    verdict = verify(small_backup.path, small_backup.password, seals=None)
    assert {f.code for f in verdict.findings if f.severity == "error"} == {"plist-incomplete", "backup-unfinished"}


def test_flags_0_without_a_usable_mode_is_a_damaged_row(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    key = ("AppDomain-com.example.game", "Documents/level.dat")
    backup.records[key] = replace(backup.records[key], mode=0o010644)
    write_with_flags_0(backup)
    assert codes(backup)["record-bad"] == "error"


def test_a_name_that_is_a_file_and_a_folder_is_found(small_backup: Any) -> None:
    small_backup.add_file("AppDomain-com.example.game", "Documents/level.dat/inside", b"impossible")
    small_backup.add_file("AppDomain-com.example.game", "Documents/level.dat", b"level 7")
    small_backup.write_manifest()
    verdict = verify(small_backup.path, small_backup.password, seals=None, depth="quick")
    (finding,) = [each for each in verdict.findings if each.code == "name-used-as-folder"]
    assert (finding.relative_path, finding.severity) == ("Documents/level.dat", "error")


def test_a_row_with_the_id_of_another_file_is_found(small_backup: Any) -> None:
    """Its contents would be another file's, under this name."""
    photo, level = (
        ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"),
        ("AppDomain-com.example.game", "Documents/level.dat"),
    )
    record = small_backup.records.pop(photo)
    small_backup.records[level] = replace(small_backup.records[level], file_id=record.file_id)
    small_backup.write_manifest()
    verdict = verify(small_backup.path, small_backup.password, seals=None, depth="quick")
    (finding,) = [each for each in verdict.findings if each.code == "file-id-wrong"]
    assert (finding.domain, finding.relative_path, finding.severity) == (*level, "error")
    assert file_id(*level) in finding.why


# -- not a file ------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["Manifest.db", "Manifest.mbdb"])
@pytest.mark.parametrize("plists", [True, False], ids=["with plists", "alone"])
def test_a_pipe_as_the_list_is_called_no_regular_file(make_backup: Any, name: str, plists: bool) -> None:
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.db").unlink()
    os.mkfifo(backup.path / name)
    if not plists:
        for plist in ("Info.plist", "Manifest.plist", "Status.plist"):
            (backup.path / plist).unlink()
    assert find_backup(backup.path) == backup.path
    if plists:
        with pytest.raises(BackupUnreadable, match="it is no regular file"):
            Backup.open(backup.path)
    verdict = verify(backup.path, None, seals=None)
    assert verdict.verdict == "unreadable"
    assert any("it is no regular file" in finding.why for finding in verdict.findings)


def test_a_missing_list_is_called_missing(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.db").unlink()
    with pytest.raises(BackupUnreadable, match="it is missing"):
        Backup.open(backup.path)
