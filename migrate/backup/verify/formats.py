"""Checks whether a content is a complete file of the format that it begins with: for files without digest and seal.

    JPEG          consecutive segments up to the picture data, and an end marker after it. What follows the end is not
                  checked: a motion photo has a film there
    ISO files     consecutive boxes (MP4, MOV, HEIC, AVIF; also fragmented), one of them an index. A box of size 0
                  reaches to the end of the file; size 1 means that a 64-bit size follows
    plist         a binary one can be parsed; XML is well formed

A name proves nothing: IMG_0001.JPG may be a HEIC or a PNG, and a `.plist` any text. So a content is checked by how it
begins; a content of unknown format is only reported.
Source: ITU T.81 annex B, ISO/IEC 14496-12 section 4.2, QuickTime File Format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from xml.parsers import expat

from migrate.backup.crypto.stored_content import PIECE_BYTES, BlobReader
from migrate.backup.manifest.wal import SQLITE_MAGIC
from migrate.plists import NotAPlist, load_archive, may_be_plist

FileFormat = Literal["JPEG picture", "film or picture of boxes", "property list", "database"]

BEGIN_BYTES: Final = 512

PARSE_LIMIT_BYTES: Final = 4 << 20
"""A binary plist up to this size is parsed, which takes about forty times its size in memory; of a longer one only the
offset table is checked."""

MAX_PARTS: Final = 100_000
"""Boxes or segments checked. A fragmented film of a day has about 90,000; in a hostile file every eight bytes may be
one."""

_PICTURES = frozenset({"jpg", "jpeg", "heic", "heif", "avif", "mov", "mp4", "m4v", "m4a", "3gp", "qt"})
_OTHER_PICTURES = (b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"%PDF", b"II\x1a\0", b"\0\0\1\xba")
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"})
_INDEX_BOXES = frozenset({b"moov", b"moof", b"meta", b"styp"})
_BOX_NAME = re.compile(rb"[\x20-\x7e\xa9]{4}")
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a content's format. `certain`: no program leaves a finished file like this."""

    reason: str
    certain: bool


class BrokenFormat(Exception):
    def __init__(self, reason: str, *, certain: bool = True) -> None:
        super().__init__(reason)
        self.fault = Fault(reason, certain)


def detect_format(begin: bytes) -> FileFormat | None:
    """The format of a content that begins with these bytes; None where it is not one that is checked."""
    if begin.startswith(b"\xff\xd8\xff"):
        return "JPEG picture"
    if begin[4:8] in _FIRST_BOXES:
        return "film or picture of boxes"
    if begin.startswith(SQLITE_MAGIC):
        return "database"
    if begin.startswith(b"bplist0") or (may_be_plist(begin) and b"<plist" in begin.replace(b"\0", b"")):
        return "property list"
    return None


def find_format_fault(content: BlobReader, file_format: FileFormat) -> Fault | None:
    """What is wrong with a content of `file_format`, or None. Databases are not checked here.

    Raises:
        OSError: it cannot be read.
    """
    checks = {
        "JPEG picture": _check_jpeg,
        "film or picture of boxes": _check_boxes,
        "property list": _check_plist,
    }
    try:
        if file_format in checks:
            checks[file_format](content)
    except BrokenFormat as broken:
        return broken.fault
    return None


def extension_mismatch(name: str, begin: bytes) -> str | None:
    """Why a content of unknown format cannot be what its name says; None where it can."""
    suffix = name.rpartition(".")[2].lower()
    if not begin or (suffix not in _PICTURES and suffix != "plist"):
        return None
    if not begin.strip(b"\0"):
        return "it begins with nothing but zeros"
    if suffix == "plist":
        return None if _TEXT.fullmatch(begin) else "it begins as no property list and no text does"
    return None if begin.startswith(_OTHER_PICTURES) else "it begins as no picture or film that is known does"


# -- JPEG ------------------------------------------------------------------------------------------------------------

_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


def _check_jpeg(content: BlobReader) -> None:
    at = 2
    for _ in range(MAX_PARTS):
        marker, at = _next_marker(content, at)
        if marker == _END:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        stored = content.read(2, at)
        length = int.from_bytes(stored, "big")
        if len(stored) < 2 or at + length > content.size:
            raise BrokenFormat("it is cut short, within its headers")
        if length < 2:
            raise BrokenFormat(f"the header at byte {at:,} has no length")
        at += length
        if marker == _START_OF_SCAN:
            _require_end_marker(content, at)
            return


