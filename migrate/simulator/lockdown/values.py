"""lockdownd's values: every domain is computed from the phone, and values set by hosts override it.

Domains and keys as in facts 6.1. Without a session only a few public keys can be read (facts 1.2).
"""

from __future__ import annotations

import datetime
import time
import zoneinfo
from collections.abc import Callable
from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.lockdown.refusal import LockdownRefusal
from migrate.units import APPLE_EPOCH_UNIX_SECONDS

PUBLIC_KEYS = frozenset(
    {
        "ActivationState",
        "BuildVersion",
        "CPUArchitecture",
        "DeviceClass",
        "DeviceName",
        "DevicePublicKey",
        "HardwareModel",
        "PasswordProtected",
        "ProductName",
        "ProductType",
        "ProductVersion",
        "ProtocolVersion",
        "UniqueChipID",
        "UniqueDeviceID",
        "WiFiAddress",
    }
)
"""Readable without a session. *Read* (facts 1.2): DeviceName, DeviceClass, ProductType, ProductVersion, BuildVersion,
UniqueDeviceID, DevicePublicKey, WiFiAddress, PasswordProtected. The others are *guessed*."""

DEVICE_NAME_CHANGED = "com.apple.mobile.lockdown.device_name_changed"
SYSTEM_BYTES = 12_000_000_000
IMMUTABLE_KEYS = frozenset({"UniqueDeviceID", "SerialNumber", "ProductType", "ProductVersion", "BuildVersion"})
SETTABLE_DOMAINS = frozenset(
    {
        "com.apple.international",
        "com.apple.iTunes",
        "com.apple.iTunes.backup",
        "com.apple.mobile.data_sync",
        "com.apple.mobile.iTunes",
        "com.apple.mobile.wireless_lockdown",
    }
)
SETTABLE_KEYS = frozenset({"DeviceName", "TimeZone", "UntrustedHostBUID"})
SETTABLE_WITHOUT_SESSION = frozenset({"UntrustedHostBUID"})  # usbmuxd src/preflight.c does it before Pair


def read(phone: SimulatedPhone, domain: str | None, key: str | None, *, in_session: bool) -> Any:
    """GetValue. Without a domain it reads the device's own domain, without a key the whole domain.

    Raises:
        LockdownRefusal: GetProhibited without a session, MissingValue for an unknown domain or key.
    """
    values = _domain(phone, domain or "")
    if in_session or (not domain and key in PUBLIC_KEYS):
        if not key and values is not None:
            return values
        if values is None or key not in values:
            raise LockdownRefusal("MissingValue")
        return values[key]
    if not domain and not key and values is not None:
        return {name: value for name, value in values.items() if name in PUBLIC_KEYS}
    raise LockdownRefusal("MissingValue" if values is None or (key and key not in values) else "GetProhibited")


def write(phone: SimulatedPhone, domain: str | None, key: str | None, value: Any, *, in_session: bool) -> None:
    """SetValue. Raises LockdownRefusal: MissingKey, ImmutableValue, SetProhibited."""
    if not key:
        raise LockdownRefusal("MissingKey")
    if not domain and key in IMMUTABLE_KEYS:
        raise LockdownRefusal("ImmutableValue")
    if not _may_change(domain, key, in_session=in_session):
        raise LockdownRefusal("SetProhibited")
    if not domain and key == "DeviceName":
        phone.name = str(value)
        phone.post(DEVICE_NAME_CHANGED)
        return
    phone.lockdown_settings.setdefault(domain or "", {})[key] = value


def remove(phone: SimulatedPhone, domain: str | None, key: str | None, *, in_session: bool) -> None:
    """RemoveValue: restores the computed value. Raises LockdownRefusal: MissingKey, RemoveProhibited."""
    if not key:
        raise LockdownRefusal("MissingKey")
    if not _may_change(domain, key, in_session=in_session):
        raise LockdownRefusal("RemoveProhibited")
    phone.lockdown_settings.get(domain or "", {}).pop(key, None)


def _may_change(domain: str | None, key: str, *, in_session: bool) -> bool:
    allowed = domain in SETTABLE_DOMAINS if domain else key in SETTABLE_KEYS
    return allowed and (in_session or (not domain and key in SETTABLE_WITHOUT_SESSION))


