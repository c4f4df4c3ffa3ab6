"""Manifest.plist: writing it, and reading a host's (facts 3.4)."""

from __future__ import annotations

import plistlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from migrate.simulator.agent.status_plist import parse_plist
from migrate.simulator.device.domains import app_container, root_of
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode

VERSION, SYSTEM_DOMAINS_VERSION = "10.0", "24.0"
OLDEST, TOO_NEW = 8.0, 12.0
"""Versions accepted from a host: 8.0 is accepted, 3 to 7 and 12 and later are refused. REPORTED for iOS 26.6.1."""
LIMIT_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Properties:
    """The parts of a host's Manifest.plist that the agent uses."""

    raw: Mapping[str, Any] = field(repr=False)
    version: float
    is_encrypted: bool
    keybag: bytes | None = field(repr=False)

    @property
    def lockdown(self) -> Mapping[str, Any]:
        return _dictionary(self.raw.get("Lockdown"))

    @property
    def applications(self) -> Mapping[str, Any]:
        return _dictionary(self.raw.get("Applications"))

    @property
    def required_product_version(self) -> str | None:
        required = self.raw.get("RequiredProductVersion")
        return required if isinstance(required, str) else None


def read_properties(data: bytes) -> Properties:
    """Reads a Manifest.plist. Raises MBError: INVALID_DATA if it is invalid, INCOMPATIBLE for an unknown version."""
    raw = parse_plist(data)
    keybag = raw.get("BackupKeyBag")
    try:
        version = float(str(raw.get("Version")))
    except ValueError:
        raise MBError(MBErrorCode.INVALID_DATA, "Invalid backup properties version") from None
    if not OLDEST <= version < TOO_NEW:
        raise MBError(MBErrorCode.INCOMPATIBLE, f"Unsupported backup properties version: {version:.1f}")
    return Properties(
        raw=raw,
        version=version,
        is_encrypted=raw.get("IsEncrypted") is True,
        keybag=keybag if isinstance(keybag, bytes) else None,
    )


def write_properties(
    phone: SimulatedPhone, *, date: datetime, keybag: bytes, manifest_key: bytes | None, domains: Iterable[str]
) -> bytes:
    """The Manifest.plist of a new backup. With a `manifest_key` (44 bytes, wrapped) the backup is encrypted.

    Unencrypted backups have a keybag too: CONFIRMED(dec), REPORTED for iOS 27.
    """
    properties: dict[str, Any] = {
        "Version": VERSION,
        "SystemDomainsVersion": SYSTEM_DOMAINS_VERSION,
        "Date": date.astimezone(UTC).replace(tzinfo=None),
        "IsEncrypted": manifest_key is not None,
        "WasPasscodeSet": bool(phone.passcode),
        "BackupKeyBag": keybag,
        "Lockdown": _lockdown(phone),
        "Applications": _applications(phone, domains),
    }
    if manifest_key is not None:
        properties["ManifestKey"] = manifest_key
    return plistlib.dumps(properties, fmt=plistlib.FMT_BINARY)


def _lockdown(phone: SimulatedPhone) -> dict[str, Any]:
    lockdown: dict[str, Any] = {
        "ProductVersion": phone.ios_version,
        "BuildVersion": phone.build,
        "ProductType": phone.model,
        "UniqueDeviceID": phone.udid,
        "SerialNumber": phone.serial,
        "DeviceName": phone.name,
        "com.apple.MobileDeviceCrashCopy": {},
        "com.apple.TerminalFlashr": {},
        "com.apple.mobile.data_sync": {},
        "com.apple.Accessibility": {},
        "com.apple.mobile.iTunes.accessories": {},
    }
    assumed = phone.assume.device_class_in_backup
    if phone.behaviour.device_class_in_backup if assumed is None else assumed:
        lockdown["DeviceClass"] = phone.device_class
    return lockdown


def _applications(phone: SimulatedPhone, domains: Iterable[str]) -> dict[str, dict[str, str]]:
    """Every app, group and plug-in container that is installed or has data in the backup."""
    installed = [f"AppDomain-{bundle_id}" for bundle_id in phone.apps]
    found: dict[str, dict[str, str]] = {}
    for domain in sorted({*installed, *domains}):
        container = app_container(domain)
        if container is None:
            continue
        app = phone.apps.get(container.identifier)
        found[container.identifier] = {
            "CFBundleIdentifier": container.identifier,
            "CFBundleVersion": app.version if app else "1.0",
            "ContainerContentClass": container.content_class,
            "Path": _bundle_path(container.identifier, app.name) if app else root_of(domain),
        }
    return found


def _bundle_path(bundle_id: str, name: str) -> str:
    folder = root_of(f"AppDomain-{bundle_id}").rpartition("/")[2]
    return f"/var/containers/Bundle/Application/{folder}/{name.replace('/', ':')}.app"


def _dictionary(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
