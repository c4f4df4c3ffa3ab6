"""How files go to a phone: in frames that it can hold, many of them in one write, from this backup's folder only."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup import held_folders
from migrate.backup.seal import Seal
from migrate.phone.mobilebackup2 import download
from migrate.phone.mobilebackup2.download import NotAsSealed, Sender
from migrate.phone.mobilebackup2.files_to_send import open_to_send
from migrate.phone.mobilebackup2.host_folder import HostFolder
from migrate.phone.mobilebackup2.link import LinkEnded
from migrate.problems import UnsafeName

UDID = "00008101-000A1B2C3D4E5F60"
FRAME = 32 << 10
LARGE = bytes(range(251)) * 14_000
"""Some megabytes: more than is read at once, and no multiple of a frame."""


class Wire:
    """A link that keeps what is sent, and how the phone reads it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.on_write: Callable[[], None] = lambda: None

    def send_bytes(self, data: bytes) -> None:
        self.on_write()
        self.writes.append(bytes(data))

    def received(self) -> tuple[dict[str, bytes | str], int]:
        """The files, or the text of an error, of one batch, and the length of the longest frame."""
        stream, files, longest = b"".join(self.writes), dict[str, bytes | str](), 0
        self.writes.clear()

        def take(count: int) -> bytes:
            nonlocal stream
            taken, stream = stream[:count], stream[count:]
            assert len(taken) == count
            return taken

        while length := struct.unpack(">I", take(4))[0]:
            path, content = take(length).decode(), bytearray()
            while True:
                size, code = struct.unpack(">IB", take(5))
                longest, data = max(longest, size), take(size - 1)
                if code != 0x0C:
                    files[path] = bytes(content) if code == 0 else data.decode()
                    break
                content += data
        assert not stream
        return files, longest


def blob(number: int) -> str:
    return f"{number % 256:02x}/{number % 256:02x}{number:038x}"


