"""`migrate repair`: repair a damaged backup, with or without its phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _, plural
from migrate.problems import RepairStopped
from migrate.talk.backup_access import BackupArgument, phone_session
from migrate.talk.console import format_file_count, print_json, print_line, wrapped
from migrate.talk.one_phone import WaitOption
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.talk.verdict import format_verdict
from migrate.units import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from migrate.journey import events
    from migrate.journey.repair.repair import RepairResult


def register(app: typer.Typer) -> None:
    app.command("repair")(with_global_options(repair, uses_event_loop=True))


def repair(
    options: GlobalOptions,
    backup: BackupArgument,
    without_phone: Annotated[
        bool,
        typer.Option(
            "--without-phone",
            help=_("Repair without the phone: leave out the damaged files and list them."),
            show_default=False,
        ),
    ] = False,
    wait: WaitOption = None,
    password_file: PasswordFile = None,
) -> Exit:
    """Repairs a damaged backup: its phone sends what is damaged or missing.

    Repairs a copy (made of hard links, so it needs little space). The copy replaces the backup only if it is undamaged.
    """
    from migrate.journey.repair.phone import RepairPhone
    from migrate.journey.repair.repair import Repair

    path = backup.expanduser()
    with options.open_workspace() as workspace:
        passwords, listener = Passwords(file=password_file), repair_listener(options, path)
        session = phone_session(workspace, passwords=passwords, listener=listener, wait_s=wait)
        phone = None if without_phone else RepairPhone(session, may_be_connected_later=wait is not None)
        repaired = run_async(Repair(session=session, path=path, phone=phone).run())
    if options.json:
        print_json(repaired.as_json())
    else:
        for line in format_repair(repaired):
            print_line(line)
    return repaired.exit_code


def repair_listener(options: GlobalOptions, backup: Path) -> events.Listener:
    """Shows progress; with --json only the phone's part, because a person may be needed at the phone."""
    from migrate.journey import events
    from migrate.talk.progress import make_listener

    show = make_listener(as_json=False)
    step = ""

    def listen(event: events.Event) -> None:
        nonlocal step
        if isinstance(event, events.StepStarted):
            step = event.step
            if step == "fetch":
                options.ctrl_c_error = RepairStopped(str(backup))
        if isinstance(event, events.StepFinished):
            event = events.RunFinished(None, "done", 0, None, None)  # removes the bar and prints nothing
        if step == "fetch" or not options.json:
            show(event)

    return listen


# -- text ------------------------------------------------------------------------------------------------------------


def format_repair(repaired: RepairResult) -> list[str]:
    return [*(wrapped(line) for line in _repair_summary(repaired)), "", *format_verdict(repaired.verdict, quick=False)]


def _repair_summary(repaired: RepairResult) -> list[str]:
    if repaired.answer == "nothing":
        return [_("There was nothing to repair.")]
    if not repaired.in_place:
        return [
            _("It could not be repaired: the repaired copy has the problems below, so the backup was left as it was.")
        ]
    back = sum(record.came_back for record in repaired.dropped)
    lost = len(repaired.dropped) - back
    lines = []
    if repaired.answer == "without-phone":
        left_out = _("Repaired by leaving out {files}. Each is named below.")
        lines.append(left_out.format(files=format_file_count(lost)))
    else:
        came_back = plural(
            "Repaired: {count:,} damaged or missing file was replaced.",
            "Repaired: {count:,} damaged or missing files were replaced.",
            back,
        )
        sent = _("The phone sent {files}, {size}.")
        if repaired.answer == "full":
            sent = _("The phone sent everything again: {files}, {size}.")
        known = {"files": format_file_count(repaired.fetched.files), "size": format_bytes(repaired.fetched.bytes)}
        lines.append(f"{came_back.format(count=back)} {sent.format(**known)}")
        if lost:
            not_back = plural(
                "{count:,} file is still missing, because the phone no longer has it.",
                "{count:,} files are still missing, because the phone no longer has them.",
                lost,
            )
            lines.append(not_back.format(count=lost))
    if repaired.kept is not None:
        kept = _("The backup as it was is kept, so that files can still be extracted from it: {folder}")
        lines.append(kept.format(folder=repaired.kept))
    return lines
