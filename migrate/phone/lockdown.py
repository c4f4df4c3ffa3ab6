"""One conversation with a phone's lockdownd: pymobiledevice3's client, kept inside our home.

What is ours here: the address of the usbmuxd goes with every call (theirs drops it when a pair record is saved), the
files of keys are 0600 and lie in our folders, and nobody is asked for trust unless somebody decided to ask.
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
from ssl import SSLContext
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

from migrate.backup.record import major_version
from migrate.phone.muxer import UsbmuxConfig, find_device, list_phones
from migrate.phone.quoting import safe_text
from migrate.phone.service import Service, translate_parse_errors
from migrate.problems import NoMuxer

# pymobiledevice3 logs; without a handler Python would print its warnings into whatever a person is reading
logging.getLogger("pymobiledevice3").addHandler(logging.NullHandler())

CONNECTION_LOST_ERRORS = (
    ConnectionTerminatedError,
    MuxException,
    DeviceNotFoundError,
    NoDeviceConnectedError,
    EOFError,
    OSError,
)
"""How pymobiledevice3 says that a phone, or its link, is no longer there. (AfcException is an OSError too.)"""

OLDEST_IOS = 10
"""Older ones make backups that are not read here (facts 3.1)."""
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")

ANSWER_S = 60.0
"""How long lockdownd may take for an answer. It answers in milliseconds; some wait for TLS's 10 s and a busy phone."""

NEEDED_OF_A_RECORD = ("HostID", "SystemBUID", "HostCertificate", "HostPrivateKey")


