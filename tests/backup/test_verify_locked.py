"""Verify without the password: the seal speaks for the stored bytes, and what was not checked is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migrate.backup.verify.run import verify_locked
from migrate.problems import PasswordMissing

LEVEL = ("AppDomain-com.example.game", "Documents/level.dat")


def look(backup: Any, seals: Path, depth: Any = "full") -> Any:
    return verify_locked(backup.path, PasswordMissing(backup.path), seals=seals, depth=depth)


def test_of_a_sealed_backup_only_the_password_is_missing(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    backup.seal(tmp_path / "seals")
    verdict = look(backup, tmp_path / "seals")
    assert (verdict.verdict, verdict.exit_code) == ("locked", 32)
    assert [finding.code for finding in verdict.findings] == ["not-checked-without-password", "password-missing"]
    assert f"{len(backup.contents)} of the files were compared with the seal" in verdict.findings[0].why


def test_every_sealed_file_is_hashed_and_named_by_its_id(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    backup.seal(tmp_path / "seals")
    blob = backup.blob(*LEVEL)
    blob.write_bytes(bytes(blob.stat().st_size))
    verdict = look(backup, tmp_path / "seals")
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 30)
    assert next((f.code, f.file_id) for f in verdict.findings) == ("seal-differs", backup.records[LEVEL].file_id)
    assert look(backup, tmp_path / "seals", "quick").exit_code == 32, "quick opens no stored file"
    blob.write_bytes(bytes(64))
    assert look(backup, tmp_path / "seals", "quick").findings[0].code == "seal-differs"
    blob.unlink()
    assert look(backup, tmp_path / "seals", "quick").findings[0].code == "file-missing"


def test_without_a_seal_lengths_are_checked(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    blob = backup.blob(*LEVEL)
    blob.write_bytes(blob.read_bytes()[:-1])
    verdict = look(backup, tmp_path / "seals")
    assert (verdict.findings[0].code, verdict.findings[0].file_id) == ("stored-length-impossible", blob.name)


def test_an_unfinished_backup_is_unfinished_before_anything_else(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    backup.write_plist("Status.plist", backup.status(SnapshotState="moving"), binary=True)
    assert look(backup, tmp_path / "seals").exit_code == 34
