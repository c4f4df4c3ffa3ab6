"""Encrypted backups of iOS 10.0 and 10.1: their files are encrypted, their Manifest.db is not (facts 3.7)."""

from __future__ import annotations

import hashlib
import os
import plistlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from migrate.backup.crypto.cipher import decrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.reader import Backup
from migrate.backup.verify.run import verify
from migrate.problems import PasswordMissing, WrongPassword
from tests.backup.memory_manifest import pad_manifest
from tests.backup.small_backup import SmallBackup, fill

WORD = "from-2016"


def keybag_of_ios_10_1(keys: dict[int, bytes]) -> bytes:
    """Without DPIC and DPSL: one stage of SHA-1, as in the real bag of iOS 9.3.5 (*read*: facts 3.5)."""

    def entry(tag: bytes, value: bytes | int) -> bytes:
        data = value if isinstance(value, bytes) else value.to_bytes(4, "big")
        return tag + len(data).to_bytes(4, "big") + data

    salt = b"s" * 20
    wrapping_key = hashlib.pbkdf2_hmac("sha1", WORD.encode(), salt, 1000, 32)
    bag = entry(b"VERS", 3) + entry(b"TYPE", 1) + entry(b"UUID", b"u" * 16) + entry(b"HMCK", b"h" * 40)
    bag += entry(b"WRAP", 0) + entry(b"SALT", salt) + entry(b"ITER", 1000)
    for protection_class, key in keys.items():
        bag += entry(b"UUID", b"c" * 16) + entry(b"CLAS", protection_class) + entry(b"WRAP", 2) + entry(b"KTYP", 0)
        bag += entry(b"WPKY", aes_key_wrap(wrapping_key, key))
    return bag


@pytest.fixture
def of_ios_10_1(tmp_path: Path) -> SmallBackup:
    keys = {protection_class: os.urandom(32) for protection_class in range(1, 12)}
    backup = SmallBackup(tmp_path / "old", encrypted=True, ios_version="10.1.1")
    backup.keybag, backup.class_keys = Keybag.from_bytes(keybag_of_ios_10_1(keys)), ClassKeys(keys)
    fill(backup)
    backup.write()
    plist = backup.manifest_plist()
    del plist["ManifestKey"]
    backup.write_plist("Manifest.plist", plist, binary=True)
    list_of_files = backup.path / "Manifest.db"
    plain = b"".join(decrypted_chunks([list_of_files.read_bytes()], backup.manifest_key))
    list_of_files.write_bytes(pad_manifest(plain))
    return backup


def test_an_encrypted_backup_of_ios_10_1_is_whole_and_every_file_opens(of_ios_10_1: SmallBackup) -> None:
    verdict = verify(of_ios_10_1.path, WORD, seals=None)
    assert (verdict.verdict, verdict.encrypted) == ("whole", True), [finding.what for finding in verdict.findings]
    assert verdict.records == len(of_ios_10_1.records)
    with Backup.open(of_ios_10_1.path, WORD) as opened:
        for (domain, path), content in of_ios_10_1.contents.items():
            record = opened.record(domain, path)
            assert record is not None
            assert b"".join(opened.chunks(record)) == content


def test_its_files_do_not_open_without_the_right_password(of_ios_10_1: SmallBackup) -> None:
    with pytest.raises(WrongPassword):
        open_manifest(BackupFolder(of_ios_10_1.path), "from-2017")
    with pytest.raises(PasswordMissing):
        open_manifest(BackupFolder(of_ios_10_1.path), None)


def test_a_later_backup_without_its_manifest_key_has_no_plain_list(of_ios_10_1: SmallBackup) -> None:
    """10.2 brought ManifestKey and the keybag's slow stage together."""
    later = Keybag.create(WORD, rounds=10)[0].to_bytes()
    plist = plistlib.loads((of_ios_10_1.path / "Manifest.plist").read_bytes()) | {"BackupKeyBag": later}
    of_ios_10_1.write_plist("Manifest.plist", plist, binary=True)
    verdict = verify(of_ios_10_1.path, WORD, seals=None)
    assert verdict.exit_code == 31
    assert {"encryption-contradicted", "plist-incomplete"} <= {finding.code for finding in verdict.findings}
