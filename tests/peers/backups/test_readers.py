"""Readers from PyPI read every file of the backups that pymobiledevice3 makes of simulated iPhones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.agent.consistent_copies import ConsistentCopies
from migrate.simulator.agent.scan import Scan
from migrate.simulator.device.filesystem import sha256_of

MakePair = Callable[..., Any]
Read = Callable[..., dict[str, str]]
PASSWORD = "correct-horse-1947"

PYIOSBACKUP = """
import hashlib, json, sys
from pyiosbackup import Backup
backup = Backup.from_path(sys.argv[1], sys.argv[2])
found = {}
for entry in backup.iter_files():
    found[f"{entry.domain}/{entry.relative_path}"] = hashlib.sha256(entry.read_bytes()).hexdigest()
print(json.dumps(found))
"""
IPHONE_BACKUP_DECRYPT = """
import hashlib, json, sys
from iphone_backup_decrypt import EncryptedBackup
backup = EncryptedBackup(backup_directory=sys.argv[1], passphrase=sys.argv[2])
assert backup.test_decryption()
found = {}
with backup.manifest_db_cursor() as cursor:
    rows = cursor.execute("SELECT domain, relativePath FROM Files WHERE flags = 1").fetchall()
for domain, path in rows:
    data = backup.extract_file_as_bytes(path, domain_like=domain)
    found[f"{domain}/{path}"] = hashlib.sha256(data or b"").hexdigest()
print(json.dumps(found))
"""


def back_up(phones: Any) -> None:
    phones.run("pymobiledevice3", "backup2", "backup", phones.backups, "--udid", phones.old.udid)


@pytest.mark.parametrize("ios_version", ["17.5.1", "27.0"])
def test_every_file_of_an_encrypted_backup_equals_the_one_on_the_phone(
    make_pair: MakePair, read_with: Read, ios_version: str
) -> None:
    phones = make_pair(ios_version, backup_password=PASSWORD)
    back_up(phones)
    expected = phones.expected_backup(encrypted=True)
    assert {"HealthDomain/Health/healthdb_secure.sqlite", "HomeDomain/Library/SMS/sms.db"} <= expected.keys()
    assert read_with(PYIOSBACKUP, phones.backup, PASSWORD) == expected
    assert read_with(IPHONE_BACKUP_DECRYPT, phones.backup, PASSWORD) == expected


@pytest.mark.soak
def test_every_file_of_an_unencrypted_backup_equals_the_one_on_the_phone(make_pair: MakePair, read_with: Read) -> None:
    phones = make_pair()
    back_up(phones)
    found = read_with(PYIOSBACKUP, phones.backup, "")
    assert found == phones.expected_backup(encrypted=False)
    assert "HealthDomain/Health/healthdb_secure.sqlite" not in found


@pytest.mark.soak
@pytest.mark.soak
def test_a_keybag_with_ten_million_rounds_opens(make_pair: MakePair, read_with: Read) -> None:
    phones = make_pair(backup_password=PASSWORD, keybag_rounds=10_000_000)
    back_up(phones)
    back_up(phones)  # the phone does not derive the key again
    assert read_with(IPHONE_BACKUP_DECRYPT, phones.backup, PASSWORD) == phones.expected_backup(encrypted=True)


@pytest.mark.soak
def test_databases_sent_as_consistent_copies_equal_those_copies(make_pair: MakePair, read_with: Read) -> None:
    phones = make_pair("26.1", backup_password=PASSWORD)
    phones.old.assume.databases = "consistent"
    back_up(phones)
    sent = Scan(phones.old.files, phones.old.assume, ConsistentCopies(), encrypted=True, check_link=lambda: None)
    copies = {f"{node.domain}/{node.relative_path}": sha256_of(node.content) for node in sent if node.kind == "file"}
    assert read_with(PYIOSBACKUP, phones.backup, PASSWORD) == copies | phones.keychain_in_backup()
    assert not {path for path in copies if path.startswith("HomeDomain/Library/SMS/sms.db-")}
    assert (
        copies["HomeDomain/Library/SMS/sms.db"]
        != phones.expected_backup(encrypted=True)["HomeDomain/Library/SMS/sms.db"]
    )
