"""Restores to the simulated iPhone: what it refuses, what it restores, and what a restart does to existing files."""

from __future__ import annotations

import hashlib
import plistlib
import shutil
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.record import Record
from migrate.simulator.agent.restore import is_compatible
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

Edit = Callable[[list[Record]], Iterable[Record]]
PASSWORD = "secret"


def rewrite(folder: Path, edit: Edit, password: str | None = None) -> None:
    """Writes another manifest into a backup, like a tool that reduces a backup."""
    with open_manifest(BackupFolder(folder), password) as manifest:
        records, key = list(manifest.records()), manifest.manifest_key
    writer = MemoryManifest("17.5.1")
    for record in edit(records):
        writer.add(record)
    data = writer.to_bytes()
    (folder / "Manifest.db").write_bytes(encrypt_manifest(data, key) if key else pad_manifest(data))


def change(folder: Path, name: str, **keys: Any) -> None:
    plist = plistlib.loads((folder / name).read_bytes())
    plist.update(keys)
    (folder / name).write_bytes(plistlib.dumps({k: v for k, v in plist.items() if v is not None}))


def backed_up(digests: dict[str, str]) -> dict[str, str]:
    """The digests of the files that a restore can bring."""
    return {path: value for path, value in digests.items() if "Caches" not in path}


