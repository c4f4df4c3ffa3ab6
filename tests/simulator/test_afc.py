"""The media folder over AFC. The client is written from facts 1.3."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.device.filesystem import Synthetic
from migrate.simulator.device.phone import SimulatedPhone

SUCCESS, INVALID, NOT_FOUND, IS_DIRECTORY, DENIED, EXISTS, NO_SPACE, WOULD_BLOCK = 0, 7, 8, 9, 10, 16, 18, 19
NOT_EMPTY = 33
READ, READ_WRITE, WRITE, APPEND = 1, 2, 3, 5
LOCK_EXCLUSIVE, LOCK_SHARED, UNLOCK, NO_WAIT = 2, 1, 8, 4
SYNC_LOCK = "/com.apple.itunes.lock_sync"


class Conduit:
    """One AFC connection."""

    def __init__(self, line: Any) -> None:
        self.line = line
        self.number = 0

    def ask(self, operation: int, head: bytes = b"", payload: bytes = b"") -> tuple[int, bytes]:
        """The answer's operation and everything after its header."""
        self.number += 1
        sizes = (40 + len(head) + len(payload), 40 + len(head), self.number, operation)
        self.line.sock.sendall(b"CFA6LPAA" + struct.pack("<4Q", *sizes) + head + payload)
        header = self.line.read(40)
        entire, _, number, answer = struct.unpack("<4Q", header[8:])
        assert number == self.number
        return answer, self.line.read(entire - 40)

    def status(self, operation: int, head: bytes = b"", payload: bytes = b"") -> int:
        answer, body = self.ask(operation, head, payload)
        assert answer == 1
        return int(struct.unpack("<Q", body)[0])

    def texts(self, operation: int, path: str = "") -> list[str]:
        answer, body = self.ask(operation, path.encode() + b"\0")
        assert answer == 2, struct.unpack("<Q", body)
        return body.decode().split("\0")[:-1]

    def names(self, path: str) -> list[str]:
        dot, dots, *names = self.texts(0x03, path)
        assert (dot, dots) == (".", "..")
        return names

    def info(self, path: str) -> dict[str, str]:
        texts = self.texts(0x0A, path)
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def open(self, path: str, mode: int) -> int:
        answer, body = self.ask(0x0D, struct.pack("<Q", mode) + path.encode() + b"\0")
        assert answer == 0x0E, struct.unpack("<Q", body)
        return int(struct.unpack("<Q", body)[0])

    def open_status(self, path: str, mode: int) -> int:
        return self.status(0x0D, struct.pack("<Q", mode) + path.encode() + b"\0")

    def read(self, handle: int, size: int) -> bytes:
        answer, body = self.ask(0x0F, struct.pack("<QQ", handle, size))
        assert answer == 2
        return body

    def write(self, handle: int, data: bytes) -> int:
        return self.status(0x10, struct.pack("<Q", handle), data)

    def seek(self, handle: int, whence: int, offset: int) -> int:
        return self.status(0x11, struct.pack("<QQq", handle, whence, offset))

    def close(self, handle: int) -> int:
        return self.status(0x14, struct.pack("<Q", handle))

    def lock(self, handle: int, operation: int) -> int:
        return self.status(0x1B, struct.pack("<QQ", handle, operation))

    def put(self, path: str, data: bytes) -> None:
        handle = self.open(path, WRITE)
        assert self.write(handle, data) == SUCCESS
        assert self.close(handle) == SUCCESS

    def get(self, path: str) -> bytes:
        handle = self.open(path, READ)
        data = b"".join(iter(lambda: self.read(handle, 1000), b""))
        self.close(handle)
        return data

    def on_path(self, operation: int, path: str) -> int:
        return self.status(operation, path.encode() + b"\0")

    def rename(self, source: str, target: str) -> int:
        return self.status(0x18, source.encode() + b"\0" + target.encode() + b"\0")


