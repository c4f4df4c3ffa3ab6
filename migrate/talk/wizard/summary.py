"""The wizard's last page: what moves, what stays, how much space there is, and how long it takes."""

from __future__ import annotations

import shutil

from migrate.journey.estimate import BackupEstimate, Duration, estimate_move
from migrate.language import _, mark, plural
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    ALL_APPS,
    ERASED,
    EVERYTHING,
    IN_USE,
    category_entries,
    counterpart_count,
    is_app,
    is_encrypted,
    new_phone,
    old_backup_contents,
    old_phone,
    owners,
)
from migrate.plan.interview.observations import CategoryEntry, MoveFacts, Question, new_udid, total_size_bytes
from migrate.talk.console import Column, format_file_count, format_findings, table, width, wrapped
from migrate.talk.progress_texts import format_range
from migrate.talk.wizard.choice_pages import count_shown, notes_listed
from migrate.talk.wizard.page import Page, Row, refusal_lines, wrap_paragraphs
from migrate.units import format_bytes

CANNOT_MOVE = mark(
    "Backups do not contain payment cards, eSIMs, mail, photos and files that are only in iCloud, or the apps "
    "themselves (they are installed again). Some apps keep their data out of backups (Signal, most banks): use the "
    "transfer that these apps offer."
)


def summary_page(question: Question, facts: MoveFacts, answers: Answers) -> Page:
    error = next((option.refused for option in question.options if option.refused), None)
    # the longest part comes first: on a low screen the rows stay in sight
    lines = [*wrap_paragraphs(_(CANNOT_MOVE))]
    lines += [*icloud_only_notes(facts, answers), *account_notes(facts, answers), ""]
    shown = _summary_rows(question, facts, answers)
    lines += [_labelled(label, text) for label, text in shown[:3]]
    lines += what_moves(facts, answers)
    shown = shown[3:] + (_space_and_time(facts, answers) if facts.with_phones else [])
    lines += [_labelled(label, text) for label, text in shown]
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
FEWEST_MOVING, MOST_MOVING, OTHER_ROWS = 5, 12, 17
"""How many categories and apps the summary counts one by one: what fits on the screen beside its other rows."""


def _labelled(label: str, text: str) -> str:
    return wrapped(text, indent=" " * 13, first=f"  {label:<11}")


def _summary_rows(question: Question, facts: MoveFacts, answers: Answers) -> list[tuple[str, str]]:
    saved = old_backup_contents(facts, answers)
    every = [one for one in category_entries(facts, answers) if not one.is_empty]
    moving = {one.id for one in moving_entries(facts, answers)}
    stays = [one.title for one in every if one.id not in moving]
    lacking = missing_apps(facts, answers)
    rows = [
        (_("From"), saved.name if saved else _("the old phone, which you name when you run the plan")),
        (_("To"), _new_phone_summary(question, answers)),
        (_("Moves"), _amount_moved(facts, answers)),
    ]
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
    old = old_phone(facts, answers)
    if old is not None and old.icloud_backup is not None:  # the other backup that these people have
        rows.append((_("iCloud"), old.icloud_backup))
    return rows


def _amount_moved(facts: MoveFacts, answers: Answers) -> str:
    """`everything: 27 categories, 2 apps, 16.2 MB`; without a backup, what was chosen by its titles."""
    moving = moving_entries(facts, answers)
    if old_backup_contents(facts, answers) is None:
        return _("everything") if answers.one("what") == EVERYTHING else ", ".join(one.title for one in moving)
    apps = sum(map(is_app, moving))
    categories = len(moving) - apps
    parts = []
    if categories:
        parts.append(plural("{count} category", "{count} categories", categories).format(count=categories))
    if apps:
        parts.append(plural("{count} app", "{count} apps", apps).format(count=apps))
    amount = ", ".join([*parts, format_bytes(total_size_bytes(moving))])
    return _("everything: {amount}").format(amount=amount) if answers.one("what") == EVERYTHING else amount


