"""What to do on the new phone before its restore, one page per state, and on its setup screens afterwards.

Which screen a phone shows cannot be read (facts 4.10), so the pages describe screens and promise nothing about them.
Names of screens are *reported*; that a phone at "Transfer Your Apps & Data" takes a restore from us is *guessed*.
"""

from __future__ import annotations

from typing import Literal

from migrate.language import _, mark
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import ERASED
from migrate.plan.interview.observations import MoveFacts, Phone, new_udid, old_phone_key
from migrate.plan.strategy import refuse_newer_backup
from migrate.problems import BackupNewerThanPhone
from migrate.talk.console import wrapped
from migrate.talk.step_texts import STEPS_AFTER_RESTORE, STEPS_BEFORE_RESTORE
from migrate.talk.wizard.page import Page, Row, wrap_paragraphs

PhoneState = Literal["hello", "in-setup", "partly", "set-up", "ios-too-old"]
LOOK, GO_ON = "look", "go-on"
RESTORED = "RestoredFromiTunesBackup"
"""SetupState of a phone that was restored by a computer (*reported*, facts 4.8)."""

BEFORE_RESTORE: tuple[str, ...] = (
    mark("Swipe up on Hello. Choose a language and a country."),
    mark("If it offers to be set up from another iPhone, choose Set Up Without Another Device."),
    mark("Choose your Wi-Fi and enter its password. With it the phone activates itself."),
    mark("Stop at the screen Transfer Your Apps & Data (older iPhones: Apps & Data). Choose nothing there."),
    mark("Do not sign in to your Apple Account yet. That would turn on Find My, and then a restore is refused."),
)
AFTER_RESTORE: tuple[str, ...] = (
    mark("Swipe up, or tap Continue, until its setup begins. Choose Wi-Fi if it asks."),
    mark("If it offers to be set up from another iPhone, choose Set Up Without Another Device."),
    mark("If it says iPhone Partially Set Up, choose Continue with Partial Setup."),
    mark(
        "If it asks where to transfer data from, choose Don't Transfer: the data is already on it. A restore from "
        "iCloud there would replace it."
    ),
    mark("Sign in to your Apple Account, if you have one, and choose a passcode. Apps and iCloud need the account."),
    mark("Continue until you see the home screen. Apps are installed from the App Store over the next hours."),
)
"""*Reported* for partial restores, and likely for others (facts 4.10); so each is said with "if"."""


def setup_steps(step: str) -> tuple[str, ...]:
    """What to do on the phone when a run in `step` waits for its setup; () where one sentence says it."""
    if step in STEPS_BEFORE_RESTORE:
        return BEFORE_RESTORE
    return AFTER_RESTORE if step in STEPS_AFTER_RESTORE else ()


def state_of(phone: Phone, backup_ios_version: str | None) -> PhoneState | None:
    """The state of the new phone as lockdown tells it; None if it does not tell enough."""
    try:
        refuse_newer_backup(backup_ios_version, phone.ios_version, phone=phone.name_or_model)
    except BackupNewerThanPhone:
        return "ios-too-old"
    if phone.activation == "Unactivated":
        return "hello"
    if phone.setup_finished is False:
        return "partly" if phone.setup_state == RESTORED else "in-setup"
    return "set-up" if phone.setup_finished else None


def page_before_restore(facts: MoveFacts, answers: Answers) -> Page | None:
    """The page about the new phone, to be shown once it is known that it is to be erased or new; None: nothing to say.
    A page without rows only informs: there is nothing to do on the phone.

    A phone that will be connected later is told what to do when it is met.
    """
    phone = facts.phone(new_udid(facts, answers))
    if phone is None or not phone.connected or answers.one("new-is") != ERASED:
        return None
    old_ios_version = _old_ios_version(facts, answers)
    state = state_of(phone, old_ios_version)
    if state is None:
        return None
    name = phone.name_or_model
    rows = [Row(GO_ON, (_("Continue"),)), Row(LOOK, (_("Look at {phone} again").format(phone=name),))]
    match state:
        case "hello":
            title, lines = _("{phone} is not activated yet"), (*_hello(name), *_numbered(BEFORE_RESTORE))
        case "in-setup":
            title, lines = (
                _("{phone} is in its setup"),
                (*_in_setup(name), *_numbered(BEFORE_RESTORE[3:]), *_if_not(name)),
            )
        case "partly":
            title, lines = _("{phone} was restored, and its setup is not finished"), _partly(name)
        case "set-up":
            title, lines, rows = _("{phone} is set up already"), _set_up(name), []
        case "ios-too-old":
            title = _("{phone} needs a newer iOS first")
            lines = _too_old(
                name, str(phone.ios_version), str(old_ios_version), in_setup=phone.setup_finished is not True
            )
            rows = rows[1:]
    return Page("hello", title.format(phone=name), lines=lines, rows=tuple(rows))


def _old_ios_version(facts: MoveFacts, answers: Answers) -> str | None:
    key = old_phone_key(answers)
    contents, phone = facts.backup_contents.get(key or ""), facts.phone(key)
    backup = next((one for one in facts.backups if one.folder == key), None)
    return contents.ios_version if contents else phone.ios_version if phone else backup.ios_version if backup else None


def _numbered(steps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(wrapped(_(step), indent="     ", first=f"  {number}. ") for number, step in enumerate(steps, 1))


def _hello(phone: str) -> tuple[str, ...]:
    return wrap_paragraphs(
        _("A phone takes data from a computer only when it is activated. You can do this while the backup runs."),
        _("On {phone}, whose screens can be named a little differently:").format(phone=phone),
    )


def _in_setup(phone: str) -> tuple[str, ...]:
    return wrap_paragraphs(
        _("{phone} is activated. This computer cannot see which screen it shows, so please look:").format(phone=phone)
    )


def _if_not(phone: str) -> tuple[str, ...]:
    return wrap_paragraphs(
        _(
            "If {phone} refuses the restore there, it wants its setup finished first. migrate then says so before "
            "anything is changed: choose Don't Transfer, go on to the home screen, and try again."
        ).format(phone=phone)
    )


def _partly(phone: str) -> tuple[str, ...]:
    return (
        *wrap_paragraphs(
            _("A computer restored {phone} before. While its setup runs it may refuse to be restored again.").format(
                phone=phone
            ),
            _("Finish its setup first. What is on it now is replaced in this move:"),
        ),
        *_numbered(AFTER_RESTORE[:4]),
        *wrap_paragraphs(_("Without signing in Find My stays off, and a restore needs that.")),
    )


def _set_up(phone: str) -> tuple[str, ...]:
    return wrap_paragraphs(
        _("That is no obstacle: {phone} does not have to be erased first. All that is on it is replaced.").format(
            phone=phone
        ),
        _("If you have signed in, Find My is probably on. You are asked to turn it off before the restore."),
        _("Its setup runs again afterwards. Finish it then: a phone can only be compared once it is set up."),
    )


def _too_old(phone: str, ios_version: str, old_ios_version: str, *, in_setup: bool) -> tuple[str, ...]:
    steps = [_("Update it in Settings, General, Software Update, or with Finder or Apple Devices on a computer.")]
    if in_setup:
        steps.insert(
            0, _("In its setup choose Don't Transfer, and go on to the home screen. It may offer the update by then.")
        )
    return wrap_paragraphs(
        _("{phone} has iOS {ios_version}, and the data comes from iOS {old_ios_version}.").format(
            phone=phone, ios_version=ios_version, old_ios_version=old_ios_version
        ),
        _("An iPhone accepts data only from its own iOS version or an older one, so it would refuse."),
        *steps,
    )
