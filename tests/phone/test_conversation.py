"""The host's side of a backup, against a phone driven by the test."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from migrate.phone.mobilebackup2 import received_files
from migrate.phone.mobilebackup2.link import LinkEnded
from migrate.phone.mobilebackup2.received_files import NoLedger
from migrate.problems import PhoneBrokeProtocol, UnsafeName

UDID = "00008110-000A1B2C3D4E5F60"
WHOLE = struct.pack(">IB", 1, 0)
FILE_ID = "ab" + "0123456789" * 3 + "01234567"


def failed(text: bytes, code: int = 0x0B) -> bytes:
    return struct.pack(">IB", len(text) + 1, code) + text


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_first_backup_as_a_phone_carries_it_out(wired: Any) -> None:
    phone, folder, blob = wired.phone, wired.folder, os.urandom(700_001)
    saved = wired.backup()

    assert phone.download(f"{UDID}/Status.plist") == {f"{UDID}/Status.plist": os.strerror(errno.ENOENT)}
    code, payload = phone.status()
    assert code == -13
    assert payload[f"{UDID}/Status.plist"]["DLFileErrorCode"] == (1 << 64) - 6

    phone.say("DLMessageGetFreeDiskSpace", "___EmptyParameterString___")
    code, free = phone.status()
    assert code == 0
    assert isinstance(free, int)
    assert free > 0
    for name in (UDID, f"{UDID}/ab", f"{UDID}/Snapshot/ab"):
        phone.say("DLMessageCreateDirectory", name)
        assert phone.status() == (0, {})

    phone.upload((f"{UDID}/Status.plist", [b"uploading"], WHOLE))
    assert phone.status()[0] == 0
    assert (folder / "Status.plist").read_bytes() == b"uploading"

    odd = [blob[:1], blob[1:300_000], blob[300_000:]]
    phone.upload(
        (f"{UDID}/Snapshot/ab/{FILE_ID}", odd, WHOLE),
        (f"{UDID}/Snapshot/ab/{FILE_ID[:-1]}f", [], WHOLE),
        total=len(blob),
        percent=50.0,
    )
    assert phone.status()[0] == 0
    assert (folder / "Snapshot/ab" / FILE_ID).read_bytes() == blob

    phone.say("DLMessageMoveItems", {f"{UDID}/Snapshot/ab/{FILE_ID}": f"{UDID}/ab/{FILE_ID}"}, "", 80.0)
    assert phone.status()[0] == 0
    phone.say("DLMessageRemoveItems", [f"{UDID}/Snapshot", f"{UDID}/Manifest.mbdx"], "", 90.0)
    assert phone.status()[0] == 0
    assert not (folder / "Snapshot").exists()

    phone.say("DLContentsOfDirectory", f"{UDID}/ab")
    code, listing = phone.status()
    assert code == 0
    assert listing[FILE_ID]["DLFileType"] == "DLFileTypeRegular"
    assert listing[FILE_ID]["DLFileSize"] == len(blob)
    assert phone.download(f"{UDID}/ab/{FILE_ID}") == {f"{UDID}/ab/{FILE_ID}": blob}
    assert phone.status()[0] == 0

    phone.respond()
    assert saved.result() == {"MessageName": "Response", "ErrorCode": 0}
    assert wired.ledger.notes == [
        ("add", FILE_ID, sha256(blob), len(blob)),
        ("add", f"{FILE_ID[:-1]}f", sha256(b""), 0),
    ]
    assert wired.conversation.receiver.files_received == 3
    assert wired.conversation.receiver.bytes_received == len(blob) + len(b"uploading")
    assert wired.conversation.percent == 90.0
    assert [path.name for path in wired.root.iterdir()] == [UDID]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_received_files_are_private(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageCreateDirectory", f"{UDID}/Snapshot/ab")
    wired.phone.status()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"x"], WHOLE))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    snapshot = wired.folder / "Snapshot"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (snapshot, snapshot / "ab", snapshot / "ab" / FILE_ID)]
    assert modes == [0o700, 0o700, 0o600]


def test_an_unreadable_file_is_recorded_and_stored_as_far_as_it_came(wired: Any) -> None:
    """Otherwise its row would have no file, and the phone refuses such a backup (205)."""
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"half of"], failed(b"Input/output error (5)")))
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "Snapshot/ab" / FILE_ID).read_bytes() == b"half of"
    assert wired.ledger.notes == [("unreadable", FILE_ID, "Input/output error (5)")]
    path, why = wired.conversation.receiver.unreadable[FILE_ID]
    assert path == f"/var/mobile/{UDID}/Snapshot/ab/{FILE_ID}"
    assert why == "Input/output error (5)"


def test_a_file_that_ends_with_0x0b_and_no_text_is_complete(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}", [b"all of it"], failed(b"")))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert wired.ledger.notes == [("add", FILE_ID, sha256(b"all of it"), 9)]


def test_a_file_that_ends_with_0x0b_and_nothing_else_is_not_complete(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}", [], failed(b"")))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert wired.ledger.notes == [("unreadable", FILE_ID, "no reason given")]
    assert wired.conversation.receiver.files_received == 0


def test_moving_a_backup_into_place_keeps_its_hashes(wired: Any) -> None:
    """At the end the phone removes `Snapshot/`, and after an interruption also what is left in it, file by file."""
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"x"], WHOLE))
    wired.phone.status()
    wired.phone.say("DLMessageRemoveItems", [f"{UDID}/Snapshot/ab/{FILE_ID}", f"{UDID}/Snapshot"], "", 90.0)
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert wired.ledger.notes == [("add", FILE_ID, sha256(b"x"), 1)]


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot sync a folder")
@pytest.mark.parametrize("name", ["Status.plist", "Snapshot/Manifest.plist", "Snapshot/Manifest.db"])
def test_how_far_a_backup_is_lies_on_the_disk_before_the_phone_gets_its_answer(
    wired: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the phone resumes from what they say."""
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            synced.append(("file", status.st_size))
        else:
            there = (wired.folder / name).parent.stat()
            if (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino):
                synced.append(("its folder", (wired.folder / name).stat().st_size))
        fsync(descriptor)

    (wired.folder / "Snapshot").mkdir()
    saved = wired.backup()
    monkeypatch.setattr(os, "fsync", watched)
    wired.phone.upload((f"{UDID}/{name}", [b"how far"], WHOLE), (f"{UDID}/Snapshot/ab/{FILE_ID}", [b"blob"], WHOLE))
    assert wired.phone.status()[0] == 0
    monkeypatch.undo()
    assert synced == [("file", 7), ("its folder", 7)], "first what is in it, then its name; and no blob"
    wired.phone.respond()
    saved.result()


