"""What people are told about steps, and what they are asked to do on a phone."""

from __future__ import annotations

from migrate.language import _, mark
from migrate.progress import UserAction

STEP_SENTENCES: dict[str, tuple[str, str]] = {
    "meet": (mark("Finding your old iPhone"), mark("Found")),
    "preflight": (mark("Checking that this move can work"), mark("Checked")),
    "back-up-old-phone": (mark("Backing up the old phone"), mark("The old phone is backed up")),
    "verify": (mark("Checking the backup"), mark("The backup is complete")),
    "back-up-new-phone": (
        mark("Backing up the new phone as it is now, to be safe"),
        mark("The new phone is backed up too"),
    ),
    "verify-new-phone": (mark("Checking the backup of the new phone"), mark("That backup is complete")),
    "compose": (mark("Preparing your data"), mark("Your data is ready to move")),
    "install-apps": (
        mark("Checking that the chosen apps are on the new phone"),
        mark("The chosen apps are on the new phone"),
    ),
    "rehearse": (
        mark("Rehearsing: the same restore, to a simulated iPhone like the new phone"),
        mark("The rehearsal succeeded"),
    ),
    "verify-safety": (mark("Checking the safety backup"), mark("The safety backup is complete")),
    "compare": (mark("Looking for what was added to the phone since then"), mark("Compared")),
    "agree": (mark("Last check before anything changes"), mark("Confirmed")),
    "restore": (mark("Restoring to the new phone"), mark("Everything is sent")),
    "wait-for-phone": (
        mark("Waiting for the new phone to restart. Leave it connected"),
        mark("The new phone is back"),
    ),
    "prove": (mark("Proving what arrived"), mark("What arrived is compared")),
    "receipt": (mark("Writing the receipt"), mark("The receipt is written")),
    # outside a run: `migrate diff`, `extract`, `verify`, `repair` (twice), `backup`, `icloud` and `encryption`
    "diff": (mark("Comparing the two backups"), mark("The two backups are compared")),
    "export": (mark("Writing readable files from the backup"), mark("The export is finished")),
    "extract": (mark("Extracting files from the backup"), mark("The files are extracted")),
    "check": (mark("Checking the backup"), mark("The backup is checked")),
    "repair": (mark("Copying the undamaged files (as links, to save space)"), mark("The undamaged files are copied")),
    "fetch": (mark("Fetching what is missing from the phone"), mark("The phone has sent what was missing")),
    "backup": (mark("Backing up the phone"), mark("The phone is backed up")),
    "icloud": (mark("Asking the phone about its iCloud Backup"), mark("The phone has answered")),
    "encryption": (mark("Asking the phone about its backups"), mark("The phone has answered")),
}
"""A step's name -> what is shown when it starts, and when it is finished."""

ACTION_SENTENCES: dict[UserAction, str] = {
    "connect": mark("Connect {phone} to this computer with its cable, and unlock it."),
    "unlock": mark("Unlock {phone} and keep its screen on."),
    "tap-trust": mark("Tap Trust on {phone} and enter its passcode."),
    "enter-passcode": mark("Enter the passcode on {phone}. It may ask twice; that is normal."),
    "finish-setup": mark("Finish the setup on {phone}: follow its screens until you see the home screen."),
    "turn-off-find-my": mark("Turn Find My off on {phone}: Settings, your name, Find My, Find My iPhone."),
    "restart-phone": mark("Restart {phone} and unlock it."),
    "install-apps": mark(
        "Install these apps on {phone} from the App Store: {apps}. If an app is no longer in the App Store, stop "
        "with Ctrl-C and choose again without it."
    ),
    "airplane-mode": mark(
        "Turn on airplane mode on {phone}, with Wi-Fi off, and do not use it until its restore has begun: what changes "
        "on it from now on would be lost."
    ),
    "erase-phone": mark(
        "Erase {phone}: Settings, General, Transfer or Reset, Erase All Content and Settings. Its backup is ready. "
        "When it says Hello, unlock it and trust this computer."
    ),
}


STEPS_BEFORE_RESTORE = frozenset({"meet", "rehearse", "agree", "restore"})
"""Steps in which a phone that is not activated has to get no further than to Transfer Your Apps & Data."""
STEPS_AFTER_RESTORE = frozenset({"wait-for-phone", "prove"})
SETUP_BEFORE_RESTORE = mark(
    "On {phone}, choose a language and Wi-Fi, and stop at the screen Transfer Your Apps & Data. Do not sign in to your "
    "Apple Account yet."
)
SETUP_AFTER_RESTORE = mark(
    "Finish the setup on {phone}: follow its screens until you see the home screen. If it asks where to transfer data "
    "from, choose Don't Transfer: the data is already on it."
)
"""What is known about these screens: facts 4.10."""


def step_started(step: str) -> str:
    return _(STEP_SENTENCES[step][0]) if step in STEP_SENTENCES else step


def step_finished(step: str) -> str:
    return _(STEP_SENTENCES[step][1]) if step in STEP_SENTENCES else step


def action_sentence(action: UserAction, phone: str, step: str, apps: tuple[str, ...] = ()) -> str:
    """What a person is asked to do. A restarting phone is mentioned only once it has been away for long."""
    if action == "connect" and step == "wait-for-phone":
        name = f"{phone[:1].upper()}{phone[1:]}"
        return _("{phone} has been away for a while. Check that it is on, connected and unlocked.").format(phone=name)
    if action == "finish-setup" and step in STEPS_BEFORE_RESTORE:
        return _(SETUP_BEFORE_RESTORE).format(phone=phone)
    if action == "finish-setup" and step in STEPS_AFTER_RESTORE:
        return _(SETUP_AFTER_RESTORE).format(phone=phone)
    return _(ACTION_SENTENCES[action]).format(phone=phone, apps=", ".join(apps) or _("the chosen apps that it lacks"))
