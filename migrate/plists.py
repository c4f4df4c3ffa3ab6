"""Property lists that strangers wrote, read without letting a few bytes become gigabytes.

A binary list stores its objects apart and refers to them by number. Nothing in the format forbids a thousand arrays to
lie at one place (each is read into an array of its own: 400 KB became more than 3 GB, *seen*), or an array to hold its
successor twice, sixty times over (585 bytes which no disk can hold once they are written out again). So the objects are
weighed before they are read, and what was read is counted as if it were written out.
Source: CFBinaryPList.c of Apple's CoreFoundation, Python's plistlib.
"""

from __future__ import annotations

import plistlib
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

MAX_VALUES: Final = 1_000_000
"""Lists of a whole backup stay far below: a phone with a thousand apps has some ten thousand (*guessed*)."""

MAX_BYTES: Final = 1 << 30
"""Of texts and data, those that are referred to twice counted twice: what was 512 MiB on disk, twice over."""

MAX_DEPTH: Final = 100
"""Real ones have a dozen levels. Python's own limit, a thousand calls, comes later."""

SMALL_PLIST_BYTES: Final = 4096
"""So little cannot become more than some 10 MB, and a manifest has a million archives of 400 to 1,900 bytes."""

_BINARY: Final = b"bplist00"
_TRAILER_BYTES: Final = 32
_WHOLE_NUMBERS = range(-(1 << 63), 1 << 64)  # what a property list can be written with


class NotAPlist(Exception):
    """These bytes are no property list that can be read here. `reason` goes on after "it …" or "…: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load_plist(data: bytes) -> Any:
    """The value in a property list of either kind. It can be walked, shown and written out again at a cost in
    proportion to `data`: no circles, no deep nesting, only text as keys, only numbers of 64 bits.

    Raises:
        NotAPlist
    """
    value = load_archive(data, None)
    _count(value)
    return value


def load_archive(data: bytes, kind: plistlib.PlistFormat | None = plistlib.FMT_BINARY) -> Any:
    """As `load_plist`, for an archive, in which references in circles are ordinary: only safe to be looked into, step
    by step, never to be walked.

    Raises:
        NotAPlist
    """
    if data.startswith(_BINARY):
        if len(data) > SMALL_PLIST_BYTES:
            _refuse_overlapping_objects(data)
    elif data.count(b"<") > 2 * MAX_VALUES:  # 8 bytes of XML are an array of 56 in memory
        raise NotAPlist("it holds more values than any real one")
    try:
        return plistlib.loads(data, fmt=kind)
    except Exception as error:  # plistlib has no closed list: expat's, ValueError, RecursionError, MemoryError …
        if kind is None and (mended := _mended(data)) != data:
            return load_archive(mended, plistlib.FMT_BINARY if data.startswith(_BINARY) else plistlib.FMT_XML)
        raise NotAPlist(f"it is not a property list ({type(error).__name__})") from error


def may_be_plist(begin: bytes) -> bool:
    """Whether a file that begins so can be a property list at all, of either kind and in any encoding of text."""
    if begin.startswith(_BINARY):
        return True
    return begin.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n").startswith(b"<")


_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]")
_DATE = re.compile(rb"<date>([^<]*)</date>")
_DATE_MARKER, _REAL_MARKER = b"\x33", b"\x23"


def _mended(data: bytes) -> bytes:
    """`data` without what Apple's own parser takes and Python's does not: control characters in the name of an app or a
    phone (CoreFoundation writes them into XML as they are, *read*: CFPropertyList.c), blanks or NULs around the whole,
    and dates beyond Python's years or that are none, which then read as texts and as numbers."""
    if data.startswith(_BINARY):
        return _without_odd_dates(data)
    return _DATE.sub(_date_or_text, _CONTROL.sub(b"?", data.strip(b"\0 \t\r\n")))


