"""The wizard's session, from the first page to the receipt (`migrate`, `migrate demo --wizard`, `migrate plan new`).

Like `migrate run`, it ends in journey.run, with a plan that can be run again.
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
from migrate.journey.context import PresavedBackup, RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.run import resume, run
from migrate.journey.runs import RunFolder, find_run, remove
from migrate.language import _
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
from migrate.talk.overdue import overdue_lines
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import TerminalPrompts
from migrate.talk.receipt_page import receipt_html
from migrate.talk.run_on_terminal import exit_code_of, offer_to_open, show_receipt, show_receipt_from
from migrate.talk.wizard import plain_widgets, widgets
from migrate.talk.wizard.actions import WizardActions
from migrate.talk.wizard.encryption_pages import with_password_help
from migrate.talk.wizard.interview import run_interview
from migrate.talk.wizard.observations import initial_state, without_phones
from migrate.talk.wizard.page import Widgets
from migrate.talk.wizard.summary import account_notes
from migrate.talk.wizard.texts import welcome
from migrate.talk.wizard.waiting_pages import make_listener
from migrate.units import now_utc

ANSWERS, ANSWERS_WITHOUT_PHONES = "interview.json", "interview-without-phones.json"
WAIT_S = 1800.0
DRAWN = "─●○…»"
"""What the pages draw with. A terminal whose encoding lacks it gets plain pages."""


@contextmanager
def choosing_widgets(wished: bool) -> Iterator[Widgets]:
    """The widgets that fit the terminal: plain ones if `wished`, or if it cannot draw."""
    before = os.environ.get("MIGRATE_PLAIN")
    if wished or not can_draw():
        os.environ["MIGRATE_PLAIN"] = "1"
    try:
        yield plain_widgets.ask if is_plain() else widgets.ask
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
    """Run the wizard to its end.

    Returns:
        The exit code, or None for 0.

    Raises:
        ConversationStopped: Ctrl-C; `command` continues. Also what the run raises.
    """
    for line in overdue_lines(workspace.home):
        say(line)
    with choosing_widgets(force_plain) as ask:
        session = WizardSession.begin(options, workspace, ask, command)
        run_async(session.converse())
        return session.exit_code


def write_plan(options: GlobalOptions, workspace: Workspace, path: Path, *, force_plain: bool) -> None:
    """Run the interview without phones (`migrate plan new`).

    Raises:
        ConversationStopped: Ctrl-C; the same command continues.
    """
    with choosing_widgets(force_plain) as ask:
        session = WizardSession.begin(options, workspace, ask, f"migrate plan new {shlex.quote(str(path))}")
        session.plan_file = path
        session.actions.answers_file = workspace.home.path / ANSWERS_WITHOUT_PHONES
        run_async(session.converse_without_phones())


@dataclass
class WizardSession:
    options: GlobalOptions
    workspace: Workspace
    actions: WizardActions
    command: str
    plan_file: Path
    run: str | None = None
    """The current run, or the last one."""
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
            ask=with_password_help(ask),
            answers_file=workspace.home.path / ANSWERS,
            saved=saved,
        )
        plan_file = workspace.home.path / "plans" / f"{now_utc():%Y%m%d-%H%M%S}.toml"
        session = cls(options, workspace, actions, command, plan_file)
        actions.stop = session.stop
        return session

    def stop(self, error: MigrateError) -> None:
        """The person stops at the page of an error; it is not shown again."""
        self.options.reported_error = error
        say()
        say(wrapped(_("Everything so far is kept. Continue where you stopped with:")))
        say(f"  {self.command}")

    async def converse(self) -> None:
        """From the first page to the receipt."""
        answers = Answers()
        for paragraph in welcome():
            say()
            say(wrapped(paragraph))
        try:
            facts = await asyncio.to_thread(initial_state, self.workspace.home, self.actions.answers_file)
            while True:
                facts, answers = await run_interview(self.actions.ask, self.actions, facts, answers)
                result, facts, answers = await self.act(facts, answers)
                if result:
                    return
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.actions.answers_file.exists()
            if self.run is not None:
                raise Interrupted(self.run, _("a question")) from None
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        except MigrateError as error:
            error.again = error.again or f"run: {self.command}"
            if isinstance(error, NotProven):
                show_receipt_from(self.options, Path(error.receipt).parent)
                offer_to_open(self.options, Path(error.receipt).parent)
            raise

    async def converse_without_phones(self) -> None:
        """From the first page to the plan file."""
        earlier_answers, _names = Answers.read(self.actions.answers_file)
        facts = replace(without_phones(), earlier_answers=earlier_answers or None)
        try:
            facts, answers = await run_interview(self.actions.ask, self.actions, facts, Answers())
        except (asyncio.CancelledError, KeyboardInterrupt):
            kept = self.actions.answers_file.exists()
            raise (ConversationStopped(self.command) if kept else StoppedBeforeBeginning()) from None
        self.write(build_plan(facts, answers))
        self.actions.answers_file.unlink(missing_ok=True)
        say()
        say(wrapped(_("The plan is saved. Name the phones when you run it; migrate phones shows their UDIDs:")))
        say(f"  {shlex.join(('migrate', 'run', str(self.plan_file), '--old', 'UDID', '--new', 'UDID'))}")

    async def act(self, facts: MoveFacts, answers: Answers) -> tuple[bool, MoveFacts, Answers]:
        """Do what was agreed. False if an answer has to change first."""
        resumed = resumed_run_id(facts, answers)
        if resumed is not None:
            self.run = resumed
            result, error = await self.execute_run(None, facts, answers)
        else:
            plan = build_plan(facts, answers)
            self.write(plan)
            if answers.one("summary") == "write":
                self.say_how_to_replay(_("The plan is saved. Nothing has been moved. Run it with:"))
                self.actions.answers_file.unlink(missing_ok=True)
                return True, facts, answers
            facts = self.forget_replaced_run(facts)
            result, error = await self.execute_run(plan, facts, answers)
        if result is None:
            facts, answers = await self.begin_again(facts, answers, resumed, error)
            self.actions.write_answers(facts, answers)
            return False, facts, answers
        self.actions.answers_file.unlink(missing_ok=True)
        if resumed is None:
            self.say_what_belongs_to_accounts(facts, answers)
            if self.options.phones_stay:
                self.say_how_to_replay(_("To do the same again:"))
        show_receipt(self.options, result)  # last, because it ends on the verdict
        self.exit_code = exit_code_of(result)
        if result.receipt is not None:
            offer_to_open(self.options, result.receipt.parent)
        return True, facts, answers

    async def begin_again(
        self, facts: MoveFacts, answers: Answers, resumed: str | None, error: MigrateError | None
    ) -> tuple[MoveFacts, Answers]:
        """The answers up to the one that has to change because of `error`."""
        later = self.met_new or facts.connected_later_udid
        facts = await self.actions.refresh(replace(facts, connected_later_udid=later), Answers())
        if resumed is not None:
            facts, answers = self.actions.change_run(facts, resumed)
        if isinstance(error, PhoneInUse) and (new := new_udid(facts, answers)):
            facts = replace(facts, signs_of_use={**facts.signs_of_use, new: error.signs})
            return facts, answers.up_to("wipe")
        return facts, answers.up_to("what")

    def forget_replaced_run(self, facts: MoveFacts) -> MoveFacts:
        """Delete the run whose plan was changed, now that another one takes its place."""
        if facts.replaced_run is not None:
            remove(self.workspace.home, find_run(self.workspace.home, facts.replaced_run))
            others = tuple(one for one in facts.unfinished if one.id != facts.replaced_run)
            facts = replace(facts, unfinished=others, replaced_run=None)
        return facts

    async def execute_run(
        self, plan: Plan | None, facts: MoveFacts, answers: Answers
    ) -> tuple[RunResult | None, MigrateError | None]:
        """Run or resume until it ends, or until the person changes an answer because of the returned error."""
        run_listener = self.actions.context.listener

        def on_event(event: events.Event) -> None:
            run_listener(event)
            if isinstance(event, events.RunFinished):
                self.run = event.run_id
                if self.run is not None:  # the run has the answers; it is offered the next time
                    self.actions.answers_file.unlink(missing_ok=True)

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
                    self.leave_run(delete=plan is not None)
                    return None, error

    def is_changeable(self) -> bool:
        """Whether the answers can still change: nothing was sent to the new phone yet."""
        return self.run is None or self.journal().latest_value("restore_begins") is None

    def journal(self) -> Journal:
        return RunFolder(self.workspace.home.runs / str(self.run)).journal()

    def leave_run(self, *, delete: bool) -> None:
        """Leave the current run, to change its plan. `delete`: it is one that began in this conversation."""
        if self.run is not None:
            self.met_new = self.journal().udid_of("new")
            if delete:
                remove(self.workspace.home, find_run(self.workspace.home, self.run))
        self.run = None

    def write(self, plan: Plan) -> None:
        self.plan_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.plan_file, plan_file_text(plan).encode())

    def say_what_belongs_to_accounts(self, facts: MoveFacts, answers: Answers) -> None:
        """Name what stays on the new phone only with its account. The receipt names what is only in iCloud."""
        if notes := account_notes(facts, answers):
            say()
            say(wrapped(_("This moved, and belongs to accounts. Sign in to them on the new phone to keep it:")))
            for note in notes:
                say(note)

    def say_how_to_replay(self, sentence: str) -> None:
        say()
        say(wrapped(sentence))
        say(f"  {self.options.command_to_paste('run', str(self.plan_file))}")
