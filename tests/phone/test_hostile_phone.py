"""False answers from lockdownd and the small services end with one of our errors, never a crash."""

from __future__ import annotations

import asyncio
import plistlib
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.phone import service
from migrate.phone.discovery import find_phones
from migrate.problems import MigrateError, PhoneBrokeProtocol
from migrate.simulator.lockdown import values as lockdown_values
from migrate.simulator.services import table
from migrate.wire import lockdown

Twist = Callable[[dict[str, Any]], Any]
"""An honest answer of lockdownd -> the object it sends instead, or its very bytes."""


@pytest.fixture
def lockdownd_says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Twist], None]:
    honest = lockdown.LockdownServer.send

    def install(twist: Twist) -> None:
        def send(self: Any, answer: Any) -> bytes:
            sent = twist(plistlib.loads(honest(self, answer)[4:]))
            data = sent if isinstance(sent, bytes) else plistlib.dumps(sent, fmt=plistlib.FMT_BINARY)
            return struct.pack(">I", len(data)) + data

        monkeypatch.setattr(lockdown.LockdownServer, "send", send)

    return install


def of(request: str, change: Callable[[dict[str, Any]], Any]) -> Twist:
    return lambda answer: change(answer) if answer.get("Request") == request else answer


def with_values(**values: Any) -> Twist:
    """The device's values, some of them unlike a phone's."""

    def change(answer: dict[str, Any]) -> Any:
        if isinstance(answer.get("Value"), dict) and "ProductVersion" in answer["Value"]:
            return {**answer, "Value": {**answer["Value"], **values}}
        return answer

    return of("GetValue", change)


PROXY, NOTICES = "com.apple.mobile.installation_proxy", "com.apple.mobile.notification_proxy"

NESTED = b"<plist>" + b"<array>" * 5000 + b"</array>" * 5000 + b"</plist>"
LIES: dict[str, Twist] = {
    "an array": lambda answer: [answer],
    "a number": lambda answer: 5,
    "bytes that are no property list": lambda answer: b"\x00" * 40,
    "an array in an array in an array": lambda answer: NESTED,
    "values that are an array": of("GetValue", lambda answer: {**answer, "Value": [1]}),
    "no values": of("GetValue", lambda answer: {"Request": "GetValue"}),
    "an error that is a dictionary": lambda answer: {**answer, "Error": {"a": 1}},
    "an error of ten million characters": lambda answer: {**answer, "Error": "x" * 10_000_000},
    "a type that is an array": of("QueryType", lambda answer: {**answer, "Type": ["com.apple.mobile.lockdown"]}),
    "a version that is none": with_values(ProductVersion="latest"),
    "a version that is a number": with_values(ProductVersion=17),
    "a name that is data": with_values(DeviceName=b"\xff" * 100, UniqueDeviceID=[1], ProductType={"a": 1}),
    "values of the wrong kinds": with_values(PasswordProtected="x", ActivationState=[], SerialNumber=1.5),
    "a session that is a dictionary": of("StartSession", lambda answer: {**answer, "SessionID": {}}),
    "a session without TLS": of("StartSession", lambda answer: {**answer, "EnableSessionSSL": False}),
    "ports that are none": of("StartService", lambda answer: {**answer, "Port": "x"}),
    "no ports": of("StartService", lambda answer: {"Request": "StartService"}),
}


@pytest.mark.parametrize("twist", LIES.values(), ids=LIES.keys())
def test_any_answer_from_lockdownd_is_handled_or_becomes_our_error(
    attach: Any, a_phone: Any, lockdownd_says: Callable[[Twist], None], twist: Twist
) -> None:
    phone = a_phone()
    home = attach(phone)
    lockdownd_says(twist)

    async def story() -> None:
        assert [seen.udid for seen in await find_phones(home.usbmux)] == [phone.udid]
        try:
            async with await home.meet(phone, wait_s=0) as met:
                await met.refresh()
                await met.installed_apps()
                await met.signs_of_use()
        except MigrateError as error:
            assert len(f"{error.what} {error.why} {error.next}") < 2000

    asyncio.run(story())


@pytest.mark.parametrize("key", [b"garbage", b"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", 7])
def test_an_invalid_public_key_becomes_our_error(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch, key: Any
) -> None:
    phone = a_phone(trust="ask")
    home = attach(phone)
    honest = lockdown_values.read

    def read(phone: Any, domain: Any, name: Any, *, in_session: bool) -> Any:
        return key if name == "DevicePublicKey" else honest(phone, domain, name, in_session=in_session)

    monkeypatch.setattr(lockdown_values, "read", read)
    with pytest.raises(MigrateError):
        asyncio.run(home.meet(phone, wait_s=0))


def test_a_phone_whose_name_does_not_fit_into_xml_is_backed_up(
    attach: Any, a_phone: Any, lockdownd_says: Callable[[Twist], None]
) -> None:
    phone = a_phone()
    home = attach(phone)
    lockdownd_says(with_values(DeviceName="An\x01na\x1b[2J"))
    asyncio.run(home.back_up(phone))
    info = BackupFolder(home.folder(phone)).info
    assert info is not None
    assert info["Device Name"] == "An\x01na\x1b[2J"


