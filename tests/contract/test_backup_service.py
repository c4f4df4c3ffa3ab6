"""mobilebackup2: opening a session, refused requests, and a complete backup."""

from __future__ import annotations

import contextlib
import plistlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import BackupFolder
from migrate.phone.connection import run_in_thread
from migrate.phone.mobilebackup2.link import DeviceLink, LinkEnded
from migrate.phone.phone import Phone
from migrate.progress import no_progress
from tests.contract.drain import DATA, WHOLE, Drain, Transcript


def over_a_link(lab: Any, work: Callable[[DeviceLink], Any]) -> Any:
    """Runs `work` on a link with TLS, before the first message."""

    async def do(phone: Phone) -> Any:
        async with phone._connection.backup_link(no_progress) as link:

            def shake_hands_and_work() -> Any:
                link._tls_handshake()
                return work(link)

            return await run_in_thread(link, shake_hands_and_work)

    return lab.run(do)


def greet(link: DeviceLink, versions: list[float]) -> dict[str, Any]:
    offered = link.receive()
    link.send(["DLMessageVersionExchange", "DLVersionsOk", offered[1]])
    link.receive()
    link.send_request({"MessageName": "Hello", "SupportedProtocolVersions": versions})
    answer: dict[str, Any] = link.receive()[1]
    return answer


def test_it_offers_the_known_versions(lab: Any, expect: Callable[..., None]) -> None:
    seen = over_a_link(lab, lambda link: link.receive())
    agrees = seen == ["DLMessageVersionExchange", 400, 0]
    expect(
        "DeviceLink's first message",
        "DLMessageVersionExchange 400 0",
        " ".join(map(str, seen)),
        agrees,
        "2.1, confirmed",
    )


def test_it_is_ready_and_speaks_2_1(lab: Any, expect: Callable[..., None]) -> None:
    answer = over_a_link(lab, lambda link: greet(link, [2.0, 2.1]))
    seen = f"ErrorCode {answer.get('ErrorCode')}, version {answer.get('ProtocolVersion')}"
    expect("Hello", "ErrorCode 0, version 2.1", seen, seen == "ErrorCode 0, version 2.1", "2.1, confirmed")


def test_without_a_common_version_it_refuses(lab: Any, expect: Callable[..., None]) -> None:
    answer = over_a_link(lab, lambda link: greet(link, [9.0]))
    seen = f"ErrorCode {answer.get('ErrorCode')}"
    expect(
        "Hello with unknown versions only", "ErrorCode 1", seen, seen == "ErrorCode 1", "2.1, confirmed (decompiled)"
    )


def test_an_unknown_message_closes_the_connection(lab: Any, expect: Callable[..., None]) -> None:
    def send_request(link: DeviceLink) -> str:
        greet(link, [2.0, 2.1])
        link.send_request({"MessageName": "MakeCoffee", "TargetIdentifier": lab.udid})
        try:
            return f"answers {link.receive()[0]}"
        except LinkEnded:
            return "closes the connection"

    seen = over_a_link(lab, send_request)
    agrees = seen == "closes the connection"
    expect("an unknown MessageName", "closes the connection", seen, agrees, "2.1, confirmed (decompiled)")


@pytest.mark.usefixtures("needs_writing")
def test_a_wrong_backup_password_is_refused(lab: Any, expect: Callable[..., None]) -> None:
    async def is_encrypting(phone: Phone) -> bool:
        return phone.facts.encrypts_backups is True

    if not lab.run(is_encrypting):
        pytest.skip("its backups are not encrypted, so no password can be wrong")

    def send_request(link: DeviceLink) -> str:
        greet(link, [2.0, 2.1])
        request = {"OldPassword": "certainly not this one", "NewPassword": "nor this"}
        link.send_request({"MessageName": "ChangePassword", "TargetIdentifier": lab.udid, **request})
        while (message := link.receive())[0] != "DLMessageProcessMessage":
            link.answer(-6, "No such file or directory")
        return f"ErrorCode {message[1].get('ErrorCode')}"

    seen = over_a_link(lab, send_request)
    expect(
        "ChangePassword with a wrong old password",
        "ErrorCode 207",
        seen,
        seen == "ErrorCode 207",
        "2.6, confirmed (decompiled)",
    )


# -- a complete backup -----------------------------------------------------------------------------------------------


