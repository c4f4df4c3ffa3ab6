"""Hostile backups: they cannot lead out of their folder, block the program or fill the memory."""

from __future__ import annotations

import json
import os
import plistlib
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.manifest.mbdb import MAGIC
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.verify.run import verify
from migrate.problems import BackupUnreadable, MigrateError
from tests.backup.small_backup import PASSWORD, UDID, SmallBackup, box
from tests.damaged.defect import LEVEL, MESSAGES, PHOTO, database, healthy_backup, store_manifest
from tests.damaged.test_wrong_rows import rewritten, rows_of

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders, and links only for administrators")

MOST_MEMORY = 700 << 20
"""Of addresses, not of memory used: Python, SQLite, cryptography and their threads' stacks take some 400 MB of them."""

LOOK = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from migrate.backup.verify.run import verify
from migrate.backup.reader import Backup
from migrate.problems import MigrateError
folder, password = Path(sys.argv[1]), sys.argv[2] or None
try:
    verdict = verify(folder, password, seals=None)
    answer = [verdict.verdict, [finding.code for finding in verdict.findings]]
except MigrateError as error:
    answer = [error.code, []]
try:
    with Backup.open(folder, password) as backup:
        rows = sum(1 for record in backup.records(lambda bad: None))
except MigrateError as error:
    rows = None
