"""The values and services that lockdownd returns and refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pymobiledevice3.exceptions import (
    GetProhibitedError,
    InvalidServiceError,
    MissingValueError,
    PyMobileDevice3Exception,
)

from migrate.phone.lockdown import connect
from migrate.phone.phone import Phone

ABSENT = "absent"
BACKUP = "com.apple.mobilebackup2"


def kind_of(value: Any) -> str:
    if value is None:
        return ABSENT
    return {bool: "bool", int: "int", str: "text", bytes: "data", dict: "dict", list: "list"}.get(type(value), "other")


Value = tuple[str | None, str, str, str]
VALUES: list[Value] = [
    (None, "DeviceName", "text", "1.2, confirmed"),
    (None, "ProductType", r"text like (iPhone|iPad|iPod)\d+,\d+", "6.1, confirmed"),
    (None, "ProductVersion", r"text like \d+(\.\d+){1,2}", "6.1, confirmed"),
    (None, "BuildVersion", r"text like \d+[A-Z]\w+", "6.1, confirmed"),
    (None, "UniqueDeviceID", r"text like [0-9A-F]{8}-[0-9A-F]{16}|[0-9a-f]{40}", "6.1, confirmed"),
    (None, "SerialNumber", "text", "6.1, confirmed"),
    (None, "DeviceClass", "text like iPhone|iPad|iPod", "6.1, confirmed"),
    (None, "PasswordProtected", "bool", "6.1, confirmed"),
    (None, "ActivationState", "text like Activated|Unactivated|FactoryActivated", "6.1, confirmed"),
    (None, "TimeZone", "text", "6.1, confirmed"),
    (None, "WiFiAddress", r"text like ([0-9a-f]{2}:){5}[0-9a-f]{2}", "1.2, confirmed"),
    ("com.apple.mobile.backup", "WillEncrypt", "bool or absent", "6.1, confirmed"),
    ("com.apple.mobile.backup", "RequiresEncryption", "bool or absent", "6.1, confirmed"),
    ("com.apple.mobile.backup", "CloudBackupEnabled", "bool or absent", "6.1, confirmed"),
    ("com.apple.mobile.backup", "LastCloudBackupDate", "int or absent", "6.1, confirmed"),
    ("com.apple.fmip", "IsAssociated", "bool or absent", "4.6, confirmed; reported stale or absent on 27"),
    ("com.apple.disk_usage", "TotalDataCapacity", "int", "6.1, confirmed"),
    ("com.apple.disk_usage", "TotalDataAvailable", "int", "6.1, confirmed"),
    ("com.apple.disk_usage", "AmountDataAvailable", "int", "6.1, confirmed"),
    ("com.apple.mobile.battery", "BatteryCurrentCapacity", "int", "6.1, confirmed"),
    ("com.apple.mobile.battery", "BatteryIsCharging", "bool", "6.1, confirmed"),
    ("com.apple.mobile.iTunes", "MinITunesVersion", "text", "6.1, confirmed"),
    ("com.apple.international", "Language", "text", "6.1, confirmed"),
    ("com.apple.international", "Locale", "text", "6.1, confirmed"),
    ("com.apple.purplebuddy", "SetupDone", "bool or absent", "6.1, reported"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[0] or 'device'}-{value[1]}")
def test_a_value_has_the_known_type(lab: Any, expect: Callable[..., None], value: Value) -> None:
    domain, key, expected, source = value

    async def ask(phone: Phone) -> Any:
        try:
            return await phone._connection.client.get_value(domain, key)
        except MissingValueError:
            return None

    seen = lab.run(ask)
    kinds, _, pattern = expected.partition(" like ")
    agrees = kind_of(seen) in kinds.split(" or ") and (not pattern or re.fullmatch(pattern, seen) is not None)
    shown = kind_of(seen) if agrees or not pattern else f"{kind_of(seen)} of another form"
    expect(f"GetValue {domain or ''} {key}".replace("  ", " "), expected, shown, agrees, source)


@pytest.mark.parametrize("key", ["SerialNumber", "TimeZone"])
def test_without_a_session_few_values_can_be_read(lab: Any, expect: Callable[..., None], key: str) -> None:
    async def ask(phone: Phone) -> str:
        client = await connect(lab.usbmux, phone._connection.device)
        try:
            return kind_of(await client.get_value(None, key))
        except (GetProhibitedError, MissingValueError) as error:
            return type(error).__name__
        finally:
            await client.close()

    seen = lab.run(ask)
    expect(
        f"GetValue {key} without a session", "GetProhibitedError", seen, seen == "GetProhibitedError", "1.2, confirmed"
    )


def test_an_unknown_value_is_refused(lab: Any, expect: Callable[..., None]) -> None:
    async def ask(phone: Phone) -> str:
        try:
            return kind_of(await phone._connection.client.get_value(None, "NoSuchValueAnywhere"))
        except PyMobileDevice3Exception as error:
            return type(error).__name__

    seen = lab.run(ask)
    expect("GetValue of an unknown key", "MissingValueError", seen, seen == "MissingValueError", "1.2, confirmed")


SERVICES = [
    "com.apple.afc",
    "com.apple.mobile.notification_proxy",
    "com.apple.mobile.installation_proxy",
    "com.apple.springboardservices",
    "com.apple.mobile.diagnostics_relay",
    BACKUP,
]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_with_tls(lab: Any, expect: Callable[..., None], name: str) -> None:
    async def start(phone: Phone) -> str:
        client = phone._connection.client
        escrow = name == BACKUP and "EscrowBag" in (client.pair_record or {})
        try:
            answer = await client.get_service_connection_attributes(name, include_escrow_bag=escrow)
        except PyMobileDevice3Exception as error:
            return type(error).__name__
        return f"a port, {'TLS' if answer.get('EnableServiceSSL') else 'no TLS'}"

    seen = lab.run(start)
    expect(f"StartService {name}", "a port, TLS", seen, seen == "a port, TLS", "1.2 and 1.3, confirmed")


def test_an_unknown_service_is_refused(lab: Any, expect: Callable[..., None]) -> None:
    async def start(phone: Phone) -> str:
        try:
            await phone._connection.client.get_service_connection_attributes(
                "com.example.nothing", include_escrow_bag=False
            )
        except InvalidServiceError:
            return "InvalidService"
        except PyMobileDevice3Exception as error:
            return type(error).__name__
        return "a port"

    seen = lab.run(start)
    expect("StartService of an unknown name", "InvalidService", seen, seen == "InvalidService", "1.2, confirmed")
