"""com.apple.mobile.MCInstall: whether an organization supervises the phone. It installs no profiles.

The requests and keys are those that pymobiledevice3 asks for (*read* in services/mobile_config.py); the error for any
other request is *guessed*.
"""

from __future__ import annotations

from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire.plist_frames import PeerBroke, Plist, PlistFrames


def serve(stream: ByteStream, phone: SimulatedPhone) -> None:
    frames = PlistFrames()
    inbox = Inbox[Plist](stream, frames)
    while (message := inbox.receive()) is not None:
        if not isinstance(message, dict):
            raise PeerBroke("the request is not a dictionary")
        stream.sendall(frames.send(_answer(phone, message.get("RequestType"))))


def _answer(phone: SimulatedPhone, request: object) -> dict[str, Any]:
    match request:
        case "HelloHostIdentifier" | "Flush":
            return {"Status": "Acknowledged"}
        case "GetCloudConfiguration":
            return {"Status": "Acknowledged", "CloudConfiguration": _cloud_configuration(phone)}
        case "GetProfileList":
            return {
                "Status": "Acknowledged",
                "OrderedIdentifiers": [],
                "ProfileManifest": {},
                "ProfileMetadata": {},
            }
        case _:
            return {"Status": "Error", "ErrorChain": [{"ErrorCode": 12021, "ErrorDomain": "MCProfileErrorDomain"}]}


def _cloud_configuration(phone: SimulatedPhone) -> dict[str, Any]:
    """Empty on a phone that no organization supervises (*guessed*)."""
    if not phone.is_supervised:
        return {}
    return {"AllowPairing": phone.pairing_allowed, "IsMDMUnremovable": True, "IsSupervised": True}
