"""The scripted person who holds the simulated iPhone: taps Trust, enters the passcode, finishes the setup.

Only what a finger can do. What the phone does is in `device`; what goes wrong is in `faults`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

PasscodeHabit = Literal["enter", "decline", "ignore", "wait"]
TrustAnswer = Literal["trust", "deny"]


@dataclass
class SimulatedUser:
    """What the person does without being told. A person at the admin channel may do the rest.

    The default hand does what a phone asks for, so that a run nobody watches comes to its end. Find My it leaves on:
    a person needs an Apple Account password for that.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    trust_after_polls: int | None = 1
    """How many `Pair` requests see the open dialog before it is answered. 0: the first succeeds. None: never."""
    trust_answer: TrustAnswer = "trust"
    passcode: PasscodeHabit = "enter"
    """`ignore`: the sheet goes away unanswered after `passcode_delay_s` (a real one after about three minutes).
    `wait`: until somebody answers through `Softphone.answer_passcode`."""
    passcode_delay_s: float = 0.0
    passcode_sheets: int = 1
    """How often one question shows its sheet; real phones are REPORTED to show it twice."""
    cancels: Literal["nothing", "backup", "restore"] = "nothing"
    """Taps cancel on the phone as soon as the files of a backup or restore begin to pass."""
    unlocks: bool = True
    """Unlocks the phone after it has restarted, and once a request was refused because it is locked."""
    finishes_setup: bool = True
    setup_delay_s: float = 0.2
    setup_waits_for_computer: bool = False
    """Counts `setup_delay_s` from when a computer first asked for the state of the setup, not from the restart: however
    slow that computer is, it sees a setup that is not finished."""
    turns_off_find_my: bool = False
    """Switches Find My off after the first restore that was refused because of it."""


def absent_user() -> SimulatedUser:
    """Nobody is there: every dialog stays open until the admin channel answers it."""
    return SimulatedUser(trust_after_polls=None, passcode="wait", unlocks=False, finishes_setup=False)
