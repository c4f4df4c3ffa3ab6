"""com.apple.mobile.diagnostics_relay: MobileGestalt, Restart and Goodbye, the only requests backup clients send."""

from __future__ import annotations

from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire.plist_frames import PeerBroke, Plist, PlistFrames

RESTART_AFTER_S = 0.1
"""Time for the answer to reach the host first."""


def serve(stream: ByteStream, phone: SimulatedPhone) -> None:
    frames = PlistFrames()
    inbox = Inbox[Plist](stream, frames)
    while (message := inbox.receive()) is not None:
        if not isinstance(message, dict):
            raise PeerBroke("the request is not a dictionary")
        request = message.get("Request")
        stream.sendall(frames.send(_answer(phone, message)))
        if request == "Restart":
            phone.reboot_soon(RESTART_AFTER_S)
        if request == "Goodbye":
            return


def _answer(phone: SimulatedPhone, message: dict[str, Any]) -> dict[str, Any]:
    match message.get("Request"):
        case "MobileGestalt":
            keys = message.get("MobileGestaltKeys")
            gestalt = _gestalt(phone, keys if isinstance(keys, list) else [])
            return {"Status": "Success", "Diagnostics": {"MobileGestalt": gestalt}}
        case "Goodbye" | "Restart":
            return {"Status": "Success"}
        case _:
            return {"Status": "UnknownRequest"}


def _gestalt(phone: SimulatedPhone, keys: list[Any]) -> dict[str, Any]:
    if not phone.behaviour.gestalt_answers:
        return {"Status": "MobileGestaltDeprecated"}
    known = {
        "BuildVersion": phone.build,
        "DeviceName": phone.name,
        "PasswordConfigured": bool(phone.passcode),
        "PasswordProtected": phone.locked,
        "ProductType": phone.model,
        "ProductVersion": phone.ios_version,
        "SerialNumber": phone.serial,
        "UniqueDeviceID": phone.udid,
    }
    return {"Status": "Success", **{key: known[key] for key in keys if key in known}}