def _domain(phone: SimulatedPhone, domain: str) -> dict[str, Any] | None:
    """All values of a domain, or None if the domain does not exist."""
    compute = _DOMAINS.get(domain)
    set_by_hosts = phone.lockdown_settings.get(domain)
    if compute is None and set_by_hosts is None:
        return None
    return {**(compute(phone) if compute else {}), **(set_by_hosts or {})}


def _device(phone: SimulatedPhone) -> dict[str, Any]:
    model = phone.model_facts
    return {
        "ActivationState": "Activated" if phone.activated else "Unactivated",
        "ActivationStateAcknowledged": phone.activated,
        "BasebandVersion": "1.00.00",
        "BluetoothAddress": phone.wifi_address[:-2] + f"{int(phone.wifi_address[-2:], 16) ^ 1:02x}",
        "BuildVersion": phone.build,
        "CPUArchitecture": "arm64e",
        "DeviceClass": phone.device_class,
        "DeviceColor": "1",
        "DeviceName": phone.name,
        "DevicePublicKey": public_key_pem(phone),
        "HardwareModel": model.board,
        "HostAttached": True,
        "InternationalMobileEquipmentIdentity": phone.imei,
        "MobileEquipmentIdentifier": phone.imei[:14],
        "ModelNumber": model.number,
        "PasswordProtected": phone.locked,
        "PhoneNumber": phone.phone_number,
        "ProductName": "iPhone OS",
        "ProductType": phone.model,
        "ProductVersion": phone.ios_version,
        "ProtocolVersion": "2",
        "RegionInfo": "LL/A",
        "SIMStatus": "kCTSIMSupportSIMStatusReady",
        "SerialNumber": phone.serial,
        "SupportedDeviceFamilies": [1],
        "TelephonyCapability": True,
        "TimeIntervalSince1970": time.time(),
        "TimeZone": phone.time_zone,
        "TimeZoneOffsetFromUTC": _offset_from_utc(phone.time_zone),
        "TrustedHostAttached": True,
        "UniqueChipID": phone.ecid,
        "UniqueDeviceID": phone.udid,
        "WiFiAddress": phone.wifi_address,
    }


def _offset_from_utc(time_zone: str) -> float:
    """Seconds now, 0 for a zone this computer does not know."""
    try:
        offset = datetime.datetime.now(zoneinfo.ZoneInfo(time_zone)).utcoffset()
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        offset = None
    return offset.total_seconds() if offset is not None else 0.0


