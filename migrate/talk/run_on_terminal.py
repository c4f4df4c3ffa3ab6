"""Run a move from the command line: build its context, follow its events and show its result."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.language import _
from migrate.problems import Interrupted, MigrateError, NotProven
from migrate.talk.console import print_emphasised, print_line, say, wrapped
from migrate.talk.options import GlobalOptions, Workspace, run_async
from migrate.talk.passwords import Passwords

if TYPE_CHECKING:
    from migrate.journey import events
    from migrate.journey.context import RunContext, RunResult

RECEIPT_PAGE = "receipt.html"


def build_run_context(
    options: GlobalOptions, workspace: Workspace, passwords: Passwords, *, yes: bool, wait_s: float
) -> RunContext:
    from migrate.journey.context import RunContext
    from migrate.talk.progress import make_listener
    from migrate.talk.prompts import TerminalPrompts, ask_ios_version
    from migrate.talk.receipt_page import receipt_html

    options.is_unattended = yes
    return RunContext(
        home=workspace.home,
        tmp=workspace.tmp,
        usbmux=workspace.usbmux,
        prompts=TerminalPrompts(passwords, yes=yes),
        listener=track_run(options, make_listener(as_json=options.json)),
        wait_s=wait_s,
        page=receipt_html,
        ask_ios_version=ask_ios_version if passwords.can_prompt() and not yes else None,
    )


def track_run(options: GlobalOptions, listener: events.Listener) -> events.Listener:
    """`listener`, which also updates what Ctrl-C reports and whether the final event was sent."""
    from migrate.journey import events
    from migrate.journey.runner import STEPS_WITHOUT_EFFECTS

    def on_event(event: events.Event) -> None:
        listener(event)
        if isinstance(event, events.StepStarted) and event.step not in STEPS_WITHOUT_EFFECTS:
            options.ctrl_c_error = Interrupted("", event.step)
        if isinstance(event, events.RunFinished):
            options.done = event.error is None
            if options.json:
                options.reported_error, options.emit_final_error = event.error, lambda error: None

    return on_event


def report_failure_as_event(options: GlobalOptions) -> None:
    """With --json, report every failure as `run_finished`, even one before the run starts (contract 4)."""

    def tell(error: MigrateError) -> None:
        from migrate.journey import events
        from migrate.journey.pace import stop_reporting
        from migrate.talk.progress import JsonListener

        stop_reporting()
        stopped = error.exit_code in (50, 130)
        JsonListener()(events.RunFinished(None, "stopped" if stopped else "failed", error.exit_code, None, error))

    if options.json:
        options.emit_final_error = tell


def execute_run(options: GlobalOptions, work: Coroutine[Any, Any, RunResult]) -> int | None:
    """Execute a run and show its receipt, even if it is not proven. Returns the exit code, or None for success.

    Raises:
        MigrateError: the run failed or was stopped.
    """
    try:
        result = run_async(work)
    except NotProven as error:
        show_receipt_from(options, Path(error.receipt).parent)
        offer_to_open(options, Path(error.receipt).parent)
        raise
    show_receipt(options, result)
    if result.receipt is not None:
        offer_to_open(options, result.receipt.parent)
    return exit_code_of(result)


def exit_code_of(result: RunResult) -> int | None:
    from migrate.journey import events

    return events.exit_code_of(result.outcome) or None


def show_receipt(options: GlobalOptions, result: RunResult) -> None:
    """Print the receipt as text and the path of its page. After a rehearsal, say how to make the move."""
    if result.receipt is not None:
        show_receipt_from(options, result.receipt.parent)
    elif not options.json:
        say()
        say(wrapped(_("Nothing was sent. To make this move, run: migrate resume {run}").format(run=result.run_id)))


def show_receipt_from(options: GlobalOptions, folder: Path) -> None:
    from migrate.journey.runs import RunFolder

    receipt = RunFolder(folder).receipt()
    if options.json or receipt is None:
        return
    print_details(receipt)
    print_line()
    print_line(_("The receipt: {path}").format(path=folder / RECEIPT_PAGE))
    if options.phones_stay and not receipt.get("undoes"):
        say_how_to_undo(options, receipt)
    print_verdict(receipt)


def offer_to_open(options: GlobalOptions, folder: Path) -> None:
    """Offer the page of the receipt to the person at the terminal. With --yes there may be none."""
    from migrate.talk.page_in_browser import offer_page

    if not (options.json or options.is_unattended):
        offer_page(folder / RECEIPT_PAGE)


def say_how_to_undo(options: GlobalOptions, receipt: dict[str, Any]) -> None:
    """Say how to undo the move, or that this is impossible."""
    new, run = receipt["new"]["name"], receipt["run"]
    say()
    if receipt["safety"]:
        say(wrapped(_("To put {phone} back as it was:").format(phone=new)))
        say(f"  {options.command_to_paste('undo', run)}")
    else:
        say(wrapped(_("{phone} was not backed up first, so this cannot be undone.").format(phone=new)))


def print_receipt(receipt: dict[str, Any]) -> None:
    print_details(receipt)
    print_verdict(receipt)


def print_details(receipt: dict[str, Any]) -> None:
    from migrate.talk.receipt import receipt_lines

    print_line()
    for line in receipt_lines(receipt):
        print_line(_fitting(line))


def print_verdict(receipt: dict[str, Any]) -> None:
    """Print what is to be done, and as the last line the verdict, in bold and in its colour."""
    from migrate.talk.receipt import closing_lines
    from migrate.talk.receipt_page.content import content_of

    *lines, verdict = closing_lines(receipt)
    print_line()
    for line in lines:
        print_line(_fitting(line))
    print_emphasised(wrapped(verdict), VERDICT_STYLES.get(content_of(receipt).mood, "bold"))


VERDICT_STYLES = {"good": "good", "open": "pending", "bad": "error"}
"""The mood of a receipt -> how its verdict is painted."""
LIST_ITEM = re.compile(r"  (?:    |- |\d+\. )")
"""How a line of a list begins, and a remark below a row of the table. Other lines that are indented are such rows."""


def _fitting(line: str) -> str:
    """A line of the receipt in the width of the terminal. Rows of its table are not broken."""
    if (item := LIST_ITEM.match(line)) is not None:
        return wrapped(line, indent=" " * len(item[0]), first="")
    return line if line.startswith("  ") else wrapped(line)
