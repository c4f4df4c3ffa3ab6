"""Untrusted property lists: a few bytes never expand to gigabytes, and a damaged list is read or refused."""

from __future__ import annotations

import plistlib
import struct
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.backup.folder import BackupFolder
from migrate.backup.mbfile.decode import decode_mbfile
from migrate.backup.record import Kind
from migrate.plists import NotAPlist, encode_plist, load_archive, load_plist
from migrate.problems import BackupUnreadable, BadRecord

LEAF = b"\x09"  # true


def array(references: list[int]) -> bytes:
    return b"\xaf\x12" + struct.pack(f">I{len(references)}H", len(references), *references)


def binary(objects: list[bytes], places: list[int]) -> bytes:
    """A binary property list; `places` maps each reference number to an index in `objects`."""
    offsets, body = [], b"bplist00"
    for one in objects:
        offsets.append(len(body))
        body += one
    table = b"".join(offsets[place].to_bytes(4, "big") for place in places)
    return body + table + struct.pack(">6xBBQQQ", 4, 2, len(places), 0, len(body))


def doubling_arrays(levels: int) -> bytes:
    """Nested arrays, each holding the next one twice: 2**levels leaves."""
    return binary([array([n + 1, n + 1]) for n in range(levels)] + [LEAF], list(range(levels + 1)))


def overlapping_arrays(arrays: int, width: int) -> bytes:
    """An array of arrays that share one place in the file: `arrays * width` references from `arrays + width` bytes."""
    objects = [array(list(range(1, arrays + 1))), array([arrays + 1] * width), LEAF]
    return binary(objects, [0, *[1] * arrays, 2])


BOMBS = {
    "arrays that each hold the next one twice": doubling_arrays(60),
    "two thousand long arrays at one offset": overlapping_arrays(2000, 60_000),
    "an array that holds itself": binary([array([0])], [0]),
    "deeply nested arrays": b"<plist>" + b"<array>" * 900 + b"</array>" * 900 + b"</plist>",
    "a number with a hundred thousand digits": b"<plist><integer>0x" + b"f" * 100_000 + b"</integer></plist>",
    "four million empty arrays": b"<plist><array>" + b"<true/>" * 4_000_000,
    "half a million objects beside an empty list": binary([array([1]), LEAF], [0, 1, *[1] * 500_000]),
    "three hundred thousand empty arrays": b"<plist><array>" + b"<array/>" * 300_000 + b"</array></plist>",
    "entities": b'<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>',
    "an offset table outside the file": b"bplist00" + bytes(4068) + struct.pack(">6xBBQQQ", 8, 8, 1 << 60, 0, 8),
    "no bytes": b"",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_property_list_that_would_expand_without_limit_is_refused(bomb: bytes) -> None:
    with pytest.raises(NotAPlist):
        load_plist(bomb)


def test_a_property_list_with_numbers_as_keys_is_refused() -> None:
    dictionary = b"\xd1" + struct.pack(">2H", 1, 2)
    with pytest.raises(NotAPlist, match="is not text"):
        load_plist(binary([dictionary, b"\x10\x05", LEAF], [0, 1, 2]))


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=40)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
    | st.just(datetime(2026, 11, 23, 1, 2, 3)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcß", max_size=5), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_a_value_reads_back_as_it_was_written(value: Any) -> None:
    for kind in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        assert load_plist(plistlib.dumps(value, fmt=kind)) == value


def test_a_large_valid_property_list_is_read() -> None:
    icons = {f"org.example.app{n}": {"PlaceholderIcon": bytes([n % 256]) * 9000, "n": n} for n in range(300)}
    for kind in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        assert load_plist(plistlib.dumps(icons, fmt=kind)) == icons


VALID = plistlib.dumps({"a": [1, 2.5, "x", b"y"], "b": {"c": True}, "long": "z" * 6000}, fmt=plistlib.FMT_BINARY)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=6), st.integers(0, 60))
def test_a_damaged_property_list_is_read_or_refused_without_any_other_error(
    flips: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(VALID)
    for at, value in flips:
        data[-1 - at if at < 200 else at] = value  # the trailer and the offset table are at the end
    for reader in (load_plist, load_archive):
        with suppress(NotAPlist):
            reader(bytes(data[: len(data) - cut]))


def test_text_that_xml_cannot_represent_is_written_as_a_binary_property_list() -> None:
    assert encode_plist({"Device Name": "Anna"}).startswith(b"<?xml")
    assert plistlib.loads(encode_plist({"Device Name": "An\x01na"})) == {"Device Name": "An\x01na"}


@pytest.mark.parametrize("name", ["Info.plist", "Manifest.plist", "Status.plist"])
def test_a_backup_with_a_plist_bomb_is_unreadable_and_the_error_names_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BOMBS["two thousand long arrays at one offset"])
    folder = BackupFolder(tmp_path)
    with pytest.raises(BackupUnreadable) as caught:
        _ = folder.info, folder.manifest_plist, folder.status
    assert caught.value.part == name


def test_a_row_with_a_plist_bomb_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="upon one another"):
        decode_mbfile(
            BOMBS["two thousand long arrays at one offset"],
            file_id="a" * 40,
            domain="HomeDomain",
            relative_path="x",
            kind=Kind.FILE,
        )
