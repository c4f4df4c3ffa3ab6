"""Notes, read from stores of several versions and compared with what Notes itself shows."""

from __future__ import annotations

import gzip
import re
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import FileRef, State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.normal_form import text
from migrate.content.protobuf import NotProtobuf, bytes_field, fields
from migrate.content.readers.notes.body import decode_body
from migrate.content.readers.notes.media import without_generation
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.old_store import plain_text
from migrate.content.source import Source
from migrate.simulator.contents.note_bodies import note_body
from tests.made_backups import DATA, MakeBackup

GROUP = "AppDomainGroup-group.com.apple.notes"
STORE = (GROUP, "NoteStore.sqlite")
OLD_STORE = ("HomeDomain", "Library/Notes/notes.sqlite")

Read = Callable[..., tuple[list[Any], list[Any], Source]]


@pytest.fixture
def read(make_backup: MakeBackup, tmp_path: Path) -> Read:
    """`read(contents)`: the notes of a backup with these files, the findings, and the source."""

    def read_notes(contents: dict[tuple[str, str], bytes]) -> Any:
        findings: list[object] = []
        source = Source(make_backup(contents), tmp_path, source_places(), findings.append)
        return list(kind("notes").items(source)), findings, source

    return read_notes


# What Notes itself shows


def answers(path: Path) -> dict[str, dict[str, str]]:
    """Notes' answers to AppleScript, by the note's primary key."""
    found = {}
    for block in re.split(r"^note\.id=", path.read_text(), flags=re.MULTILINE)[1:]:
        key = block.split("\n", 1)[0].rpartition("/p")[2]
        parts = re.split(r"^note\.(\w+)=", block, flags=re.MULTILINE)
        found[key] = dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


@pytest.mark.parametrize(
    ("store", "text_file"),
    [
        ("NoteStore-macOS-13-Ventura.sqlite", "Notes-macOS-13-Ventura.txt"),
        ("NoteStore-macOS-26-Tahoe.sqlite", "notes_macOS-26-Tahoe-beta.txt"),
    ],
)
def test_every_note_is_as_notes_shows_it(read: Read, shared_data: Path, store: str, text_file: str) -> None:
    folder = shared_data / "databases/notes-macos"
    items, findings, _ = read({STORE: (folder / store).read_bytes()})
    shown = answers(folder / text_file)
    with closing(sqlite3.connect(f"file:{folder / store}?mode=ro&immutable=1", uri=True)) as database:
        keys = dict(database.execute("SELECT ZIDENTIFIER, Z_PK FROM ZICCLOUDSYNCINGOBJECT"))

    live = {str(keys[item.id]): item for item in items if item.state is State.LIVE}
    assert findings == []
    assert live.keys() == shown.keys()
    assert len(live) == 7
    for key, item in live.items():
        answer = shown[key]
        assert item.title == answer["name"].strip()
        assert item.folder == answer["folder"].strip()
        assert item.locked == (answer["password_protected"].strip() == "True")
        if not item.locked:
            assert item.fingerprint()["text"] == text(answer["plaintext"])
            assert item.body.count("\ufffc") == len(item.attachments_in_text) == len(item.attachments)
            assert sorted(item.attachments_in_text) == list(item.attachments)
        assert (item.account, item.absent, item.undecoded) == (None, 0, frozenset())
    deleted = [item.title for item in items if item.state is State.DELETED]
    assert deleted == (["This note is deleted"] if "26" in store else [])


def test_the_bodies_of_iphones(shared_data: Path) -> None:
    folder = shared_data / "databases/note-bodies"

    def decoded(name: str) -> Any:
        return decode_body((folder / f"{name}_gzipped.bin").read_bytes())

    assert decoded("simple_note_protobuf").text == "Title"
    lists = decoded("list_indents")
    assert lists.text.startswith("Indents in lists\n\nChecklist\nIndented checklist 1\nIndented checklist 2 checked")
    assert len(lists.checklist) == 4
    assert "🧑\u200d💻6👩\u200d💻7" in decoded("emoji_formatting_1").text
    assert decoded("url").text
    assert decoded("text_decorations").text
    with pytest.raises(NotProtobuf):
        decoded("table")  # a table's own data, which is no note


