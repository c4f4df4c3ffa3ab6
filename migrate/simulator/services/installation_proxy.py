"""com.apple.mobile.installation_proxy: the apps on the phone."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from typing import Any

from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire.plist_frames import PeerBroke, Plist, PlistFrames

CHUNK_APPS = 3
"""Apps in one answer to Browse. A real phone sends more at once; a small number makes clients read several answers."""
APPLICATION_TYPES = {"User": False, "System": True}


def serve(stream: ByteStream, phone: SimulatedPhone) -> None:
    frames = PlistFrames()
    inbox = Inbox[Plist](stream, frames)
    while (message := inbox.receive()) is not None:
        if not isinstance(message, dict):
            raise PeerBroke("the command is not a dictionary")
        options = message.get("ClientOptions")
        chosen = _chosen(phone, options if isinstance(options, dict) else {})
        match message.get("Command"):
            case "Browse":
                answers = _browse(chosen)
            case "Lookup":
                result = {attributes["CFBundleIdentifier"]: attributes for attributes in chosen}
                answers = iter([{"LookupResult": result, "Status": "Complete"}])
            case _:
                answers = iter([{"Error": "UnknownCommand"}])
        for answer in answers:
            stream.sendall(frames.send(answer))


def _browse(apps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(apps), CHUNK_APPS):
        chunk = apps[start : start + CHUNK_APPS]
        yield {
            "Status": "BrowsingApplications",
            "CurrentAmount": len(chunk),
            "CurrentIndex": start,
            "CurrentList": chunk,
            "Total": len(apps),
        }
    yield {"Status": "Complete"}


def _chosen(phone: SimulatedPhone, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The apps and attributes the options ask for. Without ReturnAttributes all attributes except SINF and metadata."""
    system = APPLICATION_TYPES.get(str(options.get("ApplicationType")))
    wanted = options.get("BundleIDs")
    attributes = options.get("ReturnAttributes")
    found = []
    for app in sorted(phone.apps.values(), key=lambda app: app.bundle_id):
        if (system is not None and app.system != system) or (isinstance(wanted, list) and app.bundle_id not in wanted):
            continue
        facts = _facts(phone, app)
        if isinstance(attributes, list):
            facts = {key: value for key, value in {**facts, **_store_facts(app)}.items() if key in attributes}
            facts["CFBundleIdentifier"] = app.bundle_id
        found.append(facts)
    return found


def _facts(phone: SimulatedPhone, app: App) -> dict[str, Any]:
    containers = "/private/var/mobile/Containers"
    facts: dict[str, Any] = {
        "ApplicationType": "System" if app.system else "User",
        "CFBundleDisplayName": app.name,
        "CFBundleExecutable": app.name,
        "CFBundleIdentifier": app.bundle_id,
        "CFBundleName": app.name,
        "CFBundleShortVersionString": app.short_version,
        "CFBundleVersion": app.version,
        "Container": f"{containers}/Data/Application/{app.bundle_id}",
        "DynamicDiskUsage": sum(node.size for node in phone.files.walk(f"AppDomain-{app.bundle_id}")),
        "Path": f"/private/var/containers/Bundle/Application/{app.bundle_id}/{app.name}.app",
        "StaticDiskUsage": 0,
    }
    if app.group_ids:
        facts["GroupContainers"] = {group: f"{containers}/Shared/AppGroup/{group}" for group in app.group_ids}
    return facts


def _store_facts(app: App) -> dict[str, Any]:
    """What a host needs to have the app re-installed. Apps without SINF (built by their developer) have none."""
    if app.system or not app.has_sinf:
        return {}
    metadata = {"bundleVersion": app.version, "itemName": app.name, "softwareVersionBundleId": app.bundle_id}
    return {
        "ApplicationSINF": f"sinf of {app.bundle_id}".encode(),
        "iTunesMetadata": plistlib.dumps(metadata, fmt=plistlib.FMT_BINARY),
    }
