"""The wizard's pages about encrypted backups and their passwords, and what to do when nobody knows one."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.categories.catalogue import load_catalogue
from migrate.language import _
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import EVERYTHING, refused_in_use
from migrate.plan.interview.observations import BACK, MoveFacts, Question, old_folder
from migrate.talk.encryption_coach import CANNOT_BE_RECOVERED, NEITHER_PASSCODE, left_behind, unknown_password
from migrate.talk.wizard.page import CHANGED, Changes, Page, PageAnswer, Row, Widgets, wrap_paragraphs

TYPE_IT, UNKNOWN, LOOK_AGAIN = "type", "unknown", "look-again"
KEEP, DO_NOT_KEEP = "keep", "do-not-keep"


@dataclass(frozen=True)
class PasswordPage(Page):
    """A page that asks for a password that exists. `phone` has it; `is_backup`: a backup in a folder does."""

    phone: str = ""
    is_backup: bool = False


def encryption_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    """Whether to encrypt, with what stays behind otherwise."""
    known = _("The backups of {phone} are not encrypted.").format(phone=question.phone) if question.phone else ""
    lines = wrap_paragraphs(
        known,
        *left_behind(considered_categories(facts, answers)),
        _("Encryption also keeps others from reading the backup on this computer."),
    )
    allowed = question.allowed_values
    rows = (
        Row("on", (_("Yes, with a password that I choose now"),)),
        Row("off", (_("No; what is listed above does not move"),)),
    )
    if "off" not in allowed:
        lines += wrap_paragraphs(_("A phone in use gets its own backup back, and needs an encrypted one for that."))
    shown = tuple(row for row in rows if row.value in allowed)
    return Page("encryption", _("Encrypt the backup?"), lines=lines, rows=shown)


def considered_categories(facts: MoveFacts, answers: Answers) -> frozenset[str]:
    """The categories that are chosen, or can still be: a phone in use does not take all of them."""
    ids = frozenset(load_catalogue().ids) - refused_in_use(facts, answers)
    chosen = answers.many("chosen")
    return ids & frozenset(chosen) if chosen and answers.one("what") != EVERYTHING else ids


def chosen_password_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    phone = question.phone or _("the iPhone")
    lines = wrap_paragraphs(
        _(NEITHER_PASSCODE),
        _(CANNOT_BE_RECOVERED),
        _(
            "What you type is hidden. Then {phone} asks for its passcode on its own screen: once to set the password, "
            "and once to test it."
        ).format(phone=phone),
    )
    return Page("chosen-password", _("New backup password (empty: back)"), "new-secret", lines=lines)


def old_password_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    phone = question.phone or _("this phone")
    lines = wrap_paragraphs(
        _("The backups of {phone} are already encrypted. What is their password?").format(phone=phone),
        _(
            "It was chosen in Finder, iTunes or a program like this one. If nobody knows it, leave it empty and press "
            "Enter."
        ),
    )
    return PasswordPage(
        "old-password",
        _("Backup password (empty: back)"),
        "secret",
        lines=lines,
        phone=phone,
        is_backup=old_folder(facts, answers) is not None,
    )


def new_password_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    phone = question.phone or _("the new phone")
    lines = wrap_paragraphs(
        _(
            "{phone} is backed up too before it is changed, and its backups are encrypted. What is their password?"
        ).format(phone=phone),
        _("It can differ from the old phone's. If migrate turned encryption on, it is the same as the old phone's."),
        _("If nobody knows it, leave it empty and press Enter."),
    )
    return PasswordPage("new-password", _("Backup password (empty: back)"), "secret", lines=lines, phone=phone)


def empty_password_page(page: PasswordPage) -> Page:
    rows = (
        Row(TYPE_IT, (_("Type the password"),)),
        Row(UNKNOWN, (_("Nobody knows it: what can I do?"),)),
    )
    return Page("no-password", _("No password was typed"), rows=rows)


def unknown_password_page(page: PasswordPage) -> Page:
    """What a lost password means, what removes it from the phone, and what that costs."""
    rows = [Row(TYPE_IT, (_("I have found it: type it"),))]
    if not page.is_backup:
        rows.append(Row(LOOK_AGAIN, (_("I have reset the settings: look at {phone} again").format(phone=page.phone),)))
    lines = wrap_paragraphs(
        _("A backup password cannot be recovered: not by Apple, not by this program, by nobody."),
        *unknown_password(page.phone, is_backup=page.is_backup),
    )
    return Page("unknown-password", _("When nobody knows the backup password"), lines=lines, rows=tuple(rows))


def keyring_page(phone: str) -> Page:
    lines = wrap_paragraphs(
        _("This computer's keyring can remember the password. Then migrate does not ask for it here."),
        _("Write it down all the same: a keyring is lost with its computer."),
    )
    rows = (Row(KEEP, (_("Yes, keep it in the keyring"),)), Row(DO_NOT_KEEP, (_("No"),)))
    title = _("Remember the backup password of {phone}?").format(phone=phone)
    return Page("keyring", title, lines=lines, rows=rows, back_label=None)


def with_password_help(ask: Widgets) -> Widgets:
    """`ask`, which offers help where a password that exists is left empty."""

    async def asking(page: Page, changes: Changes | None = None) -> PageAnswer:
        while True:
            answer = await ask(page, changes)
            if answer != BACK or not isinstance(page, PasswordPage):
                return answer
            chosen = await ask(empty_password_page(page))
            if chosen == UNKNOWN:
                chosen = await ask(unknown_password_page(page))
                if chosen == LOOK_AGAIN:
                    return CHANGED
                if chosen == BACK:
                    chosen = TYPE_IT
            if chosen != TYPE_IT:
                return BACK

    return asking
