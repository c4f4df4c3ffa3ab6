"""Reads the fields of an X.509 certificate that pairing needs: its key and its signature.

libimobiledevice gives all its certificates the serial number 0, which `cryptography` warns about and will one day
refuse (seen with cryptography 50, libimobiledevice 1.3.0). So this module reads the few fields itself.

    Certificate     SEQUENCE { TBSCertificate, algorithm, BIT STRING signature }
    TBSCertificate  SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, key, ... }

Source: RFC 5280, section 4.1.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

SEQUENCE, BIT_STRING, VERSION = 0x30, 0x03, 0xA0
KEY_FIELD = 5  # after the optional version: serial, algorithm, issuer, validity, subject, key
RSA_SIGNATURES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("06092a864886f70d01010b"): hashes.SHA256(),
    bytes.fromhex("06092a864886f70d01010c"): hashes.SHA384(),
    bytes.fromhex("06092a864886f70d01010d"): hashes.SHA512(),
    bytes.fromhex("06092a864886f70d010105"): hashes.SHA1(),  # noqa: S303  (hosts use it for iOS before 4)
}
"""The encoded object identifiers of sha…WithRSAEncryption."""


@dataclass(frozen=True)
class Certificate:
    public_key: RSAPublicKey
    signed: bytes
    signature: bytes
    algorithm: hashes.HashAlgorithm

    def check_signed_by(self, issuer: Certificate) -> None:
        """Raises cryptography's InvalidSignature."""
        issuer.public_key.verify(self.signature, self.signed, PKCS1v15(), self.algorithm)


def read_certificate(pem: bytes) -> Certificate:
    """An RSA certificate in PEM. Raises ValueError for anything else."""
    der = ssl.PEM_cert_to_DER_cert(pem.rstrip(b"\0").decode("ascii"))
    fields = elements_of(der, SEQUENCE)
    if len(fields) != 3 or fields[2][:1] != bytes([BIT_STRING]):
        raise ValueError("not a certificate")
    signed, algorithm, signature = fields
    parts = elements_of(signed, SEQUENCE)
    try:
        key = load_der_public_key(parts[KEY_FIELD + (parts[0][0] == VERSION)])
    except (IndexError, UnsupportedAlgorithm) as error:
        raise ValueError("the certificate has no readable key") from error
    hash_algorithm = RSA_SIGNATURES.get(elements_of(algorithm, SEQUENCE)[0])
    if not isinstance(key, RSAPublicKey) or hash_algorithm is None:
        raise ValueError("not an RSA certificate")
    return Certificate(key, signed, content_of(signature)[1:], hash_algorithm)


def elements_of(element: bytes, tag: int) -> list[bytes]:
    """The elements inside a constructed element, each with its tag and length. Raises ValueError."""
    if element[:1] != bytes([tag]):
        raise ValueError("unexpected tag")
    content = content_of(element)
    elements = []
    while content:
        end = _element_length(content)
        elements.append(content[:end])
        content = content[end:]
    if not elements:
        raise ValueError("empty element")
    return elements


def content_of(element: bytes) -> bytes:
    header, length = _header(element)
    return element[header : header + length]


def _element_length(data: bytes) -> int:
    header, length = _header(data)
    if header + length > len(data):
        raise ValueError("truncated element")
    return header + length


def _header(data: bytes) -> tuple[int, int]:
    """The header size and content size of the first element in `data`. Raises ValueError."""
    if len(data) < 2:
        raise ValueError("element without a length")
    first = data[1]
    if first < 0x80:
        return 2, first
    count = first & 0x7F
    if not 0 < count <= 4 or len(data) < 2 + count:
        raise ValueError("invalid length")
    return 2 + count, int.from_bytes(data[2 : 2 + count], "big")
