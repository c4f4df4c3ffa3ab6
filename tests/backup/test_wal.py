"""A database and its log, folded in memory, are what SQLite makes of them on disk."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.manifest.wal import WalPages
from tests.backup.wal_reference import apply_wal


def left_open(folder: Path, *, rows: int, page_bytes: int = 1024) -> tuple[bytes, bytes, sqlite3.Connection]:
    """A database whose writer has not closed it: all its rows are in the log."""
    connection = sqlite3.connect(folder / "live.db", isolation_level=None)
    connection.execute(f"PRAGMA page_size = {page_bytes}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    for number in range(rows):
        connection.execute("INSERT INTO note (text) VALUES (?)", (f"note {number}",))
    database, log = (folder / "live.db").read_bytes(), (folder / "live.db-wal").read_bytes()
    return database, log, connection


def notes(database: bytes | bytearray) -> int | None:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("page_bytes", [512, 4096, 65536])
def test_rows_that_are_only_in_the_log_are_read(tmp_path: Path, page_bytes: int) -> None:
    database, log, connection = left_open(tmp_path, rows=50, page_bytes=page_bytes)
    connection.close()
    assert notes(apply_wal(database, b"")) is None
    assert notes(apply_wal(database, log)) == 50


def test_a_log_cut_anywhere_gives_what_was_committed_before(tmp_path: Path) -> None:
    database, log, connection = left_open(tmp_path, rows=8)
    connection.close()
    seen = [notes(apply_wal(database, log[:length])) or 0 for length in range(0, len(log) + 1, 97)]
    assert seen == sorted(seen)
    assert (seen[0], notes(apply_wal(database, log))) == (0, 8)


def test_a_flipped_byte_ends_the_log(tmp_path: Path) -> None:
    database, log, connection = left_open(tmp_path, rows=8)
    connection.close()
    middle = len(log) // 2
    torn = log[:middle] + bytes([log[middle] ^ 1]) + log[middle + 1 :]
    assert 0 < (notes(apply_wal(database, torn)) or 0) < 8


def test_frames_left_over_from_before_a_checkpoint_are_not_applied(tmp_path: Path) -> None:
    """After a checkpoint the log is written from its beginning again; behind the new frames old ones remain."""
    _, _, connection = left_open(tmp_path, rows=30)
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("DELETE FROM note WHERE id > 10")
    database, log = (tmp_path / "live.db").read_bytes(), (tmp_path / "live.db-wal").read_bytes()
    connection.close()
    assert notes(apply_wal(database, log)) == 10


def test_a_database_that_shrank_is_shrunk(tmp_path: Path) -> None:
    _, _, connection = left_open(tmp_path, rows=400)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("DELETE FROM note WHERE id > 5")
    connection.execute("VACUUM")
    database, log = (tmp_path / "live.db").read_bytes(), (tmp_path / "live.db-wal").read_bytes()
    connection.close()
    result = apply_wal(database, log)
    assert len(result) < len(database)
    assert notes(result) == 5


def test_bytes_that_are_not_a_log_change_nothing() -> None:
    plain = b"SQLite format 3\0" + bytes(84)
    for log in (b"", b"short", b"\x37\x7f\x06\x82" + bytes(60), struct.pack(">4I", 0x377F0682, 3007000, 7, 0) * 8):
        assert apply_wal(plain, log)[20:] == plain[20:]


def test_a_real_address_book_reads_as_in_sqlite(shared_data: Path, tmp_path: Path) -> None:
    """iOS 15.3.1: nearly everything is in the log. SQLite's own checkpoint is the witness."""
    for source in sorted((shared_data / "databases" / "ios15-real").rglob("*-wal")):
        database, log = Path(str(source).removesuffix("-wal")).read_bytes(), source.read_bytes()
        copy = tmp_path / source.parent.name / source.name.removesuffix("-wal")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(database)
        Path(f"{copy}-wal").write_bytes(log)
        connection = sqlite3.connect(copy, isolation_level=None)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        ours, theirs = apply_wal(database, log), bytearray(copy.read_bytes())
        for header in (slice(24, 28), slice(92, 100)):  # the change counters, which a checkpoint moves on
            ours[header] = theirs[header] = bytes(header.stop - header.start)
        assert ours == theirs, source.name