@pytest.mark.parametrize("ending", [WHOLE, failed(b"Input/output error (5)")], ids=["empty", "cut short"])
def test_an_empty_or_truncated_manifest_never_replaces_a_complete_one(wired: Any, ending: bytes) -> None:
    (wired.folder / "Manifest.plist").write_bytes(b"the good one")
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Manifest.plist", [] if ending == WHOLE else [b"bpl"], ending))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "Manifest.plist").read_bytes() == b"the good one"


def test_replacing_a_file_leaves_hard_links_to_the_old_one_unchanged(wired: Any) -> None:
    (wired.folder / "ab").mkdir()
    before, linked = wired.folder / "ab" / FILE_ID, wired.root / "kept"
    before.write_bytes(b"of the last save")
    os.link(before, linked)
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}", [b"new"], WHOLE))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert before.read_bytes() == b"new"
    assert linked.read_bytes() == b"of the last save"


def test_a_link_that_breaks_during_a_file_leaves_no_partial_file(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"whole"], WHOLE))
    wired.phone.status()
    other = f"{FILE_ID[:-1]}f"
    wired.phone.say("DLMessageUploadFiles", "", 1.0, 10)
    for name in ("/var/x", f"{UDID}/Snapshot/ab/{other}"):
        wired.phone.raw(struct.pack(">I", len(name)) + name.encode())
    wired.phone.raw(struct.pack(">IB", 100, 0x0C) + b"only thirty bytes of the rest..")
    wired.phone.hang_up()
    with pytest.raises(LinkEnded):
        saved.result()
    assert [path.name for path in (wired.folder / "Snapshot/ab").iterdir()] == [FILE_ID]
    assert [path.name for path in wired.root.iterdir()] == [UDID]
    assert wired.ledger.notes == [("add", FILE_ID, sha256(b"whole"), 5)]


