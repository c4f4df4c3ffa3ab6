"""The text of the wizard's pages, for a person who has never opened a terminal before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from migrate.language import _, mark
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    CONTINUE,
    ERASED,
    FOLDER,
    IN_USE,
    LATER,
    START_OVER,
)
from migrate.plan.interview.observations import (
    AGAIN,
    BACK,
    CHANGE,
    DROP,
    GO_ON,
    ExistingBackup,
    MoveFacts,
    Phone,
    Question,
    UnfinishedRun,
    new_udid,
)
from migrate.plan.interview.questions import step_of
from migrate.problems import MENU, MigrateError
from migrate.talk import step_texts
from migrate.talk.console import is_plain
from migrate.talk.wizard import choice_pages, encryption_pages, summary
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

PageBuilder = Callable[[Question, MoveFacts, Answers], Page]

WELCOME = (
    mark(
        "This moves what you choose from your old iPhone to your new one, and proves what arrived. It does not change "
        "the data on the old phone. It changes the new phone only after you type yes, at the end."
    ),
    mark("Choose with the arrow keys or a number, then press Enter. Ctrl-C stops at any time: your answers are kept."),
)
WELCOME_PLAIN = (
    WELCOME[0],
    mark("Type the number in front of an answer, then press Enter. Ctrl-C stops at any time: your answers are kept."),
)


def welcome() -> tuple[str, ...]:
    """The paragraphs before the first page."""
    return tuple(map(_, WELCOME_PLAIN if is_plain() else WELCOME))


def question_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    """The page for a question, with its place in the interview and the answer that was given to it before."""
    page = PAGES[question.name](question, facts, answers)
    before = facts.remembered.one(page.name)
    known = page.kind == "one" and before in question.allowed_values and page.preferred != BACK
    return replace(page, step=step_of(facts, answers, page.name), preferred=before if known else page.preferred)


def error_page(error: MigrateError, *, can_change: bool = True, can_use_untested: bool = False) -> Page:
    """An error, and the ways to continue."""
    insist = (Row("insist", (_("It was changed since the last backup; type it again"),)),) if can_use_untested else ()
    change = (Row("change", (_(MENU["change_answer"]),)),) if can_change else ()
    rows = (Row("again", (_(MENU["try_again"]),)), *insist, *change, Row("stop", (_(MENU["stop_here"]),)))
    return Page("refused", _("What now?"), lines=refusal_lines(error), rows=rows, back_label=None)


# -- unfinished moves ------------------------------------------------------------------------------------------------


def _start(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    runs = [(one.value, one.about) for one in question.options if isinstance(one.about, UnfinishedRun)]
    names = [_called(run) for _value, run in runs]
    rows = [
        Row(value, (name if names.count(name) == 1 else f"{name}: {run.id}",))
        for name, (value, run) in zip(names, runs, strict=True)
    ]
    if CONTINUE in question.allowed_values:
        rows.append(Row(CONTINUE, (_("Continue choosing, with my answers so far"),)))
    rows.append(Row(START_OVER, (_("Start a new move"),)))
    lines = wrap_paragraphs(_("An earlier move was not finished. Everything that was done is kept."))
    return Page("start", _("Continue where you stopped?"), lines=lines, rows=tuple(rows), back_label=None)


def _called(run: UnfinishedRun) -> str:
    old, new = run.old or _("the old phone"), run.new or _("the new phone")
    if run.is_undo:
        return _("Undo: {new} as it was").format(new=new)
    return _("{old} to {new}").format(old=old, new=new)


def _stopped_at(run: UnfinishedRun) -> str:
    return step_texts.step_started(run.step) if run.step else _("not started")


def _unfinished(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    run = question.options[0].about
    assert isinstance(run, UnfinishedRun)
    lines = [
        _("{move}. It stopped at: {step}.").format(move=_called(run), step=_stopped_at(run)),
        _("Data may have been sent to the new phone already, so what moves cannot change any more.")
        if run.is_sent
        else _(
            "Nothing was sent to the new phone yet. If you change what moves, only what is new since then is backed up "
            "again."
        ),
    ]
    labels = {
        GO_ON: _("Go on where it stopped"),
        CHANGE: _("Change what moves"),
        DROP: _("Drop it"),
    }
    rows = tuple(Row(option.value, (labels[option.value],)) for option in question.options)
    return Page(question.name, _("What should happen with it?"), lines=wrap_paragraphs(*lines), rows=rows)


def _drop(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    run = question.options[0].about
    assert isinstance(run, UnfinishedRun)
    lines = [_("This deletes what is stored about this move: {move}.").format(move=_called(run))]
    if run.is_sent:
        lines.append(_("It cannot be finished, proven or undone after that. What is on the phones stays as it is."))
    else:
        lines.append(_("No phone is changed. The backups of the phones on this computer stay."))
    rows = (Row(DROP, (_("Yes, drop it"),)),)
    page = Page(question.name, _("Drop this move?"), lines=wrap_paragraphs(*lines), rows=rows, preferred=BACK)
    return replace(page, back_label=_("No, go back"))


# -- who -------------------------------------------------------------------------------------------------------------


def _old(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = [_("The old phone is the one whose data should move. Its data is read, not changed.")]
    if not facts.connected:
        lines.append(
            _("No phone is connected. Connect it with its cable and unlock it, then type l to look again.")
            if is_plain()
            else _("No phone is connected. Connect it with its cable and unlock it; it then appears here.")
        )
        if facts.no_muxer is not None:
            lines += [facts.no_muxer.render(sentence, in_wizard=True) for sentence in ("what", "next")]
    again = [Row(AGAIN, (_(MENU["try_again"]),))] if facts.no_muxer is not None else []
    rows = [*again, *_phones(question), *_backups(question), Row(FOLDER, (_("A backup in another folder"),))]
    back_label = _("Back") if "start" in answers else None
    return Page(
        "old",
        _("Which is the old phone?"),
        lines=wrap_paragraphs(*lines),
        rows=tuple(rows),
        back_label=back_label,
        is_live=True,
    )


def _folder(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = wrap_paragraphs(
        _("Enter the folder that holds Manifest.db, or the one around it. You can drag it into this window.")
    )
    return Page("folder", _("Which folder? (empty: back)"), "path", lines=lines)


def _new(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = [_("The new phone gets what you choose. One cable is enough: you can connect it when it is needed.")]
    if len(question.options) == 1:
        lines.append(
            _("No other phone is connected. You can connect it now, then type l to look again.")
            if is_plain()
            else _("No other phone is connected. You can connect it now; it then appears here.")
        )
    rows = (*_phones(question), Row(LATER, (_("It is not connected; I will connect it later"),)))
    return Page("new", _("Which is the new phone?"), lines=wrap_paragraphs(*lines), rows=rows, is_live=True)


def _phones(question: Question) -> list[Row]:
    """Each phone by the name its owner gave it, and what distinguishes it from others."""
    return [
        Row(one.value, (one.about.name_or_model, _known(one.about)))
        for one in question.options
        if isinstance(one.about, Phone)
    ]


def _known(phone: Phone) -> str:
    """`iPhone 12, iOS 18.5, 58.9 GB free`, as far as it is known."""
    about = [phone.model_name, f"iOS {phone.ios_version}" if phone.ios_version else None]
    free = None if phone.free_bytes is None else _("{size} free").format(size=format_bytes(phone.free_bytes))
    about.append(free)
    return ", ".join(word for word in about if word) or phone.udid


def _backups(question: Question) -> list[Row]:
    return [
        Row(
            one.value,
            (_("Backup of {name}").format(name=one.about.name), _backup_label(one.about)),
            refused=_("too old") if one.refused else "",
        )
        for one in question.options
        if isinstance(one.about, ExistingBackup)
    ]


def _backup_label(backup: ExistingBackup) -> str:
    """`2026-03-01, iOS 18.5, Finder's`."""
    about = (backup.backed_up_on, f"iOS {backup.ios_version or '?'}", backup.program)
    return ", ".join(word for word in about if word)


def _version(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = (
        *(line for problem in question.obstacles for line in refusal_lines(problem)),
        "",
        *wrap_paragraphs(_("Nothing was backed up or changed. You can stop here with Ctrl-C: your answers are kept.")),
    )
    rows = (Row(AGAIN, (_("Try again, once it is updated and connected"),)),)
    title = _("This move is not possible yet")
    return Page(
        question.name, title, lines=lines, rows=rows, back_label=_("Back, to choose other phones"), is_live=True
    )


def _space(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines: tuple[str, ...] = ()
    for problem in question.obstacles:
        lines = (*lines, *refusal_lines(problem), "")
    rows = [Row(AGAIN, (_("Look again"),))]
    if GO_ON in question.allowed_values:
        rows.append(Row(GO_ON, (_("Go on all the same; nothing is changed yet"),)))
    title = _("There may be too little space") if len(rows) > 1 else _("There is too little space")
    return Page(question.name, title, lines=lines, rows=tuple(rows), is_live=True)


def _new_is(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    lines = [
        _(
            "New or erased: it becomes your old phone, with everything or with what you choose. What is on it now is "
            "lost."
        ),
        _(
            "In use: it keeps its data, and each thing you choose replaces its counterpart. For that it is backed up, "
            "and that backup is restored to it with your choice in it. Passwords, accounts and Wallet cannot move."
        ),
    ]
    rows = (
        Row(ERASED, (_("New or erased: it becomes my old phone"),)),
        Row(IN_USE, (_("In use: only some things move to it"),)),
    )
    title = _("What is {phone} now?").format(phone=question.phone or _("the new phone"))
    return Page("new-is", title, lines=wrap_paragraphs(*lines), rows=rows, back_label=_back(facts))


def _back(facts: MoveFacts) -> str | None:
    return _("Back") if facts.with_phones else None


def _wipe(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    signs = _(" and ").join(facts.signs_of_use.get(new_udid(facts, answers) or "", ()))
    lines = wrap_paragraphs(
        _("{phone} does not look erased: it holds {signs}.").format(phone=question.phone, signs=signs),
        _("The move would delete everything on it, and it is not backed up first. Is it the right phone?"),
    )
    rows = (Row("wipe", (_("Yes, delete everything that is on it now"),)),)
    return Page("wipe", _("Empty it?"), lines=lines, rows=rows, back_label=_("No, go back"), preferred="back")


PAGES: dict[str, PageBuilder] = {
    "start": _start,
    "unfinished": _unfinished,
    "drop": _drop,
    "old": _old,
    "folder": _folder,
    "new": _new,
    "version": _version,
    "new-is": _new_is,
    "wipe": _wipe,
    "space": _space,
    "encryption": encryption_pages.encryption_page,
    "chosen-password": encryption_pages.chosen_password_page,
    "old-password": encryption_pages.old_password_page,
    "what": choice_pages.what_page,
    "chosen": choice_pages.chosen_page,
    "unreadable": choice_pages.unreadable_page,
    "new-password": encryption_pages.new_password_page,
    "replace": choice_pages.replace_page,
    "summary": summary.summary_page,
}
