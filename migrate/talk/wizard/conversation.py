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

from migrate.backup.private_files import write_atomically
from migrate.journey import events
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.run import resume, run
from migrate.journey.run_state import PresavedBackup
from migrate.journey.runs import RunFolder, find_run, remove
from migrate.plan.interview.observations import new_udid, resumed_run_id
from migrate.plan.interview.plan import build_plan, plan_file_text
from migrate.plan.interview.questions import Answers, MoveFacts
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
from migrate.talk.console import is_plain, say, wrapped
from migrate.talk.options import GlobalOptions, Workspace, run_async
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import TerminalPrompts
from migrate.talk.receipt import receipt_html
from migrate.talk.run_on_terminal import exit_code_of, show_receipt
from migrate.talk.wizard import plain_widgets as wizard_plain
from migrate.talk.wizard import widgets as wizard
from migrate.talk.wizard.actions import WizardActions
from migrate.talk.wizard.choice_pages import icloud_only_notes
from migrate.talk.wizard.observations import initial_state, without_phones
from migrate.talk.wizard.page import Widgets
from migrate.talk.wizard.texts import WELCOME, WELCOME_PLAIN
from migrate.talk.wizard.waiting_pages import make_listener
from migrate.units import now_utc

ANSWERS, ANSWERS_WITHOUT_PHONES = "interview.json", "interview-without-phones.json"
WAIT_S = 1800.0
DRAWN = "─●○…»"
"""What the pages draw with. A terminal whose encoding lacks it gets plain ones."""


@contextmanager
def choosing_widgets(wished: bool) -> Iterator[Widgets]:
    """The widgets that fit the terminal; with `--plain`, or where it cannot draw, plain ones until the end."""
    before = os.environ.get("MIGRATE_PLAIN")
    if wished or not can_draw():
        os.environ["MIGRATE_PLAIN"] = "1"
    try:
        yield wizard_plain.ask if is_plain() else wizard.ask
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


def run_wizard(
    options: GlobalOptions, workspace: Workspace, *, force_plain: bool, command: str = "migrate"
) -> int | None:
    """The whole conversation. The exit code of what it did, where it is not 0.

    Raises:
        ConversationStopped: Ctrl-C; `command` goes on. What the run raises.
    """
    with choosing_widgets(force_plain) as ask:
        conversation = WizardSession.begin(options, workspace, ask, command)
        run_async(conversation.hold())
        return conversation.exit_code


def write_plan(options: GlobalOptions, workspace: Workspace, path: Path, *, force_plain: bool) -> None:
    """The interview without phones: `migrate plan new`.

    Raises:
        ConversationStopped: Ctrl-C; the same command goes on.
    """
    with choosing_widgets(force_plain) as ask:
        conversation = WizardSession.begin(options, workspace, ask, f"migrate plan new {shlex.quote(str(path))}")
        conversation.plan_file = path
        conversation.actions.answers_file = workspace.home.path / ANSWERS_WITHOUT_PHONES
        run_async(conversation.hold_without_phones())