def test_partial_files_of_a_killed_run_are_removed(wired: Any) -> None:
    left = wired.root / f".{UDID}.receiving"
    left.mkdir()
    (left / "part").write_bytes(b"half")
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}", [b"x"], WHOLE))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert not left.exists()


def test_hashes_are_on_the_disk_before_the_phone_is_told_that_its_files_arrived(wired: Any) -> None:
    saved = wired.backup()
    for number in range(3):
        name = f"{FILE_ID[:-1]}{number}"
        wired.phone.upload((f"{UDID}/Snapshot/ab/{name}", [b"x"], WHOLE))
        assert wired.phone.status()[0] == 0
        assert wired.ledger.notes[-1] == ("add", name, sha256(b"x"), 1)
        assert wired.ledger.flushed == number + 1
    wired.phone.respond()
    saved.result()


# -- a full disk -----------------------------------------------------------------------------------------------------


class FullDisk(NoLedger):
    """The disk fills up when blob number `after` is added."""

    def __init__(self, after: int) -> None:
        self.left = after

    def add(self, file_id: str, sha256: str, size: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("size", [30, received_files.BUFFER_BYTES + 30], ids=["small file", "large file"])
def test_a_full_disk_is_reported_to_the_phone_which_ends_the_backup(
    wired: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10

    def write_on_a_small_disk(descriptor: int, content: memoryview) -> None:
        nonlocal room
        if len(content) > room:
            os.write(descriptor, content[:room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= len(content)
        write(descriptor, content)

    write = received_files._write
    monkeypatch.setattr(received_files, "_write", write_on_a_small_disk)
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"fits"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.upload(
        (f"{UDID}/Snapshot/ab/{FILE_ID[:-1]}e", [bytes(size)], WHOLE),
        (f"{UDID}/Snapshot/ab/{FILE_ID[:-1]}f", [b"x"], WHOLE),
    )
    assert wired.phone.status()[0] == -15
    wired.phone.respond(104, "Multiple errors uploading files (MBErrorDomain/104)")
    assert saved.result()["ErrorCode"] == 104
    assert wired.conversation.local_disk_error.errno == errno.ENOSPC
    stored = {path.name for path in (wired.folder / "Snapshot/ab").iterdir()}
    assert FILE_ID in stored
    assert f"{FILE_ID[:-1]}e" not in stored
    assert stored == {note[1] for note in wired.ledger.notes}, "what is stored is noted, and nothing else"
    assert [path.name for path in wired.root.iterdir()] == [UDID]


def test_a_disk_too_full_for_the_seal_counts_as_full_too(wired: Any) -> None:
    wired.conversation._received._ledger = FullDisk(after=0)
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}", [b"x"], WHOLE))
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert wired.conversation.local_disk_error.errno == errno.ENOSPC


def test_a_purge_request_deletes_nothing_and_shows_how_much_space_is_needed(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageGetFreeDiskSpace", "")
    _, free = wired.phone.status()
    lacking = 7_000_000
    wired.phone.say("DLMessagePurgeDiskSpace", lacking + 0x8000_0000, 4)
    assert wired.phone.status() == (-1, 0)
    wired.phone.respond(105, "Insufficient free disk space on drive to back up")
    saved.result()
    assert wired.conversation.host_folder.needed_bytes == free + lacking


@pytest.mark.parametrize("pieces", [3, 40], ids=["at its end", "while every buffer is in use"])
def test_a_bug_in_the_writing_thread_ends_the_backup_instead_of_hanging_it(
    wired: Any, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int, content: memoryview) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(received_files, "_write", broken)
    saved = wired.backup()
    with suppress(OSError):
        wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [bytes(1 << 20)] * pieces, WHOLE))
    with pytest.raises(RuntimeError, match="a bug"):
        saved.result(timeout=20)


# -- large files -----------------------------------------------------------------------------------------------------

LARGE = [os.urandom(700_000), os.urandom(900_000), os.urandom(5)]


def test_large_and_small_files_in_any_order_are_stored_and_noted_with_what_was_sent(wired: Any) -> None:
    ids = [f"{number:040x}" for number in range(12)]
    contents = {file_id: LARGE if index % 3 == 0 else [file_id.encode()] for index, file_id in enumerate(ids)}
    saved = wired.backup()
    wired.phone.upload(*((f"{UDID}/Snapshot/ab/{one}", pieces, WHOLE) for one, pieces in contents.items()))
    assert wired.phone.status()[0] == 0
    sent = {file_id: b"".join(pieces) for file_id, pieces in contents.items()}
    assert {path.name: path.read_bytes() for path in (wired.folder / "Snapshot/ab").iterdir()} == sent
    noted = {note[1]: note[2:] for note in wired.ledger.notes}
    assert noted == {file_id: (sha256(content), len(content)) for file_id, content in sent.items()}
    wired.phone.respond()
    saved.result()
    assert [path.name for path in wired.root.iterdir()] == [UDID]


@pytest.mark.parametrize("last", [[b"small"], [*LARGE, b"other"]], ids=["small", "large"])
def test_the_last_of_two_files_with_one_name_stays(wired: Any, last: list[bytes]) -> None:
    path = f"{UDID}/Snapshot/ab/{FILE_ID}"
    saved = wired.backup()
    wired.phone.upload((path, LARGE, WHOLE), (path, last, WHOLE))
    wired.phone.status()
    assert (wired.root / path).read_bytes() == b"".join(last)
    assert wired.ledger.notes[-1] == ("add", FILE_ID, sha256(b"".join(last)), len(b"".join(last)))
    wired.phone.respond()
    saved.result()


def test_a_large_file_that_breaks_off_is_not_stored(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", LARGE, WHOLE))
    wired.phone.status()
    wired.phone.say("DLMessageUploadFiles", "", 1.0, 10)
    for name in ("/var/x", f"{UDID}/Snapshot/ab/{FILE_ID[:-1]}f"):
        wired.phone.raw(struct.pack(">I", len(name)) + name.encode())
    for piece in LARGE:
        wired.phone.raw(struct.pack(">IB", len(piece) + 1, 0x0C) + piece)
    wired.phone.hang_up()
    with pytest.raises(LinkEnded):
        saved.result()
    assert [path.name for path in (wired.folder / "Snapshot/ab").iterdir()] == [FILE_ID]
    assert [path.name for path in wired.root.iterdir()] == [UDID]
    assert len(wired.ledger.notes) == 1


def test_a_disk_that_takes_only_a_part_of_each_write_gets_all_of_it(
    wired: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:100_000]))
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", LARGE[:1], WHOLE))
    assert wired.phone.status()[0] == 0
    assert (wired.folder / "Snapshot/ab" / FILE_ID).read_bytes() == LARGE[0]
    wired.phone.respond()
    saved.result()


# -- folders that are held -------------------------------------------------------------------------------------------


def test_a_folder_that_was_renamed_is_not_written_to_under_its_old_name(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"first"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.say("DLMessageMoveItems", {f"{UDID}/Snapshot": f"{UDID}/Kept"}, "", 1.0)
    assert wired.phone.status()[0] == 0
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"second"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.say("DLMessageRemoveItems", [f"{UDID}/Kept"], "", 1.0)
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "Snapshot/ab" / FILE_ID).read_bytes() == b"second"
    assert not (wired.folder / "Kept").exists()


def test_a_folder_that_was_removed_and_made_again_is_the_one_that_is_written_to(wired: Any) -> None:
    """On Windows too, where a held folder is only a path: nothing lands in what is gone."""
    saved = wired.backup()
    for content in (b"first", b"second"):
        wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [content], WHOLE))
        assert wired.phone.status()[0] == 0
        handles = wired.conversation.host_folder._held._held
        assert list(handles) == [f"{UDID}/Snapshot/ab"]
        wired.phone.say("DLMessageRemoveItems", [f"{UDID}/Snapshot"], "", 1.0)
        assert wired.phone.status()[0] == 0
        assert not handles
    wired.phone.respond()
    saved.result()


