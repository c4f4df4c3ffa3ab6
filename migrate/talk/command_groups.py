"""The commands with subcommands: `auto`, `icloud`, `encryption`, `plan`, `runs`, `snapshots`, `simulator`."""

from __future__ import annotations

import typer

from migrate.language import _, mark

GROUP_HELPS = {
    "icloud": mark("Shows iCloud Backup of a phone and turns it on or off: status, on, off."),
    "encryption": mark("Encrypts a phone's backups, or not, and changes their password: on, off, change."),
    "plan": mark("Creates, checks and explains plans: new, check, explain, schema."),
    "auto": mark("Backs iPhones up by itself: on, off, status, tick."),
    "snapshots": mark("Earlier states of the backups here: list, show, forget, check."),
    "runs": mark("Lists, shows and deletes runs: list, show, rm."),
    "simulator": mark("Simulated iPhones, for tests and other tools: serve."),
}


def command_group(app: typer.Typer, name: str) -> typer.Typer:
    """The group `name`, added to `app` when the first of its commands registers."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    group = typer.Typer(help=_(GROUP_HELPS[name]), rich_markup_mode=None)
    app.add_typer(group, name=name)
    return group
