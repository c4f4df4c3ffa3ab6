"""The challenge that a supervised phone sends to a computer with its supervisor's certificate.

The computer answers with a CMS SignedData (PKCS#7) that contains the challenge:

    ContentInfo   SEQUENCE { signedData, [0] SignedData }
    SignedData    SEQUENCE { version, SET algorithms, SEQUENCE { data, [0] OCTETS }, [0] certificates, SET signers }
    SignerInfo    SEQUENCE { version, issuer, algorithm, [0] attributes, algorithm, OCTET STRING signature }

The signature covers the attributes, encoded as a SET; one of them is the digest of the content. Only answers with
attributes, SHA-256 and an RSA key are accepted, which is what pymobiledevice3 sends. Sources: RFC 5652, sections 5.1 to
5.4; pymobiledevice3 lockdown.py.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from migrate.simulator.lockdown.der import SEQUENCE, content_of, elements_of, read_certificate

SET, EXPLICIT, OCTETS = 0x31, 0xA0, 0x04
MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
CHALLENGE_BYTES = 32
"""*guessed*: no source gives the length of a real challenge."""


def is_supervisor(certificate: bytes, supervisor_pem: str) -> bool:
    """Whether `certificate` (DER) is the supervisor's certificate."""
    return certificate == ssl.PEM_cert_to_DER_cert(supervisor_pem)


def is_signed(answer: bytes, challenge: bytes, supervisor_pem: str) -> bool:
    """Whether `answer` is the challenge signed with the supervisor's key. False if it cannot be parsed."""
    try:
        content, attributes, signature = _read(answer)
        if not hmac.compare_digest(content, challenge):
            return False
        if _digest_in(attributes) != hashlib.sha256(content).digest():
            return False
        key = read_certificate(supervisor_pem.encode("ascii")).public_key
        key.verify(signature, bytes([SET]) + attributes[1:], PKCS1v15(), hashes.SHA256())
    except (ValueError, IndexError, InvalidSignature):
        return False
    return True


def _read(answer: bytes) -> tuple[bytes, bytes, bytes]:
    """The content, the attributes (as an element) and the signature of the only signer.

    Raises:
        ValueError, IndexError: the answer has another structure.
    """
    (signed_data,) = elements_of(elements_of(answer, SEQUENCE)[1], EXPLICIT)
    parts = elements_of(signed_data, SEQUENCE)
    (octets,) = elements_of(elements_of(parts[2], SEQUENCE)[1], EXPLICIT)
    (signer,) = elements_of(parts[-1], SET)
    signer_info = elements_of(signer, SEQUENCE)
    attributes, signature = signer_info[3], signer_info[5]
    if octets[0] != OCTETS or attributes[0] != EXPLICIT or signature[0] != OCTETS:
        raise ValueError("content, attributes or signature missing")
    return content_of(octets), attributes, content_of(signature)


def _digest_in(attributes: bytes) -> bytes:
    """The message digest among the attributes. Raises ValueError if there is none."""
    for attribute in elements_of(attributes, EXPLICIT):
        name, values = elements_of(attribute, SEQUENCE)
        if name == MESSAGE_DIGEST:
            (digest,) = elements_of(values, SET)
            return content_of(digest)
    raise ValueError("message digest missing")
