"""Assumptions about real phones: each alternative can be set."""

from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.record import file_id
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import Content
from migrate.simulator.device.phone import SimulatedPhone

Make = Callable[..., SimulatedPhone]
HOME, SMS = "HomeDomain", "Library/SMS/sms.db"
MESSAGES = "SELECT COUNT(*) FROM message"


def paths_of(folder: Path, domain: str) -> set[str]:
    with open_manifest(BackupFolder(folder), None) as manifest:
        return {record.relative_path for record in manifest.records() if record.domain == domain}


def written(folder: Path, name: str, content: Content) -> Path:
    path = folder / name
    path.write_bytes(b"".join(content.chunks()))
    return path


def answer_of(path: Path, query: str) -> Any:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchone()[0]


# --- databases


def text_messages(phone: SimulatedPhone, folder: Path, count: int) -> None:
    """Gives the phone an sms.db in use: half of its messages are only in the log."""
    path = folder / "in-use.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT)")
        for half in (range(count // 2), range(count // 2, count)):
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            rows = ((f"{phone.udid} says {number} " + "x" * 400,) for number in half)
            database.executemany("INSERT INTO message (text) VALUES (?)", rows)
        for end in ("", "-wal", "-shm"):
            phone.files.add_file(HOME, f"{SMS}{end}", Path(f"{path}{end}").read_bytes())
    path.unlink()


@pytest.fixture
def texting(tmp_path: Path, another: Make) -> SimulatedPhone:
    phone = another()
    text_messages(phone, tmp_path, 30)
    return phone


def test_a_consistent_copy_holds_what_was_in_the_log_and_has_no_companions(
    host: Any, texting: SimulatedPhone, tmp_path: Path
) -> None:
    texting.assume.databases = "consistent"
    assert host.backup(texting)["ErrorCode"] == 0
    folder = host.root / texting.udid
    assert not [path for path in paths_of(folder, HOME) if path.startswith(f"{SMS}-")]
    stored = file_id(HOME, SMS)
    data = (folder / stored[:2] / stored).read_bytes()
    (tmp_path / "sms.db").write_bytes(data)
    assert answer_of(tmp_path / "sms.db", MESSAGES) == 30
    assert data != b"".join(texting.files.get(HOME, SMS).content.chunks())  # type: ignore[union-attr]


def test_as_they_lie_sends_database_and_log_separately(host: Any, texting: SimulatedPhone) -> None:
    assert host.backup(texting)["ErrorCode"] == 0
    assert {SMS, f"{SMS}-wal", f"{SMS}-shm"} <= paths_of(host.root / texting.udid, HOME)


def test_a_copy_is_sent_again_when_only_the_log_has_changed(host: Any, texting: SimulatedPhone) -> None:
    texting.assume.databases = "consistent"
    host.backup(texting)
    host.backup(texting)
    stored = file_id(HOME, SMS)
    assert not [name for name in host.uploaded if name.endswith(stored)]
    log = texting.files.get(HOME, f"{SMS}-wal")
    assert log is not None
    texting.files.add_file(HOME, f"{SMS}-wal", log.content)
    host.backup(texting)
    assert [name for name in host.uploaded if name.endswith(stored)]


def test_a_database_that_sqlite_cannot_open_keeps_its_companions(host: Any, another: Make) -> None:
    phone = another()
    phone.assume.databases = "consistent"
    phone.files.add_file(HOME, f"{SMS}-wal", b"a log of something that is no database")
    assert host.backup(phone)["ErrorCode"] == 0
    assert f"{SMS}-wal" in paths_of(host.root / phone.udid, HOME)


def test_a_log_left_beside_a_replaced_database_spoils_it_as_on_a_real_phone(
    host: Any, another: Make, tmp_path: Path
) -> None:
    """The old phone sends only its sms.db; the new phone's own -wal stays beside it and overrides it."""
    old, new = another(ios_version="26.1"), another(ios_version="26.1")
    text_messages(old, tmp_path, 300)
    text_messages(new, tmp_path, 40)
    old.assume.databases = "consistent"
    host.backup(old)
    assert host.restore(new, old.udid, RemoveItemsNotRestored=False)["ErrorCode"] == 0
    new.reboot()
    files = {end: new.files.get(HOME, f"{SMS}{end}") for end in ("", "-wal")}
    assert files[""] is not None and files["-wal"] is not None
    alone = written(tmp_path, "alone.db", files[""].content)
    assert answer_of(alone, MESSAGES) == 300
    beside = written(tmp_path, "sms.db", files[""].content)
    written(tmp_path, "sms.db-wal", files["-wal"].content)
    try:
        spoilt = answer_of(beside, MESSAGES) != 300 or answer_of(beside, "PRAGMA integrity_check") != "ok"
    except sqlite3.DatabaseError:
        spoilt = True
    assert spoilt


# --- what arrives when


@pytest.fixture
def pictured(host: Any, another: Make) -> SimulatedPhone:
    """An old phone with an app and pictures, backed up."""
    old = another()
    old.apps["com.example.notes"] = App("com.example.notes", "Notes", group_ids=("group.com.example.notes",))
    assert host.backup(old)["ErrorCode"] == 0
    return old


@pytest.mark.parametrize("installs", ["with-remove", "with-list"])
def test_a_list_of_apps_installs_them_without_a_replace_only_if_assumed(
    host: Any, pictured: SimulatedPhone, installs: str
) -> None:
    new = SimulatedPhone(ios_version="17.5.1")
    new.assume.store_installs = installs  # type: ignore[assignment]
    new.afc_files[RESTORE_APPLICATIONS] = plistlib.dumps({"com.example.notes": {}})
    host.restore(new, pictured.udid, RemoveItemsNotRestored=False)
    new.reboot()
    assert ("com.example.notes" in new.apps) is (installs == "with-list")


# --- exact domains, allow-lists, the class of the device, sizes


@pytest.mark.parametrize(("assumed", "stays"), [(None, True), (("HealthDomain",), False)])
def test_more_domains_can_be_exact_than_ios_27_is_known_for(
    host: Any, another: Make, assumed: tuple[str, ...] | None, stays: bool
) -> None:
    old, new = another(), another(ios_version="27.0")
    host.backup(old)  # not encrypted: no Health in it
    new.files.add_file("HealthDomain", "MedicalID/mine", b"blood group")
    new.assume.exact_domains = assumed
    assert host.restore(new, old.udid, RemoveItemsNotRestored=False)["ErrorCode"] == 0
    new.reboot()
    assert (new.files.get("HealthDomain", "MedicalID/mine") is not None) is stays
    assert new.setup == "finished" and new.setup_state == "RestoredFromiTunesBackup"
    assert new.trust == "trusted"  # pairing survives a partial restore (facts 4.8)


@pytest.mark.parametrize(("assumed", "there"), [("taken", True), ("left-out", False)])
def test_paths_outside_the_allow_list_are_taken_or_left_out(
    host: Any, another: Make, assumed: Any, there: bool
) -> None:
    old, new = another(), another()
    old.files.add_file(HOME, "Library/Unheard/of", b"x")
    host.backup(old)
    new.assume.unknown_paths = assumed
    host.restore(new, old.udid, RemoveItemsNotRestored=True)
    new.reboot()
    assert (new.files.get(HOME, "Library/Unheard/of") is not None) is there
    old.assume.unknown_paths = assumed
    host.backup(old)
    assert ("Library/Unheard/of" in paths_of(host.root / old.udid, HOME)) is there
    assert SMS in paths_of(host.root / old.udid, HOME)


@pytest.mark.parametrize(
    ("ios_version", "assumed", "there"),
    [("18.5", None, False), ("26.1", None, True), ("18.5", True, True), ("26.1", False, False)],
)
def test_the_device_class_in_a_backup_can_be_assumed(
    host: Any, another: Make, ios_version: str, assumed: bool | None, there: bool
) -> None:
    phone = another(ios_version=ios_version)
    phone.assume.device_class_in_backup = assumed
    host.backup(phone)
    lockdown = plistlib.loads((host.root / phone.udid / "Manifest.plist").read_bytes())["Lockdown"]
    assert ("DeviceClass" in lockdown) is there


def test_without_a_device_class_the_host_decides_about_system_files(host: Any, another: Make) -> None:
    phone = another(ios_version="26.1")
    phone.assume.device_class_in_backup = False
    host.backup(phone)
    new = SimulatedPhone(ios_version="26.1")
    host.restore(new, phone.udid, RemoveItemsNotRestored=False, RestoreSystemFiles=False)
    new.reboot()
    assert new.files.get(HOME, SMS) is None


@pytest.mark.parametrize(("needs", "code"), [(0, 0), (2 << 30, 101)])
def test_a_phone_without_space_for_its_snapshot_ends_a_backup_if_assumed(
    host: Any, another: Make, needs: int, code: int
) -> None:
    phone = another()
    phone.faults.free_bytes, phone.assume.snapshot_needs_bytes = 1 << 30, needs
    assert host.backup(phone)["ErrorCode"] == code


@pytest.mark.parametrize(("checked", "code"), [(False, 0), (True, 205)])
def test_files_shorter_than_their_rows_are_refused_only_if_assumed(
    host: Any, another: Make, checked: bool, code: int
) -> None:
    phone = another(ios_version="27.0")
    phone.faults.unreadable["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"] = "Input/output error (5)"
    host.backup(phone)
    phone.assume.sizes_checked = checked
    answer = host.restore(phone, phone.udid)
    assert answer["ErrorCode"] == code
    if checked:
        assert "Failed to validate backup" in answer["ErrorDescription"]
