"""What a phone learns of a person's apps from a backup's plists, and of the invented ones from their store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from migrate.simulator.agent.status_plist import parse_plist
from migrate.simulator.device.app import App
from migrate.wire.backup2 import MBError


def app_from_backup(bundle_id: str, applications: Mapping[str, Any], receipts: Mapping[str, Any]) -> App:
    """The app as it will be on a phone. `applications`: of the backup's Manifest.plist; `receipts`: a host's
    RestoreApplications.plist, or what that is made from, Info.plist's "Applications".

    Which groups and plugins an app has is known to its store only: here the catalogue of the invented apps. Of any
    other app, containers of the backup whose name holds its bundle id are taken to be its own (*guessed*).
    """
    from migrate.simulator.contents.apps import INVENTED_APPS  # late: only a restore or a borrowed backup needs it

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
    """The bundle ids of a Manifest.plist's "Applications" that are apps and none of Apple's."""
    return [name for name, facts in applications.items() if ".apple." not in f".{name}" and _is_app(facts)]


def lenient_plist(data: bytes) -> dict[str, Any]:
    """What a host left there, or nothing: a broken list never stops a restore (*guessed*)."""
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
