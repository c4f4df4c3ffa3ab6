"""Talk to a phone's lockdownd through pymobiledevice3's client, keeping all its files inside our home.

Three things differ from pymobiledevice3: the usbmuxd address goes with every call (theirs drops it when it saves a pair
record), key files are 0600 and stay in our folders, and the Trust dialog appears only when we ask for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import plistlib
import re
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Any

from pymobiledevice3.ca import generate_pairing_cert_chain
from pymobiledevice3.exceptions import (
    ConnectionTerminatedError,
    DeviceNotFoundError,
    IncorrectModeError,
    MuxException,
    NoDeviceConnectedError,
    PairingError,
    PyMobileDevice3Exception,
    SessionActiveError,
)
from pymobiledevice3.lockdown import SERVICE_PORT, SYSTEM_BUID, PlistUsbmuxLockdownClient
from pymobiledevice3.pair_records import generate_host_id, get_local_pairing_record, get_usbmux_pairing_record
from pymobiledevice3.safe_paths import device_file_path
from pymobiledevice3.service_connection import ServiceConnection
from pymobiledevice3.usbmux import MuxDevice, PlistMuxConnection, create_mux

from migrate.backup.private_files import DISK_FULL
from migrate.backup.record import major_version
from migrate.phone.muxer import UsbmuxConfig, find_device, list_phones
from migrate.phone.quoting import safe_text
from migrate.phone.service import Service, translate_parse_errors
from migrate.problems import CannotStoreKeys, NoMuxer, NoRoomForConnection

# pymobiledevice3 logs warnings; without a handler Python would print them to the person's terminal
logging.getLogger("pymobiledevice3").addHandler(logging.NullHandler())

CONNECTION_LOST_ERRORS = (
    ConnectionTerminatedError,
    MuxException,
    DeviceNotFoundError,
    NoDeviceConnectedError,
    EOFError,
    OSError,
)
"""What pymobiledevice3 raises when a phone or its connection is gone. (AfcException is an OSError too.)"""

OLDEST_IOS = 10
"""Older versions make backups that migrate cannot move (facts 3.1)."""
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")

LOCKDOWN_TIMEOUT_S = 60.0
"""How long lockdownd may take to answer. It usually takes milliseconds; TLS may take 10 s, and a phone may be busy."""

REQUIRED_RECORD_KEYS = ("HostID", "SystemBUID", "HostCertificate", "HostPrivateKey")


class Lockdown(PlistUsbmuxLockdownClient):
    """pymobiledevice3's client, changed so that it uses our usbmuxd and our folders only."""

    usbmux: UsbmuxConfig

    @property
    def product_version(self) -> str:
        """The iOS version that pymobiledevice3 sees: never older than OLDEST_IOS, whatever the phone claims.

        To a device that claims iOS 6, pymobiledevice3 would send the whole pair record unencrypted (`ValidatePair`),
        including our private keys and the phone's escrow bag; with iOS 4 it would use SSL 3.
        """
        version = self.all_values.get("ProductVersion")
        major = major_version(version) if isinstance(version, str) and _VERSION.fullmatch(version) else 0
        return version if isinstance(version, str) and major >= OLDEST_IOS else f"{OLDEST_IOS}.0"

    async def save_pair_record(self) -> None:
        """Write the pair record to our folder (0600, atomically), and offer it to *our* usbmuxd.

        pymobiledevice3's version writes it 0644 and gives it to the system's usbmuxd, whatever address it was given.
        """
        assert self.pair_record is not None and self.identifier is not None
        record = plistlib.dumps(self.pair_record)
        with own_files(self.usbmux.pairing):
            write_private(device_file_path(self.usbmux.pairing, self.identifier, ".plist"), record)
        # A usbmuxd that cannot store it (a folder it may not write, facts row 69) does not matter: we have our copy.
        with suppress(PyMobileDevice3Exception, OSError):
            async with await create_mux(usbmux_address=self.usbmux.pymobiledevice3_address) as mux:
                if isinstance(mux, PlistMuxConnection) and self.service.mux_device is not None:
                    await mux.save_pair_record(self.identifier, self.service.mux_device.devid, record)

    async def create_service_connection(
        self, port: int, ssl_context: SSLContext | None = None, strip_ssl: bool = False
    ) -> ServiceConnection:
        """A connection to a port of this phone, looked up again because it may have been re-attached."""
        assert self.identifier is not None
        try:
            device = find_device(await list_phones(self.usbmux), self.identifier)
        except NoMuxer as error:  # Linux's usbmuxd may end with its last phone
            raise DeviceNotFoundError(self.identifier) from error
        if device is None:
            raise DeviceNotFoundError(self.identifier)
        service = await Service.from_socket(
            await open_socket(self.usbmux, device, port),
            ssl_context=ssl_context,
            strip_ssl=strip_ssl,
            mux_device=device,
        )
        assert isinstance(service, Service)
        service.read_timeout_s = LOCKDOWN_TIMEOUT_S if port == SERVICE_PORT else None
        return service

    @contextmanager
    def ssl_file(self) -> Generator[str, Any, None]:
        """A temporary file in our `tmp` (0600) with the host's certificate and key, for preparing one handshake."""
        assert self.pair_record is not None
        pem = bytes(self.pair_record["HostCertificate"]) + b"\n" + bytes(self.pair_record["HostPrivateKey"])
        with own_files(self.usbmux.tmp):
            handle, name = tempfile.mkstemp(dir=self.usbmux.tmp, prefix="tls-", suffix=".pem")
        try:
            with own_files(self.usbmux.tmp), os.fdopen(handle, "wb") as file:
                file.write(pem)
            yield name
        finally:
            Path(name).unlink(missing_ok=True)


