"""A phone that keeps only digests of restored files, and one filled from a real backup."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.problems import BadRecord, BlobMissing
from migrate.simulator.contents.from_backup import fill_from_backup
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import ContentNotKept, DigestOnly, Synthetic, read_content
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest

PASSWORD = "correct-horse-1947"
NEW = "00008120-000000000000B0B0"
LARGE_BYTES = 700_000
REPLACE = {"RestoreSystemFiles": True, "RemoveItemsNotRestored": True, "RestoreDontCopyBackup": True}
OVERLAY = {**REPLACE, "RemoveItemsNotRestored": False}


@pytest.fixture(params=[None, PASSWORD], ids=["plain", "encrypted"])
def old_phone(request: pytest.FixtureRequest, another: Callable[..., SimulatedPhone]) -> SimulatedPhone:
    phone = another(backup_password=request.param)
    phone.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/film.mov", Synthetic(7, LARGE_BYTES))
    phone.files.add_symlink("HomeDomain", "Library/link", "/private/var/x")
    phone.files.add_file("HomeDomain", "Library/empty", b"")
    phone.files.add_file("HomeDomain", "Library/x.plist", b"x", extended_attributes={"com.apple.x": b"1"})
    return phone


def restored(host: Any, old: SimulatedPhone, new: SimulatedPhone, **options: bool) -> SimulatedPhone:
    password = {"Password": old.backup_password} if old.backup_password else {}
    assert host.restore(new, old.udid, **(options or REPLACE), **password)["ErrorCode"] == 0
    new.reboot()
    return new


def test_digests_of_restored_files_are_known_without_their_contents(
    host: Any, old_phone: SimulatedPhone, another: Callable[..., SimulatedPhone]
) -> None:
    host.backup(old_phone)
    keeping = restored(host, old_phone, another(udid=NEW))
    digesting = another(udid=NEW, keeps="digests")
    assert (
        host.restore(
            digesting,
            old_phone.udid,
            **REPLACE,
            **({"Password": old_phone.backup_password} if old_phone.backup_password else {}),
        )["ErrorCode"]
        == 0
    )
    staged = digesting.pending_restore
    assert staged is not None and all(
        sum(map(len, _kept(node))) == 0
        for node in staged.nodes
        if node.kind == "file"  # type: ignore[attr-defined]
    )
    digesting.reboot()
    assert digesting.files.digests() == keeping.files.digests()
    assert len(digesting.files.digests()) > 10
    assert digesting.used_bytes == keeping.used_bytes > LARGE_BYTES


def _kept(node: Any) -> list[bytes]:
    try:
        return list(node.content.chunks())
    except ContentNotKept:
        return []


def test_a_phone_that_keeps_digests_refuses_a_backup_with_a_reason(
    host: Any, old_phone: SimulatedPhone, another: Callable[..., SimulatedPhone]
) -> None:
    host.backup(old_phone)
    new = restored(host, old_phone, another(udid=NEW, keeps="digests"))
    film = new.files.get("CameraRollDomain", "Media/DCIM/100APPLE/film.mov")
    assert film is not None and film.size == LARGE_BYTES
    with pytest.raises(ContentNotKept):
        read_content(film.content)
    (host.root / NEW).mkdir()
    answer = host.backup(new)
    assert answer["ErrorCode"] == 1 and 'keeps = "digests"' in answer["ErrorDescription"]
    assert not [name for name in host.uploaded if "/Snapshot/" in name]


def test_a_phone_filled_from_a_backup_has_all_of_its_files(
    host: Any, old_phone: SimulatedPhone, another: Callable[..., SimulatedPhone]
) -> None:
    chat = App("org.example.chat", "Chat", version="7", group_ids=("group.org.example.chat",))
    old_phone.apps[chat.bundle_id] = chat
    old_phone.files.add_file("AppDomainGroup-group.org.example.chat", "shared.db", b"rows")
    host.backup(old_phone)
    info = {"Installed Applications": [chat.bundle_id]}  # as hosts write it; com.example.notes was deleted
    (host.root / old_phone.udid / "Info.plist").write_bytes(plistlib.dumps(info))
    player = SimulatedPhone(udid=NEW, name="Rehearsal", ios_version="16.0", keybag_rounds=100)
    with Backup.open(host.root / old_phone.udid, old_phone.backup_password) as backup:
        fill_from_backup(player, backup)
        told = (player.name, player.ios_version, player.build, player.model)
        assert told == (old_phone.name, old_phone.ios_version, old_phone.build, old_phone.model)
        assert player.udid == NEW and player.serial != old_phone.serial
        in_backup = {f"{record.domain}/{record.relative_path}" for record in backup.records()}
        expected = {path: digest for path, digest in old_phone.files.digests().items() if path in in_backup}
        assert player.files.digests() == expected
        link = player.files.get("HomeDomain", "Library/x.plist")
        assert link is not None and link.extended_attributes == {"com.apple.x": b"1"}
        assert player.apps.keys() == {"org.example.chat"}
        assert player.apps["org.example.chat"].group_ids == ("group.org.example.chat",)
        # the phone can be backed up again, with contents read from the first backup
        (host.root / NEW).mkdir()
        assert host.backup(player)["ErrorCode"] == 0
    with Backup.open(host.root / NEW) as again:
        film = again.record("CameraRollDomain", "Media/DCIM/100APPLE/film.mov")
        assert film is not None
        assert again.read(film, 1 << 20) == read_content(Synthetic(7, LARGE_BYTES))


def test_a_rehearsal_restores_over_the_new_phones_files(
    host: Any, old_phone: SimulatedPhone, another: Callable[..., SimulatedPhone]
) -> None:
    """A phone filled from the new phone's backup receives the old phone's files and keeps digests."""
    new_phone = another(udid=NEW, ios_version="18.5")
    new_phone.files.add_file("HomeDomain", "Library/own.txt", b"mine")
    (host.root / NEW).mkdir()
    host.backup(new_phone)
    host.backup(old_phone)
    with Backup.open(host.root / NEW) as backup:
        player = SimulatedPhone(udid="00008120-00000000000CAFE0", keeps="digests", keybag_rounds=100)
        fill_from_backup(player, backup)
        restored(host, old_phone, player, **OVERLAY)
        restored(host, old_phone, new_phone, **OVERLAY)
        assert player.files.digests() == {
            path: digest for path, digest in new_phone.files.digests().items() if path in player.files.digests()
        }
        assert "HomeDomain/Library/own.txt" in player.files.digests()
        arrived = player.files.get("CameraRollDomain", "Media/DCIM/100APPLE/film.mov")
        assert isinstance(arrived and arrived.content, DigestOnly)


def test_a_blob_that_is_missing_is_a_file_this_phone_cannot_read(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    old = another()
    host.backup(old)
    player = SimulatedPhone(udid=NEW, keybag_rounds=100)
    with Backup.open(host.root / old.udid) as backup:
        fill_from_backup(player, backup)
        gone = next(record for record in backup.records() if (record.size or 0) > 0)
        backup.stored_path(gone).unlink()
        with pytest.raises(BlobMissing):
            player.files.digests()
        (host.root / NEW).mkdir()
        assert host.backup(player)["ErrorCode"] == 0
    (reason,) = host.failed_uploads.values()
    assert "missing from the backup" in reason


def test_a_row_with_an_impossible_path_is_named(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    old = another()
    host.backup(old)
    folder = host.root / old.udid
    with Backup.open(folder) as backup:
        rows = list(backup.records())
    writer = MemoryManifest("17.5.1")
    for record in rows:
        writer.add(record)
    writer.add(replace(rows[-1], file_id="0" * 40, relative_path="../../escape"))
    BackupFolder(folder).manifest_db.write_bytes(writer.to_bytes())
    with Backup.open(folder) as backup, pytest.raises(BadRecord) as refused:
        fill_from_backup(SimulatedPhone(udid=NEW), backup)
    assert "escape" in str(refused.value)
