"""The apps that a restore installs, described from a backup's plists and the catalogue of invented apps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from migrate.simulator.agent.status_plist import parse_plist
from migrate.simulator.device.app import App
from migrate.wire.backup2 import MBError


def app_from_backup(bundle_id: str, applications: Mapping[str, Any], receipts: Mapping[str, Any]) -> App:
    """The app as it will be installed on a phone.

    `applications` is from the backup's Manifest.plist. `receipts` is a host's RestoreApplications.plist, or the
    "Applications" of Info.plist, from which hosts make it.

    Only the App Store knows an app's groups and plug-ins; here the catalogue of invented apps does. Any other app gets
    the backup's containers whose name contains its bundle id (*guessed*).
    """
    from migrate.simulator.contents.apps import INVENTED_APPS  # late, because most phones do not need it

    facts, receipt = applications.get(bundle_id), receipts.get(bundle_id)
    icon = receipt.get("PlaceholderIcon") if isinstance(receipt, dict) else None
    metadata = lenient_plist(_metadata_of(receipt))
    known = INVENTED_APPS.get(bundle_id)
    plugins = tuple(f"{bundle_id}.{name}" for name in known.plugins) if known else ()
    return App(
        bundle_id,
        name=str(metadata.get("itemName") or (known.name if known else bundle_id.rpartition(".")[2])),
        version=str(facts.get("CFBundleVersion", "1.0")) if isinstance(facts, dict) else "1.0",
        short_version=known.short_version if known else "1.0",
        group_ids=known.groups if known else _containers_of(bundle_id, applications, "Shared/AppGroup"),
        plugin_ids=plugins or _containers_of(bundle_id, applications, "Data/PluginKitPlugin"),
        has_sinf=receipt is not None,
        icon_png=icon if isinstance(icon, bytes) else b"",
    )


def user_apps(applications: Mapping[str, Any]) -> list[str]:
    """The bundle ids in a Manifest.plist's "Applications" that are apps, without Apple's."""
    return [name for name, facts in applications.items() if ".apple." not in f".{name}" and _is_app(facts)]


def lenient_plist(data: bytes) -> dict[str, Any]:
    """Parses a plist that a host wrote; an invalid one is empty, because it never stops a restore (*guessed*)."""
    with suppress(MBError):
        return parse_plist(data)
    return {}


def _containers_of(bundle_id: str, applications: Mapping[str, Any], content_class: str) -> tuple[str, ...]:
    return tuple(
        identifier
        for identifier, facts in sorted(applications.items())
        if isinstance(facts, dict) and facts.get("ContainerContentClass") == content_class and bundle_id in identifier
    )


def _is_app(facts: object) -> bool:
    return isinstance(facts, dict) and facts.get("ContainerContentClass") == "Data/Application"


def _metadata_of(entry: object) -> bytes:
    metadata = entry.get("iTunesMetadata") if isinstance(entry, dict) else None
    return metadata if isinstance(metadata, bytes) else b""
