"""`migrate extract` gives the same files from an encrypted backup as independent programs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.extract.extract import extract
from migrate.backup.reader import Backup
from migrate.backup.record import Kind

PASSWORD = "secret"
MakePair = Callable[..., Any]


@pytest.fixture
def extracted(make_pair: MakePair, tmp_path: Path) -> tuple[Any, Path, dict[str, str]]:
    """A pair backed up by pymobiledevice3, the folder we extracted to, and our files as file id -> SHA-256."""
    phones = make_pair(backup_password=PASSWORD)
    phones.run("pymobiledevice3", "backup2", "backup", phones.backups, "--udid", phones.old.udid)
    with Backup.open(phones.backup, PASSWORD) as backup:
        done = extract(backup, tmp_path / "ours", lambda domain, path: True)
        assert {finding.code for finding in done.findings} <= {"extract-link-left-out"}
        ours = {
            record.file_id: digest(tmp_path / "ours" / record.domain / record.relative_path)
            for record in backup.records()
            if record.kind is Kind.FILE
        }
    assert len(ours) == done.files > 150
    return phones, tmp_path / "ours", ours


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_iphone_backup_decrypt_extracts_the_same_files(
    extracted: tuple[Any, Path, dict[str, str]], tmp_path: Path
) -> None:
    """The same contents, domains, paths and dates."""
    decrypt = pytest.importorskip("iphone_backup_decrypt")
    phones, ours, _ = extracted
    theirs = tmp_path / "theirs"
    backup = decrypt.EncryptedBackup(backup_directory=str(phones.backup), passphrase=PASSWORD)
    options = {"relative_paths_like": "%", "preserve_folders": True, "domain_subfolders": True}
    backup.extract_files(output_folder=str(theirs), **options)
    found = {path.relative_to(theirs): path for path in theirs.rglob("*") if path.is_file()}
    assert {path.relative_to(ours) for path in ours.rglob("*") if path.is_file()} == found.keys()
    for name, path in found.items():
        assert digest(path) == digest(ours / name), name
        assert int(path.stat().st_mtime) == int((ours / name).stat().st_mtime), name


def test_mvt_extracts_the_same_files(extracted: tuple[Any, Path, dict[str, str]], tmp_path: Path) -> None:
    """It keeps the backup's file names. Its dependencies conflict with ours, so it has its own environment."""
    program = shutil.which("mvt-ios")
    if program is None:
        missing = "mvt-ios is not in PATH (pip install mvt, in a separate virtual environment)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    phones, _, ours = extracted
    theirs = tmp_path / "theirs"
    quiet = [program, "--disable-update-check", "--disable-indicator-update-check"]
    done = subprocess.run(
        [*quiet, "decrypt-backup", "-d", str(theirs), str(phones.backup)],
        env=os.environ | {"MVT_IOS_BACKUP_PASSWORD": PASSWORD, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name: digest(path) for path in theirs.glob("[0-9a-f][0-9a-f]/*")} == ours
