"""`migrate phones` and `migrate backup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from migrate.problems import BackupInterrupted, NoPhone, WhichPhoneToBackUp
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts

WAIT_S = 60
"""How long `back_up` waits for Trust to be tapped or a phone to be unlocked: somebody has just typed the command and is
near. A run, which may be hours old, waits longer (contract 1)."""


def register(app: typer.Typer) -> None:
    app.command("phones")(with_global_options(phones))
    app.command("backup")(with_global_options(back_up))


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


def back_up(
    options: GlobalOptions,
    udid: Annotated[
        str | None,
        typer.Argument(metavar="[UDID]", help="Which phone; not needed for the only one.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Save all of it anew, not only what changed.", show_default=False)
    ] = False,
    wait: Annotated[
        int | None,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            help=f"How long to wait for a phone, and a hand on it (else {WAIT_S} for the hand).",
            show_default=False,
        ),
    ] = None,
) -> Exit:
    """Saves a phone to this computer, nothing more. An interrupted save goes on where it stopped."""
    with options.open_workspace() as workspace:
        saved = run_async(back_up_phone(options, workspace, udid, fresh=fresh, wait_s=wait))
    if options.json:
        print_json(saved)
        return None
    print_line(
        wrapped(
            f"{saved['name']} is saved: {saved['files']:,} files, {format_bytes(saved['bytes'])} came over the cable."
        )
    )
    print_line(f"  {saved['backup']}")
    print_line(wrapped("Check it with: migrate verify BACKUP. Look into it with: migrate show BACKUP", indent="  "))
    return None


async def back_up_phone(
    options: GlobalOptions, workspace: Workspace, udid: str | None, *, fresh: bool, wait_s: int | None
) -> dict[str, Any]:
    """Meet the phone, save it into its working backup, and come back with what `save --json` answers.

    Raises:
        NoPhone, WhichPhoneToBackUp: at once, unless --wait was said.
        What Phone.meet and Phone.save raise.
    """
    from migrate.phone.phone import Phone
    from migrate.talk.task_progress import report_progress

    if wait_s is None:
        udid, wait_s = await select_phone(workspace, udid), WAIT_S
    with report_progress(
        "backup", quiet=False
    ) as progress:  # in words also beside --json: somebody may be needed at the phone
        meeting = Phone.meet(workspace.usbmux, udid, progress=progress, wait_s=wait_s) if udid else None
        async with await (meeting or Phone.meet_any(workspace.usbmux, progress=progress, wait_s=wait_s)) as phone:
            facts = phone.facts
            options.ctrl_c_error = BackupInterrupted(facts.name_or_model, facts.udid)
            folder = workspace.home.working_backup(facts.udid)
            begin: Literal["fresh", "incremental"] = "fresh" if fresh else "incremental"
            with workspace.home.lock_working_backup(folder.name, facts.name_or_model):
                report = await phone.back_up(folder, seals=workspace.home.seals, begin=begin, progress=progress)
    return {
        "backup": str(folder),
        "udid": facts.udid,
        "name": facts.name_or_model,
        "files": report.files_received,
        "bytes": report.bytes_received,
        "findings": [finding.as_json() for finding in progress.findings],
    }


async def select_phone(workspace: Workspace, udid: str | None) -> str:
    """The phone that is meant, of those that are there now.

    Raises:
        NoPhone: it is not there. WhichPhoneToBackUp: it could be several.
    """
    from migrate.phone.discovery import find_phones
    from migrate.udid import same_udid

    found = await find_phones(workspace.usbmux)
    fitting = [phone for phone in found if udid is None or same_udid(phone.udid, udid)]
    if not fitting:
        raise NoPhone(udid or "", tuple(phone.udid for phone in found))
    if len(fitting) > 1:
        raise WhichPhoneToBackUp(tuple(f"{phone.name_or_model} ({phone.udid})" for phone in fitting))
    return fitting[0].udid
