"""Seals of another backup, and backups without a seal: reported, but not as damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate.backup.seal import stored_seal, write_seal
from tests.backup.small_backup import UDID, SmallBackup
from tests.damaged.defect import LEVEL, Defect, assert_found, error, healthy_backup, info, look, plist


def another_date(backup: SmallBackup) -> None:
    plist("Status.plist", Date=backup.date.replace(year=2027))(backup)


DEFECTS = [
    Defect(
        "the seal of another UUID",
        plist("Status.plist", UUID="B5A1F7E2-9D34-4C7A-8E60-1F2B3C4D5E6F"),
        info("seal-void"),
        info("seal-void"),
        witness="seal",
    ),
    Defect(
        "the seal of a backup with another date", another_date, info("seal-void"), info("seal-void"), witness="seal"
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_the_seal_of_another_backup_is_reported_as_void(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
def test_an_untouched_backup_is_whole_with_and_without_its_seal(encrypted: bool, tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path, encrypted=encrypted)
    unsealed = look(backup, tmp_path / "seals")
    assert (unsealed.verdict, [finding.code for finding in unsealed.findings]) == ("whole", ["checked-by-length-only"])
    backup.seal(tmp_path / "seals")
    for depth in ("quick", "full"):
        assert look(backup, tmp_path / "seals", depth).findings == ()  # type: ignore[arg-type]


def test_an_old_seal_without_a_manifest_digest_still_covers_the_files(tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path, encrypted=True)
    backup.seal(tmp_path / "seals")
    seal = stored_seal(tmp_path / "seals", UDID)
    assert seal is not None and len(seal.manifest or "") == 64
    write_seal(tmp_path / "seals", UDID, replace(seal, manifest=None))
    assert look(backup, tmp_path / "seals").findings == ()
    backup.blob(*LEVEL).write_bytes(bytes(16))
    (finding,) = look(backup, tmp_path / "seals").findings
    assert (finding.code, finding.relative_path) == ("seal-differs", LEVEL[1])
    assert error("seal-differs").code == finding.code
