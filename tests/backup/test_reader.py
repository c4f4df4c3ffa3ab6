"""Decrypted contents: of backups made by other tools, and of our own as other programs read them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.problems import BlobMissing, BlobUnreadable

PASSWORD = "correct-horse-1947"
SMS = ("HomeDomain", "Library/SMS/sms.db")
MakeBackup = Callable[..., Any]


def contents(backup: Backup) -> dict[tuple[str, str], bytes]:
    files = (record for record in backup.records() if record.kind is Kind.FILE)
    return {(record.domain, record.relative_path): backup.read(record, 1 << 20) for record in files}


def one(backup: Backup, name: tuple[str, str] = SMS) -> Record:
    record = backup.record(*name)
    assert record is not None
    return record


@pytest.mark.parametrize("name", ["plain-backup", "no-size-backup", "encrypted-backup"])
def test_backups_made_by_other_tools_can_be_read(shared_data: Path, name: str) -> None:
    with Backup.open(shared_data / "minted" / name, "test-password-1234") as backup:
        found = contents(backup)
    assert found["HomeDomain", "Library/Preferences/com.apple.example.plist"] == b"tiny"
    assert found["AppDomain-com.example.app", "Documents/exact.bin"] == b"B" * 32
    assert found["CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"] == bytes(range(256)) * 3
    assert len(found[SMS]) == 316
    assert found[SMS].startswith(b"SQLite format 3\0")
    assert len(found) == 4


def test_a_real_backup_is_read_and_missing_files_are_named(shared_data: Path) -> None:
    with Backup.open(shared_data / "ios14-real-manifest") as backup:
        missing = [record for record in backup.records() if record.kind is Kind.FILE and not _stored(backup, record)]
        assert len(missing) == 1_079
        assert backup.read(one(backup), 1 << 20).startswith(b"SQLite format 3\0")
        with pytest.raises(BlobMissing) as error:
            backup.read(missing[0], 1)
    assert missing[0].file_id in str(error.value)


def _stored(backup: Backup, record: Record) -> bool:
    return backup.stored_path(record).is_file()


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_our_own_backups_can_be_read(make_backup: MakeBackup, password: str | None) -> None:
    made = make_backup(encrypted=password is not None)
    made.add_file("MediaDomain", "longer than a chunk", bytes(range(256)) * 5_000)
    made.write()
    with Backup.open(made.path, password) as backup:
        assert {name: backup.read(one(backup, name), 1 << 21) for name in made.contents} == made.contents


@pytest.mark.peer
@pytest.mark.parametrize("ios_version", ["14.3", "18.6", "27.0"])
def test_iphone_backup_decrypt_reads_our_backups(make_backup: MakeBackup, tmp_path: Path, ios_version: str) -> None:
    reader = pytest.importorskip("iphone_backup_decrypt")
    folder = make_backup(ios_version=ios_version).path
    theirs = reader.EncryptedBackup(backup_directory=str(folder), passphrase=PASSWORD)
    with Backup.open(folder, PASSWORD) as backup:
        for (domain, path), content in contents(backup).items():
            if content:  # it writes nothing for an empty file
                assert theirs.extract_file_as_bytes(path, domain_like=domain) == content


@pytest.mark.peer
@pytest.mark.parametrize("ios_version", ["14.3", "18.6", "27.0"])
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_pyiosbackup_reads_our_backups(
    make_backup: MakeBackup,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ios_version: str,
    password: str | None,
) -> None:
    reader = pytest.importorskip("pyiosbackup")
    (tmp_path / "theirs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "theirs"))  # it leaves the decrypted manifest there
    folder = make_backup(encrypted=password is not None, ios_version=ios_version).path
    theirs = reader.Backup.from_path(folder, password or "")
    found = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in theirs.iter_files()}
    theirs._manifest_db._conn.close()
    with Backup.open(folder, password) as backup:
        assert found == contents(backup)
    assert len(found) > 10


def test_a_content_longer_than_its_size_is_not_cut(make_backup: MakeBackup) -> None:
    """The size in the manifest is the phone's claim, taken before the file was copied."""
    folder = make_backup(encrypted=False).path
    with Backup.open(folder) as backup:
        record = one(backup)
        backup.stored_path(record).write_bytes(b"z" * 10_000)
        assert record.size != 10_000
        assert len(backup.read(record, 10_000)) == 10_000
        with pytest.raises(BlobUnreadable, match="longer"):
            backup.read(record, 9_999)


