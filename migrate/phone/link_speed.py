"""How fast the link to a phone is: what the bus says, not what a transfer has measured.

Linux tells it in `/sys/bus/usb/devices/*/speed` (megabits per second; kernel drivers/usb/core/sysfs.c), next to
`serial`, which is the phone's UDID without its dash (*reported*: a kernel log in lim#1381). Elsewhere usbmuxd's record
of the phone has `ConnectionSpeed` in bits per second: 480000000 for USB 2 and 5000000000 for USB 3 (*read*: usbmuxd
1.1.1, src/usb.c, `usb_device_add`, which takes a faster USB 3 for USB 2). For the usbmuxd of macOS and Windows the same
is *guessed*.
"""

from __future__ import annotations

import asyncio
import plistlib
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.usbmux import MuxConnection

from migrate.phone.muxer import MUXER_TIMEOUT_S, UsbmuxConfig
from migrate.plists import NotAPlist, load_plist
from migrate.udid import normalize_udid, same_udid

Link = Literal["usb2", "usb3", "wifi", "unknown"]

USB3_BITS_PER_S = 5_000_000_000
USB_DEVICES = Path("/sys/bus/usb/devices")
ANSWER_LIMIT_BYTES = 4 << 20
_HEADER = struct.Struct("<IIII")
_PLIST_VERSION, _PLIST_MESSAGE, _TAG = 1, 8, 1


async def link_to(usbmux: UsbmuxConfig, udid: str, *, usb_devices: Path = USB_DEVICES) -> Link:
    """The link to an attached phone; `unknown` if nothing tells."""
    records: list[dict[str, Any]] = []
    with suppress(PyMobileDevice3Exception, OSError, NotAPlist, TimeoutError, ValueError):
        async with asyncio.timeout(MUXER_TIMEOUT_S):
            records = await _attached_records(usbmux.pymobiledevice3_address)
    mine = [one for one in records if same_udid(str(one.get("SerialNumber", "")), udid)]
    cabled = [one for one in mine if one.get("ConnectionType") == "USB"]
    if mine and not cabled:
        return "wifi"
    speeds = [one.get("ConnectionSpeed") for one in cabled]
    return _named(await asyncio.to_thread(_speed_on_bus, udid, usb_devices) or next(filter(None, speeds), None))


def _named(bits_per_s: Any) -> Link:
    if isinstance(bits_per_s, bool) or not isinstance(bits_per_s, int) or bits_per_s <= 0:
        return "unknown"
    return "usb3" if bits_per_s >= USB3_BITS_PER_S else "usb2"


def _speed_on_bus(udid: str, usb_devices: Path) -> int | None:
    """Bits per second, as Linux tells it; None elsewhere."""
    for serial in usb_devices.glob("*/serial"):
        with suppress(OSError, ValueError):
            if normalize_udid(serial.read_text(encoding="ascii").strip()) == normalize_udid(udid):
                return round(float((serial.parent / "speed").read_text(encoding="ascii")) * 1_000_000)
    return None


async def _attached_records(address: str | None) -> list[dict[str, Any]]:
    """The `Properties` of every attached phone (facts 1.1). pymobiledevice3 drops the speed when it reads them."""
    sock = await MuxConnection.create_usbmux_socket(usbmux_address=address)
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        request = plistlib.dumps(
            {"MessageType": "ListDevices", "ClientVersionString": "migrate", "ProgName": "migrate"}
        )
        length = _HEADER.size + len(request)
        writer.write(_HEADER.pack(length, _PLIST_VERSION, _PLIST_MESSAGE, _TAG) + request)
        await writer.drain()
        length = _HEADER.unpack(await reader.readexactly(_HEADER.size))[0] - _HEADER.size
        if not 0 < length <= ANSWER_LIMIT_BYTES:
            raise ValueError("usbmuxd announced an answer of an impossible length")
        answer = load_plist(await reader.readexactly(length))
    except EOFError as error:  # asyncio.IncompleteReadError is one
        raise ValueError("usbmuxd closed the connection") from error
    finally:
        writer.close()
    listed = answer.get("DeviceList") if isinstance(answer, dict) else None
    records = [one.get("Properties") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [one for one in records if isinstance(one, dict)]
