"""Listen to a phone's notifications during a backup or restore: passcode sheet, cancel, changed backup settings."""

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
"""How many passcode sheets are reported in one session. A real phone shows one or two."""


class NotificationListener:
    """A context manager that listens to notifications. If the phone's notification proxy does not start, it hears none.

    `on_cancel` is called in three cases: `cancelled` on the phone; `passcode_timed_out`, when a passcode sheet was open
    for longer than `wait_s` seconds (the phone itself would wait for half an hour, facts 2.3); and `bug`, an exception
    that `progress` raised.
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
        self._sheet_open = False
        self._sheet_count = 0
        self._wait_s = wait_s
        self._passcode_timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._service.connect()
            # One write, because the phone does not acknowledge them, and all must have arrived before a sheet opens
            # (*seen*: with separate writes, Nagle's algorithm put 40 ms between the first and the second).
            commands = (build_plist({"Command": "ObserveNotification", "Name": name}) for name in OBSERVED)
            await self._service.service.sendall(b"".join(commands))
        except (PyMobileDevice3Exception, OSError):
            await self._service.close()
        else:
            self._listener = asyncio.create_task(self._listen(), name="phone-notifications")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        self._on_sheet(is_open=False)
        await self._service.close()

    async def post(self, name: str) -> None:
        """Post a notification to the phone, if its notification proxy is running."""
        if self._listener is not None:
            with suppress(PyMobileDevice3Exception, OSError):
                await self._service.notify_post(name)

    async def _listen(self) -> None:
        try:
            async for name in self._names():
                self._handle(name)
        except Exception as error:  # `progress` may raise to stop the work
            self.bug = error
            self._on_cancel()

    async def _names(self) -> AsyncIterator[object]:
        """The names of notifications, until the proxy disconnects or sends garbage. (The link notices a lost phone.)"""
        with suppress(PyMobileDevice3Exception, OSError):
            events = self._service.receive_notification()
            while True:
                with translate_parse_errors():
                    event = await anext(events)
                yield event.get("Name")

    def _handle(self, name: object) -> None:
        if name == SHEET_SHOWN:
            self._on_sheet(is_open=True)
        elif name == SHEET_GONE:
            self._on_sheet(is_open=False)
        elif name == CANCELLED and not self.cancelled:
            self.cancelled = True
            self._on_cancel()
        elif name == SETTINGS_CHANGED:
            self.settings_changed.set()

    def _on_sheet(self, *, is_open: bool) -> None:
        """Ask for the passcode each time the sheet opens (often it opens twice, REPORTED), until it closes."""
        if is_open == self._sheet_open or (is_open and self._sheet_count >= SHEETS_LIMIT):
            return
        self._sheet_count += is_open
        self._sheet_open = is_open
        if self._passcode_timer is not None:
            self._passcode_timer.cancel()
            self._passcode_timer = None
        if is_open:
            self._passcode_timer = asyncio.get_running_loop().call_later(self._wait_s, self._passcode_timeout)
            self._progress.person_needed(self._phone, "enter-passcode")
        else:
            self._progress.person_done(self._phone, "enter-passcode")

    def _passcode_timeout(self) -> None:
        self.passcode_timed_out = True
        self._on_cancel()
