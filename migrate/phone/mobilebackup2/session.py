"""One errand with a phone's backup service: its notices heard, its sync lock held, its backup link served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymobiledevice3.services.afc import AfcService

from migrate.phone.connection import Contact, on_own_thread
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.disk import disk_error, free_bytes
from migrate.phone.mobilebackup2.host_folder import Drive
from migrate.phone.mobilebackup2.link import Link, LinkEnded
from migrate.phone.mobilebackup2.notifications import Notices
from migrate.phone.mobilebackup2.pipeline import Ledger, NoLedger
from migrate.phone.mobilebackup2.refusals import error_code, meaning_of
from migrate.phone.mobilebackup2.sync_lock import sync_lock
from migrate.problems import CancelledOnPhone, PasscodeWaitOver, PhoneLost
from migrate.progress import Watcher

LINK_TRIES = 3
LINK_PAUSE_S = 10.0
"""A phone often drops the first session after it was plugged in (REPORTED, facts 2.4: three tries, ten seconds apart).
Only a session in which nothing was asked for yet is tried again here."""


@dataclass
class Outcome:
    """How a conversation ended. `response` None: the link broke in the middle of it, `ended` says how."""

    conversation: Conversation
    response: dict[str, Any] | None
    ended: LinkEnded | None = None


@dataclass
class Session:
    """Enter it, then `ask`. `during` names the errand in errors. Order of services: libimobiledevice's (facts 1.3)."""

    contact: Contact
    watch: Watcher
    during: str
    notices: Notices = field(init=False)
    afc: AfcService | None = field(init=False, default=None)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)
    _link: Link | None = field(init=False, default=None)

    async def __aenter__(self) -> Self:
        contact = self.contact
        self.notices = Notices(
            contact.client, phone=contact.name, watch=self.watch, wait_s=contact.wait_s, on_cancel=self._cut
        )
        try:
            with contact.told(self.during):
                await self._stack.enter_async_context(self.notices)
                self.afc = await contact.open_afc(self._stack)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ask(
        self,
        request: Mapping[str, Any],
        folder: Path,
        *,
        lock: bool = True,
        repeatable: bool = True,
        ledger: Ledger | None = None,
        moved: Callable[[Conversation], None] = lambda _: None,
    ) -> Outcome:
        """Send `request` about the backup `folder` over a fresh link, and serve the phone to the end.

        `repeatable`: it may be sent again when the phone dropped the session without having asked for anything.

        Raises:
            CancelledOnPhone, PasscodeWaitOver, AnotherProgramSyncing, PhoneLocked, PhoneSilent, PhoneBrokeProtocol,
            UnsafeName …
            A broken link is not raised but told: for a restore it may be the normal end.
        """
        tries = LINK_TRIES
        while True:
            tries -= 1
            with self.contact.told(self.during):
                outcome = await self._ask_once(request, folder, lock, ledger or NoLedger(), moved)
            if self.notices.bug is not None:
                raise self.notices.bug
            if self.notices.cancelled:
                raise CancelledOnPhone(self.contact.name, "")
            if self.notices.tired:
                raise PasscodeWaitOver(self.contact.name, round(self.contact.wait_s))
            talk = outcome.conversation
            if talk.disk_trouble is not None or outcome.response is not None:
                return outcome
            if talk.operations or (talk.asked and not repeatable) or not tries:
                return outcome
            await self.contact.time.sleep(LINK_PAUSE_S)

    async def _ask_once(
        self,
        request: Mapping[str, Any],
        folder: Path,
        lock: bool,
        ledger: Ledger,
        moved: Callable[[Conversation], None],
    ) -> Outcome:
        contact = self.contact
        async with contact.backup_link(self.watch) as link:
            conversation = Conversation(link, Drive(folder.parent, folder.name), ledger, moved)
            self._link = link
            try:
                if self.notices.cancelled:
                    raise CancelledOnPhone(contact.name, "")
                await on_own_thread(link, link.open_session)
                afc = self.afc if lock else None
                async with sync_lock(afc, self.notices, phone=contact.name, sleep=contact.time.sleep):
                    response = await on_own_thread(link, lambda: _ask(conversation, request))
                await on_own_thread(link, link.disconnect)
            except LinkEnded as ended:
                return Outcome(conversation, None, ended)
            finally:
                self._link = None
        return Outcome(conversation, response)

    def judge(self, outcome: Outcome, folder: Path) -> None:
        """Raises unless the phone carried the request out.

        Raises:
            BackupDiskFull, CannotWriteHere: whatever the phone made of it, our disk was the trouble.
            PhoneLost: the link broke. Else what the phone refused with (see `refusals`).
        """
        talk = outcome.conversation
        if talk.disk_trouble is not None:
            raise disk_error(talk.disk_trouble, folder)
        if outcome.response is None:
            raise PhoneLost(self.contact.name, self.during, str(outcome.ended or "")) from outcome.ended
        if error_code(outcome.response):
            needed, free = talk.drive.needed_bytes, free_bytes(folder)
            name = self.contact.name
            raise meaning_of(outcome.response, phone=name, folder=folder, needed_bytes=needed, free_bytes=free)

    def _cut(self) -> None:
        if self._link is not None:
            self._link.shut_down()


def _ask(conversation: Conversation, request: Mapping[str, Any]) -> dict[str, Any]:
    """As `Conversation.ask`. A link never raises OSError, so one that comes out is our disk's."""
    try:
        return conversation.ask(request)
    except OSError as error:
        conversation.disk_trouble = error
        raise LinkEnded("This computer's disk refused something.") from error