@pytest.fixture(params=[True, False], ids=["folders held", "by path"])
def sending(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sender, its wire and `write(name, content)`, on a system that can hold folders and on one that cannot."""
    if request.param and not held_folders.HAS_HANDLES:
        pytest.skip("this system has no handles of folders")
    monkeypatch.setattr(held_folders, "HAS_HANDLES", request.param)
    (tmp_path / UDID).mkdir()
    wire: Any = Wire()
    return Sending(tmp_path, wire, Sender(wire, HostFolder(tmp_path, UDID)))


class Sending:
    def __init__(self, root: Path, wire: Wire, sender: Sender) -> None:
        self.root, self.wire, self.sender = root, wire, sender

    def write(self, name: str, content: bytes) -> Path:
        place = self.root / UDID / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        return place

    def ask(self, *names: str) -> dict[str, bytes | str]:
        self.sender.send_files([f"{UDID}/{name}" for name in names])
        files, longest = self.wire.received()
        assert longest <= FRAME + 1
        return {path.removeprefix(f"{UDID}/"): content for path, content in files.items()}


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 100_000, 1 << 20, (1 << 20) + 1, len(LARGE)])
def test_no_frame_is_larger_than_a_phone_can_hold(sending: Any, size: int) -> None:
    """Larger frames get the phone's backup service killed."""
    sending.write(blob(1), LARGE[:size])
    assert sending.ask(blob(1)) == {blob(1): LARGE[:size]}
    assert (sending.sender.bytes_sent, sending.sender.files_sent) == (size, 1)


def test_many_small_files_go_in_one_write(sending: Any) -> None:
    """A write for each of them costs more than reading and hashing it."""
    files = {blob(number): bytes([number]) * 1000 for number in range(128)}
    for name, content in files.items():
        sending.write(name, content)
    sending.sender.send_files([f"{UDID}/{name}" for name in files])
    assert len(sending.wire.writes) == 1
    assert {path.partition("/")[2]: content for path, content in sending.wire.received()[0].items()} == files


def test_a_batch_of_large_files_is_never_held_in_memory(sending: Any) -> None:
    for number in range(3):
        sending.write(blob(number), LARGE)
    sending.sender.send_files([f"{UDID}/{blob(number)}" for number in range(3)])
    assert max(map(len, sending.wire.writes)) < 3 << 20


def test_it_is_counted_before_the_phone_can_have_it(sending: Any) -> None:
    """What the phone may have must not count as not sent when the computer goes off in the middle of a write."""
    sending.write(blob(1), LARGE)
    reported: list[int] = []
    sending.sender.on_progress = lambda: reported.append(sending.sender.bytes_sent)
    sending.wire.on_write = lambda: seen.append((sum(map(len, sending.wire.writes)), reported[-1]))
    seen: list[tuple[int, int]] = []
    sending.ask(blob(1))
    assert len(seen) > 2 and all(counted >= min(written, len(LARGE)) - 6000 for written, counted in seen)
    assert seen[0][1] > 0


def test_a_large_file_that_cannot_be_read_to_its_end_is_answered_with_an_error(
    sending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.write(blob(1), LARGE)
    sending.write(blob(2), b"after it")
    read, left = os.read, [2]

    def failing(descriptor: int, count: int) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(5, "Input/output error")
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", failing)
    assert sending.ask(blob(1), blob(2)) == {blob(1): "Input/output error", blob(2): b"after it"}
    assert not reading_threads()


def test_nothing_is_read_on_when_the_link_breaks_in_a_large_file(sending: Any) -> None:
    def break_link() -> None:
        raise LinkEnded("The phone closed the connection.")

    sending.write(blob(1), LARGE * 4)
    sending.wire.on_write = break_link
    before = open_descriptors()
    with pytest.raises(LinkEnded):
        sending.ask(blob(1))
    assert not reading_threads()
    sending.sender.host_folder.close()
    assert open_descriptors() == before, "no file stays open"


def test_the_end_of_a_large_file_that_differs_is_not_sent(sending: Any) -> None:
    sending.write(blob(1), LARGE[:-1] + b"\0")
    sending.sender.seal = Seal(
        uuid="U",
        date=datetime(2026, 1, 1, tzinfo=UTC),
        digests={blob(1)[3:]: hashlib.sha256(LARGE).hexdigest()},
        sizes={blob(1)[3:]: len(LARGE)},
        unreadable={},
        app_groups=None,
    )
    with pytest.raises(NotAsSealed):
        sending.ask(blob(1))
    assert b"".join(sending.wire.writes).endswith(LARGE[-100:-1] + b"\0"), "neither an end nor an error follows"


def test_a_file_that_grows_meanwhile_is_sent_to_its_end(sending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sending.write(blob(1), b"short")
    for size in (2, 7):
        monkeypatch.setattr(download, "open_to_send", lambda *path, size=size: open_to_send(*path)._replace(size=size))
        assert sending.ask(blob(1)) == {blob(1): b"short"}


# -- this backup's folder, and nothing else ----------------------------------------------------------------------------


@pytest.mark.parametrize("linked", ["shard", "file"])
def test_a_link_out_of_the_folder_is_not_followed(sending: Any, linked: str) -> None:
    outside = sending.root.parent / f"outside-{sending.root.name}"
    outside.mkdir()
    name = blob(5)
    (outside / name[3:]).write_bytes(b"private")
    sending.write(blob(6), b"x")
    if linked == "shard":
        (sending.root / UDID / "05").symlink_to(outside)
    else:
        (sending.root / UDID / "05").mkdir()
        (sending.root / UDID / name).symlink_to(outside / name[3:])
    with pytest.raises(UnsafeName):
        sending.ask(blob(6), name)


def test_a_link_that_stays_inside_is_followed(sending: Any) -> None:
    """Some programs put the blobs of a backup elsewhere in it."""
    sending.write(f"blobs/{blob(5)[3:]}", b"here")
    (sending.root / UDID / "05").symlink_to("blobs")
    assert sending.ask(blob(5), blob(5)) == {blob(5): b"here"}


def test_a_link_out_that_appears_later_is_not_followed(sending: Any) -> None:
    place = sending.write(blob(5), b"good")
    assert sending.ask(blob(5)) == {blob(5): b"good"}
    place.unlink()
    (sending.root.parent / "private").write_bytes(b"private")
    place.symlink_to(sending.root.parent / "private")
    with pytest.raises(UnsafeName):
        sending.ask(blob(5))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(sending: Any) -> None:
    (sending.root / UDID / "05").mkdir()
    os.mkfifo(sending.root / UDID / blob(5))
    assert sending.ask(blob(5)) == {blob(5): "Invalid argument"}


def test_a_folder_is_no_file(sending: Any) -> None:
    (sending.root / UDID / blob(5)).mkdir(parents=True)
    assert sending.ask(blob(5), "05") == {blob(5): "Is a directory", "05": "Is a directory"}


def test_a_folder_that_the_phone_renamed_is_not_read_any_more(sending: Any) -> None:
    sending.write(blob(5), b"old")
    assert sending.ask(blob(5)) == {blob(5): b"old"}
    assert sending.sender.host_folder.move({UDID: f"{UDID}-20260101-120000"}).code == 0
    (sending.root / UDID).mkdir()
    assert sending.ask(blob(5)) == {blob(5): "No such file or directory"}
    sending.write(blob(5), b"new")
    assert sending.ask(blob(5)) == {blob(5): b"new"}


def open_descriptors() -> int:
    """0 where the system does not tell."""
    place = Path("/dev/fd")
    return len(list(place.iterdir())) if place.is_dir() else 0


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