@dataclass
class WizardSession:
    options: GlobalOptions
    workspace: Workspace
    actions: WizardActions
    command: str
    plan_file: Path
    run: str | None = None
    """The run at work, or the last one."""
    exit_code: int | None = None
    met_new: str | None = None
    """The UDID of the new phone, once a run has met it."""

    @classmethod
    def begin(cls, options: GlobalOptions, workspace: Workspace, ask: Widgets, command: str) -> WizardSession:
        saved: dict[str, PresavedBackup] = {}
        passwords = Passwords()
        context = RunContext(
            home=workspace.home,
            tmp=workspace.tmp,
            usbmux=workspace.usbmux,
            prompts=TerminalPrompts(passwords, yes=False),
            listener=make_listener(),
            wait_s=WAIT_S,
            saved=saved,
            page=receipt_html,
        )
        actions = WizardActions(
            context=context,
            passwords=passwords,
            ask=ask,
            answers_file=workspace.home.path / ANSWERS,
            saved=saved,
        )
        plan_file = workspace.home.path / "plans" / f"{now_utc():%Y%m%d-%H%M%S}.toml"
        conversation = cls(options, workspace, actions, command, plan_file)
        actions.stop = conversation.stop
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
        for paragraph in WELCOME_PLAIN if is_plain() else WELCOME:
            say()
            say(wrapped(paragraph))
        try:
            facts = initial_state(self.workspace.home, self.actions.answers_file)
            while True:
                facts, answers = await wizard.run_interview(self.actions.ask, self.actions, facts, answers)
                result, facts, answers = await self.act(facts, answers)
                if result:
                    return
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.actions.answers_file.exists()
            if self.run is not None:
                raise Interrupted(self.run, "a question") from None
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        except MigrateError as error:
            error.again = error.again or f"run: {self.command}"
            raise

    async def hold_without_phones(self) -> None:
        """From the first page to the plan's file."""
        earlier_answers, _ = Answers.read(self.actions.answers_file)
        facts = replace(without_phones(), earlier_answers=earlier_answers or None)
        try:
            facts, answers = await wizard.run_interview(self.actions.ask, self.actions, facts, Answers())
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.actions.answers_file.exists()
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        self.write(build_plan(facts, answers))
        self.actions.answers_file.unlink(missing_ok=True)
        say()
        say(wrapped("It is written down. Name the phones when you run it; migrate phones shows their UDIDs:"))
        say(f"  {shlex.join(('migrate', 'run', str(self.plan_file), '--old', 'UDID', '--new', 'UDID'))}")

    async def act(self, facts: MoveFacts, answers: Answers) -> tuple[bool, MoveFacts, Answers]:
        """Do what was agreed. False: something is to be answered anew."""
        if (going_on := resumed_run_id(facts, answers)) is not None:
            self.run = going_on
            result, error = await self.execute_run(None, facts, answers)
        else:
            plan = build_plan(facts, answers)
            self.write(plan)
            if answers.one("summary") == "write":
                self.say_how_to_replay("It is written down. Nothing has been moved. Run it with:")
                self.actions.answers_file.unlink(missing_ok=True)
                return True, facts, answers
            result, error = await self.execute_run(plan, facts, answers)
        if result is None:
            facts = await self.actions.refresh(
                replace(facts, connected_later_udid=self.met_new or facts.connected_later_udid), Answers()
            )
            if isinstance(error, PhoneInUse) and (new := new_udid(facts, answers)):
                facts = replace(facts, signs_of_use={**facts.signs_of_use, new: error.signs})
                return False, facts, answers.up_to("wipe")
            if going_on is None:
                return False, facts, answers.up_to("what")
            others = tuple(one for one in facts.unfinished if one.id != going_on)
            return False, replace(facts, unfinished=others), Answers()
        self.actions.answers_file.unlink(missing_ok=True)
        show_receipt(self.options, result)
        self.exit_code = exit_code_of(result)
        if going_on is None:
            self.say_what_stays_in_icloud(facts, answers)
            if self.options.phones_stay:
                self.say_how_to_replay("The same again, with phones like these:")
        return True, facts, answers

    async def execute_run(
        self, plan: Plan | None, facts: MoveFacts, answers: Answers
    ) -> tuple[RunResult | None, MigrateError | None]:
        """The run, gone on with as often as the person wants. No end: the person changes an answer, because of this."""
        run_listener = self.actions.context.listener

        def on_event(event: events.Event) -> None:
            run_listener(event)
            if isinstance(event, events.RunFinished):
                self.run = event.run_id

        context = replace(self.actions.context, prompts=self.actions.prompts(facts, answers), listener=on_event)
        while True:
            try:
                if self.run is not None:
                    return await resume(find_run(self.workspace.home, self.run), context), None
                assert plan is not None
                say()
                return await run(plan, context), None
            except (Interrupted, StoppedBeforeBeginning, NotProven, RunIsOver):
                raise
            except MigrateError as error:
                if await self.actions.handle_error(error, None, can_change=self.is_changeable()) == "change":
                    self.forget_run()
                    return None, error

    def is_changeable(self) -> bool:
        """Whether another plan can still take this one's place: nothing was sent to the new phone."""
        return self.run is None or self.journal().latest_value("restore_begins") is None

    def journal(self) -> Journal:
        return RunFolder(self.workspace.home.runs / str(self.run)).journal()

    def forget_run(self) -> None:
        if self.run is not None:
            self.met_new = self.journal().udid_of("new")
            remove(find_run(self.workspace.home, self.run))
        self.run = None

    def write(self, plan: Plan) -> None:
        self.plan_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.plan_file, plan_file_text(plan).encode())

    def say_what_stays_in_icloud(self, facts: MoveFacts, answers: Answers) -> None:
        """Proven is what was in the backup; this was not."""
        if notes := icloud_only_notes(facts, answers):
            say()
            say(wrapped("What the old phone itself only mentions did not move. Sign in to the account to have it:"))
            for note in notes:
                say(note)

    def say_how_to_replay(self, words: str) -> None:
        say()
        say(wrapped(words))
        say(f"  {self.options.command_to_paste('run', str(self.plan_file))}")
