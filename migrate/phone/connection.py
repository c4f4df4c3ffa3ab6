"""An open connection to one phone: its lockdown client, and how its backup service is started, used and cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
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
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.quoting import safe_text
from migrate.phone.service import PhoneFiles, translate_parse_errors
from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import (
    MigrateError,
    NotActivated,
    NotTrusted,
    PhoneBrokeProtocol,
    PhoneLocked,
    PhoneLost,
    PhoneSilent,
    ServiceRefused,
)
from migrate.progress import Progress

T = TypeVar("T")

BACKUP_SERVICE = "com.apple.mobilebackup2"


@dataclass
class PhoneConnection:
    """A trusted phone with an open lockdown client. `wait_s`: how long to wait for a person to unlock it."""

    usbmux: UsbmuxConfig
    client: Lockdown
    device: MuxDevice
    facts: PhoneFacts
    wait_s: float
    time: Time = field(default_factory=Time)
    silence_s: float = SILENCE_S

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

    async def open_afc(self, stack: AsyncExitStack) -> AfcService | None:
        """An AFC client that `stack` closes, or None if the phone does not start AFC.

        Raises:
            PyMobileDevice3Exception, OSError: the connection is lost.
        """
        try:
            with translate_parse_errors():
                return await stack.enter_async_context(PhoneFiles(self.client))
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
            user_wait = UserWait(progress, self.wait_s, self.time)
            while True:
                try:
                    attributes = await self._start_backup_service()
                except NotReady as not_ready:
                    await user_wait.poll(not_ready, self.name)
                else:
                    user_wait.request_done()
                    break
            link = await self._dial(attributes)
        try:
            yield link
        finally:
            link.close()

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