def test_a_folder_called_like_a_blob_is_moved_with_what_is_in_it(wired: Any) -> None:
    inner = f"{FILE_ID[:-1]}e"
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}/{inner}", [b"in it"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.say("DLMessageMoveItems", {f"{UDID}/ab/{FILE_ID}": f"{UDID}/cd/{FILE_ID}"}, "", 1.0)
    assert wired.phone.status()[0] == 0
    wired.phone.upload((f"{UDID}/ab/{FILE_ID}/{inner}", [b"new"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "cd" / FILE_ID / inner).read_bytes() == b"in it"
    assert (wired.folder / "ab" / FILE_ID / inner).read_bytes() == b"new"


def test_a_folder_that_disappears_meanwhile_is_made_again(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"first"], WHOLE))
    wired.phone.status()
    shutil.rmtree(wired.folder / "Snapshot")
    wired.phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"second"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "Snapshot/ab" / FILE_ID).read_bytes() == b"second"


def test_no_folder_stays_open_after_the_conversation(wired: Any) -> None:
    def open_folders() -> int:
        return sum(number.is_dir() for number in Path("/proc/self/fd").iterdir())

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells what is open")
    before = open_folders()
    saved = wired.backup()
    wired.phone.upload(
        *((f"{UDID}/Snapshot/{shard:02x}/{shard:02x}{FILE_ID[2:]}", [b"x"], WHOLE) for shard in range(256))
    )
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert open_folders() <= before


