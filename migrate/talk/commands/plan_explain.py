"""`migrate plan explain`: what a plan would do with a backup."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _, mark
from migrate.problems import BackupNotFound, MigrateError, UsageWrong
from migrate.talk.backup_access import phone_name, with_password
from migrate.talk.command_groups import command_group
from migrate.talk.console import Column, print_json, print_line, table, wrapped
from migrate.talk.options import Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.talk.plan_phones import connected_phones, match_phones
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.backup.folder import BackupFolder
    from migrate.phone.facts import PhoneFacts
    from migrate.phone.link_speed import Link
    from migrate.plan.explain import CategoryExplanation, Explanation
    from migrate.plan.model import Plan
    from migrate.plan.strategy import Strategy

COMMAND = "migrate plan explain PLAN BACKUP"


def register(app: typer.Typer) -> None:
    command_group(app, "plan").command("explain")(with_global_options(explain))


def explain(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help=_("A plan file (TOML)."))],
    backup: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BACKUP]", help=_("A backup of the old phone (default: the plan's, else the one made here).")
        ),
    ] = None,
    password_file: PasswordFile = None,
) -> Exit:
    """Shows what a plan would do with a backup.

    For each category and app: whether it moves, arrives after the restart, cannot move, or is only in iCloud.
    """
    from migrate.backup.reader import Backup
    from migrate.backup.seal import read_seal
    from migrate.categories.choose import chosen_owners, excepted_owners, files_by_owner
    from migrate.categories.claims import Claims
    from migrate.content.tally import tally
    from migrate.plan.explain import ExplainContext
    from migrate.plan.explain import explain as explained
    from migrate.plan.read import read_plan

    read = read_plan(plan)
    with options.open_workspace() as workspace:
        folder = find_plan_backup(read, backup, workspace)
        new = run_async(new_phone(read, folder, workspace))
        strategy = expected_strategy(read, folder, new)
        opened = with_password(folder, Passwords(file=password_file), lambda found: Backup.open(folder.path, found))
        with opened:
            seal = read_seal(workspace.home.seals, folder)
            claims = Claims.of(opened, seal.app_groups if seal else None)
            move = read.move
            context = ExplainContext(
                owners=chosen_owners(claims, categories=move.categories, except_=move.except_, apps=move.apps),
                excluded=excepted_owners(claims, move.except_),
                strategy=strategy,
                encrypted=opened.manifest.is_encrypted,
                installed=new.installed,
                old_ios=folder.ios_version,
                new_ios=new.facts.ios_version if new.facts else None,
                unreadable=files_by_owner(opened.records(), frozenset(seal.unreadable if seal else ()), claims),
            )
            answer = explained(tally(opened, claims, tmp=workspace.tmp), context)
    if options.json:
        print_json(answer.as_json())
    else:
        for line in format_plan_explanation(answer, read, folder):
            print_line(line)
        for line in format_estimate(answer, read, new, workspace.home.path):
            print_line(line)
    return None


def find_plan_backup(plan: Plan, given: Path | None, workspace: Workspace) -> BackupFolder:
    """The backup that is meant: the one given, the plan's, the one of the plan's old phone, or the only one here.

    Raises:
        UsageWrong: none of these exists, or there are several here.
        BackupNotFound: the named folder is not a backup.
    """
    from migrate.backup.folder import BackupFolder, find_backup

    if given is not None:
        return BackupFolder(find_backup(given))
    if plan.old_phone.backup is not None:
        return BackupFolder(find_backup(Path(plan.old_phone.backup)))
    if plan.old_phone.udid is not None:
        return BackupFolder(find_backup(workspace.home.working_backup(plan.old_phone.udid)))
    saved = []
    for path in sorted(workspace.home.backups.iterdir()):
        with suppress(BackupNotFound):
            saved.append(find_backup(path))
    if len(saved) == 1:
        return BackupFolder(saved[0])
    if not saved:
        raise UsageWrong(_("The plan does not name a backup of the old phone, and there is none here."), COMMAND)
    several = _("The plan does not name a backup of the old phone, and there are {count} here.")
    raise UsageWrong(several.format(count=len(saved)), COMMAND)


@dataclass(frozen=True)
class NewPhone:
    """What is known of the plan's new phone; None for what is not, or if it is not connected."""

    facts: PhoneFacts | None = None
    installed: frozenset[str] | None = None
    link: Link = "unknown"


