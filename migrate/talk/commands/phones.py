"""`migrate phones`: the connected phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.language import _
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts


def register(app: typer.Typer) -> None:
    app.command("phones")(with_global_options(phones))


def phones(options: GlobalOptions) -> Exit:
    """Lists the connected phones. Never makes a phone ask for trust."""
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
        say(_("No phone is connected. Connect one with its cable and unlock it."))
    return None


def format_phone(phone: PhoneFacts) -> list[str]:
    """One phone: its name, its UDID on a separate line to copy, and its facts."""
    about = [phone.model_name or phone.model or _("model unknown"), f"iOS {phone.ios_version or _('version unknown')}"]
    about.append({"USB": _("by cable"), "Network": _("over Wi-Fi")}.get(phone.connection, phone.connection))
    lines = [wrapped(phone.name or _("(no name)")), f"  {phone.udid}", wrapped(", ".join(about), indent="  ")]
    if not phone.trusted:
        return [*lines, wrapped(_("It does not trust this computer yet, so nothing more is known."), indent="  ")]
    state = []
    if phone.used_bytes is not None and phone.free_bytes is not None:
        state.append(
            _("{used} used, {free} free").format(
                used=format_bytes(phone.used_bytes), free=format_bytes(phone.free_bytes)
            )
        )
    if phone.encrypts_backups is not None:
        state.append(_("encrypts its backups") if phone.encrypts_backups else _("does not encrypt its backups"))
    state.append({True: _("Find My is on"), False: _("Find My is off"), None: _("Find My unknown")}[phone.find_my])
    if phone.battery_percent is not None:
        state.append(_("battery {percent} %").format(percent=phone.battery_percent))
    if phone.last_icloud_backup is not None:
        state.append(_("last iCloud backup {date:%Y-%m-%d}").format(date=phone.last_icloud_backup))
    return [*lines, wrapped(", ".join(state), indent="  ")]
