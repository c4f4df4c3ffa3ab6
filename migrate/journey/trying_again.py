"""What fails on a phone only for a moment is tried again within the step, after a countdown.

Trying again is what `resume` would do: the step is in doubt, looks first, and continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import ROLES
from migrate.phone.unlocking import wait_until_unlocked
from migrate.phone.wait import Time, count_down
from migrate.problems import MigrateError, PasscodeNotEntered, PhoneCouldNotSend, PhoneLost, PhoneNotReady

PAUSES_S: Final[Mapping[type[MigrateError], float]] = {
    PhoneLost: 3.0,  # the cable moved, or usbmuxd listed the phone anew; it is waited for afterwards
    PasscodeNotEntered: 5.0,  # 208: nobody was looking
    PhoneCouldNotSend: 10.0,  # 104: a locked screen, or files in use
    PhoneNotReady: 10.0,  # it has just started
}
"""The transient errors, and how long the phone is left alone after each (*guessed*, from the ten seconds after which
others try again a session that the phone dropped, facts 2.4)."""

TRIES = 3
"""How often a step is tried without getting anywhere."""
GETTING_SOMEWHERE_BYTES = 16 << 20
"""After so many bytes a try was not in vain: a bad cable that drops every few minutes must not end a long backup."""
MOST_TRIES = 100


@dataclass
class Attempts:
    """The attempts at one step."""

    session: PhoneSession
    tries: int = 1
    in_vain: int = 0

    async def may_follow(self, error: MigrateError) -> bool:
        """Whether the step is tried again after `error`; then the countdown is over on return."""
        pause_s = next((pause for kind, pause in PAUSES_S.items() if isinstance(error, kind)), None)
        if self.session.moved_bytes >= GETTING_SOMEWHERE_BYTES:
            self.in_vain = 0
        self.tries, self.in_vain = self.tries + 1, self.in_vain + 1
        wait_s = self.session.wait_s
        if pause_s is None or wait_s <= 0 or self.in_vain >= TRIES or self.tries > MOST_TRIES:
            return False
        progress = replace(self.session.progress(), failed=error.what)
        if isinstance(error, PhoneCouldNotSend):
            await self._wait_until_unlocked(error.phone)
        await count_down(progress, Time(), str(getattr(error, "phone", "")), min(pause_s, wait_s))
        self.session.moved_bytes = 0
        return True

    async def _wait_until_unlocked(self, phone: str) -> None:
        """A screen that locked itself keeps files from being read, and would do it again (facts 5.1).

        Raises:
            PhoneLocked: nobody unlocked it.
        """
        session = self.session
        for role in ROLES:
            if (udid := session.udid_of(role)) and session.name_of(role) == phone:
                asked_for, progress = "some of its files", session.progress()
                await wait_until_unlocked(
                    session.usbmux, udid, asked_for=asked_for, progress=progress, wait_s=session.wait_s
                )
