"""Which phones are attached to this computer, and where its usbmuxd listens.

The usbmuxd address is passed to every call, so one process can use a real phone and a simulated one.
`USBMUXD_SOCKET_ADDRESS` is only the default.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.usbmux import MuxDevice, list_devices

from migrate.problems import NoMuxer, UsbmuxdAddressInvalid
from migrate.udid import normalize_udid, same_udid

MUXER_TIMEOUT_S = 10.0
"""A usbmuxd is a local daemon and lists its phones from memory. The limit is generous because computers get busy."""

UDID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")
"""A valid UDID, which also becomes a folder's name: 40 hex digits, or 8 and 16 with or without their dash. Slightly
more is accepted for future phones. A device with any other serial is not listed."""


@dataclass(frozen=True)
class UsbmuxConfig:
    """The address of a usbmuxd, and the two folders used with it.

    `address` is HOST:PORT, the path of a socket (bare or as UNIX:/path), or None for the system's own.
    `pairing` holds pair records (they contain private keys: 0700); `tmp` holds files that last for one handshake.
    """

    address: str | None
    pairing: Path
    tmp: Path

    @property
    def pymobiledevice3_address(self) -> str | None:
        """The address in pymobiledevice3's form; None means the platform's default.

        libusbmuxd expects `UNIX:/path`; pymobiledevice3 fails on that and expects the bare path (*tried*, facts 1.1).

        Raises:
            UsbmuxdAddressInvalid: it has neither form.
        """
        address = self.address or os.environ.get("USBMUXD_SOCKET_ADDRESS")
        if not address:
            return None
        if address[:5].upper() == "UNIX:":
            address = address[5:]
        if "/" in address:
            return address
        host, colon, port = address.rpartition(":")
        if not colon or not host or ":" in host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
            raise UsbmuxdAddressInvalid(address)
        return address

    def make_folders(self) -> None:
        """Create `pairing` and `tmp`, readable by this user only."""
        for folder in (self.pairing, self.tmp):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


async def list_phones(usbmux: UsbmuxConfig) -> list[MuxDevice]:
    """Every attached phone, each once; for a phone on both cable and Wi-Fi, the cable connection.

    Raises:
        NoMuxer: no usbmuxd answers, or something else answers at its address.
    """
    address = usbmux.pymobiledevice3_address
    try:
        async with asyncio.timeout(MUXER_TIMEOUT_S):
            devices = await list_devices(usbmux_address=address)
    except Exception as error:  # pymobiledevice3 lets KeyError, struct.error, expat's and OSError through here
        raise NoMuxer(address or "", sys.platform, _reason(error)) from error
    best: dict[str, MuxDevice] = {}
    for device in devices:
        if not UDID.fullmatch(device.serial):
            continue
        known = best.get(normalize_udid(device.serial))
        if known is None or (device.is_usb and not known.is_usb):
            best[normalize_udid(device.serial)] = device
    return list(best.values())


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {MUXER_TIMEOUT_S:.0f} seconds"
    cause = error.__cause__ if isinstance(error, PyMobileDevice3Exception) and error.__cause__ else error
    return (cause.strerror if isinstance(cause, OSError) else None) or f"{type(cause).__name__}: {cause}".rstrip(": ")


def find_device(devices: Collection[MuxDevice], udid: str) -> MuxDevice | None:
    return next((device for device in devices if same_udid(device.serial, udid)), None)


def dashed_udid(serial: str) -> str:
    """The UDID for a usbmuxd serial, with the dash that the phone itself writes in a 24-digit UDID."""
    return f"{serial[:8]}-{serial[8:]}" if re.fullmatch(r"[0-9A-Fa-f]{24}", serial) else serial
