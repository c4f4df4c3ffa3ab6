"""`migrate run`, `resume`, `rehearse`, `prove` and `undo`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from migrate.language import _
from migrate.problems import StoppedBeforeResuming, UsageWrong
from migrate.talk.console import say
from migrate.talk.options import Exit, GlobalOptions, current_options, with_global_options
from migrate.talk.parent_process import ParentPidOption, stop_when_process_ends
from migrate.talk.passwords import NewPasswordFile, PasswordFile, Passwords
from migrate.talk.run_on_terminal import build_run_context, execute_run, report_failure_as_event

if TYPE_CHECKING:
    from migrate.plan.model import Plan

OldOption = Annotated[
    str | None,
    typer.Option("--old", metavar="UDID", help=_("The old phone; overrides the plan."), show_default=False),
]
OldBackupOption = Annotated[
    Path | None,
    typer.Option(
        "--old-backup", metavar="DIR", help=_("A backup to use in place of the old phone."), show_default=False
    ),
]
NewOption = Annotated[
    str | None,
    typer.Option("--new", metavar="UDID", help=_("The new phone; overrides the plan."), show_default=False),
]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes", help=_("Confirm in advance; do not ask again before the new phone changes."), show_default=False
    ),
]
WaitOption = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0, help=_("How long to wait when you must do something on a phone.")),
]
WAIT_S = 1800.0
IdOption = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="NAME",
        help=_("The name of the run. If it exists already, it is resumed."),
        show_default=False,
    ),
]


ArrivingOption = Annotated[
    float,
    typer.Option("--arriving", metavar="SECONDS", min=0, help=_("How long to wait for data that is still arriving.")),
]
AcceptLossOption = Annotated[
    bool,
    typer.Option(
        "--lose-what-came-after", help=_("Delete what was added to the phone since the move."), show_default=False
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=_("A run, as migrate runs lists it, or: last."))]


def register(app: typer.Typer) -> None:
    for command in (run, resume, rehearse, prove, undo):
        app.command(command.__name__)(with_global_options(command, uses_event_loop=True))


# -- run and resume --------------------------------------------------------------------------------------------------


def run(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help=_("A plan file; see the samples in plans/."))],
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    id: IdOption = None,
    parent_pid: ParentPidOption = None,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Moves data from the old phone to the new one as a plan says, and proves what arrived."""
    from migrate.journey.run import run as begin

    report_failure_as_event(options)
    agreed = load_plan(plan, old=old, old_backup=old_backup, new=new)
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with options.open_workspace() as workspace, stop_when_process_ends(parent_pid):
        context = build_run_context(options, workspace, passwords, yes=yes, wait_s=wait)
        return execute_run(options, begin(agreed, context, run_id=id))


def load_plan(path: Path, *, old: str | None, old_backup: Path | None, new: str | None) -> Plan:
    """The plan in a file, with the phones named on the command line.

    Raises:
        PlanInvalid: the plan is wrong.
        UsageWrong: a named phone is not a UDID, or two old phones are named.
    """
    from pydantic import ValidationError

    from migrate.plan.read import override_phones, read_plan

    if old is not None and old_backup is not None:
        raise UsageWrong(_("Use either --old or --old-backup, not both."), "migrate run")
    backup = current_options().find_backup(old_backup) if old_backup is not None else None
    try:
        return override_phones(read_plan(path), old=old, old_backup=backup, new=new)
    except ValidationError as error:
        raise UsageWrong(_("{udid} is not the UDID of a phone.").format(udid=old or new), "migrate run") from error


def resume(
    options: GlobalOptions,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help=_("The run, or: last. Not needed if only one is unfinished."))
    ] = None,
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    lose_what_came_after: AcceptLossOption = False,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    id: IdOption = None,
    parent_pid: ParentPidOption = None,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Continues a run where it stopped. Finished steps are not repeated."""
    from migrate.journey.run import resume as resume_run
    from migrate.journey.runs import find_run, only_unfinished

    report_failure_as_event(options)
    if run and id and run != id:
        raise UsageWrong(_("RUN ({run}) and --id ({id}) name two runs.").format(run=run, id=id), "migrate resume")
    name = run or id
    options.ctrl_c_error = StoppedBeforeResuming("" if name in (None, "last") else str(name))
    with options.open_workspace() as workspace, stop_when_process_ends(parent_pid):
        folder = find_run(workspace.home, name) if name else only_unfinished(workspace.home)
        options.ctrl_c_error = StoppedBeforeResuming(folder.path.name)
        named_udids = phone_overrides(old=old, old_backup=old_backup, new=new)
        if not options.json:
            say(_("Continuing run {run}.").format(run=folder.path.name))
        passwords = Passwords(file=password_file, new_file=new_password_file)
        context = replace(
            build_run_context(options, workspace, passwords, yes=yes, wait_s=wait), named_udids=named_udids
        )
        return execute_run(options, resume_run(folder, context, accept_loss=lose_what_came_after))


def phone_overrides(*, old: str | None, old_backup: Path | None, new: str | None) -> dict[Literal["old", "new"], str]:
    """The UDIDs of the phones named with `resume`.

    Raises:
        UsageWrong: two old phones are named.
        BackupNotFound: --old-backup is not a backup.
    """
    from migrate.backup.folder import BackupFolder

    if old is not None and old_backup is not None:
        raise UsageWrong(_("Use either --old or --old-backup, not both."), "migrate resume")
    named_udids: dict[Literal["old", "new"], str] = {}
    if old is not None or old_backup is not None:
        named_udids["old"] = old or BackupFolder(current_options().find_backup(old_backup or Path())).udid
    if new is not None:
        named_udids["new"] = new
    return named_udids


# -- before it, and after it -----------------------------------------------------------------------------------------


def rehearse(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help=_("A plan file; see the samples in plans/."))],
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    wait: WaitOption = WAIT_S,
    id: IdOption = None,
    parent_pid: ParentPidOption = None,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Rehearses a move: restores to a simulated iPhone like the new phone, and sends nothing to the new phone."""
    from migrate.journey.run import run as begin
    from migrate.journey.steps.rehearse import REHEARSE

    report_failure_as_event(options)
    agreed = load_plan(plan, old=old, old_backup=old_backup, new=new)
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with options.open_workspace() as workspace, stop_when_process_ends(parent_pid):
        context = build_run_context(options, workspace, passwords, yes=False, wait_s=wait)
        return execute_run(options, begin(agreed, context, run_id=id, stop_after=REHEARSE))


def prove(
    options: GlobalOptions,
    run: RunArgument,
    arriving: ArrivingOption = 0.0,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Compares the new phone again with what was agreed, from a new backup of it."""
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
    lose_what_came_after: AcceptLossOption = False,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Restores the new phone to its state before a run, from the safety backup of that run."""
    from migrate.journey.runs import find_run
    from migrate.journey.undo import undo as put_back

    report_failure_as_event(options)
    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        passwords = Passwords(file=password_file, new_file=new_password_file)
        context = build_run_context(options, workspace, passwords, yes=yes, wait_s=wait)
        return execute_run(options, put_back(folder, context, accept_loss=lose_what_came_after))
