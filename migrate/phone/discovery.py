"""What is connected: a look at every phone, which never makes one ask for trust."""

from __future__ import annotations

import asyncio

from pymobiledevice3.exceptions import PasswordRequiredError
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts, facts_from_outside, public_facts, trusted_facts
from migrate.phone.lockdown import begin_session, connect
from migrate.phone.muxer import Muxer, attached

__all__ = ["Muxer", "look"]

LOOK_S = 15.0
"""How long one phone may take to tell about itself. A dozen questions take well under a second on a cable (*guessed*
from lockdown's round trips); a phone that hangs must not hide the others."""


async def look(muxer: Muxer) -> list[PhoneFacts]:
    """Every attached phone, each once, with what it is willing to tell; what it is not is None.

    Raises:
        NoMuxer: no usbmuxd answers.
    """
    devices = await attached(muxer)
    return list(await asyncio.gather(*(_look_at(muxer, device) for device in devices)))


async def _look_at(muxer: Muxer, device: MuxDevice) -> PhoneFacts:
    """One phone. One that drops, hangs or talks nonsense midway is known by what it said before that."""
    known = facts_from_outside(device)
    try:
        async with asyncio.timeout(LOOK_S), await connect(muxer, device) as client:
            known = public_facts(client, device, trusted=False)
            try:
                if not await begin_session(client):
                    return known
            except PasswordRequiredError:
                return known
            known = public_facts(client, device, trusted=True)
            return await trusted_facts(client, device)
    except Exception:  # whatever is wrong with this phone, the list is about all of them; `meet` names the trouble
        return known
