"""`migrate backup`: one phone backed up to this computer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from migrate.language import _, plural
from migrate.problems import BackupInterrupted
from migrate.talk.console import one_line, print_line, say, wrapped
from migrate.talk.one_phone import UdidArgument, WaitOption, select_phone
from migrate.talk.options import PHONE_WAIT_S, Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.run_on_terminal import report_failure_as_event
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts
    from migrate.talk.task_progress import EventProgress

FILES_UNREADABLE = 35


def register(app: typer.Typer) -> None:
    app.command("backup")(with_global_options(back_up, uses_event_loop=True))


def back_up(
    options: GlobalOptions,
    udid: UdidArgument = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help=_("Transfer everything again, not only what changed."), show_default=False)
    ] = False,
    wait: WaitOption = None,
) -> Exit:
    """Backs up a phone to this computer. An interrupted backup continues where it stopped.

    Exits 35 if the phone could not read some of its own files: the backup is there, and they are named.
    """
    report_failure_as_event(options)
    with options.open_workspace() as workspace:
        saved, lost = run_async(back_up_phone(options, workspace, udid, fresh=fresh, wait_s=wait))
    exit_code = FILES_UNREADABLE if lost else None
    if options.json:
        from migrate.journey import events
        from migrate.talk.progress import JsonListener

        JsonListener()(events.RunFinished(None, "done", exit_code or 0, None, None, saved))
        return exit_code
    done = plural(
        "{phone} is backed up: {count:,} file, {size} transferred.",
        "{phone} is backed up: {count:,} files, {size} transferred.",
        saved["files"],
    )
    print_line(wrapped(done.format(phone=saved["name"], count=saved["files"], size=format_bytes(saved["bytes"]))))
    print_line(f"  {one_line(saved['backup'])}")
    print_line(
        wrapped(_("Check it with: migrate verify BACKUP. See its contents with: migrate show BACKUP"), indent="  ")
    )
    if lost:
        text = plural(
            "{count:,} file is missing from it, because the phone could not read it. It is named above.",
            "{count:,} files are missing from it, because the phone could not read them. They are named above.",
            lost,
        )
        print_line(wrapped(text.format(count=lost)))
    return exit_code


async def back_up_phone(
    options: GlobalOptions, workspace: Workspace, udid: str | None, *, fresh: bool, wait_s: int | None
) -> tuple[dict[str, Any], int]:
    """Meet the phone, back it up into its working backup, and return the answer of `backup --json` and the number of
    files that the phone could not read.

    Raises:
        NoPhone, WhichPhoneToBackUp: at once, unless --wait was given.
        MigrateError: what Phone.meet and Phone.back_up raise.
    """
    from migrate.journey import events
    from migrate.journey.keep_snapshot import keep_snapshot
    from migrate.journey.phone_session import MetPhone
    from migrate.journey.second_look import SecondLook
    from migrate.phone.phone import Phone
    from migrate.talk.backup_access import phone_session
    from migrate.talk.passwords import Passwords
    from migrate.talk.task_progress import report_events, report_progress

    if wait_s is None:
        udid, wait_s = await select_phone(workspace, udid), PHONE_WAIT_S
    reported = report_events("backup") if options.json else report_progress("backup", quiet=False)
    with reported as progress:
        meeting = Phone.meet(workspace.usbmux, udid, progress=progress, wait_s=wait_s) if udid else None
        async with await (meeting or Phone.meet_any(workspace.usbmux, progress=progress, wait_s=wait_s)) as phone:
            facts = phone.facts
            options.ctrl_c_error = BackupInterrupted(facts.name_or_model, facts.udid)
            folder = workspace.home.working_backup(facts.udid)
            begin: Literal["fresh", "incremental"] = "fresh" if fresh else "incremental"
            session = phone_session(
                workspace, passwords=Passwords(can_prompt=lambda: False), listener=events.nobody, wait_s=wait_s
            )
            session.remember_phone("old", MetPhone(facts.udid, facts.name_or_model))
            await announce(options, progress, workspace, facts, folder, fresh=fresh)
            with workspace.home.lock_working_backup(folder.name, facts.name_or_model):
                report = await phone.back_up(
                    folder,
                    seals=workspace.home.seals,
                    begin=begin,
                    progress=progress,
                    ask_again=SecondLook(session, "old"),  # of an encrypted backup only with a password that is known
                )
                snapshot = await asyncio.to_thread(keep_snapshot, workspace.home, folder, progress)
    answer = {
        "backup": str(folder),
        "udid": facts.udid,
        "name": facts.name_or_model,
        "files": report.files_received,
        "bytes": report.bytes_received,
        "snapshot": snapshot.reference if snapshot else None,
        "findings": [finding.as_json() for finding in progress.findings],
    }
    return answer, len(report.lost)


async def announce(
    options: GlobalOptions,
    progress: EventProgress,
    workspace: Workspace,
    facts: PhoneFacts,
    folder: Path,
    *,
    fresh: bool,
) -> None:
    """Report how much is to be expected, how long that takes, and how much space there is."""
    from migrate.journey import events
    from migrate.journey.estimate import computer_space, measure, phone_space
    from migrate.talk.progress_texts import space_lines

    if not options.json:
        spaces = [(facts.name_or_model, phone_space(facts)), (_("This computer"), computer_space(folder))]
        for line in space_lines(spaces):
            say(f"  {line}")
    progress.listener(events.Estimated(progress.step, await measure(workspace.usbmux, facts, folder, fresh=fresh)))
