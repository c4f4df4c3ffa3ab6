"""Manifest.db: read without writing to disk, treated as untrusted, and written as phones write it."""

from __future__ import annotations

import hashlib
import os
import plistlib
import sqlite3
import struct
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from migrate.backup.crypto.cipher import decrypted_chunks, encrypted_chunks
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.manifest.open import open_manifest
from migrate.backup.manifest.writer import ManifestWriter
from migrate.backup.record import Kind, file_id
from migrate.problems import (
    BackupUnreadable,
    BadRecord,
    KeybagUnreadable,
    MigrateError,
    PasswordMissing,
    WrongPassword,
)
from tests.backup.memory_manifest import MemoryManifest, pad_manifest

PASSWORD = "correct-horse-1947"
MakeBackup = Callable[..., Any]


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a folder: names, modes, times, contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (stat.st_mode, stat.st_mtime_ns, hashlib.sha256(content).digest())
    return found


def plain(folder: Path) -> None:
    (folder / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": False}))


def opened(folder: Path, password: str | None = None) -> Manifest:
    return open_manifest(BackupFolder(folder), password)


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_reading_changes_nothing_in_the_backup_and_leaves_nothing_elsewhere(
    make_backup: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP", "SQLITE_TMPDIR"):
        monkeypatch.setenv(variable, str(elsewhere))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(elsewhere)
    backup = make_backup(encrypted=password is not None)
    folder, wanted = backup.path, list(backup.records.values())
    before = tree(folder)
    with opened(folder, password) as manifest:
        assert manifest.is_encrypted == (password is not None)
        assert list(manifest.records()) == wanted
        assert manifest.count == len(wanted)
        assert manifest.domains() == {record.domain for record in wanted}
        assert manifest.record("HomeDomain", "Library/SMS/sms.db") in wanted
        assert manifest.record("HomeDomain", "Library/nothing") is None
        assert manifest.is_padded
    assert tree(folder) == before
    assert list(elsewhere.iterdir()) == []


def test_a_real_manifest_reads_in_full(shared_data: Path) -> None:
    folder = shared_data / "ios14-real-manifest" / "backup"
    before = tree(folder)
    with opened(folder) as manifest:
        kinds = [record.kind for record in manifest.records()]
        assert (len(kinds), manifest.count) == (3_721, 3_721)
        assert [kinds.count(kind) for kind in Kind] == [1_089, 2_618, 14]
        assert manifest.is_padded
        assert not manifest.is_encrypted
        assert manifest.class_keys is None
        assert manifest.properties() == {}
    assert tree(folder) == before


@pytest.mark.parametrize("name", ["plain-backup", "no-size-backup", "encrypted-backup"])
def test_manifests_made_by_other_tools_read_in_full(shared_data: Path, name: str) -> None:
    with opened(shared_data / "minted" / name, "test-password-1234") as manifest:
        assert manifest.count == len(list(manifest.records())) == 5


def test_a_password_that_is_missing_or_wrong_says_which_backup(make_backup: MakeBackup) -> None:
    folder = make_backup().path
    with pytest.raises(PasswordMissing):
        opened(folder)
    with pytest.raises(WrongPassword) as error:
        opened(folder, "correct-horse-1948")
    assert str(folder) in str(error.value)
    assert "correct-horse" not in str(error.value)


def test_a_password_for_a_plain_backup_is_not_asked_for(make_backup: MakeBackup) -> None:
    with opened(make_backup(encrypted=False).path, PASSWORD) as manifest:
        assert manifest.count


def damage_plist(key: str, value: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        plist = plistlib.loads((folder / "Manifest.plist").read_bytes())
        plist[key] = value
        if value is None:
            del plist[key]
        (folder / "Manifest.plist").write_bytes(plistlib.dumps(plist))

    return damage


def damage_db(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "Manifest.db").write_bytes(change((folder / "Manifest.db").read_bytes()))

    return damage


DEFECTS: dict[str, tuple[Callable[[Path], None], type[MigrateError]]] = {
    "manifest missing": (lambda folder: (folder / "Manifest.db").unlink(), BackupUnreadable),
    "manifest empty": (damage_db(lambda _: b""), BackupUnreadable),
    "manifest cut in a block": (damage_db(lambda data: data[:-5]), BackupUnreadable),
    "manifest cut to one page": (damage_db(lambda data: data[:4096]), BackupUnreadable),
    "manifest cut to its name": (damage_db(lambda data: data[:16]), BackupUnreadable),
    "manifest is noise": (damage_db(lambda data: os.urandom(len(data))), BackupUnreadable),
    "first block flipped": (damage_db(lambda data: bytes([data[0] ^ 1]) + data[1:]), BackupUnreadable),
    "keybag missing": (damage_plist("BackupKeyBag", None), KeybagUnreadable),
    "keybag is text": (damage_plist("BackupKeyBag", "x"), KeybagUnreadable),
    "keybag empty": (damage_plist("BackupKeyBag", b""), KeybagUnreadable),
    "manifest key missing": (damage_plist("ManifestKey", None), BackupUnreadable),
    "manifest key short": (damage_plist("ManifestKey", bytes(12)), BackupUnreadable),
    "manifest key of another bag": (damage_plist("ManifestKey", b"\4\0\0\0" + bytes(40)), BackupUnreadable),
    "says it is not encrypted": (damage_plist("IsEncrypted", False), BackupUnreadable),
    "plist is garbage": (lambda folder: (folder / "Manifest.plist").write_bytes(b"x"), BackupUnreadable),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_damaged_encrypted_manifest_is_unreadable_and_says_why(
    make_backup: MakeBackup, defect: tuple[Callable[[Path], None], type[MigrateError]]
) -> None:
    damage, error_type = defect
    folder = make_backup().path
    damage(folder)
    with pytest.raises(error_type) as error, opened(folder, PASSWORD) as manifest:
        list(manifest.records())
    assert error.value.exit_code == 31
    assert error.value.why


def test_a_plain_backup_that_says_it_is_encrypted_is_refused(make_backup: MakeBackup) -> None:
    folder = make_backup().path
    (folder / "Manifest.db").write_bytes(MemoryManifest("17.5").to_bytes())
    with pytest.raises(BackupUnreadable, match="not encrypted"):
        opened(folder, PASSWORD)


def test_without_manifest_plist_an_encrypted_backup_asks_for_its_keybag(make_backup: MakeBackup) -> None:
    folder = make_backup().path
    (folder / "Manifest.plist").unlink()
    with pytest.raises(KeybagUnreadable):
        opened(folder, PASSWORD)


@pytest.mark.parametrize("password", [None, PASSWORD])
@pytest.mark.parametrize("last_byte", [0, 1])
def test_a_manifest_without_padding_is_read_and_marked(
    make_backup: MakeBackup, password: str | None, last_byte: int
) -> None:
    """pymobiledevice3's prune writes it so. A last page ending in 01 looks like padding and is none."""
    backup = make_backup(encrypted=password is not None)
    folder, key = backup.path, backup.manifest_key
    data = (folder / "Manifest.db").read_bytes()
    database = bytearray(b"".join(decrypted_chunks([data], key)) if password else data[:-16])
    root = sqlite3.connect(":memory:")
    database[18] = database[19] = 1
    root.deserialize(database)
    root.execute("CREATE TABLE last (x)")
    database = bytearray(root.serialize())
    root.close()
    assert database[-1] == 0
    database[-1] = last_byte
    assert len(database) % 4096 == 0
    stored = b"".join(encrypted_chunks([bytes(database)], key))[:-16] if password else bytes(database)
    (folder / "Manifest.db").write_bytes(stored)
    with opened(folder, password) as manifest:
        assert manifest.count == len(backup.records)
        assert not manifest.is_padded


def hostile(folder: Path, *statements: str) -> None:
    plain(folder)
    database = sqlite3.connect(":memory:")
    for statement in statements:
        database.execute(statement)
    database.commit()
    (folder / "Manifest.db").write_bytes(database.serialize())
    database.close()


FILES = "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)"


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE VIEW Files AS SELECT 1 fileID, 2 domain, 3 relativePath, 4 flags, 5 file",),
        ("CREATE TABLE x (y)",),
        ("CREATE VIRTUAL TABLE Files USING fts5(fileID, domain, relativePath, flags, file)",),
        ("CREATE TABLE Files (fileID, domain, relativePath, flags, file AS (zeroblob(1000000000)))",),
        ("CREATE TABLE Files (fileID, domain, relativePath, flags)",),
    ],
    ids=["a view", "no table", "a virtual table", "a computed column", "a column missing"],
)
def test_only_an_ordinary_table_of_files_is_read(tmp_path: Path, statements: tuple[str, ...]) -> None:
    try:
        hostile(tmp_path, *statements)
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite cannot make it: {error}")
    with pytest.raises(BackupUnreadable, match="Files"):
        opened(tmp_path)


def test_views_and_triggers_beside_the_table_change_nothing(tmp_path: Path) -> None:
    blob = plistlib.dumps({"$top": {"root": plistlib.UID(0)}, "$objects": [{}]}, fmt=plistlib.FMT_BINARY).hex()
    hostile(
        tmp_path,
        FILES,
        f"INSERT INTO Files VALUES ('{'ab' * 20}', 'HomeDomain', 'a', 1, x'{blob}')",
        "CREATE VIEW other AS SELECT * FROM missing",
        "CREATE TRIGGER t BEFORE INSERT ON Files BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE VIEW Properties AS SELECT load_extension('x') AS key, 1 AS value",
    )
    with opened(tmp_path) as manifest:
        assert [record.relative_path for record in manifest.records()] == ["a"]
        assert manifest.properties() == {}


def test_nothing_can_be_written_through_an_opened_manifest(make_backup: MakeBackup) -> None:
    with (
        opened(make_backup(encrypted=False).path) as manifest,
        pytest.raises(apsw.ReadOnlyError),
    ):
        manifest._database.execute("DELETE FROM Files")


BAD_ROWS: dict[str, tuple[Any, ...]] = {
    "id is null": (None, "HomeDomain", "bad", 1, b"x"),
    "id climbs": ("../../../../etc/passwd", "HomeDomain", "bad", 1, b"x"),
    "id is upper case": ("AB" * 20, "HomeDomain", "bad", 1, b"x"),
    "domain is a number": ("cd" * 20, 7, "bad", 1, b"x"),
    "path is null": ("cd" * 20, "HomeDomain", None, 1, b"x"),
    "path is no UTF-8": ("cd" * 20, "HomeDomain", "CAST(x'ff80' AS TEXT)", 1, b"x"),
    "flags are text": ("cd" * 20, "HomeDomain", "bad", "one", b"x"),
    "archive is null": ("cd" * 20, "HomeDomain", "bad", 1, None),
    "archive is garbage": ("cd" * 20, "HomeDomain", "bad", 1, b"x"),
    "flags are nothing known": ("cd" * 20, "HomeDomain", "bad", 3, b"x"),
    "flags are zero": ("cd" * 20, "HomeDomain", "bad", 0, b"x"),
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_reported_and_the_others_are_read(make_backup: MakeBackup, row: tuple[Any, ...]) -> None:
    backup = make_backup(encrypted=False)
    folder = backup.path
    database = sqlite3.connect(":memory:")
    data = bytearray((folder / "Manifest.db").read_bytes()[:-16])
    data[18] = data[19] = 1
    database.deserialize(data)
    path = row[2] if isinstance(row[2], str) and row[2].startswith("CAST") else "?"
    values = [value for value in row if value is not row[2] or path == "?"]
    database.execute(f"INSERT INTO Files VALUES (?, ?, {path}, ?, ?)", values)
    database.commit()
    (folder / "Manifest.db").write_bytes(pad_manifest(database.serialize()))
    database.close()
    bad: list[BadRecord] = []
    with opened(folder) as manifest:
        assert list(manifest.records(bad.append)) == list(backup.records.values())
        assert manifest.count == len(backup.records) + 1
        with pytest.raises(BadRecord):
            list(manifest.records())
    assert len(bad) == 1
    assert bad[0].why


def test_a_path_with_invalid_utf8_does_not_hide_other_rows(make_backup: MakeBackup) -> None:
    backup = make_backup(encrypted=False)
    data = bytearray((backup.path / "Manifest.db").read_bytes()[:-16])
    data[18] = data[19] = 1
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    for rowid in (2, 4):
        database.execute("UPDATE Files SET relativePath = CAST(x'ff80' AS TEXT) WHERE rowid = ?", (rowid,))
    database.execute("UPDATE Files SET flags = CAST(x'ff' AS TEXT) WHERE rowid = 6")
    database.commit()
    (backup.path / "Manifest.db").write_bytes(pad_manifest(database.serialize()))
    database.close()
    bad: list[BadRecord] = []
    with opened(backup.path) as manifest:
        found = list(manifest.records(bad.append))
        domains = manifest.domains()
    wanted = [record for number, record in enumerate(backup.records.values(), 1) if number not in (2, 4, 6)]
    assert (found, len(bad)) == (wanted, 3)
    assert domains == {record.domain for record in backup.records.values()}


def test_the_rows_of_some_domains_are_those_that_all_rows_have(make_backup: MakeBackup) -> None:
    """A column may ignore capitals, and an invalid text does not hide the rows after it."""
    with opened(make_backup(encrypted=False).path) as manifest:
        every = list(manifest.rows())
        names = sorted({row.domain for row in every})[:3]
        assert list(manifest.rows_of(names)) == [row for row in every if row.domain in names] != []
        assert list(manifest.rows_of(names)) != every
        assert not list(manifest.rows_of([names[0].lower()])) and not list(manifest.rows_of([]))


def test_pages_that_refer_to_each_other_cannot_claim_a_billion_rows(tmp_path: Path) -> None:
    """Sixteen levels of a B-tree, every page naming the next one fifty times: 50^16 rows in 76 KiB."""
    writer = MemoryManifest("17.5")
    writer.add_row("ab" * 20, "HomeDomain", "a", 1, b"x" * 3_000)
    data = bytearray(writer.to_bytes())
    page, levels, children = 4096, 16, 50
    database = sqlite3.connect(":memory:")
    database.deserialize(bytes(data[:18]) + b"\1\1" + bytes(data[20:]))
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'Files'").fetchone()
    database.close()
    leaf = bytes(data[(root - 1) * page : root * page])
    first_new = len(data) // page + 1

    def interior(child: int) -> bytes:
        content = bytearray(page)
        start = page - 5 * children
        for number in range(children):
            at = start + 5 * number
            content[at : at + 5] = struct.pack(">IB", child, number + 1)
            content[12 + 2 * number : 14 + 2 * number] = struct.pack(">H", at)
        content[0:12] = struct.pack(">BHHHBI", 5, 0, children, start, 0, child)
        return bytes(content)

    data[(root - 1) * page : root * page] = interior(first_new)
    for level in range(1, levels):
        data += interior(first_new + level)
    data += leaf
    data[28:32] = struct.pack(">I", len(data) // page)
    plain(tmp_path)
    (tmp_path / "Manifest.db").write_bytes(data)
    with opened(tmp_path) as manifest:
        with pytest.raises(BackupUnreadable, match="more rows than it has room for"):
            _ = manifest.count
        with pytest.raises(BackupUnreadable):
            list(manifest.rows())
        with pytest.raises(BackupUnreadable):
            manifest.domains()


def test_flipped_bytes_give_rows_or_a_declared_error(make_backup: MakeBackup) -> None:
    folder = make_backup(encrypted=False).path
    data = (folder / "Manifest.db").read_bytes()
    for at in [*range(120), *range(120, len(data), 97)]:
        damaged = bytearray(data)
        damaged[at] ^= 0xFF
        (folder / "Manifest.db").write_bytes(damaged)
        bad: list[BadRecord] = []
        try:
            with opened(folder) as manifest:
                assert len(list(manifest.records(bad.append))) + len(bad) <= manifest.count
                manifest.record("HomeDomain", "Library/SMS/sms.db")
                manifest.properties()
        except (BackupUnreadable, BadRecord):
            continue


def test_several_threads_may_read_one_manifest(make_backup: MakeBackup) -> None:
    if sqlite3.threadsafety != 3:
        pytest.skip("this SQLite is not built for several threads")
    counts: list[int] = []
    backup = make_backup()
    with opened(backup.path, PASSWORD) as manifest:
        threads = [threading.Thread(target=lambda: counts.append(len(list(manifest.records())))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == [len(backup.records)] * 4


OLD_INDICES = {"FilesDomainIdx", "FilesRelativePathIdx", "FilesFlagsIdx"}
NEW_INDICES = {"FilesDomainsRelativePathIdx", "FilesRelativePathIdx", "FilesFlagsIdx"}


@pytest.mark.parametrize(
    ("ios_version", "indices"), [("10.3.3", OLD_INDICES), ("26.5", OLD_INDICES), ("27.0", NEW_INDICES)]
)
def test_a_new_manifest_looks_like_one_from_a_phone(tmp_path: Path, ios_version: str, indices: set[str]) -> None:
    path = tmp_path / "Manifest.db"
    with ManifestWriter(path, ios_version, None, composed=False) as writer:
        writer.add_rows([(1, "ab" * 20, "HomeDomain", "a", 1, b"x")])
        writer.set_property("salt", b"s")
        assert writer.finish() == 1
    data = path.read_bytes()[:-16]
    assert data[16:20] == b"\x10\x00\x02\x02"  # pages of 4,096 bytes, write and read version 2: write-ahead log
    assert struct.unpack(">I", data[60:64]) == (2,)  # user_version
    assert data[68:72] == bytes(4)  # application_id
    assert len(data) == struct.unpack(">I", data[28:32])[0] * 4096
    database = sqlite3.connect(":memory:")
    database.deserialize(data[:18] + b"\1\1" + data[20:])
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")}
    assert names == indices
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("SELECT * FROM Properties").fetchall() == [("salt", b"s")]
    database.close()


def test_our_schema_is_the_one_of_a_real_iphone(shared_data: Path, tmp_path: Path) -> None:
    def schema(data: bytes) -> list[tuple[str, str]]:
        database = sqlite3.connect(":memory:")
        database.deserialize(data[:18] + b"\1\1" + data[20:])
        rows = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        database.close()
        return rows

    real = (shared_data / "ios14-real-manifest/backup/Manifest.db").read_bytes()
    with ManifestWriter(tmp_path / "Manifest.db", "14.3", None) as writer:
        writer.finish()
    written = (tmp_path / "Manifest.db").read_bytes()
    assert schema(written[:-16]) == schema(MemoryManifest("14.3").to_bytes()) == schema(real[:-16])
    assert written[-16:] == real[-16:] == pad_manifest(b"")


def test_a_real_manifest_rewritten_row_by_row_is_the_same_manifest(shared_data: Path, tmp_path: Path) -> None:
    plain(tmp_path)
    with opened(shared_data / "ios14-real-manifest" / "backup") as manifest:
        rows = list(manifest.rows())
    (tmp_path / "Manifest.db").unlink(missing_ok=True)
    with ManifestWriter(tmp_path / "Manifest.db", "14.3", None) as writer:
        writer.add_rows([(number, *row) for number, row in enumerate(rows, 1)])
        writer.finish()
    with opened(tmp_path) as manifest:
        assert list(manifest.rows()) == rows
        assert manifest.row("HomeDomain", "Library/SMS/sms.db") == next(
            row for row in rows if row.file_id == file_id("HomeDomain", "Library/SMS/sms.db")
        )


def test_an_encrypted_manifest_is_padded_to_whole_blocks(tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / "Manifest.db", "17.5", bytes(32)) as writer:
        writer.finish()
    stored = (tmp_path / "Manifest.db").read_bytes()
    data = b"".join(decrypted_chunks([stored], bytes(32)))
    assert len(stored) == len(data) + 16
    assert len(data) % 4096 == 0 and data.startswith(b"SQLite format 3\0")