@pytest.fixture(scope="module")
def template(
    make_host: Callable[[Path], Any],
    make_phone: Callable[..., SimulatedPhone],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[SimulatedPhone, Path]:
    """An old phone and its encrypted backup, made once."""
    host, old = make_host(tmp_path_factory.mktemp("template")), make_phone(backup_password=PASSWORD)
    old.apps["com.example.notes"] = App("com.example.notes", "Notes", group_ids=("group.com.example.notes",))
    assert host.backup(old)["ErrorCode"] == 0
    return old, host.root / old.udid


@pytest.fixture
def saved(host: Any, template: tuple[SimulatedPhone, Path]) -> tuple[SimulatedPhone, Path]:
    """The old phone, which must not be changed, and a copy of its backup, which may be."""
    old, folder = template
    shutil.copytree(folder, host.root / old.udid)
    return old, host.root / old.udid


def test_nothing_is_visible_before_the_restart_and_everything_after_it(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    assert host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True)["ErrorCode"] == 0
    assert new.files.digests() == {}
    new.reboot()
    assert backed_up(new.files.digests()) == backed_up(old.files.digests())
    assert new.files.get("HomeDomain", "Library/SMS/sms.db").extended_attributes == {"com.apple.x": b"\0\1"}  # type: ignore[union-attr]
    assert new.backup_password == PASSWORD and new.setup == "finished" and new.trust == "ask"


class Cable:
    """Sets an event when the phone is attached again."""

    def __init__(self) -> None:
        self.is_back = threading.Event()

    def detach(self, phone: SimulatedPhone) -> bool:
        return True

    def attach(self, phone: SimulatedPhone) -> None:
        self.is_back.set()


def test_with_should_reboot_the_phone_restarts_after_its_response(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, _ = saved
    new, cable = SimulatedPhone(ios_version="17.5.1", boot_delay_s=0.0), Cable()
    new.on_attached(cable)
    answer = host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True, RestoreShouldReboot=True)
    assert answer["ErrorCode"] == 0
    assert cable.is_back.wait(10)
    assert new.files.get("HomeDomain", "Library/SMS/sms.db")
    new.shut_down()


def test_the_progress_figure_reaches_a_hundred(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, _ = saved
    host.restore(SimulatedPhone(ios_version="17.5.1"), old.udid, Password=PASSWORD)
    figures = [message[3] for message in host.said if message[0] == "DLMessageDownloadFiles"]
    assert figures == sorted(figures) and figures[-1] == 100.0


def test_a_replace_removes_everything_except_paths_never_backed_up(
    host: Any, saved: tuple[SimulatedPhone, Path], another: Callable[..., SimulatedPhone]
) -> None:
    old, _ = saved
    new = another()
    new.files.add_file("HomeDomain", "Library/mine", b"mine")
    new.files.add_file("MediaDomain", "Media/mine", b"mine")
    new.apps["com.example.game"] = App("com.example.game", "Game")
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True)
    new.reboot()
    digests = new.files.digests()
    assert "HomeDomain/Library/mine" not in digests and "MediaDomain/Media/mine" not in digests
    assert "HomeDomain/Library/Caches/x" in digests
    assert set(new.apps) == {"com.example.notes"}
    assert new.apps["com.example.notes"].group_ids == ("group.com.example.notes",)


def test_an_app_from_the_store_has_the_groups_that_the_store_knows(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    old, new = another(), SimulatedPhone(ios_version="17.5.1")
    old.files.add_file("AppDomain-com.example.chatter", "Documents/x", b"x")
    host.backup(old)
    receipt = {"iTunesMetadata": plistlib.dumps({"itemName": "Chatter!"}), "PlaceholderIcon": b"png"}
    new.afc_files[RESTORE_APPLICATIONS] = plistlib.dumps({"com.example.chatter": receipt})
    host.restore(new, old.udid, RemoveItemsNotRestored=True)
    new.reboot()
    app = new.apps["com.example.chatter"]
    assert (app.name, app.icon_png, app.has_sinf) == ("Chatter!", b"png", True)
    assert "group.com.example.family" in app.group_ids and len(app.plugin_ids) == 2
    assert not new.apps["com.example.notes"].has_sinf and RESTORE_APPLICATIONS not in new.afc_files


def test_an_overlay_changes_only_what_it_brings(
    host: Any, saved: tuple[SimulatedPhone, Path], another: Callable[..., SimulatedPhone]
) -> None:
    old, _ = saved
    new = another(ios_version="26.5")
    new.files.add_file("HomeDomain", "Library/mine", b"mine")
    new.files.add_file("HomeDomain", "Library/SMS/sms.db", b"31 messages")
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=False)
    new.reboot()
    digests = new.files.digests()
    assert digests["HomeDomain/Library/SMS/sms.db"] == old.files.digests()["HomeDomain/Library/SMS/sms.db"]
    assert "HomeDomain/Library/mine" in digests
    assert new.trust == "trusted" and new.backup_password is None


def test_ios_27_deletes_what_a_partial_restore_lacks_in_two_domains(
    host: Any, saved: tuple[SimulatedPhone, Path], another: Callable[..., SimulatedPhone]
) -> None:
    old, folder = saved
    keep = {"AppDomain-com.example.notes"}
    rewrite(folder, lambda records: [r for r in records if r.domain in keep], PASSWORD)
    new = another(ios_version="27.0")
    new.files.add_file("KeyboardDomain", "Library/Keyboard/mine", b"mine")
    new.apps["com.example.notes"] = App("com.example.notes", "Notes")
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=False)
    new.reboot()
    left = {node.domain for node in new.files.walk() if node.kind == "file"}
    assert "CameraRollDomain" not in left
    assert "HomeDomain/Library/SMS/sms.db" not in new.files.digests()
    assert "KeyboardDomain" in left and "MediaDomain" in left


def test_without_system_files_only_apps_and_a_few_paths_are_restored(
    host: Any, saved: tuple[SimulatedPhone, Path], another: Callable[..., SimulatedPhone]
) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    new.apps["com.example.notes"] = old.apps["com.example.notes"]
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=False, RestoreSystemFiles=False)
    new.reboot()
    assert {node.domain for node in new.files.walk() if node.kind == "file"} == {
        "AppDomain-com.example.notes",
        "AppDomainGroup-group.com.example.notes",
    }


def test_from_26_1_on_the_same_device_class_overrides_the_hosts_option(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    old = another(ios_version="26.1")
    host.backup(old)
    new = SimulatedPhone(ios_version="26.1")
    host.restore(new, old.udid, RemoveItemsNotRestored=False, RestoreSystemFiles=False)
    new.reboot()
    assert new.files.get("HomeDomain", "Library/SMS/sms.db")


def test_data_of_missing_apps_is_skipped_unless_everything_is_replaced(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=False)
    new.reboot()
    assert not [domain for domain in new.files.domains() if domain.startswith("AppDomain")]
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True)
    new.reboot()
    assert "com.example.notes" in new.apps
    assert new.files.get("AppDomain-com.example.notes", "Documents/a.txt")


