"""lockdownd's protocol, the phone's side: requests inside and outside a session. No I/O.

    no session --(StartSession, granted)--> in session      after the answer, TLS starts if the answer says so
    in session --(StopSession, granted)--> no session       after the answer, TLS ends

Requests and answers are property lists in frames (`plist_frames`): `{Request, Label, …}` and `{Request, …}` or
`{Request, Error}`. Which requests need a session is decided in simulator/lockdown.
Sources: facts 1.2; libimobiledevice src/lockdown.c; pymobiledevice3 lockdown.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeAlias

from migrate.wire.plist_frames import NEED_DATA, NeedData, PeerBroke, PlistFrames, WeBroke

PORT = 62078
TYPE = "com.apple.mobile.lockdown"
FRAME_LIMIT_BYTES = 4 << 20
"""The longest request accepted. A Pair has about 8 KB; a SetValue has the size of its value."""


class State(Enum):
    NO_SESSION = auto()
    IN_SESSION = auto()


@dataclass(frozen=True)
class QueryType: ...


@dataclass(frozen=True)
class GetValue:
    domain: str | None
    key: str | None


@dataclass(frozen=True)
class SetValue:
    domain: str | None
    key: str | None
    value: Any


@dataclass(frozen=True)
class RemoveValue:
    domain: str | None
    key: str | None


@dataclass(frozen=True)
class Pair:
    record: Mapping[str, Any] | None = field(repr=False)
    options: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ValidatePair:
    record: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True)
class Unpair:
    record: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True)
class StartSession:
    host_id: str | None


@dataclass(frozen=True)
class StopSession:
    session_id: str | None


@dataclass(frozen=True)
class StartService:
    service: str | None
    escrow_bag: bytes | None = field(repr=False)


@dataclass(frozen=True)
class ResetPairing: ...


@dataclass(frozen=True)
class EnterRecovery: ...


@dataclass(frozen=True)
class Goodbye: ...


@dataclass(frozen=True)
class Unknown:
    name: str


Request: TypeAlias = (
    QueryType
    | GetValue
    | SetValue
    | RemoveValue
    | Pair
    | ValidatePair
    | Unpair
    | StartSession
    | StopSession
    | StartService
    | ResetPairing
    | EnterRecovery
    | Goodbye
    | Unknown
)


@dataclass(frozen=True)
class Granted:
    """A granted request, with the values of the answer."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Refused:
    error: str  # one of lockdownd's error strings, such as "InvalidHostID"
    extended: Mapping[str, Any] | None = field(default=None, repr=False)  # ExtendedResponse


Answer: TypeAlias = Granted | Refused

NEXT_STATE: dict[tuple[State, type[Request]], State] = {
    (State.NO_SESSION, StartSession): State.IN_SESSION,
    (State.IN_SESSION, StopSession): State.NO_SESSION,
}
"""The state after a granted request. All other requests keep the state."""


class LockdownServer:
    """One computer's connection to lockdownd."""

    def __init__(self) -> None:
        self.state = State.NO_SESSION
        self._frames = PlistFrames(FRAME_LIMIT_BYTES)
        self._pending_request: tuple[Request, dict[str, Any]] | None = None

    @property
    def missing_bytes(self) -> int:
        """How many more bytes the next request needs. Reading only that many leaves a TLS hello in the socket."""
        return self._frames.missing_bytes

    @property
    def trailing(self) -> bytes:
        return self._frames.trailing

    def receive(self, data: bytes) -> None:
        self._frames.receive(data)

    def next(self) -> Request | NeedData:
        """The computer's next request, or NEED_DATA.

        Raises:
            PeerBroke: the frame or property list is invalid, has no `Request`, or a field of the wrong type.
        """
        if self._pending_request is not None:
            raise WeBroke("the last request has not been answered")
        message = self._frames.next()
        if message is NEED_DATA:
            return NEED_DATA
        if not isinstance(message, dict) or not isinstance(message.get("Request"), str):
            raise PeerBroke("a request without a Request key")
        request = read_request(message)
        self._pending_request = (request, message)
        return request

    def send(self, answer: Answer) -> bytes:
        """The bytes of the answer to the last request. Raises WeBroke if there is no unanswered request."""
        if self._pending_request is None:
            raise WeBroke("there is no request to answer")
        (request, message), self._pending_request = self._pending_request, None
        echo: dict[str, Any] = {key: message[key] for key in ("Request", "Domain", "Key") if key in message}
        if isinstance(answer, Refused):
            extended = {} if answer.extended is None else {"ExtendedResponse": answer.extended}
            return self._frames.send({**echo, "Error": answer.error, **extended})
        self.state = NEXT_STATE.get((self.state, type(request)), self.state)
        return self._frames.send({**echo, **answer.values})


def read_request(message: Mapping[str, Any]) -> Request:
    """Parses a request. Raises PeerBroke if a field has the wrong type."""
    name = message["Request"]
    read = _READERS.get(name)
    return read(message) if read else Unknown(name)


def _text(message: Mapping[str, Any], key: str) -> str | None:
    value = message.get(key)
    if value is not None and not isinstance(value, str):
        raise PeerBroke(f"{key} is not a string")
    return value


def _dictionary(message: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = message.get(key)
    if value is not None and not isinstance(value, dict):
        raise PeerBroke(f"{key} is not a dictionary")
    return value


def _data(message: Mapping[str, Any], key: str) -> bytes | None:
    value = message.get(key)
    if value is not None and not isinstance(value, bytes):
        raise PeerBroke(f"{key} is not data")
    return value


_READERS: dict[str, Callable[[Mapping[str, Any]], Request]] = {
    "QueryType": lambda m: QueryType(),
    "GetValue": lambda m: GetValue(_text(m, "Domain"), _text(m, "Key")),
    "SetValue": lambda m: SetValue(_text(m, "Domain"), _text(m, "Key"), m.get("Value")),
    "RemoveValue": lambda m: RemoveValue(_text(m, "Domain"), _text(m, "Key")),
    "Pair": lambda m: Pair(_dictionary(m, "PairRecord"), _dictionary(m, "PairingOptions")),
    "ValidatePair": lambda m: ValidatePair(_dictionary(m, "PairRecord")),
    "Unpair": lambda m: Unpair(_dictionary(m, "PairRecord")),
    "StartSession": lambda m: StartSession(_text(m, "HostID")),
    "StopSession": lambda m: StopSession(_text(m, "SessionID")),
    "StartService": lambda m: StartService(_text(m, "Service"), _data(m, "EscrowBag")),
    "ResetPairing": lambda m: ResetPairing(),
    "EnterRecovery": lambda m: EnterRecovery(),
    "Goodbye": lambda m: Goodbye(),
}