def moving_entries(facts: MoveFacts, answers: Answers) -> list[CategoryEntry]:
    """What moves, without what the person keeps on the new phone."""
    moving = set(owners(facts, answers)) | ({ALL_APPS} & set(answers.many("chosen")))
    if answers.one("replace") == "leave" and facts.with_phones:
        moving = {one for one in moving if not counterpart_count(facts, answers, one)}
    return [one for one in category_entries(facts, answers) if one.id in moving and not one.is_empty]


def what_moves(facts: MoveFacts, answers: Answers) -> list[str]:
    """Each category and app that moves, with its items and its size: what was counted first, in a table."""
    if old_backup_contents(facts, answers) is None:
        return []
    moving = moving_entries(facts, answers)
    most = max(FEWEST_MOVING, min(shutil.get_terminal_size((80, 24)).lines - OTHER_ROWS, MOST_MOVING))
    main = [one for one in moving if one.items] if len(moving) > most else moving
    shown = sorted(main, key=lambda one: one.bytes, reverse=True)[:most] if len(main) > most else main
    others = [one for one in moving if one not in shown]
    rows = [(one.title, count_shown(one), format_bytes(one.bytes)) for one in moving if one in shown]
    if others:
        title = plural("{count} more", "{count} more", len(others)).format(count=len(others))
        files = format_file_count(sum(one.files or 0 for one in others))
        rows.append((title, files, format_bytes(total_size_bytes(others))))
    columns = (Column("", shrinks=True), Column(_("items"), "right"), Column(_("size"), "right"))
    return [f"{' ' * TABLE_INDENT}{line}" for line in table(columns, rows, room=width() - TABLE_INDENT)]


TABLE_INDENT = 13


def _space_and_time(facts: MoveFacts, answers: Answers) -> list[tuple[str, str]]:
    """The free space on both phones and on this computer, and how long the move will take."""
    old, new = old_phone(facts, answers), new_phone(facts, answers)
    rows = list[tuple[str, str]]()
    places = [(one.name_or_model, one.free_bytes, one.total_bytes) for one in (old, new) if one is not None]
    if facts.computer is not None:
        places.append((_("this computer"), facts.computer.free_bytes, facts.computer.total_bytes))
    for name, free, total in places:
        if free is not None:
            rows.append((_("Free space") if not rows else "", _free_of(name, free, total)))
    size = total_size_bytes(moving_entries(facts, answers))
    there = facts.backup_contents.get(new_udid(facts, answers) or "")
    own = there.bytes if there and answers.one("new-is") == IN_USE else 0
    time = move_time(size + own)
    rows.append((_("Takes"), _("{time}, without the apps, which come from the App Store").format(time=time)))
    return rows


def move_time(moved_bytes: int) -> str:
    """How long a move takes once the old phone is backed up. Its cable is not known to be a fast one."""
    duration = estimate_move(BackupEstimate("changes", 0, "unknown", Duration(0, 0)), moved_bytes=moved_bytes)
    return format_range(duration) if duration is not None else _("a few minutes")


def _free_of(name: str, free_bytes: int | None, total_bytes: int | None) -> str:
    known = {"name": name, "free": format_bytes(free_bytes or 0), "total": format_bytes(total_bytes or 0)}
    return (_("{name}: {free} of {total}") if total_bytes else _("{name}: {free}")).format(**known)


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
    return notes_listed((one, one.cloud_notes) for one in _chosen(facts, answers))


def account_notes(facts: MoveFacts, answers: Answers) -> tuple[str, ...]:
    """What of that which moves belongs to accounts."""
    return notes_listed((one, one.account_notes) for one in _chosen(facts, answers))


def _chosen(facts: MoveFacts, answers: Answers) -> list[CategoryEntry]:
    moving = set(owners(facts, answers))
    return [one for one in category_entries(facts, answers) if one.id in moving]
