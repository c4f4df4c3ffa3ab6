"""Verify on damaged backups, one defect per test."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.held_shards import HeldShards
from migrate.backup.verify.blobs import Blob, examine_all
from migrate.backup.verify.run import verify, verify_locked
from migrate.problems import PasswordMissing

PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")  # no digest: only a seal speaks for its middle
MESSAGES = ("HomeDomain", "Library/SMS/sms.db")  # the phone stores a digest
LEVEL = ("AppDomain-com.example.game", "Documents/level.dat")

Defect = Callable[[bytes], bytes]


def flipped(at: float) -> Defect:
    """One bit of the byte at this part of the file."""

    def defect(data: bytes) -> bytes:
        position = min(int(at * len(data)), len(data) - 1)
        return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]

    return defect


STORED_FILE_DEFECTS: dict[str, Defect] = {
    "first-byte-flipped": flipped(0),
    "middle-byte-flipped": flipped(0.5),
    "last-byte-flipped": flipped(1),
    "cut-by-one-byte": lambda data: data[:-1],
    "cut-by-one-block": lambda data: data[:-16],
    "cut-in-half": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "lengthened-by-one-byte": lambda data: data + b"\0",
    "lengthened-by-one-block": lambda data: data + bytes(16),
    "zeroed": lambda data: bytes(len(data)),
}


def errors(verdict: Any) -> set[str]:
    return {finding.code for finding in verdict.findings if finding.severity == "error"}


def check(backup: Any, seals: Path | None = None) -> Any:
    return verify(backup.path, backup.password, seals=seals)


@pytest.mark.parametrize("defect", STORED_FILE_DEFECTS.values(), ids=STORED_FILE_DEFECTS.keys())
@pytest.mark.parametrize("which", [PHOTO, MESSAGES], ids=["sealed", "sealed-and-digested"])
def test_any_change_to_a_sealed_file_is_damage(small_backup: Any, tmp_path: Path, which: Any, defect: Defect) -> None:
    small_backup.seal(tmp_path / "seals")
    blob = small_backup.blob(*which)
    blob.write_bytes(defect(blob.read_bytes()))
    verdict = check(small_backup, tmp_path / "seals")
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 30)
    (finding,) = [finding for finding in verdict.findings if finding.severity == "error"]
    assert (finding.domain, finding.relative_path) == which
    assert finding.file_id == small_backup.records[which].file_id


@pytest.mark.parametrize("defect", STORED_FILE_DEFECTS.values(), ids=STORED_FILE_DEFECTS.keys())
def test_any_change_to_a_digested_file_is_damage_without_a_seal(small_backup: Any, defect: Defect) -> None:
    blob = small_backup.blob(*MESSAGES)
    blob.write_bytes(defect(blob.read_bytes()))
    assert check(small_backup).verdict == "damaged"


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        ("last-byte-flipped", "padding-wrong"),
        ("cut-by-one-byte", "stored-length-impossible"),
        ("lengthened-by-one-byte", "stored-length-impossible"),
        ("emptied", "file-emptied"),
        ("zeroed", "padding-wrong"),
    ],
)
def test_encryption_reveals_damage_without_digest_and_seal(make_backup: Any, defect: str, code: str) -> None:
    backup = make_backup(encrypted=True)
    blob = backup.blob(*PHOTO)
    blob.write_bytes(STORED_FILE_DEFECTS[defect](blob.read_bytes()))
    assert errors(check(backup)) == {code}


def test_a_deleted_file_is_missing(small_backup: Any) -> None:
    small_backup.blob(*LEVEL).unlink()
    (finding,) = [finding for finding in check(small_backup).findings if finding.severity == "error"]
    assert (finding.code, finding.domain, finding.relative_path) == ("file-missing", *LEVEL)


def test_swapped_files_are_both_named(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    first, second = small_backup.blob(*PHOTO), small_backup.blob(*LEVEL)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    found = check(small_backup, tmp_path / "seals").findings
    assert {finding.relative_path for finding in found if finding.severity == "error"} == {PHOTO[1], LEVEL[1]}


def test_a_stored_file_that_is_a_link_is_named_and_not_followed(small_backup: Any, tmp_path: Path) -> None:
    blob = small_backup.blob(*MESSAGES)
    elsewhere = tmp_path / "elsewhere"
    blob.rename(elsewhere)
    try:
        blob.symlink_to(elsewhere)
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    assert errors(check(small_backup)) == {"file-not-a-file"}


def test_a_folder_where_a_file_should_be_is_named(small_backup: Any) -> None:
    small_backup.blob(*LEVEL).unlink()
    small_backup.blob(*LEVEL).mkdir()
    assert errors(check(small_backup)) == {"file-not-a-file"}


def test_a_shard_that_is_a_link_is_not_followed(small_backup: Any, tmp_path: Path) -> None:
    shard = small_backup.blob(*LEVEL).parent
    shard.rename(tmp_path / "elsewhere")
    try:
        shard.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    assert errors(check(small_backup)) == {"entry-strange", "file-missing"}


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_stored_file_without_read_permission_is_damage(small_backup: Any) -> None:
    small_backup.blob(*LEVEL).chmod(0)
    assert errors(check(small_backup)) == {"file-unreadable-here"}


def test_a_stored_file_that_disappears_during_the_check_is_named(small_backup: Any) -> None:
    """Listed, then gone: the disk fails, or someone deletes the file meanwhile."""
    path = small_backup.blob(*LEVEL)
    blob = Blob(
        record=small_backup.records[LEVEL],
        shards=HeldShards(small_backup.path),
        stored_bytes=path.stat().st_size,
        sha256=None,
        encrypted=small_backup.encrypted,
    )
    path.unlink()
    (examined,) = examine_all([blob], small_backup.class_keys, read=True, on_read=lambda count: None)
    blob.shards.close()
    assert [finding.code for finding in examined.findings] == ["file-unreadable-here"]
    assert not examined.is_sound


@pytest.mark.parametrize(
    "name", ["ab/ab" + "0" * 38, "ab/not-a-file-id", "ab/cd" + "0" * 38], ids=["no-row", "no-id", "wrong-shard"]
)
def test_a_stray_file_is_a_warning(small_backup: Any, tmp_path: Path, name: str) -> None:
    small_backup.seal(tmp_path / "seals")
    stray = small_backup.path / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left over")
    verdict = check(small_backup, tmp_path / "seals")
    assert [(finding.code, finding.severity) for finding in verdict.findings] == [("stray-file", "warning")]
    assert name in verdict.findings[0].what
    assert verdict.verdict == "whole"


# -- the manifest ----------------------------------------------------------------------------------------------------


MANIFEST_DEFECTS: dict[str, Defect] = {
    "emptied": lambda data: b"",
    "cut-in-half": lambda data: data[: len(data) // 2],
    "garbage": lambda data: bytes(range(256)) * (len(data) // 256),
    "first-byte-flipped": flipped(0),
}


@pytest.mark.parametrize("defect", MANIFEST_DEFECTS.values(), ids=MANIFEST_DEFECTS.keys())
def test_a_manifest_that_does_not_open_makes_the_backup_unreadable(small_backup: Any, defect: Defect) -> None:
    path = small_backup.path / "Manifest.db"
    path.write_bytes(defect(path.read_bytes()))
    verdict = check(small_backup)
    assert (verdict.verdict, verdict.exit_code) == ("unreadable", 31)
    assert (verdict.records, verdict.files, verdict.bytes) == (None, None, None)
    assert "manifest-unreadable" in errors(verdict)


def test_a_missing_manifest_makes_the_backup_unreadable(small_backup: Any) -> None:
    (small_backup.path / "Manifest.db").unlink()
    verdict = check(small_backup)
    assert (verdict.verdict, verdict.exit_code, errors(verdict)) == ("unreadable", 31, {"manifest-missing"})


def test_a_manifest_that_another_program_did_not_pad_is_still_read(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    path = backup.path / "Manifest.db"
    path.write_bytes(path.read_bytes()[:-16])
    verdict = check(backup)
    assert verdict.verdict == "whole"
    assert "manifest-not-padded" in {finding.code for finding in verdict.findings}


def test_a_row_whose_archive_is_garbage_is_named_and_its_file_is_not_called_stray(small_backup: Any) -> None:
    from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

    broken = small_backup.records.pop(LEVEL)
    writer = MemoryManifest("17.5.1")
    for record in small_backup.records.values():
        writer.add(record)
    writer.add_row(broken.file_id, broken.domain, broken.relative_path, 1, b"no archive")
    data = writer.to_bytes()
    stored = encrypt_manifest(data, small_backup.manifest_key) if small_backup.encrypted else pad_manifest(data)
    (small_backup.path / "Manifest.db").write_bytes(stored)
    verdict = check(small_backup)
    assert (verdict.verdict, errors(verdict)) == ("damaged", {"record-bad"})
    assert "stray-file" not in {finding.code for finding in verdict.findings}
    assert verdict.records == len(small_backup.records) + 1


def test_a_row_under_another_files_id_is_named(small_backup: Any) -> None:
    record = small_backup.records[LEVEL]
    small_backup.records[LEVEL] = replace(record, relative_path="Documents/level8.dat")
    small_backup.write_manifest()
    assert errors(check(small_backup)) == {"file-id-wrong"}


def test_a_row_without_a_key_cannot_be_decrypted(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    backup.records[LEVEL] = replace(backup.records[LEVEL], encryption_key=None)
    backup.write_manifest()
    assert errors(check(backup)) == {"key-missing"}


def test_a_key_that_was_changed_is_named(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    key = backup.records[LEVEL].encryption_key
    backup.records[LEVEL] = replace(backup.records[LEVEL], encryption_key=flipped(0.5)(key))
    backup.write_manifest()
    assert errors(check(backup)) == {"key-unusable"}


# -- the plists ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Info.plist", "Manifest.plist", "Status.plist"])
def test_each_missing_plist_is_named(small_backup: Any, name: str) -> None:
    (small_backup.path / name).unlink()
    verdict = check(small_backup)
    # without Manifest.plist an encrypted backup has no keys; anything else can still be looked through
    hopeless = small_backup.encrypted and name == "Manifest.plist"
    assert verdict.verdict == ("unreadable" if hopeless else "damaged")
    assert verdict.exit_code == (31 if hopeless else 30)
    assert f"{name} is missing." in {finding.what for finding in verdict.findings}


@pytest.mark.parametrize("garbage", [b"", b"garbage", plistlib.dumps(["a list"])], ids=["empty", "garbage", "a-list"])
@pytest.mark.parametrize("name", ["Info.plist", "Manifest.plist", "Status.plist"])
def test_each_garbled_plist_is_named(small_backup: Any, name: str, garbage: bytes) -> None:
    (small_backup.path / name).write_bytes(garbage)
    verdict = check(small_backup)
    assert verdict.verdict == ("unreadable" if name == "Manifest.plist" else "damaged")
    assert "plist-garbage" in errors(verdict)
    assert f"{name} cannot be read." in {finding.what for finding in verdict.findings}


def test_an_encrypted_backup_that_says_it_is_not_is_contradicted(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    backup.write_plist("Manifest.plist", backup.manifest_plist() | {"IsEncrypted": False}, binary=True)
    verdict = check(backup)
    assert verdict.verdict == "unreadable"
    assert "encryption-contradicted" in errors(verdict)


def test_a_plain_backup_that_says_it_is_encrypted_is_contradicted_whatever_the_password(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    lie = backup.manifest_plist() | {"IsEncrypted": True, "ManifestKey": bytes(44)}
    backup.write_plist("Manifest.plist", lie, binary=True)
    for password in (None, "battery-staple"):
        verdict = verify(backup.path, password, seals=None)
        assert (verdict.verdict, verdict.exit_code) == ("unreadable", 31)
        assert "encryption-contradicted" in errors(verdict)


@pytest.mark.parametrize("state", ["uploading", "moving", "removing", ""])
def test_an_unfinished_backup_has_an_exit_code_of_its_own(small_backup: Any, state: str) -> None:
    small_backup.write_plist("Status.plist", small_backup.status(SnapshotState=state), binary=True)
    verdict = check(small_backup)
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 34)
    assert errors(verdict) == {"backup-unfinished"}


def test_an_interrupted_first_save_is_unfinished_before_anything_else(make_backup: Any) -> None:
    """No manifest yet, everything under Snapshot/: what a pulled cable leaves of a first backup."""
    backup = make_backup(encrypted=True)
    backup.write_plist("Status.plist", backup.status(SnapshotState="uploading", BackupState="empty"), binary=True)
    (backup.path / "Snapshot").mkdir()
    for name in ("Manifest.db", "Manifest.plist"):
        (backup.path / name).rename(backup.path / "Snapshot" / name)
    verdict = verify(backup.path, None, seals=None)
    assert (verdict.verdict, verdict.exit_code) == ("unreadable", 34)


def test_an_unfinished_encrypted_backup_is_named_so_without_its_password(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    backup.write_plist("Status.plist", backup.status(SnapshotState="moving"), binary=True)
    verdict = verify_locked(backup.path, PasswordMissing(backup.path), seals=None)
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 34)
    assert errors(verdict) == {"backup-unfinished", "password-missing"}


# -- databases -------------------------------------------------------------------------------------------------------


def with_broken_photos(backup: Any) -> Any:
    """Photos.sqlite with an index page overwritten: right length, right header, no digest, and SQLite objects."""
    key = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
    content = bytearray(backup.contents[key])
    content[2048:3072] = b"\x0a" + bytes(1023)
    backup.add_file(*key, bytes(content))
    backup.write_manifest()
    return backup


def test_a_damaged_database_is_found_by_sqlite_where_nothing_else_speaks(small_backup: Any) -> None:
    verdict = check(with_broken_photos(small_backup))
    assert (verdict.verdict, errors(verdict)) == ("damaged", {"database-damaged"})


def test_a_database_that_came_damaged_from_the_phone_is_a_warning(small_backup: Any, tmp_path: Path) -> None:
    """The seal shows that its bytes are the phone's own, so the backup is whole and saving again would not help."""
    with_broken_photos(small_backup).seal(tmp_path / "seals")
    verdict = check(small_backup, tmp_path / "seals")
    assert verdict.verdict == "whole"
    assert [(f.code, f.severity) for f in verdict.findings] == [("database-damaged-on-phone", "warning")]
