"""An open connection to one phone: its lockdown client, and how its backup service is started, used and cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pymobiledevice3.exceptions import (
    FatalPairingError,
    InvalidHostIDError,
    InvalidServiceError,
    LockdownError,
    MissingValueError,
    NotPairedError,
    PasscodeRequiredError,
    PasswordRequiredError,
    ProtocolError,
    PyMobileDevice3Exception,
)
from pymobiledevice3.service_connection import create_ssl_context
from pymobiledevice3.services.afc import AfcService
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts
from migrate.phone.lockdown import CONNECTION_LOST_ERRORS, Lockdown, open_socket
from migrate.phone.mobilebackup2.link import SILENCE_S, DeviceLink, LinkEnded, LinkSilent
from migrate.phone.muxer import UsbmuxConfig, find_device, list_phones
from migrate.phone.quoting import safe_text
from migrate.phone.service import PhoneFiles, translate_parse_errors
from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import (
    MigrateError,
    NoMuxer,
    NotActivated,
    NotTrusted,
    PhoneBrokeProtocol,
    PhoneLocked,
    PhoneLost,
    PhoneSilent,
    ServiceRefused,
)
from migrate.progress import Progress, no_progress

T = TypeVar("T")

BACKUP_SERVICE = "com.apple.mobilebackup2"

WATCH_EVERY_S = 2.0
"""How often usbmuxd is asked whether the phone is still attached while it is backed up or restored. Its sockets usually
close with the phone, but a restore froze for 108 s after a phone was unplugged (*seen*, with an independent phone)."""


@dataclass
class PhoneConnection:
    """A trusted phone with an open lockdown client. `wait_s`: how long to wait for a person to unlock it."""

    usbmux: UsbmuxConfig
    client: Lockdown
    device: MuxDevice
    facts: PhoneFacts
    wait_s: float
    time: Time = field(default_factory=Time)
    progress: Progress = no_progress
    """Who hears that the phone has to be unlocked, where the work itself has no progress to report."""
    silence_s: float = SILENCE_S
    is_gone: bool = False
    """Whether usbmuxd has stopped listing the phone while a link was open. Its other connections are dead too."""

    @property
    def name(self) -> str:
        return self.facts.name_or_model

    @contextmanager
    def translate_errors(self, during: str) -> Iterator[None]:
        """Turn exceptions from pymobiledevice3 and the link into our errors. `during` names the work for the error."""
        try:
            yield
        except MigrateError:
            raise
        except LinkEnded as error:
            raise PhoneLost(self.name, during, str(error)) from error
        except LinkSilent as error:
            raise PhoneSilent(self.name, during, round(self.silence_s)) from error
        except (PasswordRequiredError, PasscodeRequiredError) as error:
            raise PhoneLocked(self.name, during) from error
        except (NotPairedError, InvalidHostIDError, FatalPairingError) as error:
            raise NotTrusted(self.name) from error
        except CONNECTION_LOST_ERRORS as error:
            raise PhoneLost(self.name, during, safe_text(error) or "It left the bus.") from error
        except ProtocolError as error:
            raise PhoneBrokeProtocol(self.name, f"during {during}: {safe_text(error).rstrip('.')}") from error
        except PyMobileDevice3Exception as error:
            raise ServiceRefused(self.name, during, safe_text(error)) from error

    async def when_unlocked(
        self, asked_for: str, work: Callable[[], Awaitable[T]], progress: Progress | None = None
    ) -> T:
        """The result of `work`, which is tried again until the phone is unlocked; the person is asked for that.

        Raises:
            PhoneLocked: it was still locked when the time ran out.
            what `work` raises otherwise.
        """
        user_wait = UserWait(progress or self.progress, self.wait_s, self.time)
        while True:
            try:
                result = await work()
            except (PasswordRequiredError, PasscodeRequiredError):
                await user_wait.poll(NotReady(PhoneLocked(self.name, asked_for), "unlock"), self.name)
            except NotReady as not_ready:
                await user_wait.poll(not_ready, self.name)
            else:
                user_wait.request_done()
                return result

    async def open_afc(self, stack: AsyncExitStack, progress: Progress) -> AfcService | None:
        """An AFC client that `stack` closes, or None if the phone does not start AFC. Before the first unlock it starts
        none; then the person is asked to unlock it, because the sync lock needs AFC.

        Raises:
            PhoneLocked: it was still locked when the time ran out.
            PyMobileDevice3Exception, OSError: the connection is lost.
        """

        async def start() -> AfcService:
            with translate_parse_errors():
                return await stack.enter_async_context(PhoneFiles(self.client))

        try:
            return await self.when_unlocked("access to its files", start, progress)
        except CONNECTION_LOST_ERRORS:
            raise
        except PyMobileDevice3Exception:
            return None

    @asynccontextmanager
    async def backup_link(self, progress: Progress) -> AsyncIterator[DeviceLink]:
        """A link to the backup service, before its handshakes. Asks the person to unlock the phone if needed.

        Raises:
            PhoneLocked: it was still locked when the time ran out.
            NotActivated, ServiceRefused, NotTrusted, PhoneLost.
        """
        with self.translate_errors("the start of its backup service"):
            attributes = await self.when_unlocked("its backup service", self._start_backup_service, progress)
            link = await self._dial(attributes)
        is_over = asyncio.Event()
        watch = asyncio.create_task(self._watch(link, is_over), name="attached-phone")
        try:
            yield link
        finally:
            is_over.set()  # not cancelled: a request to usbmuxd that is cancelled may leave its socket open
            try:
                await asyncio.shield(watch)
            finally:
                link.close()

    async def _watch(self, link: DeviceLink, is_over: asyncio.Event) -> None:
        """Cut the link as soon as the phone is no longer attached under the device id that the link was made with."""
        device = self.client.service.mux_device or self.device
        if not device.is_usb:
            return  # a phone on Wi-Fi is announced again and again, and may be missing in between
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_EVERY_S):
                    await is_over.wait()
                return
            try:
                attached = find_device(await list_phones(self.usbmux), self.facts.udid)
            except NoMuxer:
                continue  # its sockets end with it
            if attached is None or attached.devid != device.devid:
                self.is_gone = True
                link.shut_down()
                return

    async def _start_backup_service(self) -> dict[str, Any]:
        """Start the backup service, and return its port and whether it uses TLS.

        Sends the pair record's escrow bag if there is one: it lets the service start while the screen is locked. A
        phone without a passcode gives none (INFERRED; pymobiledevice3's own client raises KeyError then).
        """
        record = self.client.pair_record or {}
        try:
            with translate_parse_errors():
                attributes = await self.client.get_service_connection_attributes(
                    BACKUP_SERVICE, include_escrow_bag="EscrowBag" in record
                )
                if attributes["Port"] not in range(1, 1 << 16):
                    raise ValueError("a port that is none")
                return attributes
        except (PasswordRequiredError, PasscodeRequiredError, MissingValueError) as error:
            # MissingValue: not unlocked since it was switched on, so the escrow bag cannot be used yet (facts row 64)
            raise NotReady(PhoneLocked(self.name, "its backup service"), "unlock") from error
        except InvalidServiceError as error:
            if self.facts.activation == "Unactivated":
                raise NotActivated(self.name) from error
            raise ServiceRefused(self.name, "its backup service", safe_text(error)) from error
        except LockdownError as error:
            if getattr(error, "error", None) == "EscrowLocked":
                raise NotReady(PhoneLocked(self.name, "its backup service"), "unlock") from error
            raise

    async def _dial(self, attributes: dict[str, Any]) -> DeviceLink:
        """Connect a blocking socket to the service and wrap it for TLS; the link does the handshake later."""
        device = self.client.service.mux_device or self.device
        sock = await open_socket(self.usbmux, device, attributes["Port"])
        try:
            sock.setblocking(True)
            if attributes.get("EnableServiceSSL"):
                with self.client.ssl_file() as file:
                    context = create_ssl_context(file)
                sock = context.wrap_socket(sock, do_handshake_on_connect=False)
        except BaseException:
            sock.close()
            raise
        return DeviceLink(sock, phone=self.name, silence_s=self.silence_s)


async def run_in_thread(link: DeviceLink, work: Callable[[], T]) -> T:
    """Run `work`, which blocks on `link`, in its own thread.

    On cancellation this shuts the link down and then waits for the thread, so the thread never outlives this call.
    Without shutting the link down, the wait would last as long as the phone stays silent.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="device-link") as pool:
        running = asyncio.wrap_future(pool.submit(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            link.shut_down()
            while not running.done():
                with suppress(asyncio.CancelledError):  # a second Ctrl-C must not leave the thread behind either
                    await asyncio.wait([running])
            running.exception()  # retrieved so that asyncio does not report it: we shut the link down
            raise
        except BaseException:
            link.shut_down()  # a KeyboardInterrupt, or an exception from `work`
            raise
