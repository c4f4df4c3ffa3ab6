"""Backups of the simulated iPhone, observed by the test's own host."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.record import Kind, Record
from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest, pad_manifest


def rows(folder: Path, password: str | None = None) -> dict[str, Record]:
    with open_manifest(BackupFolder(folder), password) as manifest:
        return {f"{record.domain}/{record.relative_path}": record for record in manifest.records()}


def blob(folder: Path, record: Record) -> bytes:
    return (folder / record.file_id[:2] / record.file_id).read_bytes()


def status_of(folder: Path) -> dict[str, Any]:
    return dict(plistlib.loads((folder / "Status.plist").read_bytes()))


def test_a_first_backup_has_the_message_order_of_a_real_one(host: Any, phone: SimulatedPhone) -> None:
    assert host.backup(phone) == {"MessageName": "Response", "ErrorCode": 0}
    order = [name for number, name in enumerate(host.names()) if number == 0 or host.names()[number - 1] != name]
    assert order == [
        "DownloadFiles",  # Status.plist, which is missing
        "DLContentsOfDirectory",
        "GetFreeDiskSpace",
        "CreateDirectory",
        "UploadFiles",  # Status uploading, the files, Snapshot/Manifest.plist, .db, Status moving
        "DLContentsOfDirectory",
        "MoveItems",
        "UploadFiles",  # Status removing
        "RemoveItems",
        "UploadFiles",  # Status finished
        "DownloadFiles",
        "DLContentsOfDirectory",
        "ProcessMessage",
    ]
    folder = host.root / phone.udid
    found = rows(folder)
    assert blob(folder, found["HomeDomain/Library/SMS/sms.db"]) == b"messages" * 700
    assert found["HomeDomain/"].kind is Kind.DIRECTORY
    assert found["HomeDomain/Library/link"].target == "/private/var/mobile/Library/SMS"
    assert status_of(folder)["SnapshotState"] == "finished" and status_of(folder)["IsFullBackup"] is False
    assert not (folder / "Snapshot").exists()


def test_the_512_directories_are_created_in_random_order(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    made = [message[1] for message in host.said if message[0] == "DLMessageCreateDirectory"]
    shards = [path for path in made if path.count("/") == 1 and not path.endswith("Snapshot")]
    assert len(made) == 1 + 256 + 1 + 256 and len(set(shards)) == 256 and shards != sorted(shards)


def test_an_unencrypted_backup_omits_paths_for_encrypted_ones(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    found = rows(host.root / phone.udid)
    assert "HomeDomain/Library/Safari/SafariTabs.db" not in found
    assert not any("Caches" in path or path.startswith("HealthDomain/Health") for path in found)
    plist = plistlib.loads((host.root / phone.udid / "Manifest.plist").read_bytes())
    assert plist["BackupKeyBag"][:4] == b"VERS" and plist["IsEncrypted"] is False and "ManifestKey" not in plist


def test_apps_groups_and_plugins_are_named_in_the_properties(host: Any, phone: SimulatedPhone) -> None:
    phone.apps["com.example.notes"] = App("com.example.notes", "Notes", version="7")
    host.backup(phone)
    applications = plistlib.loads((host.root / phone.udid / "Manifest.plist").read_bytes())["Applications"]
    assert applications["com.example.notes"]["CFBundleVersion"] == "7"
    assert applications["com.example.notes"]["ContainerContentClass"] == "Data/Application"
    assert applications["group.com.example.notes"]["ContainerContentClass"] == "Shared/AppGroup"


def test_an_encrypted_backup_encrypts_everything_and_holds_more(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another(backup_password="correct-horse-1947")
    host.backup(phone)
    folder = host.root / phone.udid
    found = rows(folder, "correct-horse-1947")
    assert {"HomeDomain/Library/Safari/SafariTabs.db", "HealthDomain/Health/healthdb.sqlite"} <= found.keys()
    photo = found["CameraRollDomain/Media/DCIM/100APPLE/IMG_0002.JPG"]
    assert len(blob(folder, photo)) == 16 * 4096 + 16 and photo.digest is None
    assert len(blob(folder, found["HomeDomain/Library/Preferences/empty.plist"])) == 16
    assert found["HomeDomain/Library/SMS/sms.db"].digest is not None
    assert not any(b"messages" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert all(record.encryption_key for record in found.values() if record.kind is Kind.FILE)


def test_some_phones_store_empty_files_without_padding(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    phone = another(backup_password="secret")
    phone.faults.empty_blobs = True
    host.backup(phone)
    folder = host.root / phone.udid
    assert blob(folder, rows(folder, "secret")["HomeDomain/Library/Preferences/empty.plist"]) == b""
    new = SimulatedPhone(ios_version="17.5.1")
    assert host.restore(new, phone.udid, Password="secret")["ErrorCode"] == 0


def test_an_incremental_backup_sends_changes_and_removes_deleted_files(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    first = status_of(host.root / phone.udid)["UUID"]
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"MESSAGES" * 700)
    phone.files.add_file("HomeDomain", "Library/new", b"new")
    phone.files.remove("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
    gone = rows(host.root / phone.udid)["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"]
    assert host.backup(phone)["ErrorCode"] == 0
    files = [name for name in host.uploaded if "/Snapshot/" in name and "Manifest" not in name]
    assert len(files) == 2
    folder = host.root / phone.udid
    found = rows(folder)
    assert blob(folder, found["HomeDomain/Library/SMS/sms.db"]) == b"MESSAGES" * 700
    assert not (folder / gone.file_id[:2] / gone.file_id).exists()
    assert status_of(folder)["UUID"] != first


def test_an_incremental_backup_reads_three_files_and_then_lists_the_folder(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    host.backup(phone)
    head = [message[1] for message in host.said[:4]]
    assert head[:3] == [[f"{phone.udid}/{name}"] for name in ("Status.plist", "Manifest.plist", "Manifest.db")]
    assert host.said[3][0] == "DLContentsOfDirectory" and head[3] == phone.udid


def test_a_backup_without_changes_sends_no_file(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    phone = another(backup_password="secret")
    host.backup(phone)
    host.backup(phone)
    assert not [name for name in host.uploaded if "/Snapshot/" in name and "Manifest" not in name]


def test_a_file_missing_on_the_host_forces_a_full_backup_beside_the_old_one(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    folder = host.root / phone.udid
    record = rows(folder)["HomeDomain/Library/SMS/sms.db"]
    (folder / record.file_id[:2] / record.file_id).unlink()
    host.backup(phone)
    moves = [message[1] for message in host.said if message[0] == "DLMessageMoveItems"]
    assert list(moves[0]) == [phone.udid] and moves[0][phone.udid].startswith(f"{phone.udid}-")
    assert blob(folder, record) == b"messages" * 700
    assert [path.name for path in host.root.iterdir()] == [phone.udid]
    assert (folder / "Info.plist").exists()


@pytest.mark.parametrize("answer", ["fetch", "full"])
def test_rows_missing_from_the_manifest_are_sent_again_or_all_are(
    host: Any, phone: SimulatedPhone, answer: str
) -> None:
    host.backup(phone)
    folder = host.root / phone.udid
    before = rows(folder)
    lost = before.pop("HomeDomain/Library/SMS/sms.db")
    writer = MemoryManifest(phone.ios_version)
    for record in before.values():
        writer.add(record)
    (folder / "Manifest.db").write_bytes(pad_manifest(writer.to_bytes()))
    (folder / lost.file_id[:2] / lost.file_id).unlink()
    phone.assume.missing_rows = "full" if answer == "full" else "fetch"
    host.backup(phone)
    assert blob(folder, rows(folder)["HomeDomain/Library/SMS/sms.db"]) == b"messages" * 700
    sent = [name for name in host.uploaded if len(name.rpartition("/")[2]) == 40]
    files = [record for record in before.values() if record.kind is Kind.FILE]
    assert len(sent) == (1 if answer == "fetch" else len(files) + 1)
    host.backup(phone)
    assert not [name for name in host.uploaded if len(name.rpartition("/")[2]) == 40], "the new manifest is accepted"


def test_a_forced_full_backup_sends_everything_again(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    every = len(host.uploaded)
    host.backup(phone, ForceFullBackup=True)
    assert len(host.uploaded) == every


def test_turning_encryption_on_makes_the_next_backup_a_full_one(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    assert host.ask(phone, "ChangePassword", NewPassword="secret")["ErrorCode"] == 0
    host.backup(phone)
    assert "HomeDomain/Library/Safari/SafariTabs.db" in rows(host.root / phone.udid, "secret")


def test_an_empty_properties_file_beside_a_finished_status_is_refused(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    (host.root / phone.udid / "Manifest.plist").write_bytes(b"")
    answer = host.backup(phone)
    assert answer["ErrorCode"] == 205
    assert answer["ErrorDescription"] == (
        "Error reading backup properties (MBErrorDomain/205). "
        "Underlying error: Cannot parse a NULL or zero-length data (MBErrorDomain/11)."
    )


def test_pymobiledevice3s_synthetic_status_and_empty_properties_make_a_first_full_backup(
    host: Any, phone: SimulatedPhone
) -> None:
    folder = host.root / phone.udid
    folder.mkdir()
    status = {"BackupState": "new", "IsFullBackup": True, "Version": "3.3", "SnapshotState": "finished", "UUID": "A-1"}
    (folder / "Status.plist").write_bytes(plistlib.dumps(status))
    (folder / "Manifest.plist").write_bytes(b"")
    assert host.backup(phone)["ErrorCode"] == 0
    assert [path.name for path in host.root.iterdir()] == [phone.udid]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Version": "2.3"}, 203),
        ({"Version": "4.0"}, 203),
        ({"Version": [1]}, 205),
        ({"UUID": 7}, 205),
    ],
)
def test_an_invalid_status_is_refused(host: Any, phone: SimulatedPhone, change: dict[str, Any], code: int) -> None:
    host.backup(phone)
    folder = host.root / phone.udid
    (folder / "Status.plist").write_bytes(plistlib.dumps(status_of(folder) | change))
    assert host.backup(phone)["ErrorCode"] == code


def test_a_host_needs_128_mib_and_one_byte_more_than_is_sent(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    need = sum(record.size or 0 for record in rows(host.root / phone.udid).values()) + 0x8000000
    host.free_bytes = need
    answer = host.backup(phone, ForceFullBackup=True)
    purges = [message for message in host.said if message[0] == "DLMessagePurgeDiskSpace"]
    assert answer["ErrorCode"] == 105 and purges == [["DLMessagePurgeDiskSpace", 0x80000000, 4]]
    assert f"({need} < {need})" in answer["ErrorDescription"]
    host.free_bytes = need + 1
    assert host.backup(phone, ForceFullBackup=True)["ErrorCode"] == 0


def test_a_host_that_frees_space_gets_its_backup(host: Any, phone: SimulatedPhone) -> None:
    host.free_bytes, host.purge_gives = 5, 1 << 32
    assert host.backup(phone)["ErrorCode"] == 0


@pytest.mark.parametrize(
    ("status", "inner", "outer"), [(-15, 105, 104), (-11, 100, 104), (-6, 4, 205), (-7, 3, 205), (-1, 100, 104)]
)
def test_a_host_error_during_the_upload_is_104_or_205_with_its_cause(
    host: Any, phone: SimulatedPhone, status: int, inner: int, outer: int
) -> None:
    """A disk that fills up during the transfer is 104, not 105."""
    answers = iter([0, status])  # Status.plist, then the first batch
    done = host._status
    upload = host._UploadFiles

    def refuse(*message: Any) -> None:
        code = next(answers)
        host._status = lambda *_: done(code)
        upload(*message)
        host._status = done

    host._UploadFiles = refuse
    answer = host.backup(phone)
    assert answer["ErrorCode"] == outer
    assert f"(MBErrorDomain/{inner})" in answer["ErrorDescription"].partition("Underlying error:")[2]


def test_a_file_that_vanishes_before_the_final_verification_is_205(host: Any, phone: SimulatedPhone) -> None:
    def lose_a_photo(message: list[Any]) -> None:
        if message[1] == [f"{phone.udid}/Manifest.db"]:
            next(path for path in (host.root / phone.udid).glob("??/*")).unlink()

    host.before["DLMessageDownloadFiles"] = lose_a_photo
    answer = host.backup(phone)
    assert answer["ErrorCode"] == 205 and "Manifest references files not in backup" in answer["ErrorDescription"]


def test_an_unreadable_file_is_cut_off_and_sent_again_next_time(host: Any, phone: SimulatedPhone) -> None:
    phone.faults.unreadable_once["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"] = "Input/output error (5)"
    assert host.backup(phone)["ErrorCode"] == 0
    folder = host.root / phone.udid
    record = rows(folder)["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"]
    assert list(host.failed_uploads.values()) == ["Input/output error (5)"]
    assert len(blob(folder, record)) == 150_000
    host.failed_uploads.clear()
    assert host.backup(phone)["ErrorCode"] == 0
    assert not host.failed_uploads and len(blob(folder, record)) == 300_001


def test_frames_are_32_kib_or_of_the_given_sizes(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    assert max(host.frames) == 32768
    host.frames.clear()
    phone.faults.frame_sizes = (1, 4093, 17)
    assert host.backup(phone, ForceFullBackup=True)["ErrorCode"] == 0
    assert max(host.frames) == 4093 and 1 in host.frames
    record = rows(host.root / phone.udid)["CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"]
    assert len(blob(host.root / phone.udid, record)) == 300_001


def test_more_than_128_files_are_sent_and_moved_in_batches(host: Any, phone: SimulatedPhone) -> None:
    for number in range(300):
        phone.files.add_file("MediaDomain", f"Media/{number}", b"x")
    assert host.backup(phone)["ErrorCode"] == 0
    assert host.names().count("MoveItems") == 3 + 2
    for number in range(300):
        phone.files.remove("MediaDomain", f"Media/{number}")
    assert host.backup(phone)["ErrorCode"] == 0
    assert host.names().count("RemoveItems") == 3 + 1


# --- interrupted, and going on


def cut_in_the_middle(host: Any, phone: SimulatedPhone, after_bytes: int) -> None:
    phone.faults.drop_save_after_bytes = after_bytes
    with pytest.raises(ConnectionError):
        host.backup(phone)


@pytest.mark.parametrize("password", [None, "secret"])
def test_an_interrupted_first_backup_resumes_and_sends_the_rest(
    host: Any, another: Callable[..., SimulatedPhone], password: str | None
) -> None:
    phone = another(backup_password=password)
    for number in range(6):
        phone.files.add_file("CameraRollDomain", f"Media/DCIM/100APPLE/IMG_1{number}.JPG", b"%d" % number * 50_000)
    cut_in_the_middle(host, phone, 520_000)
    folder = host.root / phone.udid
    assert status_of(folder)["SnapshotState"] == "uploading"
    whole = {path.name: path.read_bytes() for path in (folder / "Snapshot").glob("??/*")}
    begun = status_of(folder)["UUID"]
    assert host.backup(phone)["ErrorCode"] == 0
    sent_again = [name for name in host.uploaded if name.rpartition("/")[2] in whole]
    assert len(sent_again) <= 1 < len(whole)  # at most the file that was cut
    assert status_of(folder)["UUID"] == begun
    found = rows(folder, password)
    assert len(found) == len({*found}) and all(
        (folder / r.file_id[:2] / r.file_id).exists() for r in found.values() if r.kind is Kind.FILE
    )
    for name, data in whole.items():
        assert (folder / name[:2] / name).read_bytes().startswith(data)  # the same key: the same bytes


def test_a_file_changed_during_the_interruption_is_sent_again(host: Any, phone: SimulatedPhone) -> None:
    cut_in_the_middle(host, phone, 450_000)
    phone.files.add_file("AppDomain-com.example.notes", "Documents/a.txt", b"another note")
    assert host.backup(phone)["ErrorCode"] == 0
    folder = host.root / phone.udid
    assert blob(folder, rows(folder)["AppDomain-com.example.notes/Documents/a.txt"]) == b"another note"


def test_a_backup_cut_while_moving_is_finished_without_an_upload(host: Any, phone: SimulatedPhone) -> None:
    def pull(_: list[Any]) -> None:
        host.before.clear()
        raise ConnectionError("pulled")

    host.before["DLMessageMoveItems"] = pull
    with pytest.raises(ConnectionError):
        host.backup(phone)
    assert status_of(host.root / phone.udid)["SnapshotState"] == "moving"
    assert host.backup(phone)["ErrorCode"] == 0
    assert {name.rpartition("/")[2] for name in host.uploaded} == {"Status.plist"}
    assert rows(host.root / phone.udid)


@pytest.mark.parametrize(
    ("cut", "count"),
    [
        ("DLMessageMoveItems", 2),
        ("DLMessageRemoveItems", 1),
        ("DLMessageDownloadFiles", 2),
        ("DLMessageUploadFiles", 5),
        ("DLMessageUploadFiles", 7),
    ],
)
def test_an_incremental_backup_cut_anywhere_is_completed(
    host: Any, phone: SimulatedPhone, cut: str, count: int
) -> None:
    host.backup(phone)
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"changed")
    seen: list[str] = []

    def pull(_: list[Any]) -> None:
        seen.append(cut)
        if len(seen) == count:
            raise ConnectionError("pulled")

    host.before[cut] = pull
    with pytest.raises(ConnectionError):
        host.backup(phone)
    host.before.clear()
    assert host.backup(phone)["ErrorCode"] == 0
    folder = host.root / phone.udid
    assert blob(folder, rows(folder)["HomeDomain/Library/SMS/sms.db"]) == b"changed"


def test_a_new_status_on_the_host_starts_the_backup_over(host: Any, phone: SimulatedPhone) -> None:
    cut_in_the_middle(host, phone, 450_000)
    folder = host.root / phone.udid
    status = status_of(folder) | {"UUID": "NEW", "SnapshotState": "finished", "IsFullBackup": True}
    (folder / "Status.plist").write_bytes(plistlib.dumps(status))
    assert host.backup(phone)["ErrorCode"] == 0
    assert len([n for n in host.uploaded if "/Snapshot/" in n]) > 5
    assert [path.name for path in host.root.iterdir()] == [phone.udid]


# --- people and policies


def test_the_passcode_is_requested_since_16_1(host: Any, another: Callable[..., SimulatedPhone]) -> None:
    phone = another(passcode="1234")
    phone.simulated_user.passcode = "decline"
    answer = host.backup(phone)
    assert (answer["ErrorCode"], answer["ErrorDescription"]) == (208, "Device locked (MBErrorDomain/208).")
    older = another(passcode="1234", ios_version="16.0")
    older.simulated_user.passcode = "decline"
    assert host.backup(older)["ErrorCode"] == 0
    assert host.ask(older, "ChangePassword", NewPassword="x")["ErrorCode"] == 208


def test_a_phone_in_setup_answers_212_and_a_managed_one_207(host: Any, phone: SimulatedPhone) -> None:
    phone.setup = "running"
    assert host.backup(phone)["ErrorCode"] == 212
    phone.setup, phone.requires_encryption = "finished", True
    assert host.backup(phone)["ErrorCode"] == 207
    phone.backup_password = "secret"
    assert host.backup(phone)["ErrorCode"] == 0


def test_a_request_for_another_phone_or_with_an_unknown_name_closes_the_link(host: Any, phone: SimulatedPhone) -> None:
    with pytest.raises(ConnectionError):
        host.ask(phone, "Backup", TargetIdentifier="somebody-else")
    with pytest.raises(ConnectionError):
        host.ask(phone, "Dance")


def test_unsupported_requests_are_refused_without_effect(host: Any, phone: SimulatedPhone) -> None:
    before = phone.files.digests()
    assert host.ask(phone, "Remove")["ErrorCode"] == 1
    assert host.ask(phone, "EnableCloudBackup")["ErrorCode"] == 1
    assert host.ask(phone, "EraseDevice")["ErrorCode"] == 1
    assert phone.files.digests() == before
