"""Readers from PyPI open backups that pymobiledevice3 made of software iPhones, file by file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.peer

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


@pytest.fixture(scope="module", params=["17.5.1", "27.0"])
def encrypted(request: pytest.FixtureRequest, make_bench: Callable[[str], Any], backup2: tuple[str, ...]) -> Any:
    """A bench whose old phone has just been backed up, encrypted."""
    bench = make_bench(request.param)
    bench.old.backup_password = PASSWORD
    bench.peer(*backup2, "backup", str(bench.backups), "--udid", bench.old.udid)
    return bench


@pytest.mark.parametrize("script", [PYIOSBACKUP, IPHONE_BACKUP_DECRYPT], ids=["pyiosbackup", "iphone-backup-decrypt"])
def test_every_file_of_an_encrypted_backup_reads_as_it_lies_on_the_phone(
    encrypted: Any, read_by: Callable[..., dict[str, str]], script: str
) -> None:
    found = read_by(script, encrypted.backup, PASSWORD)
    assert found == encrypted.holds(encrypted=True)
    assert {"HealthDomain/Health/healthdb_secure.sqlite", "HomeDomain/Library/SMS/sms.db"} <= found.keys()


def test_every_file_of_an_unencrypted_backup_reads_as_it_lies_on_the_phone(
    bench: Any, backup2: tuple[str, ...], read_by: Callable[..., dict[str, str]]
) -> None:
    bench.peer(*backup2, "backup", str(bench.backups), "--udid", bench.old.udid)
    found = read_by(PYIOSBACKUP, bench.backup, "")
    assert found == bench.holds(encrypted=False)
    assert "HealthDomain/Health/healthdb_secure.sqlite" not in found


def test_a_keybag_of_a_real_phones_ten_million_rounds_opens(
    bench: Any, backup2: tuple[str, ...], read_by: Callable[..., dict[str, str]]
) -> None:
    bench.old.backup_password, bench.old.keybag_rounds = PASSWORD, 10_000_000
    bench.peer(*backup2, "backup", str(bench.backups), "--udid", bench.old.udid)
    bench.peer(*backup2, "backup", str(bench.backups), "--udid", bench.old.udid)  # the phone does not pay again
    assert read_by(IPHONE_BACKUP_DECRYPT, bench.backup, PASSWORD) == bench.holds(encrypted=True)
