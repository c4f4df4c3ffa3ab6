"""What the phone announces while it is saved or restored: its passcode sheet, a cancel, changed backup settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.service_connection import build_plist
from pymobiledevice3.services.notification_proxy import NotificationProxyService

from migrate.phone.lockdown import Lockdown
from migrate.phone.service import translate_parse_errors
from migrate.progress import Progress

SHEET_SHOWN = "com.apple.LocalAuthentication.ui.presented"  # iOS 16.1 and later (facts 1.3)
SHEET_GONE = "com.apple.LocalAuthentication.ui.dismissed"
CANCELLED = "com.apple.itunes-client.syncCancelRequest"
SETTINGS_CHANGED = "com.apple.mobile.backup.domain_changed"
OBSERVED = (
    CANCELLED,
    "com.apple.itunes-client.syncSuspendRequest",
    "com.apple.itunes-client.syncResumeRequest",
    SETTINGS_CHANGED,
    SHEET_SHOWN,
    SHEET_GONE,
)
"""libimobiledevice observes these six; the phone may notice when one is missing, so we do too."""

SHEETS_LIMIT = 100
"""How often one errand tells a person of a passcode sheet. A real phone shows one or two."""


class NotificationListener:
    """Listens while it is entered. A phone whose notification proxy does not start announces nothing; work goes on.

    `bug` is what the watcher raised, `on_cancel` is called for that too. `passcode_timed_out`: a passcode sheet was up for longer
    than `wait_s` seconds, and `on_cancel` was called; the phone itself would wait for half an hour (facts 2.3).
    """

    def __init__(
        self, client: Lockdown, *, phone: str, progress: Progress, wait_s: float, on_cancel: Callable[[], None]
    ) -> None:
        self.cancelled = False
        self.passcode_timed_out = False
        self.bug: Exception | None = None
        self.settings_changed = asyncio.Event()
        self._service = NotificationProxyService(client)
        self._phone = phone
        self._progress = progress
        self._on_cancel = on_cancel
        self._sheet_is_up = False
        self._sheets = 0
        self._wait_s = wait_s
        self._waiting: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._service.connect()
            # One write: the phone acknowledges none of them, and the last one must not still be on its way when a
            # sheet comes up (*seen*: 40 ms between the first and the second, Nagle's, with one write each).
            wishes = (build_plist({"Command": "ObserveNotification", "Name": name}) for name in OBSERVED)
            await self._service.service.sendall(b"".join(wishes))
        except (PyMobileDevice3Exception, OSError):
            await self._service.close()
        else:
            self._listener = asyncio.create_task(self._listen(), name="phone-notices")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        self._sheet(up=False)
        await self._service.close()

    async def post(self, name: str) -> None:
        """Post a notification on the phone, if it listens."""
        if self._listener is not None:
            with suppress(PyMobileDevice3Exception, OSError):
                await self._service.notify_post(name)

    async def _listen(self) -> None:
        try:
            async for name in self._names():
                self._hear(name)
        except Exception as error:  # a watcher may raise to stop the work
            self.bug = error
            self._on_cancel()

    async def _names(self) -> AsyncIterator[object]:
        """What is announced, until the proxy dies or says what makes no sense; the link will tell if the phone died."""
        with suppress(PyMobileDevice3Exception, OSError):
            announced = self._service.receive_notification()
            while True:
                with translate_parse_errors():
                    event = await anext(announced)
                yield event.get("Name")

    def _hear(self, name: object) -> None:
        if name == SHEET_SHOWN:
            self._sheet(up=True)
        elif name == SHEET_GONE:
            self._sheet(up=False)
        elif name == CANCELLED and not self.cancelled:
            self.cancelled = True
            self._on_cancel()
        elif name == SETTINGS_CHANGED:
            self.settings_changed.set()

    def _sheet(self, *, up: bool) -> None:
        """The sheet often shows twice (REPORTED): each time it is up, somebody is asked; when it goes, that is done."""
        if up == self._sheet_is_up or (up and self._sheets >= SHEETS_LIMIT):
            return
        self._sheets += up
        self._sheet_is_up = up
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(self._wait_s, self._passcode_timeout) if up else None
        if up:
            self._progress.person_needed(self._phone, "enter-passcode")
        else:
            self._progress.person_done(self._phone, "enter-passcode")

    def _passcode_timeout(self) -> None:
        self.passcode_timed_out = True
        self._on_cancel()
