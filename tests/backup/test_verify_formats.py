"""Pictures, films and property lists: what is cut is found, and nothing that a phone holds is called broken."""

from __future__ import annotations

import plistlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.stored_content import PIECE_BYTES, BlobReader
from migrate.backup.verify.formats import Fault, detect_format, extension_mismatch, find_format_fault
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.small_backup import box, heic, jpeg, mp4

Look = Callable[[bytes], Fault | None]
KEY = bytes(range(32))
NOISE = random.Random(7).randbytes(3 * PIECE_BYTES)


@pytest.fixture(params=[None, KEY], ids=["plain", "encrypted"])
def look(request: pytest.FixtureRequest, tmp_path: Path) -> Look:
    """`look(data)`: the fault of a content that is stored so."""

    def look_at(data: bytes) -> Fault | None:
        path = tmp_path / "stored"
        path.write_bytes(data if request.param is None else b"".join(encrypted_chunks([data], request.param)))
        with BlobReader(path, request.param) as content:
            file_format = detect_format(content.read(512, 0))
            assert file_format is not None, "it does not begin as anything"
            return find_format_fault(content, file_format)

    return look_at


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (2 + len(content)).to_bytes(2, "big") + content


SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + NOISE.replace(b"\xff", b"\xff\0")
THUMBNAIL = segment(0xE1, b"Exif\0\0" + jpeg(b"small"))  # has its own end marker

WHOLE_PICTURES = {
    "as a phone writes it": jpeg(NOISE[:5000]),
    "with a thumbnail": b"\xff\xd8" + THUMBNAIL + SCAN + b"\xff\xd9",
    "a motion photo: a film after its end": jpeg(NOISE) + mp4(NOISE),
    "a portrait: more pictures after its end": jpeg(NOISE) + jpeg(b"depth") + b"\0" * 100,
    "zeros after its end": jpeg(NOISE) + bytes(PIECE_BYTES),
    "progressive: several scans": b"\xff\xd8" + SCAN + segment(0xC4, b"table") + SCAN + b"\xff\xd9",
    "filled between headers": b"\xff\xd8\xff\xff\xff" + segment(0xE0, b"JFIF\0")[1:] + SCAN + b"\xff\xd9",
    "restart marks and an empty header": b"\xff\xd8" + segment(0xFE, b"") + SCAN + b"\xff\xd0" + b"\xff\xd9",
    "its end across two pieces": (b"\xff\xd8" + segment(0xDA, b"\1\1\0\0\x3f\0")).ljust(PIECE_BYTES - 1, b"a")
    + b"\xff\xd9"
    + bytes(100),
}

CUT_PICTURES = {
    "in the scan": jpeg(NOISE)[:-20000],
    "its last byte": jpeg(NOISE)[:-1],
    "in a header": (b"\xff\xd8" + THUMBNAIL)[:30],
    "after its first mark": b"\xff\xd8\xff",
    "a header lost": b"\xff\xd8\xff\xe0\0\x10" + bytes(40),
    "a length of nothing": b"\xff\xd8\xff\xe0\0\1" + bytes(40),
}


@pytest.mark.parametrize("picture", WHOLE_PICTURES.values(), ids=WHOLE_PICTURES.keys())
def test_a_whole_picture_is_whole(look: Look, picture: bytes) -> None:
    assert look(picture) is None


@pytest.mark.parametrize("picture", CUT_PICTURES.values(), ids=CUT_PICTURES.keys())
def test_a_picture_that_is_cut_is_found(look: Look, picture: bytes) -> None:
    found = look(picture)
    assert isinstance(found, Fault) and found.certain


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2")


def long_box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


FRAGMENTS = b"".join(box(b"moof", bytes(90)) + box(b"mdat", NOISE[:300]) for _ in range(50))

WHOLE_FILMS = {
    "a film": mp4(NOISE),
    "a picture": heic(NOISE),
    "its data of 64-bit length": FTYP + long_box(b"mdat", NOISE) + box(b"moov", bytes(90)),
    "its data up to the end": FTYP + box(b"moov", bytes(90)) + b"\0\0\0\0mdat" + NOISE,
    "in fragments": FTYP + box(b"moov", bytes(90)) + FRAGMENTS + box(b"mfra", bytes(20)),
    "a stream's segment": box(b"styp", b"msdh\0\0\0\0") + box(b"sidx", bytes(40)) + FRAGMENTS,
    "an old QuickTime film, without a type": box(b"moov", bytes(90)) + box(b"mdat", NOISE),
    "wide, then its data": box(b"wide", b"") + box(b"mdat", NOISE) + box(b"moov", bytes(9)),
    "zeros after its last box": mp4(NOISE) + bytes(300),
    "a few bytes after its last box": mp4(NOISE) + b"\0\0\0\1x",
    "another program's bytes after it": mp4(NOISE) + b"\x93\x88MotionPhoto_Data" + bytes(90),
    "a name with a copyright sign": FTYP + box(b"\xa9xyz", b"+48.2") + box(b"moov", bytes(9)),
}

