"""Shortcuts, books, podcasts and LINE chats; and rows with values of any type in every reader of small tables."""

from __future__ import annotations

import plistlib
import random
from collections.abc import Callable

import pytest

from migrate.content.item import compare
from migrate.content.kinds import kind
from tests.content.reading import Read, assert_same

MakeDatabase = Callable[[str], bytes]
SHORTCUTS = ("HomeDomain", "Library/Shortcuts/Shortcuts.sqlite")
BOOKS = ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/BKLibrary-1-091020131601.sqlite")
APP_BOOKS = ("AppDomain-com.apple.iBooks", BOOKS[1])
PODCASTS = ("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite")
LINE = (
    "AppDomainGroup-group.com.linecorp.line",
    "Library/Application Support/PrivateStore/P_u1/Messages/Line.sqlite",
)

BOOK_SCHEMAS = {
    "now": "CREATE TABLE ZBKLIBRARYASSET (Z_PK INTEGER PRIMARY KEY, ZASSETID TEXT, ZTITLE TEXT, ZAUTHOR TEXT);",
    "guessed": "CREATE TABLE ZBKLIBRARYASSET (ZAUTHOR TEXT, ZNEW BLOB, ZTITLE TEXT, ZASSETID TEXT, Z_PK INTEGER);",
}
BOOK_ROWS = (
    "INSERT INTO ZBKLIBRARYASSET (ZASSETID, ZTITLE, ZAUTHOR) VALUES ('B2', 'Momo', 'M. Ende'), ('A1', 'Manual', NULL),"
    " (NULL, 'No id', 'Nobody');"
)


@pytest.mark.parametrize("schema", BOOK_SCHEMAS.values(), ids=BOOK_SCHEMAS.keys())
@pytest.mark.parametrize("place", [BOOKS, APP_BOOKS])
def test_a_book_is_the_same_in_another_schema(
    read: Read, make_database: MakeDatabase, schema: str, place: tuple[str, str]
) -> None:
    before = read("books", {BOOKS: make_database(BOOK_SCHEMAS["now"] + BOOK_ROWS)})
    after = read("books", {place: make_database(schema + BOOK_ROWS)})

    assert [item.id for item in before.items[:2]] == ["A1", "B2"]
    assert before.items[1].fingerprint() == {"title": "Momo", "author": "M. Ende"}
    assert before.items[1].describe() == "the book Momo"
    assert_same(before.items, after.items)
    assert before.findings == after.findings == []


def test_a_field_that_a_schema_lacks_is_left_out(read: Read, make_database: MakeDatabase) -> None:
    before = read("books", {BOOKS: make_database(BOOK_SCHEMAS["now"] + BOOK_ROWS)}).items
    short = "CREATE TABLE ZBKLIBRARYASSET (ZASSETID TEXT, ZTITLE TEXT);" + (
        "INSERT INTO ZBKLIBRARYASSET VALUES ('A1', 'Manual'), ('B2', 'Momo');"
    )
    after = read("books", {BOOKS: make_database(short)}).items

    assert compare(before[1], after[1]).is_equal
    assert compare(before[1], after[1]).left_out == ("author",)


def test_podcasts_and_chats_are_read(read: Read, make_database: MakeDatabase) -> None:
    podcasts = make_database(
        "CREATE TABLE ZMTPODCAST (ZUUID TEXT, ZFEEDURL TEXT, ZTITLE TEXT, ZADDEDDATE REAL);"
        "INSERT INTO ZMTPODCAST VALUES ('U1', 'https://example.com/feed', 'Sternengeschichten', 700000000),"
        " (NULL, 'https://example.com/other', 'Other', NULL);"
    )
    chats = make_database("CREATE TABLE ZCHAT (ZMID TEXT, ZNAME TEXT); INSERT INTO ZCHAT VALUES ('u77', 'Mum');")
    found, line = read("podcasts", {PODCASTS: podcasts}), read("line-chats", {LINE: chats})

    assert [item.id for item in found.items] == ["U1", "https://example.com/other"]
    assert found.items[0].when == 1678307200
    assert [(item.id, item.describe()) for item in line.items] == [("u77", "the LINE chat Mum")]
    assert kind("line-chats").owner == "app:jp.naver.line"


def shortcut(actions: bytes, name: str = "Coffee") -> str:
    return (
        "CREATE TABLE ZSHORTCUT (Z_PK INTEGER PRIMARY KEY, ZNAME TEXT, ZWORKFLOWID TEXT, ZTOMBSTONED INTEGER);"
        "CREATE TABLE ZSHORTCUTACTIONS (Z_PK INTEGER PRIMARY KEY, ZSHORTCUT INTEGER, ZDATA BLOB);"
        f"INSERT INTO ZSHORTCUT VALUES (3, '{name}', 'W-1', 0), (4, 'Deleted', 'W-2', 1);"
        f"INSERT INTO ZSHORTCUTACTIONS VALUES (9, 3, x'{actions.hex()}');"
    )


