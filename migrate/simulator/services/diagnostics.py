"""com.apple.mobile.diagnostics_relay: MobileGestalt, the battery, and Restart, Sleep and Goodbye."""

from __future__ import annotations

from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import ByteStream, Inbox
from migrate.wire.plist_frames import PeerBroke, Plist, PlistFrames

RESTART_AFTER_S = 0.1
"""Time for the answer to reach the host first."""
DESIGN_CAPACITY_MAH = 2815
CYCLES = 212
POWER_SOURCE = "IOPMPowerSource"


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
        if request == "Sleep" and phone.passcode:
            phone.lock()
        if request == "Goodbye":
            return


def _answer(phone: SimulatedPhone, message: dict[str, Any]) -> dict[str, Any]:
    match request := message.get("Request"):
        case "MobileGestalt":
            keys = message.get("MobileGestaltKeys")
            gestalt = _gestalt(phone, keys if isinstance(keys, list) else [])
            return {"Status": "Success", "Diagnostics": {"MobileGestalt": gestalt}}
        case "All":
            return {"Status": "Success", "Diagnostics": _reports()}
        case "GasGauge" | "HDMI" | "NAND" | "WiFi":
            return {"Status": "Success", "Diagnostics": {request: _reports()[request]}}
        case "IORegistry" if message.get("EntryClass") == POWER_SOURCE:
            return {"Status": "Success", "Diagnostics": {"IORegistry": _power_source(phone)}}
        case "IORegistry":
            return {"Status": "Success", "Diagnostics": {}}  # *read*: newer versions say nothing about most entries
        case "Goodbye" | "Restart" | "Sleep":
            return {"Status": "Success"}
        case _:
            return {"Status": "UnknownRequest"}


def _reports() -> dict[str, dict[str, Any]]:
    """The reports that `All` lists (*read*: the fields that go-ios knows; the values are invented)."""
    return {
        "GasGauge": {
            "CycleCount": CYCLES,
            "DesignCapacity": DESIGN_CAPACITY_MAH,
            "FullChargeCapacity": 100,
            "Status": "Success",
        },
        "HDMI": {"Connection": "None", "Status": "Success"},
        "NAND": {"Status": "Success"},
        "WiFi": {"Active": "True", "Status": "Success"},
    }


def _power_source(phone: SimulatedPhone) -> dict[str, Any]:
    """The battery (*read*: the fields that go-ios and pymobiledevice3 know; the values are invented, the charge is the
    phone's)."""
    return {
        "AppleRawCurrentCapacity": DESIGN_CAPACITY_MAH * phone.battery_percent // 100,
        "AppleRawMaxCapacity": DESIGN_CAPACITY_MAH,
        "AtCriticalLevel": False,
        "AtWarnLevel": False,
        "CurrentCapacity": phone.battery_percent,
        "CycleCount": CYCLES,
        "DesignCapacity": DESIGN_CAPACITY_MAH,
        "InstantAmperage": 0,
        "IsCharging": phone.conditions.charging and phone.battery_percent < 100,
        "NominalChargeCapacity": DESIGN_CAPACITY_MAH,
        "Temperature": 2870,
        "Voltage": 4100,
    }


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
