"""The facts a phone reports through lockdown (facts 6.1). Unknown is None, never a guess."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from pymobiledevice3.irecv_devices import IRECV_DEVICES
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.lockdown import Lockdown, value_of, values_of
from migrate.phone.muxer import UDID, dashed_udid
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.udid import same_udid
from migrate.units import apple_to_datetime


@dataclass(frozen=True, kw_only=True)
class PhoneFacts:
    """The state of one phone when it was last read."""

    udid: str
    connection: str  # "USB" or "Network"
    name: str | None = None
    model: str | None = None  # "iPhone13,2"
    model_name: str | None = None  # "iPhone 12"
    ios_version: str | None = None
    build: str | None = None
    serial: str | None = None
    device_class: str | None = None  # "iPhone", "iPad" …
    trusted: bool | None = None
    locked: bool | None = None  # PasswordProtected: whether it is locked now, not whether it has a passcode
    activation: str | None = None
    setup_finished: bool | None = None
    setup_state: str | None = None  # purplebuddy's SetupState: "RestoredFromiTunesBackup" …
    encrypts_backups: bool | None = None
    requires_encryption: bool | None = None  # set by an organisation's profile
    find_my: bool | None = None  # may be unreadable or stale on iOS 27 (facts 4.6): error 211 is authoritative
    free_bytes: int | None = None
    restore_bytes: int | None = None  # AmountRestoreAvailable: the room for what a restore stages
    used_bytes: int | None = None
    capacity_bytes: int | None = None  # TotalDiskCapacity: the number on the box
    battery_percent: int | None = None
    charging: bool | None = None
    icloud_backup_on: bool | None = None  # CloudBackupEnabled: not whether there is a backup (facts 6.1)
    last_icloud_backup: datetime | None = None
    shares_name: bool = False  # another phone of this computer or this move has the same name
    synced_data: Mapping[str, tuple[str, ...]] | None = None  # com.apple.mobile.data_sync: "Contacts" -> its accounts

    @property
    def name_or_model(self) -> str:
        """How to name the phone in a sentence: with its model and serial number where its name does not tell it from
        another phone."""
        name = self.name or self.model_name or f"the iPhone {self.udid}"
        return f"{name} ({self.told_apart_by})" if self.shares_name else name

    @property
    def told_apart_by(self) -> str:
        """`iPhone 12, …4F2A`: what tells it from a phone of the same name. Printed on the box and in Settings."""
        return told_apart_by(self.model_name or self.model, self.serial, self.udid)

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate phones --json`. Scripts rely on exactly these keys."""
        last = self.last_icloud_backup
        return {
            "udid": self.udid,
            "name": self.name,
            "model": self.model,
            "model_name": self.model_name,
            "ios_version": self.ios_version,
            "build": self.build,
            "connection": self.connection,
            "trusted": self.trusted,
            "encrypts_backups": self.encrypts_backups,
            "find_my": self.find_my,
            "free_bytes": self.free_bytes,
            "used_bytes": self.used_bytes,
            "battery_percent": self.battery_percent,
            "last_icloud_backup": last.isoformat().replace("+00:00", "Z") if last else None,
        }


def told_apart_by(model: str | None, serial: str | None, udid: str) -> str:
    return f"{model or 'iPhone'}, …{(serial or udid)[-4:]}"


def same_name(one: str | None, other: str | None) -> bool:
    """Whether two phones cannot be told apart by what their owners called them."""
    return bool(one and other) and _folded(str(one)) == _folded(str(other))


def tell_apart(phones: Sequence[PhoneFacts]) -> list[PhoneFacts]:
    """The same phones, those that share their name with another one marked."""
    counts = Counter(_folded(phone.name) for phone in phones if phone.name)
    return [
        replace(phone, shares_name=True) if phone.name and counts[_folded(phone.name)] > 1 else phone
        for phone in phones
    ]


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def usbmux_facts(device: MuxDevice) -> PhoneFacts:
    """What usbmuxd alone knows of a phone: its UDID and how it is connected."""
    return PhoneFacts(udid=dashed_udid(device.serial), connection=device.connection_type)


def public_facts(client: Lockdown, device: MuxDevice, *, trusted: bool) -> PhoneFacts:
    """The facts from lockdown's global domain, which a phone gives without trust (and a few more with a session)."""
    values = client.all_values
    model = _text(values.get("ProductType"))
    return PhoneFacts(
        udid=_udid(values.get("UniqueDeviceID"), device),
        connection=device.connection_type,
        name=_text(values.get("DeviceName")),
        model=model,
        model_name=model_names().get(model) if model else None,
        ios_version=_text(values.get("ProductVersion")),
        build=_text(values.get("BuildVersion")),
        serial=_text(values.get("SerialNumber")),
        device_class=_text(values.get("DeviceClass")),
        trusted=trusted,
        locked=_flag(values.get("PasswordProtected")),
        activation=_text(values.get("ActivationState")),
    )