print(json.dumps([*answer, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def look_in_little_memory(backup: SmallBackup) -> tuple[str, list[str], int | None]:
    """Verify and list it in a separate process with limited memory."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", LOOK.format(limit=MOST_MEMORY), str(backup.path), backup.password or ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    verdict, codes, rows, _ = json.loads(done.stdout)
    return verdict, codes, rows


def codes(backup: SmallBackup) -> set[str]:
    return {f.code for f in verify(backup.path, backup.password, seals=None).findings if f.severity == "error"}


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def backup(request: pytest.FixtureRequest, tmp_path: Path) -> SmallBackup:
    return healthy_backup(tmp_path, encrypted=request.param)


@pytest.fixture
def plain(tmp_path: Path) -> SmallBackup:
    return healthy_backup(tmp_path, encrypted=False)


# -- names -----------------------------------------------------------------------------------------------------------

NAMES = ["../../../../etc/passwd", "/etc/passwd", "a\0b", "..", "", "a/../../b", "C:\\Windows", "A" * 40, "é" * 40]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_id_that_is_a_path_is_a_damaged_row(backup: SmallBackup, name: str) -> None:
    database(lambda data: rewritten(data, f"UPDATE Files SET fileID = ? WHERE {WHERE}", name))(backup)
    assert codes(backup) == {"record-bad"}


@pytest.mark.parametrize("domain", ["..", "/", "AppDomain-../../x", "a\0b", "HomeDomain/../.."])
def test_a_domain_that_is_a_path_reads_nothing_elsewhere(backup: SmallBackup, domain: str) -> None:
    """Stored files are found by their id alone; who takes them out joins names through one door (tested there)."""
    record = backup.records[LEVEL]
    database(lambda data: rewritten(data, "UPDATE Files SET domain = ? WHERE fileID = ?", domain, record.file_id))(
        backup
    )
    assert codes(backup) == {"file-id-wrong", "name-unsafe"}


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "a\0b", ".."])
def test_a_path_that_leads_out_is_an_error_even_with_the_right_id(backup: SmallBackup, path: str) -> None:
    """Other programs join it to a folder."""
    backup.add_file("HomeDomain", "Library/honest", b"hostile")
    record = backup.records.pop(("HomeDomain", "Library/honest"))
    backup.blob("HomeDomain", "Library/honest").unlink()
    name = file_id("HomeDomain", path)
    backup.records["HomeDomain", path] = replace(record, relative_path=path, file_id=name)
    place = backup.path / name[:2] / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(os.urandom(16))
    backup.write_manifest()
    assert "name-unsafe" in codes(backup)


# -- what lies there instead -----------------------------------------------------------------------------------------

OWN = ("Info.plist", "Manifest.plist", "Status.plist", "Manifest.db")


@posix
@pytest.mark.parametrize("name", OWN)
def test_a_link_in_place_of_a_plist_or_manifest_is_not_followed(backup: SmallBackup, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (backup.path / name).rename(elsewhere)
    (backup.path / name).symlink_to(elsewhere)
    verdict = verify(backup.path, backup.password, seals=None)
    assert verdict.verdict != "whole"
    said = " ".join(f"{finding.what} {finding.why}" for finding in verdict.findings)
    assert name in said and "symbolic link" in said


@posix
@pytest.mark.parametrize("name", OWN)
def test_a_pipe_in_place_of_a_plist_or_manifest_does_not_block(backup: SmallBackup, name: str) -> None:
    (backup.path / name).unlink()
    os.mkfifo(backup.path / name)
    assert codes(backup)
    if name.startswith("Manifest"):  # a reader asks for no other
        with pytest.raises(MigrateError):
            Backup.open(backup.path, backup.password)


@posix
def test_a_pipe_or_device_in_place_of_a_stored_file_does_not_block(backup: SmallBackup) -> None:
    for name in (PHOTO, MESSAGES):
        backup.blob(*name).unlink()
    os.mkfifo(backup.blob(*PHOTO))
    backup.blob(*MESSAGES).symlink_to("/dev/zero")
    assert codes(backup) == {"file-not-a-file"}
    with Backup.open(backup.path, backup.password) as opened:
        for name in (PHOTO, MESSAGES):
            record = opened.record(*name)
            assert record is not None
            with pytest.raises(MigrateError):
                opened.read(record, 1 << 20)


@posix
def test_a_backup_folder_may_be_a_link(backup: SmallBackup, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(backup.path, target_is_directory=True)
    assert verify(link, backup.password, seals=None).verdict == "whole"


@posix
def test_a_shard_that_leads_elsewhere_is_not_entered(backup: SmallBackup, tmp_path: Path) -> None:
    shard = backup.blob(*MESSAGES).parent
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert {"entry-strange", "file-missing"} <= codes(backup)


# -- claims ----------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["Info.plist", "Manifest.plist", "Status.plist"])
def test_a_plist_of_two_gigabytes_is_not_read(backup: SmallBackup, name: str) -> None:
    """Sparse on the disk; some begin as a property list does."""
    for begin in (b"", b"bplist00", b"<?xml version='1.0'?><plist><string>"):
        with (backup.path / name).open("wb") as file:
            file.write(begin)
            file.truncate(2 << 30)
        _, found, _ = look_in_little_memory(backup)
        assert "plist-garbage" in found


@posix
def test_a_stored_file_of_gigabytes_is_read_in_little_memory(plain: SmallBackup) -> None:
    """Three claims on the form of one: a film whose box is the whole, and a picture and a list without an end."""
    for number, begin in enumerate(
        (box(b"ftyp", b"qt  ") + struct.pack(">I4sQ", 1, b"mdat", 1 << 40), b"\xff\xd8\xff\xda\0\2")
    ):
        name = ("CameraRollDomain", f"Media/DCIM/100APPLE/BIG_{number}.MOV")
        plain.add_file(*name, begin)
        with plain.blob(*name).open("r+b") as file:
            file.truncate(300 << 20)
    plain.write_manifest()
    verdict, found, _ = look_in_little_memory(plain)
    assert verdict == "damaged" and found.count("form-broken") == 2


def test_a_manifest_that_claims_a_billion_rows_is_refused(backup: SmallBackup) -> None:
    """Interior pages that hold the same children again and again: a few kilobytes, and 10,000,000,000,000 rows."""
    database(many_children)(backup)
    verdict, found, _ = look_in_little_memory(backup)
    assert verdict == "unreadable" or {"manifest-unreadable", "manifest-faulty"} & set(found)


def many_children(data: bytes) -> bytes:
    """The root of `Files` becomes an interior page whose 400 children are interior pages of 400 children …"""
    page_bytes = 4096
    root = int(root_of(data, "Files"))
    pages = [data[at : at + page_bytes] for at in range(0, len(data), page_bytes)]
    leaf = next(n for n, page in enumerate(pages, 1) if page[0] == 0x0D and n > 1)
    level = leaf
    for _ in range(5):
        pages.append(interior(level, page_bytes))
        level = len(pages)
    pages[root - 1] = interior(level, page_bytes)
    whole = bytearray(b"".join(pages))
    whole[28:32] = len(pages).to_bytes(4, "big")
    return bytes(whole)


def endless(data: bytes, page: int, begins: int = 0) -> bytes:
    """The B-tree whose root is this page, below five levels of pages that each name the next as 400 children: nothing
    in it is in the wrong order for a reader, and no reader comes to its end. `begins`: where the tree starts there."""
    pages = [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)]
    root = pages[page - 1]
    count = int.from_bytes(root[begins + 3 : begins + 5], "big")
    head = root[begins : begins + 8 + 2 * count]  # a leaf's header and where its cells lie: places in the whole page
    pages.append(head + root[len(head) :])
    for _ in range(5):
        pages.append(interior(len(pages), PAGE_BYTES))
    above = interior(len(pages), PAGE_BYTES, begins)
    pages[page - 1] = root[:begins] + above[begins:]
    whole = bytearray(b"".join(pages))
    whole[28:32] = len(pages).to_bytes(4, "big")
    return bytes(whole)


PAGE_BYTES = 4096


def endless_schema(data: bytes) -> bytes:
    """Read while the database is opened."""
    return endless(data, page=1, begins=100)


def endless_without_index(data: bytes) -> bytes:
    """No row of it is the one that is asked for, so none ever comes."""
    data = rewritten(data, "SELECT 1", schema="CREATE TABLE Files (fileID, domain, relativePath, flags, file)")
    data = rewritten(data, "DELETE FROM Files WHERE rowid > 3")
    return endless(data, page=int(root_of(data, "Files")))


@pytest.mark.parametrize("change", [endless_schema, endless_without_index])
def test_an_endless_query_is_interrupted(backup: SmallBackup, change: Callable[[bytes], bytes]) -> None:
    database(change)(backup)
    assert {"manifest-unreadable", "manifest-faulty"} & codes(backup)
    with (
        pytest.raises(BackupUnreadable, match="more rows than it has room for"),
        Backup.open(backup.path, backup.password) as opened,
    ):
        opened.record("HomeDomain", "Library/nowhere")


def test_an_endless_check_of_a_stored_database_is_interrupted(plain: SmallBackup) -> None:
    """It is no finding: the check did not reach the end of the file."""
    whole = (plain.path / "Manifest.db").read_bytes()[:-16]
    plain.add_file("AppDomain-com.example.game", "Documents/x.db", endless_schema(whole))
    plain.write_manifest()
    assert codes(plain) == set()


def interior(child: int, page_bytes: int, begins: int = 0) -> bytes:
    cells = [child.to_bytes(4, "big") + varint(number) for number in range(1, 400)]
    body, places, at = bytearray(page_bytes), b"", page_bytes
    for cell in cells:
        at -= len(cell)
        body[at : at + len(cell)] = cell
        places += at.to_bytes(2, "big")
    header = struct.pack(">BHHHB", 5, 0, len(cells), at, 0) + child.to_bytes(4, "big")
    body[begins : begins + len(header) + len(places)] = header + places
    return bytes(body)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([0x80 | number >> 7, number & 127])


def root_of(data: bytes, table: str) -> int:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data[:18] + b"\1\1" + data[20:])
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    return int(root)


@pytest.mark.parametrize("tag", [b"ITER", b"DPIC"])
def test_a_keybag_that_asks_for_four_billion_rounds_is_refused(tmp_path: Path, tag: bytes) -> None:
    backup = healthy_backup(tmp_path, encrypted=True)
    bag = backup.keybag.to_bytes()
    at = bag.index(tag) + 8
    lie = backup.manifest_plist() | {"BackupKeyBag": bag[:at] + b"\xff\xff\xff\xff" + bag[at + 4 :]}
    backup.write_plist("Manifest.plist", lie, binary=True)
    verdict = verify(backup.path, PASSWORD, seals=None)
    assert verdict.verdict == "unreadable"
    assert any("4,294,967,295 rounds" in finding.why for finding in verdict.findings)


def test_a_cyclic_or_very_deep_archive_is_a_damaged_row(backup: SmallBackup) -> None:
    circle: dict[str, Any] = {"$version": 1, "$archiver": "NSKeyedArchiver", "$top": {"root": plistlib.UID(1)}}
    circle["$objects"] = ["$null", plistlib.UID(1)]
    deep = b"bplist00" + b"".join(b"\xa1" + bytes([n + 1]) for n in range(200)) + b"\x09"
    deep += bytes(8 + 2 * n for n in range(124)) + struct.pack(">6xBBQQQ", 1, 1, 124, 0, 409)
    for archive in (plistlib.dumps(circle, fmt=plistlib.FMT_BINARY), deep):
        backup.write()
        database(lambda data, archive=archive: rewritten(data, f"UPDATE Files SET file = ? WHERE {WHERE}", archive))(
            backup
        )  # type: ignore[misc]
        assert codes(backup) == {"record-bad"}


WHERE = f"domain = '{LEVEL[0]}' AND relativePath = '{LEVEL[1]}'"


# -- databases that are not what they seem ---------------------------------------------------------------------------


def schema(*statements: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        for statement in statements:
            data = rewritten(data, statement)
        return data

    return change


SCHEMAS: dict[str, tuple[Callable[[bytes], bytes], bool]] = {
    "a view called Files": (
        schema("ALTER TABLE Files RENAME TO Real", "CREATE VIEW Files AS SELECT * FROM Real"),
        False,
    ),
    "a view that never ends": (
        schema(
            "DROP TABLE Files",
            "CREATE VIEW Files(fileID, domain, relativePath, flags, file) AS WITH RECURSIVE n(i) AS (SELECT 1 "
            "UNION ALL SELECT i + 1 FROM n) SELECT i, i, i, i, zeroblob(1000000000) FROM n",
        ),
        False,
    ),
    "a virtual table": (
        schema("DROP TABLE Files", "CREATE VIRTUAL TABLE Files USING fts5(fileID, domain, relativePath, flags, file)"),
        False,
    ),
    "computed columns": (
        schema(
            "DROP TABLE Files",
            "CREATE TABLE Files (fileID TEXT, domain TEXT, relativePath TEXT, flags INTEGER, "
            "file BLOB GENERATED ALWAYS AS (zeroblob(1000000000)))",
        ),
        False,
    ),
    "a trigger": (
        schema("CREATE TRIGGER t AFTER INSERT ON Files BEGIN DELETE FROM Files; END"),
        True,
    ),
    "an index that computes": (schema("CREATE INDEX i ON Files(length(hex(domain)))"), True),
    "a column missing": (schema("ALTER TABLE Files RENAME COLUMN file TO blob"), False),
    "a table Files of another case beside it": (schema("CREATE VIEW [FILES2] AS SELECT * FROM Files"), True),
}


@pytest.mark.parametrize(("change", "opens"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_only_a_plain_table_is_read(backup: SmallBackup, change: Callable[[bytes], bytes], opens: bool) -> None:
    database(change)(backup)
    assert codes(backup) == (set() if opens else {"manifest-unreadable"})


def test_values_of_any_type_are_damaged_rows_and_the_rest_is_read(backup: SmallBackup) -> None:
    odd: tuple[object, ...] = (None, 7, 1.5, b"\xff", "text")

    def change(data: bytes) -> bytes:
        data = rewritten(data, "SELECT 1", schema="CREATE TABLE Files (fileID, domain, relativePath, flags, file)")
        for number in range(5 * 5):
            row = [("a" * 40), "HomeDomain", "x", 1, b""]
            row[number // 5] = odd[number % 5]
            data = rewritten(data, "INSERT INTO Files VALUES (?, ?, ?, ?, ?)", *row)
        return data

    database(change)(backup)
    verdict = verify(backup.path, backup.password, seals=None)
    assert {f.code for f in verdict.findings if f.severity == "error"} == {"record-bad"}
    assert verdict.records == len(backup.records) + 25
    assert verdict.files == len(backup.contents), "every sound row is read all the same"


def test_rows_with_very_long_names_are_damaged_and_their_names_are_cut(backup: SmallBackup) -> None:
    """Each would stand several times in what is said of it: with millions of bytes a row, that is gigabytes."""
    many = "UPDATE Files SET relativePath = printf('%.*c', 50000, '/') WHERE flags = 2"
    database(lambda data: rewritten(data, many))(backup)
    found = [f for f in verify(backup.path, backup.password, seals=None).findings if f.severity == "error"]
    directories = [record for record in backup.records.values() if record.kind is Kind.DIRECTORY]
    assert [finding.code for finding in found] == ["record-bad"] * len(directories)
    assert max(len(f"{finding.relative_path}{finding.what}") for finding in found) < 1000


def test_a_stored_database_that_is_not_one_is_reported(backup: SmallBackup) -> None:
    backup.add_file("AppDomain-com.example.game", "Documents/x.db", b"SQLite format 3\0" + os.urandom(5000))
    backup.write_manifest()
    verdict = verify(backup.path, backup.password, seals=None)
    assert verdict.verdict == "whole"
    assert ("database-damaged", "warning") in {(finding.code, finding.severity) for finding in verdict.findings}


# -- Manifest.mbdb ---------------------------------------------------------------------------------------------------

NUMBERS = bytes(2 + 8 + 4 * 5 + 8 + 1)


@pytest.mark.parametrize(
    "data",
    [
        MAGIC + b"\xff\xfe" + b"HomeDomain",
        MAGIC + b"\0\1a" * 5 + NUMBERS + b"\xff",
        MAGIC + b"\0\1a" * 5 + NUMBERS + b"\xff" + (b"\xff\xfe" + bytes(10)) * 510,
        MAGIC + b"\xff\xff" * 5,
        MAGIC[:5],
    ],
    ids=["a domain of 64 KB", "255 attributes", "attributes of 64 KB", "numbers missing", "cut in the magic"],
)
def test_an_mbdb_that_claims_more_than_it_has_is_unreadable(plain: SmallBackup, data: bytes) -> None:
    (plain.path / "Manifest.db").unlink()
    (plain.path / "Manifest.mbdb").write_bytes(data)
    assert "manifest-unreadable" in codes(plain)


@posix
def test_an_mbdb_of_two_gigabytes_is_not_read(plain: SmallBackup) -> None:
    (plain.path / "Manifest.db").unlink()
    for begin in (b"", MAGIC):
        with (plain.path / "Manifest.mbdb").open("wb") as file:
            file.write(begin)
            file.truncate(2 << 30)
        verdict, found, _ = look_in_little_memory(plain)
        assert verdict == "unreadable" and "manifest-unreadable" in found


def test_rows_are_those_that_were_written(plain: SmallBackup) -> None:
    """The instruments above do what they say."""
    data = (plain.path / "Manifest.db").read_bytes()[:-16]
    assert len(rows_of(data)) == len(plain.records)
    store_manifest(plain, data)
    assert plain.path.name == UDID and codes(plain) == set()
