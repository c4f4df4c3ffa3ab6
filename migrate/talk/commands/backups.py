"""`migrate backups`: the backups on this computer, in the places programs usually keep them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.language import _, mark
from migrate.talk.backup_programs import PROGRAM_NAMES
from migrate.talk.console import one_line, print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrate.backup.locations import BackupLocation, BackupSummary

FULL_DISK_ACCESS = mark(
    "macOS does not let your terminal read that folder. Open System Settings, Privacy & Security, Full Disk Access, "
    "turn your terminal on there, and restart it."
)


def register(app: typer.Typer) -> None:
    app.command("backups")(with_global_options(backups))


def backups(options: GlobalOptions) -> Exit:
    """Lists the backups on this computer: from Finder, iTunes, Apple Devices and migrate, and in the current folder.

    It needs no password and decrypts nothing.
    """
    from migrate.backup.locations import list_backups, usual_locations

    places = usual_locations(
        sys.platform, os.environ, Path.home(), ours=options.home_folder / "backups", here=Path.cwd()
    )
    found = 0
    for one in list_backups(places):
        found += 1
        if options.json:
            print_json(one.as_json())
            continue
        for line in format_backup(one):
            print_line(line)
        if one.place == "finder" and one.udid is None:
            say(wrapped(_(FULL_DISK_ACCESS), indent="  "))
    if not found:
        for line in format_no_backups(places):
            say(line)
    return None


def format_backup(one: BackupSummary) -> list[str]:
    """One backup: its facts, and its folder on a separate line to copy."""
    if one.udid is None:  # a place that cannot be read
        return [
            wrapped(
                _("This folder for backups ({program}) cannot be read: {reason}.").format(
                    program=_(PROGRAM_NAMES[one.place]), reason=one.problem
                )
            ),
            f"  {one_line(one.backup)}",
        ]
    about = [one.name or _("(no name)")]
    if one.ios_version:
        about.append(f"iOS {one.ios_version}")
    if one.backed_up_at:
        about.append(f"{one.backed_up_at:%Y-%m-%d %H:%M} UTC")
    if one.encrypted is not None:
        about.append(_("encrypted") if one.encrypted else _("not encrypted"))
    if one.finished is not None:
        about.append(_("finished") if one.finished else _("never finished"))
    if one.bytes is not None:
        about.append(format_bytes(one.bytes))
    about.append(_(PROGRAM_NAMES[one.place]))
    lines = [wrapped(", ".join(about), indent="    ", first=""), f"  {one_line(one.backup)}"]
    if one.problem:
        lines.append(
            wrapped(_("Not all of it could be read: {reason}.").format(reason=one.problem), indent="    ", first="  ")
        )
    return lines


def format_no_backups(places: Sequence[BackupLocation]) -> list[str]:
    return [
        wrapped(_("No backup was found. Looked in:")),
        *(f"  {one_line(place.path)}" for place in places),
        wrapped(_("For a backup elsewhere, name its folder: migrate verify BACKUP")),
    ]
