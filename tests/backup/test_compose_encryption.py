"""A restore set whose encryption differs from its backup's: every content is rewritten as a stream."""

from __future__ import annotations

import hashlib
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.backup.restore_set import encryption
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.backup.verify.run import verify
from migrate.problems import PasswordMissing
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest
from tests.backup.small_backup import SmallBackup
from tests.backup.trees import tree

SET_PASSWORD = "a password for the set"

MakeBackup = Callable[..., SmallBackup]


@pytest.fixture(autouse=True)
def quick_keybag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "ROUNDS", 10)


def other_way(backup: SmallBackup, into: Path, **options: Any) -> RestoreSet:
    """The whole backup, encrypted where it is not, and the reverse."""
    return compose(
        SetRequest(
            source=backup.path,
            password=backup.password,
            into=into,
            strategy="replace",
            wanted=frozenset(record.file_id for record in backup.records.values()),
            encryption="plain" if backup.encrypted else "encrypted",
            set_password=None if backup.encrypted else SET_PASSWORD,
            **options,
        )
    )


def password_of(backup: SmallBackup) -> str | None:
    """Of the set that is made the other way."""
    return None if backup.encrypted else SET_PASSWORD


def contents(folder: Path, password: str | None) -> dict[tuple[str, str], bytes]:
    with Backup.open(folder, password) as opened:
        return {
            (record.domain, record.relative_path): opened.read(record, 1 << 24)
            for record in opened.records()
            if record.kind is Kind.FILE
        }


def test_every_content_is_the_same_under_the_other_encryption(small_backup: SmallBackup, tmp_path: Path) -> None:
    made = other_way(small_backup, tmp_path / "set")
    found = contents(made.path, password_of(small_backup))
    expected = {key: content for key, content in small_backup.contents.items() if key[0] != "KeychainDomain"}
    assert {key: found[key] for key in expected} == expected
    assert {found[key] for key in found.keys() - expected} == {b""}
    assert BackupFolder(made.path).is_encrypted is not small_backup.encrypted
    verdict = verify(made.path, password_of(small_backup), seals=None)
    assert verdict.verdict == "whole", verdict.findings
    assert (verdict.records, verdict.files, verdict.bytes) == (made.records, made.files, made.bytes)


def test_digests_and_sizes_are_of_what_is_stored_and_nothing_else_of_a_row_changes(
    small_backup: SmallBackup, tmp_path: Path
) -> None:
    made = other_way(small_backup, tmp_path / "set")
    with Backup.open(made.path, password_of(small_backup)) as opened:
        found = {(record.domain, record.relative_path): record for record in opened.records()}
    for key, was in small_backup.records.items():
        if key[0] == "KeychainDomain":
            continue
        now = found[key]
        assert replace(now, encryption_key=None, digest=None) == replace(was, encryption_key=None, digest=None)
        if was.kind is Kind.FILE:
            stored = (made.path / now.file_id[:2] / now.file_id).read_bytes()
            assert now.size == len(small_backup.contents[key])
            assert now.digest == (None if was.digest is None else hashlib.sha1(stored).digest())
            assert (now.encryption_key is None) is small_backup.encrypted


def test_passwords_stay_out_because_their_items_open_with_the_old_keys_alone(
    small_backup: SmallBackup, tmp_path: Path
) -> None:
    made = other_way(small_backup, tmp_path / "set")
    assert {row.domain for row in made.dropped} == {"KeychainDomain"}
    assert {row.reason for row in made.dropped} == {"its items open with this backup's own keys alone"}


def test_the_backup_is_unchanged_and_no_file_is_shared(small_backup: SmallBackup, tmp_path: Path) -> None:
    before = tree(small_backup.path)
    made = other_way(small_backup, tmp_path / "set")
    assert tree(small_backup.path) == before
    assert {path.stat().st_nlink for path in made.path.glob("??/*")} == {1}


def test_an_encrypted_set_of_a_plain_backup_shows_nothing_in_plain(make_backup: MakeBackup, tmp_path: Path) -> None:
    made = other_way(make_backup(encrypted=False), tmp_path / "set")
    data = b"".join(path.read_bytes() for path in made.path.rglob("*") if path.is_file())
    assert b"row 1 of message" not in data and b"Library/SMS" not in data


