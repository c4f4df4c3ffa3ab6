"""`migrate icloud status`, `on` and `off`: iCloud Backup, the backup that a phone makes by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from migrate.language import _, mark
from migrate.problems import ICloudBackupRecent, WhichPhoneIsMeant
from migrate.talk.command_groups import command_group
from migrate.talk.console import print_json, print_line, wrapped
from migrate.talk.one_phone import UdidArgument, WaitOption, meet_one_phone
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts
    from migrate.phone.icloud import ICloudBackup

WAYS_OUT = (
    mark("See what fills it: Settings, your name, iCloud, Storage."),
    mark("Back up less: Settings, your name, iCloud, iCloud Backup, this iPhone. Turn off what you do not need there."),
    mark("Delete backups of phones that you no longer have, on the same page."),
    mark("Pay for more (iCloud+), or use the storage of your family: Settings, your name, iCloud, Family Sharing."),
    mark(
        "For a new iPhone, Apple lends enough storage for three weeks (from iOS 15 on): Settings, General, Transfer or "
        "Reset iPhone, Get Started."
    ),
)
"""What a person can do about full iCloud storage. The places in Settings are *reported*; Apple moves them now and
then."""


def register(app: typer.Typer) -> None:
    icloud_app = command_group(app, "icloud")
    for name, command in (("status", status), ("on", turn_on), ("off", turn_off)):
        icloud_app.command(name)(with_global_options(command, uses_event_loop=True))


def status(options: GlobalOptions, udid: UdidArgument = None, wait: WaitOption = None) -> Exit:
    """Shows whether iCloud Backup is on, how old the last one is, and what to do if it fails.

    A phone tells a computer neither why an iCloud Backup failed nor how full the iCloud storage is.
    """
    from migrate.journey.icloud import days_since, icloud_backup_problem
    from migrate.units import now_utc

    facts, told = run_async(_ask(options, udid, wait))
    finding = icloud_backup_problem(facts).as_finding()
    if options.json:
        last = told.last.isoformat().replace("+00:00", "Z") if told.last else None
        answer = {
            **_names(facts),
            "on": told.on,
            "last": last,
            "age_days": days_since(told.last, now_utc()) if told.last else None,
            "account": told.account,
            "signed_in": told.signed_in,
            "findings": [finding.as_json()],
        }
        print_json(answer)
        return None
    may_be_full = told.on is not False and finding.code != ICloudBackupRecent.code
    summary = (wrapped(finding.what), wrapped(finding.why, indent="  "), "")
    for line in (*summary, *format_facts(told), *format_ways_out(options, facts, may_be_full=may_be_full)):
        print_line(line)
    return None


def turn_on(options: GlobalOptions, udid: UdidArgument = None, wait: WaitOption = None) -> Exit:
    """Turns iCloud Backup on. The phone makes the next one by itself, at night, when it charges and has Wi-Fi."""
    facts = run_async(_set(options, udid, wait, on=True))
    return _report_change(options, facts, _("iCloud Backup of {phone} is on."), _(NEXT_NIGHT))


def turn_off(options: GlobalOptions, udid: UdidArgument = None, wait: WaitOption = None) -> Exit:
    """Turns iCloud Backup off. Apple keeps the last one for 180 days."""
    facts = run_async(_set(options, udid, wait, on=False))
    return _report_change(options, facts, _("iCloud Backup of {phone} is off."), _(KEPT_FOR))


NEXT_NIGHT = mark(
    "The phone makes the next one by itself while it charges, is locked and has Wi-Fi. To begin now: Settings, your "
    "name, iCloud, iCloud Backup, Back Up Now."
)
KEPT_FOR = mark("Apple keeps the last one for 180 days. A backup to this computer needs no iCloud storage: {command}")
"""180 days: "What is iCloud Backup?" in Apple's iCloud User Guide (*read*)."""


async def _ask(options: GlobalOptions, udid: str | None, wait: int | None) -> tuple[PhoneFacts, ICloudBackup]:
    from migrate.talk.task_progress import report_progress

    which = partial(WhichPhoneIsMeant, group="icloud", action="status")
    with options.open_workspace() as workspace, report_progress("icloud", quiet=False) as progress:
        async with meet_one_phone(workspace, udid, wait_s=wait, progress=progress, which=which) as phone:
            return phone.facts, await phone.icloud_backup()


async def _set(options: GlobalOptions, udid: str | None, wait: int | None, *, on: bool) -> PhoneFacts:
    from migrate.talk.task_progress import report_progress

    which = partial(WhichPhoneIsMeant, group="icloud", action="on" if on else "off")
    with options.open_workspace() as workspace, report_progress("icloud", quiet=False) as progress:
        async with meet_one_phone(workspace, udid, wait_s=wait, progress=progress, which=which) as phone:
            await phone.set_icloud_backup(on, progress=progress)
            return phone.facts


def _report_change(options: GlobalOptions, facts: PhoneFacts, done: str, more: str) -> Exit:
    if options.json:
        print_json({**_names(facts), "on": facts.icloud_backup_on})
        return None
    print_line(wrapped(done.format(phone=facts.name_or_model)))
    print_line(wrapped(more.format(command=options.command_to_paste("backup", facts.udid)), indent="  "))
    return None


def _names(facts: PhoneFacts) -> dict[str, Any]:
    return {"udid": facts.udid, "name": facts.name}


# -- text ------------------------------------------------------------------------------------------------------------


def format_facts(told: ICloudBackup) -> list[str]:
    """On or off, the last one and the account, each on a line."""
    on = {True: _("on"), False: _("off"), None: _("the phone does not say")}[told.on]
    last = f"{told.last.astimezone():%Y-%m-%d %H:%M}" if told.last else _("none that the phone knows of")
    unknown = _("signed in; the phone does not say to which") if told.signed_in else _("the phone does not say")
    rows = ((_("iCloud Backup:"), on), (_("Last one:"), last), (_("Apple Account:"), told.account or unknown))
    wide = max(len(title) for title, _value in rows)
    return [wrapped(value, first=f"  {title:<{wide}}  ", indent=" " * (wide + 4)) for title, value in rows]


def format_ways_out(options: GlobalOptions, facts: PhoneFacts, *, may_be_full: bool) -> list[str]:
    """What to do when iCloud storage is full, and the backup that needs none."""
    local = _("Or back up to this computer, which needs no iCloud storage and can be checked file by file:")
    lines = ["", wrapped(local, indent="  "), f"    {options.command_to_paste('backup', facts.udid)}"]
    if not may_be_full:
        return lines
    ways = [wrapped(f"{number}. {_(way)}", first="    ", indent="       ") for number, way in enumerate(WAYS_OUT, 1)]
    return ["", wrapped(_("If the phone says that iCloud storage is full:"), indent="  "), *ways, *lines]
