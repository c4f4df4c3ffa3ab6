"""`migrate auto`: automatic backups."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrate.language import _, mark
from migrate.problems import AutoNotOn, NoTimerSystem, UsageWrong
from migrate.talk.command_groups import command_group
from migrate.talk.console import one_line, print_json, print_line, say, wrapped
from migrate.talk.one_phone import UdidArgument, select_phone
from migrate.talk.options import Exit, GlobalOptions, Workspace, run_async, with_global_options

if TYPE_CHECKING:
    from migrate.schedule.overview import Standing
    from migrate.schedule.settings import PhoneSchedule
    from migrate.schedule.tick import Outcome, Phones, Told
    from migrate.schedule.timers.systems import CronTimer
    from migrate.schedule.timers.timer import Timer

COMMAND = "migrate auto on"
OVERDUE = 4
RESULTS = {
    "backed-up": mark("backed up"),
    "not-due": mark("not due"),
    "not-possible": mark("not possible"),
    "busy": mark("busy: another backup of it is running"),
}


def register(app: typer.Typer) -> None:
    group = command_group(app, "auto")
    group.command("on")(with_global_options(auto_on, uses_event_loop=True))
    group.command("off")(with_global_options(auto_off))
    group.command("status")(with_global_options(auto_status))
    group.command("tick")(with_global_options(auto_tick, uses_event_loop=True))


def auto_on(
    options: GlobalOptions,
    udid: UdidArgument = None,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help=_("How often: 12h, 1d, 1w."))] = "1d",
    window: Annotated[
        str, typer.Option("--window", metavar="HOURS", help=_("When a backup may begin: 18:00-23:00, or any."))
    ] = "18:00-23:00",
    power: Annotated[
        str, typer.Option("--power", metavar="HOW", help=_("charging: only while the iPhone charges; or any."))
    ] = "charging",
    overdue: Annotated[
        str, typer.Option("--overdue", metavar="TIME", help=_("How old the last backup may be before you are told."))
    ] = "7d",
    keep_last: Annotated[int, typer.Option("--keep-last", metavar="N", min=0, help=_("Snapshots: the last N."))] = 0,
    keep_daily: Annotated[int, typer.Option("--keep-daily", metavar="N", min=0, help=_("One for each of N days."))] = 7,
    keep_weekly: Annotated[
        int, typer.Option("--keep-weekly", metavar="N", min=0, help=_("One for each of N weeks."))
    ] = 4,
    keep_monthly: Annotated[
        int, typer.Option("--keep-monthly", metavar="N", min=0, help=_("One for each of N months."))
    ] = 12,
    keep_yearly: Annotated[
        int, typer.Option("--keep-yearly", metavar="N", min=0, help=_("One for each of N years."))
    ] = 0,
    hook: Annotated[
        str | None, typer.Option("--hook", metavar="COMMAND", help=_("A command that is told what happened."))
    ] = None,
) -> Exit:
    """Backs an iPhone up by itself, about once a day, when it is connected and charging.

    This computer's own timer looks every hour. The iPhone asks for its passcode at every backup, so a notice says when
    it is ready. Run it again to change the settings.
    """
    from migrate.schedule.settings import read_settings, write_settings
    from migrate.schedule.state import State, read_state, write_state
    from migrate.units import now_utc

    values = {"every": every, "window": window, "power": power, "overdue": overdue, "hook": hook}
    keep = {
        "last": keep_last,
        "daily": keep_daily,
        "weekly": keep_weekly,
        "monthly": keep_monthly,
        "yearly": keep_yearly,
    }
    with options.open_workspace() as workspace:
        home = workspace.home.path
        settings = read_settings(home)
        chosen, name = run_async(_phone(workspace, udid))
        schedule = _schedule({**values, "udid": chosen, "name": name, "keep": keep})
        timer = _timer(options)
        if not options.json:
            for line in _timer_lines(timer):
                say(line)
        timer.install()
        path = write_settings(home, settings.having(schedule))
        state = read_state(home, schedule.udid)
        if state == State():
            write_state(home, schedule.udid, State(since=now_utc(), last_good=_last_backup(workspace, schedule)))
        (standing,) = [one for one in _standings(workspace) if one.schedule.udid == schedule.udid]
    if options.json:
        print_json({**standing.as_json(), "settings": str(path), "timer": timer.name})
        return None
    print_line(wrapped(_("{phone} is backed up automatically from now on.").format(phone=schedule.called)))
    text = _("Every {every}, {window}, {power}. Next: {next}.")
    shown = {
        "every": schedule.every,
        "window": _("at any hour") if schedule.hours.is_always else schedule.window,
        "power": _("while it charges") if schedule.power == "charging" else _("on battery too"),
        "next": _moment(standing.next_try),
    }
    print_line(wrapped(text.format(**shown), indent="  "))
    print_line(wrapped(_("Settings: {path}").format(path=path), indent="  "))
    return None


def auto_off(options: GlobalOptions, udid: UdidArgument = None) -> Exit:
    """Stops automatic backups, of one iPhone or of all. Backups and snapshots stay."""
    from migrate.schedule.settings import NAME, Settings, read_settings, write_settings
    from migrate.schedule.state import forget_state

    with options.open_workspace() as workspace:
        home = workspace.home.path
        settings = read_settings(home)
        if udid is not None and settings.of(udid) is None:
            raise AutoNotOn(udid)
        left = settings.without(udid) if udid is not None else Settings()
        removed = [one for one in settings.phone if left.of(one.udid) is None]
        try:
            timer = _timer(options)
        except NoTimerSystem:
            timer = None
        if not left.phone and timer is not None:
            timer.remove()
        if left.phone:
            write_settings(home, left)
        else:
            (home / NAME).unlink(missing_ok=True)
        for one in removed:
            forget_state(home, one.udid)
    if options.json:
        print_json({"off": [one.udid for one in removed], "left": [one.udid for one in left.phone]})
        return None
    for one in removed:
        print_line(wrapped(_("{phone} is no longer backed up automatically.").format(phone=one.called)))
    if not removed:
        say(_("Automatic backups were not on."))
    return None


def auto_status(options: GlobalOptions) -> Exit:
    """Shows for each iPhone its last good backup, the next try, and why the last one did not happen.

    Exits 4 if one is overdue.
    """
    with options.open_workspace() as workspace:
        found = _standings(workspace)
        try:
            timer: Timer | CronTimer | None = _timer(options)
        except NoTimerSystem:
            timer = None
        is_on = timer is not None and timer.is_installed()
    if options.json:
        print_json(
            {
                "phones": [one.as_json() for one in found],
                "timer": {"name": timer.name if timer else None, "on": is_on},
            }
        )
    elif not found:
        say(wrapped(_("Automatic backups are not on. Turn them on with: migrate auto on")))
    else:
        for one in found:
            for line in _standing_lines(one):
                print_line(line)
        if not is_on:
            say(wrapped(_("This computer's timer does not call migrate. Repair it with: migrate auto on")))
    return OVERDUE if any(one.overdue_since for one in found) else None


def auto_tick(options: GlobalOptions) -> Exit:
    """Looks whether an iPhone is due for a backup, and makes it. This computer's timer calls it every hour."""
    from migrate.schedule.notices import tell
    from migrate.schedule.settings import read_settings
    from migrate.schedule.tick import Tick

    with options.open_workspace() as workspace:
        settings = read_settings(workspace.home.path)
        hook_failures: list[str] = []

        async def tell_person(told: Told) -> None:
            heard = await tell(told)
            if heard.hook_failed:
                hook_failures.append(heard.hook_failed)

        def connected() -> Phones:
            from migrate.schedule.connected import ConnectedPhones

            return ConnectedPhones(workspace.home, workspace.usbmux)

        tick = Tick(workspace.home, settings, connected, _now(), tell_person)
        outcomes = run_async(tick.run())
    if options.json:
        print_json({"phones": [_outcome(one) for one in outcomes], "hook_failures": hook_failures})
        return None
    for one in outcomes:
        text = _("{phone}: {result}. {why} Next: {next}.")
        shown = text.format(phone=one.name, result=_(RESULTS[one.result]), why=one.why, next=_moment(one.next_try))
        print_line(wrapped(" ".join(shown.split())))
    for failure in hook_failures:
        say(wrapped(_("The hook failed: {reason}").format(reason=failure)))
    return None