def test_the_lines_of_a_checklist() -> None:
    def field(number: int, data: bytes) -> bytes:
        low, high = len(data) & 127, len(data) >> 7
        return bytes([number << 3 | 2, *((low | 128, high) if high else (low,))]) + data

    def run(identity: bytes, done: int) -> bytes:
        return field(5, b"\x08\x01" + field(2, b"\x08\x67" + field(5, field(1, identity) + b"\x10" + bytes([done]))))

    plain = field(5, b"\x08\x01")
    runs = run(b"A" * 16, 1) + run(b"A" * 16, 1) + run(b"B" * 16, 0) + plain + run(b"C" * 16, 1)
    body = decode_body(gzip.compress(field(2, field(3, field(2, "Äb\n".encode()) + runs))))

    assert body.text == "Äb\n"
    assert body.checklist == (True, False, True)


def test_the_synthetic_store_of_ios_18(read: Read, shared_data: Path) -> None:
    items, _, _ = read({STORE: (shared_data / "databases/ios18-synthetic/notes.1.NoteStore.sqlite").read_bytes()})

    by_title = {item.title: item for item in items}
    assert len(items) == len(by_title) == 6
    assert by_title["Shopping"].body == "Shopping list\nmilk\neggs\nbread"
    assert by_title["Trash note"].state is State.DELETED
    assert by_title["Trash note"].body == "Remember to call the bank"
    assert by_title["Empty"].fingerprint()["text"] == ""
    assert by_title["Corrupt body"].undecoded == {"text", "checklist"}
    assert by_title["Corrupt body"].fingerprint()["text"]
    assert by_title["Locked"].locked
    assert by_title["Locked"].undecoded == frozenset()
    assert by_title["Corrupt date"].when is None
    assert {item.account for item in items} == {"On My iPhone"}  # its author gave that account the type 1


# The same notes in every schema

BODY = gzip.compress(note_body("Shopping\nmilk\ufffc"))
TABLE = "ZICCLOUDSYNCINGOBJECT"
NEW_SCHEMA = """
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZICNOTEDATA (Z_PK INTEGER PRIMARY KEY, ZNOTE INTEGER, ZDATA BLOB);
CREATE TABLE ZICCLOUDSYNCINGOBJECT (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZIDENTIFIER VARCHAR,
 ZMARKEDFORDELETION INTEGER, ZISPASSWORDPROTECTED INTEGER, ZNEEDSINITIALFETCHFROMCLOUD INTEGER, ZNAME VARCHAR,
 ZACCOUNTTYPE INTEGER, ZFOLDERTYPE INTEGER, ZFILENAME VARCHAR, {columns});
"""


class Version:
    """The names of columns in one version's schema."""

    def __init__(self, **names: str) -> None:
        usual = {"title": "ZTITLE1", "folder_title": "ZTITLE2", "folder": "ZFOLDER", "note": "ZNOTE"}
        usual |= {"created": "ZCREATIONDATE1", "modified": "ZMODIFICATIONDATE1", "account": "ZACCOUNT2"}
        usual |= {"attachment": "ZATTACHMENT1", "generation": "ZGENERATION1", "other_title": "ZTITLE"}
        self.names = usual | names


def seen(name: str) -> str:
    path = DATA / "databases/schemas/notes" / f"notes_{name}.sql"
    if not path.is_file():
        pytest.skip("the shared test data is not beside this checkout")
    return path.read_text()


def guessed(version: Version) -> str:
    """A schema with this version's columns, and a few of other entities."""
    others = ("ZTITLE", "ZACCOUNT", "ZACCOUNT1", "ZCREATIONDATE", "ZMODIFICATIONDATE", "ZNOTE1", "ZNEWIN26")
    return NEW_SCHEMA.format(columns=", ".join(dict.fromkeys((*version.names.values(), *others))))


