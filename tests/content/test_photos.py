"""Photos and videos, read from libraries of several iOS versions."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import FileRef, Item, State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.photos import Photo
from migrate.content.source import Source
from tests.made_backups import DATA, MakeBackup

STORE = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
DCIM = "Media/DCIM/100APPLE"
UUIDS = [
    "0A000000-0000-4000-8000-000000000001",
    "B2000000-0000-4000-8000-000000000002",
    "C3000000-0000-4000-8000-00000003",
]
TAKEN = 736_000_000.25

Read = Callable[..., tuple[list[Any], list[Any], Source]]


@pytest.fixture
def read(make_backup: MakeBackup, tmp_path: Path) -> Iterator[Read]:
    """`read(contents)`: the photos of a backup with these files, the findings, and the source."""

    def read_photos(contents: dict[tuple[str, str], bytes], ios_version: str = "18.5") -> Any:
        findings: list[object] = []
        source = Source(make_backup(contents, ios_version=ios_version), tmp_path, source_places(), findings.append)
        return list(kind("photos").items(source)), findings, source

    yield read_photos


def library(
    path: Path,
    *,
    schema: str,
    table: str = "ZASSET",
    join: tuple[str, str, str] = ("Z_30ASSETS", "Z_30ALBUMS", "Z_3ASSETS"),
    entity: int = 30,
    shift: int = 0,
    binary_ids: bool = False,
) -> bytes:
    """The same three photos and two albums in any schema. `shift` moves all primary keys."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        for statement in schema.split(";"):
            if "TRIGGER" not in statement.upper() and statement.strip().upper().startswith("CREATE"):
                database.execute(statement)
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        database.execute("INSERT INTO Z_PRIMARYKEY VALUES (?, 'Album', ?, 9)", (entity, entity - 1))
        rows: list[dict[str, Any]] = [
            {"ZFILENAME": "IMG_0001.HEIC", "ZKIND": 0, "ZFAVORITE": 1, "ZTRASHEDSTATE": 0},
            {"ZFILENAME": "IMG_0002.MOV", "ZKIND": 1, "ZFAVORITE": 0, "ZTRASHEDSTATE": 0},
            {"ZFILENAME": "IMG_0003.HEIC", "ZKIND": 0, "ZFAVORITE": 0, "ZTRASHEDSTATE": 1},
        ]
        for number, row in list(enumerate(rows, 1))[:: -1 if shift else 1]:
            identity: str | bytes = UUIDS[number - 1]
            if binary_ids:
                identity = bytes.fromhex(str(identity).replace("-", "").ljust(32, "0"))
            known = {
                **row,
                "Z_PK": number + shift,
                "ZUUID": identity,
                "ZDIRECTORY": "DCIM/100APPLE",
                "ZHIDDEN": 0,
                "ZDATECREATED": TAKEN + number,
                "ZMODIFICATIONDATE": TAKEN + 1000,
                "ZADDITIONALATTRIBUTES": 50 + number,
                "ZSAVEDASSETTYPE": 3,
            }
            insert(database, table, {name: value for name, value in known.items() if name in columns})
            name = unicodedata.normalize("NFD" if shift else "NFC", f"Café {number}.HEIC")
            attributes = {"Z_PK": 50 + number, "ZASSET": number + shift, "ZORIGINALFILENAME": name}
            insert(database, "ZADDITIONALASSETATTRIBUTES", attributes)
        for key, (kind_, title) in enumerate([(2, "Zoo"), (2, "Aunt"), (1552, "Not the person's")], 700 + shift):
            insert(database, "ZGENERICALBUM", {"Z_PK": key, "ZKIND": kind_, "ZTITLE": title})
            insert(database, join[0], {join[1]: key, join[2]: 1 + shift})
        database.commit()
    return path.read_bytes()


