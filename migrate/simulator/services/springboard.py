"""com.apple.springboardservices: app icons and the home screen layout."""

from __future__ import annotations

from typing import Any

from migrate.simulator.device.app import DOCK, App
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
            return _layout(phone)
        case "setIconState":
            state = message.get("iconState")
            if not isinstance(state, list) or not all(isinstance(page, list) for page in state):
                return {"Error": "InvalidIconState"}  # the name is *guessed*
            phone.icon_layout[:] = state
            return {}
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


def _layout(phone: SimulatedPhone) -> list[Any]:
    """The dock and the pages: as a host set them, without apps that are gone, and with the others on new pages."""
    dock, *pages = phone.icon_layout or [[_icon_state(phone.apps[name]) for name in DOCK if name in phone.apps]]
    shown: set[str] = set()
    placed = [_installed(phone, page, shown) for page in (dock, *pages)]
    rest = [_icon_state(app) for app in sorted(phone.apps.values(), key=lambda app: app.bundle_id)]
    rest = [icon for icon in rest if icon["bundleIdentifier"] not in shown]
    return [*placed, *(rest[start : start + ICONS_PER_PAGE] for start in range(0, len(rest), ICONS_PER_PAGE))]


def _installed(phone: SimulatedPhone, icons: list[Any], shown: set[str]) -> list[Any]:
    """The icons of apps that are installed, and everything that is no app's. Adds the apps' names to `shown`."""
    kept = []
    for icon in icons:
        about = icon if isinstance(icon, dict) else {}
        if isinstance(folder := about.get("iconLists"), list):
            pages = [_installed(phone, page, shown) for page in folder if isinstance(page, list)]
            kept.append({**about, "iconLists": pages})
            continue
        bundle_id = about.get("bundleIdentifier")
        if isinstance(bundle_id, str) and bundle_id not in phone.apps:
            continue
        if isinstance(bundle_id, str):
            shown.add(bundle_id)
        kept.append(icon)
    return kept


def _icon_state(app: App) -> dict[str, Any]:
    return {
        "bundleIdentifier": app.bundle_id,
        "displayIdentifier": app.bundle_id,
        "displayName": app.name,
        "bundleVersion": app.version,
    }