OF_9 = Version(created="ZCREATIONDATE", account="ZACCOUNT1", folder="", attachment="", generation="")
OF_11 = Version(generation="")
OF_17 = Version(account="ZACCOUNT7", created="ZCREATIONDATE3")
OF_26 = Version(
    title="ZTITLE4", folder_title="ZTITLE9", folder="ZFOLDER2", created="ZCREATIONDATE7", account="ZACCOUNT11"
)
VERSIONS: dict[str, tuple[Version, Callable[[], str], int]] = {
    "9.3.5": (OF_9, lambda: seen("9.3.5"), 1),
    "11.2": (OF_11, lambda: seen("11.2"), 2),
    "15": (Version(account="ZACCOUNT3"), lambda: guessed(Version(account="ZACCOUNT3")), 3),
    "17": (OF_17, lambda: guessed(OF_17), 4),
    "26": (OF_26, lambda: guessed(OF_26), 40),
}


def store(path: Path, name: str, *statements: str) -> bytes:
    """Three notes: one with a picture, one in Recently Deleted, one of iCloud; and the rest of a deleted one."""
    version, schema, first = VERSIONS[name]
    path.unlink(missing_ok=True)
    names = version.names
    with closing(sqlite3.connect(path)) as database:
        database.executescript(schema())
        for number, entity in enumerate(("ICNote", "ICFolder", "ICAccount", "ICAttachment", "ICMedia"), first):
            database.execute("INSERT INTO Z_PRIMARYKEY VALUES (?, ?, 0, 0)", (number, entity))

        def add(key: int, entity: int, identifier: str, **row: Any) -> int:
            row = {names.get(column, column): value for column, value in row.items()}
            row = {column: value for column, value in row.items() if column}
            row |= {
                "Z_PK": key * first,
                "Z_ENT": first + entity,
                "ZIDENTIFIER": identifier,
                "ZMARKEDFORDELETION": 0,
            } | {column: value for column, value in row.items() if column == "ZMARKEDFORDELETION"}
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {TABLE} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
            return key * first

        here = add(1, 2, "LocalAccount", ZNAME="On My iPhone", ZACCOUNTTYPE=3)
        there = add(2, 2, "A-1", ZNAME="iCloud", ZACCOUNTTYPE=1)
        folder = add(3, 1, "F-1", folder_title="Cafe\u0301s", ZFOLDERTYPE=0)
        trash = add(4, 1, "TrashFolder-CloudKit", folder_title="Recently Deleted", ZFOLDERTYPE=1)
        for key, identifier, where, account in (
            (10, "N-1", folder, here),
            (11, "N-2", trash, here),
            (9, "N-3", folder, there),
        ):
            note = add(key, 0, identifier, title="Shopping", folder=where, account=account, created=7e8, modified=7.1e8)
            database.execute("INSERT INTO ZICNOTEDATA (ZNOTE, ZDATA) VALUES (?, ?)", (note, BODY))
            if version is OF_9:
                database.execute("INSERT INTO Z_12NOTES (Z_12FOLDERS, Z_9NOTES) VALUES (?, ?)", (where, note))
        add(12, 0, "N-4", title="New Note", folder=trash, account=here, ZMARKEDFORDELETION=1)
        picture = {"ZMEDIA": 21 * first} if version is OF_9 else {}
        attachment = add(20, 3, "AT-1", note=10 * first, other_title="a picture", **picture)
        add(21, 4, "M-1", ZFILENAME="page.jpg", attachment=attachment, generation="1_G")
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path.read_bytes()


EXPECTED = Note(
    id="N-1",
    when=978_307_200 + 7e8,
    modified=978_307_200 + 7.1e8,
    title="Shopping",
    body="Shopping\nmilk\ufffc",
    attachments=("AT-1",),
    folder="Cafés",
)
MEDIUM = (GROUP, "Accounts/LocalAccount/Media/M-1/1_G/page.jpg")


