"""The commands that have commands of their own: `plan`, `runs`, `simulator`."""

from __future__ import annotations

import typer

GROUP_HELPS = {
    "plan": "Makes and looks at plans: new, check, explain, schema.",
    "runs": "What was run, and what it keeps on this disk.",
    "simulator": "A simulated iPhone: serve.",
}


def command_group(app: typer.Typer, name: str) -> typer.Typer:
    """The group `name`, added to `app` when the first of its commands registers."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    group = typer.Typer(help=GROUP_HELPS[name], rich_markup_mode=None)
    app.add_typer(group, name=name)
    return group
