"""Meeting one phone: connected, unlocked, trusted. Each thing it lacks is asked of the person, once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from pymobiledevice3.exceptions import PasswordRequiredError, ProtocolError, PyMobileDevice3Exception
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.facts import PhoneFacts, public_facts, trusted_facts
from migrate.phone.lockdown import GONE, Lockdown, PairOffer, ask_for_trust, begin_session, connect
from migrate.phone.muxer import Muxer, attached, chosen, spelled_udid
from migrate.phone.quoting import quoted
from migrate.phone.wait import Lacking, Patience
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
    ServiceRefused,
    SeveralPhones,
    TrustDenied,
)
from migrate.udid import plain_udid

ONE_TRY_S = 30.0
"""One attempt, from the list of phones to the facts. Making the keys is its longest part (a second or two)."""
GONE_FOR_A_MOMENT_S = 5.0
"""A phone may leave the bus for a moment when Trust is tapped (REPORTED, facts 1.2): no reason to call for a cable."""


@dataclass
class Met:
    """A phone that trusts us, in a session, and what it told."""

    client: Lockdown
    device: MuxDevice
    facts: PhoneFacts


@dataclass
class Meeting:
    """The wait for one phone. `udid` None: any phone that is not one of `besides`."""

    muxer: Muxer
    udid: str | None
    patience: Patience
    besides: Collection[str] = ()
    away_until: float = 0.0  # on the patience's clock: until then the phone is known to be away, and nobody is asked
    _offer: PairOffer | None = None
    _seen_at: float | None = None
    _called: str = field(init=False)

    def __post_init__(self) -> None:
        self._called = f"the iPhone {self.udid}" if self.udid else "the iPhone"

    async def wait(self) -> Met:
        """Try until the phone is met.

        Raises:
            NoMuxer, NoPhone, PhoneLocked, NotTrusted, NotActivated, PairingNeedsCable: still so when time was over.
            TrustDenied, PairingForbidden, SeveralPhones, ServiceRefused: waiting does not help.
        """
        while True:
            try:
                async with asyncio.timeout(ONE_TRY_S):
                    met = await self._try()
            except Lacking as lacking:
                await self.patience.bear(lacking, self._called)
            except TimeoutError:
                silent = PhoneLost(self._called, "the first contact", f"It did not answer for {ONE_TRY_S:.0f} seconds.")
                await self.patience.bear(Lacking(silent), self._called)
            else:
                self.patience.relieved()
                return met

    async def _try(self) -> Met:
        device = await self._find()
        self._seen_at = self.patience.time.clock()
        try:
            async with AsyncExitStack() as undo:
                client = await connect(self.muxer, device)
                undo.push_async_callback(client.close)
                met = await self._in_session(client, device)
                undo.pop_all()
                return met
        except PasswordRequiredError as error:
            raise Lacking(PhoneLocked(self._called, "a session"), "unlock") from error
        except GONE as error:
            lost = PhoneLost(self._called, "the first contact", quoted(error) or "It left the bus.")
            raise Lacking(lost) from error
        except ProtocolError as error:
            raise PhoneBrokeProtocol(self._called, quoted(error).rstrip(".")) from error
        except PyMobileDevice3Exception as error:
            raise ServiceRefused(self._called, "a first conversation", quoted(error)) from error

    async def _find(self) -> MuxDevice:
        try:
            devices = await attached(self.muxer)
        except NoMuxer as error:  # Linux starts usbmuxd when a phone is plugged in, so waiting for the phone helps
            away = self.patience.time.clock() < self.away_until
            raise Lacking(error, None if away else "connect") from error
        if self.udid is not None:
            device = chosen(devices, self.udid)
        else:
            others = {plain_udid(udid) for udid in self.besides}
            candidates = [one for one in devices if plain_udid(one.serial) not in others]
            if len(candidates) > 1:
                raise SeveralPhones(tuple(spelled_udid(one.serial) for one in candidates))
            device = candidates[0] if candidates else None
        if device is not None:
            return device
        absent = NoPhone(self.udid or "", tuple(spelled_udid(one.serial) for one in devices))
        now = self.patience.time.clock()
        just_left = self._seen_at is not None and now - self._seen_at < GONE_FOR_A_MOMENT_S
        raise Lacking(absent, None if just_left or now < self.away_until else "connect")

    async def _in_session(self, client: Lockdown, device: MuxDevice) -> Met:
        outside = public_facts(client, device, trusted=False)
        self._called = outside.called
        if not await begin_session(client):
            await self._be_trusted(client, device)
            if not await begin_session(client):
                raise Lacking(NotTrusted(self._called))
        facts = await trusted_facts(client, device)
        if facts.activation == "Unactivated":
            raise Lacking(NotActivated(self._called), "finish-setup")
        return Met(client, device, facts)

    async def _be_trusted(self, client: Lockdown, device: MuxDevice) -> None:
        """Ask the phone for trust once, and say what its answer calls for (facts 1.2, table of states)."""
        if device.is_network:
            raise Lacking(PairingNeedsCable(self._called), "connect")
        if self._offer is None:
            self._offer = await PairOffer.prepare(client)
        refusal = await ask_for_trust(client, self._offer)
        if refusal is None:
            return
        if refusal == "PairingDialogResponsePending":
            raise Lacking(NotTrusted(self._called), "tap-trust")
        self._offer = None
        if refusal == "PasswordProtected":
            raise Lacking(PhoneLocked(self._called, "to be asked for trust"), "unlock")
        raise refused_to_pair(self._called, refusal)


def refused_to_pair(phone: str, refusal: str) -> MigrateError:
    """The error for an answer to `Pair` that waiting does not change."""
    match refusal:
        case "UserDeniedPairing":
            return TrustDenied(phone)
        case "MCProtected" | "MCChallengeRequired":
            return PairingForbidden(phone, refusal)
        case "PairingProhibitedOverThisConnection":
            return PairingNeedsCable(phone)
    return ServiceRefused(phone, "to be asked for trust", quoted(refusal))
