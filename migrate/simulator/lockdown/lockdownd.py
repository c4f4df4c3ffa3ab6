"""lockdownd of the simulated iPhone: which computers it accepts, which values they read, which services it starts.

Implements the state -> answer table of facts 1.2.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import secrets
import ssl
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.simulator.device.phone import HostCertificates, SimulatedPhone
from migrate.simulator.lockdown import certificates, values
from migrate.simulator.lockdown.refusal import LockdownRefusal
from migrate.simulator.lockdown.supervision import CHALLENGE_BYTES, is_signed, is_supervisor
from migrate.simulator.services.table import SERVICES, Service
from migrate.simulator.usbmuxd.streams import Inbox, LinkCut, SocketStream
from migrate.wire import lockdown
from migrate.wire.lockdown import Granted, LockdownServer, Refused, State

FIRST_PORT = 49152
"""The first ephemeral port, which launchd assigns to services."""
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
"""A TLS close_notify alert, sent in answer to a client's hello."""
HELLO_BYTES = 1 << 14
OPEN_PORTS_LIMIT = 256
"""With more open ports, the oldest is closed. Clients connect within seconds."""


@dataclass(frozen=True)
class OpenPort:
    service_name: str
    service: Service
    tls: ssl.SSLContext | None


class Ports:
    """The ports that StartService opened on one phone since it was plugged in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = FIRST_PORT
        self._open: dict[int, OpenPort] = {}

    def open(self, port: OpenPort) -> int:
        with self._lock:
            number = self._next
            self._next = FIRST_PORT + (number + 1 - FIRST_PORT) % (0x10000 - FIRST_PORT)
            self._open[number] = port
            while len(self._open) > OPEN_PORTS_LIMIT:
                del self._open[next(iter(self._open))]
            return number

    def at(self, number: int) -> OpenPort | None:
        with self._lock:
            return self._open.get(number)


class Connection:
    """One client's connection to lockdownd. `serve` returns when the client closes, or raises OSError."""

    def __init__(self, stream: SocketStream, phone: SimulatedPhone, ports: Ports, *, over_wifi: bool = False) -> None:
        self._stream = stream
        self._phone = phone
        self._ports = ports
        self._over_wifi = over_wifi
        self._challenge = b""
        self._wire = LockdownServer()
        self._inbox = Inbox[lockdown.Request](stream, self._wire)
        self._session_id = ""
        self._host: HostCertificates | None = None

    def serve(self) -> None:
        while (request := self._receive()) is not None:
            try:
                answer: lockdown.Answer = Granted(self._grant(request))
            except LockdownRefusal as refusal:
                answer = Refused(refusal.error, refusal.extended)
            self._stream.sendall(self._wire.send(answer))
            if isinstance(answer, Granted):
                self._after(request)
            if isinstance(request, lockdown.Goodbye):
                return

    def _receive(self) -> lockdown.Request | None:
        """The next request, or None if the client has closed or was idle too long."""
        faults = self._phone.faults
        self._stream.set_timeout(faults.session_idle_close_s if self._in_session else faults.idle_close_s)
        try:
            return self._inbox.receive()
        except TimeoutError:
            return None

    def _after(self, request: lockdown.Request) -> None:
        """Applies a granted request to the connection after its answer was sent. Raises LinkCut."""
        if isinstance(request, lockdown.StartSession):
            if self._host is None:
                self._stream.recv(HELLO_BYTES)
                self._stream.sendall(CLOSE_NOTIFY)
                raise LinkCut("the phone has forgotten this computer")
            self._stream.start_tls(certificates.tls_context(self._phone, self._host))
        elif isinstance(request, lockdown.StopSession):
            self._stream.stop_tls()
        elif isinstance(request, lockdown.Pair) and self._phone.faults.replug_after_trust:
            self._phone.faults.replug_after_trust = False
            self._phone.replug()
        elif isinstance(request, lockdown.EnterRecovery):
            self._phone.enter_recovery()

    # --- one method per request: returns the values of its answer, or raises LockdownRefusal

    @functools.singledispatchmethod
    def _grant(self, request: lockdown.Request) -> dict[str, Any]:
        raise LockdownRefusal("InvalidRequest")  # the string is *guessed*

    @_grant.register
    def _(self, request: lockdown.QueryType) -> dict[str, Any]:
        return {"Type": lockdown.TYPE}

    @_grant.register
    def _(self, request: lockdown.Goodbye) -> dict[str, Any]:
        return {"Result": "Success"}

    @_grant.register
    def _(self, request: lockdown.EnterRecovery) -> dict[str, Any]:
        return {}  # libimobiledevice asks without a session, pymobiledevice3 in one; that both work is *guessed*

    @_grant.register
    def _(self, request: lockdown.ResetPairing) -> dict[str, Any]:
        raise LockdownRefusal("RemoveProhibited")

    @_grant.register
    def _(self, request: lockdown.GetValue) -> dict[str, Any]:
        value = values.read(self._phone, request.domain, request.key, in_session=self._in_session)
        return {"Value": value}

    @_grant.register
    def _(self, request: lockdown.SetValue) -> dict[str, Any]:
        if request.value is None:
            raise LockdownRefusal("MissingValue")
        change = (request.domain, request.key, request.value)
        values.write(self._phone, *change, in_session=self._in_session)
        return {"Value": request.value}

    @_grant.register
    def _(self, request: lockdown.RemoveValue) -> dict[str, Any]:
        values.remove(self._phone, request.domain, request.key, in_session=self._in_session)
        return {}

    @_grant.register
    def _(self, request: lockdown.Pair) -> dict[str, Any]:
        phone = self._phone
        if self._over_wifi:
            raise LockdownRefusal("PairingProhibitedOverThisConnection")
        is_supervisors = self._is_supervisor_host(request.options or {})
        if not phone.pairing_allowed and not is_supervisors:
            raise LockdownRefusal("MCProtected")
        host = certificates.read_pair_record(phone, request.record)
        known = phone.trusted_hosts.get(host.host_id) == host or is_supervisors
        if not known and (refusal := phone.request_trust()) != "trusted":
            raise LockdownRefusal(refusal)
        phone.trusted_hosts[host.host_id] = host
        return {"EscrowBag": phone.escrow_bag} if phone.escrow_bag is not None else {}

    @_grant.register
    def _(self, request: lockdown.ValidatePair) -> dict[str, Any]:
        host = certificates.read_pair_record(self._phone, request.record)
        if self._phone.trusted_hosts.get(host.host_id) != host:
            raise LockdownRefusal("InvalidHostID")
        return {}

    @_grant.register
    def _(self, request: lockdown.Unpair) -> dict[str, Any]:
        host_id = (request.record or {}).get("HostID")
        if not isinstance(host_id, str):
            raise LockdownRefusal("MissingHostID")
        if not self._phone.forget_host(host_id):
            raise LockdownRefusal("InvalidHostID")
        return {}

    @_grant.register
    def _(self, request: lockdown.StartSession) -> dict[str, Any]:
        if self._in_session:
            raise LockdownRefusal("SessionActive")
        if not request.host_id:
            raise LockdownRefusal("MissingHostID")
        host = self._phone.trusted_hosts.get(request.host_id)
        if host is None and not _ends_tls_of_forgotten_host(self._phone, request.host_id):
            raise LockdownRefusal("InvalidHostID")
        self._host, self._session_id = host, str(uuid.uuid4()).upper()
        return {"SessionID": self._session_id, "EnableSessionSSL": True}

    @_grant.register
    def _(self, request: lockdown.StopSession) -> dict[str, Any]:
        if not self._in_session:
            raise LockdownRefusal("SessionInactive")
        if not request.session_id:
            raise LockdownRefusal("MissingSessionID")
        if request.session_id != self._session_id:
            raise LockdownRefusal("InvalidSessionID")
        self._host, self._session_id = None, ""
        return {"Result": "Success"}

    @_grant.register
    def _(self, request: lockdown.StartService) -> dict[str, Any]:
        if not request.service:
            raise LockdownRefusal("MissingService")
        if (error := self._phone.faults.refuse_services.get(request.service)) is not None:
            raise LockdownRefusal(error)
        service = SERVICES.get(request.service)
        if not self._in_session and (service is None or service.needs_session):
            raise LockdownRefusal("SessionInactive")
        if service is None or (service.needs_activation and not self._phone.activated):
            raise LockdownRefusal("InvalidService")
        self._check_locked(service, request.escrow_bag)
        tls = certificates.tls_context(self._phone, self._host) if self._host else None
        port = self._ports.open(OpenPort(request.service, service, tls))
        return {"Service": request.service, "Port": port, "EnableServiceSSL": tls is not None}

    @property
    def _in_session(self) -> bool:
        return self._wire.state is State.IN_SESSION

    def _is_supervisor_host(self, options: Mapping[str, Any]) -> bool:
        """Whether this is the supervisor's computer, which needs no dialog.

        Raises:
            LockdownRefusal: MCChallengeRequired, if it sent the certificate and must prove that it has the key.
        """
        supervisor = self._phone.supervisor
        certificate, signed = options.get("SupervisorCertificate"), options.get("ChallengeResponse")
        if supervisor and isinstance(certificate, bytes) and is_supervisor(certificate, supervisor):
            self._challenge = secrets.token_bytes(CHALLENGE_BYTES)
            raise LockdownRefusal("MCChallengeRequired", {"PairingChallenge": self._challenge})
        challenge, self._challenge = self._challenge, b""
        if not supervisor or not challenge or not isinstance(signed, bytes):
            return False
        return is_signed(signed, challenge, supervisor)

    def _check_locked(self, service: Service, escrow_bag: bytes | None) -> None:
        """Checks whether a locked phone may start the service. Raises LockdownRefusal."""
        phone = self._phone
        if not phone.locked:
            return
        if service.needs_keybag and not phone.unlocked_since_boot:
            phone.on_refused_while_locked()
            raise LockdownRefusal("PasswordProtected" if escrow_bag is None else "MissingValue")
        if service.needs_escrow_bag and escrow_bag is None:
            phone.on_refused_while_locked()
            raise LockdownRefusal("PasswordProtected")
        if service.needs_escrow_bag and not hmac.compare_digest(escrow_bag or b"", phone.escrow_bag or b""):
            raise LockdownRefusal("EscrowLocked")  # INFERRED: no source names the error for another phone's bag


def serve(stream: SocketStream, phone: SimulatedPhone, ports: Ports, *, over_wifi: bool = False) -> None:
    """Serves one client of lockdownd until the connection ends."""
    with contextlib.closing(stream):
        Connection(stream, phone, ports, over_wifi=over_wifi).serve()


def _ends_tls_of_forgotten_host(phone: SimulatedPhone, host_id: str) -> bool:
    """Whether the phone grants a session to a forgotten computer and then ends TLS at once."""
    return phone.assume.forgotten_computer == "tls-closes" and host_id in phone.forgotten_hosts
