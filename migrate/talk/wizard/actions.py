"""What the wizard does between its pages: find phones, meet and back them up, test passwords, store the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.manifest.open import unlock
from migrate.journey import events
from migrate.journey.context import PresavedBackup, RunContext
from migrate.journey.encryption import turn_on
from migrate.journey.phone_session import PhoneSession, backup_stamp
from migrate.journey.presave import PresaveResult, connect_phone, presave
from migrate.journey.runs import find_run, remove
from migrate.language import _
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.plan.interview.answers import SECRETS, Answer, Answers, is_udid
from migrate.plan.interview.derived import CONTINUE, LATER, is_encrypted
from migrate.plan.interview.observations import (
    CHANGE,
    MoveFacts,
    Phone,
    Preparation,
    chosen_run,
    new_udid,
    old_folder,
    old_phone_key,
)
from migrate.plan.interview.plan import answers_of
from migrate.plan.interview.questions import next_question
from migrate.plan.read import read_plan
from migrate.problems import (
    BackupEncryptionTurnedOn,
    MigrateError,
    NoMuxer,
    PasswordMissing,
    PhonePasswordMissing,
    WrongPassword,
    WrongPhonePassword,
)
from migrate.problems.finding import Finding
from migrate.talk.console import format_file_count, format_findings, format_problem, say, wrapped
from migrate.talk.passwords import Passwords, Role, from_keyring, has_keyring, store_in_keyring
from migrate.talk.prompts import TerminalPrompts
from migrate.talk.wizard.encryption_pages import KEEP, PasswordPage, keyring_page
from migrate.talk.wizard.hello_pages import GO_ON, LOOK, page_before_restore
from migrate.talk.wizard.observations import (
    backup_bytes,
    backup_contents_of,
    computer_now,
    earlier_backup,
    merged,
    phone_of,
    trust_states,
    with_phone,
)
from migrate.talk.wizard.page import Page, Widgets, heading, print_lines
from migrate.talk.wizard.run_prompts import WizardPrompts
from migrate.talk.wizard.texts import error_page
from migrate.udid import same_udid
from migrate.units import format_bytes

LIVE_PAGES = frozenset({"start", "old", "new", "version", "new-is", "space", "old-password", "new-password", "summary"})
"""Pages that depend on phones as they are now: a backup password can be removed while it is asked for."""
POLL_S = 1.0
"""How often phones are listed again: a second is not noticed."""
WRONG_PASSWORD_ERRORS = (WrongPassword, WrongPhonePassword, PasswordMissing, PhonePasswordMissing)
TRIES = 3
"""How often a password may be wrong before the page offers another way."""


@dataclass
class WizardActions:
    """What one wizard session does and remembers. Its run will use `context`."""

    context: RunContext
    passwords: Passwords
    ask: Widgets
    answers_file: Path
    """The file that stores the answers."""
    saved: dict[str, PresavedBackup]
    """The same dict as in `context`: the run does not repeat a backup made here."""
    stop: Callable[[MigrateError], None] = lambda error: None
    """Called with the error at which the person chose to stop; its page has already been shown."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    wrong: int = 0
    untested: set[str] = field(default_factory=set)
    """UDIDs whose password, the person says, was changed since the last backup: only the next backup can tell."""
    unopened: dict[str, list[str | None]] = field(default_factory=dict)
    """By UDID: the stamp of a backup that was made here, and that the password did not open."""
    tested: str = ""
    stopped_at: MigrateError | None = None
    """The error at which the person chose to stop, while an answer was taken in: its page is not shown again."""
    turned_on: dict[str, Finding] = field(default_factory=dict)
    """By UDID: that a page turned its encryption on, for the receipt."""

    # -- looking -----------------------------------------------------------------------------------------------------

    async def refresh(self, move_facts: MoveFacts, answers: Answers) -> MoveFacts:
        """Look at what the next page needs to show."""
        question = next_question(move_facts, answers)
        if not move_facts.with_phones or (
            question is not None and question.name not in LIVE_PAGES and move_facts.phones
        ):
            return self._with_known_passwords(move_facts, answers)
        move_facts = await self._look_at_computer(await self._look_at_phones(move_facts), answers)
        return self._with_known_passwords(move_facts, answers)

    async def _look_at_computer(self, move_facts: MoveFacts, answers: Answers) -> MoveFacts:
        """Look at the disk for the backups, and once at what earlier backups of these phones take there."""
        home = self.context.home
        now = computer_now(home.path, move_facts.computer)
        udids = {old_phone_key(answers), new_udid(move_facts, answers)} - {None, *now.backup_bytes}
        sizes = {str(udid): await asyncio.to_thread(backup_bytes, home, str(udid)) for udid in udids if is_udid(udid)}
        return replace(move_facts, computer=replace(now, backup_bytes={**now.backup_bytes, **sizes}))

    async def _look_at_phones(self, move_facts: MoveFacts) -> MoveFacts:
        trouble: MigrateError | None = None
        found: list[PhoneFacts] = []
        try:
            found = await find_phones(self.context.usbmux)
        except NoMuxer as error:  # Linux starts usbmuxd when a phone is plugged in
            trouble = error
        phones = [merged(phone_of(facts), move_facts.phone(facts.udid)) for facts in found]
        gone = [replace(one, connected=False) for one in move_facts.phones if one.udid not in {p.udid for p in phones}]
        return replace(move_facts, phones=(*phones, *gone), no_muxer=trouble)

    def _with_known_passwords(self, move_facts: MoveFacts, answers: Answers) -> MoveFacts:
        """Note which passwords are already known, from the environment or the keyring."""
        roles: tuple[tuple[Role, str | None], ...] = (
            ("old", old_phone_key(answers)),
            ("new", new_udid(move_facts, answers)),
        )
        told = {key for role, key in roles if key and self.passwords.look_up(role, key)}
        return replace(move_facts, known_passwords=frozenset(self.secrets) | told)

    async def changes(self, move_facts: MoveFacts) -> None:
        """Return when a phone was connected or disconnected, or now trusts this computer."""
        while True:
            await asyncio.sleep(POLL_S)
            now = await self._look_at_phones(move_facts)
            if trust_states(now) != trust_states(move_facts):
                return

    # -- doing -------------------------------------------------------------------------------------------------------

    async def prepare(self, preparation: Preparation, move_facts: MoveFacts, answers: Answers) -> MoveFacts:
        """Do what the next page needs, and return the facts it changed."""
        match preparation:
            case "meet-old":
                facts, _signs = await connect_phone(self.phone_session(move_facts, answers), "old")
                return with_phone(move_facts, facts)
            case "look-at-new" | "meet-new":
                facts, signs = await connect_phone(self.phone_session(move_facts, answers), "new")
                move_facts = replace(
                    with_phone(move_facts, facts), signs_of_use={**move_facts.signs_of_use, facts.udid: signs}
                )
                return (
                    replace(move_facts, connected_later_udid=facts.udid)
                    if answers.one("new") == "later"
                    else move_facts
                )
            case "save-old":
                return await self._back_up(move_facts, answers, "old", str(old_phone_key(answers)))
            case "save-new":
                return await self._back_up(move_facts, answers, "new", str(new_udid(move_facts, answers)))
            case "find-my-off":
                return await self._find_my_off(move_facts, str(new_udid(move_facts, answers)))

    def phone_session(self, move_facts: MoveFacts, answers: Answers) -> PhoneSession:
        folder, new = old_folder(move_facts, answers), new_udid(move_facts, answers)
        old = None if folder else old_phone_key(answers)
        session = PhoneSession(
            context=replace(self.context, prompts=self.prompts(move_facts, answers)),
            old_udid=old,
            old_backup=folder,
            new_udid=new,
            encrypts_backups=is_encrypted(move_facts, answers),
        )
        met: tuple[tuple[Role, Phone | None], ...] = (("old", move_facts.phone(old)), ("new", move_facts.phone(new)))
        for role, phone in met:
            if phone is not None and phone.name:  # messages call it by its name, also while it is not connected
                session.record_phone(role, phone.udid, phone.name)
        return session

    def prompts(self, move_facts: MoveFacts, answers: Answers) -> TerminalPrompts:
        """The prompts of a run, answered with the passwords given on the pages."""
        old, new = old_phone_key(answers), new_udid(move_facts, answers)
        preset: dict[Role, str | None] = {
            "old": self.secrets.get(old or "") or self.passwords.look_up("old", old),
            "new": self.secrets.get(new or "") or self.passwords.look_up("new", new),
        }

        def remember(role: Role, password: str) -> None:
            if key := old if role == "old" else new:
                self.secrets[key] = password

        return WizardPrompts(Passwords(preset=preset), yes=False, remember=remember)

    async def _back_up(
        self, move_facts: MoveFacts, answers: Answers, role: Literal["old", "new"], key: str
    ) -> MoveFacts:
        say()
        made = await self._presave(move_facts, answers, role, key)
        self.saved[made.udid] = made.presaved
        files = format_file_count(made.presaved.verdict.files or 0)
        size = format_bytes(made.presaved.verdict.bytes or 0)
        done = _("{phone} is backed up, and the backup is complete: {files}, {size}.")
        say(wrapped(done.format(phone=made.presaved.name, files=files, size=size)))
        move_facts = with_phone(move_facts, made.facts) if made.facts else move_facts
        if (computer := move_facts.computer) is not None:  # its sizes are looked up again: they count in "space"
            move_facts = replace(move_facts, computer=replace(computer, backup_bytes={}))
            move_facts = await self._look_at_computer(move_facts, answers)
        return replace(move_facts, backup_contents={**move_facts.backup_contents, key: backup_contents_of(made)})

    async def _presave(
        self, move_facts: MoveFacts, answers: Answers, role: Literal["old", "new"], key: str
    ) -> PresaveResult:
        """Back a phone up. A finished backup that only a wrong password kept from being read is not made again."""
        session = self.phone_session(move_facts, answers)
        if key in self.turned_on:
            session.findings.append(self.turned_on[key])
        if role == "new" or session.old_backup is not None:
            return await presave(session, role)
        changed = key in self.untested
        folder = self.context.home.working_backup(key)
        before = backup_stamp(folder)
        if before == self.unopened.get(key):
            session.old_backup = folder
        try:
            return await presave(session, role, password_changed=changed)
        except WRONG_PASSWORD_ERRORS:
            if (after := backup_stamp(folder)) not in (before, [None, None]):
                self.unopened[key] = after
            raise

    async def _find_my_off(self, move_facts: MoveFacts, udid: str) -> MoveFacts:
        """Wait until Find My is off; otherwise the phone would refuse the restore."""
        phone = move_facts.phone(udid)
        name_or_model = phone.name_or_model if phone else _("the new phone")
        self.context.listener(events.PersonNeeded(name_or_model, "turn-off-find-my"))
        while (phone := move_facts.phone(udid)) is not None and phone.find_my:
            await asyncio.sleep(POLL_S)
            move_facts = await self._look_at_phones(move_facts)
        self.context.listener(events.PersonDone(name_or_model, "turn-off-find-my"))
        return move_facts

    # -- answers -----------------------------------------------------------------------------------------------------

    async def accept_answer(
        self, name: str, answer: Answer, move_facts: MoveFacts, answers: Answers
    ) -> tuple[MoveFacts, Answers]:
        """Store an answer, after checking it as far as possible.

        Raises:
            WrongPassword: it does not open the backup that exists already.
            BackupNotFound, BackupUnfinished: the folder does not hold a finished backup.
        """
        if name in SECRETS:
            key = str(new_udid(move_facts, answers) if name == "new-password" else old_phone_key(answers))
            if name != "chosen-password" and key not in self.untested:
                await self._test_password(key, str(answer), move_facts)
            if name == "chosen-password":
                turned_on = await self._turn_on_encryption(move_facts, answers, key, str(answer))
                if turned_on is None:
                    return await self._look_at_phones(move_facts), answers.up_to("encryption")
                move_facts = turned_on
            self.secrets[key] = str(answer)
            move_facts = self._with_known_passwords(move_facts, answers)
        elif name == "folder":
            move_facts, answer = _with_backup(move_facts, Path(str(answer)).expanduser().absolute())
        elif name == "new-is":
            move_facts, is_chosen = await self._prepare_new_phone(move_facts, answers.with_answer(name, answer))
            if not is_chosen:
                return move_facts, answers.up_to(name)
        elif name == "start" and answer == CONTINUE and move_facts.earlier_answers:
            return move_facts, move_facts.earlier_answers.with_answer(name, answer)
        elif name == "unfinished" and answer == CHANGE and (run := chosen_run(move_facts, answers)):
            return self.change_run(move_facts, run.id)
        elif name == "drop" and (run := chosen_run(move_facts, answers)):
            remove(self.context.home, find_run(self.context.home, run.id), lose_undo=True)
            others = tuple(one for one in move_facts.unfinished if one.id != run.id)
            return replace(move_facts, unfinished=others), Answers()
        self.wrong = 0
        return move_facts, answers.with_answer(name, answer)

    async def _turn_on_encryption(
        self, move_facts: MoveFacts, answers: Answers, udid: str, password: str
    ) -> MoveFacts | None:
        """Set the chosen password on the old phone now, test it, and offer to remember it.

        Returns:
            None if the person wants to change an answer.
        """
        while True:
            session = self.phone_session(move_facts, answers)
            session.step = "encryption"
            try:
                async with session.phone("old") as phone:
                    done = await turn_on(phone, password, session.progress())
                    facts = phone.facts
            except MigrateError as error:
                if await self.handle_error(error, None) == "change":
                    return None
                continue
            break
        name = facts.name_or_model
        self.turned_on[udid] = BackupEncryptionTurnedOn(name).as_finding()
        say()
        say(wrapped(_("{phone} now encrypts its backups.").format(phone=name)))
        if done.tested:
            say(wrapped(_("The password was tested: the phone was asked again, and accepts it.")))
        for line in format_findings(done.findings):
            say(line)
        if has_keyring() and from_keyring(udid) != password and await self.ask(keyring_page(name)) == KEEP:
            stored = store_in_keyring(udid, password)
            say(wrapped(_("The keyring has it.") if stored else _("The keyring did not take it.")))
        return with_phone(move_facts, facts)

    async def _prepare_new_phone(self, move_facts: MoveFacts, answers: Answers) -> tuple[MoveFacts, bool]:
        """Say what to do on the new phone before it is restored, as often as the person looks again.

        Returns:
            False if the person wants to go back.
        """
        while (page := page_before_restore(move_facts, answers)) is not None:
            if not page.rows:
                print_lines(["", heading(page.title), *page.lines])
                return move_facts, True
            chosen = await self.ask(page)
            if chosen != LOOK:
                return move_facts, chosen == GO_ON
            move_facts = await self._look_at_phones(move_facts)
        return move_facts, True

    def change_run(self, move_facts: MoveFacts, run_id: str) -> tuple[MoveFacts, Answers]:
        """Begin with the answers of an unfinished run, at the question of what moves.

        The run stays until the changed plan begins.

        Raises:
            PlanInvalid, BackupNotFound: its plan, or the backup that it uses, cannot be read.
        """
        run = find_run(self.context.home, run_id)
        plan, journal = read_plan(run.path / "plan.toml"), run.journal()
        answers = answers_of(plan)
        if plan.old_phone.backup is not None:
            move_facts, folder = _with_backup(move_facts, Path(plan.old_phone.backup))
            answers = answers.with_answer("old", folder)
        for role, udid in (("old", answers.one("old")), ("new", answers.one("new"))):
            if is_udid(udid) and move_facts.phone(udid) is None and udid != LATER:
                phone = Phone(udid=str(udid), name=journal.name_of(role), connected=False)
                move_facts = replace(move_facts, phones=(*move_facts.phones, phone))
        answers = answers.with_answer("start", run_id).with_answer("unfinished", CHANGE)
        return replace(move_facts, remembered=answers, replaced_run=run_id), answers.up_to("what")

    async def _test_password(self, key: str, password: str, move_facts: MoveFacts) -> None:
        """Test a password on the newest backup of this phone that there is, before hours are spent on another."""
        is_folder = Path(key).is_absolute()
        folders = [Path(key)] if is_folder else [self.context.home.working_backup(key)]
        folders += [Path(one.folder) for one in move_facts.backups if not is_folder and same_udid(one.udid, key)]
        backup = await asyncio.to_thread(_newest_encrypted, folders)
        if backup is not None:
            self.tested = "" if is_folder else key
            say(_("Checking the password …"))
            await asyncio.to_thread(unlock, backup, password)

    async def handle_error(self, error: MigrateError, page: Page | None, *, can_change: bool = True) -> str:
        """Show an error and ask what to do: `again`, or `change` for the page before.

        A password that a step found wrong is forgotten, so that its page is the one before.

        Raises:
            MigrateError: `error` itself, when the person stops here.
        """
        if error is self.stopped_at:
            raise error
        if page is not None and page.is_typed and self.wrong < TRIES - 1:
            self.wrong += 1
            then = (
                _("Try again. If nobody knows it, leave it empty.")
                if isinstance(page, PasswordPage)
                else _("Try again, or leave it empty to go back.")
            )
            for line in format_problem(error.render("what", in_wizard=True), error.render("why", in_wizard=True), then):
                say(line)
            return "again"
        self.wrong = 0
        if is_password_wrong := page is None and isinstance(error, WRONG_PASSWORD_ERRORS):
            self.secrets.clear()
            self.passwords = Passwords(preset={"old": None, "new": None})  # the preset one is wrong too
        can_use_untested = page is not None and isinstance(error, WrongPassword) and self.tested != ""
        chosen = await self.ask(
            error_page(error, can_change=can_change and not is_password_wrong, can_use_untested=can_use_untested)
        )
        if chosen == "stop":
            self.stopped_at = error
            self.stop(error)
            raise error
        if chosen == "insist":
            self.untested.add(self.tested)
        return "change" if is_password_wrong else str(chosen)

    def write_answers(self, move_facts: MoveFacts, answers: Answers) -> None:
        """Store the answers, without any password."""
        if answers:
            answers.write(self.answers_file, names={phone.udid: phone.name_or_model for phone in move_facts.phones})


def _with_backup(move_facts: MoveFacts, path: Path) -> tuple[MoveFacts, str]:
    """The facts with a finished backup in a folder, and that folder.

    Raises:
        BackupNotFound, BackupUnfinished: the folder does not hold a finished backup.
    """
    folder = BackupFolder(find_backup(path))
    folder.require_finished()
    others = tuple(one for one in move_facts.backups if one.folder != str(folder.path))
    return replace(move_facts, backups=(*others, earlier_backup(folder))), str(folder.path)


def _newest_encrypted(folders: Iterable[Path]) -> BackupFolder | None:
    """The backup whose password is most likely still the phone's."""
    found = list[tuple[str, BackupFolder]]()
    for folder in folders:
        with suppress(MigrateError, OSError):
            backup = BackupFolder(folder)
            if backup.is_finished and backup.is_encrypted:
                found.append((str(backup.status_date), backup))
    return max(found, key=lambda pair: pair[0])[1] if found else None
