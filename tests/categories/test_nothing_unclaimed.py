"""For every backup, categories, apps and other-system add up to the manifest."""

from __future__ import annotations

import plistlib
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.categories.catalogue import OTHER_SYSTEM
from migrate.categories.choose import choose
from migrate.categories.claims import Claims
from migrate.content.tally import Tally, tally
from migrate.plan.interview.observations import total_size_bytes
from migrate.talk.wizard.observations import category_entries_of

SMALL = {"photos": 3, "messages": 12, "attachments": 2, "contacts": 5, "health_samples": 5, "videos": 0, "memos": 1}


def sums_come_out(backup: Backup, tmp: Path, groups: Mapping[str, tuple[str, ...]] | None = None) -> Tally:
    """Every record has an owner, `everything` selects every record, and `show`'s numbers add up to the manifest's."""
    claims = Claims.of(backup, groups)
    rows = list(backup.records())
    owners = Counter(owner for row in rows for owner in claims.owners(row.domain, row.relative_path))
    assert all(claims.owners(row.domain, row.relative_path) for row in rows)
    everything = choose(rows, claims, categories=["everything"])
    assert everything.file_ids == {row.file_id for row in rows}
    assert {owner: amount.records for owner, amount in everything.by_owner.items() if amount.records} == owners
    parts = [choose(rows, claims, categories=[owner]).file_ids for owner in owners]
    assert frozenset().union(*parts) == everything.file_ids
    found = tally(backup, claims, tmp=tmp)
    assert found.owned == (found.files, found.bytes)
    assert found.bytes == sum(row.size or 0 for row in rows if row.kind.name == "FILE")
    assert total_size_bytes(category_entries_of(found)) == found.bytes  # as the wizard adds it up
    return found


@pytest.mark.parametrize("ios_version", ["9.3.5", "12.5.7", "14.3", "16.7", "17.5.1", "18.5", "26.1", "27.0"])
def test_every_file_of_a_simulated_phone_is_claimed(ios_version: str, phones_backup: Any, tmp_path: Path) -> None:
    backup, groups = phones_backup(ios_version, **SMALL, apps=3)
    found = sums_come_out(backup, tmp_path / "tmp", groups)
    assert found.unclaimed == (), "the simulated iPhone writes nothing that has no name"
    assert found.shared_files > 0, "two of its apps share a group"
    assert found.category(OTHER_SYSTEM).files > 0


def test_every_file_of_a_real_manifest_is_claimed(shared_data: Path, tmp_path: Path) -> None:
    with Backup.open(shared_data / "ios14-real-manifest" / "backup") as backup:
        found = sums_come_out(backup, tmp_path / "tmp")
    assert (found.files, found.shared_files) == (1089, 3)


@pytest.mark.parametrize("name", ["plain-backup", "encrypted-backup", "no-size-backup"])
def test_every_file_of_other_programs_backups_is_claimed(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder = shared_data / "minted" / name
    with Backup.open(folder, "test-password-1234" if name == "encrypted-backup" else None) as backup:
        claims = Claims.of(backup)
        rows = list(backup.records())
        assert choose(rows, claims, categories=["everything"]).file_ids == {row.file_id for row in rows}
        found = tally(backup, claims, tmp=tmp_path / "tmp")
    assert found.owned == (found.files, found.bytes)
    assert found.files == sum(row.kind.name == "FILE" for row in rows)


def test_a_new_kind_of_data_is_listed_and_moves_with_everything(make_backup: Any, tmp_path: Path) -> None:
    contents = {("HomeDomain", "Library/Tomorrow/a.db"): b"12", ("DomainOfTomorrow", "b"): b"345"}
    found = sums_come_out(make_backup(contents), tmp_path / "tmp")
    assert [(row.domain, row.files, row.bytes) for row in found.unclaimed] == [
        ("DomainOfTomorrow", 1, 3),
        ("HomeDomain", 1, 2),
    ]


def mbdb_row(domain: str, path: str, *, mode: int, size: int = 0) -> bytes:
    """One row of the list that iTunes kept up to iOS 9: strings with their length before them, then fixed numbers."""

    def string(text: str) -> bytes:
        return struct.pack(">H", len(text.encode())) + text.encode()

    absent = b"\xff\xff"  # no target, no digest, no key
    numbers = struct.pack(">HQIIIIIQBB", mode, 7, 501, 501, 1_400_000_000, 1_400_000_000, 1_400_000_000, size, 3, 0)
    return string(domain) + string(path) + 3 * absent + numbers


def test_every_file_of_an_old_manifest_is_claimed(tmp_path: Path) -> None:
    """iOS 9 and older: Manifest.mbdb, everything flat in one folder."""
    folder = tmp_path / "mbdb"
    folder.mkdir()
    files = {
        ("HomeDomain", "Library/SMS/sms.db"): b"no database",
        ("WirelessDomain", "Library/CallHistory/call_history.db"): b"none either",
        ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"): b"jpeg",
        ("AppDomain-net.whatsapp.WhatsApp", "Documents/ChatStorage.sqlite"): b"chats",
        ("HomeDomain", "Library/Tomorrow/x"): b"1",
    }
    rows = mbdb_row("HomeDomain", "", mode=0o040755)
    for (domain, path), content in files.items():
        rows += mbdb_row(domain, path, mode=0o100644, size=len(content))
        (folder / file_id(domain, path)).write_bytes(content)
    (folder / "Manifest.mbdb").write_bytes(b"mbdb\x05\x00" + rows)
    (folder / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": False}))
    (folder / "Info.plist").write_bytes(plistlib.dumps({"Product Version": "9.3.5", "Unique Identifier": "A" * 40}))
    with Backup.open(folder) as backup:
        found = sums_come_out(backup, tmp_path / "tmp")
    assert found.files == len(files)
    assert found.category("calls").files == 1
    assert [(row.domain, row.files) for row in found.unclaimed] == [("HomeDomain", 1)]
