"""Wait until a phone whose screen is locked is unlocked, without a connection of its own to keep."""

from __future__ import annotations

from migrate.phone.discovery import find_phones
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import NoMuxer, PhoneLocked
from migrate.progress import Progress
from migrate.udid import same_udid


async def wait_until_unlocked(
    usbmux: UsbmuxConfig, udid: str, *, asked_for: str, progress: Progress, wait_s: float, time: Time | None = None
) -> None:
    """Ask the person to unlock the phone, if its screen is locked, and wait. Returns at once where nobody can tell.

    `asked_for`: what it refuses meanwhile, for the error.

    Raises:
        PhoneLocked: it was still locked after `wait_s` seconds.
    """
    user_wait = UserWait(progress, wait_s, time or Time())
    while (name := await _locked_phone(usbmux, udid)) is not None:
        await user_wait.poll(NotReady(PhoneLocked(name, asked_for), "unlock"), name)
    user_wait.request_done()


async def _locked_phone(usbmux: UsbmuxConfig, udid: str) -> str | None:
    """The name of the phone, if it is connected and locked."""
    try:
        phones = await find_phones(usbmux)
    except NoMuxer:
        return None
    return next((one.name_or_model for one in phones if same_udid(one.udid, udid) and one.locked), None)