@contextmanager
def own_files(folder: Path) -> Generator[None, Any, None]:
    """Wrap writes of our own small files: an OSError here comes from this computer's disk, never from a phone.

    Raises:
        NoRoomForConnection, CannotStoreKeys.
    """
    try:
        yield
    except OSError as error:
        problem = NoRoomForConnection if error.errno in DISK_FULL else CannotStoreKeys
        raise problem(folder, error.strerror or type(error).__name__) from error


def write_private(path: Path, data: bytes, *, temp_folder: Path | None = None) -> None:
    """Write `data` to `path` atomically with mode 0600: a reader sees the old file or the new one, never a part.

    `temp_folder`: where the new file is written before the rename, on the same disk; by default the folder of `path`.
    """
    handle, name = tempfile.mkstemp(dir=temp_folder or path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def open_socket(usbmux: UsbmuxConfig, device: MuxDevice, port: int) -> socket.socket:
    """A socket to a port of a phone, through usbmuxd.

    Nagle's algorithm is off: over TCP (a remote usbmuxd, the one on Windows, a simulated iPhone) every second small
    message would wait 40 ms for an acknowledgement (*seen*). asyncio does this only for sockets that it created.
    """
    sock = await device.connect(port, usbmux_address=usbmux.pymobiledevice3_address)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def connect(usbmux: UsbmuxConfig, device: MuxDevice) -> Lockdown:
    """A client with the phone's public values and no session. Never raises the Trust dialog.

    Raises:
        PyMobileDevice3Exception, OSError: the phone is gone, or something other than lockdownd answers.
    """
    with own_files(usbmux.tmp):
        usbmux.make_folders()
    address = usbmux.pymobiledevice3_address
    sock = await open_socket(usbmux, device, SERVICE_PORT)
    service = await Service.from_socket(sock, mux_device=device)
    assert isinstance(service, Service)
    service.read_timeout_s = LOCKDOWN_TIMEOUT_S
    client = Lockdown(
        service,
        host_id=generate_host_id(),
        identifier=device.serial,
        label="migrate",
        pairing_records_cache_folder=usbmux.pairing,
        usbmux_address=address,
    )
    client.usbmux = usbmux
    try:
        client.system_buid = await _buid(address)
        with translate_parse_errors():
            if await client.query_type() != "com.apple.mobile.lockdown":
                raise IncorrectModeError
        await read_values(client)
    except BaseException:
        await client.close()  # not `service`: the client may have reconnected meanwhile
        raise
    return client


async def read_values(client: Lockdown) -> None:
    """Read the client's values from the phone again. They are empty if the phone returns none."""
    with translate_parse_errors():
        values = await client.get_value()
    client.all_values = values if isinstance(values, dict) else {}
    client.udid = client.all_values.get("UniqueDeviceID")
    client.product_type = client.all_values.get("ProductType")


async def _buid(address: str | None) -> str:
    async with await create_mux(usbmux_address=address) as mux:
        if isinstance(mux, PlistMuxConnection):
            with suppress(KeyError):
                return await mux.get_buid()
    return SYSTEM_BUID  # a usbmuxd that speaks only the binary protocol has no BUID


async def start_session(client: Lockdown, refused: set[bytes]) -> bool:
    """Start a session with one of the known pair records, and return whether the phone accepted one.

    Tries usbmuxd's record and our own: one of them may be older than the phone's last reset of trust, which the phone
    answers with InvalidHostID. If the phone was paired again under our name and the new record was lost (a full disk),
    it accepts the name and refuses the certificate; then the connection is over. `refused` collects such certificates,
    and their records are not tried again.

    Raises:
        PasswordRequiredError: the phone has to be unlocked first.
        PyMobileDevice3Exception, OSError: the phone is gone.
    """
    for record in await known_records(client):
        if record["HostCertificate"] in refused:
            continue
        client.pair_record = record
        try:
            with translate_parse_errors():
                if await client.validate_pairing():
                    return True
        except SessionActiveError:
            # the phone left the bus during the request; pymobiledevice3 reconnected, started a session and asked again
            return client.paired
        except CONNECTION_LOST_ERRORS as error:
            if _refuses_certificate(error):
                refused.add(record["HostCertificate"])
            raise
    client.pair_record = None
    return False


CERTIFICATE_ALERTS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "DECRYPT_ERROR", "ACCESS_DENIED")
"""With TLS 1.3 they come with the first answer, after the handshake (*seen*: the simulated iPhone, OpenSSL)."""