def test_a_file_whose_directory_rows_are_missing_is_skipped(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved
    rewrite(folder, lambda records: [r for r in records if r.relative_path != "Library/SMS"], PASSWORD)
    new = SimulatedPhone(ios_version="17.5.1")
    assert host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True)["ErrorCode"] == 0
    new.reboot()
    digests = new.files.digests()
    assert "HomeDomain/Library/SMS/sms.db" not in digests
    assert "HomeDomain/Library/Preferences/empty.plist" in digests


def test_two_files_with_one_inode_become_one(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved
    rewrite(
        folder, lambda records: [replace(r, inode=7) if "IMG_" in r.relative_path else r for r in records], PASSWORD
    )
    new = SimulatedPhone(ios_version="17.5.1")
    host.restore(new, old.udid, Password=PASSWORD, RemoveItemsNotRestored=True)
    new.reboot()
    digests = new.files.digests()
    photos = {value for path, value in digests.items() if "IMG_" in path}
    assert photos == {old.files.digests()["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"]}


def test_device_specific_files_do_not_migrate_to_another_phone(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    old = another()
    old.files.add_file("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist", b"pairings")
    host.backup(old)
    new = SimulatedPhone(ios_version="17.5.1")
    host.restore(new, old.udid)
    new.reboot()
    assert not new.files.get("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist")
    host.restore(old, old.udid)
    old.reboot()
    assert old.files.get("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist")


def test_without_a_copy_option_the_host_copies_the_phones_own_backup(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another()
    host.backup(phone)
    answer = host.ask(phone, "Restore", SourceIdentifier=phone.udid, Options={"RestoreShouldReboot": False})
    assert answer["ErrorCode"] == 0 and "CopyItem" in host.names()
    assert len(list(host.root.iterdir())) == 2


# --- refusals


def refused(host: Any, new: SimulatedPhone, source: str, **options: Any) -> tuple[int, str]:
    answer = host.restore(new, source, **({"Password": PASSWORD} | options))
    assert new.pending_restore is None
    return answer["ErrorCode"], answer["ErrorDescription"]


@pytest.mark.parametrize(
    ("ios_version", "read"),
    [
        ("18.5", ["Status.plist", "Manifest.plist", "Manifest.db"]),  # wire logs, and an older decompilation
        ("26.1", ["Manifest.plist", "Manifest.db"]),  # the properties first
    ],
)
def test_find_my_is_refused_before_any_file_is_requested(
    host: Any, saved: tuple[SimulatedPhone, Path], ios_version: str, read: list[str]
) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version=ios_version, find_my=True)
    code, text = refused(host, new, old.udid)
    assert (code, text) == (211, "Find My iPhone must be disabled before restoring (MBErrorDomain/211).")
    asked = [path for message in host.said if message[0] == "DLMessageDownloadFiles" for path in message[1]]
    assert asked == [f"{old.udid}/{name}" for name in read]


def test_a_second_restore_before_the_restart_is_102(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    assert host.restore(new, old.udid, Password=PASSWORD)["ErrorCode"] == 0
    answer = host.restore(new, old.udid, Password=PASSWORD)
    assert answer["ErrorCode"] == 102 and "/var/.backup.i" in answer["ErrorDescription"]


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_or_missing_password_is_207(
    host: Any, saved: tuple[SimulatedPhone, Path], password: str | None
) -> None:
    old, _ = saved
    options = {"Password": password} if password else {}
    answer = host.restore(SimulatedPhone(ios_version="17.5.1"), old.udid, **options)
    assert answer["ErrorCode"] == 207
    assert answer["ErrorDescription"] == (
        "Invalid password when restoring encrypted backup (MBErrorDomain/207). "
        "Underlying error: MKBKeyBagUnlock error (-3)."
    )


def test_a_phone_without_space_is_106_and_one_in_setup_212(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, _ = saved
    full = SimulatedPhone(ios_version="17.5.1", capacity_bytes=1000)
    code, text = refused(host, full, old.udid)
    assert code == 106 and text.startswith("Insufficient free disk space on device to restore (1000 < ")
    assert refused(host, SimulatedPhone(ios_version="17.5.1", setup="running"), old.udid)[0] == 212


def test_a_backup_with_endless_files_closes_the_link(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved
    spoil(folder, "Documents/a.txt", bytes(70 << 20))
    with pytest.raises(ConnectionError):
        host.restore(SimulatedPhone(ios_version="17.5.1", capacity_bytes=1 << 20), old.udid, Password=PASSWORD)


def test_application_ids_restrict_the_apps(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    new.apps["com.example.notes"] = old.apps["com.example.notes"]
    options = {"Password": PASSWORD, "RemoveItemsNotRestored": False, "RestoreShouldReboot": False}
    for wanted, found in ((["com.other"], False), (["com.example.notes"], True)):
        host.ask(new, "Restore", SourceIdentifier=old.udid, Options=options, ApplicationIDs=wanted)
        new.reboot()
        assert (new.files.get("AppDomainGroup-group.com.example.notes", "shared.txt") is not None) is found


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"BackupState": "empty"}, 204),
        ({"BackupState": "empty", "SnapshotState": "uploading"}, 204),
        ({"BackupState": "old"}, 203),
        ({"Version": "5.0"}, 203),
        ({"SnapshotState": "dancing"}, 205),
    ],
)
def test_an_unfinished_or_invalid_backup_is_refused(
    host: Any, saved: tuple[SimulatedPhone, Path], status: dict[str, Any], code: int
) -> None:
    old, folder = saved
    change(folder, "Status.plist", **status)
    assert refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)[0] == code


def test_a_backup_without_status_is_204_and_without_manifest_205(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved
    (folder / "Manifest.db").unlink()
    assert refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)[0] == 205
    (folder / "Status.plist").unlink()
    code, text = refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)
    assert code == 204 and text.startswith("No status exists in backup")