# -- shared ----------------------------------------------------------------------------------------------------------


async def _phone(workspace: Workspace, udid: str | None) -> tuple[str, str]:
    """The UDID and the name of the phone that is meant; it has been backed up here, or is connected and trusts us.

    Raises:
        NoPhone, WhichPhoneToBackUp, and what meeting it raises.
    """
    from migrate.backup.folder import BackupFolder
    from migrate.phone.phone import Phone

    if udid is not None and workspace.home.has_finished_backup(udid):
        return udid, BackupFolder(workspace.home.working_backup(udid)).device_name or ""
    chosen = await select_phone(workspace, udid)
    async with await Phone.meet(workspace.usbmux, chosen) as phone:
        return phone.facts.udid, phone.facts.name or ""


def _schedule(values: dict[str, Any]) -> PhoneSchedule:
    """
    Raises:
        UsageWrong: a value is wrong.
    """
    from pydantic import ValidationError

    from migrate.schedule.settings import PhoneSchedule

    try:
        return PhoneSchedule.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0])
        raise UsageWrong(f"{option}: {str(first['msg']).removeprefix('Value error, ')}.", COMMAND) from error


def _timer(options: GlobalOptions) -> Timer | CronTimer:
    from migrate.schedule.timers.systems import timer_of

    own = ("--home", str(options.home_folder), *(("--usbmuxd", options.usbmuxd) if options.usbmuxd else ()))
    return timer_of((sys.executable, "-m", "migrate", "auto", "tick", *own))


