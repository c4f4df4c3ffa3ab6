"""ChangePassword, Info, List, Extract and Unback."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from typing import Any

import pytest

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.problems import WrongPassword
from migrate.simulator.device.phone import BACKUP_DOMAIN_CHANGED, SimulatedPhone


def test_turning_encryption_on_and_off_posts_a_notification(host: Any, phone: SimulatedPhone) -> None:
    heard: list[str] = []
    phone.observe(heard.append)
    assert host.ask(phone, "ChangePassword", NewPassword="secret")["ErrorCode"] == 0
    assert phone.will_encrypt and heard == [BACKUP_DOMAIN_CHANGED]
    assert host.ask(phone, "ChangePassword", OldPassword="secret")["ErrorCode"] == 0
    assert not phone.will_encrypt


@pytest.mark.parametrize("keys", [{}, {"OldPassword": "wrong"}, {"OldPassword": "wrong", "NewPassword": "x"}])
def test_a_wrong_or_missing_old_password_changes_nothing(
    host: Any, another: Callable[..., SimulatedPhone], keys: dict[str, str]
) -> None:
    phone = another(backup_password="secret")
    answer = host.ask(phone, "ChangePassword", **keys)
    assert (answer["ErrorCode"], answer["ErrorDescription"]) == (207, "Invalid password (MBErrorDomain/207).")
    assert phone.backup_password == "secret"


def test_a_change_rewraps_the_hosts_keybag_and_the_next_backup_stays_incremental(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="old")
    host.backup(phone)
    assert host.ask(phone, "ChangePassword", OldPassword="old", NewPassword="new")["ErrorCode"] == 0
    folder = BackupFolder(host.root / phone.udid)
    with pytest.raises(WrongPassword):
        open_manifest(folder, "old")
    with open_manifest(folder, "new") as manifest:
        assert manifest.count
    host.backup(phone)
    assert not [name for name in host.uploaded if "/Snapshot/" in name and "Manifest" not in name]


def test_a_change_the_hosts_backup_missed_makes_the_next_one_full(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="old")
    host.backup(phone)
    kept = (host.root / phone.udid / "Manifest.plist").read_bytes()
    host.ask(phone, "ChangePassword", OldPassword="old", NewPassword="new")
    (host.root / phone.udid / "Manifest.plist").write_bytes(kept)
    host.backup(phone)
    assert len([name for name in host.uploaded if "/Snapshot/" in name]) > 5


def test_an_older_keybag_is_rewrapped_too(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    phone = another(backup_password="old")
    host.backup(phone)
    phone.backup_memory.clear()
    host.ask(phone, "ChangePassword", OldPassword="old", NewPassword="new")
    bag = plistlib.loads((host.root / phone.udid / "Manifest.plist").read_bytes())["BackupKeyBag"]
    assert Keybag.from_bytes(bag).unlock("new")


def test_the_password_changes_although_the_hosts_manifest_is_invalid(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="old")
    (host.root / phone.udid).mkdir()
    (host.root / phone.udid / "Manifest.plist").write_bytes(b"nonsense")
    assert host.ask(phone, "ChangePassword", OldPassword="old", NewPassword="new")["ErrorCode"] == 0
    assert (host.root / phone.udid / "Manifest.plist").read_bytes() == b"nonsense"


def test_info_has_the_state_and_the_domains(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    text = host.ask(phone, "Info")["Content"]
    assert "Snapshot state: finished" in text and " Count   Size (B) Domain name" in text
    assert "     6     365537 CameraRollDomain" in text


def test_list_names_every_record(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    head, *lines = host.ask(phone, "List")["Content"].splitlines()
    assert head.startswith("ID, Digest, Mode, Inode, UID, GID, Last modified")
    with open_manifest(BackupFolder(host.root / phone.udid), None) as manifest:
        assert len(lines) == manifest.count


def test_info_and_list_of_an_encrypted_backup_need_its_password(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="secret")
    host.backup(phone)
    assert host.ask(phone, "Info")["ErrorCode"] == 207
    assert host.ask(phone, "List")["ErrorCode"] == 207
    assert "HealthDomain" in host.ask(phone, "List", Password="secret")["Content"]


def test_extract_writes_the_plaintext_to_the_top_of_the_folder(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="secret")
    host.backup(phone)
    where = {"DomainName": "HomeDomain", "RelativePath": "Library/SMS/sms.db", "Password": "secret"}
    assert host.ask(phone, "Extract", **where)["ErrorCode"] == 0
    assert (host.root / "sms.db").read_bytes() == b"messages" * 700
    assert host.ask(phone, "Extract", **where | {"RelativePath": "nowhere"})["ErrorCode"] == 4
    assert host.ask(phone, "Extract", **where | {"DomainName": "NoDomain"})["ErrorCode"] == 4
    assert host.ask(phone, "Extract", **where | {"Password": "wrong"})["ErrorCode"] == 207


def test_unback_writes_every_file(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    phone = another(backup_password="secret")
    host.backup(phone)
    assert host.ask(phone, "Unback", Password="secret")["ErrorCode"] == 0
    root = host.root / "_unback_" / phone.udid
    assert (root / "HealthDomain/Health/healthdb.sqlite").read_bytes() == b"pulse"
    assert (root / "MediaDomain/Library/SMS/Attachments/Grüße 🌍.txt").read_bytes() == b"hi"


def test_reset_all_settings_removes_the_backup_password_and_keeps_the_data(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="forgotten")
    before = phone.files.digests()
    phone.reset_settings()
    assert not phone.will_encrypt and phone.files.digests() == before
    assert host.ask(phone, "ChangePassword", NewPassword="secret")["ErrorCode"] == 0
