"""Build Info.plist, the only file of a backup that the host writes. Keys: facts 1.3 and 3.4.

A value that a service does not give is left out; the backup works without it. Only missing apps matter to people:
without their entries a `replace` cannot have them installed again, so that becomes a finding.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.services.afc import AfcService
from pymobiledevice3.services.installation_proxy import InstallationProxyService
from pymobiledevice3.services.springboard import SpringBoardServicesService

from migrate.phone.lockdown import Lockdown, value_of, values_of
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.phone.service import translate_parse_errors

ITUNES_FILES: Final = (
    "ApertureAlbumPrefs",
    "IC-Info.sidb",
    "IC-Info.sidv",
    "PhotosFolderAlbums",
    "PhotosFolderName",
    "PhotosFolderPrefs",
    "VoiceMemos.plist",
    "iPhotoAlbumPrefs",
    "iTunesApplicationIDs",
    "iTunesPrefs",
    "iTunesPrefs.plist",
)
"""*Read*: the list of libimobiledevice and pymobiledevice3, from /iTunes_Control/iTunes."""
FILE_LIMIT_BYTES = 16 << 20
ITUNES_VERSION: Final = "10.0.1"
"""For a phone that does not name a minimum version (pymobiledevice3 issue 1332)."""

FROM_LOCKDOWN: Final[Mapping[str, str]] = {
    "Build Version": "BuildVersion",
    "Device Name": "DeviceName",
    "Display Name": "DeviceName",
    "ICCID": "IntegratedCircuitCardIdentity",
    "IMEI": "InternationalMobileEquipmentIdentity",
    "IMEI2": "InternationalMobileEquipmentIdentity2",
    "MEID": "MobileEquipmentIdentifier",
    "Phone Number": "PhoneNumber",
    "Product Type": "ProductType",
    "Product Version": "ProductVersion",
    "Serial Number": "SerialNumber",
}

ATTRIBUTES: Final = (
    "CFBundleIdentifier",
    "CFBundleDisplayName",
    "CFBundleName",
    "CFBundleShortVersionString",
    "CFBundleVersion",
    "GroupContainers",
    "ApplicationSINF",
    "iTunesMetadata",
)
IDENTIFIER_LIMIT = 255  # iOS uses them as folder names

ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class InstalledApp:
    """An installed app. `groups` are the group containers that it shares with other apps of its developer."""

    version: str
    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class InstalledApps:
    """The answer of the installation proxy. `raw` also holds the receipt and licence of apps that have them."""

    installed: dict[str, InstalledApp]
    raw: dict[str, dict[str, Any]]

    @property
    def groups(self) -> dict[str, list[str]]:
        return {bundle_id: list(app.groups) for bundle_id, app in self.installed.items() if app.groups}

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that hold the apps' data, as far as the installation proxy tells: not those of plug-ins."""
        groups = (group for app in self.installed.values() for group in app.groups)
        return (*(f"AppDomain-{app}" for app in self.installed), *(f"AppDomainGroup-{group}" for group in groups))


async def browse_apps(client: Lockdown) -> InstalledApps:
    """The apps a person installed.

    Raises:
        PyMobileDevice3Exception, OSError, TimeoutError: the installation proxy does not answer.
    """
    with translate_parse_errors():
        async with asyncio.timeout(4 * ANSWER_TIMEOUT_S), InstallationProxyService(client) as proxy:
            listed = await proxy.browse(options={"ApplicationType": "User"}, attributes=list(ATTRIBUTES))
        if not all(isinstance(app, dict) for app in listed):
            raise TypeError("an app that is no dictionary")
    apps = {app["CFBundleIdentifier"]: app for app in listed if _is_identifier(app.get("CFBundleIdentifier"))}
    return InstalledApps({bundle_id: _installed_app(bundle_id, app) for bundle_id, app in apps.items()}, apps)


def _installed_app(bundle_id: str, app: Mapping[str, Any]) -> InstalledApp:
    version = app.get("CFBundleShortVersionString") or app.get("CFBundleVersion") or ""
    name = app.get("CFBundleDisplayName") or app.get("CFBundleName") or bundle_id
    groups = app.get("GroupContainers")
    ids = sorted(filter(_is_identifier, groups)) if isinstance(groups, dict | list) else []
    return InstalledApp(safe_text(version, NAME_LIMIT), safe_text(name, NAME_LIMIT), tuple(ids))


def _is_identifier(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= IDENTIFIER_LIMIT and value.isprintable()


async def info_plist(
    client: Lockdown, afc: AfcService | None, apps: InstalledApps | None, *, udid: str
) -> dict[str, Any]:
    """Read the contents of Info.plist from the phone."""
    values = client.all_values
    itunes = await values_of(client, "com.apple.iTunes")
    itunes_version = await value_of(client, "com.apple.mobile.iTunes", "MinITunesVersion")
    info: dict[str, Any] = {
        "Applications": await _applications(client, apps),
        "GUID": secrets.token_hex(16).upper(),
        "Installed Applications": list(apps.installed) if apps else [],
        "Last Backup Date": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        "Target Identifier": udid,
        "Target Type": "Device",
        "Unique Identifier": udid.upper(),
        "iTunes Files": await _itunes_files(afc),
        "iTunes Settings": itunes,
        "iTunes Version": itunes_version if isinstance(itunes_version, str) else ITUNES_VERSION,
    }
    info |= {name: values[key] for name, key in FROM_LOCKDOWN.items() if isinstance(values.get(key), str)}
    if afc is not None and (books := await _read(afc, "/Books/iBooksData2.plist")) is not None:
        info["iBooks Data 2"] = books
    return info


async def _applications(client: Lockdown, apps: InstalledApps | None) -> dict[str, dict[str, Any]]:
    """The apps that can be installed again: licence (SINF), receipt and, if the phone gives one, an icon."""
    entries: dict[str, dict[str, Any]] = {}
    for bundle_id, app in (apps.raw if apps else {}).items():
        if app.get("ApplicationSINF") and app.get("iTunesMetadata"):
            entries[bundle_id] = {key: app[key] for key in ("ApplicationSINF", "iTunesMetadata")}
    if not entries:
        return entries
    # Icons are optional: a missing one is left out, and if SpringBoard disconnects, so are the others
    with suppress(PyMobileDevice3Exception, OSError), translate_parse_errors():
        async with SpringBoardServicesService(client) as springboard:
            for bundle_id, entry in entries.items():
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    icon = await springboard.get_icon_pngdata(bundle_id)
                if isinstance(icon, bytes):
                    entry["PlaceholderIcon"] = icon
    return entries


async def _itunes_files(afc: AfcService | None) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name in ITUNES_FILES if afc is not None else ():
        if (content := await _read(afc, f"/iTunes_Control/iTunes/{name}")) is not None:
            files[name] = content
    return files


async def _read(afc: AfcService | None, path: str) -> bytes | None:
    """A small file, or None if it is missing, unreadable or larger than FILE_LIMIT_BYTES."""
    if afc is None:
        return None
    # AfcException covers a missing file (status 8) and one that we may not read (10): facts row 85
    with suppress(PyMobileDevice3Exception, OSError), translate_parse_errors():
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            if (await afc.stat(path))["st_size"] <= FILE_LIMIT_BYTES:
                return await afc.get_file_contents(path)
    return None
