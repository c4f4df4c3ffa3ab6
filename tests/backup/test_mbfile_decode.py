"""The fast decoder gives what the full decoder gives, or nothing, also for damaged archives."""

from __future__ import annotations

import plistlib
import random
import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from plistlib import UID
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.mbfile.decode import decode_mbfile, parse_mbfile
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.mbfile.fast_decode import Layouts
from migrate.backup.mbfile.layout import Layout
from migrate.backup.mbfile.learn_layout import UnusualArchive
from migrate.backup.record import Kind, Record
from migrate.problems import BadRecord

VERSIONS = ["10.3.3", "12.4", "14.3", "16.1", "18.2", "26.5", "27.0"]
ROW: dict[str, Any] = {"file_id": "ab" * 20, "domain": "HomeDomain", "relative_path": "a", "kind": Kind.FILE}
OUTSIDE_THE_ARCHIVE = len(ROW)
TIMES_UNTIL_READ_IN_ONE_STEP = 2
"""The lengths of an archive are noted when they are met for the second time."""

FILE = Record(
    **ROW,
    mode=0o100644,
    inode=190_001,
    user_id=501,
    group_id=502,
    size=70_123,
    modified=1_700_000_000,
    changed=1_700_000_001,
    born=1_600_000_000,
    protection_class=3,
    flags=0,
    encryption_key=(3).to_bytes(4, "little") + bytes(range(40)),
    digest=bytes(range(100, 120)),
    extended_attributes=b"bplist00" + bytes(80),
    target=None,
)
DIRECTORY = replace(FILE, size=0, protection_class=0, encryption_key=None, digest=None, extended_attributes=None)
LINK = replace(DIRECTORY, mode=0o120755, target="/var/mobile/elsewhere")


def in_other_order(blob: bytes) -> bytes:
    """The archive as a program writes it that puts the root's object last: texts are in front of its numbers."""
    archive = plistlib.loads(blob)
    count = len(archive["$objects"])

    def moved(value: Any) -> Any:
        if isinstance(value, UID):
            return UID(count - value.data if value.data else 0)
        if isinstance(value, dict):
            return {key: moved(each) for key, each in value.items()}
        return [moved(each) for each in value] if isinstance(value, list) else value

    null, *objects = moved(archive["$objects"])
    whole = {**moved(archive), "$objects": [null, *reversed(objects)]}
    return plistlib.dumps(whole, fmt=plistlib.FMT_BINARY, sort_keys=True)


def parsed(blob: bytes) -> tuple[Any, ...] | None:
    """What the full decoder reads, None where it refuses."""
    try:
        return astuple(parse_mbfile(blob, **ROW))[OUTSIDE_THE_ARCHIVE:]
    except BadRecord:
        return None


def knowing(*blobs: bytes) -> Layouts:
    layouts = Layouts()
    for blob in blobs:
        assert parsed(blob) is not None
        layouts.learn(blob)
        for _ in range(TIMES_UNTIL_READ_IN_ONE_STEP):
            layouts.read(blob)
    return layouts


def assert_decoders_agree(layouts: Layouts, blob: bytes) -> bool:
    """Whether `blob` was sliced; if it was, then to what the full decoder reads."""
    sliced = layouts.read(blob)
    for _ in range(TIMES_UNTIL_READ_IN_ONE_STEP):
        assert layouts.read(blob) == sliced
    if sliced is not None:
        whole = parsed(blob)
        assert sliced == whole
        assert [type(value) for value in sliced] == [type(value) for value in whole or ()]
    return sliced is not None


def real_blobs(shared_data: Path) -> list[bytes]:
    data = bytearray((shared_data / "ios14-real-manifest/backup/Manifest.db").read_bytes()[:-16])
    data[18] = data[19] = 1
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    blobs = [blob for (blob,) in database.execute("SELECT file FROM Files")]
    database.close()
    return blobs


# -- the same answer -------------------------------------------------------------------------------------------------


def test_every_archive_of_a_real_iphone_is_sliced_to_what_is_parsed(shared_data: Path) -> None:
    blobs = real_blobs(shared_data)
    layouts = Layouts()
    learned = 0
    for blob in blobs:
        if not assert_decoders_agree(layouts, blob):
            layouts.learn(blob)
            learned += 1
    assert (len(blobs), learned) == (3_721, 143)
    assert all(assert_decoders_agree(layouts, blob) for blob in blobs)