def test_properties_of_the_old_password_are_not_copied(make_backup: MakeBackup, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    writer = MemoryManifest("17.5.1")
    for record in backup.records.values():
        writer.add(record)
    for key in ("passwordHash", "salt", "other"):
        writer.set_property(key, b"pepper")
    (backup.path / "Manifest.db").write_bytes(encrypt_manifest(writer.to_bytes(), backup.manifest_key))
    made = other_way(backup, tmp_path / "set")
    with open_manifest(BackupFolder(made.path), None) as manifest:
        assert manifest.properties() == {"other": b"pepper"}


def test_an_encrypted_set_of_a_plain_backup_needs_a_password(make_backup: MakeBackup, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    request = SetRequest(
        source=backup.path,
        password=None,
        into=tmp_path / "set",
        strategy="overlay",
        wanted=frozenset(),
        encryption="encrypted",
    )
    with pytest.raises(PasswordMissing):
        compose(request)
    assert SET_PASSWORD not in repr(replace(request, set_password=SET_PASSWORD))
    assert not (tmp_path / "set").exists()


def test_a_content_that_cannot_be_read_is_dropped_and_leaves_nothing(small_backup: SmallBackup, tmp_path: Path) -> None:
    level = ("AppDomain-com.example.game", "Documents/level.dat")
    small_backup.blob(*level).unlink()
    made = other_way(small_backup, tmp_path / "set")
    assert [row.reason for row in made.dropped if row.relative_path == level[1]] == [
        "its stored bytes are not in the backup"
    ]
    name = small_backup.records[level].file_id
    assert not (made.path / name[:2] / name).exists()
    assert verify(made.path, password_of(small_backup), seals=None).verdict == "whole"


def test_rows_without_sizes_and_plain_rows_with_keys_are_accepted(make_backup: MakeBackup, tmp_path: Path) -> None:
    """Files of an unencrypted backup have keys too (seen, iOS 14.3), which open nothing here."""
    backup = make_backup(encrypted=False)
    for key, record in backup.records.items():
        if record.kind is Kind.FILE:
            backup.records[key] = replace(record, size=None, encryption_key=(4).to_bytes(4, "little") + bytes(40))
    backup.write_manifest()
    made = other_way(backup, tmp_path / "set")
    with Backup.open(made.path, SET_PASSWORD) as opened:
        for record in opened.records():
            if record.kind is Kind.FILE:
                assert record.encryption_key is not None and record.encryption_key[:4] == (4).to_bytes(4, "little")
                assert opened.read(record, 1 << 20) == backup.contents.get((record.domain, record.relative_path), b"")


def test_a_film_is_rewritten_in_little_memory(
    make_backup: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLIST_LIMIT_BYTES, "Info.plist", 1 << 20)  # that much is set aside, and never touched
    backup = make_backup(encrypted=False)
    film = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.MOV")
    backup.add_file(*film, bytes(48 << 20))
    backup.write()
    backup.contents.clear()
    tracemalloc.start()
    try:
        made = other_way(backup, tmp_path / "set")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
    assert made.bytes > 48 << 20


@pytest.mark.peer
def test_iphone_backup_decrypt_opens_an_encrypted_set_of_a_plain_backup(
    make_backup: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypting = pytest.importorskip("iphone_backup_decrypt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = other_way(make_backup(encrypted=False), tmp_path / "set")
    reader = decrypting.EncryptedBackup(backup_directory=str(made.path), passphrase=SET_PASSWORD)
    for (domain, path), content in contents(made.path, SET_PASSWORD).items():
        assert reader.extract_file_as_bytes(path, domain_like=domain) == content, (domain, path)


@pytest.mark.peer
def test_pyiosbackup_opens_both(small_backup: SmallBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyiosbackup = pytest.importorskip("pyiosbackup")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = other_way(small_backup, tmp_path / "set")
    reader = pyiosbackup.Backup.from_path(made.path, password_of(small_backup) or "")
    theirs = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in reader.iter_files()}
    assert theirs == contents(made.path, password_of(small_backup))


@pytest.mark.parametrize(("name", "password"), [("plain-backup", None), ("encrypted-backup", "test-password-1234")])
def test_a_minted_backup_becomes_a_set_of_the_other_encryption(
    shared_data: Path, tmp_path: Path, name: str, password: str | None
) -> None:
    source = shared_data / "minted" / name
    before = tree(source)
    wanted = frozenset(path.name for path in source.glob("??/*"))
    request = SetRequest(
        source=source,
        password=password,
        into=tmp_path / "set",
        strategy="overlay",
        wanted=wanted,
        encryption="plain" if password else "encrypted",
        set_password=None if password else SET_PASSWORD,
    )
    made = compose(request)
    assert tree(source) == before
    ours, theirs = contents(made.path, None if password else SET_PASSWORD), contents(source, password)
    left_out = {(row.domain, row.relative_path) for row in made.dropped}
    assert {domain for domain, _ in left_out} <= {"KeychainDomain"}
    assert {key: ours[key] for key in theirs.keys() - left_out} == {
        key: theirs[key] for key in theirs.keys() - left_out
    }
    assert verify(made.path, None if password else SET_PASSWORD, seals=None).verdict == "whole"


def test_a_plain_manifest_is_padded_as_phones_leave_it(make_backup: MakeBackup, tmp_path: Path) -> None:
    made = other_way(make_backup(encrypted=True), tmp_path / "set")
    stored = (made.path / "Manifest.db").read_bytes()
    assert stored[-16:] == pad_manifest(b"") and len(stored) % 4096 == 16
