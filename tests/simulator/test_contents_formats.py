"""The file formats on a simulated iPhone, read by independent readers or checked against the specification."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import sqlite3
import struct
import zlib
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.contents.formats.deflate import gzip_of, zlib_of
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.movie import encode_movie, encode_recording
from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.formats.speech import encode_amr
from migrate.simulator.contents.formats.sqlite_file import Database, empty_wal_database, write_ahead_log
from migrate.simulator.contents.note_bodies import note_body
from migrate.simulator.device.filesystem import Filesystem, read_content
from migrate.simulator.device.phone import SimulatedPhone

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "databases"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the databases that nobody here wrote are not beside the project"
)


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """The marker and data of every segment before the scan (T.81, B.1.1)."""
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    found, at = [], 2
    while not found or found[-1][0] != 0xDA:
        lead, marker, length = struct.unpack_from(">BBH", jpeg, at)
        assert lead == 0xFF
        found.append((marker, jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    scan = jpeg[at:-2]
    assert all(scan[place + 1] == 0 for place, byte in enumerate(scan[:-1]) if byte == 0xFF)
    return found


@pytest.mark.parametrize(("width", "height", "detail"), [(16, 16, 0), (64, 48, 4), (320, 240, 10), (480, 640, 63)])
def test_a_picture_has_every_segment_a_baseline_jpeg_needs(width: int, height: int, detail: int) -> None:
    picture = draw_picture(width, height, random.Random(3), detail=detail)
    parts = segments(picture)
    assert [marker for marker, _ in parts] == [0xE0, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA]
    frame = dict(parts)[0xC0]
    assert struct.unpack(">BHHB", frame[:6]) == (8, height, width, 3)


@pytest.mark.parametrize(("width", "height", "detail"), [(16, 16, 0), (64, 48, 4), (320, 240, 10), (480, 640, 63)])
def test_a_picture_opens_in_a_viewer(width: int, height: int, detail: int) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="no Pillow to look at pictures with")
    picture = draw_picture(width, height, random.Random(3), detail=detail, taken=1_700_000_000)
    with image_module.open(io.BytesIO(picture)) as image:
        image.load()
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (width, height))
        assert dict(image.getexif())[0x0132] == "2023:11:14 22:13:20"
        if detail and width > 64:
            assert len(set(image.convert("L").tobytes())) > 20


def test_a_picture_size_must_be_a_multiple_of_16() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        draw_picture(100, 64, random.Random(1))


def test_an_icon_opens_in_a_viewer() -> None:
    icon = draw_icon(60, (255, 120, 0), (20, 30, 90))
    assert icon.startswith(b"\x89PNG\r\n\x1a\n")
    image_module = pytest.importorskip("PIL.Image", reason="no Pillow to look at pictures with")
    with image_module.open(io.BytesIO(icon)) as image:
        image.load()
        colours = image.convert("RGB")
        assert colours.size == (60, 60)
        assert (colours.getpixel((30, 30)), colours.getpixel((0, 0))) == ((255, 120, 0), (20, 30, 90))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_stored_streams_decompress_like_compressed_ones(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert zlib.decompress(zlib_of(data)) == data
    assert gzip.decompress(gzip_of(data)) == data


def boxes(data: bytes) -> dict[str, bytes]:
    found, at = {}, 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= length <= len(data) - at
        found[kind.decode()] = data[at + 8 : at + length]
        at += length
    return found


def test_the_index_of_a_video_points_to_its_pictures() -> None:
    movie = encode_movie(320, 240, random.Random(5), frames=12, pictures=3)
    table = boxes(boxes(boxes(boxes(boxes(movie)["moov"])["trak"])["mdia"])["minf"])["stbl"]
    index = boxes(table)
    (start,) = struct.unpack(">I", index["stco"][8:])
    sizes = struct.unpack(">12I", index["stsz"][12:])
    for size in sizes:
        segments(movie[start : start + size])
        start += size
    assert start == len(movie)


def test_a_recording_has_its_duration() -> None:
    memo = encode_recording(random.Random(5), duration_s=7)
    top = boxes(memo)
    assert list(top) == ["ftyp", "moov", "mdat"]
    timescale, ticks = struct.unpack_from(">2I", boxes(top["moov"])["mvhd"], 12)
    assert (timescale, ticks / timescale) == (8000, 7)
    assert len(top["mdat"]) == 2 * ticks


def test_a_voicemail_has_fifty_frames_per_second() -> None:
    speech = encode_amr(random.Random(1), duration_s=3)
    assert speech.startswith(b"#!AMR\n")
    frames = speech[6:]
    assert len(frames) == 3 * 50 * 32
    assert {frames[place] for place in range(0, len(frames), 32)} == {0x3C}


def test_a_note_body_has_its_text_where_readers_look() -> None:
    text = "Einkauf\nBrot 🥖 " + "und Käse " * 40
    data, path = note_body(text), [2, 3, 2]
    for wanted in path:
        data = field_of(data, wanted)
    assert data.decode() == text


def field_of(message: bytes, wanted: int) -> bytes:
    """The bytes of a length-delimited field of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        value = varint()
        if key & 7 == 2:
            at += value
            if key >> 3 == wanted:
                return message[at - value : at]
    raise AssertionError(f"no field {wanted}")