u32 = st.integers(0, (1 << 32) - 1)
times = st.integers(1, (1 << 32) - 1) | st.integers(-(1 << 40), 1 << 40)
words = st.sampled_from(["", "$null", "NS.data", "MBFile", "Size", "root", "Library/Größe 雪", "😀"])
text = words | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
records = st.builds(
    Record,
    **{name: st.just(value) for name, value in ROW.items() if name != "relative_path"},
    relative_path=text,
    mode=st.integers(0, 0xFFFF),
    inode=st.integers(0, (1 << 64) - 1) | st.sampled_from([100_000, 1 << 63, (1 << 64) - 1]),
    user_id=u32 | st.just(501),
    group_id=u32 | st.just(501),
    size=st.none() | st.integers(0, 1 << 60) | st.just(100_000),
    modified=times,
    changed=times,
    born=times,
    protection_class=st.integers(0, 11),
    flags=st.sampled_from([0, 128]),
    encryption_key=st.none() | st.binary(min_size=44, max_size=44),
    digest=st.none() | st.binary(min_size=20, max_size=20),
    extended_attributes=st.none() | st.binary(max_size=400),
    target=st.none() | text,
)


@given(records, records, st.sampled_from(VERSIONS))
def test_archives_in_another_order_read_the_same_whatever_was_read_before(
    before: Record, then: Record, version: str
) -> None:
    layouts = knowing(in_other_order(encode_mbfile(before, ios_version=version)))
    assert_decoders_agree(layouts, in_other_order(encode_mbfile(then, ios_version=version)))


@pytest.mark.parametrize("record", [FILE, DIRECTORY, LINK], ids=["file", "directory", "link"])
@pytest.mark.parametrize("path", ["b", "Library/Größe 雪" * 40, "x" * 14 + "/" * 300, ""], ids=len)
def test_one_archive_in_another_order_teaches_the_layout_of_others(record: Record, path: str) -> None:
    layouts = knowing(in_other_order(encode_mbfile(record, ios_version="18.0")))
    other = replace(record, relative_path=path, modified=1_800_000_123, inode=77_777, mode=0o100600)
    assert assert_decoders_agree(layouts, in_other_order(encode_mbfile(other, ios_version="18.0")))


def test_several_layouts_in_another_order_are_known_at_once() -> None:
    """The widths of their numbers differ, which nothing at a fixed place tells."""
    made = [
        in_other_order(encode_mbfile(replace(FILE, inode=inode, size=size), ios_version="18.0"))
        for inode in (7, 700, 70_000, 1 << 40, 1 << 63)
        for size in (9, 900, 90_000)
    ]
    layouts = knowing(*made)
    assert all(assert_decoders_agree(layouts, blob) for blob in (*made, *reversed(made)))


