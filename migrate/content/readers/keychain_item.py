"""Open one item of `keychain-backup.plist` with the class keys of an encrypted backup.

    u32 LE   version, 3
    u32 LE   protection class: 6 to 8 open on every phone, 9 to 11 only on the one that wrote them
    u32 LE   length of the wrapped key, 40
    40       the item's key, wrapped with the class key
    …        AES-256-GCM with an empty nonce, then its tag of 16 bytes

Inside is a DER SET of SEQUENCEs of a name (UTF8String) and a value; `v_Data` among them is the secret. *seen* in a real
backup of iOS 9 (facts/exports 6).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB, GCM

from migrate.backup.crypto.keybag import WRAPPED_KEY_BYTES, ClassKeys
from migrate.problems import KeyUnusable

_VERSION = 3
_HEADER_BYTES = 12
_CLASS_BITS = 0xF
_THIS_DEVICE_ONLY = frozenset({9, 10, 11})
_TAG_BYTES = BLOCK_BYTES = 16
_MOST_ATTRIBUTES = 200
_SET, _SEQUENCE, _UTF8, _OCTETS, _INTEGER, _BOOLEAN = 0x31, 0x30, 0x0C, 0x04, 0x02, 0x01

Attributes = dict[str, bytes]
"""Values as they are stored: text as UTF-8, numbers as DER integers."""


class ItemClosed(Exception):
    """The item cannot be opened: there is no key for it, or it has another format."""


def is_device_only(data: object) -> bool | None:
    """Whether an item belongs to the phone that wrote it; None if its header cannot be read."""
    if not isinstance(data, bytes) or len(data) < _HEADER_BYTES or _u32(data, 0) != _VERSION:
        return None
    return _protection_class(data) in _THIS_DEVICE_ONLY


def attributes(data: object, keys: ClassKeys, wanted: Collection[str]) -> Attributes:
    """The wanted attributes of an item. What is not wanted, the secret for example, is wiped before this returns.

    Raises:
        ItemClosed
    """
    if is_device_only(data) is None or not isinstance(data, bytes):
        raise ItemClosed
    begin = _HEADER_BYTES + WRAPPED_KEY_BYTES
    if _u32(data, 8) != WRAPPED_KEY_BYTES or len(data) < begin + _TAG_BYTES:
        raise ItemClosed
    try:
        key = keys.unwrap(_protection_class(data).to_bytes(4, "little") + data[_HEADER_BYTES:begin])
    except KeyUnusable as error:
        raise ItemClosed from error
    ciphertext, tag = data[begin:-_TAG_BYTES], data[-_TAG_BYTES:]
    if not hmac.compare_digest(_tag(key, ciphertext), tag):
        raise ItemClosed
    plain = bytearray(len(ciphertext) + BLOCK_BYTES)
    try:
        first_counter = (1).to_bytes(BLOCK_BYTES, "big")  # the counter after that of an empty nonce, which is 0
        length = Cipher(AES(key), CTR(first_counter)).decryptor().update_into(ciphertext, plain)
        return dict(_wanted(memoryview(plain)[:length], wanted))
    finally:
        plain[:] = bytes(len(plain))


def _protection_class(data: bytes) -> int:
    return _u32(data, 4) & _CLASS_BITS


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _tag(key: bytes, ciphertext: bytes) -> bytes:
    """The tag of AES-GCM for an empty nonce, which `cryptography` refuses: GHASH of the ciphertext, xor E(0).

    GHASH is taken from a run with another nonce whose ciphertext is the same: encrypting twice gives it back.
    """
    nonce = bytes(12)
    encryptor = Cipher(AES(key), GCM(nonce)).encryptor()
    shifted = encryptor.update(ciphertext) + encryptor.finalize()
    again = Cipher(AES(key), GCM(nonce)).encryptor()
    again.update(shifted)
    again.finalize()
    blocks = Cipher(AES(key), ECB()).encryptor()  # noqa: S305  single blocks, as GCM uses them
    zero, one = blocks.update(bytes(BLOCK_BYTES)), blocks.update((1).to_bytes(BLOCK_BYTES, "big"))
    return bytes(a ^ b ^ c for a, b, c in zip(again.tag, zero, one, strict=True))


def _wanted(plain: memoryview, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    kind, outer, _rest = _element(plain)
    if kind != _SET:
        raise ItemClosed
    for number in range(_MOST_ATTRIBUTES + 1):
        if not outer:
            return
        if number == _MOST_ATTRIBUTES:
            break
        kind, pair, outer = _element(outer)
        name_kind, name, rest = _element(pair)
        if kind != _SEQUENCE or name_kind != _UTF8 or len(name) > 64:
            break
        known = str(bytes(name), "utf-8", "replace")
        if known in wanted:
            value_kind, value, _rest = _element(rest)
            if value_kind in (_UTF8, _OCTETS, _INTEGER, _BOOLEAN):
                yield known, bytes(value)
    raise ItemClosed


def _element(data: memoryview) -> tuple[int, memoryview, memoryview]:
    """The tag and content of the first DER element, and what follows it."""
    if len(data) < 2:
        raise ItemClosed
    length, begin = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        begin += count
        length = int.from_bytes(data[2:begin], "big")
        if not 1 <= count <= 4 or len(data) < begin:
            raise ItemClosed
    if len(data) < begin + length:
        raise ItemClosed
    return data[0], data[begin : begin + length], data[begin + length :]
