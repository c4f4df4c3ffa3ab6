"""What the wizard sees, in the interview's terms: phones, backups and what is in them, unfinished runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from migrate.backup.disk_space import free_bytes_at, hard_links_work
from migrate.backup.folder import BackupFolder
from migrate.backup.locations import BackupSummary, list_backups, usual_locations
from migrate.categories.catalogue import APP_PREFIX, load_catalogue
from migrate.content.tally import Tally
from migrate.journey.home import Home
from migrate.journey.icloud import icloud_backup_sentence
from migrate.journey.presave import PresaveResult
from migrate.journey.runs import all_runs
from migrate.language import _
from migrate.phone.facts import PhoneFacts
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import ALL_APPS
from migrate.plan.interview.observations import (
    BackupContents,
    CategoryEntry,
    Computer,
    ExistingBackup,
    MoveFacts,
    Phone,
    UnfinishedRun,
)
from migrate.problems import MigrateError
from migrate.talk.backup_programs import PROGRAM_NAMES


def initial_state(home: Home, answers_file: Path) -> MoveFacts:
    """What is known before any phone is met: runs to resume, earlier answers, backups."""
    answers, names = Answers.read(answers_file)
    backups = tuple(earlier_backups(home))
    answers = answers.usable({backup.folder for backup in backups})
    return MoveFacts(
        unfinished=tuple(unfinished_runs(home)),
        earlier_answers=answers or None,
        backups=backups,
        phones=tuple(Phone(udid=udid, name=name, connected=False) for udid, name in names.items()),
        computer=computer_now(home.path, None),
    )


def unfinished_runs(home: Home) -> Iterator[UnfinishedRun]:
    """The runs that can go on. One that cannot be read is left out: it must not keep the wizard from starting."""
    for run in all_runs(home):
        with suppress(MigrateError, OSError, ValueError):
            if run.unfinished and run.state() != "running":
                journal = run.journal()
                yield UnfinishedRun(
                    id=run.path.name,
                    plan=str(run.path / "plan.toml"),
                    old=journal.name_of("old"),
                    new=journal.name_of("new"),
                    step=next(reversed(run.steps()), None),
                    is_sent=journal.latest_value("restore_begins") is not None,
                    is_undo=bool(journal.undoes),
                )


def computer_now(folder: Path, before: Computer | None) -> Computer:
    """The disk for the backups as it is now. Whether it makes hard links is tried only once."""
    total = None
    with suppress(OSError):
        total = shutil.disk_usage(folder).total
    return Computer(
        folder=folder,
        free_bytes=free_bytes_at(folder),
        total_bytes=total,
        hard_links_work=before.hard_links_work if before else hard_links_work(folder),
        backup_bytes=before.backup_bytes if before else {},
    )


def backup_bytes(home: Home, udid: str) -> int:
    """The size of a phone's working backup; 0 without one."""
    with suppress(MigrateError, OSError):
        folder = home.working_backup(udid)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return 0


def earlier_backups(home: Home) -> list[ExistingBackup]:
    """The finished backups on this computer, ours and other programs', newest first."""
    places = usual_locations(sys.platform, os.environ, Path.home(), ours=home.backups, here=Path.cwd())
    found = []
    for one in list_backups(places, measure=False):
        if one.finished:
            with suppress(MigrateError, OSError):  # an unreadable backup is not offered
                found.append(replace(earlier_backup(BackupFolder(one.backup)), program=program(one)))
    return sorted(found, key=lambda backup: backup.backed_up_on, reverse=True)


def program(one: BackupSummary) -> str:
    """Where a backup comes from, as the wizard shows it; "" for our own."""
    if one.place == "here":
        return one.backup.parent.name
    return "" if one.place == "migrate" else _(PROGRAM_NAMES.get(one.place, one.place))


def earlier_backup(folder: BackupFolder) -> ExistingBackup:
    date = folder.status_date
    return ExistingBackup(
        folder=str(folder.path),
        udid=folder.udid,
        name=folder.device_name or folder.udid,
        ios_version=folder.ios_version,
        encrypted=folder.is_encrypted,
        backed_up_on=f"{date:%Y-%m-%d}" if date else _("date unknown"),
        is_too_old=folder.is_flat,
    )


def without_phones() -> MoveFacts:
    """For `migrate plan new`: every category, nothing counted."""
    titles = [
        CategoryEntry(id=category.id, title=_(category.title), needs_encryption=category.needs_encryption)
        for category in load_catalogue().categories
    ]
    return MoveFacts(with_phones=False, catalogue=(*titles, CategoryEntry(id=ALL_APPS, title=_("All apps"))))


def phone_of(facts: PhoneFacts) -> Phone:
    known = {
        name: getattr(facts, name) for name in Phone.__dataclass_fields__ if name not in ("connected", "icloud_backup")
    }
    if facts.icloud_backup_on is not None:
        known["icloud_backup"] = icloud_backup_sentence(facts)
    return Phone(**{**known, "name": facts.name_or_model if facts.shares_name else facts.name})


def merged(now: Phone, before: Phone | None) -> Phone:
    """The phone as it is now, completed with what it told earlier: a locked phone tells little."""
    if before is None:
        return now
    known = {name: value for name, value in vars(now).items() if value is not None}
    return replace(before, **known)


def with_phone(move_facts: MoveFacts, facts: PhoneFacts) -> MoveFacts:
    others = tuple(phone for phone in move_facts.phones if phone.udid != facts.udid)
    return replace(move_facts, phones=(*others, merged(phone_of(facts), move_facts.phone(facts.udid))))


def trust_states(move_facts: MoveFacts) -> set[tuple[str, bool | None]]:
    return {(phone.udid, phone.trusted) for phone in move_facts.connected}


def backup_contents_of(made: PresaveResult) -> BackupContents:
    return BackupContents(
        name=made.presaved.name,
        ios_version=made.ios_version,
        encrypted=made.encrypted,
        category_entries=category_entries_of(made.tally),
        unreadable=made.unreadable,
    )


def category_entries_of(tally: Tally) -> tuple[CategoryEntry, ...]:
    """Categories, then apps. Unclaimed files are counted with the last category, with which they move."""
    spare = sum(row.bytes for row in tally.unclaimed), sum(row.files for row in tally.unclaimed)
    last = tally.categories[-1].category.id
    categories = [
        CategoryEntry(
            id=row.category.id,
            title=_(row.category.title),
            files=row.files + (spare[1] if row.category.id == last else 0),
            bytes=row.bytes + (spare[0] if row.category.id == last else 0),
            items=row.items,
            notes=row.notes,
            only_in_icloud=row.only_in_icloud or 0,
            cloud_notes=row.cloud_notes,
            account_notes=row.account_notes,
            needs_encryption=row.category.needs_encryption,
        )
        for row in tally.categories
    ]
    apps = [
        CategoryEntry(
            id=APP_PREFIX + row.app.id,
            title=row.app.title,
            files=row.files,
            bytes=row.bytes,
            items=row.items or None,  # an app has more than its items: without any, its files are counted
            notes=row.notes,
            only_in_icloud=row.only_in_icloud or 0,
            cloud_notes=row.cloud_notes,
            account_notes=row.account_notes,
        )
        for row in tally.apps
    ]
    return tuple(replace(one, shared=_shared_by(one.id, tally)) for one in (*categories, *apps))


def _shared_by(owner: str, tally: Tally) -> dict[frozenset[str], int]:
    return {owners: amount.bytes for owners, amount in tally.shared.items() if owner in owners}
