"""Read protocol buffers without their schema: the numbered fields of one message.

Field numbers and the meaning of values are the caller's. Nested messages are bytes until the caller reads them, so
nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT_BYTES = 10
_MOST_FIELDS = 2_000_000
"""A note of a million characters with a run for every second one stays below this."""


class NotProtobuf(ValueError):
    """The bytes are not a protocol buffer."""


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in order: its number, and its value as a number or as bytes.

    Fixed-width values (wire types 1 and 5) are given as bytes.

    Raises:
        NotProtobuf: a field is cut off or of an unknown type, or there are too many.
    """
    place, end, count = 0, len(message), 0
    while place < end:
        count += 1
        if count > _MOST_FIELDS:
            raise NotProtobuf("too many fields")
        key, place = _varint(message, place)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise NotProtobuf("field 0")
        if wire_type == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire_type == 2:
            length, place = _varint(message, place)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise NotProtobuf(f"wire type {wire_type}")
        if length > end - place:
            raise NotProtobuf("a field is cut off")
        yield number, message[place : place + length]
        place += length


def bytes_field(message: bytes, wanted: int) -> bytes | None:
    """The last field with this number, which must hold bytes; None if there is none.

    Raises:
        NotProtobuf: the message is damaged, or the field holds a number.
    """
    found = None
    for number, value in fields(message):
        if number == wanted:
            if not isinstance(value, bytes):
                raise NotProtobuf(f"field {wanted} is a number")
            found = value
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = 0
    for index in range(_VARINT_BYTES):
        if place + index >= len(message):
            raise NotProtobuf("a number is cut off")
        byte = message[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise NotProtobuf("a number is too long")