def _refuses_certificate(error: BaseException | None) -> bool:
    """Whether an error comes from a TLS alert about our certificate."""
    while error is not None:
        if isinstance(error, SSLError) and (error.reason or "").endswith(CERTIFICATE_ALERTS):
            return True
        error = error.__cause__ or error.__context__
    return False


async def known_records(client: Lockdown) -> list[dict[str, Any]]:
    """The usable pair records for this phone: usbmuxd's, then our folder's."""
    assert client.identifier is not None
    records: list[Any] = []
    # Garbage from usbmuxd or in a file counts as no record; plistlib may raise any exception on it
    with suppress(Exception):
        records.append(
            await get_usbmux_pairing_record(client.identifier, usbmux_address=client.usbmux.pymobiledevice3_address)
        )
    with suppress(Exception):
        records.append(get_local_pairing_record(client.identifier, client.usbmux.pairing))
    return [
        record
        for record in records
        if isinstance(record, dict)
        and all(key in record for key in REQUIRED_RECORD_KEYS)
        and isinstance(record["HostCertificate"], bytes)
    ]


@dataclass
class PairRequest:
    """The keys and certificates that a phone is asked to trust. One request is reused until it is answered.

    The phone may leave the bus for a moment when Trust is tapped (facts 1.2); a new request would raise the dialog
    again.
    """

    record: dict[str, Any] = field(repr=False)
    host_key: bytes = field(repr=False)
    root_key: bytes = field(repr=False)

    @classmethod
    async def prepare(cls, client: Lockdown) -> PairRequest:
        """Generate the keys and certificates, including the phone's own.

        Raises:
            PairingError: the phone does not give its public key.
        """
        public_key = await value_of(client, None, "DevicePublicKey")
        if not isinstance(public_key, bytes):
            raise PairingError
        # generating RSA keys takes a second, which must not block the work with the other phone
        with translate_parse_errors():
            host_pem, host_key, device_pem, root_pem, root_key = await asyncio.to_thread(
                generate_pairing_cert_chain, public_key
            )
        record: dict[str, Any] = {
            "DeviceCertificate": device_pem,
            "HostCertificate": host_pem,
            "HostID": client.host_id,
            "RootCertificate": root_pem,
            "SystemBUID": client.system_buid,
        }
        if isinstance(address := client.all_values.get("WiFiAddress"), str):
            record["WiFiMACAddress"] = address
        return cls(record, host_key, root_key)


async def send_pair_request(client: Lockdown, pair_request: PairRequest) -> str | None:
    """Send `pair_request` once; return None if the phone trusts us (the record is saved), else lockdownd's error name.

    The first request raises the dialog on an unlocked phone; until it is answered, every further request gets
    `PairingDialogResponsePending`. Private keys are not sent (pymobiledevice3 sends the root's).
    """
    answer = await client.service.send_recv_plist(
        {
            "Label": client.label,
            "Request": "Pair",
            "PairRecord": pair_request.record,
            "ProtocolVersion": "2",
            "HostName": socket.gethostname(),
            "PairingOptions": {"ExtendedPairingErrors": True},
        }
    )
    if (error := answer.get("Error")) is not None:
        return safe_text(error)
    record = {**pair_request.record, "HostPrivateKey": pair_request.host_key, "RootPrivateKey": pair_request.root_key}
    if isinstance(escrow_bag := answer.get("EscrowBag"), bytes):
        record["EscrowBag"] = escrow_bag
    client.pair_record = record
    await client.save_pair_record()
    return None


async def value_of(client: Lockdown, domain: str | None, key: str | None = None) -> Any:
    """A value, or None if the phone does not give it. Raises only when the phone is gone."""
    try:
        with translate_parse_errors():
            return await client.get_value(domain, key)
    except CONNECTION_LOST_ERRORS:
        raise
    except PyMobileDevice3Exception:
        return None


async def values_of(client: Lockdown, domain: str) -> dict[str, Any]:
    """All values of a domain; empty if the phone gives none."""
    values = await value_of(client, domain)
    return values if isinstance(values, dict) else {}
