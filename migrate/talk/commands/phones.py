"""`migrate phones`: the connected phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts


def register(app: typer.Typer) -> None:
    app.command("phones")(with_global_options(phones))


def phones(options: GlobalOptions) -> Exit:
    """Lists the connected phones. Never makes one ask for trust."""
    from migrate.phone.discovery import find_phones

    with options.open_workspace() as workspace:
        found = run_async(find_phones(workspace.usbmux))
    for number, phone in enumerate(found):
        if options.json:
            print_json(phone.as_json())
            continue
        if number:
            print_line()
        for line in format_phone(phone):
            print_line(line)
    if not found:
        say("No phone is connected. Connect one with its cable and unlock it.")
    return None


def format_phone(phone: PhoneFacts) -> list[str]:
    """One phone, its name first, its UDID on a line of its own to be copied."""
    about = [phone.model_name or phone.model or "model unknown", f"iOS {phone.ios_version or 'unknown'}"]
    about.append({"USB": "on a cable", "Network": "over Wi-Fi"}.get(phone.connection, phone.connection))
    lines = [wrapped(phone.name or "(no name)"), f"  {phone.udid}", wrapped(", ".join(about), indent="  ")]
    if not phone.trusted:
        return [*lines, wrapped("It does not trust this computer yet, so it tells no more.", indent="  ")]
    state = []
    if phone.used_bytes is not None and phone.free_bytes is not None:
        state.append(f"{format_bytes(phone.used_bytes)} used, {format_bytes(phone.free_bytes)} free")
    if phone.encrypts_backups is not None:
        state.append("encrypts its backups" if phone.encrypts_backups else "does not encrypt its backups")
    state.append({True: "Find My is on", False: "Find My is off", None: "Find My unknown"}[phone.find_my])
    if phone.battery_percent is not None:
        state.append(f"battery {phone.battery_percent} %")
    if phone.last_icloud_backup is not None:
        state.append(f"last iCloud backup {phone.last_icloud_backup:%Y-%m-%d}")
    return [*lines, wrapped(", ".join(state), indent="  ")]