async def new_phone(plan: Plan, folder: BackupFolder, workspace: Workspace) -> NewPhone:
    """What the new phone tells. A phone that does not trust this computer yet is not made to ask for trust."""
    from migrate.phone.link_speed import link_to
    from migrate.phone.phone import Phone

    phones = await connected_phones(workspace)
    meant = match_phones(plan, phones, folder.udid).new
    facts = next((phone for phone in phones if phone is meant), None)
    if facts is None:
        return NewPhone()
    link = await link_to(workspace.usbmux, facts.udid)
    if not facts.trusted:
        return NewPhone(facts, link=link)
    try:
        async with await Phone.meet(workspace.usbmux, facts.udid) as phone:
            return NewPhone(facts, frozenset(await phone.installed_apps()), link)
    except MigrateError:  # it was disconnected or locked meanwhile, so its apps are not known
        return NewPhone(facts, link=link)


def expected_strategy(plan: Plan, folder: BackupFolder, new: NewPhone) -> Strategy | None:
    """The strategy a run of the plan would use; None if that depends on an iOS version that is not known.

    Raises:
        EncryptionNeeded, BackupNewerThanPhone, StrategyRefused: a run of this plan would be refused. The backup's
            encryption counts only if the plan moves from this very backup; otherwise a new backup is made.
    """
    from migrate.plan.preflight import MoveFacts, preflight
    from migrate.plan.strategy import Strategy, choose_strategy, refuse_newer_backup

    is_the_source = plan.old_phone.backup is not None or plan.backup.begin == "as-is"
    preflight(plan, MoveFacts(backup=folder if is_the_source else None))
    version = new.facts.ios_version if new.facts else None
    if new.facts is not None:
        refuse_newer_backup(folder.ios_version, version, phone=new.facts.name_or_model)
    if plan.new_phone.is_ == "erased":
        return Strategy.REPLACE
    experimental, name = plan.new_phone.experimental, new.facts.name_or_model if new.facts else None
    if experimental and version is None:
        return None
    return choose_strategy(plan.new_phone.is_, version, experimental=experimental, phone=name)


# -- text ------------------------------------------------------------------------------------------------------------

FATES = {
    "goes": mark("Moves"),
    "arrives-later": mark("Arrives after the restart"),
    "cannot-go": mark("Cannot move"),
    "only-in-icloud": mark("Only in iCloud"),
    "not-chosen": mark("Not chosen"),
}
"""A fate -> its heading, in the order of the output."""


def format_plan_explanation(answer: Explanation, plan: Plan, folder: BackupFolder) -> list[str]:
    lines = [wrapped(plan.name)] if plan.name else []
    if answer.strategy:
        about = _("What this plan does with the backup of {phone} (strategy {strategy}):")
        lines.append(wrapped(about.format(phone=phone_name(folder), strategy=answer.strategy.value)))
    else:
        about = _(
            "What this plan does with the backup of {phone} (the strategy depends on the iOS version of the new phone, "
            "which is not connected):"
        )
        lines.append(wrapped(about.format(phone=phone_name(folder))))
    for fate, heading in FATES.items():
        rows = [row for row in answer.categories if row.fate == fate and (row.files or fate != "not-chosen")]
        if rows:
            lines += ["", *_group(_(heading), rows)]
    return lines


def format_estimate(answer: Explanation, plan: Plan, new: NewPhone, home: Path) -> list[str]:
    """How long the move takes without a new backup of the old phone, and how much space there is."""
    from migrate.journey.estimate import BackupEstimate, Duration, computer_space, estimate_move, phone_space
    from migrate.talk.progress_texts import move_sentence, space_lines

    moved = sum(row.bytes for row in answer.categories if row.fate in ("goes", "arrives-later"))
    there = BackupEstimate("changes", 0, "unknown", Duration(0, 0))
    duration = estimate_move(there, moved_bytes=moved, new_link=new.link, proves=plan.safety.prove)
    spaces = [(new.facts.name_or_model, phone_space(new.facts))] if new.facts else []
    spaces.append((_("This computer"), computer_space(home)))
    return ["", *([wrapped(move_sentence(duration))] if duration else []), *map(wrapped, space_lines(spaces))]


def _group(heading: str, rows: list[CategoryExplanation]) -> list[str]:
    from migrate.plan.explain import DEFAULT_REASONS

    cells = [
        (
            row.title,
            "" if row.items is None else f"{row.items:,}",
            f"{row.files:,}" if row.files else "",
            format_bytes(row.bytes) if row.files else "",
        )
        for row in rows
    ]
    right = [Column(title, "right") for title in (_("Items"), _("Files"), _("Size"))]
    columns = (Column(heading, shrinks=True), *right)
    about: dict[str, list[str]] = {}
    for row in rows:
        if row.why != f"{_(DEFAULT_REASONS[row.fate])}.":
            about.setdefault(row.why, []).append(row.title)
    notes = [wrapped(f"{', '.join(titles)}: {why}", indent="  ", first="* ") for why, titles in about.items()]
    return [*table(columns, cells), *notes]
