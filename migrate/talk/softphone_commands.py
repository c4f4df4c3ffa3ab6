"""`migrate softphone serve`: a software iPhone behind a usbmuxd socket, for rehearsals, tests and others' tools."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Not there yet."""
