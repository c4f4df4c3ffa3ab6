"""The fields of a certificate that pairing needs, compared with what cryptography reads."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.simulator.lockdown.der import read_certificate


def certificate(signing_key: Any, public_key: Any) -> bytes:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), public_key, 1, now, now + datetime.timedelta(9))
    return builder.sign(signing_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_key_and_signature_equal_those_that_cryptography_reads(computer_keys: tuple[Any, Any]) -> None:
    root_key, host_key = computer_keys
    root = read_certificate(certificate(root_key, root_key.public_key()))
    leaf = read_certificate(certificate(root_key, host_key.public_key()) + b"\0")  # as C clients send it
    assert leaf.public_key == host_key.public_key()
    leaf.check_signed_by(root)
    root.check_signed_by(root)
    with pytest.raises(InvalidSignature):
        root.check_signed_by(leaf)


def test_other_keys_than_rsa_are_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="RSA"):
        read_certificate(certificate(key, key.public_key()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_broken_certificate_is_a_value_error_wherever_it_is_broken(
    computer_keys: tuple[Any, Any], data: st.DataObject
) -> None:
    der = bytearray(ssl.PEM_cert_to_DER_cert(certificate(computer_keys[0], computer_keys[1].public_key()).decode()))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der[:cut])) + b"-----END CERTIFICATE-----\n"
    with contextlib.suppress(ValueError):
        read_certificate(pem)


EMPTY_PEM = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("pem", [b"", b"no certificate", "ü".encode(), EMPTY_PEM])
def test_text_that_is_not_pem_is_a_value_error(pem: bytes) -> None:
    with pytest.raises(ValueError):
        read_certificate(pem)