def _next_marker(content: BlobReader, at: int) -> tuple[int, int]:
    """The marker at `at`, and the offset after it. Any number of 0xFF bytes may precede it."""
    begin = at
    while (stored := content.read(1, at)) == b"\xff":
        at += 1
        if at - begin > MAX_PARTS:
            break
    if not stored:
        raise BrokenFormat("it is cut short, within its headers")
    if at == begin or stored in (b"\0", b"\xff"):
        raise BrokenFormat(f"no header begins at byte {begin:,}, where one must")
    return stored[0], at + 1


def _require_end_marker(content: BlobReader, at: int) -> None:
    """Picture data never contains 0xFFD9, because each 0xFF is stuffed. Most pictures end with it, so the end is
    searched first."""
    end = bytes((0xFF, _END))
    if end in content.read(64, max(at, content.size - 64)):
        return
    before = b""
    while piece := content.read(PIECE_BYTES, at):
        if end in before + piece:
            return
        before = piece[-1:]
        at += len(piece)
    raise BrokenFormat("its picture has no end")


# -- boxes -----------------------------------------------------------------------------------------------------------


def _check_boxes(content: BlobReader) -> None:
    seen: set[bytes] = set()
    for number, (at, name, length) in enumerate(_boxes(content)):
        indexed = bool(seen & _INDEX_BOXES)
        if not _BOX_NAME.fullmatch(name) or length < 8:
            if indexed:
                return  # trailing bytes of a phone or a program; players stop here too
            raise BrokenFormat(f"no box begins at byte {at:,}, where one must")
        if at + length > content.size:
            if indexed and name not in {b"mdat", b"moov", b"moof", b"meta", b"free", b"skip", b"uuid"}:
                return
            raise BrokenFormat(
                f"it is cut short: its part {name.decode('latin-1')!r} leads {at + length - content.size:,} "
                "bytes beyond the end"
            )
        seen.add(name)
        if number > MAX_PARTS:
            return
    if not seen & _INDEX_BOXES:
        raise BrokenFormat("it has no index: a recording that was never finished looks so too", certain=False)


def _boxes(content: BlobReader) -> Iterator[tuple[int, bytes, int]]:
    """The offset, name and length (with header) of each box at the outermost level."""
    at = 0
    while len(header := content.read(16, at)) >= 8:
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 0:
            length = content.size - at
        elif length == 1:
            length = int.from_bytes(header[8:16], "big") if len(header) == 16 else 0
        yield at, name, length
        at += max(length, 8)


# -- property lists --------------------------------------------------------------------------------------------------


def _check_plist(content: BlobReader) -> None:
    begin = content.read(8, 0)
    if not begin.startswith(b"bplist0"):
        _check_xml(content)
        return
    if content.size > PARSE_LIMIT_BYTES:
        trailer = content.read(32, content.size - 32)
        count, table = int.from_bytes(trailer[8:16], "big"), int.from_bytes(trailer[24:32], "big")
        if not trailer[6] or table + count * trailer[6] > content.size:
            raise BrokenFormat("its table of contents leads out of it")
        return
    try:
        load_archive(content.read(content.size, 0), None)
    except NotAPlist as broken:
        raise BrokenFormat(broken.reason, certain=True) from broken


def _check_xml(content: BlobReader) -> None:
    """Checks that it is well formed. The parser builds nothing, so any length is fine; entities are not expanded."""
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.EntityDeclHandler = _refuse_entities
    at = 0
    try:
        while piece := content.read(PIECE_BYTES, at):
            parser.Parse(piece, False)
            at += len(piece)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        # CoreFoundation writes control characters as they are and reads them again, so not all of this is damage
        unclosed = error.code in (
            expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
            expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        )
        raise BrokenFormat(f"its XML is broken in line {error.lineno:,}", certain=unclosed) from error
    except (LookupError, ValueError) as error:  # an encoding that Python has not, or expat cannot read through it
        raise BrokenFormat("its XML names an encoding that is not known here", certain=False) from error


def _refuse_entities(*_: object) -> None:
    raise BrokenFormat("its XML declares entities, as no property list does", certain=False)
