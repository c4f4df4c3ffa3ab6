from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from typing import Any

import pytest

from migrate.wire import lockdown
from migrate.wire.lockdown import Granted, LockdownServer, Refused, State
from migrate.wire.plist_frames import PeerBroke, WeBroke


def frame(message: Any) -> bytes:
    body = plistlib.dumps(message)
    return struct.pack(">I", len(body)) + body


def unframed(data: bytes) -> dict[str, Any]:
    assert struct.unpack(">I", data[:4]) == (len(data) - 4,)
    read: dict[str, Any] = plistlib.loads(data[4:])
    return read


def test_every_request_is_read_three_ways(read_three_ways: Callable[..., list[Any]]) -> None:
    record = {"HostID": "H"}
    messages = [
        {"Request": "QueryType", "Label": "x"},
        {"Request": "GetValue"},
        {"Request": "GetValue", "Domain": "d", "Key": "k"},
        {"Request": "SetValue", "Key": "k", "Value": 1},
        {"Request": "RemoveValue", "Domain": "d", "Key": "k"},
        {"Request": "Pair", "PairRecord": record, "ProtocolVersion": "2"},
        {"Request": "ValidatePair", "PairRecord": record},
        {"Request": "Unpair", "PairRecord": record},
        {"Request": "StartSession", "HostID": "H", "SystemBUID": "B"},
        {"Request": "StopSession", "SessionID": "S"},
        {"Request": "StartService", "Service": "com.apple.afc", "EscrowBag": b"e"},
        {"Request": "ResetPairing"},
        {"Request": "Goodbye"},
        {"Request": "Activate"},
    ]
    data = b"".join(frame(message) for message in messages)
    read = read_three_ways(LockdownServer, data, after=lambda server: server.send(Refused("x")))
    assert read == [
        lockdown.QueryType(),
        lockdown.GetValue(None, None),
        lockdown.GetValue("d", "k"),
        lockdown.SetValue(None, "k", 1),
        lockdown.RemoveValue("d", "k"),
        lockdown.Pair(record),
        lockdown.ValidatePair(record),
        lockdown.Unpair(record),
        lockdown.StartSession("H"),
        lockdown.StopSession("S"),
        lockdown.StartService("com.apple.afc", b"e"),
        lockdown.ResetPairing(),
        lockdown.Goodbye(),
        lockdown.Unknown("Activate"),
    ]


def answered(message: dict[str, Any], answer: lockdown.Answer) -> dict[str, Any]:
    server = LockdownServer()
    server.receive(frame(message))
    server.next()
    return unframed(server.send(answer))


def test_answers_echo_the_request_and_carry_values_or_an_error() -> None:
    asked = {"Request": "GetValue", "Domain": "d", "Key": "k", "Label": "me"}
    assert answered(asked, Granted({"Value": True})) == {
        "Request": "GetValue",
        "Domain": "d",
        "Key": "k",
        "Value": True,
    }
    assert answered(asked, Refused("MissingValue"))["Error"] == "MissingValue"


def test_a_session_begins_and_ends_by_granted_answers_only() -> None:
    server = LockdownServer()
    states = []
    for message, answer in [
        ({"Request": "StartSession"}, Refused("InvalidHostID")),
        ({"Request": "StartSession"}, Granted()),
        ({"Request": "StopSession"}, Refused("InvalidSessionID")),
        ({"Request": "QueryType"}, Granted()),
        ({"Request": "StopSession"}, Granted()),
    ]:
        server.receive(frame(message))
        server.next()
        server.send(answer)  # type: ignore[arg-type]
        states.append(server.state)
    assert states == [State.NO_SESSION, State.IN_SESSION, State.IN_SESSION, State.IN_SESSION, State.NO_SESSION]


@pytest.mark.parametrize(
    "message",
    [
        ["Request"],
        {"Label": "x"},
        {"Request": 1},
        {"Request": "GetValue", "Key": 1},
        {"Request": "Pair", "PairRecord": "x"},
        {"Request": "StartService", "Service": "s", "EscrowBag": "text"},
        {"Request": "StartSession", "HostID": b"data"},
    ],
)
def test_a_field_of_the_wrong_type_breaks_the_protocol(message: Any) -> None:
    server = LockdownServer()
    server.receive(frame(message))
    with pytest.raises(PeerBroke):
        server.next()


def test_requests_and_answers_alternate() -> None:
    server = LockdownServer()
    with pytest.raises(WeBroke):
        server.send(Granted())
    server.receive(frame({"Request": "QueryType"}) * 2)
    server.next()
    with pytest.raises(WeBroke):
        server.next()


def test_keys_and_escrow_bags_are_not_in_a_repr() -> None:
    shown = repr(lockdown.StartService("s", b"secret-bag")) + repr(lockdown.Pair({"RootPrivateKey": b"secret-key"}))
    assert "secret" not in shown