@pytest.mark.parametrize(
    ("phone", "backup", "required", "fits"),
    [
        ("17.5.1", "17.5.1", None, True),
        ("17.5", "17.5.1", None, False),
        ("18.0", "17.5.1", None, True),
        ("26.1", "26.1.1", "26.1", True),
        ("26.0", "26.1.1", "26.0", False),
        ("26.1.0", "26.1.1", "26.1.1", False),
        ("17.5.1", None, None, True),
        ("17.5.1", "seventeen", None, True),
    ],
)
def test_versions_are_compatible_as_in_mbisrestorecompatible(
    phone: str, backup: str | None, required: str | None, fits: bool
) -> None:
    assert is_compatible(tuple(map(int, phone.split("."))), backup, required) is fits


def test_a_backup_of_a_newer_ios_is_203_and_one_without_info_is_not(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, folder = saved
    older = SimulatedPhone(ios_version="17.4")
    code, text = refused(host, older, old.udid)
    assert (code, text) == (203, "Backup is from an incompatible OS version (MBErrorDomain/203).")
    (folder / "Info.plist").unlink()
    assert host.restore(older, old.udid, Password=PASSWORD)["ErrorCode"] == 0


def spoil(folder: Path, path: str, data: bytes | None) -> None:
    with open_manifest(BackupFolder(folder), PASSWORD) as manifest:
        record = next(r for r in manifest.records() if r.relative_path == path)
    blob = folder / record.file_id[:2] / record.file_id
    if data is None:
        blob.unlink()
    else:
        blob.write_bytes(data)


@pytest.mark.parametrize(
    ("path", "data", "text"),
    [
        ("Library/SMS/sms.db", None, "Multiple errors downloading files"),
        ("Library/SMS/sms.db", b"x" * 5616, "Digest didn't match for some files"),
        ("Media/DCIM/100APPLE/IMG_0002.JPG", b"plain" * 1000, "File is not encrypted with its key"),
        ("Documents/a.txt", b"a note", "File is not encrypted with its key"),
    ],
)
def test_a_missing_or_changed_file_is_205(
    host: Any, saved: tuple[SimulatedPhone, Path], path: str, data: bytes | None, text: str
) -> None:
    old, folder = saved
    spoil(folder, path, data)
    code, answer = refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)
    assert code == 205 and text in answer