@pytest.mark.parametrize("claimed", ["6.1.3", "4.0", "", "x", None, 6.1])
def test_a_phone_that_claims_an_old_ios_does_not_get_our_private_keys(
    attach: Any, a_phone: Any, lockdownd_says: Callable[[Twist], None], monkeypatch: pytest.MonkeyPatch, claimed: Any
) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(_met_once(home, phone))
    heard = bytearray()
    honest = lockdown.LockdownServer.receive

    def receive(self: Any, data: bytes) -> None:
        heard.extend(data)
        honest(self, data)

    monkeypatch.setattr(lockdown.LockdownServer, "receive", receive)
    lockdownd_says(with_values(ProductVersion=claimed) if claimed is not None else without_a_version)
    asyncio.run(_met_once(home, phone))
    assert b"StartSession" in heard
    assert b"ValidatePair" not in heard
    assert b"PrivateKey" not in heard


def without_a_version(answer: dict[str, Any]) -> Any:
    values = answer.get("Value")
    return (
        {**answer, "Value": {"DeviceName": "x"}} if isinstance(values, dict) and "ProductVersion" in values else answer
    )


async def _met_once(home: Any, phone: Any) -> None:
    await (await home.meet(phone, wait_s=0)).close()


# -- the small services ----------------------------------------------------------------------------------------------


def frame(value: Any) -> bytes:
    data = value if isinstance(value, bytes) else plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
    return struct.pack(">I", len(data)) + data


APPS: dict[str, bytes] = {
    "apps that are numbers": frame({"CurrentList": [1, 2], "Status": "Complete"}),
    "a list that is none": frame({"CurrentList": 5, "Status": "Complete"}),
    "an array": frame([{"CurrentList": []}]),
    "garbage": frame(b"\x00garbage"),
    "a message of four gigabytes": b"\xff\xff\xff\xff" + bytes(100),
}


@pytest.mark.parametrize("sent", APPS.values(), ids=APPS.keys())
def test_an_invalid_app_list_becomes_a_finding(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    phone = a_phone()
    home = attach(phone)
    replaced(monkeypatch, PROXY, says(sent))

    async def story() -> None:
        async with await home.meet(phone) as met:
            with pytest.raises(PhoneBrokeProtocol):
                await met.installed_apps()

    asyncio.run(story())
    asyncio.run(home.back_up(phone))
    assert [finding.code for finding in home.progress.findings] == ["installed-apps-unknown"]


def test_an_endless_app_list_is_cut_off(attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = a_phone()
    home = attach(phone)
    monkeypatch.setattr(service, "CONNECTION_LIMIT_BYTES", 1 << 20)
    replaced(monkeypatch, PROXY, says(frame({"CurrentList": [{"x": "y" * 9000}]}) * 400))

    async def story() -> None:
        async with await home.meet(phone) as met:
            with pytest.raises(PhoneBrokeProtocol, match="more than"):
                await met.installed_apps()

    asyncio.run(story())


def test_apps_and_groups_with_invalid_names_are_left_out(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = a_phone()
    home = attach(phone)
    apps = [
        {"CFBundleIdentifier": "org.example.fine", "GroupContainers": {"group.a": "/x", "gr\x1boup": "/y"}},
        {"CFBundleIdentifier": "org.example\x00", "CFBundleName": ["x"]},
        {"CFBundleIdentifier": "", "CFBundleVersion": {}},
        {"CFBundleIdentifier": "x" * 10_000},
    ]
    replaced(monkeypatch, PROXY, says(frame({"CurrentList": apps, "Status": "Complete"})))

    async def story() -> None:
        async with await home.meet(phone) as met:
            assert {name: app.groups for name, app in (await met.installed_apps()).items()} == {
                "org.example.fine": ("group.a",)
            }

    asyncio.run(story())


@pytest.mark.parametrize(
    "sent",
    [frame([1]), frame(b"garbage"), frame({"Name": ["x"]}), b"\xff\xff\xff\xff", frame({"Name": "x"}) * 20_000],
    ids=["an array", "garbage", "a name that is an array", "four gigabytes", "a flood"],
)
def test_invalid_notifications_do_not_stop_a_backup(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    phone = a_phone()
    home = attach(phone)
    replaced(monkeypatch, NOTICES, says(sent))
    assert asyncio.run(home.back_up(phone)).files_received > 0


def says(data: bytes) -> Callable[[Any, Any], None]:
    """A service that always sends this, until the host disconnects."""

    def serve(stream: Any, phone: Any) -> None:
        stream.sendall(data)
        while stream.recv(1 << 16):
            pass

    return serve


def replaced(monkeypatch: pytest.MonkeyPatch, name: str, serve: Callable[[Any, Any], None]) -> None:
    """Replace the service `name` by `serve`."""
    monkeypatch.setitem(table.SERVICES, name, replace(table.SERVICES[name], serve=serve))
