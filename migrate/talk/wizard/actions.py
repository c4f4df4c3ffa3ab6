"""What the wizard does around its pages: looks for phones, meets and saves them, tests passwords, keeps the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.manifest.open import unlock
from migrate.journey import events
from migrate.journey.context import World
from migrate.journey.presave import a_move, meet_ahead, save_ahead
from migrate.journey.run_state import KeptSave, LastWord, Move
from migrate.phone.discovery import look
from migrate.phone.facts import PhoneFacts
from migrate.plan.interview.answers import SECRETS, Answer, Answers
from migrate.plan.interview.observations import Deed, Phone, Seen, new_udid, old_folder, old_key
from migrate.plan.interview.pages import GO_ON, IN_USE, is_encrypted
from migrate.plan.interview.questions import next_question
from migrate.plan.strategy import strategy_for
from migrate.problems import (
    MigrateError,
    NoMuxer,
    PasswordMissing,
    PhonePasswordMissing,
    WrongPassword,
    WrongPhonePassword,
)
from migrate.talk.console import say, three_sentences, wrapped
from migrate.talk.passwords import Passwords, Role
from migrate.talk.prompts import AtTheTerminal
from migrate.talk.wizard.observations import earlier_backup, merged, phone_of, saved_of, shown, with_phone
from migrate.talk.wizard.page import Page, Widgets, heading
from migrate.talk.wizard.texts import error_page
from migrate.units import bytes_text

LOOKED_AT = frozenset({"start", "old", "new", "new-is", "summary"})
"""Pages that show phones as they are now."""
POLL_S = 1.0
"""How often we look whether a phone came or went: nobody notices a second."""
PASSWORD_IS_WRONG = (WrongPassword, WrongPhonePassword, PasswordMissing, PhonePasswordMissing)
TRIES = 3
"""So often a password may be wrong before the page asks whether to go another way."""


@dataclass
class AtTheWizard(AtTheTerminal):
    """The last confirmation is a page of its own; a password chosen for a phone is not asked for again by its run."""

    keeps: Callable[[Role, str], None] = field(default=lambda role, word: None, repr=False)

    def chosen_password(self, role: Role, phone: str) -> str | None:
        word = super().chosen_password(role, phone)
        if word:
            self.keeps(role, word)
        return word

    def confirm(self, word: LastWord) -> bool:
        say()
        say(heading("The last word is yours"))
        return super().confirm(word)


@dataclass
class Doing:
    """One conversation's hands and eyes. `world` is where its run will go on."""

    world: World
    passwords: Passwords
    ask: Widgets
    answers_file: Path
    """Where the answers are kept."""
    saved: dict[str, KeptSave]
    """The same as in `world`: what was saved here is not saved again by the run."""
    stop: Callable[[MigrateError], None] = lambda error: None
    """Told the error that ends the conversation on the person's word: its page has been shown already."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    wrong: int = 0
    untested: set[str] = field(default_factory=set)
    """UDIDs whose password was changed since the last save, says the person: only the next save can tell."""
    tested: str = ""

    # -- eyes --------------------------------------------------------------------------------------------------------

    async def refresh(self, seen: Seen, said: Answers) -> Seen:
        """What there is to see before the next page."""
        question = next_question(seen, said)
        if not seen.with_phones or (question is not None and question.name not in LOOKED_AT and seen.phones):
            return self._with_told(seen, said)
        return self._with_told(await self._look_at_phones(seen), said)

    async def _look_at_phones(self, seen: Seen) -> Seen:
        trouble: MigrateError | None = None
        found: list[PhoneFacts] = []
        try:
            found = await look(self.world.muxer)
        except NoMuxer as error:  # Linux starts usbmuxd when a phone is plugged in
            trouble = error
        phones = [merged(phone_of(facts), seen.phone(facts.udid)) for facts in found]
        gone = [replace(one, connected=False) for one in seen.phones if one.udid not in {p.udid for p in phones}]
        return replace(seen, phones=(*phones, *gone), no_muxer=trouble)

    def _with_told(self, seen: Seen, said: Answers) -> Seen:
        """Add whose passwords were told beforehand: in a file, the environment, the keyring."""
        roles: tuple[tuple[Role, str | None], ...] = (("old", old_key(said)), ("new", new_udid(seen, said)))
        told = {key for role, key in roles if key and self.passwords.look_up(role, key)}
        return replace(seen, told=frozenset(self.secrets) | told)

    async def changes(self, seen: Seen) -> None:
        """Come back when a phone was plugged in or unplugged, or trusts us now."""
        while True:
            await asyncio.sleep(POLL_S)
            now = await self._look_at_phones(seen)
            if shown(now) != shown(seen):
                return

    # -- hands -------------------------------------------------------------------------------------------------------

    async def do(self, deed: Deed, seen: Seen, said: Answers) -> Seen:
        """Do what the next page needs, and come back with what is seen now."""
        match deed:
            case "meet-old":
                facts, _ = await meet_ahead(self.move(seen, said), "old")
                return with_phone(seen, facts)
            case "look-at-new" | "meet-new":
                facts, signs = await meet_ahead(self.move(seen, said), "new")
                if said.one("new-is") == IN_USE:
                    strategy_for("in-use", facts.ios_version, phone=facts.called)
                seen = replace(with_phone(seen, facts), signs_of_use={**seen.signs_of_use, facts.udid: signs})
                return replace(seen, came_later=facts.udid) if said.one("new") == "later" else seen
            case "save-old":
                return await self._save(seen, said, "old", str(old_key(said)))
            case "save-new":
                return await self._save(seen, said, "new", str(new_udid(seen, said)))
            case "find-my-off":
                return await self._find_my_off(seen, str(new_udid(seen, said)))

    def move(self, seen: Seen, said: Answers) -> Move:
        world = replace(self.world, asking=self.asking(seen, said))
        folder, new = old_folder(seen, said), new_udid(seen, said)
        old = None if folder else old_key(said)
        move = a_move(world, old=old, old_backup=folder, new=new, encrypted=is_encrypted(seen, said))
        met: tuple[tuple[Role, Phone | None], ...] = (("old", seen.phone(old)), ("new", seen.phone(new)))
        for role, phone in met:
            if phone is not None and phone.name:  # it is asked for by its name, also while it is not there
                move.met(role, phone.udid, phone.name)
        return move

    def asking(self, seen: Seen, said: Answers) -> AtTheTerminal:
        """Who answers what a step asks: with the passwords that were told on the pages."""
        old, new = old_key(said), new_udid(seen, said)
        given: dict[Role, str | None] = {
            "old": self.secrets.get(old or "") or self.passwords.look_up("old", old),
            "new": self.secrets.get(new or "") or self.passwords.look_up("new", new),
        }

        def keep(role: Role, word: str) -> None:
            if key := old if role == "old" else new:
                self.secrets[key] = word

        return AtTheWizard(Passwords(given=given), yes=False, keeps=keep)

    async def _save(self, seen: Seen, said: Answers, role: Literal["old", "new"], key: str) -> Seen:
        say()
        made = await save_ahead(self.move(seen, said), role)
        self.saved[made.udid] = made.kept
        count, size = made.kept.verdict.files or 0, made.kept.verdict.bytes or 0
        say(wrapped(f"{made.kept.name} is here, whole and proven: {count:,} files, {bytes_text(size)}."))
        seen = with_phone(seen, made.facts) if made.facts else seen
        return replace(seen, saves={**seen.saves, key: saved_of(made)})

    async def _find_my_off(self, seen: Seen, udid: str) -> Seen:
        """Wait until Find My is off: the phone would refuse the restore. Off, it is not asked for again."""
        phone = seen.phone(udid)
        called = phone.called if phone else "the new phone"
        self.world.listener(events.PersonNeeded(called, "turn-off-find-my"))
        while (phone := seen.phone(udid)) is not None and phone.find_my:
            await asyncio.sleep(POLL_S)
            seen = await self._look_at_phones(seen)
        self.world.listener(events.PersonDone(called, "turn-off-find-my"))
        return seen

    # -- answers -----------------------------------------------------------------------------------------------------

    async def take(self, name: str, answer: Answer, seen: Seen, said: Answers) -> tuple[Seen, Answers]:
        """Take an answer in.

        Raises:
            WrongPassword: tested at once, where there is something to test it on. BackupNotFound, BackupUnfinished.
        """
        if name in SECRETS:
            key = str(new_udid(seen, said) if name == "new-password" else old_key(said))
            if name != "chosen-password" and key not in self.untested:
                await self._test(key, str(answer))
            self.secrets[key] = str(answer)
            seen = self._with_told(seen, said)
        elif name == "folder":
            folder = BackupFolder(find_backup(Path(str(answer)).expanduser().absolute()))
            folder.require_finished()
            answer = str(folder.path)
            seen = replace(seen, backups=(*seen.backups, earlier_backup(folder)))
        elif name == "start" and answer == GO_ON and seen.left:
            return seen, seen.left.plus(name, answer)
        self.wrong = 0
        return seen, said.plus(name, answer)

    async def _test(self, key: str, word: str) -> None:
        """Hold a password against what was saved with it. Nothing saved yet: the save will tell."""
        folder = Path(key) if Path(key).is_absolute() else self.world.home.working_backup(key)
        try:
            backup = BackupFolder(folder)
            testable = backup.is_finished and backup.is_encrypted
        except (MigrateError, OSError):
            return
        if testable:
            self.tested = "" if Path(key).is_absolute() else key
            await asyncio.to_thread(unlock, backup, word)

    async def handle_error(self, error: MigrateError, page: Page | None, *, may_change: bool = True) -> str:
        """Show what went wrong. `again`, or `change` for the page before. A password that a step found wrong is
        forgotten, so that its page is the one before.

        Raises:
            the error itself: the person stops here.
        """
        if page is not None and self.wrong < TRIES - 1:
            self.wrong += 1
            for line in three_sentences(error.what(), error.why(), "Try again, or leave it empty to go back."):
                say(line)
            return "again"
        self.wrong = 0
        if error.again == MigrateError.again:
            error.again = "choose: Try again"
        if wrong_word := page is None and isinstance(error, PASSWORD_IS_WRONG):
            self.secrets.clear()
            self.passwords = Passwords(given={"old": None, "new": None})  # what was told beforehand does not fit either
        may_insist = page is not None and isinstance(error, WrongPassword) and self.tested != ""
        chosen = await self.ask(error_page(error, may_change=may_change and not wrong_word, may_insist=may_insist))
        if chosen == "stop":
            self.stop(error)
            raise error
        if chosen == "insist":
            self.untested.add(self.tested)
        return "change" if wrong_word else str(chosen)

    def write_answers(self, seen: Seen, said: Answers) -> None:
        """Write the answers down, without any password."""
        if said:
            said.write(self.answers_file, names={phone.udid: phone.called for phone in seen.phones})
