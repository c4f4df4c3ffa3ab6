"""One session with a phone's backup service: listen to its notifications, hold its sync lock, serve its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymobiledevice3.services.afc import AfcService

from migrate.backup.seal import Seal
from migrate.phone.connection import PhoneConnection, run_in_thread
from migrate.phone.lockdown import value_of
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.disk import disk_error, free_bytes
from migrate.phone.mobilebackup2.host_folder import HostFolder
from migrate.phone.mobilebackup2.link import DeviceLink, LinkEnded
from migrate.phone.mobilebackup2.notifications import NotificationListener
from migrate.phone.mobilebackup2.received_files import Ledger, NoLedger
from migrate.phone.mobilebackup2.refusals import error_code, refusal_error
from migrate.phone.mobilebackup2.sync_lock import sync_lock
from migrate.phone.wait import count_down
from migrate.problems import CancelledOnPhone, PasscodeWaitOver, PhoneLost
from migrate.progress import Phase, Progress

LINK_TRIES = 3
LINK_PAUSE_S = 10.0
"""A phone often drops the first session after it was plugged in (REPORTED, facts 2.4: three tries, ten seconds apart).
Only a session in which the phone has not asked for anything yet is tried again here."""

CONFIRMED_WITHIN_S = 10
"""How long a setting may lag behind the Response to its change (*guessed*: the phone announces the change)."""


@dataclass
class Outcome:
    """How a conversation ended. If the link broke before the Response, `response` is None and `link_error` is set."""

    conversation: Conversation
    response: dict[str, Any] | None
    link_error: LinkEnded | None = None


@dataclass
class BackupSession:
    """A context manager; enter it, then call `send_request`. `during` names the work in errors.

    The services start in libimobiledevice's order (facts 1.3).
    """

    connection: PhoneConnection
    progress: Progress
    during: str
    notifications: NotificationListener = field(init=False)
    afc: AfcService | None = field(init=False, default=None)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)
    _link: DeviceLink | None = field(init=False, default=None)

    async def __aenter__(self) -> Self:
        connection = self.connection
        self.notifications = NotificationListener(
            connection.client,
            phone=connection.name,
            progress=self.progress,
            wait_s=connection.wait_s,
            on_cancel=self._cut,
        )
        try:
            with connection.translate_errors(self.during):
                await self._stack.enter_async_context(self.notifications)
                self.afc = await connection.open_afc(self._stack, self.progress)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def send_request(
        self,
        request: Mapping[str, Any],
        folder: Path,
        *,
        lock: bool = True,
        repeatable: bool = True,
        ledger: Ledger | None = None,
        on_progress: Callable[[Conversation], None] = lambda _: None,
        on_response: Callable[[Mapping[str, Any]], None] = lambda _: None,
        on_phase: Callable[[Phase], None] = lambda _: None,
        seal: Seal | None = None,
    ) -> Outcome:
        """Send `request` about the backup `folder` over a new link, and serve the phone until it is done.

        `repeatable`: whether to send it again if the phone dropped the session before it asked for anything.
        `on_response` gets the Response in the link's thread, before anything else is done or awaited. `seal`: that of
        the restore set in `folder`.

        Returns:
            the outcome, also when the link broke: for a restore that may be the normal end.

        Raises:
            CancelledOnPhone, PasscodeWaitOver, AnotherProgramSyncing, PhoneLocked, PhoneSilent, PhoneBrokeProtocol,
            UnsafeName, NotAsSealed …
        """
        tries = LINK_TRIES
        while True:
            tries -= 1
            with self.connection.translate_errors(self.during):
                outcome = await self._send_once(
                    request, folder, lock, ledger or NoLedger(), on_progress, on_response, on_phase, seal
                )
            if self.notifications.bug is not None:
                raise self.notifications.bug
            if self.notifications.cancelled:
                raise CancelledOnPhone(self.connection.name, "")
            if self.notifications.passcode_timed_out:
                raise PasscodeWaitOver(self.connection.name, round(self.connection.wait_s))
            conversation = outcome.conversation
            if conversation.local_disk_error is not None or outcome.response is not None:
                return outcome
            if conversation.operations or (conversation.request_sent and not repeatable) or not tries:
                return outcome
            if self.connection.is_gone:
                return outcome
            await count_down(self.progress, self.connection.time, self.connection.name, LINK_PAUSE_S)

    async def has_set(self, key: str, wanted: bool) -> bool:
        """Whether one of the phone's own settings about backups becomes `wanted`, instead of relying on a Response.

        True as well if the phone does not tell: then the Response has to do.
        """
        with self.connection.translate_errors(self.during):
            for _ in range(CONFIRMED_WITHIN_S):
                now = await value_of(self.connection.client, "com.apple.mobile.backup", key)
                if now is None or bool(now) is wanted:
                    return True
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self.notifications.settings_changed.wait()
                    self.notifications.settings_changed.clear()
        return False

    async def _send_once(
        self,
        request: Mapping[str, Any],
        folder: Path,
        lock: bool,
        ledger: Ledger,
        on_progress: Callable[[Conversation], None],
        on_response: Callable[[Mapping[str, Any]], None],
        on_phase: Callable[[Phase], None],
        seal: Seal | None,
    ) -> Outcome:
        connection = self.connection
        async with connection.backup_link(self.progress) as link:
            host_folder = HostFolder(folder.parent, folder.name)
            conversation = Conversation(
                link,
                host_folder,
                ledger,
                on_progress=on_progress,
                seal=seal,
                on_response=on_response,
                on_phase=on_phase,
            )
            self._link = link
            try:
                if self.notifications.cancelled:
                    raise CancelledOnPhone(connection.name, "")
                await run_in_thread(link, link.open_session)
                afc = self.afc if lock else None
                async with sync_lock(afc, self.notifications, phone=connection.name, sleep=connection.time.sleep):
                    response = await run_in_thread(link, lambda: _send_request(conversation, request))
                await run_in_thread(link, link.disconnect)
            except LinkEnded as link_error:
                return Outcome(conversation, None, link_error)
            finally:
                self._link = None
        return Outcome(conversation, response)

    def raise_if_refused(self, outcome: Outcome, folder: Path) -> None:
        """Raise unless the phone carried out the request.

        Raises:
            BackupDiskFull, CannotWriteHere: our own disk failed, whatever the phone answered.
            PhoneLost: the link broke.
            MigrateError: the phone refused (see `refusals`).
        """
        conversation = outcome.conversation
        if conversation.local_disk_error is not None:
            raise disk_error(conversation.local_disk_error, folder)
        if outcome.response is None:
            raise PhoneLost(self.connection.name, self.during, str(outcome.link_error or "")) from outcome.link_error
        if error_code(outcome.response):
            needed, free = conversation.host_folder.needed_bytes, free_bytes(folder)
            name = self.connection.name
            raise refusal_error(outcome.response, phone=name, folder=folder, needed_bytes=needed, free_bytes=free)

    def _cut(self) -> None:
        if self._link is not None:
            self._link.shut_down()


def _send_request(conversation: Conversation, request: Mapping[str, Any]) -> dict[str, Any]:
    """Like `Conversation.send_request`, but treats an OSError as ours: a link never raises one, so it is our disk's."""
    try:
        return conversation.send_request(request)
    except OSError as error:
        conversation.local_disk_error = error
        raise LinkEnded("This computer's disk refused something.") from error