def test_a_shortcut_is_its_name_and_actions(read: Read, make_database: MakeDatabase) -> None:
    action = {"WFWorkflowActionIdentifier": "is.workflow.actions.delay", "Parameters": {"b": 1, "a": 2}}
    same = {"Parameters": {"a": 2, "b": 1}, "WFWorkflowActionIdentifier": "is.workflow.actions.delay"}
    one, again, other = (
        read("shortcuts", {SHORTCUTS: make_database(shortcut(plistlib.dumps(value, fmt=form, sort_keys=False)))}).items
        for value, form in (
            ([action], plistlib.FMT_BINARY),
            ([same], plistlib.FMT_XML),
            ([action, action], plistlib.FMT_BINARY),
        )
    )
    assert [item.id for item in one] == ["W-1"]
    assert one[0].describe() == "the shortcut Coffee"
    assert_same(one, again)
    assert compare(one[0], other[0]).differing == ("actions",)


def test_actions_that_cannot_be_decoded_are_compared_by_their_bytes(read: Read, make_database: MakeDatabase) -> None:
    one, again, other = (
        read("shortcuts", {SHORTCUTS: make_database(shortcut(data))}).items[0] for data in (b"odd", b"odd", b"even")
    )
    assert compare(one, again).is_equal
    assert compare(one, other).undecided == ("actions",)


STORES = {
    "bookmarks": (
        ("HomeDomain", "Library/Safari/Bookmarks.db"),
        {"bookmarks": "id special_id parent type title url external_uuid server_id read last_modified deleted"},
    ),
    "history": (
        ("HomeDomain", "Library/Safari/History.db"),
        {"history_visits": "history_item visit_time title", "history_items": "id url"},
    ),
    "health": (
        ("HealthDomain", "Health/healthdb_secure.sqlite"),
        {
            "objects": "data_id uuid provenance creation_date",
            "samples": "data_id start_date end_date data_type",
            "quantity_samples": "data_id quantity",
            "category_samples": "data_id value",
            "workouts": "data_id total_distance activity_type",
            "binary_samples": "data_id payload",
        },
    ),
    "alarms": (
        ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", "Library/local.sqlite"),
        {"ZMTCDALARM": "ZMTID ZHOUR ZMINUTE ZREPEATSCHEDULE ZENABLED ZTITLE ZSLEEPALARM"},
    ),
    "wallet": (
        ("HomeDomain", "Library/Passes/passes23.sqlite"),
        {
            "pass": "unique_id serial_number organization_name localized_description ingested_date pass_type_pid",
            "pass_type": "pid identifier",
        },
    ),
    "shortcuts": (
        SHORTCUTS,
        {
            "ZSHORTCUT": "Z_PK ZWORKFLOWID ZNAME ZCREATIONDATE ZMODIFICATIONDATE",
            "ZSHORTCUTACTIONS": "ZSHORTCUT ZDATA",
        },
    ),
    "books": (BOOKS, {"ZBKLIBRARYASSET": "ZASSETID ZTITLE ZAUTHOR ZCREATIONDATE"}),
    "podcasts": (PODCASTS, {"ZMTPODCAST": "ZUUID ZFEEDURL ZTITLE ZADDEDDATE"}),
    "line-chats": (LINE, {"ZCHAT": "ZMID ZNAME"}),
}
ODD_VALUES = (
    "NULL",
    "0",
    "1",
    "-9223372036854775808",
    "9e999",
    "''",
    "'text'",
    "CAST(x'ff00fe' AS TEXT)",
    "'a' || char(10, 0, 8238) || 'b'",
    "x''",
    "x'00112233445566778899aabbccddeeff'",
    "zeroblob(70000)",
    "hex(zeroblob(70000))",
)


@pytest.mark.parametrize("kind_id", STORES)
def test_values_of_any_type_are_read(read: Read, make_database: MakeDatabase, kind_id: str) -> None:
    place, tables = STORES[kind_id]
    script, choose = "", random.Random(kind_id)
    for table, columns in tables.items():
        names = columns.split()
        script += f'CREATE TABLE "{table}" ({", ".join(names)});'
        for _ in range(5 * len(ODD_VALUES)):
            values = [choose.choice(ODD_VALUES) for _ in names]
            script += f'INSERT INTO "{table}" VALUES ({", ".join(values)});'
    found = read(kind_id, {place: make_database(script)})

    assert found.findings == []
    assert found.items
    for item in found.items:
        assert compare(item, item).is_equal
        hash(tuple(item.fingerprint().values()))


@pytest.mark.parametrize("kind_id", STORES)
@pytest.mark.parametrize("damage", ["no table", "a view", "cut", "no database", "empty"])
def test_a_store_that_cannot_be_read_is_unknown(
    read: Read, make_database: MakeDatabase, kind_id: str, damage: str
) -> None:
    place, tables = STORES[kind_id]
    first, columns = next(iter(tables.items()))
    whole = make_database(f'CREATE TABLE "{first}" ({", ".join(columns.split())}); CREATE TABLE other (x);')
    contents = {
        "no table": make_database("CREATE TABLE other (x)"),
        "a view": make_database(f'CREATE VIEW "{first}" AS SELECT 1'),
        "cut": whole[: len(whole) // 2 + 100],
        "no database": b"SQLite format 3\0" + bytes(5000),
        "empty": b"",
    }
    found = read(kind_id, {place: contents[damage]})

    assert found.items == []
    assert place in found.source.failed
    assert found.findings
