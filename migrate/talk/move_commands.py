"""`migrate run`, `resume`, `runs` and `demo`: a whole move, on the command line."""

from __future__ import annotations

import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from migrate.errors import (
    ConversationStopped,
    DemoStopped,
    Interrupted,
    MigrateError,
    NotProven,
    StoppedBeforeBeginning,
    UsageWrong,
    WordMissing,
)
from migrate.talk.everywhere import AtHome, Everywhere, Exit, PlainOption, everywhere, run_async
from migrate.talk.output import Column, ask_line, put, put_json, refuse_no_terminal, say, table, wrapped
from migrate.talk.passwords import NewPasswordFile, PasswordFile, Passwords
from migrate.units import bytes_text

if TYPE_CHECKING:
    from migrate.journey import events
    from migrate.journey.move import LastWord
    from migrate.journey.world import Ended, World
    from migrate.plan.model import Plan

OldOption = Annotated[
    str | None, typer.Option("--old", metavar="UDID", help="The old phone, whatever the plan says.", show_default=False)
]
OldBackupOption = Annotated[
    Path | None,
    typer.Option("--old-backup", metavar="DIR", help="A backup that stands in for the old phone.", show_default=False),
]
NewOption = Annotated[
    str | None, typer.Option("--new", metavar="UDID", help="The new phone, whatever the plan says.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", help="Give the last confirmation beforehand.", show_default=False)]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for a hand on a phone.")
]
WAIT_S = 1800.0


def register(app: typer.Typer) -> None:
    app.command("run")(everywhere(run))
    app.command("resume")(everywhere(resume))
    runs_app = typer.Typer(help="What was run, and what it keeps on this disk.", rich_markup_mode=None)
    runs_app.callback(invoke_without_command=True)(everywhere(runs_without_a_word))
    runs_app.command("list")(everywhere(runs_list))
    runs_app.command("show")(everywhere(runs_show))
    runs_app.command("rm")(everywhere(runs_rm))
    app.add_typer(runs_app, name="runs")
    app.command("demo")(everywhere(demo))


# -- run and resume --------------------------------------------------------------------------------------------------


