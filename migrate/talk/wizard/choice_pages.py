"""The wizard's pages about the choice: what can move, what it replaces, and the summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate.language import _, mark, plural
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
from migrate.talk.console import format_file_count, format_findings, wrapped
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

CANNOT_MOVE = mark(
    "Backups do not contain payment cards, eSIMs, mail, photos and files that are only in iCloud, or the apps "
    "themselves (they are installed again). Some apps keep their data out of backups (Signal, most banks): use the "
    "transfer that these apps offer."
)


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
    if cloud := _listed((one, one.cloud_notes) for one in some):
        lines += ("", _("Not all of it is on this phone:"), *cloud)
    if accounts := _listed((one, one.account_notes) for one in some):
        lines += ("", _("Some of it belongs to accounts:"), *accounts)
    return lines


def _listed(notes: Iterable[tuple[CategoryEntry, tuple[str, ...]]]) -> tuple[str, ...]:
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
        Row(option.value, _cells(option.about, counted), group=_("Apps") if is_app(option.about) else "")
        for option in question.options
        if isinstance(option.about, CategoryEntry)
    )
    lines = wrap_paragraphs(
        _("Each thing you select replaces its counterpart on {phone}.").format(
            phone=question.phone or _("the new phone")
        )
        if answers.one("new-is") == IN_USE
        else _("What you do not select stays on the old phone and in its backup on this computer."),
        _free_space(question),
    )
    if answers.one("new-is") == IN_USE:  # otherwise the page before has shown it
        lines = (*lines, *_not_all_here(every), "")
    return Page("chosen", _("What should move?"), "many", lines=lines, rows=rows, total=total, refusal=refusal)


def _cells(holding: CategoryEntry, counted: bool) -> tuple[str, ...]:
    if not counted:
        return (holding.title,)
    return holding.title, _counted(holding), format_bytes(holding.bytes)


def _counted(holding: CategoryEntry) -> str:
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
    known = {"title": holding.title, "count": _counted(holding) or _("all"), "there": there}
    if holding.items == 0:
        if there:
            return _("{title}: the old phone has none, but the {there:,} on the new phone would be deleted").format(
                **known
            )
        return _("{title}: the old phone has none").format(**known)
    if there:
        return _("{title}: {count} replace {there:,}").format(**known)
    return _("{title}: {count}; the new phone has none").format(**known)


# -- the last page ---------------------------------------------------------------------------------------------------


def summary_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    error = next((option.refused for option in question.options if option.refused), None)
    lines = [
        wrapped(text, indent=" " * 12, first=f"  {label:<10}")
        for label, text in _summary_rows(question, facts, answers)
    ]
    lines += ["", *wrap_paragraphs(_(CANNOT_MOVE))]
    if notes := (*icloud_only_notes(facts, answers), *account_notes(facts, answers)):
        lines += ["", *notes]
    if error is not None:
        lines += ["", *refusal_lines(error)]
    lines += ["", *format_findings(question.findings)] if question.findings else []
    rows = []
    if facts.with_phones:
        rows.append(Row("move", (_("Move now"),), refused=_("not yet") if error else ""))
    save = _("Save the plan; I will move later") if facts.with_phones else _("Save the plan")
    rows.append(Row("write", (save,)))
    title = _("Ready to move?") if facts.with_phones else _("Is this right?")
    return Page("summary", title, lines=tuple(lines), rows=tuple(rows))


MAX_TITLES = 8
"""How many titles of what does not move are listed."""


def _summary_rows(question: Question, facts: MoveFacts, answers: Answers) -> list[tuple[str, str]]:
    saved = old_backup_contents(facts, answers)
    moving = set(owners(facts, answers)) | ({ALL_APPS} & set(answers.many("chosen")))
    every = [one for one in category_entries(facts, answers) if not one.is_empty]
    stays = [one.title for one in every if one.id not in moving]
    lacking = missing_apps(facts, answers)
    titles = [one.title for one in every if one.id in moving]
    what = _("everything") if answers.one("what") == EVERYTHING else ", ".join(titles)
    if saved:
        size = format_bytes(total_size_bytes(one for one in every if one.id in moving))
        what = _("{what} ({size})").format(what=what, size=size)
    rows = [
        (_("From"), saved.name if saved else _("the old phone, which you name when you run the plan")),
        (_("To"), _new_phone_summary(question, answers)),
        (_("Moves"), what),
    ]
    if answers.one("replace") == "leave" and facts.with_phones:
        stays += [one.title for one in every if one.id in moving and counterpart_count(facts, answers, one.id)]
    if lacking:
        known = {"apps": ", ".join(one.title for one in lacking), "phone": question.phone or _("the new phone")}
        rows.append(
            (
                _("Install"),
                _("{apps}: not on {phone} yet; you will be asked to install them from the App Store").format(**known),
            )
        )
    if stays:
        more = _("everything else ({count} more categories)").format(count=len(stays))
        rows.append((_("Stays"), ", ".join(stays) if len(stays) <= MAX_TITLES else more))
    rows.append((_("Backup"), _("encrypted") if is_encrypted(facts, answers) else _("not encrypted")))
    return rows


def _new_phone_summary(question: Question, answers: Answers) -> str:
    phone = question.phone or _("the new phone, connected when it is needed")
    if answers.one("new-is") != ERASED:
        return _("{phone}; it keeps everything else").format(phone=phone)
    if answers.one("wipe") == "wipe":
        return _("{phone}; it becomes the old phone, and everything on it now is deleted").format(phone=phone)
    return _("{phone}; it becomes the old phone").format(phone=phone)


def missing_apps(facts: MoveFacts, answers: Answers) -> list[CategoryEntry]:
    """The chosen apps that a phone in use does not have, once it is backed up: it takes data only for apps it has."""
    there = facts.backup_contents.get(new_udid(facts, answers) or "")
    if there is None or answers.one("new-is") != IN_USE:
        return []
    has, moving = {one.id for one in there.category_entries}, set(owners(facts, answers))
    return [one for one in category_entries(facts, answers) if is_app(one) and one.id in moving and one.id not in has]


def icloud_only_notes(facts: MoveFacts, answers: Answers) -> tuple[str, ...]:
    """What is known to be missing from what moves, because it is only in iCloud."""
    return _listed((one, one.cloud_notes) for one in _chosen(facts, answers))


def account_notes(facts: MoveFacts, answers: Answers) -> tuple[str, ...]:
    """What of that which moves belongs to accounts."""
    return _listed((one, one.account_notes) for one in _chosen(facts, answers))


def _chosen(facts: MoveFacts, answers: Answers) -> list[CategoryEntry]:
    moving = set(owners(facts, answers))
    return [one for one in category_entries(facts, answers) if one.id in moving]
