"""List every connected phone without ever raising its Trust dialog."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pymobiledevice3.exceptions import PasswordRequiredError
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts, public_facts, tell_apart, trusted_facts, usbmux_facts
from migrate.phone.lockdown import Lockdown, connect, start_session
from migrate.phone.muxer import UsbmuxConfig, list_phones
from migrate.problems import CannotStoreKeys, NoRoomForConnection

__all__ = ["UsbmuxConfig", "find_phones"]

READ_PHONE_S = 15.0
"""How long one phone may take to answer. A dozen requests take well under a second on a cable (*guessed* from
lockdown's round trips); a phone that hangs must not hide the others."""


async def find_phones(usbmux: UsbmuxConfig) -> list[PhoneFacts]:
    """Every attached phone, each once, with the facts it is willing to give; the others are None.

    Raises:
        NoMuxer: no usbmuxd answers.
        NoRoomForConnection, CannotStoreKeys: this computer's disk, which every connection needs.
    """
    devices = await list_phones(usbmux)
    return tell_apart(await asyncio.gather(*(read_phone(usbmux, device) for device in devices)))


AskMore = Callable[[Lockdown, PhoneFacts], Awaitable[None]]


async def read_phone(usbmux: UsbmuxConfig, device: MuxDevice, *, then: AskMore | None = None) -> PhoneFacts:
    """Read one phone. If it disconnects, hangs or sends garbage, return the facts read so far.

    `then` is called with a phone that trusts this computer.
    """
    known = usbmux_facts(device)
    try:
        async with asyncio.timeout(READ_PHONE_S), await connect(usbmux, device) as client:
            known = public_facts(client, device, trusted=False)
            try:
                if not await start_session(client, refused=set()):
                    return known
            except PasswordRequiredError:
                return known
            known = public_facts(client, device, trusted=True)
            known = await trusted_facts(client, device)
            if then is not None:
                await then(client, known)
            return known
    except (NoRoomForConnection, CannotStoreKeys):
        raise  # this computer's disk, and the same for every phone
    except Exception:  # one bad phone must not hide the others from the list; `meet` reports what is wrong
        return known
