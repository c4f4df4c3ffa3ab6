"""`migrate run`, `resume`, `rehearse`, `prove` and `undo`: a move and what belongs to it, on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from migrate.problems import UsageWrong
from migrate.talk.console import say
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import NewPasswordFile, PasswordFile, Passwords
from migrate.talk.run_on_terminal import build_run_context, execute_run, report_failure_as_event

if TYPE_CHECKING:
    from migrate.plan.model import Plan

OldOption = Annotated[
    str | None, typer.Option("--old", metavar="UDID", help="The old phone, whatever the plan says.", show_default=False)
]
OldBackupOption = Annotated[
    Path | None,
    typer.Option("--old-backup", metavar="DIR", help="A backup that stands in for the old phone.", show_default=False),
]
NewOption = Annotated[
    str | None, typer.Option("--new", metavar="UDID", help="The new phone, whatever the plan says.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", help="Give the last confirmation beforehand.", show_default=False)]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for a hand on a phone.")
]
WAIT_S = 1800.0


ArrivingOption = Annotated[
    float,
    typer.Option(
        "--arriving", metavar="SECONDS", min=0, help="How long to wait for what arrives later, before it is left open."
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="As migrate runs lists it.")]


def register(app: typer.Typer) -> None:
    for command in (run, resume, rehearse, prove, undo):
        app.command(command.__name__)(with_global_options(command))


# -- run and resume --------------------------------------------------------------------------------------------------


def run(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file; there are samples in plans/.")],
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Moves what a plan says, from the old phone to the new one, and proves it."""
    from migrate.journey.run import run as begin

    report_failure_as_event(options)
    agreed = load_plan(plan, old=old, old_backup=old_backup, new=new)
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with options.open_workspace() as workspace:
        context = build_run_context(options, workspace, passwords, yes=yes, wait_s=wait)
        return execute_run(options, begin(agreed, context))


def load_plan(path: Path, *, old: str | None, old_backup: Path | None, new: str | None) -> Plan:
    """The plan in a file, for the phones that were named beside it.

    Raises:
        PlanInvalid. UsageWrong: a name beside it is none.
    """
    from pydantic import ValidationError

    from migrate.backup.folder import find_backup
    from migrate.plan.read import override_phones, read_plan

    if old is not None and old_backup is not None:
        raise UsageWrong("--old and --old-backup cannot both be the old phone.", "migrate run")
    backup = find_backup(old_backup) if old_backup is not None else None
    try:
        return override_phones(read_plan(path), old=old, old_backup=backup, new=new)
    except ValidationError as error:
        raise UsageWrong(f"{old or new} is not the UDID of a phone.", "migrate run") from error


def resume(
    options: GlobalOptions,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Not needed for the only unfinished one.")] = None,
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Goes on with a run where it stopped, repeating nothing that was finished."""
    from migrate.journey.run import resume as go_on
    from migrate.journey.runs import find_run, only_unfinished

    report_failure_as_event(options)
    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run) if run else only_unfinished(workspace.home)
        named_udids = phone_overrides(old=old, old_backup=old_backup, new=new)
        if not options.json:
            say(f"Going on with {folder.path.name}.")
        passwords = Passwords(file=password_file, new_file=new_password_file)
        context = replace(
            build_run_context(options, workspace, passwords, yes=yes, wait_s=wait), named_udids=named_udids
        )
        return execute_run(options, go_on(folder, context))


def phone_overrides(*, old: str | None, old_backup: Path | None, new: str | None) -> dict[Literal["old", "new"], str]:
    """The phones that were named beside `resume`, by their UDIDs.

    Raises:
        UsageWrong: two names for the old phone. BackupNotFound.
    """
    from migrate.backup.folder import BackupFolder, find_backup

    if old is not None and old_backup is not None:
        raise UsageWrong("--old and --old-backup cannot both be the old phone.", "migrate resume")
    named_udids: dict[Literal["old", "new"], str] = {}
    if old is not None or old_backup is not None:
        named_udids["old"] = old or BackupFolder(find_backup(old_backup or Path())).udid
    if new is not None:
        named_udids["new"] = new
    return named_udids


# -- before it, and after it -----------------------------------------------------------------------------------------


def rehearse(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file; there are samples in plans/.")],
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Does all of a move but the restore, which goes to a simulated iPhone like the new phone. Nothing is sent."""
    from migrate.journey.run import REHEARSE
    from migrate.journey.run import run as begin

    report_failure_as_event(options)
    agreed = load_plan(plan, old=old, old_backup=old_backup, new=new)
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with options.open_workspace() as workspace:
        context = build_run_context(options, workspace, passwords, yes=False, wait_s=wait)
        return execute_run(options, begin(agreed, context, stop_after=REHEARSE))


def prove(
    options: GlobalOptions,
    run: RunArgument,
    arriving: ArrivingOption = 0.0,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Proves a run again: saves the new phone once more and compares it with what was agreed."""
    from migrate.journey.run import prove_again
    from migrate.journey.runs import find_run

    report_failure_as_event(options)
    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        passwords = Passwords(file=password_file, new_file=new_password_file)
        context = replace(
            build_run_context(options, workspace, passwords, yes=False, wait_s=wait), arrival_wait_s=arriving
        )
        return execute_run(options, prove_again(folder, context))


def undo(
    options: GlobalOptions,
    run: RunArgument,
    accept_loss: Annotated[
        bool,
        typer.Option("--lose-what-came-after", help="What came onto the phone since may go.", show_default=False),
    ] = False,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Puts the new phone back as it was before a run, out of the safety backup which that run took."""
    from migrate.journey.runs import find_run
    from migrate.journey.undo import undo as put_back

    report_failure_as_event(options)
    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        passwords = Passwords(file=password_file, new_file=new_password_file)
        context = build_run_context(options, workspace, passwords, yes=yes, wait_s=wait)
        return execute_run(options, put_back(folder, context, accept_loss=accept_loss))
