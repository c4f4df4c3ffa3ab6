"""A phone that means harm: every message of a save that carries a name, with every name that leads elsewhere; streams
without an end, lengths that lie, floods. It never reaches a file outside its folder, nor the end of our memory, and we
say what was refused."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import plistlib
import struct
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup import safe_path
from migrate.phone.mobilebackup2 import back_up, conversation
from migrate.phone.mobilebackup2.link import LinkEnded
from migrate.phone.mobilebackup2.notifications import SHEET_GONE, SHEET_SHOWN, SHEETS_LIMIT, NotificationListener
from migrate.phone.mobilebackup2.upload import DROPPED_BYTES, REASONS_LIMIT
from migrate.problems import MigrateError, MoreFilesUnreadable, PhoneBrokeProtocol, UnsafeName

UDID = "00008110-000A1B2C3D4E5F60"
WHOLE = struct.pack(">IB", 1, 0)
BLOB = "ab" + "0" * 38
SECRET = b"what the phone must not have"


def name_frame(name: str | bytes) -> bytes:
    data = name if isinstance(name, bytes) else name.encode("utf-8", "surrogatepass")
    return struct.pack(">I", len(data)) + data


# -- message x attack ------------------------------------------------------------------------------------------------

Say = Callable[[Any, str], None]


def upload(phone: Any, name: str) -> None:
    phone.say("DLMessageUploadFiles", "", 0.0, 4)
    phone.raw(name_frame("/var/x") + name_frame(name) + struct.pack(">IB", 5, 0x0C) + b"evil" + WHOLE + bytes(4))


MESSAGES: dict[str, Say] = {
    "create a directory": lambda phone, name: phone.say("DLMessageCreateDirectory", name),
    "upload": upload,
    "download": lambda phone, name: phone.say("DLMessageDownloadFiles", [name], "", 0.0),
    "list": lambda phone, name: phone.say("DLContentsOfDirectory", name),
    "move from": lambda phone, name: phone.say("DLMessageMoveItems", {name: f"{UDID}/stolen"}, "", 0.0),
    "move to": lambda phone, name: phone.say("DLMessageMoveItems", {f"{UDID}/bait": name}, "", 0.0),
    "move, as old phones do": lambda phone, name: phone.say("DLMessageMoveFiles", {f"{UDID}/bait": name}, "", 0.0),
    "remove": lambda phone, name: phone.say("DLMessageRemoveItems", [name], "", 0.0),
    "remove, as old phones do": lambda phone, name: phone.say("DLMessageRemoveFiles", [name], "", 0.0),
    "copy from": lambda phone, name: phone.say("DLMessageCopyItem", name, f"{UDID}/stolen"),
    "copy to": lambda phone, name: phone.say("DLMessageCopyItem", f"{UDID}/bait", name),
}
ATTACKS: dict[str, str] = {
    "climbs": "../{beside}/secret",
    "climbs from within": f"{UDID}/../../{{beside}}/secret",
    "climbs out and in again": f"{UDID}/../{UDID}/../../{{beside}}/secret",
    "only climbs": "..",
    "absolute": "{outside}/secret",
    "absolute, slash after slash": "//{outside}/secret",
    "the folder of all backups": ".",
    "nothing": "",
    "NUL": f"{UDID}/ab\0/secret",
    "control characters": f"{UDID}/a\x1b[2Jb",
    "a name of 300 bytes": f"{UDID}/{'n' * 300}",
    "a path of 5,000 bytes": f"{UDID}/" + "/".join(["d" * 200] * 25),
    "a thousand folders": f"{UDID}" + "/d" * 1000,
    "another phone's backup": "00008120-000000000000B0B0/Manifest.db",
    "our own staging": f".{UDID}.receiving/part",
    "through a link to a folder": f"{UDID}/link/secret",
    "through a link to a file": f"{UDID}/secret-link",
    "through a link in a link": f"{UDID}/link2/secret",
    "capitals for a shard": f"{UDID}/AB/{BLOB}",
    "capitals for a blob": f"{UDID}/ab/{BLOB.upper()}",
    "capitals for the status": f"{UDID}/STATUS.PLIST",
    "a letter that is an s to some disks": f"{UDID}/\u017ftatus.plist",
    "the UDID in small letters": f"{UDID.lower()}/Status.plist",
}
WINDOWS: dict[str, str] = {
    name: f"{UDID}/{name}"
    for name in (
        "CON",
        "nul",
        "aux.txt",
        "COM1",
        "com1.",
        "LPT9.db",
        "PRN",
        "trailing.",
        "trailing ",
        "a:stream",
        "a\\b",
    )
} | {"a drive": "C:/Windows/x", "a drive, relative": "C:x", "a share": "//server/share/x"}


@pytest.fixture
def guarded(wired: Any) -> Any:
    """A backup folder with secrets around it and links out of it, and a record of what is outside."""
    outside = wired.root.parent / f"outside-{wired.root.name}"
    outside.mkdir()
    (outside / "secret").write_bytes(SECRET)
    other = wired.root / "00008120-000000000000B0B0"
    other.mkdir()
    (other / "Manifest.db").write_bytes(SECRET)
    (wired.folder / "bait").write_bytes(b"bait")
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab" / BLOB).write_bytes(b"blob")
    (wired.folder / "Status.plist").write_bytes(b"status")
    if os.name != "nt":
        (wired.folder / "link").symlink_to(outside)
        (wired.folder / "link2").symlink_to("link")
        (wired.folder / "secret-link").symlink_to(outside / "secret")
    wired.outside = outside
    wired.before = around(wired)
    return wired


def around(wired: Any) -> dict[str, bytes | None]:
    """Every file outside of the phone's own folder, with its bytes."""
    found: dict[str, bytes | None] = {}
    for top in (wired.root, wired.outside):
        for local_path in sorted(top.rglob("*")):
            inside = wired.folder in (local_path, *local_path.parents)
            if not inside and not local_path.name.startswith(f".{UDID}"):
                found[str(local_path)] = local_path.read_bytes() if local_path.is_file() else None
    return found


