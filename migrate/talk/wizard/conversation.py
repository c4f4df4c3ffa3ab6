"""`migrate` without a command, and `migrate demo --wizard`: one conversation from two phones to a proven move.

It ends where `migrate run` does: in journey.run, with a plan that can be run again.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.backup.private_files import write_whole
from migrate.journey import events
from migrate.journey.context import Ended, World
from migrate.journey.journal import Journal
from migrate.journey.run import resume, run
from migrate.journey.run_state import KeptSave
from migrate.journey.runs import RunFolder, find_run, remove
from migrate.plan.interview.observations import goes_on_with, new_udid
from migrate.plan.interview.plan import plan_of, written
from migrate.plan.interview.questions import Answers, Seen
from migrate.plan.model import Plan
from migrate.problems import (
    ConversationStopped,
    Interrupted,
    MigrateError,
    NotProven,
    PhoneInUse,
    RunIsOver,
    StoppedBeforeBeginning,
)
from migrate.talk.console import plain, say, wrapped
from migrate.talk.options import AtHome, Everywhere, run_async
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import AtTheTerminal
from migrate.talk.receipt import as_page
from migrate.talk.run_on_terminal import exit_code_of, show_receipt
from migrate.talk.wizard import plain_widgets as wizard_plain
from migrate.talk.wizard import widgets as wizard
from migrate.talk.wizard.actions import Doing
from migrate.talk.wizard.choice_pages import left_in_icloud
from migrate.talk.wizard.observations import at_first, without_phones
from migrate.talk.wizard.page import Widgets
from migrate.talk.wizard.texts import WELCOME, WELCOME_PLAIN
from migrate.talk.wizard.waiting_pages import make_listener
from migrate.units import now_utc

ANSWERS, ANSWERS_WITHOUT_PHONES = "interview.json", "interview-without-phones.json"
WAIT_S = 1800.0
DRAWN = "─●○…»"
"""What the pages draw with. A terminal whose encoding lacks it gets plain ones."""


@contextmanager
def plainly(wished: bool) -> Iterator[Widgets]:
    """The widgets that fit the terminal; with `--plain`, or where it cannot draw, plain ones until the end."""
    before = os.environ.get("MIGRATE_PLAIN")
    if wished or not can_draw():
        os.environ["MIGRATE_PLAIN"] = "1"
    try:
        yield wizard_plain.ask if plain() else wizard.ask
    finally:
        os.environ.pop("MIGRATE_PLAIN", None)
        if before is not None:
            os.environ["MIGRATE_PLAIN"] = before


def can_draw() -> bool:
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
        return False
    try:
        DRAWN.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def converse(options: Everywhere, here: AtHome, *, plain_wished: bool, command: str = "migrate") -> int | None:
    """The whole conversation. The exit code of what it did, where it is not 0.

    Raises:
        ConversationStopped: Ctrl-C; `command` goes on. What the run raises.
    """
    with plainly(plain_wished) as ask:
        conversation = Conversation.begin(options, here, ask, command)
        run_async(conversation.hold())
        return conversation.exit_code


def write_plan(options: Everywhere, here: AtHome, path: Path, *, plain_wished: bool) -> None:
    """The interview without phones: `migrate plan new`.

    Raises:
        ConversationStopped: Ctrl-C; the same command goes on.
    """
    with plainly(plain_wished) as ask:
        conversation = Conversation.begin(options, here, ask, f"migrate plan new {shlex.quote(str(path))}")
        conversation.plan_file = path
        conversation.doing.answers_file = here.home.path / ANSWERS_WITHOUT_PHONES
        run_async(conversation.hold_without_phones())


@dataclass
class Conversation:
    options: Everywhere
    here: AtHome
    doing: Doing
    command: str
    plan_file: Path
    run: str | None = None
    """The run at work, or the last one."""
    exit_code: int | None = None
    met_new: str | None = None
    """The UDID of the new phone, once a run has met it."""

    @classmethod
    def begin(cls, options: Everywhere, here: AtHome, ask: Widgets, command: str) -> Conversation:
        saved: dict[str, KeptSave] = {}
        passwords = Passwords()
        world = World(
            home=here.home,
            tmp=here.tmp,
            muxer=here.muxer,
            asking=AtTheTerminal(passwords, yes=False),
            listener=make_listener(),
            wait_s=WAIT_S,
            saved=saved,
            page=as_page,
        )
        doing = Doing(
            world=world,
            passwords=passwords,
            ask=ask,
            answers_file=here.home.path / ANSWERS,
            saved=saved,
        )
        plan_file = here.home.path / "plans" / f"{now_utc():%Y%m%d-%H%M%S}.toml"
        conversation = cls(options, here, doing, command, plan_file)
        doing.stop = conversation.stop
        return conversation

    def stop(self, error: MigrateError) -> None:
        """The person ends it on the page of an error, which is told with that."""
        self.options.reported_error = error
        say()
        say(wrapped("Everything so far is kept. Go on where you stopped with:"))
        say(f"  {self.command}")

    async def hold(self) -> None:
        """From the first page to the receipt."""
        answers = Answers()
        for paragraph in WELCOME_PLAIN if plain() else WELCOME:
            say()
            say(wrapped(paragraph))
        try:
            seen = at_first(self.here.home, self.doing.answers_file)
            while True:
                seen, answers = await wizard.run_interview(self.doing.ask, self.doing, seen, answers)
                ended, seen, answers = await self.act(seen, answers)
                if ended:
                    return
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.doing.answers_file.exists()
            if self.run is not None:
                raise Interrupted(self.run, "a question") from None
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        except MigrateError as error:
            error.again = f"run: {self.command}" if error.again == MigrateError.again else error.again
            raise

    async def hold_without_phones(self) -> None:
        """From the first page to the plan's file."""
        left, _ = Answers.read(self.doing.answers_file)
        seen = replace(without_phones(), left=left or None)
        try:
            seen, answers = await wizard.run_interview(self.doing.ask, self.doing, seen, Answers())
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.doing.answers_file.exists()
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        self.write(plan_of(seen, answers))
        self.doing.answers_file.unlink(missing_ok=True)
        say()
        say(wrapped("It is written down. Name the phones when you run it; migrate phones shows their UDIDs:"))
        say(f"  {shlex.join(('migrate', 'run', str(self.plan_file), '--old', 'UDID', '--new', 'UDID'))}")

    async def act(self, seen: Seen, said: Answers) -> tuple[bool, Seen, Answers]:
        """Do what was agreed. False: something is to be answered anew."""
        if (going_on := goes_on_with(seen, said)) is not None:
            self.run = going_on
            ended, error = await self.carry_out(None, seen, said)
        else:
            plan = plan_of(seen, said)
            self.write(plan)
            if said.one("summary") == "write":
                self.say_how_to_replay("It is written down. Nothing has been moved. Run it with:")
                self.doing.answers_file.unlink(missing_ok=True)
                return True, seen, said
            ended, error = await self.carry_out(plan, seen, said)
        if ended is None:
            seen = await self.doing.refresh(replace(seen, came_later=self.met_new or seen.came_later), Answers())
            if isinstance(error, PhoneInUse) and (new := new_udid(seen, said)):
                seen = replace(seen, signs_of_use={**seen.signs_of_use, new: error.signs})
                return False, seen, said.up_to("wipe")
            if going_on is None:
                return False, seen, said.up_to("what")
            others = tuple(one for one in seen.unfinished if one.id != going_on)
            return False, replace(seen, unfinished=others), Answers()
        self.doing.answers_file.unlink(missing_ok=True)
        show_receipt(self.options, ended)
        self.exit_code = exit_code_of(ended)
        if going_on is None:
            self.say_what_stays_in_icloud(seen, said)
            if self.options.phones_stay:
                self.say_how_to_replay("The same again, with phones like these:")
        return True, seen, said

    async def carry_out(self, plan: Plan | None, seen: Seen, said: Answers) -> tuple[Ended | None, MigrateError | None]:
        """The run, gone on with as often as the person wants. No end: the person changes an answer, because of this."""
        hears = self.doing.world.listener

        def hear(event: events.Event) -> None:
            hears(event)
            if isinstance(event, events.RunFinished):
                self.run = event.run

        world = replace(self.doing.world, asking=self.doing.asking(seen, said), listener=hear)
        while True:
            try:
                if self.run is not None:
                    return await resume(find_run(self.here.home, self.run), world), None
                assert plan is not None
                say()
                return await run(plan, world), None
            except (Interrupted, StoppedBeforeBeginning, NotProven, RunIsOver):
                raise
            except MigrateError as error:
                if await self.doing.handle_error(error, None, may_change=self.is_changeable()) == "change":
                    self.forget_run()
                    return None, error

    def is_changeable(self) -> bool:
        """Whether another plan can still take this one's place: nothing was sent to the new phone."""
        return self.run is None or self.journal().note("restore_begins") is None

    def journal(self) -> Journal:
        return RunFolder(self.here.home.runs / str(self.run)).journal()

    def forget_run(self) -> None:
        if self.run is not None:
            self.met_new = self.journal().udid_of("new")
            remove(find_run(self.here.home, self.run))
        self.run = None

    def write(self, plan: Plan) -> None:
        self.plan_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.plan_file, written(plan).encode())

    def say_what_stays_in_icloud(self, seen: Seen, said: Answers) -> None:
        """Proven is what was in the backup; this was not."""
        if notes := left_in_icloud(seen, said):
            say()
            say(wrapped("What the old phone itself only mentions did not move. Sign in to the account to have it:"))
            for note in notes:
                say(note)

    def say_how_to_replay(self, words: str) -> None:
        say()
        say(wrapped(words))
        say(f"  {self.options.to_paste('run', str(self.plan_file))}")
