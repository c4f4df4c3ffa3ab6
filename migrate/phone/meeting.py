"""Wait until one phone is connected, unlocked and trusted, and ask the person once for each thing that is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from pymobiledevice3.exceptions import PasswordRequiredError, ProtocolError, PyMobileDevice3Exception
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts, public_facts, same_name, trusted_facts
from migrate.phone.lockdown import (
    CONNECTION_LOST_ERRORS,
    Lockdown,
    PairRequest,
    connect,
    send_pair_request,
    start_session,
)
from migrate.phone.muxer import UsbmuxConfig, dashed_udid, find_device, list_phones
from migrate.phone.quoting import safe_text
from migrate.phone.wait import NotReady, UserWait
from migrate.problems import (
    MigrateError,
    NoMuxer,
    NoPhone,
    NotActivated,
    NotTrusted,
    PairingForbidden,
    PairingNeedsCable,
    PhoneBrokeProtocol,
    PhoneLocked,
    PhoneLost,
    RestoreNeedsCable,
    ServiceRefused,
    SeveralPhones,
    TrustDenied,
)
from migrate.udid import normalize_udid

ATTEMPT_S = 30.0
"""One attempt, from the list of phones to the facts. Generating the keys takes longest (a second or two)."""
BRIEF_DISCONNECT_S = 5.0
"""A phone may leave the bus for a moment when Trust is tapped (REPORTED, facts 1.2). Within this time the person is not
asked to connect it."""


@dataclass
class MetPhone:
    """A phone that trusts this computer, with an open lockdown session and its facts."""

    client: Lockdown
    device: MuxDevice
    facts: PhoneFacts


@dataclass
class Meeting:
    """The wait for one phone. `udid` None: any phone that is not one of `excluded_udids`."""

    usbmux: UsbmuxConfig
    udid: str | None
    user_wait: UserWait
    excluded_udids: Collection[str] = ()
    no_prompt_until: float = 0.0
    """On `user_wait`'s clock. Until then the phone is expected to be away, so nobody is asked to connect it."""
    taken_names: Collection[str] = ()
    """The names of the other phones a person might think of."""
    needs_cable: bool = False
    """Whether a connection over Wi-Fi does not do."""
    _pair_request: PairRequest | None = None
    _seen_at: float | None = None
    _refused: set[bytes] = field(default_factory=set)
    """Certificates of ours that the phone does not accept."""
    _phone_name: str = field(init=False)

    def __post_init__(self) -> None:
        self._phone_name = f"the iPhone {self.udid}" if self.udid else "the iPhone"

    async def wait(self) -> MetPhone:
        """Try until the phone is ready.

        Raises:
            NoMuxer, NoPhone, PhoneLocked, NotTrusted, NotActivated, PairingNeedsCable: the time ran out.
            TrustDenied, PairingForbidden, SeveralPhones, ServiceRefused: waiting does not help.
        """
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_S):
                    met = await self._connect_once()
            except NotReady as not_ready:
                await self.user_wait.poll(not_ready, self._phone_name)
            except TimeoutError:
                silent = PhoneLost(
                    self._phone_name, "the first connection", f"It did not answer for {ATTEMPT_S:.0f} seconds."
                )
                await self.user_wait.poll(NotReady(silent), self._phone_name)
            else:
                self.user_wait.request_done()
                return met

    async def _connect_once(self) -> MetPhone:
        device = await self._find()
        self._seen_at = self.user_wait.time.clock()
        try:
            async with AsyncExitStack() as undo:
                client = await connect(self.usbmux, device)
                undo.push_async_callback(client.close)
                met = await self._in_session(client, device)
                undo.pop_all()
                return met
        except PasswordRequiredError as error:
            raise NotReady(PhoneLocked(self._phone_name, "a connection"), "unlock") from error
        except CONNECTION_LOST_ERRORS as error:
            lost = PhoneLost(self._phone_name, "the first connection", safe_text(error) or "It left the bus.")
            raise NotReady(lost) from error
        except ProtocolError as error:
            raise PhoneBrokeProtocol(self._phone_name, safe_text(error).rstrip(".")) from error
        except PyMobileDevice3Exception as error:
            raise ServiceRefused(self._phone_name, "the first connection", safe_text(error)) from error

    async def _find(self) -> MuxDevice:
        try:
            devices = await list_phones(self.usbmux)
        except NoMuxer as error:  # Linux starts usbmuxd when a phone is plugged in, so waiting for the phone helps
            expected_away = self.user_wait.time.clock() < self.no_prompt_until
            raise NotReady(error, None if expected_away else "connect") from error
        if self.udid is not None:
            device = find_device(devices, self.udid)
        else:
            others = {normalize_udid(udid) for udid in self.excluded_udids}
            candidates = [one for one in devices if normalize_udid(one.serial) not in others]
            if len(candidates) > 1:
                raise SeveralPhones(tuple(dashed_udid(one.serial) for one in candidates))
            device = candidates[0] if candidates else None
        if device is not None:
            return device
        no_phone = NoPhone(self.udid or "", tuple(dashed_udid(one.serial) for one in devices))
        now = self.user_wait.time.clock()
        just_left = self._seen_at is not None and now - self._seen_at < BRIEF_DISCONNECT_S
        raise NotReady(no_phone, None if just_left or now < self.no_prompt_until else "connect")

    async def _in_session(self, client: Lockdown, device: MuxDevice) -> MetPhone:
        known = self._named(public_facts(client, device, trusted=False))
        self._phone_name = known.name_or_model
        if self.needs_cable and not device.is_usb:
            raise NotReady(RestoreNeedsCable(self._phone_name), "connect")
        if not await start_session(client, self._refused):
            await self._request_trust(client, device)
            if not await start_session(client, self._refused):
                raise NotReady(NotTrusted(self._phone_name))
        facts = self._named(await trusted_facts(client, device))
        if facts.activation == "Unactivated":
            raise NotReady(NotActivated(self._phone_name), "finish-setup")
        return MetPhone(client, device, facts)

    def _named(self, facts: PhoneFacts) -> PhoneFacts:
        shared = any(same_name(facts.name, taken) for taken in self.taken_names)
        return replace(facts, shares_name=True) if shared else facts

    async def _request_trust(self, client: Lockdown, device: MuxDevice) -> None:
        """Send one pairing request, and raise what its answer calls for (facts 1.2, table of states)."""
        if device.is_network:
            raise NotReady(PairingNeedsCable(self._phone_name), "connect")
        if self._pair_request is None:
            self._pair_request = await PairRequest.prepare(client)
        refusal = await send_pair_request(client, self._pair_request)
        if refusal is None:
            return
        if refusal == "PairingDialogResponsePending":
            raise NotReady(NotTrusted(self._phone_name), "tap-trust")
        self._pair_request = None
        if refusal == "PasswordProtected":
            raise NotReady(PhoneLocked(self._phone_name, "to be asked for trust"), "unlock")
        raise pairing_error(self._phone_name, refusal)


def pairing_error(phone: str, refusal: str) -> MigrateError:
    """The error for a refusal of `Pair` that waiting cannot change."""
    match refusal:
        case "UserDeniedPairing":
            return TrustDenied(phone)
        case "MCProtected" | "MCChallengeRequired":
            return PairingForbidden(phone, refusal)
        case "PairingProhibitedOverThisConnection":
            return PairingNeedsCable(phone)
    return ServiceRefused(phone, "to be asked for trust", safe_text(refusal))
