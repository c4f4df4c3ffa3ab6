"""`migrate phones` and `migrate save`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from migrate.problems import NoPhone, SaveInterrupted, WhichPhoneToSave
from migrate.talk.console import put, put_json, say, wrapped
from migrate.talk.options import AtHome, Everywhere, Exit, run_async, with_global_options
from migrate.units import bytes_text

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts

WAIT_S = 60
"""How long `save` waits for Trust to be tapped or a phone to be unlocked: somebody has just typed the command and is
near. A run, which may be hours old, waits longer (contract 1)."""


def register(app: typer.Typer) -> None:
    app.command("phones")(with_global_options(phones))
    app.command("save")(with_global_options(save))


def phones(said: Everywhere) -> Exit:
    """Lists the connected phones. Never makes one ask for trust."""
    from migrate.phone.discovery import look

    with said.at_home() as here:
        found = run_async(look(here.muxer))
    for number, phone in enumerate(found):
        if said.json:
            put_json(phone.as_json())
            continue
        if number:
            put()
        for line in phone_in_words(phone):
            put(line)
    if not found:
        say("No phone is connected. Connect one with its cable and unlock it.")
    return None


def phone_in_words(phone: PhoneFacts) -> list[str]:
    """One phone, its name first, its UDID on a line of its own to be copied."""
    about = [phone.model_name or phone.model or "model unknown", f"iOS {phone.ios_version or 'unknown'}"]
    about.append({"USB": "on a cable", "Network": "over Wi-Fi"}.get(phone.connection, phone.connection))
    lines = [wrapped(phone.name or "(no name)"), f"  {phone.udid}", wrapped(", ".join(about), indent="  ")]
    if not phone.trusted:
        return [*lines, wrapped("It does not trust this computer yet, so it tells no more.", indent="  ")]
    state = []
    if phone.used_bytes is not None and phone.free_bytes is not None:
        state.append(f"{bytes_text(phone.used_bytes)} used, {bytes_text(phone.free_bytes)} free")
    if phone.encrypts_backups is not None:
        state.append("encrypts its backups" if phone.encrypts_backups else "does not encrypt its backups")
    state.append({True: "Find My is on", False: "Find My is off", None: "Find My unknown"}[phone.find_my])
    if phone.battery_percent is not None:
        state.append(f"battery {phone.battery_percent} %")
    if phone.last_icloud_backup is not None:
        state.append(f"last iCloud backup {phone.last_icloud_backup:%Y-%m-%d}")
    return [*lines, wrapped(", ".join(state), indent="  ")]


def save(
    said: Everywhere,
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
    with said.at_home() as here:
        saved = run_async(save_phone(said, here, udid, fresh=fresh, wait_s=wait))
    if said.json:
        put_json(saved)
        return None
    put(
        wrapped(
            f"{saved['name']} is saved: {saved['files']:,} files, {bytes_text(saved['bytes'])} came over the cable."
        )
    )
    put(f"  {saved['backup']}")
    put(wrapped("Check it with: migrate verify BACKUP. Look into it with: migrate show BACKUP", indent="  "))
    return None


async def save_phone(
    said: Everywhere, here: AtHome, udid: str | None, *, fresh: bool, wait_s: int | None
) -> dict[str, Any]:
    """Meet the phone, save it into its working backup, and come back with what `save --json` answers.

    Raises:
        NoPhone, WhichPhoneToSave: at once, unless --wait was said.
        What Phone.meet and Phone.save raise.
    """
    from migrate.phone.phone import Phone
    from migrate.talk.task_progress import telling

    if wait_s is None:
        udid, wait_s = await the_phone(here, udid), WAIT_S
    with telling("save", quiet=False) as watch:  # in words also beside --json: somebody may be needed at the phone
        meeting = Phone.meet(here.muxer, udid, watch=watch, wait_s=wait_s) if udid else None
        async with await (meeting or Phone.meet_any(here.muxer, watch=watch, wait_s=wait_s)) as phone:
            facts = phone.facts
            said.begun = SaveInterrupted(facts.called, facts.udid)
            folder = here.home.working_backup(facts.udid)
            begin: Literal["fresh", "incremental"] = "fresh" if fresh else "incremental"
            with here.home.alone_with(folder.name, facts.called):
                report = await phone.save(folder, seals=here.home.seals, begin=begin, watch=watch)
    return {
        "backup": str(folder),
        "udid": facts.udid,
        "name": facts.called,
        "files": report.files_received,
        "bytes": report.bytes_received,
        "findings": [finding.as_json() for finding in watch.findings],
    }


async def the_phone(here: AtHome, udid: str | None) -> str:
    """The phone that is meant, of those that are there now.

    Raises:
        NoPhone: it is not there. WhichPhoneToSave: it could be several.
    """
    from migrate.phone.discovery import look
    from migrate.udid import same_udid

    found = await look(here.muxer)
    fitting = [phone for phone in found if udid is None or same_udid(phone.udid, udid)]
    if not fitting:
        raise NoPhone(udid or "", tuple(phone.udid for phone in found))
    if len(fitting) > 1:
        raise WhichPhoneToSave(tuple(f"{phone.called} ({phone.udid})" for phone in fitting))
    return fitting[0].udid
