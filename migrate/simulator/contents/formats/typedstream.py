"""Attributed strings as Messages stores them: Apple's typedstream archive of an NSAttributedString.

The structure was compared with message bodies of an iOS 18 database and read by iLEAPP's rules. Repeated strings and
classes are references by number, from 0x92 on.
"""

from __future__ import annotations

import struct

HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"
UP_TO_STRING = (
    b"\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85\x92\x84\x84\x84\x08NSString\x01\x94"
    b"\x84\x01+"
)
AFTER_STRING = (
    b"\x86\x84\x02iI\x01%b\x92\x84\x84\x84\x0cNSDictionary\x00\x94\x84\x01i\x01\x92\x84\x96\x96\x1d"
    b"__kIMMessagePartAttributeName\x86\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00\x94\x84\x01*\x84\x99\x99"
    b"\x00\x86\x86\x86"
)


def attributed_string(text: str) -> bytes:
    """An attributed string with `text` as one run, part 0 of a message."""
    data = text.encode()
    units = len(text.encode("utf-16-le")) // 2
    return HEADER + UP_TO_STRING + _number(len(data)) + data + AFTER_STRING % _number(units)


def _number(value: int) -> bytes:
    """One byte if below 0x80, else 0x81 and two bytes, little-endian."""
    return bytes([value]) if value < 0x80 else b"\x81" + struct.pack("<H", value)