@pytest.mark.parametrize("name", VERSIONS)
def test_the_same_notes_are_equal_in_every_schema(read: Read, tmp_path: Path, name: str) -> None:
    items, findings, _ = read({STORE: store(tmp_path / "made.db", name), MEDIUM: b"picture"})

    assert findings == []
    assert [(item.id, item.state, item.account) for item in items] == [
        ("N-1", State.LIVE, None),
        ("N-2", State.DELETED, None),
        ("N-3", State.LIVE, "iCloud"),
    ]
    assert compare(EXPECTED, items[0]) == ((), (), ())
    assert (items[0].when, items[0].modified) == (EXPECTED.when, EXPECTED.modified)
    assert items[0].files == (FileRef(*MEDIUM),)
    assert [(item.offloaded, item.absent) for item in items] == [(0, 0)] * 3


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE ZICNOTEDATA SET ZDATA = NULL", "text"),
        ("DELETE FROM ZICNOTEDATA", "text"),
        (f"UPDATE {TABLE} SET ZTITLE1 = 'Shop' WHERE ZTITLE1 NOT NULL", "title"),
        (f"UPDATE {TABLE} SET ZTITLE2 = 'Other' WHERE ZTITLE2 NOT NULL", "folder"),
        (f"DELETE FROM {TABLE} WHERE Z_ENT = 7", "attachments"),
        (f"UPDATE {TABLE} SET ZNOTE = NULL", "attachments"),
        (f"UPDATE {TABLE} SET ZMARKEDFORDELETION = 1 WHERE Z_ENT = 4", "deleted"),
    ],
)
def test_a_change_is_seen(read: Read, tmp_path: Path, statement: str, field: str) -> None:
    items, _, _ = read({STORE: store(tmp_path / "made.db", "17", statement)})

    assert compare(EXPECTED, items[0]).differing == (field,)


def test_a_locked_note_is_compared_by_its_bytes(read: Read, tmp_path: Path) -> None:
    lock = f"UPDATE {TABLE} SET ZISPASSWORDPROTECTED = 1 WHERE ZIDENTIFIER = 'N-1'"
    damage = "UPDATE ZICNOTEDATA SET ZDATA = x'00' WHERE ZNOTE = 40"
    note = read({STORE: store(tmp_path / "made.db", "17", lock)})[0][0]
    (tmp_path / "backup").rename(tmp_path / "before")
    other = read({STORE: store(tmp_path / "made.db", "17", lock, damage)})[0][0]

    assert (note.locked, note.body, note.undecoded) == (True, None, frozenset())
    assert note.describe().startswith("the locked note “Shopping”, ")
    assert compare(note, other).differing == ("text",)


def test_a_body_that_cannot_be_decoded_is_undecided(read: Read, tmp_path: Path) -> None:
    damage = "UPDATE ZICNOTEDATA SET ZDATA = substr(ZDATA, 1, 20)"
    note = read({STORE: store(tmp_path / "made.db", "17", damage)})[0][0]

    assert note.body is None
    assert compare(EXPECTED, note).undecided == ("text", "checklist")


def test_a_picture_without_a_file_is_only_in_icloud_with_evidence(read: Read, tmp_path: Path) -> None:
    fetch = f"UPDATE {TABLE} SET ZNEEDSINITIALFETCHFROMCLOUD = 1 WHERE ZIDENTIFIER = 'M-1'"
    without = read({STORE: store(tmp_path / "made.db", "17")})[0][0]
    (tmp_path / "backup").rename(tmp_path / "before")
    offloaded = read({STORE: store(tmp_path / "made.db", "17", fetch)})[0][0]

    assert (without.files, without.offloaded, without.absent) == ((), 0, 1)
    assert (offloaded.files, offloaded.offloaded, offloaded.absent) == ((), 1, 0)


def test_the_file_of_another_generation_is_found(read: Read, tmp_path: Path) -> None:
    folder = "Accounts/LocalAccount/Media/M-1"
    others = {(GROUP, f"{folder}/{name}"): b"x" for name in ("2_H/page.jpg", "2_H/poster.png")}
    items, _, _ = read({STORE: store(tmp_path / "made.db", "17"), **others})

    assert [ref.relative_path for ref in items[0].files] == [f"{folder}/2_H/page.jpg"]
    assert without_generation(items[0].files[0].relative_path) == without_generation(MEDIUM[1])
    assert without_generation(f"{folder}/page.jpg") == f"{folder}/page.jpg"


@pytest.mark.parametrize("version", ["12.5", "15.8", "18.5"])
def test_a_simulated_phone(phones_backup: Callable[..., Any], tmp_path: Path, version: str) -> None:
    backup, _ = phones_backup(version, notes=9, icloud_notes=4)
    items: list[Any] = list(kind("notes").items(Source(backup, tmp_path, source_places())))

    assert len(items) == 9
    assert sum(item.account == "iCloud" for item in items) == 4
    assert sum(len(item.files) for item in items) == 1
    for item in items:
        assert item.body.split("\n")[0] == item.title
        assert item.folder == "Notes"
        assert item.absent == 0


