"""The real iPhones of a tick: those that usbmuxd lists, over a cable or Wi-Fi."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate.backup.snapshots.store import Snapshot
from migrate.journey.home import Home
from migrate.journey.keep_snapshot import keep_snapshot
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.problems import NoMuxer
from migrate.problems.finding import Finding
from migrate.progress import NoProgress, Phase, UserAction

READY_WITHIN_S = 200.0
"""An iPhone asks for its passcode for about three minutes (facts A1)."""


@dataclass
class ConnectedPhones:
    """Finds iPhones and backs them up into their working backups."""

    home: Home
    usbmux: UsbmuxConfig

    async def find(self) -> Sequence[PhoneFacts]:
        try:
            return await find_phones(self.usbmux)
        except NoMuxer:
            return ()

    async def back_up(self, facts: PhoneFacts, passcode_needed: Callable[[], None]) -> Snapshot | None:
        loop = asyncio.get_running_loop()
        progress = _Listening(lambda: loop.call_soon_threadsafe(passcode_needed))
        meeting = Phone.meet(self.usbmux, facts.udid, progress=progress, wait_s=READY_WITHIN_S)
        async with await meeting as phone:
            folder = self.home.working_backup(phone.facts.udid)
            with self.home.lock_working_backup(folder.name, phone.facts.name_or_model):
                await phone.back_up(folder, seals=self.home.seals, begin="incremental", progress=progress)
                return await asyncio.to_thread(keep_snapshot, self.home, folder, progress)


class _Listening(NoProgress):
    """Hears only that the iPhone asks for its passcode."""

    def __init__(self, passcode_needed: Callable[[], object]) -> None:
        self._passcode_needed = passcode_needed

    def person_needed(self, phone: str, action: UserAction) -> None:
        if action == "enter-passcode":
            self._passcode_needed()

    def phase_began(self, phase: Phase) -> None:
        """Nobody watches."""

    def found(self, finding: Finding) -> None:
        """Findings of a backup are told by `verify` and `show`."""