def refused_with(wired: Any, said: Say, name: str) -> tuple[str, bytes]:
    """How it ended, in words, and every byte that was sent to the phone."""
    saved = wired.backup()
    heard = bytearray()

    def listen() -> None:
        wired.phone.sock.settimeout(5)
        while piece := wired.phone.sock.recv(1 << 16):
            heard.extend(piece)
            if status_code(heard) is not None:
                wired.phone.respond(205)

    listener = threading.Thread(target=lambda: _quietly(listen))
    listener.start()
    said(wired.phone, name)
    try:
        saved.result(10)
        told = f"it answered {status_code(heard)}"
    except MigrateError as error:
        told = f"{error.what} {error.why}"
    wired.link.shut_down()
    listener.join()
    return told, bytes(heard)


def status_code(heard: bytes) -> int | None:
    """The code of the status response in what was sent to the phone."""
    begin = heard.rfind(b"bplist00", 0, max(0, heard.find(b"DLMessageStatusResponse")))
    if begin < 4:
        return None
    (length,) = struct.unpack(">I", heard[begin - 4 : begin])
    if len(heard) < begin + length:
        return None
    code: int = plistlib.loads(bytes(heard[begin : begin + length]))[1]
    return code - (1 << 64) if code >> 63 else code


def _quietly(listen: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        listen()


def harmless(wired: Any, told: str, heard: bytes, name: str) -> None:
    assert around(wired) == wired.before
    assert SECRET not in heard
    assert (wired.folder / "ab" / BLOB).read_bytes() == b"blob"
    assert (wired.folder / "Status.plist").read_bytes() == b"status"
    # either the conversation ended with an error that quotes the name, or the answer was an error code
    assert "was refused" in told or "it answered -" in told, told


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_message_leads_out_of_the_folder(guarded: Any, message: str, attack: str) -> None:
    if os.name == "nt" and "link" in attack:
        pytest.skip("making links needs a privilege on Windows")
    name = ATTACKS[attack].replace("{outside}", str(guarded.outside)).replace("{beside}", guarded.outside.name)
    harmless(guarded, *refused_with(guarded, MESSAGES[message], name), name)


@pytest.mark.parametrize("message", ["create a directory", "upload", "download", "move to", "copy from", "remove"])
@pytest.mark.parametrize("attack", WINDOWS)
def test_names_that_windows_reads_differently_are_refused(
    guarded: Any, monkeypatch: pytest.MonkeyPatch, message: str, attack: str
) -> None:
    plain = safe_path.split_name
    monkeypatch.setattr(safe_path, "split_name", lambda name, windows: plain(name, windows=True))
    name = WINDOWS[attack]
    harmless(guarded, *refused_with(guarded, MESSAGES[message], name), name)


def test_a_phone_s_normal_names_are_accepted(guarded: Any) -> None:
    for name in (f"{UDID}/Snapshot/ab", f"{UDID}-20260101-120000", f"{UDID}/Manifest.db", f"{UDID}/ab/{BLOB}"):
        guarded.conversation.host_folder.local_path(name)


# -- lengths and streams ---------------------------------------------------------------------------------------------


def announced(*raw: bytes) -> bytes:
    return name_frame("/var/x") + name_frame(f"{UDID}/Snapshot/ab/{BLOB}") + b"".join(raw)


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xff\xff\xff",
        name_frame("/var/x") + b"\x00\x01\x00\x00",
        name_frame(b"n" * 20_000),
        announced(bytes(4)),
        announced(b"\xff\xff\xff\xff\x0b"),
        announced(b"\xff\xff\xff\xff\x0c"),
        announced(struct.pack(">IB", (2 << 20) + 1, 0x06)),
        announced(struct.pack(">IB", 1, 0x42)),
    ],
    ids=[
        "a name of 4 GiB",
        "a place of 64 KiB",
        "a long name",
        "no code",
        "an error of 4 GiB",
        "data of 4 GiB",
        "of 2 MiB",
        "no such code",
    ],
)
def test_a_false_length_ends_the_conversation_before_memory_is_used(wired: Any, stream: bytes) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageUploadFiles", "", 0.0, 1)
    wired.phone.raw(stream)
    with pytest.raises(PhoneBrokeProtocol):
        saved.result(5)


