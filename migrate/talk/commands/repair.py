"""`migrate repair`: a damaged backup, made whole with its phone's help, or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.problems import HealStopped
from migrate.talk.commands.phones import WAIT_S
from migrate.talk.commands.verify_and_show import BackupArgument, format_verdict
from migrate.talk.console import print_json, print_line, wrapped
from migrate.talk.options import Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.talk.progress import make_listener
from migrate.talk.prompts import TerminalPrompts
from migrate.units import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from migrate.journey import events
    from migrate.journey.phone_session import PhoneSession
    from migrate.journey.repair.repair import RepairResult


def register(app: typer.Typer) -> None:
    app.command("repair")(with_global_options(repair))


def repair(
    options: GlobalOptions,
    backup: BackupArgument,
    without_phone: Annotated[
        bool,
        typer.Option(
            "--without-phone",
            help="The phone is gone: leave the damaged files out, and name them.",
            show_default=False,
        ),
    ] = False,
    wait: Annotated[
        int | None,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            help=f"How long to wait for the phone, and a hand on it (else {WAIT_S} for the hand).",
            show_default=False,
        ),
    ] = None,
    password_file: PasswordFile = None,
) -> Exit:
    """Makes a damaged backup whole again: its phone sends what is damaged or missing.

    A copy is healed beside it (by links, so it takes little room), and takes its place only when it is proven whole.
    """
    from migrate.journey.repair.phone import RepairPhone
    from migrate.journey.repair.repair import Repair

    path = backup.expanduser()
    with options.open_workspace() as workspace:
        session = phone_session(options, workspace, path, wait_s=wait, passwords=Passwords(file=password_file))
        phone = None if without_phone else RepairPhone(session, may_be_connected_later=wait is not None)
        repaired = run_async(Repair(session=session, path=path, phone=phone).run())
    if options.json:
        print_json(repaired.as_json())
    else:
        for line in format_repair(repaired):
            print_line(line)
    return repaired.exit_code


def phone_session(
    options: GlobalOptions, workspace: Workspace, backup: Path, *, wait_s: int | None, passwords: Passwords
) -> PhoneSession:
    from migrate.journey.context import RunContext
    from migrate.journey.phone_session import PhoneSession

    context = RunContext(
        home=workspace.home,
        tmp=workspace.tmp,
        usbmux=workspace.usbmux,
        prompts=TerminalPrompts(passwords, yes=False),
        listener=repair_listener(options, backup),
        wait_s=WAIT_S if wait_s is None else wait_s,
    )
    return PhoneSession(context=context, old_udid=None, old_backup=None, new_udid=None, encrypts_backups=False)


def repair_listener(options: GlobalOptions, backup: Path) -> events.Listener:
    """Shows progress; with --json only the phone's part, because a person may be needed at the phone."""
    from migrate.journey import events

    show = make_listener(as_json=False)
    step = ""

    def listen(event: events.Event) -> None:
        nonlocal step
        if isinstance(event, events.StepStarted):
            step = event.step
            if step == "fetch":
                options.ctrl_c_error = HealStopped(str(backup))
        if isinstance(event, events.StepFinished):
            event = events.RunFinished(None, "done", 0, None, None)  # removes the bar and prints nothing
        if step == "fetch" or not options.json:
            show(event)

    return listen


# -- in words --------------------------------------------------------------------------------------------------------


def format_repair(repaired: RepairResult) -> list[str]:
    return [*(wrapped(line) for line in _repair_summary(repaired)), "", *format_verdict(repaired.verdict, quick=False)]


def _repair_summary(repaired: RepairResult) -> list[str]:
    if repaired.answer == "nothing":
        return ["There was nothing to heal."]
    if not repaired.in_place:
        return ["It could not be healed: the healed copy has the wounds below, so the backup was left as it was."]
    back = sum(record.came_back for record in repaired.dropped)
    lost = len(repaired.dropped) - back
    lines = []
    if repaired.answer == "without-phone":
        lines.append(f"Healed by leaving out {_files(lost)}. Each is named below.")
    else:
        came = f"The phone sent {_files(repaired.fetched.files)}, {format_bytes(repaired.fetched.bytes)}"
        whole = ": all that it holds, anew" if repaired.answer == "full" else ""
        were = "was" if back == 1 else "were"
        lines.append(f"Healed: {_files(back)} that {were} damaged or missing came back. {came}{whole}.")
        if lost:
            lines.append(f"{_files(lost).capitalize()} did not come back, because the phone no longer has them.")
    if repaired.kept is not None:
        lines.append(f"The backup as it was is kept, for what can still be taken out of it: {repaired.kept}")
    return lines


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
