"""`migrate heal`: a damaged backup, made whole with its phone's help, or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.problems import HealNeedsPhone, HealStopped
from migrate.talk.commands.phones import WAIT_S
from migrate.talk.commands.verify_and_show import BackupArgument, verdict_in_words, with_password
from migrate.talk.console import put, put_json, wrapped
from migrate.talk.options import AtHome, Everywhere, Exit, run_async, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.units import bytes_text

if TYPE_CHECKING:
    from migrate.journey.repair.repair import Healed
    from migrate.problems.finding import Finding


def register(app: typer.Typer) -> None:
    app.command("heal")(with_global_options(heal))


def heal(
    said: Everywhere,
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
    from migrate.journey.repair.repair import Heal
    from migrate.talk.task_progress import report_progress

    passwords = Passwords(file=password_file)
    with said.at_home() as here:
        healed = Heal(
            path=backup.expanduser(),
            seals=here.home.seals,
            phone=None if without_phone else CabledPhone(said, here, backup, wait),
            with_password=lambda folder, work: with_password(folder, passwords, work),
            holding=lambda name: here.home.alone_with(name, name),
            telling=lambda step: report_progress(step, quiet=said.json),
        ).run()
    if said.json:
        put_json(healed.as_json())
    else:
        for line in in_words(healed):
            put(line)
    return healed.exit_code


@dataclass
class CabledPhone:
    """The phone of a backup, on a cable."""

    said: Everywhere
    here: AtHome
    backup: Path
    wait_s: int | None

    def find(self, udid: str, damaged: int) -> str:
        """Raises HealNeedsPhone: it is not there now, and nobody said --wait."""
        from migrate.phone.discovery import look
        from migrate.udid import same_udid

        found = run_async(look(self.here.muxer))
        there = next((phone.udid for phone in found if same_udid(phone.udid, udid)), None)
        if there is None and self.wait_s is None:
            raise HealNeedsPhone(str(self.backup), udid, damaged, tuple(phone.udid for phone in found))
        return there or udid

    def save(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        self.said.begun = HealStopped(str(self.backup))
        return run_async(self._save(folder, seals))

    async def _save(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        from migrate.phone.phone import Phone
        from migrate.talk.task_progress import report_progress

        wait_s = WAIT_S if self.wait_s is None else self.wait_s
        with report_progress(
            "fetch", quiet=False
        ) as watch:  # in words also beside --json: somebody may be needed at the phone
            async with await Phone.meet(self.here.muxer, folder.name, watch=watch, wait_s=wait_s) as phone:
                await phone.save(folder, seals=seals, watch=watch)
        return tuple(watch.findings)


# -- in words --------------------------------------------------------------------------------------------------------


def in_words(healed: Healed) -> list[str]:
    return [*(wrapped(line) for line in _what_was_done(healed)), "", *verdict_in_words(healed.verdict, quick=False)]


def _what_was_done(healed: Healed) -> list[str]:
    if healed.answer == "nothing":
        return ["There was nothing to heal."]
    if not healed.in_place:
        return ["It could not be healed: the healed copy has the wounds below, so the backup was left as it was."]
    back = sum(record.came_back for record in healed.dropped)
    lost = len(healed.dropped) - back
    lines = []
    if healed.answer == "without-phone":
        lines.append(f"Healed by leaving out {_files(lost)}. Each is named below.")
    else:
        came = f"The phone sent {_files(healed.fetched.files)}, {bytes_text(healed.fetched.bytes)}"
        whole = ": all that it holds, anew" if healed.answer == "full" else ""
        were = "was" if back == 1 else "were"
        lines.append(f"Healed: {_files(back)} that {were} damaged or missing came back. {came}{whole}.")
        if lost:
            lines.append(f"{_files(lost).capitalize()} did not come back, because the phone no longer has them.")
    if healed.kept is not None:
        lines.append(f"The backup as it was is kept, for what can still be taken out of it: {healed.kept}")
    return lines


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