def insert(database: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


NEW_SCHEMA = """
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZUUID VARCHAR, ZDIRECTORY VARCHAR, ZFILENAME VARCHAR,
 ZKIND INTEGER, ZKINDSUBTYPE INTEGER, ZTRASHEDSTATE INTEGER, ZHIDDEN INTEGER, ZFAVORITE INTEGER, ZBUNDLESCOPE INTEGER,
 ZSAVEDASSETTYPE INTEGER, ZVISIBILITYSTATE INTEGER, ZDATECREATED TIMESTAMP, ZMODIFICATIONDATE TIMESTAMP,
 ZADDITIONALATTRIBUTES INTEGER, ZCOLUMNOF27 INTEGER);
CREATE INDEX Z_Asset_byUuidIndex ON ZASSET (ZUUID COLLATE BINARY ASC);
CREATE TABLE ZADDITIONALASSETATTRIBUTES (Z_PK INTEGER PRIMARY KEY, ZASSET INTEGER, ZORIGINALFILENAME VARCHAR);
CREATE TABLE ZGENERICALBUM (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZKIND INTEGER, ZTITLE VARCHAR,
 ZTRASHEDSTATE INTEGER);
CREATE TABLE ZINTERNALRESOURCE (Z_PK INTEGER PRIMARY KEY, ZASSET INTEGER, ZDATASTORESUBTYPE INTEGER,
 ZLOCALAVAILABILITY INTEGER, ZREMOTEAVAILABILITY INTEGER, ZRESOURCETYPE INTEGER);
"""


def renumbered(number: int) -> dict[str, Any]:
    """A *guessed* schema: iOS 16, 17 and 26 with another number of the album's entity, and a join table of memories."""
    join = (f"Z_{number}ASSETS", f"Z_{number}ALBUMS", "Z_3ASSETS")
    tables = (
        f"CREATE TABLE {join[0]} ({join[1]} INTEGER, {join[2]} INTEGER, Z_FOK_3ASSETS INTEGER);"
        "CREATE TABLE Z_3MEMORIESBEINGCURATEDASSETS (Z_3CURATEDASSETS INTEGER, Z_51MEMORIESBEINGCURATEDASSETS INTEGER);"
        f"CREATE TABLE Z_{number - 1}KEYASSETS (Z_{number - 1}ALBUMSBEINGKEYASSETS INTEGER, Z_3KEYASSETS INTEGER)"
    )
    return {"schema": NEW_SCHEMA + tables, "join": join, "entity": number, "shift": number * 10}


def seen(name: str, join: tuple[str, str, str], entity: int) -> dict[str, Any]:
    """The CREATE statements of a real iPhone."""
    path = DATA / "databases/schemas/photos" / f"photos_{name}.sql"
    if not path.is_file():
        pytest.skip("the shared test data is not beside this checkout")
    return {"schema": path.read_text(), "table": "ZGENERICASSET", "join": join, "entity": entity}


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "9.3.5": lambda: seen("9.3.5", ("Z_15ASSETS", "Z_15ALBUMS", "Z_22ASSETS"), 15),
    "10.3.3": lambda: seen("10.3.3", ("Z_20ASSETS", "Z_20ALBUMS", "Z_27ASSETS"), 20),
    "11.2": lambda: seen("11.2", ("Z_20ASSETS", "Z_20ALBUMS", "Z_27ASSETS"), 20),
    "16": lambda: renumbered(28),
    "17": lambda: renumbered(29),
    "26": lambda: renumbered(33),
}


def expected() -> list[Photo]:
    return [
        Photo(
            id=identity,
            when=978_307_200 + TAKEN + number,
            state=State.DELETED if number == 3 else State.LIVE,
            original_name=f"Café {number}.HEIC",
            is_video=number == 2,
            favourite=number == 1,
            hidden=False,
            albums=("Aunt", "Zoo") if number == 1 else (),
        )
        for number, identity in enumerate(UUIDS, 1)
    ]


@pytest.mark.parametrize("version", SCHEMAS)
def test_the_same_photos_are_equal_in_every_schema(read: Read, tmp_path: Path, version: str) -> None:
    items, findings, _ = read({STORE: library(tmp_path / "made.db", **SCHEMAS[version]())})

    assert [item.id for item in items] == UUIDS
    assert findings == []
    assert [compare(old, item) for old, item in zip(expected(), items, strict=True)] == [((), (), ())] * 3


