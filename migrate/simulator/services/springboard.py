"""com.apple.springboardservices: app icons and the home screen layout."""

from __future__ import annotations

from typing import Any

from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire.plist_frames import PeerBroke, Plist, PlistFrames

ICONS_PER_PAGE = 24


def serve(stream: ByteStream, phone: SimulatedPhone) -> None:
    frames = PlistFrames()
    inbox = Inbox[Plist](stream, frames)
    while (message := inbox.receive()) is not None:
        if not isinstance(message, dict):
            raise PeerBroke("the command is not a dictionary")
        stream.sendall(frames.send(_answer(phone, message)))


def _answer(phone: SimulatedPhone, message: dict[str, Any]) -> dict[str, Any] | list[Any]:
    match message.get("command"):
        case "getIconPNGData":
            return _icon(phone, str(message.get("bundleId", "")))
        case "getIconState":
            icons = [_icon_state(app) for app in sorted(phone.apps.values(), key=lambda app: app.bundle_id)]
            pages = [icons[start : start + ICONS_PER_PAGE] for start in range(0, len(icons), ICONS_PER_PAGE)]
            return [[], *pages]  # the dock comes first
        case "getInterfaceOrientation":
            return {"interfaceOrientation": 1}
        case _:
            return {"Error": "UnknownCommand"}


def _icon(phone: SimulatedPhone, bundle_id: str) -> dict[str, Any]:
    """`pngData`, or an `Error` if SpringBoard has no icon; clients then continue without one."""
    app = phone.apps.get(bundle_id)
    if app is None or not app.icon_png or bundle_id in phone.faults.no_icon:
        return {"Error": "NoIconFound"}
    return {"pngData": app.icon_png}


def _icon_state(app: App) -> dict[str, Any]:
    return {
        "bundleIdentifier": app.bundle_id,
        "displayIdentifier": app.bundle_id,
        "displayName": app.name,
        "bundleVersion": app.version,
    }
