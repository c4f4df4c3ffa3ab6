"""AES-256-GCM with an empty nonce, which `cryptography` refuses: NIST SP 800-38D, written out.

With an empty nonce the first counter block is GHASH of one zero block, so it is zero itself (section 7.1, step 2): the
text is encrypted from counter 1 on, and the tag is GHASH of the ciphertext, xor the encrypted zero block.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

BLOCK_BYTES = 16
TAG_BYTES = 16
_POLYNOMIAL = 0xE1 << 120
_NIBBLES = range(2 * BLOCK_BYTES)


class InvalidTag(Exception):
    """The bytes were not encrypted with this key, or they were changed."""


def seal(key: bytes, plain: bytes) -> bytes:
    """The ciphertext and its tag."""
    hash_key, mask, ciphertext = _encrypted(key, plain)
    return ciphertext + _tag(hash_key, mask, ciphertext)


def open_sealed(key: bytes, data: bytes) -> bytes:
    """The text that `seal` encrypted. Raises InvalidTag."""
    if len(data) < TAG_BYTES:
        raise InvalidTag
    ciphertext, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
    hash_key, mask, plain = _encrypted(key, ciphertext)
    if not hmac.compare_digest(_tag(hash_key, mask, ciphertext), tag):
        raise InvalidTag
    return plain


def ghash(hash_key: int, data: bytes) -> int:
    """GHASH of whole blocks (section 6.4), four bits at a time. Numbers have the coefficient of x^0 in bit 127."""
    multiples, reductions = _tables(hash_key)
    result = 0
    for begin in range(0, len(data), BLOCK_BYTES):
        rest = result ^ int.from_bytes(data[begin : begin + BLOCK_BYTES], "big")
        result = 0
        for _ in _NIBBLES:
            result = result >> 4 ^ reductions[result & 15] ^ multiples[rest & 15]
            rest >>= 4
    return result


def _encrypted(key: bytes, text: bytes) -> tuple[int, int, bytes]:
    """The hash key and the mask of the tag, both the encrypted zero block, and the text from counter 1 on."""
    stream = Cipher(AES(key), CTR(bytes(BLOCK_BYTES))).encryptor()
    zero_block = int.from_bytes(stream.update(bytes(BLOCK_BYTES)), "big")
    return zero_block, zero_block, stream.update(text) + stream.finalize()


def _tag(hash_key: int, mask: int, ciphertext: bytes) -> bytes:
    padding = bytes(-len(ciphertext) % BLOCK_BYTES)
    lengths = bytes(8) + (8 * len(ciphertext)).to_bytes(8, "big")
    return (ghash(hash_key, ciphertext + padding + lengths) ^ mask).to_bytes(TAG_BYTES, "big")


def _tables(hash_key: int) -> tuple[list[int], list[int]]:
    """The hash key times each four-bit polynomial, and what four shifted-out bits add."""
    multiples = [0] * 16
    power = hash_key
    for bit in (8, 4, 2, 1):
        multiples[bit] = power
        power = _times_x(power)
    for nibble in range(16):
        for bit in (8, 4, 2, 1):
            if nibble & bit and nibble != bit:
                multiples[nibble] = multiples[bit] ^ multiples[nibble ^ bit]
                break
    return multiples, _REDUCTIONS


def _times_x(number: int) -> int:
    return number >> 1 ^ (_POLYNOMIAL if number & 1 else 0)


def _reduction(bits: int) -> int:
    for _ in range(4):
        bits = _times_x(bits)
    return bits


_REDUCTIONS = [_reduction(bits) for bits in range(16)]