def test_ids_that_ios_6_stored_as_bytes_are_uuids(read: Read, tmp_path: Path) -> None:
    schema = seen("6.1.6", ("Z_8ASSETS", "Z_8ALBUMS", "Z_14ASSETS"), 8)
    items, _, _ = read({STORE: library(tmp_path / "made.db", **schema, binary_ids=True)}, "6.1.6")

    assert [item.id for item in items][:2] == UUIDS[:2]
    comparison = compare(expected()[0], items[0])
    assert comparison.is_equal
    assert comparison.left_out == ("favourite", "hidden", "trashed")


def made(path: Path, *statements: str) -> bytes:
    """The library of iOS 18 after some statements."""
    data = library(path, **renumbered(30))
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path.read_bytes() if statements else data


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("DELETE FROM Z_30ASSETS", "albums"),
        ("UPDATE ZGENERICALBUM SET ZTITLE = 'Zoos' WHERE ZTITLE = 'Zoo'", "albums"),
        ("UPDATE ZGENERICALBUM SET ZTRASHEDSTATE = 1", "albums"),
        ("DELETE FROM ZADDITIONALASSETATTRIBUTES", "name"),
        ("UPDATE ZASSET SET ZFAVORITE = 0", "favourite"),
        ("UPDATE ZASSET SET ZHIDDEN = 1", "hidden"),
        ("UPDATE ZASSET SET ZKIND = 1", "is_video"),
        ("UPDATE ZASSET SET ZTRASHEDSTATE = 1", "trashed"),
        ("UPDATE ZASSET SET ZDATECREATED = NULL", "taken"),
    ],
)
def test_a_change_is_seen(read: Read, tmp_path: Path, statement: str, field: str) -> None:
    items, _, _ = read({STORE: made(tmp_path / "made.db", statement)})

    assert compare(expected()[0], items[0]).differing == (field,)


def test_files_and_what_is_only_in_icloud(read: Read, tmp_path: Path) -> None:
    evidence = "INSERT INTO ZINTERNALRESOURCE (ZASSET, ZDATASTORESUBTYPE, ZLOCALAVAILABILITY, ZREMOTEAVAILABILITY,"
    data = made(
        tmp_path / "made.db",
        "UPDATE ZASSET SET ZTRASHEDSTATE = 0, ZKINDSUBTYPE = 2 * (ZKIND = 0)",
        *(f"{evidence} ZRESOURCETYPE) VALUES ({300 + asset}, 1, -1, 1, 0)" for asset in (1, 3)),
        f"{evidence} ZRESOURCETYPE) VALUES (302, 1, -1, 1, 3)",  # only the video of a Live Photo
        f"{evidence} ZRESOURCETYPE) VALUES (302, 5, -1, 1, 0)",  # a smaller version, not the original
    )
    here = {("CameraRollDomain", f"{DCIM}/{name}"): b"x" for name in ("IMG_0001.HEIC", "IMG_0001.MOV")}
    items, _, _ = read({STORE: data, **here})

    assert [(item.state, len(item.files), item.offloaded, item.absent) for item in items] == [
        (State.LIVE, 2, 0, 0),  # the file is here, whatever the catalogue says; its video too
        (State.LIVE, 0, 0, 1),  # no evidence
        (State.ONLY_IN_CLOUD, 0, 1, 0),
    ]
    assert items[0].files == (
        FileRef("CameraRollDomain", f"{DCIM}/IMG_0001.HEIC"),
        FileRef("CameraRollDomain", f"{DCIM}/IMG_0001.MOV"),
    )


def test_photos_of_others_are_left_out_and_bursts_are_not(read: Read, tmp_path: Path) -> None:
    data = made(
        tmp_path / "made.db",
        "UPDATE ZASSET SET ZBUNDLESCOPE = 3, ZSAVEDASSETTYPE = 12, ZDIRECTORY = 'A' WHERE Z_PK = 301",
        "UPDATE ZASSET SET ZBUNDLESCOPE = 2 WHERE Z_PK = 302",  # but it is in DCIM
        "UPDATE ZASSET SET ZVISIBILITYSTATE = 2 WHERE Z_PK = 303",  # a picture of a burst
    )
    items, _, _ = read({STORE: data})

    assert [item.id for item in items] == UUIDS[1:]


