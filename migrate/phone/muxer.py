"""Which phones hang on this computer, and where its usbmuxd is.

The address of a usbmuxd is a value: it travels with every call, so that one process can hold a real phone and a
software one. `USBMUXD_SOCKET_ADDRESS` is only its default.
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

MUXER_ANSWERS_WITHIN_S = 10.0
"""A usbmuxd is a local daemon and lists its phones from memory. Generous, so that a busy computer is not blamed."""

UDID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")
"""What may name a phone, and so a folder: 40 hex digits, or 8 and 16 with or without their dash; a little more is let
through for phones to come. What else calls itself a phone is not listed."""


@dataclass(frozen=True)
class UsbmuxConfig:
    """One usbmuxd, and the two folders that belong to whoever talks through it.

    `address` is HOST:PORT, the path of a socket (bare or as UNIX:/path), or None for the system's own.
    `pairing` keeps what phones and this computer agreed on (private keys: 0700), `tmp` what lives for one handshake.
    """

    address: str | None
    pairing: Path
    tmp: Path

    @property
    def pymobiledevice3_address(self) -> str | None:
        """The address as pymobiledevice3 understands it; None: the platform's.

        libusbmuxd wants `UNIX:/path`, pymobiledevice3 dies of it and wants the bare path (*tried*, facts 1.1).

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
        """See that `pairing` and `tmp` are there and closed to others."""
        for folder in (self.pairing, self.tmp):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


async def list_phones(usbmux: UsbmuxConfig) -> list[MuxDevice]:
    """Every phone that is attached, once each: a phone on both cable and Wi-Fi is the one on the cable.

    Raises:
        NoMuxer: there is no usbmuxd, or what answers is none.
    """
    address = usbmux.pymobiledevice3_address
    try:
        async with asyncio.timeout(MUXER_ANSWERS_WITHIN_S):
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
        return f"no answer within {MUXER_ANSWERS_WITHIN_S:.0f} seconds"
    cause = error.__cause__ if isinstance(error, PyMobileDevice3Exception) and error.__cause__ else error
    return (cause.strerror if isinstance(cause, OSError) else None) or f"{type(cause).__name__}: {cause}".rstrip(": ")


def find_device(devices: Collection[MuxDevice], udid: str) -> MuxDevice | None:
    return next((device for device in devices if same_udid(device.serial, udid)), None)


def dashed_udid(serial: str) -> str:
    """A serial of usbmuxd as the phone itself spells its UDID: with the dash, where one belongs."""
    return f"{serial[:8]}-{serial[8:]}" if re.fullmatch(r"[0-9A-Fa-f]{24}", serial) else serial