# -- untrusted names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{UDID}/../../etc/passwd", "..", f"{UDID}/ab/\0", "../other/x"])
def test_a_name_that_leads_out_of_the_backup_ends_the_conversation(wired: Any, name: str) -> None:
    saved = wired.backup()
    wired.phone.upload((name, [b"x"], WHOLE))
    with pytest.raises(UnsafeName):
        saved.result()


OTHER = "00008110-00000000000000FF"


def test_another_phone_s_backup_is_neither_listed_nor_changed(wired: Any) -> None:
    (wired.root / OTHER).mkdir()
    (wired.root / OTHER / "Info.plist").write_bytes(b"not yours")
    saved = wired.backup()
    phone = wired.phone
    assert phone.download(f"{OTHER}/Info.plist") == {f"{OTHER}/Info.plist": os.strerror(errno.ENOENT)}
    assert phone.status()[0] == -13
    phone.say("DLContentsOfDirectory", OTHER)
    assert phone.status()[0] == -6
    for operation in (
        ("DLMessageRemoveItems", [OTHER], "", 1.0),
        ("DLMessageMoveItems", {OTHER: f"{UDID}/x"}, "", 1.0),
        ("DLMessageCreateDirectory", f"{OTHER}/new"),
        ("DLMessageCopyItem", f"{OTHER}/Info.plist", f"{UDID}/copy"),
    ):
        phone.say(*operation)
        assert phone.status()[0] == -1
    phone.upload((f"{OTHER}/Info.plist", [b"mine now"], WHOLE))
    assert phone.status()[0] == -1
    phone.respond()
    saved.result()
    assert (wired.root / OTHER / "Info.plist").read_bytes() == b"not yours"
    assert [path.name for path in (wired.root / OTHER).iterdir()] == ["Info.plist"]
    assert list(wired.folder.iterdir()) == []


def test_a_phone_cannot_remove_its_whole_backup(wired: Any) -> None:
    (wired.folder / "Info.plist").write_bytes(b"x")
    saved = wired.backup()
    wired.phone.say("DLMessageRemoveItems", [UDID], "", 1.0)
    assert wired.phone.status()[0] == -1
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "Info.plist").exists()


def test_a_path_that_looks_absolute_is_inside_the_backup(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.upload((f"/{UDID}/ab/{FILE_ID}", [b"x"], WHOLE))
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "ab" / FILE_ID).read_bytes() == b"x"


# -- other operations ------------------------------------------------------------------------------------------------


