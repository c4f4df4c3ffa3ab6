"""A run on the command line: what it is given, who listens to it, and how its end is shown."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.problems import Interrupted, MigrateError, NotProven
from migrate.talk.console import put, say, wrapped
from migrate.talk.options import AtHome, Everywhere, run_async
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import AtTheTerminal

if TYPE_CHECKING:
    from migrate.journey import events
    from migrate.journey.context import Ended, World


def world_of(said: Everywhere, here: AtHome, passwords: Passwords, *, yes: bool, wait_s: float) -> World:
    from migrate.journey.context import World
    from migrate.talk.progress import make_listener
    from migrate.talk.receipt import as_page

    return World(
        home=here.home,
        tmp=here.tmp,
        muxer=here.muxer,
        asking=AtTheTerminal(passwords, yes=yes),
        listener=remembering(said, make_listener(as_json=said.json)),
        wait_s=wait_s,
        page=as_page,
    )


def remembering(said: Everywhere, listener: events.Listener) -> events.Listener:
    """The listener, and what follows from what it heard: what Ctrl-C means now, and that the last event was told."""
    from migrate.journey import events
    from migrate.journey.runner import BEGINNING

    def hear(event: events.Event) -> None:
        listener(event)
        if isinstance(event, events.StepStarted) and event.step not in BEGINNING:
            said.begun = Interrupted("", event.step)
        if isinstance(event, events.RunFinished):
            said.done = event.error is None
            if said.json:
                said.reported_error, said.last_event = event.error, lambda error: None

    return hear


def end_in_an_event(said: Everywhere) -> None:
    """With --json a run always ends in `run_finished`, also where it fails before it is a run (contract 4)."""

    def tell(error: MigrateError) -> None:
        from migrate.journey import events
        from migrate.talk.progress import JsonLines

        stopped = error.exit_code in (50, 130)
        JsonLines()(events.RunFinished(None, "stopped" if stopped else "failed", error.exit_code, None, error))

    if said.json:
        said.last_event = tell


def carry_out(said: Everywhere, work: Coroutine[Any, Any, Ended]) -> int | None:
    """Take a run to its end and show its receipt, also one that says `not proven`. The exit code, where it is not 0.

    Raises:
        MigrateError: what stopped it.
    """
    try:
        ended = run_async(work)
    except NotProven as error:
        show_receipt_in(said, Path(error.receipt).parent)
        raise
    show_receipt(said, ended)
    return exit_code_of(ended)


def exit_code_of(ended: Ended) -> int | None:
    from migrate.journey import events

    return events.EXIT_CODE_PENDING if ended.outcome == "pending" else None


def show_receipt(said: Everywhere, ended: Ended) -> None:
    """The receipt in words on stdout, and where its page is."""
    if ended.receipt is not None:
        show_receipt_in(said, ended.receipt.parent)
    elif not said.json:
        say()
        say(wrapped(f"Nothing was sent. To make this move, run: migrate resume {ended.run}"))


def show_receipt_in(said: Everywhere, folder: Path) -> None:
    from migrate.journey.runs import RunFolder

    receipt = RunFolder(folder).receipt()
    if said.json or receipt is None:
        return
    put_receipt(receipt)
    put()
    put(f"The receipt: {folder / 'receipt.html'}")
    if said.phones_stay and not receipt.get("undoes"):
        say_what_follows(said, receipt)


def say_what_follows(said: Everywhere, receipt: dict[str, Any]) -> None:
    """How to look again when all has arrived, and how to take it back, or that it cannot be."""
    new, run = receipt["new_phone"]["name"], receipt["run"]
    say()
    say(wrapped("Apps and photos may arrive in the hours after. To prove it all again then:"))
    say(f"  {said.to_paste('prove', run)}")
    if receipt["safety"]:
        say(wrapped(f"To put {new} back as it was:"))
        say(f"  {said.to_paste('undo', run)}")
    else:
        say(wrapped(f"{new} was not saved before, so this cannot be undone."))
    say(wrapped("Keep the old phone as it is until you have looked for yourself."))


def put_receipt(receipt: dict[str, Any]) -> None:
    from migrate.talk.receipt import in_words

    put()
    for line in in_words(receipt):
        put(line if line.startswith("  ") else wrapped(line))