class DrainedBackup:
    """A complete backup that was discarded: its transcript and its small files."""

    def __init__(self, lab: Any) -> None:
        self.spool: Path = lab.folder / "spool"
        self.spool.mkdir()
        self.udid: str = lab.udid
        self.states: list[tuple[str, str, bool]] = []
        self.drain: Drain | None = None
        self.response = over_a_link(lab, self._take)

    def _take(self, link: DeviceLink) -> dict[str, Any]:
        greet(link, [2.0, 2.1])
        self.drain = Drain(link, self.udid, self.spool, self._note_status)
        return self.drain.backup()

    @property
    def seen(self) -> Transcript:
        assert self.drain is not None
        return self.drain.seen

    def _note_status(self, data: bytes) -> None:
        status = plistlib.loads(data)
        self.states.append((status["SnapshotState"], status["BackupState"], status["IsFullBackup"]))

    def plist(self, name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = plistlib.loads((self.spool / f"{self.udid}_{name}").read_bytes())
        return loaded

    @property
    def manifest(self) -> bytes:
        return (self.spool / f"{self.udid}_Manifest.db").read_bytes()


@pytest.fixture(scope="module")
def drained(lab: Any, request: pytest.FixtureRequest) -> DrainedBackup:
    config = request.config
    if lab.is_real and not config.getoption("--iphone-backup", default=False):
        pytest.skip("needs --iphone-backup")
    return DrainedBackup(lab)


def test_a_backup_succeeds(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    seen = f"ErrorCode {drained.response.get('ErrorCode')}"
    expect("Backup", "ErrorCode 0", seen, seen == "ErrorCode 0", "2.3, confirmed")


def test_the_status_goes_through_its_states(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    expected = [
        ("uploading", "empty", True),
        ("moving", "new", True),
        ("removing", "new", True),
        ("finished", "new", False),
    ]
    seen = [f"{snapshot}/{backup}/{'full' if full else 'not full'}" for snapshot, backup, full in drained.states]
    wanted = [f"{snapshot}/{backup}/{'full' if full else 'not full'}" for snapshot, backup, full in expected]
    expect(
        "Status.plist of a first backup",
        ", ".join(wanted),
        ", ".join(seen),
        seen == wanted,
        "2.3, confirmed (decompiled)",
    )


def test_it_reads_the_known_files_first(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    seen = drained.seen.first_downloads[0]
    expect("the first file a backup reads", "Status.plist", seen, seen == "Status.plist", "2.3, confirmed")


def test_512_folders_are_created(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    count = drained.seen.directories
    expect(
        "directories created",
        "514: the backup, Snapshot, 256 in each",
        str(count),
        count == 514,
        "2.3, confirmed (decompiled)",
    )


def test_batches_hold_128(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    seen = f"at most {drained.seen.largest_batch} files, {drained.seen.largest_move} moves"
    agrees = drained.seen.largest_batch <= 128 and drained.seen.largest_move <= 128
    expect(
        "files and moves in one message", "at most 128 files, 128 moves", seen, agrees, "2.3, confirmed (decompiled)"
    )


def test_device_paths_look_absolute(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    heads = sorted(drained.seen.device_paths)
    agrees = all(head.startswith(("/.b/", "/.ba/")) or head == "/.ba" for head in heads)
    expect("device paths begin with", "/.b/…, /.ba/…", ", ".join(heads), agrees, "2.2, reported")


def test_files_end_in_the_known_codes(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    endings = sorted(drained.seen.endings)
    seen = ", ".join(f"{code:#04x}" for code in endings)
    agrees = set(endings) <= {WHOLE, 0x0B} and DATA not in endings
    expect("how a file ends", "0x00, sometimes 0x0b", seen, agrees, "2.2, confirmed")


def test_announced_sizes_are_correct(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    announced, came = drained.seen.totals_announced, drained.seen.bytes_received
    share = came / announced if announced else 0.0
    expect("bytes received of those announced", "about all", f"{share:.1%}", 0.9 <= share <= 1.1, "2.2, confirmed")


def test_the_manifest_comes_last(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    order = [name.removeprefix("Snapshot/") for name in drained.seen.order]
    wanted = ["Status.plist", "Manifest.plist", "Manifest.db", "Status.plist", "Status.plist", "Status.plist"]
    expect(
        "the small files, in order", ", ".join(wanted), ", ".join(order), order == wanted, "2.3, confirmed (decompiled)"
    )


def test_the_keybag_has_the_known_structure(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    properties = drained.plist("Manifest.plist")
    keybag = Keybag.from_bytes(properties["BackupKeyBag"])
    classes = sorted(entry.protection_class for entry in keybag.classes)
    seen = f"classes {', '.join(map(str, classes))}"
    expect(
        "protection classes in the keybag", "some of 1 to 11", seen, set(classes) <= set(range(1, 12)), "3.5, confirmed"
    )


def test_manifest_plist_has_its_keys(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    properties = drained.plist("Manifest.plist")
    wanted = {
        "Version",
        "SystemDomainsVersion",
        "Date",
        "IsEncrypted",
        "WasPasscodeSet",
        "BackupKeyBag",
        "Lockdown",
        "Applications",
    }
    missing = sorted(wanted - properties.keys())
    more = sorted(properties.keys() - wanted - {"ManifestKey"})
    seen = f"missing: {', '.join(missing) or 'none'}; more: {', '.join(more) or 'none'}"
    expect("Manifest.plist", f"has {', '.join(sorted(wanted))}", seen, not missing, "3.4, confirmed")


def test_manifest_db_is_padded_and_a_database(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    data = drained.manifest
    encrypted = drained.plist("Manifest.plist")["IsEncrypted"]
    whole_pages = len(data) % 4096 == 16
    seen = f"{len(data) % 4096} bytes beyond whole pages, {'encrypted' if encrypted else 'plain'}"
    expect(
        "length of Manifest.db", "16 bytes beyond whole pages", seen, whole_pages, "3.5, seen in one encrypted backup"
    )


def test_an_unencrypted_manifest_has_the_known_schema(
    drained: DrainedBackup, expect: Callable[..., None], tmp_path: Path
) -> None:
    if drained.plist("Manifest.plist")["IsEncrypted"]:
        pytest.skip("the backup is encrypted, and this suite does not ask for a backup password")
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        data = bytearray(drained.manifest[: len(drained.manifest) // 4096 * 4096])
        data[18:20] = b"\x01\x01"
        database.deserialize(bytes(data))
        tables = sorted(name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    expect(
        "tables of Manifest.db",
        "Files, Properties",
        ", ".join(tables),
        tables == ["Files", "Properties"],
        "3.2, confirmed",
    )


def test_readers_see_a_finished_backup(drained: DrainedBackup, expect: Callable[..., None]) -> None:
    folder = drained.spool / "as-a-folder"
    folder.mkdir()
    for name in ("Status.plist", "Manifest.plist"):
        (folder / name).write_bytes((drained.spool / f"{drained.udid}_{name}").read_bytes())
    seen = "finished" if BackupFolder(folder).is_finished else "not finished"
    expect("Status.plist at the end", "finished", seen, seen == "finished", "2.3, confirmed")
