"""The scratch file of a manifest that is being written: in any order, and never in plain."""

from __future__ import annotations

import errno
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.cipher import decrypted_chunks
from migrate.backup.manifest import scratch_vfs, writer
from migrate.backup.manifest.scratch_vfs import PIECE_BYTES, ScratchFile
from migrate.backup.manifest.writer import ManifestRow, ManifestWriter
from migrate.backup.record import file_id
from tests.backup.memory_manifest import MemoryManifest, pad_manifest

KEY = bytes(range(32))


def rows(count: int) -> list[ManifestRow]:
    chance = random.Random(count)
    found = []
    for number in range(1, count + 1):
        path = f"Library/{chance.randrange(1 << 30)}/{number}"
        identity = file_id("HomeDomain", path)
        found.append((number, identity, "HomeDomain", path, chance.choice((1, 2, 4)), b"an archive " + bytes(60)))
    return found


def read_back(path: Path, key: bytes | None) -> sqlite3.Connection:
    stored = path.read_bytes()
    plain = stored[:-16] if key is None else b"".join(decrypted_chunks([stored], key))
    assert key is not None or stored[-16:] == pad_manifest(b"")
    assert plain[18:20] == b"\2\2", "a phone's manifest says it has a log"
    database = sqlite3.connect(":memory:")
    database.deserialize(plain[:18] + b"\1\1" + plain[20:])
    return database


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_pieces_written_and_read_in_any_order_equal_one_file(tmp_path: Path, key: bytes | None) -> None:
    chance = random.Random(7)
    scratch, model = ScratchFile(tmp_path / "scratch", key), bytearray()
    for _ in range(300):
        offset = chance.randrange(100 * PIECE_BYTES)
        data = chance.randbytes(chance.choice((1, 100, 4096, 3 * PIECE_BYTES)))
        scratch.write(offset, data)
        model.extend(bytes(max(0, offset + len(data) - len(model))))
        model[offset : offset + len(data)] = data
        at, amount = chance.randrange(len(model)), chance.choice((10, 4096, 2 * PIECE_BYTES))
        assert scratch.read(amount, at) == model[at : at + amount]
    scratch.truncate(70 * PIECE_BYTES + 5)
    scratch.write(80 * PIECE_BYTES, b"the end")
    expected = bytes(model[: 70 * PIECE_BYTES + 5]) + bytes(10 * PIECE_BYTES - 5) + b"the end"
    assert scratch.read(scratch.size + 1, 0) == expected
    stored = scratch.path.read_bytes()
    assert (stored[: PIECE_BYTES // 2] == expected[: PIECE_BYTES // 2]) is (key is None)
    scratch.close()


def test_nothing_is_on_disk_in_plain_while_a_manifest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what its sorter puts aside. The same piece written twice looks different each time."""
    monkeypatch.setattr(scratch_vfs, "PIECES_KEPT", 2)
    monkeypatch.setattr(writer, "_CACHE_KIB", 100)
    names, pieces = set(), []
    store = ScratchFile._store

    def spy(scratch: ScratchFile, place: int) -> None:
        store(scratch, place)
        names.add(scratch.path.name)
        with scratch.path.open("rb") as file:
            file.seek(place * PIECE_BYTES)
            pieces.append(file.read(PIECE_BYTES))

    monkeypatch.setattr(ScratchFile, "_store", spy)
    with ManifestWriter(tmp_path / "Manifest.db", "17.5", KEY) as manifest:
        manifest.add_rows(rows(20_000))
        manifest.finish()
    assert any("sorting" in name for name in names), "the sorter had too little room in memory"
    assert len(set(pieces)) == len(pieces) > 5
    data = b"".join(pieces)
    assert b"HomeDomain" not in data and b"SQLite" not in data and b"an archive" not in data
    assert [path.name for path in tmp_path.iterdir()] == ["Manifest.db"]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("ios_version", ["14.3", "27.0"])
def test_a_written_manifest_equals_one_from_sqlite(tmp_path: Path, key: bytes | None, ios_version: str) -> None:
    written = rows(2_000)
    in_memory = MemoryManifest(ios_version)
    with ManifestWriter(tmp_path / "Manifest.db", ios_version, key) as manifest:
        manifest.add_rows(written)
        manifest.set_property("salt", b"pepper")
        assert manifest.finish() == 2_000
    for _, *row in written:
        in_memory.add_row(*row)  # type: ignore[arg-type]
    in_memory.set_property("salt", b"pepper")
    other = sqlite3.connect(":memory:")
    data = in_memory.to_bytes()
    other.deserialize(data[:18] + b"\1\1" + data[20:])
    ours = read_back(tmp_path / "Manifest.db", key)
    for question in (
        "SELECT * FROM Files ORDER BY rowid",
        "SELECT * FROM Properties",
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name",
        "PRAGMA user_version",
        "PRAGMA page_size",
        "PRAGMA index_list(Files)",
    ):
        assert sorted(ours.execute(question).fetchall()) == sorted(other.execute(question).fetchall()), question
    assert ours.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plan = ours.execute("EXPLAIN QUERY PLAN SELECT * FROM Files WHERE fileID = 'x'").fetchall()
    assert "sqlite_autoindex_Files_1" in plan[0][3]
    with pytest.raises(sqlite3.IntegrityError):
        ours.execute("INSERT INTO Files (fileID) VALUES (?)", (written[0][1],))
    ours.close()
    other.close()


def test_of_two_rows_with_one_file_id_the_first_is_kept(tmp_path: Path) -> None:
    """A hostile manifest need not have the primary key that forbids it."""
    first, second, third = rows(3)
    twin = (3, first[1], first[2], first[3], 1, b"another archive")
    with ManifestWriter(tmp_path / "Manifest.db", "17.5", None) as manifest:
        manifest.add_rows([first, second, twin, (4, *third[1:])])
        assert manifest.remove(2) == (second[1], second[2], second[3])
        assert manifest.finish() == 2
    database = read_back(tmp_path / "Manifest.db", None)
    found = database.execute("SELECT fileID, file FROM Files ORDER BY rowid").fetchall()
    assert found == [(first[1], first[5]), (third[1], third[5])]
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_a_full_disk_raises_its_own_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_vfs, "PIECES_KEPT", 2)
    monkeypatch.setattr(writer, "_CACHE_KIB", 100)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(OSError, match="No space left") as problem,
        ManifestWriter(tmp_path / "Manifest.db", "17.5", KEY) as manifest,
    ):
        monkeypatch.setattr(ScratchFile, "_store", full)
        manifest.add_rows(rows(20_000))
    assert problem.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
