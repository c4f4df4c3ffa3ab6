"""What a person should know about encrypted backups and their password, in the wizard and in `migrate encryption`."""

from __future__ import annotations

from collections.abc import Collection

from migrate.categories.catalogue import load_catalogue
from migrate.language import _, mark
from migrate.talk.console import ask_line, say, wrapped
from migrate.talk.passwords import from_keyring, has_keyring, store_in_keyring
from migrate.talk.prompts import interruptible_prompt

CANNOT_BE_RECOVERED = mark(
    "Nobody can recover this password: not Apple, not this program. Without it no backup made with it can be opened. "
    "Write it down, and keep it with your papers."
)
NEITHER_PASSCODE = mark(
    "You choose this password only for backups. It is neither the passcode nor the Apple Account password. The phone "
    "keeps it until you change it, also for backups with Finder, iTunes or Apple Devices."
)

WHERE_TO_LOOK = mark(
    "Think of what you used when a backup was first encrypted: perhaps years ago, on another computer, or an older "
    "passcode. On a Mac, open Keychain Access and search for: iPhone Backup. If the phone was set up from the backup "
    "of another one, that one's password may have come along."
)
RESET = mark(
    "On {phone}, open Settings, General, Transfer or Reset iPhone, Reset, and choose Reset All Settings. Do not choose "
    "Erase. This removes the password, and you can set a new one."
)
RESET_COSTS = mark(
    "It keeps photos, messages, apps and their data. It loses Wi-Fi passwords, the wallpaper, the home screen layout, "
    "cards in Apple Pay, and all choices made in Settings. Some people report that alarms are lost too."
)
AN_HOUR = mark(
    "With Stolen Device Protection, away from home or work, the phone asks for Face ID or Touch ID, lets you wait an "
    "hour, and asks again. Newer iPhones may have it turned on without you having done so. Do it at home."
)
MANAGED = mark("If {phone} belongs to a company or a school, ask there first: encryption may be required.")
OLD_BACKUPS_STAY = mark("Backups that exist stay locked. Only new ones open with the new password.")
ONLY_A_NEW_BACKUP = mark(
    "This backup cannot be opened without it. If you still have the phone it came from, make a new backup: remove the "
    "password on that phone as described here, then choose the phone instead of this backup."
)


def titles_needing_encryption(chosen: Collection[str] | None = None) -> tuple[list[str], list[str]]:
    """The titles of the categories that only an encrypted backup contains, and of those it contains more of.

    `chosen`: the ids to look at; None: all.
    """
    categories = [one for one in load_catalogue().categories if chosen is None or one.id in chosen]
    return (
        [_(one.title) for one in categories if one.encryption == "needed"],
        [_(one.title) for one in categories if one.encryption == "partly"],
    )


def left_behind(chosen: Collection[str] | None = None) -> tuple[str, ...]:
    """Sentences about what an unencrypted backup lacks of `chosen` (ids; None: everything)."""
    whole, partly = titles_needing_encryption(chosen)
    if not whole and not partly:
        return (_("Of your choice, nothing needs an encrypted backup."),)
    sentences = []
    if whole:
        sentences.append(_("Only an encrypted backup contains: {titles}.").format(titles=", ".join(whole)))
    if partly:
        sentences.append(_("Without encryption a part is missing of: {titles}.").format(titles=", ".join(partly)))
    return tuple(sentences)


def unknown_password(phone: str, *, is_backup: bool) -> tuple[str, ...]:
    """What to do when nobody knows the backup password of `phone`. Sources: facts 5.4, 5.5.

    `is_backup`: a backup in a folder was chosen, not a phone.
    """
    head = (_(ONLY_A_NEW_BACKUP),) if is_backup else ()
    steps = (RESET, RESET_COSTS, AN_HOUR, MANAGED)
    tail = () if is_backup else (_(OLD_BACKUPS_STAY),)
    return (_(WHERE_TO_LOOK), *head, *(_(step).format(phone=phone) for step in steps), *tail)


def update_keyring(udid: str, phone: str, password: str, *, can_ask: bool) -> None:
    """Keep a new password in the system's keyring: at once if an older one is there, else if the person agrees."""
    known = from_keyring(udid)
    if known == password:
        return
    if known is None:
        if not can_ask or not has_keyring():
            return
        say()
        say(wrapped(_("This computer's keyring can remember the password. Then migrate does not ask for it here.")))
        with interruptible_prompt():
            answer = ask_line(_("Keep it in the keyring? Type yes or no: ")).strip().lower()
        if answer not in ("y", "yes", _("yes")):
            return
    if store_in_keyring(udid, password):
        say(wrapped(_("The keyring of this computer now has the password of {phone}.").format(phone=phone)))
    elif known is not None:
        text = _("The keyring of this computer still has the old password of {phone}, because it could not be changed.")
        say(wrapped(text.format(phone=phone)))
    else:
        say(wrapped(_("The keyring did not take it. The password is not stored on this computer.")))
