"""A supervised phone's question to a computer that says it is its supervisor's: sign this.

The answer is a CMS SignedData, once called PKCS#7, with the challenge in it:

    ContentInfo   SEQUENCE { signedData, [0] SignedData }
    SignedData    SEQUENCE { version, SET algorithms, SEQUENCE { data, [0] OCTETS }, [0] certificates, SET signers }
    SignerInfo    SEQUENCE { version, issuer, algorithm, [0] attributes, algorithm, OCTET STRING signature }

What is signed are the attributes, as a SET; one of them is the digest of the content. Sources: RFC 5652, sections 5.1
to 5.4; pymobiledevice3 lockdown.py, whose answers have attributes, SHA-256 and an RSA key. Others are refused.
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
"""*guessed*: no source tells how long a real phone's is."""


def is_supervisor(certificate: bytes, supervisor_pem: str) -> bool:
    """Whether a computer has shown the supervisor's own certificate, in DER."""
    return certificate == ssl.PEM_cert_to_DER_cert(supervisor_pem)


def is_signed(answer: bytes, challenge: bytes, supervisor_pem: str) -> bool:
    """Whether `answer` is the challenge, signed with the supervisor's key. Anything that cannot be read is not."""
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
    """Content, attributes (the element) and signature of the only signer. Raises ValueError or IndexError."""
    (signed_data,) = elements_of(elements_of(answer, SEQUENCE)[1], EXPLICIT)
    parts = elements_of(signed_data, SEQUENCE)
    (octets,) = elements_of(elements_of(parts[2], SEQUENCE)[1], EXPLICIT)
    (signer,) = elements_of(parts[-1], SET)
    of_signer = elements_of(signer, SEQUENCE)
    attributes, signature = of_signer[3], of_signer[5]
    if octets[0] != OCTETS or attributes[0] != EXPLICIT or signature[0] != OCTETS:
        raise ValueError("no signed content with attributes")
    return content_of(octets), attributes, content_of(signature)


def _digest_in(attributes: bytes) -> bytes:
    """Raises ValueError: there is none."""
    for attribute in elements_of(attributes, EXPLICIT):
        name, values = elements_of(attribute, SEQUENCE)
        if name == MESSAGE_DIGEST:
            (digest,) = elements_of(values, SET)
            return content_of(digest)
    raise ValueError("no digest among the attributes")