def test_a_log_turns_the_old_database_into_the_new_one(tmp_path: Path) -> None:
    database = Database("CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT);")
    database.insert_all("t", ({"words": "settled " * 50} for _ in range(40)))
    before = database.to_bytes()
    database.insert_all("t", ({"words": "new " * 90} for _ in range(40)))
    after = database.to_bytes()
    database.close()
    for name, start in (("some", before), ("all", empty_wal_database())):
        copy = tmp_path / f"{name}.db"
        copy.write_bytes(start)
        copy.with_name(copy.name + "-wal").write_bytes(write_ahead_log(start, after, salt=(1, 2)))
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (80,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
        assert len(copy.read_bytes()) == len(after)


def test_a_truncated_log_leaves_the_old_database(tmp_path: Path) -> None:
    database = Database("CREATE TABLE t (id INTEGER PRIMARY KEY);")
    before = database.to_bytes()
    database.insert_all("t", ({"id": number} for number in range(5)))
    log = write_ahead_log(before, database.to_bytes(), salt=(1, 2))
    database.close()
    copy = tmp_path / "cut.db"
    copy.write_bytes(before)
    copy.with_name("cut.db-wal").write_bytes(log[:-1])
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_an_invalid_table_name_is_refused() -> None:
    database = Database("CREATE TABLE t (id INTEGER);")
    with pytest.raises(ValueError, match="not a valid table"):
        database.insert("t (id) VALUES (1); DROP TABLE t; --", {"id": 1})
    database.close()


REAL = {
    "ios15-real/addressBook/AddressBook.sqlitedb": ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"),
    "ios15-real/addressBook/AddressBookImages.sqlitedb": (
        "HomeDomain",
        "Library/AddressBook/AddressBookImages.sqlitedb",
    ),
    "ios15-real/voicemail/voicemail.db": ("HomeDomain", "Library/Voicemail/voicemail.db"),
    "ios15-real/whatsAppMessages/ChatStorage.sqlite": (
        "AppDomainGroup-group.com.example.chatter.shared",
        "ChatStorage.sqlite",
    ),
}
READ_OF_IOS_18 = {
    "ios18-synthetic/calendar.1.Calendar.sqlitedb": ("HomeDomain", "Library/Calendar/Calendar.sqlitedb"),
    "ios18-synthetic/calls.1.CallHistory.storedata": ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata"),
    "ios18-synthetic/contacts.1.AddressBook.sqlitedb": ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"),
    "ios18-synthetic/messages.1.sms.db": ("HomeDomain", "Library/SMS/sms.db"),
    "ios18-synthetic/notes.1.NoteStore.sqlite": ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite"),
    "ios18-synthetic/reminders.1.local.sqlite": (
        "AppDomainGroup-group.com.apple.reminders",
        "Container_v1/Stores/Data-local.sqlite",
    ),
    "ios18-synthetic/safari.1.Bookmarks.db": ("HomeDomain", "Library/Safari/Bookmarks.db"),
    "ios18-synthetic/safari.1.History.db": ("HomeDomain", "Library/Safari/History.db"),
}


def columns(database: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(database)) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                " AND name NOT LIKE '%FullTextSearch%'"
            )
        ]
        return {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in tables}


def columns_of_others(name: str, folder: Path) -> dict[str, set[str]]:
    for suffix in ("", "-wal"):
        source = DATA / f"{name}{suffix}"
        if source.exists():
            shutil.copy(source, folder / f"theirs.db{suffix}")
    return columns(folder / "theirs.db")


@cache
def files_of(ios: str) -> Filesystem:
    phone = SimulatedPhone(ios_version=ios)
    fill(phone, ContentsSpec(photos=0, videos=0, health_samples=0), 1)
    return phone.files


def columns_of_ours(ios: str, place: tuple[str, str], folder: Path) -> dict[str, set[str]]:
    domain, path = place
    for suffix in ("", "-wal"):
        node = files_of(ios).get(domain, path + suffix)
        if node is not None:
            (folder / f"ours.db{suffix}").write_bytes(read_content(node.content))
    return columns(folder / "ours.db")


@needs_data
@pytest.mark.parametrize("name", sorted(REAL))
def test_tables_and_columns_match_those_seen_on_real_phones(name: str, tmp_path: Path) -> None:
    real = columns_of_others(name, tmp_path)
    ours = columns_of_ours("15.3.1", REAL[name], tmp_path)
    assert ours
    assert {table: found - real.get(table, set()) for table, found in ours.items()} == {table: set() for table in ours}


@needs_data
@pytest.mark.parametrize("name", sorted(READ_OF_IOS_18))
def test_a_reader_of_ios_18_finds_its_tables_and_columns(name: str, tmp_path: Path) -> None:
    wanted = columns_of_others(name, tmp_path)
    ours = columns_of_ours("18.3", READ_OF_IOS_18[name], tmp_path)
    assert wanted
    assert {table: asked - ours.get(table, set()) for table, asked in wanted.items()} == {
        table: set() for table in wanted
    }