def test_the_witness_library_has_18_photos(read: Read, shared_data: Path) -> None:
    folder = shared_data / "databases/photos-macos/macos15.7.2"
    log = (STORE[0], STORE[1] + "-wal")
    items, findings, _ = read(
        {STORE: (folder / STORE[1][-13:]).read_bytes(), log: (folder / "Photos.sqlite-wal").read_bytes()}
    )

    assert findings == []
    assert len(items) == 18
    assert sum(kind("photos").parts[0].count(item) for item in items) == 4
    assert {item.state for item in items} == {State.LIVE}
    assert {item.original_name: item.albums for item in items if item.albums} == {
        "IMG_0658.JPG": ("BurstAlbum",),
        "IMG_0667.JPG": ("BurstPhotoSelection",),
    }
    assert {item.original_name for item in items} >= {"IMG_2226.HEIC", "IMG_3539.MOV", "IMG_2908.PNG"}


@pytest.mark.parametrize("version", ["12.5", "15.8", "18.5"])
def test_a_simulated_phone(phones_backup: Callable[..., Any], tmp_path: Path, version: str) -> None:
    backup, _ = phones_backup(version, photos=9, videos=2, icloud_only_photos=3)
    items: list[Item] = list(kind("photos").items(Source(backup, tmp_path, source_places())))

    names = sorted(str(item.fingerprint()["name"]) for item in items)
    extensions = ["JPG"] * 9 + ["MOV"] * 2 + ["JPG"] * 3
    assert names == [f"IMG_{number:04d}.{extension}" for number, extension in enumerate(extensions, 1)]
    assert sum(item.state is State.ONLY_IN_CLOUD for item in items) == 3
    assert [len(item.files) + item.offloaded for item in items] == [1] * 14
    assert any("CPLAssets" in item.files[0].relative_path for item in items if item.files)
    in_album = [
        str(item.fingerprint()["name"]) for item in items if item.fingerprint()["albums"] == ("Café & Söhne 🏖",)
    ]
    assert sorted(in_album) == ["IMG_0001.JPG", "IMG_0005.JPG", "IMG_0009.JPG", "IMG_0013.JPG"]


def test_how_a_photo_is_described() -> None:
    first, second, _ = expected()
    assert first.describe().startswith("the photo Café 1.HEIC, ")
    assert second.describe().startswith("the video Café 2.HEIC, ")
    nameless = Photo(id="x", original_name="\x1b[31m" + "n" * 500, is_video=None, favourite=None, hidden=None)
    assert "\x1b" not in nameless.describe()
    assert len(nameless.describe()) < 100


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (x)",
        "CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, ZUUID)",
        "CREATE VIEW ZASSET AS SELECT 1 AS Z_PK, 'x' AS ZUUID, 'y' AS ZDIRECTORY, 'z' AS ZFILENAME",
    ],
)
def test_a_library_that_cannot_be_read_is_not_empty(
    read: Read, make_database: Callable[[str], bytes], script: str
) -> None:
    items, findings, source = read({STORE: make_database(script)})

    assert items == []
    assert len(findings) == 1
    assert FileRef(*STORE) in source.failed


def test_cells_of_any_type_are_read(read: Read, tmp_path: Path) -> None:
    values = ("NULL", "x'00ff'", "9e999", "-1", "'\x7f'", "''", "CAST(x'ff41' AS TEXT)", "'B' || char(0) || 'C'")
    columns = (
        *("ZUUID", "ZDIRECTORY", "ZFILENAME", "ZKIND", "ZKINDSUBTYPE", "ZTRASHEDSTATE", "ZHIDDEN", "ZFAVORITE"),
        *("ZBUNDLESCOPE", "ZSAVEDASSETTYPE", "ZDATECREATED", "ZMODIFICATIONDATE"),
    )
    rows = [
        f"INSERT INTO ZASSET ({', '.join(columns)}) VALUES ({', '.join([value] * len(columns))})" for value in values
    ]
    items, findings, _ = read({STORE: made(tmp_path / "made.db", *rows)})

    assert findings == []
    assert len(items) == 3 + len(values)
    assert [item.id for item in items] == sorted(item.id for item in items)
    assert all(item.fingerprint() and item.describe() for item in items)
