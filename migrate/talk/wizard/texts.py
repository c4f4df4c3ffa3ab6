"""What the wizard says: the words of every page, for a person who has never opened a terminal before today."""

from __future__ import annotations

from collections.abc import Callable

from migrate.categories.catalogue import load_catalogue
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import ExistingBackup, MoveFacts, Phone, Question, UnfinishedRun, new_udid
from migrate.plan.interview.pages import (
    CONTINUE,
    ERASED,
    FOLDER,
    IN_USE,
    LATER,
    START_OVER,
)
from migrate.problems import MigrateError, StrategyRefused
from migrate.talk import step_texts as sentences
from migrate.talk.console import format_problem, is_plain
from migrate.talk.wizard import choice_pages as wizard_choice
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

Words = Callable[[Question, MoveFacts, Answers], Page]

WELCOME = (
    "This moves what you choose from your old iPhone to your new one, and proves what arrived. The data of the "
    "old phone is not touched, and that of the new one not before you type yes to it, at the end.",
    "Choose with the arrow keys or a number, then press Enter. Ctrl-C stops at any time: your answers are kept.",
)
WELCOME_PLAIN = (
    WELCOME[0],
    "Type the number in front of an answer, then press Enter. Ctrl-C stops at any time: your answers are kept.",
)


def question_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    """The page for a question."""
    return PAGES[question.name](question, facts, answers)


def error_page(error: MigrateError, *, can_change: bool = True, can_use_untested: bool = False) -> Page:
    """An error, and the ways to go on."""
    insist = (Row("insist", ("It was changed since the last save; let me type it",)),) if can_use_untested else ()
    change = (Row("change", ("Change an answer",)),) if can_change else ()
    rows = (Row("again", ("Try again",)), *insist, *change, Row("stop", ("Stop here; go on another time",)))
    return Page("refused", "What now?", lines=refusal_lines(error), rows=rows, back_label=None)


# -- who -------------------------------------------------------------------------------------------------------------