# The old store


@pytest.mark.parametrize("name", ["6.1.6", "9.3.5", "11.2"])
def test_the_old_store(read: Read, tmp_path: Path, shared_data: Path, name: str) -> None:
    path = tmp_path / "made.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((shared_data / f"databases/schemas/oldnotes/notes_{name}.sql").read_text())
        database.execute("INSERT INTO ZACCOUNT (Z_PK, ZTYPE, ZNAME) VALUES (1, 0, 'x'), (2, 1, 'Mail')")
        database.execute("INSERT INTO ZSTORE (Z_PK, ZACCOUNT, ZNAME) VALUES (1, 1, 'Local'), (2, 2, 'Notes')")
        database.execute(
            "INSERT INTO ZNOTE (Z_PK, ZGUID, ZTITLE, ZSTORE, ZCREATIONDATE, ZDELETEDFLAG, ZISBOOKKEEPINGENTRY) VALUES"
            " (1, 'B', 'Tea', 1, 4e8, 0, 0), (2, 'A', 'Milk', 2, 4e8, 1, 0), (3, 'C', 'x', 1, 4e8, 0, 1)"
        )
        database.execute("INSERT INTO ZNOTEBODY (ZOWNER, ZCONTENT) VALUES (1, 'Tea<div>1 &amp; 2</div>'), (2, 'Milk')")
        database.commit()
    items, findings, _ = read({OLD_STORE: path.read_bytes()})

    assert findings == []
    assert [(item.id, item.title, item.body) for item in items] == [("A", "Milk", "Milk"), ("B", "Tea", "Tea\n1 & 2")]
    assert [(item.state, item.account) for item in items] == [(State.DELETED, "Mail"), (State.LIVE, None)]


def test_plain_text_of_html() -> None:
    assert plain_text("Title<div><br></div><div>a&lt;b</div><div>c<b>d</b></div>") == "Title\n\na<b\ncd"
    assert plain_text("a<br>b<br/>c") == "a\nb\nc"
    for hostile in ("<" * 300_000, "<a" * 300_000, "<!--" * 300_000, "&" * 300_000):
        begun = time.process_time()
        plain_text(hostile)
        assert time.process_time() - begun < 5


# Strangers


@pytest.mark.parametrize("name", ["17"])
def test_a_store_without_its_entities_or_tables_is_not_empty(
    read: Read, make_database: Callable[[str], bytes], name: str, tmp_path: Path
) -> None:
    for script in ("CREATE TABLE other (x)", guessed(VERSIONS[name][0]), "CREATE TABLE ZICNOTEDATA (ZNOTE, ZDATA)"):
        items, findings, source = read({STORE: make_database(script)})
        (tmp_path / "backup").rename(tmp_path / f"before-{len(script)}")
        assert items == []
        assert len(findings) == 1
        assert FileRef(*STORE) in source.failed


def test_bodies_that_expand_without_end_are_not_decoded() -> None:
    bomb = zlib.compress(b"\0" * (80 << 20), 9)
    with pytest.raises(ValueError, match="too long"):
        decode_body(bomb)


def test_damaged_bodies_raise_only_value_errors() -> None:
    whole = note_body("Title\nand more")
    for cut in range(len(whole)):
        for damaged in (whole[:cut], whole[:cut] + b"\xff" + whole[cut + 1 :], whole[:cut] + b"\x80" * 11):
            try:
                decode_body(gzip.compress(damaged))
            except ValueError:
                continue


@pytest.mark.parametrize("damaged", [b"\x0a\x05abc", b"\x0b", b"\x02", b"\x08", b"\x08" + b"\xff" * 11, b"\x09123"])
def test_what_is_not_protobuf(damaged: bytes) -> None:
    with pytest.raises(NotProtobuf):
        list(fields(damaged))


def test_the_fields_of_a_message() -> None:
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d1234" + b"\x2112345678"
    assert list(fields(message)) == [(1, 150), (2, b"hi"), (3, b"1234"), (4, b"12345678")]
    assert bytes_field(message, 2) == b"hi"
    with pytest.raises(NotProtobuf):
        bytes_field(message, 1)