def test_a_forced_full_backup_renames_the_old_folder_and_removes_it_at_the_end(wired: Any) -> None:
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab" / FILE_ID).write_bytes(b"old")
    aside = f"{UDID}-20261122-231905"
    saved = wired.backup()
    phone = wired.phone
    phone.say("DLMessageMoveItems", {UDID: aside}, "", 1.0)
    assert phone.status()[0] == 0
    assert (wired.root / aside / "ab" / FILE_ID).read_bytes() == b"old"
    phone.upload((f"{UDID}/Snapshot/ab/{FILE_ID}", [b"new"], WHOLE))
    assert phone.status()[0] == 0
    phone.say("DLMessageRemoveItems", [aside], "", 1.0)
    assert phone.status()[0] == 0
    phone.respond()
    saved.result()
    assert not (wired.root / aside).exists()
    assert wired.ledger.notes == [("forget everything",), ("add", FILE_ID, sha256(b"new"), 3)]


def test_a_removed_blob_is_removed_from_the_ledger(wired: Any) -> None:
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab" / FILE_ID).write_bytes(b"old")
    saved = wired.backup()
    wired.phone.say("DLMessageRemoveItems", [f"{UDID}/ab/{FILE_ID}"], "", 1.0)
    wired.phone.status()
    wired.phone.respond()
    saved.result()
    assert wired.ledger.notes == [("forget", FILE_ID)]


def test_moving_onto_a_folder_replaces_it(wired: Any) -> None:
    for name in ("new/deep", "old/deep"):
        (wired.folder / name).mkdir(parents=True)
    (wired.folder / "new/deep/file").write_bytes(b"x")
    (wired.folder / "old/stale").write_bytes(b"y")
    saved = wired.backup()
    wired.phone.say("DLMessageMoveItems", {f"{UDID}/new": f"{UDID}/old"}, "", 1.0)
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert sorted(str(path.relative_to(wired.folder)) for path in wired.folder.rglob("*")) == [
        "old",
        str(Path("old/deep")),
        str(Path("old/deep/file")),
    ]


def test_moving_a_missing_file_is_answered_with_an_error(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageMoveItems", {f"{UDID}/nothing": f"{UDID}/x"}, "", 1.0)
    assert wired.phone.status()[0] == -6
    wired.phone.respond()
    assert saved.result()["ErrorCode"] == 0


def test_a_file_and_a_tree_are_copied(wired: Any) -> None:
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab/one").write_bytes(b"1")
    saved = wired.backup()
    aside = f"{UDID}-20261122-231905"
    for source, target in ((UDID, aside), (f"{UDID}/ab/one", f"{UDID}/two")):
        wired.phone.say("DLMessageCopyItem", source, target)
        assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.root / aside / "ab/one").read_bytes() == b"1"
    assert (wired.folder / "two").read_bytes() == b"1"


def test_an_unknown_operation_is_answered_with_an_error(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageDanceForMe", 1)
    assert wired.phone.status()[0] == -1
    wired.phone.respond()
    saved.result()


@pytest.mark.parametrize(
    "message",
    [
        ("DLMessageMoveItems", ["not", "pairs"], "", 1.0),
        ("DLMessageRemoveItems", {"not": "a list"}, "", 1.0),
        ("DLMessageDownloadFiles", [1, 2], "", 1.0),
        ("DLMessageCreateDirectory",),
        ("DLMessageProcessMessage", "not a dictionary"),
    ],
)
def test_an_operation_without_its_arguments_ends_the_conversation(wired: Any, message: tuple[Any, ...]) -> None:
    saved = wired.backup()
    wired.phone.say(*message)
    with pytest.raises(PhoneBrokeProtocol):
        saved.result()


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack(">I", 1 << 30),
        struct.pack(">I", 4) + b"/var" + struct.pack(">I", 6) + f"{UDID}/x"[-6:].encode() + struct.pack(">I", 0),
        struct.pack(">I", 4) + b"/var" + struct.pack(">I", 27) + f"{UDID}/x".encode() + struct.pack(">IB", 1, 0x77),
    ],
    ids=["a name of a gigabyte", "a piece without its code", "an unknown code"],
)
def test_an_invalid_stream_ends_the_conversation(wired: Any, stream: bytes) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageUploadFiles", "", 1.0, 10)
    wired.phone.raw(stream)
    with pytest.raises((PhoneBrokeProtocol, UnsafeName)):
        saved.result()


def test_a_phone_that_ends_the_session_has_left(wired: Any) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageDisconnect", "___EmptyParameterString___")
    with pytest.raises(LinkEnded):
        saved.result()