def _start(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    runs = [(one.value, one.about) for one in question.options if isinstance(one.about, UnfinishedRun)]
    rows = [Row(value, (_run_called(run),)) for value, run in runs]
    if CONTINUE in question.allowed_values:
        rows.append(Row(CONTINUE, ("Go on choosing, with my answers so far",)))
    rows.append(Row(START_OVER, ("Start afresh",)))
    lines = wrap_paragraphs("You have been here before, and whatever was finished is kept.")
    return Page("start", "Go on where you stopped?", lines=lines, rows=tuple(rows), back_label=None)


def _run_called(run: UnfinishedRun) -> str:
    where = sentences.step_started(run.step).lower() if run.step else "before it began"
    between = f"{run.old or 'the old phone'} to {run.new or 'the new phone'}"
    return f"Go on: {between} ({where})"


def _old(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = ["The old phone is the one whose data should move. That data is read, not changed."]
    if not facts.connected:
        lines.append(f"No phone is connected. Connect it with its cable and unlock it: {_appears()}.")
        if facts.no_muxer is not None:
            lines += [facts.no_muxer.what, facts.no_muxer.next]
    rows = [*_phones(question), *_backups(question), Row(FOLDER, ("A backup in another folder",))]
    back_label = "Back" if "start" in answers else None
    return Page(
        "old",
        "Which is the old phone?",
        lines=wrap_paragraphs(*lines),
        rows=tuple(rows),
        back_label=back_label,
        is_live=True,
    )


def _appears() -> str:
    return "then type l, to look again" if is_plain() else "it appears here by itself"


def _folder(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = wrap_paragraphs(
        "The folder that holds Manifest.db, or the one around it. You can drag it into this window."
    )
    return Page("folder", "Which folder? (empty: back)", "path", lines=lines)


def _new(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = ["The new phone gets what you choose. One cable is enough: it can be connected when its turn comes."]
    if len(question.options) == 1:
        lines.append(f"No other phone is connected. You may connect it now: {_appears()}.")
    rows = (*_phones(question), Row(LATER, ("It is not connected; I connect it later",)))
    return Page("new", "Which is the new phone?", lines=wrap_paragraphs(*lines), rows=rows, is_live=True)


def _phones(question: Question) -> list[Row]:
    """Each phone by the name its owner gave it, and what tells it from another."""
    return [
        Row(one.value, (one.about.name_or_model, _known(one.about)))
        for one in question.options
        if isinstance(one.about, Phone)
    ]


def _known(phone: Phone) -> str:
    """`iPhone 12, iOS 18.5, 58.9 GB free`, as far as it tells."""
    about = [phone.model_name, f"iOS {phone.ios_version}" if phone.ios_version else None]
    about.append(f"{format_bytes(phone.free_bytes)} free" if phone.free_bytes is not None else None)
    return ", ".join(word for word in about if word) or phone.udid


def _backups(question: Question) -> list[Row]:
    return [
        Row(
            one.value,
            (f"Backup of {one.about.name}", _backup_label(one.about)),
            refused="too old" if one.refused else "",
        )
        for one in question.options
        if isinstance(one.about, ExistingBackup)
    ]


def _backup_label(backup: ExistingBackup) -> str:
    """`2026-03-01, iOS 18.5, Finder's`."""
    about = (backup.backed_up_on, f"iOS {backup.ios_version or '?'}", backup.program)
    return ", ".join(word for word in about if word)


def _new_is(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = [
        "New or erased: it becomes your old phone, with everything or with what you choose. What is on it now is lost.",
        "In use: it stays as it is, and each thing you choose replaces its counterpart there. Passwords cannot move.",
    ]
    error = next((option.refused for option in question.options if option.refused), None)
    rows = (
        Row(ERASED, ("New or erased: it becomes my old phone",)),
        Row(IN_USE, ("In use: only some things move to it",), refused="not with its iOS" if error else ""),
    )
    shown = wrap_paragraphs(*lines) + (("", *_not_while_in_use(error)) if error else ())
    return Page(
        "new-is", f"What is {question.phone or 'the new phone'} now?", lines=shown, rows=rows, back_label=_back(facts)
    )


def _not_while_in_use(error: MigrateError) -> tuple[str, ...]:
    """Why, and what can be done about it here: the way round it is a word in a plan, not an answer."""
    if not isinstance(error, StrategyRefused):
        return refusal_lines(error)
    then = (
        "If nothing on it is worth keeping: on the phone, Settings, General, Transfer or Reset, Erase All Content and "
        "Settings; then it is an erased one. Else leave it as it is."
    )
    return tuple(format_problem(error.what, error.why, then))


def _back(facts: MoveFacts) -> str | None:
    return "Back" if facts.with_phones else None


def _wipe(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    signs = " and ".join(facts.signs_of_use.get(new_udid(facts, answers) or "", ()))
    lines = wrap_paragraphs(
        f"{question.phone} does not look erased: it holds {signs}.",
        "To make it your old phone, all that is on it must go; it is not saved first. Is it the right phone?",
    )
    rows = (Row("wipe", ("Yes: everything that is on it now may go",)),)
    return Page("wipe", "Empty it?", lines=lines, rows=rows, back_label="No, go back", preferred="back")


# -- how -------------------------------------------------------------------------------------------------------------


def _encryption(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    only = [category.title for category in load_catalogue().categories if category.needs_encryption]
    lines = wrap_paragraphs(
        f"{question.phone or 'An iPhone'} puts these only into encrypted backups: {', '.join(only)}.",
        "Encryption also keeps the copy on this computer from other eyes. You choose its password; the phone keeps it "
        "until you change it, so write it down.",
    )
    rows = (
        Row("on", ("Yes, with a password that I choose now",)),
        Row("off", ("No; what is listed above stays behind",)),
    )
    return Page("encryption", "Encrypt the backup?", lines=lines, rows=rows)


def _chosen_password(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = wrap_paragraphs(
        f"A new password for the backups of {question.phone}. It is not your passcode, nor the Apple Account's.",
        f"What you type is hidden. Later {question.phone} asks you for its passcode, on its own screen.",
    )
    return Page("chosen-password", "New backup password (empty: back)", "new-secret", lines=lines)


def _old_password(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = wrap_paragraphs(
        f"The backups of {question.phone or 'this phone'} are encrypted already. What is their password?",
        "It was chosen in Finder, iTunes or a program like this one. If nobody knows it: on the phone, Settings, "
        "General, Transfer or Reset, Reset, Reset All Settings removes it, and no data. Then begin again.",
    )
    return Page("old-password", "Backup password (empty: back)", "secret", lines=lines)


def _new_password(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = wrap_paragraphs(
        f"{question.phone} is saved too before it is changed, and its backups are encrypted. What is their password?",
        "It can be another one than the old phone's. If migrate turned it on, it is the old phone's.",
    )
    return Page("new-password", "Backup password (empty: back)", "secret", lines=lines)


PAGES: dict[str, Words] = {
    "start": _start,
    "old": _old,
    "folder": _folder,
    "new": _new,
    "new-is": _new_is,
    "wipe": _wipe,
    "encryption": _encryption,
    "chosen-password": _chosen_password,
    "old-password": _old_password,
    "what": wizard_choice.what_page,
    "chosen": wizard_choice.chosen_page,
    "unreadable": wizard_choice.unreadable_page,
    "new-password": _new_password,
    "replace": wizard_choice.replace_page,
    "summary": wizard_choice.summary_page,
}