@pytest.fixture
def phone() -> SimulatedPhone:
    phone = SimulatedPhone()
    phone.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", b"picture" * 500)
    phone.files.add_file("CameraRollDomain", "Media/PhotoData/Photos.sqlite", b"database")
    phone.files.add_file("MediaDomain", "Media/Recordings/größe.m4a", b"voice")
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"private")
    phone.files.add_symlink("MediaDomain", "Media/to-voice", "Recordings/größe.m4a")
    phone.files.add_symlink("MediaDomain", "Media/outside", "../Library/SMS/sms.db")
    return phone


@pytest.fixture
def afc(phone: SimulatedPhone, serve: Callable[..., Any], computer_at: Callable[..., Any]) -> Callable[[], Conduit]:
    """Each call opens another connection."""
    computer = computer_at(serve(phone))
    return lambda: Conduit(computer.service(phone, "com.apple.afc"))


def test_the_tree_joins_two_domains_and_hides_all_others(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    assert conduit.names("/") == ["Books", "DCIM", "Downloads", "PhotoData", "Recordings", "outside", "to-voice"]
    assert conduit.names("/DCIM/100APPLE/") == ["IMG_0001.JPG"]
    assert conduit.names("Recordings") == ["größe.m4a"]
    assert conduit.on_path(0x03, "/Library") == NOT_FOUND
    assert conduit.on_path(0x03, "/DCIM/100APPLE/IMG_0001.JPG") == 4  # READ_ERROR: not a directory


def test_info_has_sizes_kinds_and_link_targets(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    conduit = afc()
    picture = conduit.info("/DCIM/100APPLE/IMG_0001.JPG")
    node = phone.files.get("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
    assert node is not None
    assert (picture["st_size"], picture["st_ifmt"]) == ("3500", "S_IFREG")
    assert picture["st_mtime"] == str(node.modified * 10**9)
    assert conduit.info("/DCIM")["st_ifmt"] == "S_IFDIR"
    link = conduit.info("/to-voice")
    assert (link["st_ifmt"], link["LinkTarget"]) == ("S_IFLNK", "Recordings/größe.m4a")
    assert conduit.on_path(0x0A, "/nothing") == NOT_FOUND


def test_files_are_read_in_chunks_from_any_position(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    assert conduit.get("/DCIM/100APPLE/IMG_0001.JPG") == b"picture" * 500
    assert conduit.get("/to-voice") == b"voice"
    handle = conduit.open("/DCIM/100APPLE/IMG_0001.JPG", READ)
    assert conduit.seek(handle, 2, -7) == SUCCESS
    assert conduit.read(handle, 100) == b"picture"
    assert conduit.read(handle, 100) == b""
    assert conduit.seek(handle, 0, 7) == SUCCESS
    assert conduit.seek(handle, 1, 3) == SUCCESS
    assert conduit.read(handle, 4) == b"ture"
    assert conduit.ask(0x12, struct.pack("<Q", handle)) == (0x13, struct.pack("<Q", 14))
    assert conduit.seek(handle, 0, -1) == INVALID
    assert conduit.seek(handle, 9, 0) == INVALID
    assert conduit.write(handle, b"x") == DENIED
    assert conduit.read(conduit.open("/Recordings/größe.m4a", READ), 2) == b"vo"


def test_a_large_video_is_read_without_holding_it_in_memory(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    film = Synthetic(seed=1, size=3_000_000)
    phone.files.add_file("CameraRollDomain", "Media/DCIM/film.mov", film)
    conduit = afc()
    whole = b"".join(film.chunks())
    handle = conduit.open("/DCIM/film.mov", READ)
    for start in (2_500_000, 10, 1_048_570):
        conduit.seek(handle, 0, start)
        assert conduit.read(handle, 100_000) == whole[start : start + 100_000]


@pytest.mark.parametrize("path", ["/../Library/SMS/sms.db", "..", "/DCIM/../../x", "../../../etc/passwd", "/outside"])
def test_no_path_leads_out_of_the_media_folder(afc: Callable[[], Conduit], path: str) -> None:
    assert afc().open_status(path, READ) == DENIED


def test_dots_that_stay_inside_the_media_folder_are_allowed(afc: Callable[[], Conduit]) -> None:
    assert afc().get("/DCIM/./../Recordings//größe.m4a") == b"voice"


def test_files_that_hosts_write_are_in_no_backup(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    before = phone.files.digests()
    conduit = afc()
    assert conduit.open_status("/iTunesRestore/RestoreApplications.plist", WRITE) == NOT_FOUND  # no such directory yet
    assert conduit.on_path(0x09, "/iTunesRestore") == SUCCESS
    assert conduit.on_path(0x09, "/iTunesRestore") == SUCCESS
    assert conduit.names("/iTunesRestore") == []
    conduit.put("/iTunesRestore/RestoreApplications.plist", b"apps")
    assert phone.afc_files["/iTunesRestore/RestoreApplications.plist"] == b"apps"
    assert conduit.info("/iTunesRestore/RestoreApplications.plist")["st_size"] == "4"
    assert afc().get("/iTunesRestore/RestoreApplications.plist") == b"apps"
    assert conduit.on_path(0x09, "/iTunesRestore/RestoreApplications.plist") == EXISTS
    assert phone.files.digests() == before
    assert conduit.on_path(0x08, "/iTunesRestore") == NOT_EMPTY
    assert conduit.on_path(0x22, "/iTunesRestore") == SUCCESS
    assert phone.afc_files == {} and phone.afc_times == {}


def test_an_empty_phone_has_the_folders_that_ios_makes(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    phone = SimulatedPhone()
    conduit = Conduit(computer_at(serve(phone)).service(phone, "com.apple.afc"))
    assert conduit.names("/") == ["Books", "Downloads"]
    assert conduit.names("/Books") == []
    assert conduit.info("/Downloads")["st_ifmt"] == "S_IFDIR"
    conduit.put("/Books/one.epub", b"book")
    assert conduit.on_path(0x08, "/Books") == NOT_EMPTY


def test_a_directory_is_made_with_those_above_it_and_outlives_its_contents(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    assert conduit.on_path(0x09, "/a/b/c") == SUCCESS
    assert conduit.names("/a") == ["b"]
    conduit.put("/a/b/c/note", b"x")
    assert conduit.on_path(0x08, "/a/b/c") == NOT_EMPTY
    for path in ("/a/b/c/note", "/a/b/c"):
        assert conduit.on_path(0x08, path) == SUCCESS
    assert conduit.names("/a/b") == []
    assert conduit.on_path(0x08, "/a/b") == SUCCESS
    assert conduit.on_path(0x08, "/a") == SUCCESS
    assert conduit.on_path(0x0A, "/a") == NOT_FOUND


def test_a_file_is_never_taken_for_a_directory(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    conduit.put("/file", b"data")
    conduit.put("/other", b"other")
    assert conduit.on_path(0x09, "/file/below/it") == EXISTS
    assert conduit.rename("/other", "/file/inside") == NOT_FOUND
    assert conduit.rename("/other", "/no such folder/inside") == NOT_FOUND
    assert (conduit.get("/file"), conduit.get("/other")) == (b"data", b"other")


def test_a_rename_replaces_a_file_and_never_a_directory_with_contents(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    conduit.put("/new", b"new")
    conduit.put("/old", b"old")
    conduit.on_path(0x09, "/folder")
    conduit.on_path(0x09, "/empty")
    assert conduit.rename("/new", "/old") == SUCCESS
    assert conduit.get("/old") == b"new"
    assert conduit.rename("/old", "/empty") == IS_DIRECTORY
    assert conduit.rename("/folder", "/old") == EXISTS
    conduit.put("/folder/kept", b"kept")
    assert conduit.rename("/empty", "/folder") == NOT_EMPTY
    assert conduit.rename("/folder", "/empty") == SUCCESS
    assert conduit.get("/empty/kept") == b"kept"


def test_times_are_those_of_the_last_write(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    before = time.time_ns()
    conduit.put("/note", b"1")
    conduit.on_path(0x09, "/folder")
    first = conduit.info("/note")
    assert before <= int(first["st_mtime"]) <= time.time_ns()
    assert before <= int(conduit.info("/folder")["st_mtime"]) <= time.time_ns()
    assert conduit.info("/note") == first  # looking changes nothing
    conduit.put("/note", b"2")
    second = conduit.info("/note")
    assert int(second["st_mtime"]) > int(first["st_mtime"]) and second["st_birthtime"] == first["st_birthtime"]
    assert conduit.rename("/note", "/renamed") == SUCCESS
    assert conduit.info("/renamed")["st_mtime"] == second["st_mtime"]
    assert conduit.status(0x1E, struct.pack("<Q", 5_000_000_000) + b"/renamed\0") == SUCCESS
    assert conduit.info("/renamed")["st_mtime"] == "5000000000"


def test_a_directorys_size_counts_its_entries(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    conduit.on_path(0x09, "/folder")
    assert [conduit.info("/folder")[key] for key in ("st_size", "st_nlink", "st_blocks")] == ["64", "2", "0"]
    conduit.put("/folder/note", b"x")
    assert [conduit.info("/folder")[key] for key in ("st_size", "st_nlink", "st_blocks")] == ["96", "3", "0"]


def test_a_file_can_be_overwritten_extended_truncated_and_appended_to(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    handle = conduit.open("/Recordings/größe.m4a", READ_WRITE)
    conduit.seek(handle, 0, 2)
    assert conduit.write(handle, b"XY") == SUCCESS
    conduit.seek(handle, 0, 7)
    assert conduit.write(handle, b"!") == SUCCESS
    assert conduit.info("/Recordings/größe.m4a")["st_size"] == "8"  # seen before it is closed
    conduit.close(handle)
    assert conduit.get("/Recordings/größe.m4a") == b"voXYe\0\0!"
    assert conduit.status(0x07, struct.pack("<Q", 3) + "/Recordings/größe.m4a".encode() + b"\0") == SUCCESS
    handle = conduit.open("/Recordings/größe.m4a", APPEND)
    conduit.write(handle, b"ce")
    assert conduit.status(0x15, struct.pack("<QQ", handle, 4)) == SUCCESS
    conduit.close(handle)
    assert conduit.get("/Recordings/größe.m4a") == b"voXc"


def test_written_data_is_kept_when_the_client_disconnects(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    conduit = afc()
    handle = conduit.open("/note", WRITE)
    conduit.write(handle, b"half")
    other = afc()
    conduit.line.sock.close()
    for _ in range(10_000):  # until the phone notices the disconnect
        if "/note" in other.names("/"):
            break
    assert phone.afc_files["/note"] == b"half"


def test_renaming_moves_files_and_whole_directories(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    conduit = afc()
    conduit.put("/a", b"1")
    assert conduit.rename("/a", "/b") == SUCCESS
    assert conduit.rename("/DCIM", "/Old") == SUCCESS
    assert conduit.get("/b") == b"1"
    assert conduit.get("/Old/100APPLE/IMG_0001.JPG") == b"picture" * 500
    assert conduit.on_path(0x0A, "/DCIM") == NOT_FOUND
    assert conduit.rename("/gone", "/c") == NOT_FOUND
    assert conduit.rename("/Old", "/Old/inside") == DENIED
    assert conduit.rename("/b", "/b") == SUCCESS
    assert conduit.get("/b") == b"1"
    assert phone.files.get("CameraRollDomain", "Media/DCIM") is None


def test_a_removed_picture_is_removed_from_the_phone(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    conduit = afc()
    assert conduit.on_path(0x08, "/DCIM/100APPLE/IMG_0001.JPG") == SUCCESS
    assert conduit.on_path(0x08, "/DCIM/100APPLE/IMG_0001.JPG") == NOT_FOUND
    assert conduit.on_path(0x22, "/") == DENIED
    assert phone.files.get("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG") is None


def test_the_sync_lock_is_held_across_connections_until_it_is_released(afc: Callable[[], Conduit]) -> None:
    ours, finders = afc(), afc()
    mine, theirs = ours.open(SYNC_LOCK, READ_WRITE), finders.open(SYNC_LOCK, READ_WRITE)
    assert finders.lock(theirs, LOCK_EXCLUSIVE | NO_WAIT) == SUCCESS
    assert ours.lock(mine, LOCK_EXCLUSIVE | NO_WAIT) == WOULD_BLOCK
    assert ours.lock(mine, LOCK_SHARED | NO_WAIT) == WOULD_BLOCK
    assert finders.lock(theirs, UNLOCK | NO_WAIT) == SUCCESS
    assert ours.lock(mine, LOCK_EXCLUSIVE | NO_WAIT) == SUCCESS
    assert finders.lock(theirs, LOCK_EXCLUSIVE | NO_WAIT) == WOULD_BLOCK
    assert ours.close(mine) == SUCCESS
    assert finders.lock(theirs, LOCK_SHARED) == SUCCESS
    assert ours.lock(ours.open(SYNC_LOCK, READ_WRITE), LOCK_SHARED) == SUCCESS


def test_finder_may_hold_the_sync_lock_for_a_while(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    phone.faults.afc_lock_busy_tries = 2
    conduit = afc()
    handle = conduit.open(SYNC_LOCK, READ_WRITE)
    assert [conduit.lock(handle, 6) for _ in range(3)] == [WOULD_BLOCK, WOULD_BLOCK, SUCCESS]


def test_another_program_may_hold_the_sync_lock_until_it_releases_it(
    afc: Callable[[], Conduit], phone: SimulatedPhone
) -> None:
    phone.conditions.sync_lock_held = True
    conduit = afc()
    handle = conduit.open(SYNC_LOCK, READ_WRITE)
    assert {conduit.lock(handle, 6) for _ in range(60)} == {WOULD_BLOCK}  # clients try 50 times
    phone.conditions.sync_lock_held = False
    assert conduit.lock(handle, 6) == SUCCESS


def test_a_full_phone_accepts_no_more_data(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    phone.faults.free_bytes = 10
    conduit = afc()
    handle = conduit.open("/x", WRITE)
    assert conduit.write(handle, b"x" * 11) == NO_SPACE
    assert conduit.write(handle, b"x" * 10) == SUCCESS
    assert conduit.status(0x15, struct.pack("<QQ", handle, 1 << 40)) == NO_SPACE


def test_bad_handles_directories_and_unknown_packets_are_answered(afc: Callable[[], Conduit]) -> None:
    conduit = afc()
    assert conduit.close(99) == INVALID
    assert conduit.status(0x0F, struct.pack("<QQ", 99, 1)) == INVALID
    assert conduit.open_status("/DCIM", READ) == IS_DIRECTORY
    assert conduit.open_status("/missing", READ) == NOT_FOUND
    assert conduit.open_status("/DCIM/100APPLE/IMG_0001.JPG/x", WRITE) == NOT_FOUND
    assert conduit.status(0x99) == 6
    assert conduit.status(0x0D, b"short") == INVALID
    assert conduit.status(0x17, b"\0") == SUCCESS
    assert conduit.status(0x1E, struct.pack("<Q", 1) + b"/DCIM\0") == SUCCESS


def test_device_info_has_the_free_space(afc: Callable[[], Conduit], phone: SimulatedPhone) -> None:
    texts = afc().texts(0x0B)
    facts = dict(zip(texts[::2], texts[1::2], strict=True))
    assert facts["Model"] == "iPhone13,2"
    assert facts["FSFreeBytes"] == str(phone.free_bytes)
