"""A new manifest: any rows are read back, encrypted or not."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.backup.crypto.cipher import decrypted_chunks
from migrate.backup.manifest.writer import ManifestRow, ManifestWriter

KEY = bytes(range(32))
ROWS = "SELECT rowid, * FROM Files ORDER BY rowid"

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.builds(lambda text, times: text * times, st.sampled_from(["a", "ß", "家", "😀\0"]), st.integers(1, 6_000)),
)
archives = st.one_of(
    st.binary(max_size=300),
    st.integers(3_900, 4_200).map(bytes),  # around what has room in one cell
    st.integers(0, 20_000).map(lambda size: b"\xa5" * size),
)
sizes_and_rows = st.lists(
    st.tuples(st.integers(1, 1 << 20), texts, texts, st.integers(-(1 << 63), (1 << 63) - 1), archives), max_size=40
)


def opened(path: Path, key: bytes | None) -> sqlite3.Connection:
    """The database in memory, in rollback mode: a deserialized database has no log."""
    stored = path.read_bytes()
    plain = stored[:-16] if key is None else b"".join(decrypted_chunks([stored], key))
    assert len(plain) % 4096 == 0 and len(stored) == len(plain) + 16
    assert key is None or stored[:16] != plain[:16]
    assert plain[18:20] == b"\2\2" and int.from_bytes(plain[28:32], "big") == len(plain) // 4096
    database = sqlite3.connect(":memory:")
    database.deserialize(plain[:18] + b"\1\1" + plain[20:])
    return database


def assert_sound(database: sqlite3.Connection, rows: list[ManifestRow]) -> None:
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute(ROWS).fetchall() == rows
    for index in ("FilesRelativePathIdx", "FilesFlagsIdx"):
        by_index = database.execute(f"SELECT rowid FROM Files INDEXED BY {index} ORDER BY relativePath, flags")
        assert sorted(by_index.fetchall()) == [(row[0],) for row in rows]
    for row in rows[:20]:
        assert database.execute("SELECT rowid FROM Files WHERE fileID = ?", (row[1],)).fetchall() == [(row[0],)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sizes_and_rows, st.sampled_from([None, KEY]), st.sampled_from(["17.5", "27.0"]), st.data())
def test_sqlite_reads_back_any_rows(
    given_rows: list[tuple[int, str, str, int, bytes]], key: bytes | None, ios_version: str, data: st.DataObject
) -> None:
    """Texts of any alphabet and length, flags of 64 bits, archives of any length, gaps between the numbers; some rows
    are removed again."""
    number = 0
    rows: list[ManifestRow] = []
    for step, domain, relative_path, flags, file in given_rows:
        number += step
        rows.append((number, f"{number:040x}", domain, relative_path, flags, file))
    gone = data.draw(st.sets(st.sampled_from([row[0] for row in rows]))) if rows else set()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "Manifest.db"
        with ManifestWriter(path, ios_version, key) as manifest:
            manifest.add_rows(rows)
            manifest.set_property("salt", b"pepper" * 5_000)
            for each in gone:
                manifest.remove(each)
            assert manifest.finish() == len(rows) - len(gone)
        database = opened(path, key)
        assert_sound(database, [row for row in rows if row[0] not in gone])
        assert database.execute("SELECT * FROM Properties").fetchall() == [("salt", b"pepper" * 5_000)]
        database.execute("INSERT INTO Files VALUES ('new', 'd', 'p', 1, zeroblob(9000))")
        database.execute("CREATE TABLE another (schema TEXT)")  # the first page can be written
        database.execute("DELETE FROM Files WHERE rowid % 2")
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        assert [each.name for each in Path(folder).iterdir()] == ["Manifest.db"]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_tree_of_three_levels_is_sound(tmp_path: Path, key: bytes | None) -> None:
    """More leaves than one page has children, and more rows than 16 bits count."""
    chance = random.Random(3)
    rows: list[ManifestRow] = [
        (number, f"{chance.getrandbits(160):040x}", "HomeDomain", f"Library/{number}", 1 + number % 2, bytes(400))
        for number in range(1, 70_001)
    ]
    with ManifestWriter(tmp_path / "Manifest.db", "17.5", key) as manifest:
        for at in range(0, len(rows), 1_000):
            manifest.add_rows(rows[at : at + 1_000])
        manifest.finish()
    database = opened(tmp_path / "Manifest.db", key)
    assert_sound(database, rows)
    database.close()


def test_two_manifests_of_the_same_rows_share_no_ciphertext_by_chance(tmp_path: Path) -> None:
    """The unused part of the first page is random, and everything after it depends on it."""
    stored = []
    for name in ("one", "two"):
        with ManifestWriter(tmp_path / name, "17.5", KEY) as manifest:
            manifest.add_rows([(1, "0" * 40, "HomeDomain", "a", 1, b"archive")])
            manifest.finish()
        stored.append((tmp_path / name).read_bytes())
    assert stored[0][4096:] != stored[1][4096:]
    assert stored[0][:96] == stored[1][:96], "the phone's way: one key, an initial vector of zeros"