def test_downloads_use_frames_of_32_kib_and_refuse_folders(wired: Any) -> None:
    content = os.urandom(32 * 1024 * 3 + 1)
    (wired.folder / "big").write_bytes(content)
    (wired.folder / "empty").write_bytes(b"")
    (wired.folder / "ab").mkdir()
    saved = wired.backup()
    got = wired.phone.download(f"{UDID}/big", f"{UDID}/empty", f"{UDID}/ab")
    assert got[f"{UDID}/big"] == content
    assert got[f"{UDID}/empty"] == b""
    code, payload = wired.phone.status()
    assert code == -13
    assert payload[f"{UDID}/ab"]["DLFileErrorCode"] == (1 << 64) - 9
    wired.phone.respond()
    saved.result()
    assert wired.conversation.sender.bytes_sent == len(content)
    assert wired.conversation.sender.files_sent == 2


# -- what no healthy phone does --------------------------------------------------------------------------------------


def test_copying_onto_a_hard_linked_blob_leaves_the_other_link_unchanged(wired: Any) -> None:
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab" / FILE_ID).write_bytes(b"saved")
    kept = wired.root / "kept-by-a-run"
    os.link(wired.folder / "ab" / FILE_ID, kept)
    (wired.folder / "other").write_bytes(b"other")
    saved = wired.backup()
    wired.phone.say("DLMessageCopyItem", f"{UDID}/other", f"{UDID}/ab/{FILE_ID}")
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "ab" / FILE_ID).read_bytes() == b"other"
    assert kept.read_bytes() == b"saved"
    if os.name == "posix":
        assert stat.S_IMODE((wired.folder / "ab" / FILE_ID).stat().st_mode) == 0o600


def test_a_tree_copied_into_itself_is_copied_once(wired: Any) -> None:
    (wired.folder / "a").mkdir()
    (wired.folder / "a" / "file").write_bytes(b"1")
    saved = wired.backup()
    wired.phone.say("DLMessageCopyItem", f"{UDID}/a", f"{UDID}/a/b/c")
    assert wired.phone.status()[0] == 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "a/b/c/file").read_bytes() == b"1"
    assert sorted(path.name for path in (wired.folder / "a/b/c").iterdir()) == ["file"]
    assert [path.name for path in wired.root.iterdir()] == [UDID]


@pytest.mark.parametrize(
    ("source", "target"),
    [("ab", ""), ("ab", "ab"), ("", "ab/x"), ("ab/deep", "ab"), ("../{UDID}-20261122-231905", "")],
    ids=["into the backup's place", "onto itself", "into itself", "onto what it lies in", "what was put aside, back"],
)
def test_a_move_that_would_destroy_the_backup_is_refused(wired: Any, source: str, target: str) -> None:
    (wired.folder / "ab/deep").mkdir(parents=True)
    (wired.folder / "ab" / FILE_ID).write_bytes(b"saved")
    aside = wired.root / f"{UDID}-20261122-231905"
    aside.mkdir()
    origin = aside.name if source.startswith("..") else f"{UDID}/{source}"
    saved = wired.backup()
    wired.phone.say("DLMessageMoveItems", {origin: f"{UDID}/{target}"}, "", 1.0)
    assert wired.phone.status()[0] != 0
    wired.phone.respond()
    saved.result()
    assert (wired.folder / "ab" / FILE_ID).read_bytes() == b"saved"


@pytest.mark.parametrize("name", [f"{UDID}/a\x01b", f"{UDID}" + "/d" * 1000], ids=["control characters", "very deep"])
def test_a_name_that_no_backup_can_have_ends_the_conversation(wired: Any, name: str) -> None:
    saved = wired.backup()
    wired.phone.say("DLMessageCreateDirectory", name)
    with pytest.raises(UnsafeName):
        saved.result()
    assert list(wired.folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_listing_leaves_out_names_that_no_property_list_can_hold(wired: Any) -> None:
    (wired.folder / "Icon\r").write_bytes(b"")
    (wired.folder / "ab").mkdir()
    saved = wired.backup()
    wired.phone.say("DLContentsOfDirectory", UDID)
    code, payload = wired.phone.status()
    assert (code, list(payload)) == (0, ["ab"])
    wired.phone.respond()
    saved.result()
