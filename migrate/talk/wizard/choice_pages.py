"""The wizard's pages about the choice: what can move, and what it replaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate.language import _, mark, plural
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    EVERYTHING,
    IN_USE,
    SOME,
    category_entries,
    counterpart_count,
    is_app,
    old_backup_contents,
    owners,
)
from migrate.plan.interview.observations import CategoryEntry, MoveFacts, Question, total_size_bytes
from migrate.plan.interview.pages import too_full_error
from migrate.talk.console import format_file_count, wrapped
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

# -- what ------------------------------------------------------------------------------------------------------------


def what_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    saved, every = old_backup_contents(facts, answers), category_entries(facts, answers)
    error = next((option.refused for option in question.options if option.refused), None)
    apps = sum(is_app(one) and not one.is_empty for one in every)
    everything = _("Everything")
    if saved:
        everything = plural("Everything, {count} app, {size}", "Everything, {count} apps, {size}", apps).format(
            count=apps, size=format_bytes(total_size_bytes(every))
        )
    lines = refusal_lines(error) if error else wrap_paragraphs(_free_space(question))
    lines = (*lines, *_not_all_here(every))
    rows = (
        Row(EVERYTHING, (everything,), refused=_("too much") if error else ""),
        Row(SOME, (_("Let me choose"),)),
    )
    return Page("what", _("What should move?"), lines=lines, rows=rows)


def _not_all_here(every: Sequence[CategoryEntry]) -> tuple[str, ...]:
    """What is only in iCloud, and what belongs to accounts, before anything is chosen."""
    some = [one for one in every if not one.is_empty]
    lines: tuple[str, ...] = ()
    if cloud := notes_listed((one, one.cloud_notes) for one in some):
        lines += ("", _("Not all of it is on this phone:"), *cloud)
    if accounts := notes_listed((one, one.account_notes) for one in some):
        lines += ("", _("Some of it belongs to accounts:"), *accounts)
    return lines


def notes_listed(notes: Iterable[tuple[CategoryEntry, tuple[str, ...]]]) -> tuple[str, ...]:
    return tuple(
        wrapped(f"{one.title}: {note}.", indent="    ", first="  - ") for one, of_one in notes for note in of_one
    )


def _free_space(question: Question) -> str:
    if question.free_bytes is None:
        return ""
    return _("{phone} has {size} free.").format(phone=question.phone, size=format_bytes(question.free_bytes))


def chosen_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    every = category_entries(facts, answers)
    counted = old_backup_contents(facts, answers) is not None
    free = question.free_bytes

    def total(ticked: Sequence[str]) -> str:
        if not counted:
            return _("{count} selected").format(count=len(ticked))
        size = total_size_bytes(one for one in every if one.id in ticked)
        known = {"count": len(ticked), "size": format_bytes(size)}
        if free is None:
            return _("{count} selected, {size}").format(**known)
        known["free"] = format_bytes(free)
        if size > free:
            return _("{count} selected, {size} of {free} free: too much").format(**known)
        return _("{count} selected, {size} of {free} free").format(**known)

    def refusal(ticked: Sequence[str]) -> str:
        error = too_full_error(facts, answers, tuple(ticked))
        return _("Nothing is selected yet.") if not ticked else error.what if error else ""

    rows = tuple(
        Row(
            option.value,
            _cells(option.about, counted),
            group=_("Apps") if is_app(option.about) else "",
            note=_row_note(option.about),
        )
        for option in question.options
        if isinstance(option.about, CategoryEntry)
    )
    in_use = answers.one("new-is") == IN_USE
    lines = wrap_paragraphs(
        _("Each thing you select replaces its counterpart on {phone}.").format(
            phone=question.phone or _("the new phone")
        )
        if in_use
        else _("What you do not select stays on the old phone and in its backup on this computer."),
        _free_space(question),
    )
    return Page(
        "chosen",
        _("What should move?"),
        "many",
        lines=lines,
        rows=rows,
        heads=("", _("items"), _("size"), _("only in iCloud")) if counted else (),
        selected=question.selected,
        warning=_only_in_icloud(every),
        total=total,
        refusal=refusal,
    )


MAX_WARNINGS = 3
"""How many categories with something in iCloud are named below the list; the list itself counts all."""


def _only_in_icloud(every: Sequence[CategoryEntry]) -> str:
    """What is not in the backup: it stays below the list."""
    notes = [f"{one.title}: {'; '.join(one.cloud_notes)}" for one in every if one.cloud_notes and not one.is_empty]
    if not notes:
        return ""
    if more := len(notes) - MAX_WARNINGS:
        notes[MAX_WARNINGS:] = [_("and {count} more").format(count=more)] if more > 0 else []
    return _("Not all of it is on this phone. {notes}.").format(notes=". ".join(notes))


def _row_note(entry: CategoryEntry) -> str:
    """What to know about a category while it is pointed at."""
    notes = "; ".join(entry.account_notes)  # what is in iCloud is named in the warning
    return f"{entry.title}: {notes}." if notes else ""


def _cells(holding: CategoryEntry, counted: bool) -> tuple[str, ...]:
    if not counted:
        return (holding.title,)
    cloud = f"{holding.only_in_icloud:,}" if holding.only_in_icloud else ""
    return holding.title, count_shown(holding), format_bytes(holding.bytes), cloud


def count_shown(holding: CategoryEntry) -> str:
    """`12,402`, `none`, `1 file`; "" where nothing was counted."""
    if holding.count is None:
        return ""
    if holding.items is None:
        return format_file_count(holding.count)
    return f"{holding.count:,}" if holding.count else _("none")


def unreadable_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    saved = old_backup_contents(facts, answers)
    lost = {one: count for one, count in (saved.unreadable if saved else {}).items() if one in owners(facts, answers)}
    titles = {one.id: one.title for one in category_entries(facts, answers)}
    lines = wrap_paragraphs(
        _("{phone} reported a read error, twice, for files that would move:").format(
            phone=question.phone or _("The old phone")
        ),
        *(f"{titles.get(one, one)}: {format_file_count(count)}" for one, count in lost.items()),
        _("Everything else can move. Look for these on the old phone, and keep it."),
    )
    rows = (Row("accept", (_("Yes, move the rest"),)),)
    return Page("unreadable", _("Continue without them?"), lines=lines, rows=rows, preferred="back")


def replace_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    phone = question.phone or _("the new phone")
    if not facts.with_phones:
        lines = wrap_paragraphs(
            _("The new phone may have its own data for what you selected. It is replaced; the two are not merged.")
        )
        rows = (
            Row("replace", (_("Yes, replace it"),)),
            Row("leave", (_("No: stop if the new phone has such data"),)),
        )
        return Page("replace", _("Replace what is there?"), lines=lines, rows=rows)
    shown = [one for one in category_entries(facts, answers) if one.id in owners(facts, answers)]
    pairs = [(one, counterpart_count(facts, answers, one.id)) for one in shown]
    caveats = (_(DESTROYS[one.id]) for one, there in pairs if there and one.id in DESTROYS)
    lines = (
        *wrap_paragraphs(
            _(
                "What you chose replaces its counterpart on {phone}; the two are not merged. Everything else stays."
            ).format(phone=phone)
        ),
        "",
        *(wrapped(describe_replacement(one, there), indent="    ", first="  ") for one, there in pairs),
        "",
        *wrap_paragraphs(*caveats),
        *wrap_paragraphs(
            _("A backup of {phone} is on this computer, so what is replaced is not lost.").format(phone=phone)
        ),
    )
    return Page(
        "replace",
        _("Replace what is there?"),
        lines=lines,
        rows=tuple(Row(option.value, (_(REPLACE_LABELS[option.value]),)) for option in question.options),
    )


DESTROYS = {
    "photos": mark("Photos replaces the whole library of the new phone, including its albums and edits."),
    "health": mark("Health replaces all Health data of the new phone."),
}
"""What replacing a category removes beyond what was counted: each of these is one database."""
REPLACE_LABELS = {
    "replace": mark("Yes, replace it"),
    "leave": mark("No: move only what the new phone does not have"),
}


def describe_replacement(holding: CategoryEntry, there: int) -> str:
    """`Messages: 12,402 replace 31`."""
    known = {"title": holding.title, "count": count_shown(holding) or _("all"), "there": there}
    if holding.items == 0:
        if there:
            return _("{title}: the old phone has none, but the {there:,} on the new phone would be deleted").format(
                **known
            )
        return _("{title}: the old phone has none").format(**known)
    if there:
        return _("{title}: {count} replace {there:,}").format(**known)
    return _("{title}: {count}; the new phone has none").format(**known)