def public_key_pem(phone: SimulatedPhone) -> bytes:
    """The public key in PKCS#1 (`RSA PUBLIC KEY`), the only form libimobiledevice reads (facts 1.2)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return phone.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)


def _backup(phone: SimulatedPhone) -> dict[str, Any]:
    values: dict[str, Any] = {"RequiresEncryption": phone.requires_encryption, "WillEncrypt": phone.will_encrypt}
    tells_of_icloud = phone.assume.icloud_in_lockdown != "absent"
    if tells_of_icloud:
        values["CloudBackupEnabled"] = phone.icloud_backup_on
    for name, moment in (("Cloud", phone.cloud_backup_unix_s), ("iTunes", phone.itunes_backup_unix_s)):
        if moment is not None and (name != "Cloud" or tells_of_icloud):
            values[f"Last{name}BackupDate"] = moment - APPLE_EPOCH_UNIX_SECONDS
            values[f"Last{name}BackupTZ"] = phone.time_zone
    return values


def _find_my(phone: SimulatedPhone) -> dict[str, Any]:
    reported = phone.assume.find_my_in_lockdown
    if reported == "as-version":
        reported = "tells" if phone.behaviour.find_my_in_lockdown else "absent"
    return {} if reported == "absent" else {"IsAssociated": phone.find_my and reported == "tells"}


def _disk_usage(phone: SimulatedPhone) -> dict[str, Any]:
    free = phone.free_bytes
    return {
        "AmountDataAvailable": free,
        "AmountDataReserved": 0,
        "AmountRestoreAvailable": free,
        "CameraUsage": 0,
        "MobileApplicationUsage": 0,
        "NANDInfo": b"\0" * 16,
        "PhotoUsage": 0,
        "TotalDataAvailable": free,
        "TotalDataCapacity": phone.capacity_bytes,
        "TotalDiskCapacity": phone.capacity_bytes + SYSTEM_BYTES,
        "TotalSystemAvailable": 0,
        "TotalSystemCapacity": SYSTEM_BYTES,
    }


def _battery(phone: SimulatedPhone) -> dict[str, Any]:
    full = phone.battery_percent >= 100
    return {
        "BatteryCurrentCapacity": phone.battery_percent,
        "BatteryIsCharging": phone.conditions.charging and not full,
        "ExternalChargeCapable": True,
        "ExternalConnected": True,
        "FullyCharged": full,
        "GasGaugeCapability": True,
        "HasBattery": True,
    }


def _setup(phone: SimulatedPhone) -> dict[str, Any]:
    finished = phone.setup == "finished"
    if phone.setup == "never-begun":
        return {"SetupDone": False, "SetupFinishedAllSteps": False}
    phone.on_setup_read()
    return {"SetupDone": finished, "SetupFinishedAllSteps": finished, "SetupState": phone.setup_state}


def _international(phone: SimulatedPhone) -> dict[str, Any]:
    return {
        "Keyboard": phone.locale,
        "Language": phone.language,
        "Locale": phone.locale,
        "SupportedLanguages": ["en", "de", "fr", "ja"],
    }


def _data_sync(phone: SimulatedPhone) -> dict[str, Any]:
    def accounts(name: str) -> list[str]:
        return list(phone.cloud_sources.get(name, ()))

    names = ("Bookmarks", "Calendars", "Contacts", "Notes")
    return {name: {"AccountNames": accounts(name), "Sources": accounts(name)} for name in names}


def _itunes_device(phone: SimulatedPhone) -> dict[str, Any]:
    return {
        "DBVersion": 5,
        "FamilyID": 10001,
        "KeyTypeSupportVersion": 492,
        "MinITunesVersion": "12.13.0",
        "MinMacOSVersion": "10.15.0",
        "ScreenHeight": 2532,
        "ScreenScaleFactor": 3.0,
        "ScreenWidth": 1170,
        "SyncDataClasses": ["Contacts", "Calendars", "Bookmarks", "Notes"],
    }


def _store(phone: SimulatedPhone) -> dict[str, Any]:
    told = phone.icloud_account and phone.assume.icloud_in_lockdown == "tells"
    return {"AppleID": phone.icloud_account} if told else {}


def _itunes(phone: SimulatedPhone) -> dict[str, Any]:
    return {
        "DeletedApplications": [],
        "LibraryApplications": sorted(app.bundle_id for app in phone.apps.values() if not app.system),
    }


def _wireless(phone: SimulatedPhone) -> dict[str, Any]:
    return {
        "BonjourFullServiceName": f"{phone.wifi_address}@fe80::1-supportsRP-22._apple-mobdev2._tcp.local.",
        "EnableWifiConnections": False,
        "EnableWifiPairing": False,
        "SupportsWifi": True,
        "SupportsWifiSyncing": True,
    }


_DOMAINS: dict[str, Callable[[SimulatedPhone], dict[str, Any]]] = {
    "": _device,
    "com.apple.PurpleBuddy": _setup,
    "com.apple.disk_usage": _disk_usage,
    "com.apple.fmip": _find_my,
    "com.apple.iTunes": _itunes,
    "com.apple.iTunes.backup": lambda phone: {},
    "com.apple.international": _international,
    "com.apple.mobile.backup": _backup,
    "com.apple.mobile.battery": _battery,
    "com.apple.mobile.data_sync": _data_sync,
    "com.apple.mobile.iTunes": _itunes_device,
    "com.apple.mobile.iTunes.store": _store,
    "com.apple.mobile.restriction": lambda phone: {"ProhibitAppInstall": False, "ProhibitAppRemove": False},
    "com.apple.mobile.user_preferences": lambda phone: {"DiagnosticsAllowed": False},
    "com.apple.mobile.wireless_lockdown": _wireless,
    "com.apple.purplebuddy": _setup,
    "com.apple.security.mac.amfi": lambda phone: {"DeveloperModeStatus": False},
}