def test_a_failed_learning_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as long as decoding: an archive in which two fields share one object teaches nothing."""
    tried: list[bytes] = []

    def refused(blob: bytes) -> None:
        tried.append(blob)
        raise UnusualArchive

    monkeypatch.setattr("migrate.backup.mbfile.fast_decode.learn_layout", refused)
    blob, layouts = encode_mbfile(FILE, ios_version="18.0"), Layouts()
    for _ in range(2_000):
        layouts.learn(blob)
    assert 0 < len(tried) < 1_000


@given(records, records, st.sampled_from(VERSIONS))
def test_our_own_archives_read_the_same_whatever_was_read_before(before: Record, then: Record, version: str) -> None:
    layouts = knowing(encode_mbfile(before, ios_version=version))
    assert_decoders_agree(layouts, encode_mbfile(then, ios_version=version))
    assert decode_mbfile(encode_mbfile(then, ios_version=version), **ROW) == replace(
        then, relative_path="a", target=None if then.target == "$null" else then.target
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "record", [FILE, DIRECTORY, LINK, replace(FILE, size=None)], ids=["file", "directory", "link", "no size"]
)
@pytest.mark.parametrize(
    "other",
    [
        {"relative_path": "b"},
        {"relative_path": "Library/Größe 雪" * 40},
        {"relative_path": "x" * 14 + "/" * 300},
        {"relative_path": ""},
        {"modified": 1_800_000_123, "inode": 77_777, "mode": 0o100600},
        {"modified": 3_000_000_000},
    ],
    ids=["another path", "a wide one", "a long one", "a domain's root", "other numbers", "a time beyond 2038"],
)
def test_one_archive_teaches_the_layout_of_others(record: Record, version: str, other: dict[str, Any]) -> None:
    layouts = knowing(encode_mbfile(record, ios_version=version))
    assert assert_decoders_agree(layouts, encode_mbfile(replace(record, **other), ios_version=version))


def test_attributes_and_targets_of_any_length_are_sliced() -> None:
    layouts = knowing(encode_mbfile(FILE, ios_version="18.0"), encode_mbfile(LINK, ios_version="18.0"))
    for length in (0, 1, 14, 15, 255, 256, 5_000):
        file = replace(FILE, extended_attributes=bytes(length))
        link = replace(LINK, target="é" * length)
        assert assert_decoders_agree(layouts, encode_mbfile(file, ios_version="18.0"))
        assert assert_decoders_agree(layouts, encode_mbfile(link, ios_version="18.0"))


@pytest.mark.parametrize(
    "record",
    [FILE, DIRECTORY, replace(FILE, size=None), replace(FILE, relative_path="Größe 雪")],
    ids=["file", "directory", "no size", "a wide path"],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_archives_with_lengths_that_were_met_are_read_in_one_step(
    record: Record, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts = knowing(encode_mbfile(record, ios_version=version))
    path = "".join(chr(ord(character) + 1) for character in record.relative_path)
    other = replace(record, relative_path=path, modified=1_600_000_123, inode=123_456, mode=0o100600)
    blob = encode_mbfile(other, ios_version=version)
    monkeypatch.setattr(Layout, "read", lambda *_: pytest.fail("it was read piece by piece"))
    assert assert_decoders_agree(layouts, blob)


def test_lengths_that_are_met_once_are_not_remembered() -> None:
    """A hostile backup may have others in every row."""
    layouts = knowing(encode_mbfile(FILE, ios_version="18.0"))
    noted = len(layouts._sized)
    for length in range(2, 60):
        assert layouts.read(encode_mbfile(replace(FILE, relative_path="x" * length), ios_version="18.0"))
    assert len(layouts._sized) == noted


def test_no_more_lengths_are_remembered_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.backup.mbfile.fast_decode._MAX_SIZED", 10)
    monkeypatch.setattr("migrate.backup.mbfile.fast_decode._MAX_SEEN", 15)
    layouts = knowing(encode_mbfile(FILE, ios_version="18.0"))
    for length in range(2, 60):
        assert assert_decoders_agree(
            layouts, encode_mbfile(replace(FILE, relative_path="x" * length), ios_version="18.0")
        )
    assert (len(layouts._sized), len(layouts._seen) <= 15) == (10, True)


# -- the full decoder has the word -------------------------------------------------------------------------------------


def test_the_null_text_is_not_taken_for_a_target() -> None:
    layouts = knowing(encode_mbfile(LINK, ios_version="18.0"))
    blob = encode_mbfile(LINK, ios_version="18.0").replace(b"/var/mobile/elsewhere", b"$null/mobile/elsewher")
    assert_decoders_agree(layouts, blob)
    five = encode_mbfile(replace(LINK, target="xnull"), ios_version="18.0")
    assert assert_decoders_agree(layouts, five)
    assert layouts.read(five.replace(b"xnull", b"$null")) is None


def test_a_negative_size_is_left_to_the_full_decoder() -> None:
    big = encode_mbfile(replace(FILE, size=1 << 40), ios_version="18.0")
    layouts = knowing(big)
    negative = big.replace((1 << 40).to_bytes(8, "big"), (-5).to_bytes(8, "big", signed=True))
    assert layouts.read(big) and layouts.read(negative) is None and parsed(negative) is None


def test_a_path_that_is_not_text_is_left_to_the_full_decoder() -> None:
    for path, stored, broken in [
        ("plain", b"plain", b"pl\xffin"),
        ("Ā", b"\x61\x01\x00", b"\x61\xd8\x00"),  # half of a surrogate pair
    ]:
        blob = encode_mbfile(replace(FILE, relative_path=path), ios_version="18.0")
        layouts = knowing(blob)
        assert assert_decoders_agree(layouts, blob)
        assert layouts.read(blob.replace(stored, broken)) is None and parsed(blob.replace(stored, broken)) is None


def test_a_path_that_another_object_needs_teaches_nothing() -> None:
    """The path `NS.data` shares its object with the key of that name: another text there takes the key's data away."""
    blob = encode_mbfile(replace(FILE, relative_path="NS.data"), ios_version="18.0")
    layouts = knowing(blob)
    assert layouts.read(blob) is None
    assert parsed(blob.replace(b"NS.data", b"NS.date")) is None