def _date_or_text(found: re.Match[bytes]) -> bytes:
    try:
        datetime.strptime(found[1].decode("ascii"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:  # UnicodeDecodeError is one
        return b"<string>" + found[1] + b"</string>"
    return found[0]


def _without_odd_dates(data: bytes) -> bytes:
    """A date and a number are stored alike but for the marker: seconds since 2001."""
    mended = bytearray(data)
    for at in _object_offsets(data):
        if data[at : at + 1] == _DATE_MARKER and at + 9 <= len(data):
            try:
                datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=struct.unpack_from(">d", data, at + 1)[0])
            except (OverflowError, ValueError):
                mended[at : at + 1] = _REAL_MARKER
    return bytes(mended)


def encode_plist(value: Any) -> bytes:
    """`value` as XML, as hosts write it; binary where a text in it holds what XML cannot, or gives back as another."""
    if not any(_NOT_IN_XML.search(text) for text in _texts(value)):
        try:
            return plistlib.dumps(value, fmt=plistlib.FMT_XML, sort_keys=False)
        except (ValueError, TypeError):  # control characters
            pass
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=False)


_NOT_IN_XML = re.compile("[\r\ufffe\uffff\ud800-\udfff]")
"""Python's writer checks for control characters alone: it makes a newline of a carriage return, and writes the two
signs that no XML may hold (found by fuzzing)."""


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text:
                yield text
            case dict() as inner:
                pending += [*inner, *inner.values()]
            case list() | tuple() as inner:
                pending += inner


# -- before it is read -----------------------------------------------------------------------------------------------


def _refuse_overlapping_objects(data: bytes) -> None:
    """Refuses a binary list whose objects, added up, are larger than the list: they lie upon one another."""
    reference_bytes = data[-_TRAILER_BYTES + 7]
    weight = 0
    for at in _object_offsets(data):
        weight += _weight_of(data, at, reference_bytes)
        if weight > 2 * len(data):
            raise NotAPlist("its parts lie upon one another")


def _object_offsets(data: bytes) -> Iterator[int]:
    """Where each object of a binary list begins, by its table of contents."""
    trailer = data[-_TRAILER_BYTES:]
    if len(trailer) < _TRAILER_BYTES:
        raise NotAPlist("it is cut short")
    offset_bytes = trailer[6]
    count, table = int.from_bytes(trailer[8:16], "big"), int.from_bytes(trailer[24:32], "big")
    if not offset_bytes or count * offset_bytes > len(data) or table > len(data):
        raise NotAPlist("its table of contents leads out of it")
    for at in range(table, table + count * offset_bytes, offset_bytes):
        yield int.from_bytes(data[at : at + offset_bytes], "big")


def _weight_of(data: bytes, at: int, reference_bytes: int) -> int:
    """How many bytes the object at `at` says it has."""
    marker = data[at : at + 1]
    if not marker:
        return 1
    kind, length = marker[0] & 0xF0, marker[0] & 0x0F
    if length == 0x0F and kind in (0x40, 0x50, 0x60, 0xA0, 0xC0, 0xD0):  # the length follows, as a number
        width = 1 << (data[at + 1] & 3) if at + 1 < len(data) else 1
        length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
    match kind:
        case 0x10 | 0x20:
            return 1 + (1 << length)
        case 0x40 | 0x50:
            return 1 + length
        case 0x60:
            return 1 + 2 * length
        case 0xA0 | 0xC0:
            return 1 + length * reference_bytes
        case 0xD0:
            return 1 + 2 * length * reference_bytes
    return 1


# -- after it was read -----------------------------------------------------------------------------------------------


def _count(value: Any) -> None:
    """Refuses what could not be walked or written out again. An object that is referred to twice counts twice."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    values = size = 0
    while pending:
        one, depth = pending.pop()
        match one:
            case dict():
                if not all(isinstance(key, str) for key in one):
                    raise NotAPlist("a key in it is not text")
                inner: list[Any] = [*one, *one.values()]
            case list():
                inner = one
            case int() if one not in _WHOLE_NUMBERS:
                raise NotAPlist("a number in it is beyond 64 bits")
            case str() | bytes():
                size += len(one)
                inner = []
            case _:
                inner = []
        values += 1 + len(inner)
        if values > 2 * MAX_VALUES or size > MAX_BYTES:
            raise NotAPlist("written out, it would be larger than any real one")
        if inner and depth >= MAX_DEPTH:
            raise NotAPlist(f"it is nested more than {MAX_DEPTH} levels deep")
        pending.extend((part, depth + 1) for part in inner)
