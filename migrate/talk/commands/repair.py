"""`migrate repair`: repair a damaged backup, with or without its phone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _, plural
from migrate.problems import HealNeedsPhone, HealStopped
from migrate.talk.backup_access import BackupArgument, with_password
from migrate.talk.console import format_file_count, print_json, print_line, wrapped
from migrate.talk.options import PHONE_WAIT_S, Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.talk.verdict import format_verdict
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.journey.repair.repair import RepairResult
    from migrate.problems.finding import Finding


def register(app: typer.Typer) -> None:
    app.command("repair")(with_global_options(heal))


def heal(
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
    wait: Annotated[
        int | None,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            help=_(
                "How long to wait for the phone to be connected and unlocked (default: {seconds} s once connected)."
            ).format(seconds=PHONE_WAIT_S),
            show_default=False,
        ),
    ] = None,
    password_file: PasswordFile = None,
) -> Exit:
    """Repairs a damaged backup: its phone sends what is damaged or missing.

    Repairs a copy (made of links, so it needs little space), which replaces the backup only once it is proven whole.
    """
    from migrate.journey.repair.repair import Repair
    from migrate.talk.task_progress import report_progress

    passwords = Passwords(file=password_file)
    with options.open_workspace() as workspace:
        repaired = Repair(
            path=backup.expanduser(),
            seals=workspace.home.seals,
            phone=None if without_phone else ConnectedPhone(options, workspace, backup, wait),
            with_password=lambda folder, work: with_password(folder, passwords, work),
            lock_backup=lambda name: workspace.home.lock_working_backup(name, name),
            telling=lambda step: report_progress(step, quiet=options.json),
        ).run()
    if options.json:
        print_json(repaired.as_json())
    else:
        for line in format_repair(repaired):
            print_line(line)
    return repaired.exit_code


@dataclass
class ConnectedPhone:
    """The phone of a backup, connected by cable."""

    options: GlobalOptions
    workspace: Workspace
    backup: Path
    wait_s: int | None

    def find(self, udid: str, damaged: int) -> str:
        """The phone's UDID as it is connected.

        Raises:
            HealNeedsPhone: it is not connected, and --wait was not given.
        """
        from migrate.phone.discovery import find_phones
        from migrate.udid import same_udid

        found = run_async(find_phones(self.workspace.usbmux))
        there = next((phone.udid for phone in found if same_udid(phone.udid, udid)), None)
        if there is None and self.wait_s is None:
            raise HealNeedsPhone(str(self.backup), udid, damaged, tuple(phone.udid for phone in found))
        return there or udid

    def back_up(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        self.options.ctrl_c_error = HealStopped(str(self.backup))
        return run_async(self._save(folder, seals))

    async def _save(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        from migrate.phone.phone import Phone
        from migrate.talk.task_progress import report_progress

        wait_s = PHONE_WAIT_S if self.wait_s is None else self.wait_s
        with report_progress("fetch", quiet=False) as progress:  # also with --json: the phone may need its owner
            async with await Phone.meet(self.workspace.usbmux, folder.name, progress=progress, wait_s=wait_s) as phone:
                await phone.back_up(folder, seals=seals, progress=progress)
        return tuple(progress.findings)


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
