"""Items of a keychain as a phone writes them into a backup, written out from the standards and not from our reader."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB

from migrate.backup.crypto.keybag import ClassKeys

SECRET = b"hunter2-hunter2"
WHEN_UNLOCKED, THIS_DEVICE_ONLY = 6, 9


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def der_set(**attributes: str | bytes | int) -> bytes:
    pairs = b""
    for name, value in {"v_Data": SECRET, **attributes}.items():
        if isinstance(value, int):
            stored = der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
        else:
            stored = der(0x0C, value.encode()) if isinstance(value, str) else der(0x04, value)
        pairs += der(0x30, der(0x0C, name.encode()) + stored)
    return der(0x31, pairs)


def multiplied(one: int, other: int) -> int:
    """The product in the field of GHASH (NIST SP 800-38D, 6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if other >> bit & 1:
            product ^= one
        one = one >> 1 ^ (0xE1 << 120 if one & 1 else 0)
    return product


def sealed(key: bytes, plain: bytes) -> bytes:
    """AES-GCM with an empty nonce, written out from NIST SP 800-38D: the counter begins at 0, so the text at 1."""
    encryptor = Cipher(AES(key), CTR((1).to_bytes(16, "big"))).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    zero = int.from_bytes(Cipher(AES(key), ECB()).encryptor().update(bytes(16)), "big")
    padded = ciphertext + bytes(-len(ciphertext) % 16) + bytes(8) + (8 * len(ciphertext)).to_bytes(8, "big")
    hashed = 0
    for at in range(0, len(padded), 16):
        hashed = multiplied(hashed ^ int.from_bytes(padded[at : at + 16], "big"), zero)
    return ciphertext + (hashed ^ zero).to_bytes(16, "big")


def entry(keys: ClassKeys, plain: bytes, protection_class: int = WHEN_UNLOCKED) -> dict[str, bytes]:
    key = os.urandom(32)
    wrapped = keys.wrap(protection_class, key)
    header = (3).to_bytes(4, "little") + wrapped[:4] + (40).to_bytes(4, "little")
    return {"v_Data": header + wrapped[4:] + sealed(key, plain), "v_PersistentRef": os.urandom(16)}
