"""The sheet a phone shows when a computer's wish needs the passcode."""

from __future__ import annotations

import threading
from collections.abc import Callable

from migrate.simulator.device.simulated_user import SimulatedUser

PASSCODE_WAIT_S = 30 * 60
"""BackupAgent2 waits so long for the passcode (facts 2.3)."""
SHEET_PRESENTED = "com.apple.LocalAuthentication.ui.presented"
SHEET_DISMISSED = "com.apple.LocalAuthentication.ui.dismissed"


class PasscodeSheet:
    """One phone's. `show` runs in the thread that wants the passcode, `answer` and `dismiss` in any other."""

    def __init__(self, post: Callable[[str], None]) -> None:
        self._post = post
        self._changed = threading.Condition()
        self._answer: bool | None = None
        self._taken_away = 0
        self.is_shown = False
        self.passcode_timeout_s: float = PASSCODE_WAIT_S
        self.timed_out = False
        """Whether the last sheet went because nobody came for so long."""

    def show(self, simulated_user: SimulatedUser, *, is_disconnected: Callable[[], bool]) -> bool:
        """Shows the sheet as often as the hand sees it, and waits for the person. True: the passcode was entered.

        False: declined, ignored until the sheet went away, nobody came for 30 minutes (`timed_out`), or it was taken
        away.
        `is_disconnected` tells whether the cable was gone before the sheet came.
        """
        entered = self.timed_out = False
        for sheet in range(simulated_user.passcode_sheets):
            if sheet:
                self._post(SHEET_DISMISSED)
            with self._changed:
                self._answer, self.is_shown = None, True
                taken_away = self._taken_away
            self._post(SHEET_PRESENTED)
            entered = not is_disconnected() and self._wait(simulated_user, taken_away)
            self.is_shown = False
            if not entered:
                break
        self._post(SHEET_DISMISSED)
        return entered

    def answer(self, entered: bool) -> None:
        """The person enters the passcode now, or taps Cancel."""
        with self._changed:
            self._answer = entered
            self._changed.notify_all()

    def dismiss(self) -> None:
        """The cable was pulled: whoever waits gives up."""
        with self._changed:
            self._taken_away += 1
            self._changed.notify_all()

    def _wait(self, simulated_user: SimulatedUser, taken_away: int) -> bool:
        patience = self.passcode_timeout_s if simulated_user.passcode == "wait" else simulated_user.passcode_delay_s
        with self._changed:
            if self._changed.wait_for(
                lambda: self._answer is not None or self._taken_away != taken_away, timeout=patience
            ):
                return bool(self._answer)
            self.timed_out = simulated_user.passcode == "wait"
        return simulated_user.passcode == "enter"
