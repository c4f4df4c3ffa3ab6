"""The certificates of pairing: which ones the phone accepts, its TLS context, and a computer it already trusts.

A computer sends three RSA certificates with empty names: its self-signed root, its own leaf, and a leaf for the
phone's public key. The root signed both leaves (facts 1.2).
"""

from __future__ import annotations

import datetime
import plistlib
import secrets
import ssl
import tempfile
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from migrate.simulator.device.phone import HostCertificates, SimulatedPhone
from migrate.simulator.lockdown.der import read_certificate
from migrate.simulator.lockdown.refusal import LockdownRefusal

VALID_FOR = datetime.timedelta(days=3650)


def read_pair_record(phone: SimulatedPhone, record: Mapping[str, Any] | None) -> HostCertificates:
    """Reads the pair record of a `Pair` request and checks that its certificates match each other and this phone.

    Raises:
        LockdownRefusal: MissingPairRecord, MissingHostID, InvalidPairRecord.
    """
    if not record:
        raise LockdownRefusal("MissingPairRecord")
    host_id = record.get("HostID")
    if not isinstance(host_id, str) or not host_id:
        raise LockdownRefusal("MissingHostID")
    pems = [record.get(key) for key in ("RootCertificate", "HostCertificate", "DeviceCertificate")]
    root_pem, host_pem, device_pem = (pem if isinstance(pem, bytes) else b"" for pem in pems)
    try:
        root, host, device = map(read_certificate, (root_pem, host_pem, device_pem))
        for certificate in (root, host, device):
            certificate.check_signed_by(root)
        fits = device.public_key.public_numbers() == phone.private_key.public_key().public_numbers()
    except (ValueError, InvalidSignature):
        fits = False
    if not fits:
        raise LockdownRefusal("InvalidPairRecord")
    return HostCertificates(host_id, str(record.get("SystemBUID", "")), root_pem, host_pem, device_pem)


_contexts: weakref.WeakKeyDictionary[SimulatedPhone, dict[HostCertificates, ssl.SSLContext]]
_contexts = weakref.WeakKeyDictionary()
"""Made once for each computer: making one takes 8 ms (*measured*), and every session and service needs one."""


def tls_context(phone: SimulatedPhone, host: HostCertificates) -> ssl.SSLContext:
    """The phone's TLS context for one trusted computer, which must present its root or its leaf certificate."""
    made = _contexts.setdefault(phone, {})
    if host not in made:
        made[host] = _make_context(phone, host)
    return made[host]


def _make_context(phone: SimulatedPhone, host: HostCertificates) -> ssl.SSLContext:
    """Both certificates are trust anchors.

    pymobiledevice3 presents the leaf, libimobiledevice the root. Because all names are empty, OpenSSL considers a leaf
    self-signed. Their signatures were checked at pairing.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")  # clients also use level 0 (facts 1.2)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=(host.root + b"\n" + host.host).decode("ascii"))
    _load_key(context, host.device, phone.private_key)
    return context


def _load_key(context: ssl.SSLContext, certificate: bytes, key: RSAPrivateKey) -> None:
    """Loads certificate and key. `ssl` reads keys only from files, so the key is written encrypted, under a password
    that never leaves this function."""
    password = secrets.token_bytes(32).hex().encode()
    encrypted_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    with tempfile.TemporaryDirectory(prefix="simulator-") as folder:  # 0700
        file = Path(folder) / "chain.pem"
        file.write_bytes(certificate + b"\n" + encrypted_key)
        context.load_cert_chain(file, password=password)


class TrustedComputer:
    """A computer that phones trusted before the server started, whose pair records usbmuxd keeps.

    It uses one root key and one host key for all phones, generated with the first record.
    """

    def __init__(self) -> None:
        self.buid = str(uuid.uuid4()).upper()
        self._keys: tuple[RSAPrivateKey, RSAPrivateKey] | None = None

    def pair(self, phone: SimulatedPhone) -> bytes:
        """Makes `phone` trust this computer. Returns the pair record that usbmuxd would keep, as a property list."""
        self._keys = self._keys or (_new_key(), _new_key())
        root_key, host_key = self._keys
        host = HostCertificates(
            host_id=str(uuid.uuid4()).upper(),
            system_buid=self.buid,
            root=_certificate(root_key, root_key.public_key(), authority=True),
            host=_certificate(root_key, host_key.public_key()),
            device=_certificate(root_key, phone.private_key.public_key()),
        )
        phone.trusted_hosts[host.host_id] = host
        record: dict[str, Any] = {
            "DeviceCertificate": host.device,
            "HostCertificate": host.host,
            "HostID": host.host_id,
            "HostPrivateKey": _pem(host_key),
            "RootCertificate": host.root,
            "RootPrivateKey": _pem(root_key),
            "SystemBUID": host.system_buid,
            "WiFiMACAddress": phone.wifi_address,
        }
        if phone.escrow_bag is not None:
            record["EscrowBag"] = phone.escrow_bag
        return plistlib.dumps(record)


def _new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(root_key: RSAPrivateKey, public_key: RSAPublicKey, *, authority: bool = False) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(subject_name=x509.Name([]), issuer_name=x509.Name([]))
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def _pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
