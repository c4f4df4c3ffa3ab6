"""The two property lists of a backup that are long and many, in a tenth of plistlib's time.

    to the host     a message with 128 paths to move, remove or send: the same bytes as plistlib writes
    to the phone    the listing of a folder, of which only the names are read

Source of the format: CFBinaryPList.c, and plistlib.
"""

from __future__ import annotations

import plistlib
import struct
from itertools import accumulate

_TRAILER_BYTES = 32
_OFFSETS = {1: "B", 2: "H", 4: "I"}
_STATUS = b"DLMessageStatusResponse"


def encode_message(message: list[object]) -> bytes:
    """What `plistlib.dumps` returns for this list as a binary property list."""
    objects: list[bytes | list[int]] = []
    texts: dict[str, int] = {}
    numbers: dict[tuple[type, object], int] = {}
    containers: dict[int, int] = {}

    def place_of(value: object) -> int:
        kind = type(value)
        if kind is str:
            place = len(objects)
            known = texts.setdefault(value, place)  # type: ignore[arg-type]
            if known == place:
                objects.append(_encode_text(value))  # type: ignore[arg-type]
            return known
        if kind is float or kind is int:
            known = numbers.setdefault((kind, value), len(objects))
            if known == len(objects):
                objects.append(_encode_number(value))
            return known
        if kind is not dict and kind is not list:
            raise _Unusual
        place = len(objects)
        if (known := containers.setdefault(id(value), place)) != place:
            return known
        references: list[int] = []
        objects.append(references)
        if isinstance(value, dict):
            items = sorted(value.items())
            references.append(0xD0)
            references += [place_of(key) for key, _ in items]
            references += [place_of(inner) for _, inner in items]
        elif isinstance(value, list):
            references.append(0xA0)
            references += [place_of(inner) for inner in value]
        return place

    try:
        place_of(message)
    except _Unusual:
        return plistlib.dumps(message, fmt=plistlib.FMT_BINARY)
    width = 1 if len(objects) < 1 << 8 else 2 if len(objects) < 1 << 16 else 4
    encoded = [one if isinstance(one, bytes) else _encode_container(one, width) for one in objects]
    body = b"bplist00" + b"".join(encoded)
    table_width = 1 if len(body) < 1 << 8 else 2 if len(body) < 1 << 16 else 4
    offsets = list(accumulate(map(len, encoded[:-1]), initial=8))
    table = struct.pack(f">{len(offsets)}{_OFFSETS[table_width]}", *offsets)
    return body + table + struct.pack(">5xBBBQQQ", 0, table_width, width, len(objects), 0, len(body))


class _Unusual(Exception):
    """A value that plistlib has to encode."""


def _encode_text(text: str) -> bytes:
    if not text.isascii():
        raise _Unusual
    count = len(text)
    return (b"\x5f\x10%c%b" % (count, text.encode())) if 15 <= count < 256 else _marker(0x50, count) + text.encode()


def _encode_number(value: object) -> bytes:
    if isinstance(value, float):
        return struct.pack(">Bd", 0x23, value)
    assert isinstance(value, int)
    for marker, width in ((0x10, 1), (0x11, 2), (0x12, 4), (0x13, 8)):
        if 0 <= value < 1 << (8 * width - (width == 8)):
            return bytes((marker,)) + value.to_bytes(width, "big")
    raise _Unusual


def _encode_container(references: list[int], width: int) -> bytes:
    kind, *inner = references
    count = len(inner) // 2 if kind == 0xD0 else len(inner)
    return _marker(kind, count) + struct.pack(f">{len(inner)}{_OFFSETS[width]}", *inner)


def _marker(kind: int, count: int) -> bytes:
    if count < 15:
        return bytes((kind | count,))
    if count < 1 << 8:
        return bytes((kind | 15, 0x10, count))
    if count < 1 << 16:
        return struct.pack(">BBH", kind | 15, 0x11, count)
    return struct.pack(">BBI", kind | 15, 0x12, count)


def names_in_listing(data: bytes) -> list[str] | None:
    """The names of a folder's listing in a successful answer. None: this is not one, or not a binary list of the usual
    form, and has to be read as any other message."""
    try:
        return _names_in_listing(data)
    except (_Unusual, IndexError, struct.error, KeyError, OverflowError, UnicodeDecodeError):
        return None


def _names_in_listing(data: bytes) -> list[str]:
    table_width, width, count, top, table = struct.unpack(">6xBBQQQ", data[-_TRAILER_BYTES:])
    if not data.startswith(b"bplist00") or not 0 < count * table_width <= len(data):
        raise _Unusual
    offsets = struct.unpack_from(f">{count}{_OFFSETS[table_width]}", data, table)

    def inner(place: int, kind: int, each: int) -> tuple[int, ...]:
        at = offsets[place]
        length, begin = _length(data, at, kind)
        if length * each * width > len(data):
            raise _Unusual
        return struct.unpack_from(f">{length * each}{_OFFSETS[width]}", data, begin)

    name, code, _, listing, *_ = (*inner(top, 0xA0, 1), *(4 * [0]))
    if _ascii(data, offsets[name]) != _STATUS or data[offsets[code] : offsets[code] + 2] != b"\x10\0":
        raise _Unusual
    references = inner(listing, 0xD0, 2)
    half = len(references) // 2
    if {data[offsets[one]] & 0xF0 for one in set(references[half:])} - {0xD0}:
        raise _Unusual
    return [_ascii(data, offsets[one]).decode("ascii") for one in references[:half]]


def _ascii(data: bytes, at: int) -> bytes:
    if data[at] == 0x5F and data[at + 1] == 0x10:
        length, begin = data[at + 2], at + 3
    else:
        length, begin = _length(data, at, 0x50)
    text = data[begin : begin + length]
    if len(text) != length:
        raise _Unusual
    return text


def _length(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """The length of an object of this kind, and where its contents begin."""
    marker = data[at]
    if marker & 0xF0 != kind:
        raise _Unusual
    if marker & 15 < 15:
        return marker & 15, at + 1
    width = {0x10: 1, 0x11: 2, 0x12: 4}[data[at + 1]]
    return int.from_bytes(data[at + 2 : at + 2 + width], "big"), at + 2 + width
