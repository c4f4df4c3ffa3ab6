"""What the wizard says of the choice: what there is to move, what it would replace, and what was agreed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import CategoryEntry, MoveFacts, Question, new_udid, total_size_bytes
from migrate.plan.interview.pages import (
    ALL_APPS,
    ERASED,
    EVERYTHING,
    IN_USE,
    SOME,
    category_entries,
    counterpart_count,
    is_app,
    is_encrypted,
    old_backup_contents,
    owners,
    too_full_error,
)
from migrate.talk.console import format_findings, wrapped
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

CANNOT_MOVE = (
    "No backup holds payment cards, eSIMs, photos and files that are only in iCloud, mail, or the apps themselves "
    "(they are installed again). Some apps keep their data out of backups (Signal, most banks): use their own way."
)


# -- what ------------------------------------------------------------------------------------------------------------


def what_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    saved, every = old_backup_contents(facts, answers), category_entries(facts, answers)
    error = next((option.refused for option in question.options if option.refused), None)
    apps = sum(is_app(one) and not one.is_empty for one in every)
    amount = f", {apps} app{'' if apps == 1 else 's'}, {format_bytes(total_size_bytes(every))}" if saved else ""
    lines = refusal_lines(error) if error else wrap_paragraphs(_room(question))
    lines = (*lines, *_not_all_here(every))
    rows = (
        Row(EVERYTHING, (f"Everything{amount}",), refused="too much" if error else ""),
        Row(SOME, ("Let me choose",)),
    )
    return Page("what", "What should move?", lines=lines, rows=rows)


def _not_all_here(every: Sequence[CategoryEntry]) -> tuple[str, ...]:
    """What this phone only mentions, before anything is chosen."""
    notes = cloud_notes(one for one in every if not one.is_empty)
    return ("", "Not all of it is on this phone:", *notes) if notes else ()


def cloud_notes(every: Iterable[CategoryEntry]) -> tuple[str, ...]:
    """What of these is only in iCloud, or bound to an account."""
    return tuple(
        wrapped(f"{one.title}: {note}.", indent="    ", first="  - ") for one in every for note in one.cloud_notes
    )


def _room(question: Question) -> str:
    if question.free_bytes is None:
        return ""
    return f"{question.phone} has {format_bytes(question.free_bytes)} free."


def chosen_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    every = category_entries(facts, answers)
    counted = old_backup_contents(facts, answers) is not None

    def total(ticked: Sequence[str]) -> str:
        size = total_size_bytes(one for one in every if one.id in ticked)
        if not counted:
            return f"{len(ticked)} ticked"
        room = "" if question.free_bytes is None else f" of {format_bytes(question.free_bytes)} free"
        over = "" if question.free_bytes is None or size <= question.free_bytes else ": too much"
        return f"{len(ticked)} ticked, {format_bytes(size)}{room}{over}"

    def refusal(ticked: Sequence[str]) -> str:
        error = too_full_error(facts, answers, tuple(ticked))
        return "Nothing is ticked yet." if not ticked else error.what if error else ""

    rows = tuple(
        Row(option.value, _cells(option.about, counted), group="Apps" if is_app(option.about) else "")
        for option in question.options
        if isinstance(option.about, CategoryEntry)
    )
    lines = wrap_paragraphs(
        f"Each thing you tick replaces its counterpart on {question.phone or 'the new phone'}."
        if answers.one("new-is") == IN_USE
        else "What is not ticked stays behind, on the old phone and in its backup here.",
        _room(question),
    )
    if answers.one("new-is") == IN_USE:  # else the page before has said it
        lines = (*lines, *_not_all_here(every), "")
    return Page("chosen", "What should move?", "many", lines=lines, rows=rows, total=total, refusal=refusal)


def _cells(holding: CategoryEntry, counted: bool) -> tuple[str, ...]:
    if not counted:
        return (holding.title,)
    return holding.title, _counted(holding), format_bytes(holding.bytes)


def _counted(holding: CategoryEntry) -> str:
    """`12,402`, `none`, `1 file`; nothing where nobody counted."""
    if holding.count is None:
        return ""
    if holding.items is None:
        return f"{holding.count:,} file{'' if holding.count == 1 else 's'}"
    return f"{holding.count:,}" if holding.count else "none"


def unreadable_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    saved = old_backup_contents(facts, answers)
    lost = {one: count for one, count in (saved.unreadable if saved else {}).items() if one in owners(facts, answers)}
    titles = {one.id: one.title for one in category_entries(facts, answers)}
    lines = wrap_paragraphs(
        f"{question.phone or 'The old phone'} reported a read error, twice, for files that would move:",
        *(f"{titles.get(one, one)}: {count} file{'' if count == 1 else 's'}" for one, count in lost.items()),
        "All the rest can move. Look for these on the old phone, and keep it.",
    )
    rows = (Row("accept", ("Yes, move the rest",)),)
    return Page("unreadable", "Go on without them?", lines=lines, rows=rows, preferred="back")


def replace_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    phone = question.phone or "the new phone"
    if not facts.with_phones:
        words = wrap_paragraphs("What you ticked may be on the new phone too. It is replaced, the two are not merged.")
        choices = (Row("replace", ("Yes, replace it",)), Row("leave", ("No: stop where the new phone has some",)))
        return Page("replace", "Replace what is there?", lines=words, rows=choices)
    shown = [one for one in category_entries(facts, answers) if one.id in owners(facts, answers)]
    pairs = [(one, counterpart_count(facts, answers, one.id)) for one in shown]
    lines = [
        *wrap_paragraphs(
            f"{phone} keeps everything else. What you chose replaces what it has of it; the two are not merged."
        ),
        "",
    ]
    lines += [wrapped(describe_replacement(one, there), indent="    ", first="  ") for one, there in pairs]
    lines += ["", *wrap_paragraphs(*(caveat for one, there in pairs if there and (caveat := DESTROYS.get(one.id))))]
    lines += wrap_paragraphs(f"{phone} was saved as it is, so what is replaced is not lost from this computer.")
    rows = tuple(REPLACE_ROWS[option.value] for option in question.options)
    return Page("replace", "Replace what is there?", lines=tuple(lines), rows=rows)


DESTROYS = {
    "photos": "With Photos the whole library of the new phone goes: its albums and edits too.",
    "health": "With Health all Health data of the new phone goes.",
}
"""What replacing a category takes away beside what was counted : each of these is one database."""
REPLACE_ROWS = {
    "replace": Row("replace", ("Yes, replace it",)),
    "leave": Row("leave", ("No: only move what it has nothing of",)),
}


def describe_replacement(holding: CategoryEntry, there: int) -> str:
    """`Messages: 12,402 replace 31`."""
    if holding.items == 0:
        return f"{holding.title}: the old phone has none" + (f", and {there:,} would go all the same!" if there else "")
    count = _counted(holding) or "all"
    return f"{holding.title}: {count} replace {there:,}" if there else f"{holding.title}: {count}, and it has none"


# -- the last page ---------------------------------------------------------------------------------------------------


def summary_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    error = next((option.refused for option in question.options if option.refused), None)
    lines = [
        wrapped(text, indent=" " * 12, first=f"  {label:<10}")
        for label, text in _summary_rows(question, facts, answers)
    ]
    lines += ["", *wrap_paragraphs(CANNOT_MOVE)]
    if notes := icloud_only_notes(facts, answers):
        lines += ["", *notes]
    if error is not None:
        lines += ["", *refusal_lines(error)]
    lines += ["", *format_findings(question.findings)] if question.findings else []
    rows = []
    if facts.with_phones:
        rows.append(Row("move", ("Move now",), refused="not yet" if error else ""))
    rows.append(
        Row("write", ("Only write this plan down; I move later" if facts.with_phones else "Write this plan down",))
    )
    title = "Shall we?" if facts.with_phones else "Is that right?"
    return Page("summary", title, lines=tuple(lines), rows=tuple(rows))


FEW = 8
"""So many titles of what stays behind are listed; more would be a wall."""


def _summary_rows(question: Question, facts: MoveFacts, answers: Answers) -> list[tuple[str, str]]:
    saved = old_backup_contents(facts, answers)
    moving = set(owners(facts, answers)) | ({ALL_APPS} & set(answers.many("chosen")))
    every = [one for one in category_entries(facts, answers) if not one.is_empty]
    stays = [one.title for one in every if one.id not in moving]
    lacking = missing_apps(facts, answers)
    size = total_size_bytes(one for one in every if one.id in moving)
    titles = [one.title for one in every if one.id in moving]
    what = "everything" if answers.one("what") == EVERYTHING else ", ".join(titles)
    new = question.phone or "the new phone, connected when its turn comes"
    becomes = "it becomes the old phone" if answers.one("new-is") == ERASED else "it keeps everything else"
    rows = [
        ("From", saved.name if saved else "the old phone, named when the plan is run"),
        ("To", f"{new}; {becomes}{', all that is on it goes' if answers.one('wipe') == 'wipe' else ''}"),
        ("Moves", f"{what}{f' ({format_bytes(size)})' if saved else ''}"),
    ]
    if answers.one("replace") == "leave" and facts.with_phones:
        stays += [one.title for one in every if one.id in moving and counterpart_count(facts, answers, one.id)]
    if lacking:
        there = f"not on {question.phone or 'the new phone'} yet: it will be asked for, from the App Store"
        rows.append(("Install", f"{', '.join(one.title for one in lacking)}: {there}"))
    if stays:
        rows.append(("Stays", ", ".join(stays) if len(stays) <= FEW else f"all the rest ({len(stays)} more kinds)"))
    rows.append(("Backup", "encrypted" if is_encrypted(facts, answers) else "not encrypted"))
    return rows


def missing_apps(facts: MoveFacts, answers: Answers) -> list[CategoryEntry]:
    """The chosen apps that a phone in use does not have, once it was saved: it takes data only for apps it has."""
    there = facts.backup_contents.get(new_udid(facts, answers) or "")
    if there is None or answers.one("new-is") != IN_USE:
        return []
    has, moving = {one.id for one in there.category_entries}, set(owners(facts, answers))
    return [one for one in category_entries(facts, answers) if is_app(one) and one.id in moving and one.id not in has]


def icloud_only_notes(facts: MoveFacts, answers: Answers) -> tuple[str, ...]:
    """What is known to be missing of what moves: only in iCloud, or bound to an account."""
    moving = set(owners(facts, answers))
    return cloud_notes(one for one in category_entries(facts, answers) if one.id in moving)
