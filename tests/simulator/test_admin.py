"""The admin channel: one JSON object per line."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.admin import AdminChannel
from migrate.simulator.device.passcode_sheet import SHEET_PRESENTED
from migrate.simulator.device.phone import SYNC_CANCELLED, SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user
from migrate.simulator.usbmuxd import listeners
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

Tell = Callable[..., dict[str, Any]]


class Person:
    """A client of the channel, over a Unix socket or TCP."""

    def __init__(self, path: Path) -> None:
        if stat.S_ISSOCK(path.stat().st_mode):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(str(path))
        else:
            host, port = path.read_text().strip().split(":")
            self.sock = socket.create_connection((host, int(port)))
        self.sock.settimeout(10)
        self.lines = self.sock.makefile("rb")

    def send(self, line: bytes) -> dict[str, Any]:
        self.sock.sendall(line + b"\n")
        answer: dict[str, Any] = json.loads(self.lines.readline())
        return answer

    def __call__(self, do: str, **order: Any) -> dict[str, Any]:
        return self.send(json.dumps({"do": do, **order}).encode())

    def close(self) -> None:
        self.lines.close()
        self.sock.close()


@pytest.fixture(params=["unix", "loopback"])
def open_channel(
    request: pytest.FixtureRequest, tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Person, SimulatedUsbmuxd]]]:
    """Opens the channel of a server with these phones; also as on a system without Unix sockets."""
    if request.param == "unix" and not listeners.has_unix_sockets():
        pytest.skip("this system has no unix sockets")
    if request.param == "loopback":
        monkeypatch.setattr(listeners, "has_unix_sockets", lambda: False)
    channels: list[AdminChannel] = []
    people: list[Person] = []

    def open_one(*phones: SimulatedPhone) -> tuple[Person, SimulatedUsbmuxd]:
        server = serve(*phones)
        channels.append(AdminChannel(server, tmp_path / "admin"))
        channels[-1].start()
        people.append(Person(tmp_path / "admin"))
        return people[-1], server

    yield open_one
    for channel in channels:
        channel.stop()
    for person in people:
        person.close()
    assert not (tmp_path / "admin").exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "simulator admin"]


def test_phones_are_described(open_channel: Any) -> None:
    old, new = SimulatedPhone(name="Old", find_my=True), SimulatedPhone(name="New", trust="locked", passcode="1")
    tell, _ = open_channel(old, new)
    described = {phone["name"]: phone for phone in tell("phones")["phones"]}
    assert described["Old"]["udid"] == old.udid
    assert described["Old"]["find_my"] is True and described["Old"]["attached"] is True
    assert described["New"]["locked"] is True and described["New"]["trust"] == "ask"


def test_the_user_can_be_ordered_to_sign_in(open_channel: Any) -> None:
    phone, returned = SimulatedPhone(), threading.Event()
    phone.add_return_at_sign_in(returned.set)
    tell, _ = open_channel(phone)
    assert tell("phones")["phones"][0]["awaits_sign_in"] is True
    assert tell("sign-in") == {"ok": True} and returned.is_set()
    assert tell("phones")["phones"][0]["awaits_sign_in"] is False


def test_every_user_action_can_be_ordered(open_channel: Any) -> None:
    phone = SimulatedPhone(trust="locked", passcode="1234", setup="running", simulated_user=absent_user())
    tell, server = open_channel(phone)
    for order, is_done in [
        ({"do": "unlock"}, lambda: not phone.locked),
        ({"do": "lock"}, lambda: phone.locked),
        ({"do": "tap-trust"}, lambda: phone.trust == "trusted"),
        ({"do": "deny-trust"}, lambda: phone.trust == "denied"),
        ({"do": "finish-setup"}, lambda: phone.setup == "finished"),
        ({"do": "find-my", "on": True}, lambda: phone.find_my),
        ({"do": "find-my", "on": False}, lambda: not phone.find_my),
        ({"do": "unplug"}, lambda: not server.is_attached(phone)),
        ({"do": "plug"}, lambda: server.is_attached(phone)),
        ({"do": "set-fault", "fault": "free_bytes", "value": 5}, lambda: phone.free_bytes == 5),
        ({"do": "set-fault", "fault": "free_bytes", "value": None}, lambda: phone.free_bytes > 5),
        ({"do": "set-fault", "fault": "no_icon", "value": ["a"]}, lambda: phone.faults.no_icon == ("a",)),
        (
            {"do": "set-hand", "habit": "passcode", "value": "decline"},
            lambda: phone.simulated_user.passcode == "decline",
        ),
        ({"do": "reboot"}, lambda: not phone.unlocked_since_boot and server.is_attached(phone)),
        ({"do": "set-state", "state": "screen", "value": "locked"}, lambda: phone.unlocked_since_boot),
        ({"do": "set-state", "state": "battery_percent", "value": 4}, lambda: phone.battery_percent == 4),
        ({"do": "set-state", "state": "activated", "value": False}, lambda: not phone.activated),
        ({"do": "set-state", "state": "ios_version", "value": "26.1"}, lambda: phone.build == "23B85"),
        (
            {"do": "set-condition", "condition": "policy", "value": "shared-ipad"},
            lambda: phone.conditions.policy != "none",
        ),
        (
            {"do": "set-assumption", "assumption": "cancel", "value": "host-ends"},
            lambda: phone.assume.cancel == "host-ends",
        ),
        (
            {"do": "set-aftermath", "setting": "skip", "value": ["accounts"]},
            lambda: phone.aftermath.skip == ("accounts",),
        ),
        ({"do": "forget-computers"}, lambda: phone.trust == "ask"),
        ({"do": "erase"}, lambda: phone.setup == "never-begun" and server.is_attached(phone)),
    ]:
        assert tell(**order) == {"ok": True}, order
        assert is_done(), order


@pytest.mark.parametrize(("order", "entered"), [("enter-passcode", True), ("decline-passcode", False)])
def test_a_waiting_passcode_sheet_is_seen_and_answered(open_channel: Any, order: str, entered: bool) -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=SimulatedUser(passcode="wait"))
    tell, _ = open_channel(phone)
    shown, answers = threading.Event(), []
    phone.observe(lambda name: shown.set() if name == SHEET_PRESENTED else None)
    asking = threading.Thread(target=lambda: answers.append(phone.enter_passcode()))
    asking.start()
    assert shown.wait(10)
    assert tell("phones")["phones"][0]["asks_passcode"] is True
    assert tell(order)["ok"]
    asking.join(10)
    assert answers == [entered]
    assert tell("phones")["phones"][0]["asks_passcode"] is False


def test_a_posted_notification_reaches_its_observers(open_channel: Any) -> None:
    phone, posted = SimulatedPhone(), []
    phone.observe(posted.append)
    tell, _ = open_channel(phone)
    assert tell("post", name="com.apple.itunes-client.syncCancelRequest") == {"ok": True}
    assert posted == ["com.apple.itunes-client.syncCancelRequest"]


def test_cancel_can_be_tapped_on_the_phone(open_channel: Any) -> None:
    phone, posted = SimulatedPhone(), []
    phone.observe(posted.append)
    tell, _ = open_channel(phone)
    assert tell("tap-cancel") == {"ok": True}
    assert posted == [SYNC_CANCELLED] and phone.cancelled.is_set()


def test_the_background_part_of_a_restore_arrives_when_ordered(open_channel: Any) -> None:
    phone = SimulatedPhone()
    phone.add_background_restore(lambda: phone.files.add_file("CameraRollDomain", "Media/DCIM/1.JPG", b"late"))
    tell, _ = open_channel(phone)
    assert tell("phones")["phones"][0]["arriving"] is True
    assert tell("arrive") == {"ok": True}
    assert tell("phones")["phones"][0]["arriving"] is False
    assert phone.files.get("CameraRollDomain", "Media/DCIM/1.JPG")


def test_a_dump_into_a_folder_writes_the_files(open_channel: Any, tmp_path: Path) -> None:
    phone = SimulatedPhone()
    phone.files.add_file("HomeDomain", "Library/a", b"x")
    phone.files.add_symlink("HomeDomain", "Library/link", "/etc")
    tell, _ = open_channel(phone)
    into = tmp_path / "dump"
    assert tell("dump", into=str(into)) == {"ok": True, "written": 1}
    assert (into / "HomeDomain" / "Library" / "a").read_bytes() == b"x"
    assert [path.name for path in into.rglob("*") if path.is_file()] == ["a"]
    assert stat.S_IMODE(into.stat().st_mode) == 0o700
    again = tell("dump", into=str(into))
    assert again["ok"] is False and "exists" in again["error"]


def test_a_dump_lists_every_digest(open_channel: Any) -> None:
    phone = SimulatedPhone()
    phone.files.add_file("HomeDomain", "a", b"x")
    phone.afc_files["/y"] = b"y"
    tell, _ = open_channel(phone)
    assert tell("dump") == {"ok": True, "digests": phone.files.digests(), "scratch": ["/y"]}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"unlock", "invalid JSON"),
        (b"\xff\xfe", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b"[]", "an object"),
        (b"{}", "an object"),
        (b'{"do": "dance"}', "unknown order"),
        (b'{"do": "unlock", "phone": "nobody"}', "0 phones"),
        (b'{"do": "unlock"}', "2 phones"),
        (b'{"do": "find-my", "phone": "A"}', '"on"'),
        (b'{"do": "find-my", "phone": "A", "on": "yes"}', '"on"'),
        (b'{"do": "post", "phone": "A"}', '"name"'),
        (b'{"do": "set-fault", "phone": "A", "fault": "fire"}', "fault must be one of "),
        (b'{"do": "set-fault", "phone": "A", "fault": ["x"]}', "fault must be one of"),
        (b'{"do": "set-fault", "phone": "A", "fault": "free_bytes", "value": "many"}', "free_bytes: "),
        (b'{"do": "set-state", "phone": "A", "state": "udid", "value": "x"}', "state must be one of activated"),
        (b'{"do": "set-state", "phone": "A", "state": "setup", "value": "x"}', "setup: "),
        (b'{"do": "set-condition", "phone": "A", "condition": "rain"}', "condition must be one of policy"),
        (b'{"do": "set-assumption", "phone": "A", "assumption": "cancel", "value": "x"}', "cancel: "),
        (b'{"do": "dump", "phone": "A", "into": "here"}', "absolute path"),
        (b'{"do": "set-hand", "phone": "A", "habit": "passcode", "value": "sing"}', "passcode: "),
    ],
)
def test_an_invalid_order_is_answered_and_the_next_one_works(open_channel: Any, line: bytes, error: str) -> None:
    phone = SimulatedPhone(name="A")
    tell, _ = open_channel(phone, SimulatedPhone(name="B"))
    answer = tell.send(line)
    assert answer["ok"] is False and error in answer["error"]
    assert tell("lock", phone="A") == {"ok": True}
    assert phone.locked


def test_unplugging_twice_is_an_error(open_channel: Any) -> None:
    tell, _ = open_channel(SimulatedPhone())
    assert tell("unplug")["ok"] is True
    assert tell("unplug") == {"ok": False, "error": "the phone is not plugged in"}


def test_only_its_owner_may_open_the_channel(open_channel: Any, tmp_path: Path) -> None:
    open_channel(SimulatedPhone())
    assert stat.S_IMODE((tmp_path / "admin").stat().st_mode) == 0o600


def test_a_line_without_an_end_closes_the_connection(open_channel: Any) -> None:
    tell, _ = open_channel(SimulatedPhone())
    try:
        tell.sock.sendall(b"x" * (2 << 20))
        assert tell.lines.readline() == b""
    except ConnectionError:
        pass