def test_data_that_fills_two_fields_teaches_nothing() -> None:
    root = {"RelativePath": UID(2), "Size": 70_000, "Digest": UID(3), "ExtendedAttributes": UID(3)}
    whole = {"$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": {"root": UID(1)}}
    objects = ["$null", root, "a" * 200, bytes(20)]
    blob = plistlib.dumps(whole | {"$objects": objects}, fmt=plistlib.FMT_BINARY, sort_keys=False)
    assert knowing(blob).read(blob) is None


def test_objects_that_overlap_teach_nothing() -> None:
    """A class name so long that it reaches into the next object: what stands there is read twice."""
    blob = bytearray(encode_mbfile(LINK, ios_version="18.0"))
    at = blob.index(b"V$class")
    blob[at] += 1
    assert_decoders_agree(knowing(bytes(blob)), bytes(blob))
    assert knowing(bytes(blob)).read(bytes(blob)) is None


@pytest.mark.parametrize("length", [65_000, 65_200, 65_536, 70_000])
def test_offsets_that_outgrow_two_bytes_are_parsed(length: int) -> None:
    layouts = knowing(encode_mbfile(FILE, ios_version="18.0"))
    assert_decoders_agree(layouts, encode_mbfile(replace(FILE, extended_attributes=bytes(length)), ios_version="18"))


def test_the_number_of_kept_layouts_is_limited() -> None:
    layouts = Layouts()
    for number in range(1_500):
        root = {f"Key{number:04}": number, "Size": 70_000, "Mode": 40_000, "RelativePath": "a" * 300}
        whole = {"$top": {"root": UID(1)}, "$objects": ["$null", root], "$version": 100_000}
        blob = plistlib.dumps(whole, fmt=plistlib.FMT_BINARY, sort_keys=False)
        assert parsed(blob) is not None
        layouts.learn(blob)
        assert assert_decoders_agree(layouts, blob)
    assert len(layouts) <= 1_000


# -- damaged archives --------------------------------------------------------------------------------------------------


def mutated(blob: bytes, related: Sequence[bytes], chance: random.Random) -> bytes:
    """`blob` with a few bytes changed, exchanged for a relative's, cut out or put in, its trailer sometimes mended."""
    data = bytearray(blob)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        at = chance.randrange(len(data)) if chance.random() < 0.7 else chance.randrange(80, min(len(data), 320))
        match chance.randrange(7):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                other = chance.choice(related)
                length = chance.randrange(1, 40)
                data[at : at + length] = other[at : at + length]
            case 3:
                del data[at : at + chance.randrange(1, 4)]
            case 4:
                data[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 5 if len(data) > 200:  # one entry of the offset table
                place = len(data) - 32 - 2 * chance.randrange(1, 40)
                data[place : place + 2] = chance.randrange(len(data)).to_bytes(2, "big")
            case _:
                data[at] = (data[at] + chance.choice([1, -1])) % 256
        if len(data) < 40:
            break
    if len(data) != len(blob) and chance.random() < 0.5:
        data[-8:] = struct.pack(">Q", max(0, int.from_bytes(blob[-8:], "big") + len(data) - len(blob)))
    return bytes(data)


def relatives() -> list[bytes]:
    usual = [
        encode_mbfile(replace(record, **other), ios_version=version)
        for version in ("14.3", "27.0")
        for record in (FILE, DIRECTORY, LINK)
        for other in ({}, {"relative_path": "Größe"}, {"inode": 1 << 63}, {"size": 1 << 40}, {"size": None})
    ]
    return [*usual, *map(in_other_order, usual[:15])]


@given(st.randoms(use_true_random=False))
def test_damaged_archives_read_the_same_in_both_decoders(chance: random.Random) -> None:
    related = relatives()
    layouts = knowing(*related)
    for _ in range(40):
        assert_decoders_agree(layouts, mutated(chance.choice(related), related, chance))


@given(st.randoms(use_true_random=False))
def test_a_layout_learned_from_a_damaged_archive_is_correct(chance: random.Random) -> None:
    related = relatives()
    layouts = Layouts()
    for _ in range(40):
        blob = mutated(chance.choice(related), related, chance)
        if parsed(blob) is not None:
            layouts.learn(blob)
            assert_decoders_agree(layouts, blob)
            for _ in range(3):
                assert_decoders_agree(layouts, mutated(blob, related, chance))


@given(st.binary(max_size=600))
def test_any_bytes_are_declined_without_an_error(data: bytes) -> None:
    layouts = knowing(encode_mbfile(FILE, ios_version="18.0"))
    known = encode_mbfile(FILE, ios_version="18.0")
    for blob in (data, known[:150] + data, known[: len(data)], data + known[-32:]):
        assert_decoders_agree(layouts, blob)
