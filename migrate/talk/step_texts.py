"""How steps and a person's errands are said aloud."""

from __future__ import annotations

from migrate.progress import UserAction

STEP_SENTENCES: dict[str, tuple[str, str]] = {
    "meet": ("Looking for the phone or backup to begin with", "It is here"),
    "preflight": ("Checking that this can end well", "Checked"),
    "back-up-old-phone": ("Saving the old phone to this computer", "The old phone is saved"),
    "verify": ("Proving that the save is whole", "The save is whole"),
    "back-up-new-phone": ("Saving the new phone as it is now, to be safe", "The new phone is saved too"),
    "verify-new-phone": ("Proving that this save is whole", "That save is whole"),
    "compose": ("Composing what will move", "Composed what will move"),
    "install-apps": ("Looking whether the chosen apps are on the new phone", "The chosen apps are on the new phone"),
    "rehearse": (
        "Rehearsing: the same restore, to a simulated iPhone like the new phone",
        "The rehearsal went well",
    ),
    "verify-safety": ("Proving that the safety backup is whole", "The safety backup is whole"),
    "compare": ("Looking for what came onto the phone since", "Looked at what came since"),
    "agree": ("One last look before anything is sent", "Agreed"),
    "restore": ("Restoring to the new phone", "Everything is sent"),
    "wait-for-phone": (
        "Waiting for the new phone to come back: it restarts, leave it connected",
        "The new phone is back",
    ),
    "prove": ("Proving what arrived", "Looked at what arrived"),
    "extract": ("Taking files out of the backup", "Files are taken out"),  # `migrate extract`,
    "check": ("Checking the backup", "The backup is checked"),  # `migrate verify`,
    "repair": ("Setting the sound files apart, by links", "The sound files are set apart"),  # `migrate repair`,
    "fetch": ("Fetching what is missing from the phone", "The phone has sent what was missing"),  # the same, and
    "backup": ("Saving the phone to this computer", "The phone is saved"),  # `migrate backup`, outside any run
    "receipt": ("Writing the receipt", "The receipt is written"),
}
"""A step's name -> what is said when it starts, and when it is finished."""

_SCAN = "The phone looks at its files first, maybe for minutes."
SLOW_STEP_HINTS: dict[str, str] = {
    "back-up-old-phone": _SCAN,
    "back-up-new-phone": _SCAN,
    "backup": _SCAN,
    "prove": _SCAN,
}
"""A step in which nothing moves for long, and why (facts 2.4): whoever waits is told."""

ACTION_SENTENCES: dict[UserAction, str] = {
    "connect": "Connect {phone} to this computer with its cable, and unlock it.",
    "unlock": "Unlock {phone} and keep its screen on.",
    "tap-trust": "Tap Trust on {phone} and enter its passcode.",
    "enter-passcode": "Enter the passcode on {phone}. It may ask twice; that is normal.",
    "finish-setup": "Finish the setup on {phone}: follow its screens until you see the home screen.",
    "turn-off-find-my": "Turn Find My off on {phone}: Settings, your name, Find My, Find My iPhone.",
    "restart-phone": "Restart {phone} and unlock it.",
    "install-apps": "Install on {phone}, from its App Store: {apps}. If one is not to be had any more: stop with "
    "Ctrl-C, and choose again without it.",
}


def step_started(step: str) -> str:
    return STEP_SENTENCES.get(step, (step, step))[0]


def step_finished(step: str) -> str:
    return STEP_SENTENCES.get(step, (step, step))[1]


def action_sentence(action: UserAction, phone: str, step: str, apps: tuple[str, ...] = ()) -> str:
    """What a person is asked to do. A phone that restarts is looked after only when it has been away for long."""
    if action == "connect" and step == "wait-for-phone":
        return (
            f"{phone[:1].upper()}{phone[1:]} has been away for a while. Look whether it is on, connected and unlocked."
        )
    return ACTION_SENTENCES[action].format(phone=phone, apps=", ".join(apps) or "the chosen apps that it lacks")
