"""A computer written only from facts 1: usbmux, lockdown, pairing with its own certificates, TLS."""

from __future__ import annotations

import contextlib
import datetime
import plistlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

TIMEOUT_S = 10
HOST_ID = "11111111-2222-3333-4444-555555555555"


class Line:
    """A socket with exact reads and a timeout, so that a hanging phone fails the test."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(TIMEOUT_S)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def is_closed(self) -> bool:
        """Waits until the other side closes. Returns False if it sends something instead."""
        try:
            return self.sock.recv(1) == b""
        except OSError:
            return True

    def send(self, message: Any) -> None:
        body = plistlib.dumps(message)
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def receive(self) -> Any:
        return plistlib.loads(self.read(*struct.unpack(">I", self.read(4))))

    def ask(self, message: Any) -> Any:
        self.send(message)
        return self.receive()

    def mux_send(self, message: dict[str, Any], tag: int = 1) -> None:
        body = plistlib.dumps(message)
        self.sock.sendall(struct.pack("<4I", 16 + len(body), 1, 8, tag) + body)

    def mux_receive(self) -> dict[str, Any]:
        length, _, _, _ = struct.unpack("<4I", self.read(16))
        heard: dict[str, Any] = plistlib.loads(self.read(length - 16))
        return heard

    def mux_request(self, message: dict[str, Any]) -> dict[str, Any]:
        self.mux_send(message)
        return self.mux_receive()


class Computer:
    """A computer with its own keys at one usbmuxd. It pairs like pymobiledevice3 and libimobiledevice."""

    def __init__(self, address: str, keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey], folder: Path) -> None:
        self.address = address
        self.root_key, self.host_key = keys
        self.folder = folder
        self.record: dict[str, Any] = {}
        self._open = contextlib.ExitStack()

    def close(self) -> None:
        self._open.close()

    def usbmuxd(self) -> Line:
        host, port = self.address.split(":")
        return Line(self._open.enter_context(socket.create_connection((host, int(port)))))

    def devices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.usbmuxd().mux_request({"MessageType": "ListDevices"})["DeviceList"]
        return found

    def device_id(self, phone: SimulatedPhone) -> int:
        return next(d["DeviceID"] for d in self.devices() if d["Properties"]["SerialNumber"] == phone.udid)

    def connect(self, phone: SimulatedPhone, port: int) -> Line:
        line = self.usbmuxd()
        request = {"MessageType": "Connect", "DeviceID": self.device_id(phone), "PortNumber": socket.htons(port)}
        assert line.mux_request(request) == {"MessageType": "Result", "Number": 0}
        return line

    def lockdown(self, phone: SimulatedPhone) -> Line:
        return self.connect(phone, 62078)

    def make_record(
        self, public_key_pem: bytes, host_id: str = "11111111-2222-3333-4444-555555555555"
    ) -> dict[str, Any]:
        device_key = load_pem_public_key(public_key_pem)
        return {
            "RootCertificate": self.certificate(self.root_key.public_key()),
            "HostCertificate": self.certificate(self.host_key.public_key()),
            "DeviceCertificate": self.certificate(device_key),
            "HostID": HOST_ID,
            "SystemBUID": "BUID",
        }

    def certificate(self, public_key: Any) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), public_key, 1, now, now + datetime.timedelta(9))
        return builder.sign(self.root_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def ask_to_pair(self, line: Line) -> dict[str, Any]:
        key = line.ask({"Request": "GetValue", "Key": "DevicePublicKey"})["Value"]
        self.record = self.make_record(key)
        request = {
            "Request": "Pair",
            "PairRecord": self.record,
            "ProtocolVersion": "2",
            "PairingOptions": {"ExtendedPairingErrors": True},
        }
        answer: dict[str, Any] = line.ask(request)
        return answer

    def pair(self, phone: SimulatedPhone) -> dict[str, Any]:
        """Sends Pair until the dialog is answered. Returns the last answer."""
        line = self.lockdown(phone)
        while (answer := self.ask_to_pair(line)).get("Error") == "PairingDialogResponsePending":
            pass
        return answer

    def tls(self, line: Line, *, as_root: bool = False) -> None:
        """Starts TLS as the host: with its leaf like pymobiledevice3, or with its root like libimobiledevice."""
        key = self.root_key if as_root else self.host_key
        certificate = self.record["RootCertificate" if as_root else "HostCertificate"]
        chain = self.folder / "chain.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(certificate + b"\n" + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(chain)
        line.sock = self._open.enter_context(context.wrap_socket(line.sock))

    def session(self, phone: SimulatedPhone, *, as_root: bool = False) -> Line:
        """Pairs if necessary and starts a session with TLS. `line.sock` is the TLS socket."""
        if not self.record:
            assert "Error" not in self.pair(phone)
        line = self.lockdown(phone)
        answer = line.ask({"Request": "StartSession", "HostID": self.record["HostID"], "SystemBUID": "BUID"})
        assert answer["EnableSessionSSL"] is True
        self.session_id = answer["SessionID"]
        self.tls(line, as_root=as_root)
        return line

    def service(self, phone: SimulatedPhone, name: str, **options: Any) -> Line:
        """Connects to a service, with TLS if the phone requires it."""
        answer = self.session(phone).ask({"Request": "StartService", "Service": name, **options})
        line = self.connect(phone, answer["Port"])
        if answer["EnableServiceSSL"]:
            self.tls(line)
        return line


@pytest.fixture(scope="session")
def computer_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    """Longer than the keys that phones share in tests, so that none of them is the same."""
    root, host = (rsa.generate_private_key(public_exponent=65537, key_size=2304) for _ in range(2))
    return root, host


@pytest.fixture
def serve() -> Iterator[Callable[..., SimulatedUsbmuxd]]:
    """`serve(phone, …)` starts a usbmuxd with these phones for the test."""
    with contextlib.ExitStack() as servers:
        yield lambda *phones, **how: servers.enter_context(SimulatedUsbmuxd(phones, **how))


@pytest.fixture
def computer_at(
    computer_keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey], tmp_path: Path
) -> Iterator[Callable[[SimulatedUsbmuxd], Computer]]:
    with contextlib.ExitStack() as computers:

        def at(server: SimulatedUsbmuxd) -> Computer:
            computer = Computer(server.address, computer_keys, tmp_path)
            computers.callback(computer.close)
            return computer

        yield at


@pytest.fixture
def plug_in(
    serve: Callable[..., SimulatedUsbmuxd], computer_at: Callable[[SimulatedUsbmuxd], Computer]
) -> Callable[..., tuple[SimulatedPhone, Computer]]:
    """`plug_in(**about)` makes a phone and a computer that are connected by a cable."""

    def plug(**about: Any) -> tuple[SimulatedPhone, Computer]:
        phone = SimulatedPhone(**about)
        return phone, computer_at(serve(phone))

    return plug