def _timer_lines(timer: Timer | CronTimer) -> list[str]:
    """What will be written for the system's timer."""
    lines = [wrapped(_("This computer's timer ({name}) will look every hour:").format(name=timer.name))]
    for path, text in timer.files:
        lines += ["", f"  {one_line(path)}", *(f"    {one_line(line)}" for line in text.splitlines())]
    return [*lines, ""]


def _last_backup(workspace: Workspace, schedule: PhoneSchedule) -> datetime | None:
    from migrate.backup.folder import BackupFolder

    if not workspace.home.has_finished_backup(schedule.udid):
        return None
    return BackupFolder(workspace.home.working_backup(schedule.udid)).status_date


def _standings(workspace: Workspace) -> list[Standing]:
    from migrate.schedule.overview import standings

    return standings(workspace.home, _now())


def _standing_lines(one: Standing) -> list[str]:
    state = one.state
    lines = [wrapped(one.schedule.called)]
    last = _moment(state.last_good) if state.last_good else _("none yet")
    lines.append(wrapped(_("Last good backup: {when}").format(when=last), indent="    ", first="  "))
    when = _moment(one.next_try) if one.next_try > _now() else _("within the hour")
    lines.append(wrapped(_("Next try: {when}").format(when=when), indent="    ", first="  "))
    if state.last_why and state.last_try:
        text = _("Last try, {when}: {why}").format(when=_moment(state.last_try), why=state.last_why)
        lines.append(wrapped(text, indent="    ", first="  "))
    if one.overdue_since:
        text = _("Overdue since {when}").format(when=_moment(one.overdue_since))
        lines.append(wrapped(text, indent="    ", first="  "))
    return lines


def _outcome(one: Outcome) -> dict[str, Any]:
    return {
        "udid": one.udid,
        "name": one.name,
        "result": one.result,
        "why": one.why or None,
        "next_try": one.next_try.isoformat(),
        "forgotten": one.forgotten,
    }


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _now() -> datetime:
    return datetime.now().astimezone()
