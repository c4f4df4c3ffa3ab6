"""Read untrusted property lists without letting a few bytes expand into gigabytes.

A binary property list stores its objects separately and refers to them by number. The format allows a thousand arrays
at the same offset (each is read into a separate array: 400 KB became more than 3 GB, *seen*), and a chain of sixty
arrays that each hold the next one twice (585 bytes that no disk can hold when written out again). So the sizes of the
objects are added up before reading, and the values that were read are counted as if they were written out.
Source: CFBinaryPList.c of Apple's CoreFoundation, Python's plistlib.
"""

from __future__ import annotations

import plistlib
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

MAX_VALUES: Final = 250_000
"""Lists of a whole backup stay far below it: a phone with a thousand apps has about ten thousand (*guessed*). A million
one-entry dictionaries take 370 MB in memory (*measured*)."""

MAX_BYTES: Final = 1 << 30
"""For all strings and data, counted once per reference: 512 MiB on disk, each referred to twice."""

MAX_DEPTH: Final = 100
"""Real lists have about a dozen levels. Python's own limit, a thousand calls, is higher."""

SMALL_PLIST_BYTES: Final = 4096
"""This little cannot expand to more than about 10 MB, and a manifest has a million archives of 400 to 1,900 bytes."""

_BINARY: Final = b"bplist00"
_TRAILER_BYTES: Final = 32
_TOO_LARGE: Final = "written out, it would be larger than any real one"
_TOO_MANY: Final = "it holds more values than any real one"
_INTEGERS = range(-(1 << 63), 1 << 64)  # those that a property list can hold


