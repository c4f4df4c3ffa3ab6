"""The sheet a phone shows when a computer's wish needs the passcode."""

from __future__ import annotations

import threading
from collections.abc import Callable

from migrate.simulator.device.simulated_user import Hand

PASSCODE_WAIT_S = 30 * 60
"""BackupAgent2 waits so long for the passcode (facts 2.3)."""
SHEET_PRESENTED = "com.apple.LocalAuthentication.ui.presented"
SHEET_DISMISSED = "com.apple.LocalAuthentication.ui.dismissed"


class PasscodeSheet:
    """One phone's. `show` runs in the thread that wants the passcode, `answer` and `take_away` in any other."""

    def __init__(self, post: Callable[[str], None]) -> None:
        self._post = post
        self._changed = threading.Condition()
        self._answer: bool | None = None
        self._taken_away = 0
        self.is_shown = False
        self.patience_s: float = PASSCODE_WAIT_S
        self.timed_out = False
        """Whether the last sheet went because nobody came for so long."""

    def show(self, hand: Hand, *, nobody_asks: Callable[[], bool]) -> bool:
        """Shows the sheet as often as the hand sees it, and waits for the person. True: the passcode was entered.

        False: declined, ignored until the sheet went away, nobody came for 30 minutes (`timed_out`), or it was taken
        away.
        `nobody_asks` tells whether the cable was gone before the sheet came.
        """
        entered = self.timed_out = False
        for sheet in range(hand.passcode_sheets):
            if sheet:
                self._post(SHEET_DISMISSED)
            with self._changed:
                self._answer, self.is_shown = None, True
                taken_away = self._taken_away
            self._post(SHEET_PRESENTED)
            entered = not nobody_asks() and self._wait(hand, taken_away)
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

    def take_away(self) -> None:
        """The cable was pulled: whoever waits gives up."""
        with self._changed:
            self._taken_away += 1
            self._changed.notify_all()

    def _wait(self, hand: Hand, taken_away: int) -> bool:
        patience = self.patience_s if hand.passcode == "wait" else hand.passcode_delay_s
        with self._changed:
            if self._changed.wait_for(
                lambda: self._answer is not None or self._taken_away != taken_away, timeout=patience
            ):
                return bool(self._answer)
            self.timed_out = hand.passcode == "wait"
        return hand.passcode == "enter"