def test_a_file_caught_mid_write_is_read_whole_and_reported(make_backup: MakeBackup) -> None:
    folder = make_backup().path
    with Backup.open(folder, PASSWORD) as backup:
        record = one(backup)
        path = backup.stored_path(record)
        whole = backup.read(record, 1 << 20)
        path.write_bytes(path.read_bytes()[:-16])  # ends in data now, not in the block of padding
        told: list[bool] = []
        assert b"".join(backup.chunks(record, lambda: told.append(True))) == whole
        assert told == [True]


def test_an_empty_file_may_have_no_stored_block_at_all(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup().path, PASSWORD) as backup:
        record = one(backup, ("HomeDomain", "Library/Preferences/empty.plist"))
        assert backup.stored_path(record).stat().st_size == 16
        assert backup.read(record, 0) == b""
        backup.stored_path(record).write_bytes(b"")
        told: list[bool] = []
        assert list(backup.chunks(record, lambda: told.append(True))) == []
        assert not told


def test_a_blob_cut_inside_a_block_is_damaged_and_says_so(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup().path, PASSWORD) as backup:
        record = one(backup)
        path = backup.stored_path(record)
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(BlobUnreadable, match="multiple of 16") as error:
            backup.read(record, 1 << 20)
    assert error.value.relative_path == SMS[1]


def test_a_deleted_blob_is_missing_not_unreadable(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup(encrypted=False).path) as backup:
        record = one(backup)
        backup.stored_path(record).unlink()
        with pytest.raises(BlobMissing):
            backup.read(record, 1 << 20)


def test_a_folder_in_a_blobs_place_is_unreadable(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup(encrypted=False).path) as backup:
        record = one(backup)
        backup.stored_path(record).unlink()
        backup.stored_path(record).mkdir()
        with pytest.raises(BlobUnreadable):
            backup.read(record, 1 << 20)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_in_a_blobs_place_does_not_block(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup(encrypted=False).path) as backup:
        record = one(backup)
        backup.stored_path(record).unlink()
        os.mkfifo(backup.stored_path(record))
        with pytest.raises(BlobUnreadable, match="regular"):
            backup.read(record, 1 << 20)


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links without a privilege")
def test_a_blob_that_links_out_of_the_backup_is_not_read(make_backup: MakeBackup, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    with Backup.open(make_backup(encrypted=False).path) as backup:
        record = one(backup)
        path = backup.stored_path(record)
        path.unlink()
        path.symlink_to(secret)
        with pytest.raises(BlobUnreadable, match="symbolic link"):
            backup.read(record, 1 << 20)


def test_a_key_of_another_backup_is_reported_as_such(make_backup: MakeBackup) -> None:
    _, other_keys = Keybag.create(PASSWORD, rounds=1)
    with Backup.open(make_backup().path, PASSWORD) as backup:
        strange = replace(one(backup), encryption_key=other_keys.wrap(3, bytes(32)))
        with pytest.raises(BlobUnreadable, match="class 3"):
            backup.read(strange, 1 << 20)


def test_a_backup_with_flat_blobs_reads_too(make_backup: MakeBackup) -> None:
    made = make_backup(encrypted=False)
    folder = made.path
    for blob in folder.glob("??/*"):
        blob.rename(folder / blob.name)
    for shard in folder.glob("??"):
        shard.rmdir()
    with Backup.open(folder) as backup:
        assert contents(backup) == made.contents


def test_directories_have_no_content(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup(encrypted=False).path) as backup, pytest.raises(ValueError, match="directory"):
        backup.chunks(one(backup, ("HomeDomain", "")))


def test_keys_are_not_in_the_repr(make_backup: MakeBackup) -> None:
    with Backup.open(make_backup().path, PASSWORD) as backup:
        key = backup.manifest.manifest_key
        assert key
        shown = f"{backup!r} {backup.manifest!r} {backup.folder!r} {one(backup)!r}"
    assert key.hex() not in shown
    assert repr(key)[2:-1] not in shown
    assert PASSWORD not in shown


def test_a_copy_of_a_backup_opens_like_the_backup(make_backup: MakeBackup, tmp_path: Path) -> None:
    folder = make_backup().path
    shutil.copytree(folder, tmp_path / "around" / "copy")
    with Backup.open(folder, PASSWORD) as backup, Backup.open(tmp_path / "around", PASSWORD) as copy:
        assert contents(copy) == contents(backup)
