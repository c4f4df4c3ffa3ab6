"""`migrate demo`: a whole move between two simulated iPhones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.problems import ConversationStopped, DemoStopped, Interrupted, StoppedBeforeBeginning, UsageWrong
from migrate.problems.problem import quoted_command
from migrate.talk.console import require_terminal, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, PlainOption, Workspace, with_global_options
from migrate.talk.run_on_terminal import build_run_context, execute_run, report_failure_as_event

if TYPE_CHECKING:
    from migrate.journey import events


STILL_ARRIVING = 61
"""The exit code of a move that went well, and of which something is still to come: photos and apps."""


def register(app: typer.Typer) -> None:
    app.command("demo")(with_global_options(demo, uses_event_loop=True))


def demo(
    options: GlobalOptions,
    keep: Annotated[
        bool, typer.Option("--keep", help=_("Keep the two phones running for other commands."), show_default=False)
    ] = False,
    wizard: Annotated[
        bool, typer.Option("--wizard", help=_("Use the wizard, as migrate without a command does."), show_default=False)
    ] = False,
    plain: PlainOption = False,
) -> Exit:
    """Moves everything between two simulated iPhones, unattended, in under a minute."""
    from migrate.talk.demo_phones import ARRIVAL_WAIT_S, Demo

    if wizard:
        if options.json:
            raise UsageWrong(_("--wizard asks questions, which --json does not allow."), "migrate demo")
        require_terminal()
    report_failure_as_event(options)
    command = "migrate demo --wizard" if wizard else "migrate demo"
    with stopping_demo_for_good(command):
        phones = Demo(unhurried=wizard)
        folder = options.home_folder
        if options.is_default_home:  # keep the demo away from real backups
            folder = phones.empty_home(folder / "demo")
        with options.open_workspace_at(folder) as home, phones.start_phones(home.tmp, keep=keep) as serving:
            workspace = Workspace(home.home, home.tmp, serving.address)
            options.phones_stay, options.home, options.usbmuxd = keep, home.home.path, serving.address
            say(wrapped(_("The demo uses two simulated iPhones; everything else is real. No real iPhone is changed.")))
            if wizard:
                from migrate.talk.wizard.conversation import run_wizard

                exit_code = run_wizard(options, workspace, force_plain=plain)
            else:
                context = build_run_context(options, workspace, phones.passwords, yes=True, wait_s=60)
                context = replace(
                    context,
                    listener=report_stop_as_demo_stopped(context.listener, command),
                    arrival_wait_s=ARRIVAL_WAIT_S,
                )
                exit_code = execute_run(options, phones.run_move(context))
            if exit_code in (None, STILL_ARRIVING) and not options.json:
                say_what_to_try(workspace.home.path, wizard=wizard)
            if keep:
                for line in phones.keep_instructions(serving, workspace.home.path, wizard=wizard):
                    say(line)
    return exit_code


def say_what_to_try(home: Path, *, wizard: bool) -> None:
    """Three commands to paste after the demo, each with what it shows."""
    own_questions = (_("Answer the questions yourself:"), ("demo", "--wizard"))
    error = (_("Find out what an error message means:"), ("explain", "iPhone backup failed"))
    tries = (
        error if wizard else own_questions,
        (
            _("Read the receipt again, and save it as a page:"),
            ("receipt", "--page", "receipt.html", "--home", str(home)),
        ),
        (_("See whether this computer is ready for your own iPhones:"), ("check",)),
    )
    say()
    say(_("Three things to try next:"))
    for number, (what, words) in enumerate(tries, 1):
        say(wrapped(what, indent="     ", first=f"  {number}. "))
        say(f"     {quoted_command('migrate', *words)}")


def report_stop_as_demo_stopped(listener: events.Listener, command: str) -> events.Listener:
    """`listener`, with a stopped run reported as a stopped demo: it cannot be resumed."""
    from migrate.journey import events

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.RunFinished) and isinstance(event.error, Interrupted | StoppedBeforeBeginning):
            stopped = DemoStopped(command)
            event = events.RunFinished(None, "stopped", stopped.exit_code, None, stopped)
        listener(event)

    return on_event


@contextmanager
def stopping_demo_for_good(command: str) -> Iterator[None]:
    """Replace errors that offer a resume, because the demo's phones are gone.

    Raises:
        DemoStopped: the demo was stopped, by Ctrl-C or by an error that offers to continue.
    """
    try:
        yield
    except (Interrupted, ConversationStopped, StoppedBeforeBeginning, KeyboardInterrupt) as stopped:
        raise DemoStopped(command) from stopped