def test_a_small_log_that_claims_a_billion_pages_does_not_fill_the_memory(tmp_path: Path) -> None:
    database, log, connection = left_open(tmp_path, rows=8)
    connection.close()
    hostile = with_page_counts(log, 1 << 30)
    assert notes(apply_wal(database, hostile)) == notes(apply_wal(database, b""))


def with_page_counts(log: bytes, page_count: int) -> bytes:
    """`log`, every frame of it a commit of so many pages, with checksums that are right."""
    big_endian = struct.unpack_from(">I", log)[0] & 1 == 1
    page_bytes = struct.unpack_from(">I", log, 8)[0]
    running, made = struct.unpack_from(">2I", log, 24), log[:32]
    for at in range(32, len(log), 24 + page_bytes):
        head = log[at : at + 4] + struct.pack(">I", page_count)
        page = log[at + 24 : at + 24 + page_bytes]
        for part in (head, page):
            words = struct.unpack(f"{'>' if big_endian else '<'}{len(part) // 4}I", part)
            for even, odd in zip(words[::2], words[1::2], strict=True):
                first = (running[0] + even + running[1]) & 0xFFFFFFFF
                running = first, (running[1] + odd + first) & 0xFFFFFFFF
        made += head + log[at + 8 : at + 16] + struct.pack(">2I", *running) + page
    return made


# -- a piece at a time -----------------------------------------------------------------------------------------------


def both_ways(folder: Path, database: bytes, log: bytes, key: bytes | None = None) -> tuple[bytes, bytes]:
    """The fold in memory, and the one that reads two stored files where it is asked to, in odd pieces."""
    for name, content in (("database", database), ("log", log)):
        (folder / name).write_bytes(content if key is None else b"".join(encrypted_chunks([content], key)))
    pages = WalPages(BlobReader(folder / "database", key), BlobReader(folder / "log", key))
    pieces = b"".join(pages.read(1000, at) for at in range(0, pages.size, 1000))
    assert pages.read(pages.size + 9, 0) == pieces and pages.read(10, pages.size) == b""
    pages.close()
    return bytes(apply_wal(database, log)), pieces


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["plain", "encrypted"])
@pytest.mark.parametrize("page_bytes", [512, 4096])
def test_reading_in_pieces_equals_the_log_applied_in_memory(tmp_path: Path, page_bytes: int, key: bytes | None) -> None:
    database, log, connection = left_open(tmp_path, rows=20, page_bytes=page_bytes)
    connection.close()
    for length in range(0, len(log) + 1, 1 + len(log) // 9):
        whole, pieces = both_ways(tmp_path, database, log[:length], key)
        assert whole == pieces


def test_reading_in_pieces_handles_a_database_that_shrank_and_grew_again(tmp_path: Path) -> None:
    """Pages that a commit cut off come back as zeros, not as what the database held there before."""
    connection = sqlite3.connect(tmp_path / "live.db", isolation_level=None)
    for statement in ("PRAGMA page_size = 512", "PRAGMA auto_vacuum = FULL", "CREATE TABLE note (text TEXT)"):
        connection.execute(statement)
    connection.executemany("INSERT INTO note VALUES (?)", [("x" * 300,)] * 30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("DELETE FROM note")
    connection.executemany("INSERT INTO note VALUES (?)", [("y" * 300,)] * 50)
    connection.execute("DELETE FROM note WHERE rowid > 10")
    database, log = (tmp_path / "live.db").read_bytes(), (tmp_path / "live.db-wal").read_bytes()
    connection.close()
    for length in range(0, len(log) + 1, max(536, len(log) // 12)):
        whole, pieces = both_ways(tmp_path, database, log[:length])
        assert whole == pieces


@given(st.binary(max_size=3000), st.integers(0, 5000), st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_reading_in_pieces_handles_a_damaged_log(live: Path, database: bytes, at: int, bytes_: bytes) -> None:
    whole_database, log = (live / "live.db").read_bytes(), (live / "whole.log").read_bytes()
    damaged = log[: at % len(log)] + bytes_ + log[at % len(log) + len(bytes_) :]
    for one in (database, whole_database):
        whole, pieces = both_ways(live, one, damaged)
        assert whole == pieces


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    _, log, connection = left_open(folder, rows=12, page_bytes=512)
    connection.close()
    (folder / "whole.log").write_bytes(log)
    return folder
