"""The simulated user: taps Trust, enters the passcode, finishes Setup Assistant.

It only does what a user can do on the screen. The phone's behaviour is in `phone`, its defects are in `faults`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

PasscodeHabit = Literal["enter", "decline", "ignore", "wait"]
TrustAnswer = Literal["trust", "deny"]


@dataclass
class SimulatedUser:
    """What the user does without an order. The admin channel can order the rest.

    The default user does everything the phone asks for, so that an unattended run completes. Find My stays on: turning
    it off needs an Apple Account password.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    trust_after_polls: int | None = 1
    """How many `Pair` requests find the dialog open before it is answered. 0: the first succeeds. None: never."""
    trust_answer: TrustAnswer = "trust"
    passcode: PasscodeHabit = "enter"
    """`ignore`: the sheet disappears unanswered after `passcode_delay_s` (a real one after about three minutes).
    `wait`: it stays until `SimulatedPhone.answer_passcode` is called."""
    passcode_delay_s: float = 0.0
    passcode_sheets: int = 1
    """How many times one request shows the sheet. REPORTED: real phones show it twice."""
    cancels: Literal["nothing", "backup", "restore"] = "nothing"
    """Taps cancel as soon as a backup or restore starts to transfer files."""
    unlocks: bool = True
    """Unlocks the phone after a restart, and after a request was refused because the phone is locked."""
    finishes_setup: bool = True
    setup_delay_s: float = 0.2
    setup_waits_for_computer: bool = False
    """Counts `setup_delay_s` from when a computer first asked for the state of the setup, not from the restart: however
    slow that computer is, it sees a setup that is not finished."""
    turns_off_find_my: bool = False
    """Turns Find My off after a restore was refused because of it."""


def absent_user() -> SimulatedUser:
    """A user who never reacts: every dialog stays open until the admin channel answers it."""
    return SimulatedUser(trust_after_polls=None, passcode="wait", unlocks=False, finishes_setup=False)