def run(
    said: Everywhere,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file; there are samples in plans/.")],
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Moves what a plan says, from the old phone to the new one, and proves it."""
    from migrate.journey.run import run as begin

    end_in_an_event(said)
    agreed = agreed_plan(plan, old=old, old_backup=old_backup, new=new)
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with said.at_home() as here:
        world = world_of(said, here, passwords, yes=yes, wait_s=wait)
        carry_out(said, begin(agreed, world))
    return None


def agreed_plan(path: Path, *, old: str | None, old_backup: Path | None, new: str | None) -> Plan:
    """The plan in a file, for the phones that were named beside it.

    Raises:
        PlanInvalid. UsageWrong: a name beside it is none.
    """
    from pydantic import ValidationError

    from migrate.backup.folder import find_backup
    from migrate.plan.read import read_plan, with_phones

    if old is not None and old_backup is not None:
        raise UsageWrong("--old and --old-backup cannot both be the old phone.", "migrate run")
    backup = find_backup(old_backup) if old_backup is not None else None
    try:
        return with_phones(read_plan(path), old=old, old_backup=backup, new=new)
    except ValidationError as error:
        raise UsageWrong(f"{old or new} is no phone's UDID.", "migrate run") from error


def resume(
    said: Everywhere,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Not needed for the only unfinished one.")] = None,
    old: OldOption = None,
    old_backup: OldBackupOption = None,
    new: NewOption = None,
    yes: YesOption = False,
    wait: WaitOption = WAIT_S,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Goes on with a run where it stopped, repeating nothing that was finished."""
    from migrate.journey.run import resume as go_on
    from migrate.journey.runs import find_run, only_unfinished

    end_in_an_event(said)
    with said.at_home() as here:
        folder = find_run(here.home, run) if run else only_unfinished(here.home)
        names = names_of(old=old, old_backup=old_backup, new=new)
        if not said.json:
            say(f"Going on with {folder.path.name}.")
        passwords = Passwords(file=password_file, new_file=new_password_file)
        world = replace(world_of(said, here, passwords, yes=yes, wait_s=wait), names=names)
        carry_out(said, go_on(folder, world))
    return None


def names_of(*, old: str | None, old_backup: Path | None, new: str | None) -> dict[Literal["old", "new"], str]:
    """The phones that were named beside `resume`, by their UDIDs.

    Raises:
        UsageWrong: two names for the old phone. BackupNotFound.
    """
    from migrate.backup.folder import BackupFolder, find_backup

    if old is not None and old_backup is not None:
        raise UsageWrong("--old and --old-backup cannot both be the old phone.", "migrate resume")
    names: dict[Literal["old", "new"], str] = {}
    if old is not None or old_backup is not None:
        names["old"] = old or BackupFolder(find_backup(old_backup or Path())).udid
    if new is not None:
        names["new"] = new
    return names


def world_of(said: Everywhere, here: AtHome, passwords: Passwords, *, yes: bool, wait_s: float) -> World:
    from migrate.journey.world import World
    from migrate.talk.progress import listener
    from migrate.talk.receipt import as_page

    return World(
        home=here.home,
        tmp=here.tmp,
        muxer=here.muxer,
        asking=AtTheTerminal(passwords, yes=yes),
        listener=remembering(said, listener(as_json=said.json)),
        wait_s=wait_s,
        page=as_page,
    )


def remembering(said: Everywhere, listener: events.Listener) -> events.Listener:
    """The listener, and what follows from what it heard: what Ctrl-C means now, and that the last event was told."""
    from migrate.journey import events
    from migrate.journey.walk import BEGINNING

    def hear(event: events.Event) -> None:
        listener(event)
        if isinstance(event, events.StepStarted) and event.step not in BEGINNING:
            said.begun = Interrupted("", event.step)
        if isinstance(event, events.RunFinished):
            said.done = event.error is None
            if said.json:
                said.told, said.last_event = event.error, lambda error: None

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


def carry_out(said: Everywhere, work: Coroutine[Any, Any, Ended]) -> None:
    """Take a run to its end and show its receipt, also one that says `not proven`.

    Raises:
        MigrateError: what stopped it.
    """
    try:
        ended = run_async(work)
    except NotProven as error:
        show_receipt_in(said, Path(error.receipt).parent)
        raise
    show_receipt(said, ended)


@dataclass
class AtTheTerminal:
    """What a run asks, asked on the terminal. It blocks the event loop: nothing goes on without the answer."""

    passwords: Passwords
    yes: bool
    _chosen: dict[str, str | None] = field(default_factory=dict, repr=False)

    def password(self, role: Literal["old", "new"], phone: str, udid: str | None, *, insist: bool) -> str | None:
        if chosen := self._chosen.get(role):
            return chosen
        if not insist:
            return self.passwords.told(role, udid)
        with ctrl_c_at_a_prompt():
            return (self.passwords.old if role == "old" else self.passwords.new)(phone, udid)

    def chosen_password(self, role: Literal["old", "new"], phone: str) -> str | None:
        with ctrl_c_at_a_prompt():
            self._chosen[role] = self.passwords.chosen_for(phone)
        return self._chosen[role]

    def forget(self, role: Literal["old", "new"], phone: str) -> bool:
        typed = self.passwords.forget(phone, role)
        if typed:
            say(wrapped(f"That password does not open the backup of {phone}. Try again, or stop with Ctrl-C."))
        return typed

    def confirm(self, word: LastWord) -> bool:
        if self.yes:
            return True
        if not self.passwords.asks():
            raise WordMissing(word.run)
        for line in last_word_in_words(word):
            say(line)
        with ctrl_c_at_a_prompt():
            return ask_line("Type yes to go on: ").strip().lower() in ("yes", '"yes"')


def last_word_in_words(word: LastWord) -> list[str]:
    """The last confirmation: what will be replaced by what, with both counts."""
    moves = f"{word.old_name} -> {word.new_name}: {word.set_files:,} files, {bytes_text(word.set_bytes)}."
    lines = ["", wrapped(moves)]
    if word.strategy.value == "replace":
        lines.append(wrapped(f"{word.new_name} becomes {word.old_name}: everything that is on it now is replaced."))
    for title, goes, there in word.replaces:
        what = f"{goes:,}" if goes is not None else "?"
        lines.append(
            f"  {title}: {what} go, {'not known how many' if there is None else format(there, ',')} are replaced"
        )
    return [*lines, wrapped(f"From here on {word.new_name} is changed. Leave it connected.")]


@contextmanager
def ctrl_c_at_a_prompt() -> Iterator[None]:
    """Let Ctrl-C end a prompt. The event loop's own handler would only note it, and the prompt would go on waiting."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say()  # off the prompt's line
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def show_receipt(said: Everywhere, ended: Ended) -> None:
    """The receipt in words on stdout, and where its page is."""
    if ended.receipt is not None:
        show_receipt_in(said, ended.receipt.parent)


def show_receipt_in(said: Everywhere, folder: Path) -> None:
    from migrate.journey.runs import RunFolder

    receipt = RunFolder(folder).receipt()
    if said.json or receipt is None:
        return
    put_receipt(receipt)
    put()
    put(f"The receipt: {folder / 'receipt.html'}")


def put_receipt(receipt: dict[str, Any]) -> None:
    from migrate.talk.receipt import in_words

    put()
    for line in in_words(receipt):
        put(line if line.startswith("  ") else wrapped(line))


# -- runs ------------------------------------------------------------------------------------------------------------


def runs_without_a_word(said: Everywhere, context: typer.Context) -> Exit:
    return runs_list_of(said) if context.invoked_subcommand is None else None


def runs_list(said: Everywhere) -> Exit:
    """Lists every run, the oldest first."""
    return runs_list_of(said)


def runs_list_of(said: Everywhere) -> Exit:
    from migrate.journey.runs import all_runs

    with said.at_home() as here:
        rows = [run.summary() for run in all_runs(here.home)]
    if said.json:
        for row in rows:
            put_json(row)
        return None
    if not rows:
        say("Nothing was run yet. Begin with: migrate run PLAN, or look at: migrate demo")
        return None
    columns = (Column("run"), Column("state"), Column("on disk", align="right"), Column("plan", shrinks=True))
    cells = [(row["id"], row["state"], bytes_text(row["bytes_on_disk"]), row["plan"] or "") for row in rows]
    for line in table(columns, cells):
        put(line)
    return None


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="As migrate runs lists it.")]


def runs_show(said: Everywhere, run: RunArgument) -> Exit:
    """Shows one run: its steps, and its receipt when it has one."""
    from migrate.journey.runs import find_run

    with said.at_home() as here:
        folder = find_run(here.home, run)
        receipt = folder.receipt()
        if said.json:
            put_json({**folder.summary(), "steps": folder.steps(), "receipt": receipt})
            return None
        for step, state in folder.steps().items():
            put(f"  {step:<18} {state}")
        if receipt is not None:
            put_receipt(receipt)
    return None


def runs_rm(said: Everywhere, run: RunArgument) -> Exit:
    """Forgets a run: its receipt and its kept backups. The working backups of the phones stay."""
    from migrate.journey.runs import find_run, remove

    with said.at_home() as here:
        folder = find_run(here.home, run)
        freed = folder.summary()
        remove(folder)
    if said.json:
        put_json({"removed": freed["id"]})
    else:
        put(f"{freed['id']} is forgotten.")
    return None


# -- demo ------------------------------------------------------------------------------------------------------------


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
    from migrate.talk.demo import Demo

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
            say(wrapped("Two software iPhones; everything else is real. No iPhone is touched."))
            if wizard:
                from migrate.talk.wizard_command import converse

                converse(said, here, plain_wished=plain)
            else:
                world = world_of(said, here, show.passwords, yes=True, wait_s=60)
                carry_out(said, show.move(replace(world, listener=without_a_way_on(world.listener, command))))
            if keep:
                for line in show.how_to_go_on(serving, here.home.path, wizard=wizard):
                    say(line)
    return None


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