class Lockdown(PlistUsbmuxLockdownClient):
    """pymobiledevice3's client with its two ways out of our home closed."""

    usbmux: UsbmuxConfig

    @property
    def product_version(self) -> str:
        """What pymobiledevice3 takes the phone's iOS for: never older than OLDEST_IOS, whatever the phone says.

        To what calls itself iOS 6 it would send the whole pair record, our private keys and the phone's escrow bag in
        it, in plain (`ValidatePair`), and it would speak SSL 3 with iOS 4.
        """
        version = self.all_values.get("ProductVersion")
        major = major_version(version) if isinstance(version, str) and _VERSION.fullmatch(version) else 0
        return version if isinstance(version, str) and major >= OLDEST_IOS else f"{OLDEST_IOS}.0"

    async def save_pair_record(self) -> None:
        """Keep the pair record in our folder (0600, whole or not at all), and offer it to *our* usbmuxd.

        pymobiledevice3's own writes it 0644 and hands it to the system's usbmuxd whatever address it was given.
        """
        assert self.pair_record is not None and self.identifier is not None
        record = plistlib.dumps(self.pair_record)
        write_private(device_file_path(self.usbmux.pairing, self.identifier, ".plist"), record)
        # A usbmuxd that cannot keep it (a folder it may not write, facts row 69) is no loss: we have it.
        with suppress(PyMobileDevice3Exception, OSError):
            async with await create_mux(usbmux_address=self.usbmux.pymobiledevice3_address) as mux:
                if isinstance(mux, PlistMuxConnection) and self.service.mux_device is not None:
                    await mux.save_pair_record(self.identifier, self.service.mux_device.devid, record)

    async def create_service_connection(
        self, port: int, ssl_context: SSLContext | None = None, strip_ssl: bool = False
    ) -> ServiceConnection:
        """A connection to a port of this phone, as it is attached now. Small messages go out at once."""
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
        service.answers_within_s = ANSWER_S if port == SERVICE_PORT else None
        return service

    @contextmanager
    def ssl_file(self) -> Generator[str, Any, None]:
        """The host's certificate and key in one file of our `tmp`, 0600, for as long as a handshake is prepared."""
        assert self.pair_record is not None
        pem = bytes(self.pair_record["HostCertificate"]) + b"\n" + bytes(self.pair_record["HostPrivateKey"])
        handle, name = tempfile.mkstemp(dir=self.usbmux.tmp, prefix="tls-", suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
            yield name
        finally:
            Path(name).unlink(missing_ok=True)


def write_private(path: Path, data: bytes, *, by_way_of: Path | None = None) -> None:
    """Put `data` at `path`, 0600, by a new file and a rename: whoever reads it finds the old one or the new one.

    `by_way_of`: the folder for the new file, on the same disk; by default that of `path`.
    """
    handle, name = tempfile.mkstemp(dir=by_way_of or path.parent, prefix=f".{path.name}.")
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

    Without Nagle: over TCP (a remote usbmuxd, Windows', a simulated iPhone's) every second small message would wait 40 ms for
    an acknowledgement (*seen*). asyncio sees to that for sockets it made itself, and this one it did not.
    """
    sock = await device.connect(port, usbmux_address=usbmux.pymobiledevice3_address)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def connect(usbmux: UsbmuxConfig, device: MuxDevice) -> Lockdown:
    """A client with the phone's public values and no session. Never makes the phone ask for trust.

    Raises:
        PyMobileDevice3Exception, OSError: the phone is gone, or what answers is no lockdownd.
    """
    usbmux.make_folders()
    address = usbmux.pymobiledevice3_address
    sock = await open_socket(usbmux, device, SERVICE_PORT)
    service = await Service.from_socket(sock, mux_device=device)
    assert isinstance(service, Service)
    service.answers_within_s = ANSWER_S
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
    """Refresh what the client knows of its phone. A phone that answers nothing leaves nothing."""
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
    return SYSTEM_BUID  # a usbmuxd of the binary protocol has none to tell


async def start_session(client: Lockdown) -> bool:
    """Whether the phone knows one of the pair records we have; afterwards it speaks to us in a session.

    Every record is tried, the usbmuxd's and our own: one of them may be older than the phone's last reset of trust,
    which it answers with InvalidHostID.

    Raises:
        PasswordRequiredError: the phone wants its passcode first.
        PyMobileDevice3Exception, OSError: the phone is gone.
    """
    for record in await known_records(client):
        client.pair_record = record
        try:
            with translate_parse_errors():
                if await client.validate_pairing():
                    return True
        except SessionActiveError:
            # the phone left the bus under the request; pymobiledevice3 reconnected, began the session, and asked again
            return client.paired
    client.pair_record = None
    return False


async def known_records(client: Lockdown) -> list[dict[str, Any]]:
    """The usable pair records for this phone: usbmuxd's, then our folder's."""
    assert client.identifier is not None
    records: list[Any] = []
    # A usbmuxd or a file with garbage in it is like one without a record; plistlib has no closed list of errors
    with suppress(Exception):
        records.append(
            await get_usbmux_pairing_record(client.identifier, usbmux_address=client.usbmux.pymobiledevice3_address)
        )
    with suppress(Exception):
        records.append(get_local_pairing_record(client.identifier, client.usbmux.pairing))
    return [
        record for record in records if isinstance(record, dict) and all(key in record for key in NEEDED_OF_A_RECORD)
    ]


@dataclass
class PairRequest:
    """What we ask a phone to trust. One offer lasts until it is answered.

    The phone may leave the bus for a moment when Trust is tapped (facts 1.2); a new offer then would make it ask again.
    """

    record: dict[str, Any] = field(repr=False)
    host_key: bytes = field(repr=False)
    root_key: bytes = field(repr=False)

    @classmethod
    async def prepare(cls, client: Lockdown) -> PairRequest:
        """Make the keys and certificates, the phone's own leaf among them.

        Raises:
            PairingError: the phone does not tell its public key.
        """
        public_key = await value_of(client, None, "DevicePublicKey")
        if not isinstance(public_key, bytes):
            raise PairingError
        # RSA keys take a second of computing, which must not stop the other phone's conversation
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
    """Send `pair_request` once. None: the phone trusts us, and the record is kept. Else lockdownd's word for why not.

    The first request of an unlocked phone raises its dialog; until it is answered every further one gets
    `PairingDialogResponsePending`. Private keys stay here (pymobiledevice3 sends the root's along).
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
    """A value, or None where the phone does not tell it. Raises only when the phone is gone."""
    try:
        with translate_parse_errors():
            return await client.get_value(domain, key)
    except CONNECTION_LOST_ERRORS:
        raise
    except PyMobileDevice3Exception:
        return None


async def values_of(client: Lockdown, domain: str) -> dict[str, Any]:
    """All values of a domain; empty where the phone tells none."""
    values = await value_of(client, domain)
    return values if isinstance(values, dict) else {}