async def trusted_facts(client: Lockdown, device: MuxDevice) -> PhoneFacts:
    """All facts that a phone gives a computer it trusts. A domain that it does not know leaves its facts None.

    Raises:
        PyMobileDevice3Exception, OSError: the phone is gone.
    """
    known = public_facts(client, device, trusted=True)
    backup = await values_of(client, "com.apple.mobile.backup")
    if "WillEncrypt" not in backup:
        backup["WillEncrypt"] = await value_of(client, "com.apple.mobile.backup", "WillEncrypt")
    disk = await values_of(client, "com.apple.disk_usage")
    battery = await values_of(client, "com.apple.mobile.battery")
    return PhoneFacts(
        **{
            **vars(known),
            "setup_finished": await setup_finished(client),
            "setup_state": _text(await value_of(client, "com.apple.purplebuddy", "SetupState")),
            "encrypts_backups": _flag(backup.get("WillEncrypt")),
            "requires_encryption": _flag(backup.get("RequiresEncryption")),
            "find_my": _flag(await value_of(client, "com.apple.fmip", "IsAssociated")),
            "free_bytes": _free_bytes(disk),
            "restore_bytes": _whole(disk.get("AmountRestoreAvailable")),
            "used_bytes": _used_bytes(disk),
            "capacity_bytes": _whole(disk.get("TotalDiskCapacity")),
            "battery_percent": _whole(battery.get("BatteryCurrentCapacity")),
            "charging": _charging(battery),
            "icloud_backup_on": _flag(backup.get("CloudBackupEnabled")),
            "last_icloud_backup": _moment(backup.get("LastCloudBackupDate")),
            "synced_data": _synced(await values_of(client, "com.apple.mobile.data_sync")),
        }
    )


async def setup_finished(client: Lockdown) -> bool | None:
    """Whether the setup assistant is finished; None if the phone does not say. Sources: facts 6.1."""
    for domain, key in (("com.apple.purplebuddy", "SetupDone"), ("com.apple.PurpleBuddy", "SetupFinishedAllSteps")):
        if (finished := _flag(await value_of(client, domain, key))) is not None:
            return finished
    return None


def _udid(reported: Any, device: MuxDevice) -> str:
    """The UDID as the phone spells it, unless it differs from usbmuxd's: a phone must not pass for another."""
    if isinstance(reported, str) and UDID.fullmatch(reported) and same_udid(reported, device.serial):
        return reported
    return dashed_udid(device.serial)


@cache
def model_names() -> dict[str, str]:
    """`iPhone13,2` -> `iPhone 12`, from pymobiledevice3's table (its lockdown module imports it anyway)."""
    return {device.product_type: device.display_name for device in IRECV_DEVICES}


def _free_bytes(disk: dict[str, Any]) -> int | None:
    """The space for a restore: the smaller of the two figures for the data volume (REPORTED, facts 6.1)."""
    figures = [_whole(disk.get(key)) for key in ("TotalDataAvailable", "AmountDataAvailable")]
    return min((figure for figure in figures if figure is not None), default=None)


def _used_bytes(disk: dict[str, Any]) -> int | None:
    capacity, available = _whole(disk.get("TotalDataCapacity")), _whole(disk.get("TotalDataAvailable"))
    return None if capacity is None or available is None else max(0, capacity - available)


def _charging(battery: dict[str, Any]) -> bool | None:
    """Whether it charges or is full."""
    charging, full = _flag(battery.get("BatteryIsCharging")), _flag(battery.get("FullyCharged"))
    return True if full else charging


def _synced(data: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Kind of data -> the accounts it is synced with (com.apple.mobile.data_sync; REPORTED, facts 6.1)."""
    sources = {name: value.get("Sources") for name, value in data.items() if isinstance(value, dict)}
    named = {name: [_text(one) for one in found] for name, found in sources.items() if isinstance(found, list)}
    return {name: tuple(filter(None, found)) for name, found in named.items() if any(found)}


def _moment(apple_seconds: Any) -> datetime | None:
    if isinstance(apple_seconds, bool) or not isinstance(apple_seconds, int | float) or apple_seconds <= 0:
        return None
    try:
        return apple_to_datetime(apple_seconds)
    except (OverflowError, ValueError, OSError):
        return None


def _text(value: Any) -> str | None:
    return safe_text(value, NAME_LIMIT) or None if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return bool(value) if isinstance(value, bool | int) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
