"""`migrate demo`: a whole move between two software iPhones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.problems import ConversationStopped, DemoStopped, Interrupted, StoppedBeforeBeginning, UsageWrong
from migrate.talk.console import refuse_no_terminal, say, wrapped
from migrate.talk.options import AtHome, Everywhere, Exit, PlainOption, with_global_options
from migrate.talk.run_on_terminal import carry_out, end_in_an_event, world_of

if TYPE_CHECKING:
    from migrate.journey import events


def register(app: typer.Typer) -> None:
    app.command("demo")(with_global_options(demo))


def demo(
    said: Everywhere,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the two phones serving for other commands.", show_default=False)
    ] = False,
    wizard: Annotated[
        bool, typer.Option("--wizard", help="Hold the conversation that migrate alone holds.", show_default=False)
    ] = False,
    plain: PlainOption = False,
) -> Exit:
    """Moves everything between two software iPhones, unattended, in under a minute."""
    from migrate.talk.demo_phones import Demo

    if wizard:
        if said.json:
            raise UsageWrong("--wizard is a conversation, and --json leaves no room for one.", "migrate demo")
        refuse_no_terminal()
    end_in_an_event(said)
    command = "migrate demo --wizard" if wizard else "migrate demo"
    with ending_with_its_phones(command):
        show = Demo(unhurried=wizard)
        folder = said.home_folder
        if said.home_is_ours:  # a demo leaves nothing among somebody's real backups
            folder = show.empty_home(folder / "demo")
        with said.at(folder) as home, show.two_phones(home.tmp, keep=keep) as serving:
            here = AtHome(home.home, home.tmp, serving.address)
            said.phones_stay, said.home, said.usbmuxd = keep, home.home.path, serving.address
            say(wrapped("Two software iPhones; everything else is real. No iPhone is touched."))
            if wizard:
                from migrate.talk.wizard.conversation import converse

                exit_code = converse(said, here, plain_wished=plain)
            else:
                world = world_of(said, here, show.passwords, yes=True, wait_s=60)
                exit_code = carry_out(
                    said, show.move(replace(world, listener=without_a_way_on(world.listener, command)))
                )
            if keep:
                for line in show.how_to_go_on(serving, here.home.path, wizard=wizard):
                    say(line)
    return exit_code


def without_a_way_on(listener: events.Listener, command: str) -> events.Listener:
    """The listener, told of a demo that was stopped as what it is: not of a run that could be gone on with."""
    from migrate.journey import events

    def hear(event: events.Event) -> None:
        if isinstance(event, events.RunFinished) and isinstance(event.error, Interrupted | StoppedBeforeBeginning):
            stopped = DemoStopped(command)
            event = events.RunFinished(None, "stopped", stopped.exit_code, None, stopped)
        listener(event)

    return hear


@contextmanager
def ending_with_its_phones(command: str) -> Iterator[None]:
    """Ctrl-C ends a demo for good: nobody can go on without its phones.

    Raises:
        DemoStopped: in place of what would name a way to go on.
    """
    try:
        yield
    except (Interrupted, ConversationStopped, StoppedBeforeBeginning, KeyboardInterrupt) as stopped:
        raise DemoStopped(command) from stopped
