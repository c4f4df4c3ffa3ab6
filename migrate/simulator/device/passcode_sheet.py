"""The sheet a phone shows when a computer's request needs the passcode."""

from __future__ import annotations

import threading
from collections.abc import Callable

from migrate.simulator.device.simulated_user import SimulatedUser

PASSCODE_WAIT_S = 30 * 60
"""How long BackupAgent2 waits for the passcode (facts 2.3)."""
SHEET_PRESENTED = "com.apple.LocalAuthentication.ui.presented"
SHEET_DISMISSED = "com.apple.LocalAuthentication.ui.dismissed"


class PasscodeSheet:
    """One phone's sheet. `show` runs in the requesting thread, `answer` and `dismiss` in any other."""

    def __init__(self, post: Callable[[str], None]) -> None:
        self._post = post
        self._changed = threading.Condition()
        self._answer: bool | None = None
        self._dismissals = 0
        self.is_shown = False
        self.passcode_timeout_s: float = PASSCODE_WAIT_S
        self.timed_out = False
        """Whether the last sheet closed because nothing was entered within `passcode_timeout_s`."""

    def show(self, simulated_user: SimulatedUser, *, is_disconnected: Callable[[], bool]) -> bool:
        """Shows the sheet `passcode_sheets` times and waits for the user. Returns True if the passcode was entered.

        Returns False if the user declined or ignored it, did not answer within 30 minutes (`timed_out`), or the sheet
        was dismissed. `is_disconnected` tells whether the cable was pulled before the sheet was shown.
        """
        entered = self.timed_out = False
        for sheet in range(simulated_user.passcode_sheets):
            if sheet:
                self._post(SHEET_DISMISSED)
            with self._changed:
                self._answer, self.is_shown = None, True
                dismissals = self._dismissals
            self._post(SHEET_PRESENTED)
            entered = not is_disconnected() and self._wait(simulated_user, dismissals)
            self.is_shown = False
            if not entered:
                break
        self._post(SHEET_DISMISSED)
        return entered

    def answer(self, entered: bool) -> None:
        """The user enters the passcode, or taps Cancel."""
        with self._changed:
            self._answer = entered
            self._changed.notify_all()

    def dismiss(self) -> None:
        """The cable was pulled: a waiting `show` returns False."""
        with self._changed:
            self._dismissals += 1
            self._changed.notify_all()

    def _wait(self, simulated_user: SimulatedUser, dismissals: int) -> bool:
        timeout = self.passcode_timeout_s if simulated_user.passcode == "wait" else simulated_user.passcode_delay_s
        with self._changed:
            if self._changed.wait_for(
                lambda: self._answer is not None or self._dismissals != dismissals, timeout=timeout
            ):
                return bool(self._answer)
            self.timed_out = simulated_user.passcode == "wait"
        return simulated_user.passcode == "enter"
