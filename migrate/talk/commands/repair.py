"""`migrate repair`: a damaged backup, made whole with its phone's help, or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.problems import RepairNeedsPhone, RepairStopped
from migrate.talk.commands.phones import WAIT_S
from migrate.talk.commands.verify_and_show import BackupArgument, format_verdict, with_password
from migrate.talk.console import print_json, print_line, wrapped
from migrate.talk.options import Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
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
    """The phone of a backup, on a cable."""

    options: GlobalOptions
    workspace: Workspace
    backup: Path
    wait_s: int | None

    def find(self, udid: str, damaged: int) -> str:
        """Raises RepairNeedsPhone: it is not there now, and nobody said --wait."""
        from migrate.phone.discovery import find_phones
        from migrate.udid import same_udid

        found = run_async(find_phones(self.workspace.usbmux))
        there = next((phone.udid for phone in found if same_udid(phone.udid, udid)), None)
        if there is None and self.wait_s is None:
            raise RepairNeedsPhone(str(self.backup), udid, damaged, tuple(phone.udid for phone in found))
        return there or udid

    def back_up(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        self.options.ctrl_c_error = RepairStopped(str(self.backup))
        return run_async(self._save(folder, seals))

    async def _save(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        from migrate.phone.phone import Phone
        from migrate.talk.task_progress import report_progress

        wait_s = WAIT_S if self.wait_s is None else self.wait_s
        with report_progress(
            "fetch", quiet=False
        ) as progress:  # in words also beside --json: somebody may be needed at the phone
            async with await Phone.meet(self.workspace.usbmux, folder.name, progress=progress, wait_s=wait_s) as phone:
                await phone.back_up(folder, seals=seals, progress=progress)
        return tuple(progress.findings)


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
