"""`migrate backups`: the backups on this computer, found where programs usually leave them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.talk.console import put, put_json, say, wrapped
from migrate.talk.options import Everywhere, Exit, with_global_options
from migrate.units import bytes_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrate.backup.locations import Glance, Place

PROGRAMS = {
    "finder": "Finder's",
    "itunes": "iTunes'",
    "apple-devices": "Apple Devices'",
    "migrate": "migrate's own",
    "here": "in the current folder",
}

FULL_DISK_ACCESS = (
    "macOS keeps that folder from programs it does not trust. Open System Settings, Privacy & Security, "
    "Full Disk Access, switch your terminal on, and open it anew."
)


def register(app: typer.Typer) -> None:
    app.command("backups")(with_global_options(backups))


def backups(said: Everywhere) -> Exit:
    """Lists the backups on this computer: Finder's, iTunes', Apple Devices', our own, and those in this folder.

    It asks for no password and decrypts nothing.
    """
    from migrate.backup.locations import glances, usual_places

    places = usual_places(sys.platform, os.environ, Path.home(), ours=said.home_folder / "backups", here=Path.cwd())
    found = 0
    for one in glances(places):
        found += 1
        if said.json:
            put_json(one.as_json())
            continue
        for line in in_words(one):
            put(line)
        if one.place == "finder" and one.udid is None:
            say(wrapped(FULL_DISK_ACCESS, indent="  "))
    if not found:
        for line in nothing_in_words(places):
            say(line)
    return None


def in_words(one: Glance) -> list[str]:
    """One backup: a line of facts, and its folder on a line of its own to be copied."""
    if one.udid is None:  # no backup: a place that may not be looked into
        return [
            wrapped(f"A folder for backups, {PROGRAMS[one.place]}, may not be read: {one.problem}."),
            f"  {one.backup}",
        ]
    about = [one.name or "(no name)"]
    if one.ios_version:
        about.append(f"iOS {one.ios_version}")
    if one.saved:
        about.append(f"{one.saved:%Y-%m-%d %H:%M} UTC")
    if one.encrypted is not None:
        about.append("encrypted" if one.encrypted else "not encrypted")
    if one.finished is not None:
        about.append("finished" if one.finished else "never finished")
    if one.bytes is not None:
        about.append(bytes_text(one.bytes))
    about.append(PROGRAMS[one.place])
    lines = [wrapped(", ".join(about), indent="    ", first=""), f"  {one.backup}"]
    if one.problem:
        lines.append(wrapped(f"Not all of it could be read: {one.problem}.", indent="    ", first="  "))
    return lines


def nothing_in_words(places: Sequence[Place]) -> list[str]:
    return [
        wrapped("No backup was found. Looked in:"),
        *(f"  {place.path}" for place in places),
        wrapped("A backup elsewhere is named by its folder: migrate verify BACKUP"),
    ]