class NotAPlist(Exception):
    """These bytes cannot be read as a property list. `reason` is a clause about "it"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load_plist(data: bytes) -> Any:
    """The value in an XML or binary property list, safe to walk, show and write out again.

    It has no reference cycles and no deep nesting, only strings as keys, and only 64-bit integers. Walking it takes
    time in proportion to the size of `data`.

    Raises:
        NotAPlist
    """
    value = load_archive(data, None)
    _refuse_oversized(value)
    return value


def load_archive(data: bytes, kind: plistlib.PlistFormat | None = plistlib.FMT_BINARY) -> Any:
    """Like `load_plist`, for a keyed archive, where reference cycles are normal: look up values, but never walk it.

    Raises:
        NotAPlist
    """
    if data.startswith(_BINARY):
        if len(data) > SMALL_PLIST_BYTES:
            _refuse_overlapping_objects(data)
    elif data.count(b"<") > 2 * MAX_VALUES:  # 8 bytes of XML are an array of 56 in memory
        raise NotAPlist(_TOO_MANY)
    try:
        return plistlib.loads(data, fmt=kind)
    except Exception as error:  # plistlib may raise anything: expat's errors, ValueError, RecursionError, MemoryError …
        if kind is None and (repaired := _repair(data)) != data:
            return load_archive(repaired, plistlib.FMT_BINARY if data.startswith(_BINARY) else plistlib.FMT_XML)
        raise NotAPlist(f"it is not a property list ({type(error).__name__})") from error


def may_be_plist(first_bytes: bytes) -> bool:
    """Whether a file with these first bytes can be a property list, XML (in any encoding) or binary."""
    if first_bytes.startswith(_BINARY):
        return True
    return first_bytes.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n").startswith(b"<")


_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]")
_DATE = re.compile(rb"<date>([^<]*)</date>")
_DATE_MARKER, _REAL_MARKER = b"\x33", b"\x23"


def _repair(data: bytes) -> bytes:
    """Change what Apple's parser accepts and Python's does not.

    Control characters in names of apps and phones become `?` (CoreFoundation writes them into XML unescaped, *read*:
    CFPropertyList.c), blanks and NULs around the list are removed, and dates that Python cannot represent become
    strings (in XML) or numbers (in binary lists).
    """
    if data.startswith(_BINARY):
        return _dates_to_numbers(data)
    return _DATE.sub(_date_or_text, _CONTROL.sub(b"?", data.strip(b"\0 \t\r\n")))


def _date_or_text(match: re.Match[bytes]) -> bytes:
    try:
        datetime.strptime(match[1].decode("ascii"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:  # UnicodeDecodeError is a subclass
        return b"<string>" + match[1] + b"</string>"
    return match[0]


def _dates_to_numbers(data: bytes) -> bytes:
    """Turn dates that Python cannot represent into numbers (seconds since 2001); only the marker byte differs."""
    repaired = bytearray(data)
    for at in _object_offsets(data):
        if data[at : at + 1] == _DATE_MARKER and at + 9 <= len(data):
            try:
                datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=struct.unpack_from(">d", data, at + 1)[0])
            except (OverflowError, ValueError):
                repaired[at : at + 1] = _REAL_MARKER
    return bytes(repaired)


def encode_plist(value: Any) -> bytes:
    """`value` as an XML list, as hosts write it; as a binary list if XML cannot hold one of its strings unchanged."""
    if not any(_NOT_IN_XML.search(text) for text in _texts(value)):
        try:
            return plistlib.dumps(value, fmt=plistlib.FMT_XML, sort_keys=False)
        except (ValueError, TypeError):  # control characters
            pass
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=False)


_NOT_IN_XML = re.compile("[\r\ufffe\uffff\ud800-\udfff]")
"""Python's writer only checks for control characters: it turns a carriage return into a newline, and writes the two
characters that XML forbids (found by fuzzing)."""


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


# -- checks before reading -------------------------------------------------------------------------------------------


def _refuse_overlapping_objects(data: bytes) -> None:
    """Refuse a binary list whose objects overlap: added up, they are larger than the list."""
    reference_bytes = data[-_TRAILER_BYTES + 7]
    total = 0
    for at in _object_offsets(data):
        total += _object_bytes(data, at, reference_bytes)
        if total > 2 * len(data):
            raise NotAPlist("its parts lie upon one another")


def _object_offsets(data: bytes) -> Iterator[int]:
    """The offset of each object in a binary list, from its offset table."""
    trailer = data[-_TRAILER_BYTES:]
    if len(trailer) < _TRAILER_BYTES:
        raise NotAPlist("it is cut short")
    offset_bytes = trailer[6]
    count, table = int.from_bytes(trailer[8:16], "big"), int.from_bytes(trailer[24:32], "big")
    if count > 2 * MAX_VALUES:  # each value of a dictionary has a key
        raise NotAPlist(_TOO_MANY)
    if not offset_bytes or count * offset_bytes > len(data) or table > len(data):
        raise NotAPlist("its table of contents leads out of it")
    for at in range(table, table + count * offset_bytes, offset_bytes):
        yield int.from_bytes(data[at : at + offset_bytes], "big")


def _object_bytes(data: bytes, at: int, reference_bytes: int) -> int:
    """The size in bytes that the object at offset `at` claims."""
    marker = data[at : at + 1]
    if not marker:
        return 1
    kind, length = marker[0] & 0xF0, marker[0] & 0x0F
    if length == 0x0F and kind in (0x40, 0x50, 0x60, 0xA0, 0xC0, 0xD0):  # the length follows as an integer object
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


# -- checks after reading --------------------------------------------------------------------------------------------


def _refuse_oversized(root: Any) -> None:
    """Refuse a value that cannot be walked or written out again. Each reference to an object counts."""
    pending: list[tuple[list[Any], int]] = [([root], 0)]
    values, size = 1, 0
    while pending:
        together, depth = pending.pop()
        for value in together:
            kind = type(value)
            inner: list[Any] = []
            if kind is str or kind is bytes:
                size += len(value)
            elif kind is list:
                inner = value
            elif kind is dict:
                if not all(type(key) is str for key in value):
                    raise NotAPlist("a key in it is not text")
                inner = [*value, *value.values()]
            elif kind is int and value not in _INTEGERS:
                raise NotAPlist("a number in it is beyond 64 bits")
            if inner:
                values += len(inner)
                if values > MAX_VALUES:
                    raise NotAPlist(_TOO_LARGE)
                if depth >= MAX_DEPTH:
                    raise NotAPlist(f"it is nested more than {MAX_DEPTH} levels deep")
                pending.append((inner, depth + 1))
        if size > MAX_BYTES:
            raise NotAPlist(_TOO_LARGE)
