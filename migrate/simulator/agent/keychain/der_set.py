"""The attributes of a keychain item as they are encrypted: a DER SET of SEQUENCEs of a name and a value.

The structure and the UTF8String of a name are *seen* (iOS 9). Which type a value has is *read* of Apple's Security
sources (der_plist: UTF8String, OCTET STRING, INTEGER, GeneralizedTime); elements of other types are kept unread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from migrate.simulator.device.keychain import EncodedValue, Value

ATTRIBUTES_LIMIT = 200
"""The tables of a keychain have about sixty columns (*reported*)."""
NAME_LIMIT_BYTES = 64
INTEGER_LIMIT_BYTES = 8

_SET, _SEQUENCE, _UTF8, _OCTETS, _INTEGER, _TIME = 0x31, 0x30, 0x0C, 0x04, 0x02, 0x18
_TIME_FORMAT, _TIME_BYTES = "%Y%m%d%H%M%SZ", 15


class NotAnAttributeSet(ValueError):
    """The bytes have another structure, or exceed a limit."""


def encode(attributes: Mapping[str, Value]) -> bytes:
    """The attributes as a SET. DER sorts the elements of a SET by their bytes."""
    pairs = [
        _element(_SEQUENCE, _element(_UTF8, name.encode()) + _encoded_value(value))
        for name, value in attributes.items()
    ]
    return _element(_SET, b"".join(sorted(pairs)))


def decode(data: bytes) -> dict[str, Value]:
    """The attributes in a SET. Only its two known levels are entered, whatever a value contains.

    Raises:
        NotAnAttributeSet
    """
    found: dict[str, Value] = {}
    view = memoryview(data)
    tag, content, rest = _first(view)
    if tag != _SET or rest:
        raise NotAnAttributeSet("not one SET")
    for pair in _elements(content, _SEQUENCE):
        name_tag, name, encoded = _first(pair)
        if name_tag != _UTF8 or len(name) > NAME_LIMIT_BYTES:
            raise NotAnAttributeSet("an attribute without a name")
        tag, value, rest = _first(encoded)
        if rest:
            raise NotAnAttributeSet("an attribute with two values")
        try:
            known = _decoded_value(tag, value)
            found[str(name, "utf-8")] = EncodedValue(bytes(encoded)) if known is None else known
        except ValueError as error:
            raise NotAnAttributeSet("invalid text or an impossible date") from error
    return found


def _encoded_value(value: Value) -> bytes:
    match value:
        case EncodedValue(element):
            return element
        case str():
            return _element(_UTF8, value.encode())
        case bytes():
            return _element(_OCTETS, value)
        case datetime():
            return _element(_TIME, value.astimezone(UTC).strftime(_TIME_FORMAT).encode())
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _decoded_value(tag: int, content: memoryview) -> Value | None:
    """The value, or None if its element is kept as it is."""
    if tag == _UTF8:
        return str(content, "utf-8")
    if tag == _OCTETS:
        return bytes(content)
    if tag == _INTEGER and 0 < len(content) <= INTEGER_LIMIT_BYTES:
        return int.from_bytes(content, "big", signed=True)
    if tag == _TIME and len(content) == _TIME_BYTES:
        return datetime.strptime(str(content, "ascii"), _TIME_FORMAT).replace(tzinfo=UTC)
    return None


def _elements(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """The contents of consecutive elements, which all have the tag `wanted`."""
    count = 0
    while data:
        count += 1
        tag, content, data = _first(data)
        if tag != wanted or count > ATTRIBUTES_LIMIT:
            raise NotAnAttributeSet("too many attributes, or another element among them")
        yield content


def _first(data: memoryview) -> tuple[int, memoryview, memoryview]:
    """The tag and the content of the first element, and what follows it."""
    if len(data) < 2:
        raise NotAnAttributeSet("an element without a length")
    length, begin = data[1], 2
    if length > 0x7F:
        begin += length & 0x7F
        if not 2 < begin <= 6 or len(data) < begin:
            raise NotAnAttributeSet("an invalid length")
        length = int.from_bytes(data[2:begin], "big")
    end = begin + length
    if end > len(data):
        raise NotAnAttributeSet("a truncated element")
    return data[0], data[begin:end], data[end:]


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length <= 0x7F:
        return bytes([tag, length]) + content
    encoded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(encoded)]) + encoded + content