CUT_FILMS = {
    "in its data": mp4(NOISE)[:PIECE_BYTES],
    "in its index": mp4(NOISE)[:-10],
    "in a fragment": (FTYP + box(b"moov", bytes(90)) + FRAGMENTS)[:-10],
    "64-bit data": (FTYP + long_box(b"mdat", NOISE))[:5000],
    "an impossible length": FTYP + b"\0\0\0\5mdat" + NOISE,
    "nonsense after its type": FTYP + bytes(range(200, 255)) * 9,
}


@pytest.mark.parametrize("film", WHOLE_FILMS.values(), ids=WHOLE_FILMS.keys())
def test_a_whole_film_is_whole(look: Look, film: bytes) -> None:
    assert look(film) is None


@pytest.mark.parametrize("film", CUT_FILMS.values(), ids=CUT_FILMS.keys())
def test_a_film_that_is_cut_is_found(look: Look, film: bytes) -> None:
    found = look(film)
    assert isinstance(found, Fault) and found.certain


def test_a_recording_without_an_index_is_no_certain_wound(look: Look) -> None:
    found = look(FTYP + box(b"mdat", NOISE))
    assert isinstance(found, Fault) and not found.certain


VALUE = {"a": ["text", 7, b"data"] * 50, "b": {"c": True}}
LISTS = {
    "binary": plistlib.dumps(VALUE, fmt=plistlib.FMT_BINARY),
    "xml": plistlib.dumps(VALUE),
    "xml with a mark in front": b"\xef\xbb\xbf" + plistlib.dumps(VALUE),
    "xml of 16 bits": plistlib.dumps(VALUE).replace(b"UTF-8", b"UTF-16").decode().encode("utf-16"),
    "binary, of megabytes": plistlib.dumps({"a": NOISE * 8}, fmt=plistlib.FMT_BINARY),
    "xml, of megabytes": plistlib.dumps({"a": NOISE}),
}


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS.keys())
def test_a_property_list_is_whole_and_found_when_cut(look: Look, data: bytes) -> None:
    assert look(data) is None
    found = look(data[: len(data) * 2 // 3])
    assert isinstance(found, Fault) and found.certain


def test_what_its_name_says_is_judged_by_how_it_begins() -> None:
    assert extension_mismatch("DCIM/IMG_0001.JPG", b"\x89PNG\r\n\x1a\n") is None, "screenshots have been called so"
    assert extension_mismatch("a/settings.plist", b'{"json": true}') is None
    assert extension_mismatch("a/settings.plist", b"// old style\n{ a = 1; }") is None
    assert extension_mismatch("a/film.bin", b"\x01\x02") is None
    assert extension_mismatch("a/empty.jpg", b"") is None
    assert "zeros" in str(extension_mismatch("DCIM/IMG_0001.HEIC", bytes(512)))
    assert extension_mismatch("DCIM/IMG_0001.MOV", b"\x07\x01\x02\x03 garbage")
    assert extension_mismatch("Library/Preferences/a.plist", b"cplist00\x01\x02")


def test_everything_a_phone_holds_has_its_form(tmp_path: Path) -> None:
    """Pictures, films and lists as the simulated iPhone's apps write them."""
    phone = SimulatedPhone(keybag_rounds=1000)
    fill(phone, ContentsSpec(photos=6, videos=2), seed=3)
    seen = 0
    for node in phone.files.walk():
        if node.kind != "file":
            continue
        content = read_content(node.content)
        (tmp_path / "one").write_bytes(content)
        with BlobReader(tmp_path / "one", None) as stored:
            file_format = detect_format(content[:512])
            name = (node.domain, node.relative_path)
            assert file_format is None or find_format_fault(stored, file_format) is None, name
            assert file_format is not None or extension_mismatch(node.relative_path, content[:512]) is None, name
            seen += file_format is not None
    assert seen > 20