@pytest.mark.parametrize(
    "message",
    [
        b"<plist><array>" + b"<array>" * 4000 + b"</array>" * 4000 + b"</array></plist>",
        b"bplist00" + b"\xff" * 40,
        b"<plist><array><string>" + b"x" * 2_000_000 + b"</string><integer>9</integer></array></plist>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><plist><array>&b;</array></plist>",
        b"",
    ],
    ids=["nested", "no trailer", "a word of 2 MB", "entities", "nothing"],
)
def test_a_malicious_property_list_is_refused_or_harmless(wired: Any, message: bytes) -> None:
    saved = wired.backup()
    wired.phone.raw(struct.pack(">I", len(message)) + message)
    wired.phone.hang_up()
    with pytest.raises((PhoneBrokeProtocol, LinkEnded)):
        saved.result(10)


class EndlessPhone:
    """A phone that never stops sending, in its own thread, until the host disconnects."""

    def __init__(self, wired: Any, before: bytes, over_and_over: bytes) -> None:
        self.sent = 0
        self._wired, self._before, self._water = wired, before, over_and_over
        wired.phone.sock.settimeout(20)
        self._thread = threading.Thread(target=self._flow)
        self._thread.start()

    def _flow(self) -> None:
        try:
            self._wired.phone.raw(self._before)
            while True:
                self._wired.phone.raw(self._water)
                self.sent += len(self._water)
        except OSError:
            pass

    def dry_up(self) -> None:
        self._wired.link.shut_down()
        self._wired.link.close()
        self._thread.join()


