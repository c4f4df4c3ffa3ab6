"""What is connected: a look at every phone, which never makes one ask for trust."""

from __future__ import annotations

import asyncio

from pymobiledevice3.exceptions import PasswordRequiredError
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts, public_facts, trusted_facts, usbmux_facts
from migrate.phone.lockdown import connect, start_session
from migrate.phone.muxer import UsbmuxConfig, list_phones

__all__ = ["UsbmuxConfig", "find_phones"]

LOOK_S = 15.0
"""How long one phone may take to tell about itself. A dozen questions take well under a second on a cable (*guessed*
from lockdown's round trips); a phone that hangs must not hide the others."""


async def find_phones(usbmux: UsbmuxConfig) -> list[PhoneFacts]:
    """Every attached phone, each once, with what it is willing to tell; what it is not is None.

    Raises:
        NoMuxer: no usbmuxd answers.
    """
    devices = await list_phones(usbmux)
    return list(await asyncio.gather(*(_read_phone(usbmux, device) for device in devices)))


async def _read_phone(usbmux: UsbmuxConfig, device: MuxDevice) -> PhoneFacts:
    """One phone. One that drops, hangs or talks nonsense midway is known by what it said before that."""
    known = usbmux_facts(device)
    try:
        async with asyncio.timeout(LOOK_S), await connect(usbmux, device) as client:
            known = public_facts(client, device, trusted=False)
            try:
                if not await start_session(client):
                    return known
            except PasswordRequiredError:
                return known
            known = public_facts(client, device, trusted=True)
            return await trusted_facts(client, device)
    except Exception:  # whatever is wrong with this phone, the list is about all of them; `meet` names the trouble
        return known
