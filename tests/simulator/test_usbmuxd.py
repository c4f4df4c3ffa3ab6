"""The simulated usbmuxd, over real sockets."""

from __future__ import annotations

import socket
import stat
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.listeners import has_unix_sockets
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd


def test_clients_probe_close_and_come_back(plug_in: Callable[..., Any]) -> None:
    phone, computer = plug_in(name="A")
    probe = computer.usbmuxd()
    assert probe.mux_request({"MessageType": "ReadBUID"})["BUID"]
    probe.sock.close()
    assert [d["Properties"]["SerialNumber"] for d in computer.devices()] == [phone.udid]


def test_several_phones_share_one_usbmuxd(serve: Callable[..., Any], computer_at: Callable[..., Any]) -> None:
    phones = [SimulatedPhone(name="Old"), SimulatedPhone(name="New", on_wifi=True)]
    computer = computer_at(serve(*phones))
    listed = [(d["Properties"]["SerialNumber"], d["Properties"]["ConnectionType"]) for d in computer.devices()]
    assert listed == [(phones[0].udid, "USB"), (phones[1].udid, "USB"), (phones[1].udid, "Network")]
    assert len({d["DeviceID"] for d in computer.devices()}) == 3
    for phone in phones:
        line = computer.lockdown(phone)
        assert line.ask({"Request": "GetValue", "Key": "DeviceName"})["Value"] == phone.name


def test_the_same_phone_twice_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="UDID"):
        SimulatedUsbmuxd(
            [SimulatedPhone(udid="00008101-0000000000000001"), SimulatedPhone(udid="00008101-0000000000000001")]
        )