PIECE = struct.pack(">IB", (1 << 20) + 1, 0x0C) + bytes(1 << 20)
EMPTY_FILE = announced(WHOLE)


@pytest.mark.parametrize(
    ("before", "water"), [(announced(), PIECE), (b"", EMPTY_FILE * 500)], ids=["one file", "files without end"]
)
def test_an_endless_stream_to_a_full_disk_ends_the_conversation(
    wired: Any, monkeypatch: pytest.MonkeyPatch, before: bytes, water: bytes
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("migrate.backup.held_folders.HeldFolder.create", full)
    saved = wired.backup()
    wired.phone.say("DLMessageUploadFiles", "", 0.0, 1)
    endless_phone = EndlessPhone(wired, before, water)
    with pytest.raises(OSError, match="No space left"):
        saved.result(30)
    endless_phone.dry_up()
    assert wired.conversation.local_disk_error.errno == errno.ENOSPC
    assert endless_phone.sent < DROPPED_BYTES + (24 << 20)  # what buffers and socket buffers hold comes on top


def test_an_endless_stream_to_another_backup_ends_the_conversation(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageUploadFiles", "", 0.0, 1)
    endless_phone = EndlessPhone(wired, name_frame("/x") + name_frame("00008120-000000000000B0B0/x"), PIECE)
    with pytest.raises(PhoneBrokeProtocol, match="not its own"):
        saved.result(30)
    endless_phone.dry_up()


def test_endless_operations_without_files_end_the_conversation(wired: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_LIMIT", 50)
    saved = wired.backup()
    for number in range(51):
        wired.phone.say(["DLMessageGetFreeDiskSpace", "DLMessageWhatever"][number % 2], "")
        if number < 50:
            wired.phone.status()
    with pytest.raises(PhoneBrokeProtocol, match="no file among them"):
        saved.result(5)


def test_a_million_unreadable_files_use_bounded_memory(wired: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.phone.mobilebackup2.upload.UNREADABLE_LIMIT", 200)
    receiver = wired.conversation.receiver

    def note(first: int, count: int) -> None:
        for number in range(first, first + count):
            why = receiver._shared_reason(f"reason {number}" if number % 2 else "Input/output error (5)")
            receiver._count_file(f"{number:040x}", b"/var/mobile/" + str(number).encode() * 40, why)

    note(0, 2_000)
    tracemalloc.start()
    try:
        note(2_000, 20_000)
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert len(receiver.unreadable) == 200 and receiver.more_unreadable_count == 21_800
    assert len(receiver._reasons) <= REASONS_LIMIT + 1


def test_unreadable_files_beyond_the_limit_become_one_finding(attach: Any, a_phone: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(back_up, "FINDINGS_LIMIT", 2)
    phone = a_phone()
    phone.faults.unreadable_share = 1.0
    home = attach(phone)
    report = asyncio.run(home.back_up(phone))
    codes = [finding.code for finding in home.progress.findings]
    assert codes == ["file-unreadable"] * 2 + ["more-files-unreadable"]
    assert home.progress.findings[-1] == MoreFilesUnreadable("Anna's iPhone", len(report.unreadable) - 2).as_finding()


def test_a_flood_of_passcode_sheets_asks_the_person_a_limited_number_of_times(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            notifications = NotificationListener(
                met._connection.client, phone="x", progress=home.progress, wait_s=60, on_cancel=lambda: None
            )
            for _ in range(5_000):
                notifications._handle(SHEET_SHOWN)
                notifications._handle(SHEET_GONE)

    asyncio.run(story())
    assert home.progress.asked == ["enter-passcode"] * SHEETS_LIMIT
    assert len(home.progress.done) == SHEETS_LIMIT


def test_a_refused_name_is_quoted_in_the_error(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageCreateDirectory", "../\x1b[31mhome")
    with pytest.raises(UnsafeName) as refused:
        saved.result(5)
    assert "home" in refused.value.what and "\x1b" not in refused.value.what
    assert isinstance(refused.value.why, str) and Path(wired.root).is_dir()