def renamed(records: list[Record], path: str, **keys: Any) -> list[Record]:
    return [replace(r, **keys) if r.relative_path == path else r for r in records]


@pytest.mark.parametrize(
    ("keys", "code", "text"),
    [
        ({"domain": "AppDomain-com.unheard.of"}, 205, "Unknown domain name"),
        ({"relative_path": "../../etc/passwd"}, 205, "Invalid relative path"),
        ({"relative_path": "x" * 256}, 107, "Path is too long"),
        ({"encryption_key": None}, 205, "No encryption key"),
        ({"encryption_key": bytes([1]) + bytes(43)}, 205, "another protection class"),
        ({"encryption_key": bytes([3]) + bytes(43)}, 205, "Invalid encryption key"),
    ],
)
def test_a_hand_made_manifest_that_breaks_a_rule_is_refused(
    host: Any, saved: tuple[SimulatedPhone, Path], keys: dict[str, Any], code: int, text: str
) -> None:
    old, folder = saved
    rewrite(folder, lambda records: renamed(records, "Library/SMS/sms.db", **keys), PASSWORD)
    found = refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)
    assert found[0] == code and text in found[1]


def test_a_slash_in_a_domain_is_refused_since_18_2_and_skipped_before(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, folder = saved
    rewrite(folder, lambda records: renamed(records, "Library/SMS/sms.db", domain="../HomeDomain"), PASSWORD)
    code, text = refused(host, SimulatedPhone(ios_version="18.2"), old.udid)
    assert code == 205 and "Domain name cannot contain a slash" in text
    older = SimulatedPhone(ios_version="18.1")
    assert host.restore(older, old.udid, Password=PASSWORD)["ErrorCode"] == 0
    older.reboot()
    assert not [path for path in older.files.digests() if "sms.db" in path]


def test_two_rows_for_one_path_close_the_connection(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved

    def doubled(records: list[Record]) -> list[Record]:
        twin = next(r for r in records if r.relative_path == "Library/SMS/sms.db")
        return [*records, replace(twin, file_id="f" * 40)]

    rewrite(folder, doubled, PASSWORD)
    with pytest.raises(ConnectionError):
        host.restore(SimulatedPhone(ios_version="17.5.1"), old.udid, Password=PASSWORD)


def test_a_backup_without_its_keybag_is_205(host: Any, another: Callable[..., SimulatedPhone], tmp_path: Path) -> None:
    old = another(backup_password=PASSWORD)
    host.backup(old)
    change(host.root / old.udid, "Manifest.plist", BackupKeyBag=None)
    code, text = refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)
    assert (code, text) == (205, "No keybag in manifest (MBErrorDomain/205).")


def test_a_cable_pulled_during_a_restore_leaves_the_phone_as_it_was(
    host: Any, saved: tuple[SimulatedPhone, Path]
) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    new.faults.drop_restore_after_bytes = 250_000
    with pytest.raises(ConnectionError):
        host.restore(new, old.udid, Password=PASSWORD)
    assert new.pending_restore is None and new.files.digests() == {}
    assert host.restore(new, old.udid, Password=PASSWORD)["ErrorCode"] == 0


def test_some_phones_drop_the_link_instead_of_the_response(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, _ = saved
    new = SimulatedPhone(ios_version="17.5.1")
    new.faults.drop_instead_of_response = True
    with pytest.raises(ConnectionError):
        host.restore(new, old.udid, Password=PASSWORD)
    assert new.pending_restore is not None


def test_a_backup_restored_from_a_copied_folder_is_the_same(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    _, folder = saved
    shutil.copytree(folder, host.root / "elsewhere")
    new = SimulatedPhone(ios_version="17.5.1")
    assert host.restore(new, "elsewhere", Password=PASSWORD)["ErrorCode"] == 0
    assert next(r for r in host.said if r[0] == "DLMessageDownloadFiles")[1] == ["elsewhere/Status.plist"]


def test_a_replace_with_an_unencrypted_backup_keeps_the_phones_password(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    old, new = another(), another(backup_password="its own")
    host.backup(old)
    host.restore(new, old.udid, RemoveItemsNotRestored=True)
    new.reboot()
    assert new.backup_password == "its own"


# --- Manifest.mbdb, as hand-made sets bring it


def mbdb_of(files: dict[tuple[str, str], bytes | None]) -> bytes:
    """The manifest format before iOS 10, as facts 3.7 describes it; None stands for a directory."""

    def text(value: str | None) -> bytes:
        return b"\xff\xff" if value is None else struct.pack(">H", len(value)) + value.encode()

    data = b"mbdb\x05\x00"
    for number, ((domain, path), content) in enumerate(files.items()):
        mode = 0o040755 if content is None else 0o100644
        data += text(domain) + text(path) + text(None) * 3
        data += struct.pack(">HQIIIIIQBB", mode, 900 + number, 501, 501, 1, 2, 3, len(content or b""), 3, 0)
    return data


def hand_made(root: Path, name: str, *, keybag: bytes | None) -> None:
    folder = root / name
    folder.mkdir()
    files: dict[tuple[str, str], bytes | None] = {
        ("HomeDomain", ""): None,
        ("HomeDomain", "Library"): None,
        ("HomeDomain", "Library/by-hand.plist"): b"by hand",
    }
    (folder / "Manifest.mbdb").write_bytes(mbdb_of(files))
    for (domain, path), content in files.items():
        if content is not None:
            stored = hashlib.sha1(f"{domain}-{path}".encode(), usedforsecurity=False).hexdigest()
            (folder / stored).write_bytes(content)
    manifest = {"Version": "9.1", "SystemDomainsVersion": "20.0", "IsEncrypted": False, "Lockdown": {}}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest | ({"BackupKeyBag": keybag} if keybag else {})))
    status = {"BackupState": "new", "SnapshotState": "finished", "IsFullBackup": False, "Version": "2.4", "UUID": "A-1"}
    (folder / "Status.plist").write_bytes(plistlib.dumps(status))


@pytest.mark.parametrize("ios_version", ["16.4", "18.5", "26.1"])
def test_up_to_26_a_hand_made_mbdb_is_an_overlay(
    host: Any, another: Callable[..., SimulatedPhone], ios_version: str
) -> None:
    hand_made(host.root, "by-hand", keybag=None)
    phone = another(ios_version=ios_version)
    assert host.restore(phone, "by-hand", RemoveItemsNotRestored=False)["ErrorCode"] == 0
    phone.reboot()
    digests = phone.files.digests()
    assert digests["HomeDomain/Library/by-hand.plist"] == hashlib.sha256(b"by hand").hexdigest()
    assert "HomeDomain/Library/SMS/sms.db" in digests


@pytest.mark.parametrize("keybag", [None, b"whatever"])
def test_27_requires_a_real_manifest_with_a_keybag(host: Any, keybag: bytes | None) -> None:
    hand_made(host.root, "by-hand", keybag=keybag)
    phone = SimulatedPhone(ios_version="27.0")
    code, text = refused(host, phone, "by-hand", RemoveItemsNotRestored=False)
    assert code == 205 and "No keybag in manifest" in text


def test_a_folder_without_any_manifest_is_205(host: Any, saved: tuple[SimulatedPhone, Path]) -> None:
    old, folder = saved
    (folder / "Manifest.db").unlink()
    code, text = refused(host, SimulatedPhone(ios_version="17.5.1"), old.udid)
    assert code == 205 and "Manifest.mbdb" in text


def test_the_copy_of_the_phones_own_backup_is_named_after_its_date(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another()
    host.backup(phone)
    host.ask(phone, "Restore", SourceIdentifier=phone.udid, Options={"RestoreShouldReboot": False})
    (aside,) = (path for path in host.root.iterdir() if path.name != phone.udid)
    told = plistlib.loads((aside / "Info.plist").read_bytes())
    assert told["Display Name"] == f"iPhone ({aside.name.removeprefix(phone.udid)[1:]})"
    assert "Display Name" not in plistlib.loads((host.root / phone.udid / "Info.plist").read_bytes())
