"""The phone whose backup is repaired."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrate.journey.phone_session import PhoneSession
from migrate.journey.second_look import SecondLook
from migrate.phone.discovery import find_phones
from migrate.phone.phone import Phone
from migrate.problems import NoMuxer, RepairNeedsPhone
from migrate.problems.finding import Finding
from migrate.udid import same_udid


@dataclass(frozen=True)
class RepairPhone:
    """The connected phone that a damaged backup is of."""

    session: PhoneSession
    may_be_connected_later: bool
    """Whether to wait for it; else it must be connected now."""

    async def is_connected(self, udid: str) -> bool:
        """Whether it is connected now. Where nobody can tell, it is not."""
        try:
            return any(same_udid(phone.udid, udid) for phone in await find_phones(self.session.usbmux))
        except NoMuxer:
            return False

    async def find(self, udid: str, backup: Path, damaged: int) -> str:
        """The phone's UDID in its own spelling.

        Raises:
            RepairNeedsPhone: it is not connected.
        """
        found = await find_phones(self.session.usbmux)
        connected = next((phone.udid for phone in found if same_udid(phone.udid, udid)), None)
        if connected is None and not self.may_be_connected_later:
            raise RepairNeedsPhone(str(backup), udid, damaged, tuple(phone.udid for phone in found))
        return connected or udid

    async def back_up(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        """Back the phone up onto `folder`, whose name is its UDID, and return what was found meanwhile.

        Raises:
            What `Phone.meet` and `Phone.back_up` raise.
        """
        before, progress = len(self.session.findings), self.session.progress()
        meeting = Phone.meet(self.session.usbmux, folder.name, progress=progress, wait_s=self.session.wait_s)
        async with await meeting as phone:
            again = SecondLook(self.session, "old")
            await phone.back_up(folder, seals=seals, progress=progress, ask_again=again)
        return tuple(self.session.findings[before:])