def test_a_listener_is_told_which_phones_are_attached_and_detached(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    there, comes = SimulatedPhone(), SimulatedPhone()
    server = serve(there)
    listener = computer_at(server).usbmuxd()
    assert listener.mux_request({"MessageType": "Listen", "ProgName": "finder"}) == {
        "MessageType": "Result",
        "Number": 0,
    }
    assert listener.mux_receive()["Properties"]["SerialNumber"] == there.udid
    server.attach(comes)
    attached = listener.mux_receive()
    assert attached["Properties"]["SerialNumber"] == comes.udid
    server.detach(comes)
    assert listener.mux_receive() == {"MessageType": "Detached", "DeviceID": attached["DeviceID"]}
    programs = computer_at(server).usbmuxd().mux_request({"MessageType": "ListListeners"})["ListenerList"]
    assert [program["ProgName"] for program in programs] == ["finder"]


def test_a_second_command_ends_a_listener(plug_in: Callable[..., Any]) -> None:
    _, computer = plug_in()
    listener = computer.usbmuxd()
    listener.mux_request({"MessageType": "Listen"})
    listener.mux_receive()  # Attached
    assert listener.mux_request({"MessageType": "ListDevices"}) == {"MessageType": "Result", "Number": 1}
    assert listener.is_closed()


def test_unknown_devices_and_closed_ports_are_refused_and_the_connection_stays(plug_in: Callable[..., Any]) -> None:
    phone, computer = plug_in()
    line = computer.usbmuxd()
    port = socket.htons(62078)
    assert line.mux_request({"MessageType": "Connect", "DeviceID": 999, "PortNumber": port})["Number"] == 2
    device_id = computer.device_id(phone)
    closed = {"MessageType": "Connect", "DeviceID": device_id, "PortNumber": socket.htons(49152)}
    assert line.mux_request(closed)["Number"] == 3
    assert line.mux_request({"MessageType": "Connect", "DeviceID": device_id, "PortNumber": port})["Number"] == 0
    assert line.ask({"Request": "QueryType"})["Type"] == "com.apple.mobile.lockdown"


def test_the_binary_protocol_is_refused_with_badversion(plug_in: Callable[..., Any]) -> None:
    _, computer = plug_in()
    line = computer.usbmuxd()
    line.sock.sendall(struct.pack("<4I", 16, 0, 3, 5))
    assert struct.unpack("<5I", line.read(20)) == (20, 0, 1, 5, 6)
    assert line.is_closed()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", struct.pack("<4I", 20, 1, 8, 1) + b"none"])
def test_garbage_ends_only_its_own_connection(plug_in: Callable[..., Any], garbage: bytes) -> None:
    phone, computer = plug_in()
    line = computer.usbmuxd()
    line.sock.sendall(garbage)
    assert line.is_closed()
    assert computer.device_id(phone)


def test_a_phone_plugged_in_again_has_a_new_device_id_and_its_connections_are_cut(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    phone = SimulatedPhone()
    server = serve(phone)
    computer = computer_at(server)
    before, line = computer.device_id(phone), computer.lockdown(phone)
    assert server.detach(phone) is True
    assert server.detach(phone) is False
    assert line.is_closed()
    assert computer.devices() == []
    server.attach(phone)
    assert computer.device_id(phone) != before


def test_pair_records_are_kept_as_in_usbmuxd(plug_in: Callable[..., Any]) -> None:
    phone, computer = plug_in(trust="ask")
    listener = computer.usbmuxd()
    listener.mux_request({"MessageType": "Listen"})
    listener.mux_receive()
    line = computer.usbmuxd()
    of_phone = {"PairRecordID": phone.udid}
    assert line.mux_request({"MessageType": "ReadPairRecord", **of_phone}) == {"MessageType": "Result", "Number": 2}
    assert line.mux_request({"MessageType": "SavePairRecord", "PairRecordData": b"r"})["Number"] == 22
    assert line.mux_request({"MessageType": "SavePairRecord", **of_phone})["Number"] == 22
    device_id = computer.device_id(phone)
    saved = {"MessageType": "SavePairRecord", **of_phone, "PairRecordData": b"record", "DeviceID": device_id}
    assert line.mux_request(saved)["Number"] == 0
    assert listener.mux_receive() == {"MessageType": "Paired", "DeviceID": device_id}
    dashless = {"MessageType": "ReadPairRecord", "PairRecordID": phone.udid.replace("-", "")}
    assert line.mux_request(dashless) == {"PairRecordData": b"record"}
    assert line.mux_request({"MessageType": "DeletePairRecord", **of_phone})["Number"] == 0
    assert line.mux_request({"MessageType": "DeletePairRecord", **of_phone})["Number"] == 2
    assert "PairRecordData" not in line.mux_request({"MessageType": "ReadPairRecord", **of_phone})


def test_a_deleted_pair_record_is_not_created_again(
    plug_in: Callable[..., Any],
) -> None:
    phone, computer = plug_in(trust="trusted")
    line = computer.usbmuxd()
    assert line.mux_request({"MessageType": "ReadPairRecord", "PairRecordID": phone.udid})["PairRecordData"]
    assert line.mux_request({"MessageType": "DeletePairRecord", "PairRecordID": phone.udid})["Number"] == 0
    assert line.mux_request({"MessageType": "ReadPairRecord", "PairRecordID": phone.udid})["Number"] == 2


def test_stop_cuts_every_connection_and_leaves_no_thread(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    phone = SimulatedPhone()
    before = set(threading.enumerate())  # a session's fixture may serve phones meanwhile
    server = serve(phone)
    computer = computer_at(server)
    lines = [computer.usbmuxd(), computer.lockdown(phone), computer.session(phone)]
    assert {thread.name for thread in set(threading.enumerate()) - before} >= {"simulator acceptor"}
    server.stop()
    server.stop()  # a second stop does nothing
    assert all(line.is_closed() for line in lines)
    assert not [thread for thread in set(threading.enumerate()) - before if "simulator" in thread.name]
    with pytest.raises(ConnectionError):
        computer.usbmuxd()
    assert phone.cable is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 without being told")
def test_another_address_is_served_in_addition_to_loopback() -> None:
    with SimulatedUsbmuxd(listen=("127.0.0.2", 0)) as server:
        host, port = server.address.split(":")
        assert host == "127.0.0.2"
        for reachable in ("127.0.0.1", "127.0.0.2"):
            socket.create_connection((reachable, int(port))).close()


def test_an_address_in_use_is_an_error_and_the_other_server_keeps_it(serve: Callable[..., Any]) -> None:
    host, port = serve().address.split(":")
    with pytest.raises(OSError):
        SimulatedUsbmuxd(listen=(host, int(port))).start()
    socket.create_connection((host, int(port))).close()


@pytest.mark.skipif(not has_unix_sockets(), reason="this system has no unix sockets")
def test_a_unix_socket_is_for_its_owner_only_and_is_removed(tmp_path: Path) -> None:
    path, phone = tmp_path / "mux", SimulatedPhone()
    server = SimulatedUsbmuxd([phone], socket_path=path)
    server.start()
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(struct.pack("<4I", 16, 0, 3, 5))
            assert sock.recv(20)
        with pytest.raises(OSError, match="another server"):
            SimulatedUsbmuxd([], socket_path=path).start()
        assert path.exists()
    finally:
        server.stop()
    assert not path.exists()


@pytest.mark.skipif(not has_unix_sockets(), reason="this system has no unix sockets")
def test_the_socket_of_a_killed_server_is_replaced_but_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "mux"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with SimulatedUsbmuxd([], socket_path=path):
        assert path.exists()
    path.write_text("a letter")
    with pytest.raises(OSError):
        SimulatedUsbmuxd([], socket_path=path).start()
    assert path.read_text() == "a letter"
