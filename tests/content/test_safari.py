"""Bookmarks, the reading list and visits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from migrate.content.readers.safari import Bookmark
from tests.content.reading import Read, assert_same, read_items

BOOKMARKS = ("HomeDomain", "Library/Safari/Bookmarks.db")
HISTORY = ("HomeDomain", "Library/Safari/History.db")
MakeDatabase = Callable[[str], bytes]

FOLDERS_AND_LEAVES = (
    "INSERT INTO bookmarks (id, special_id, parent, type, title) VALUES"
    " (0, 0, NULL, 1, 'Root'), (1, 1, 0, 1, '{bar}'), (3, 3, 0, 1, 'com.apple.ReadingList'), (9, 0, 1, 1, 'Trips');"
    "INSERT INTO bookmarks (id, parent, type, title, url, external_uuid, read, last_modified, deleted) VALUES"
    " (20, 9, 0, 'Ferry', 'https://example.com/f', 'UUID-B', NULL, 1600000000.5, 0),"
    " (21, 3, 0, 'Later', 'https://example.com/l', 'UUID-A', 0, 1600000001, 0),"
    " (22, 1, 0, 'Gone', 'https://example.com/g', 'UUID-C', NULL, 1600000002, 1);"
)
SCHEMAS = {
    "as on iOS 18": (
        "CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, special_id INTEGER, parent INTEGER, type INTEGER, title TEXT,"
        " url TEXT COLLATE NOCASE, external_uuid TEXT UNIQUE, read INTEGER, last_modified REAL, deleted INTEGER);"
    ),
    "guessed: another order and more columns": (
        "CREATE TABLE new_table (x); CREATE TABLE bookmarks (deleted INTEGER, web_filter_status INTEGER, read INTEGER,"
        " url TEXT, title TEXT, type INTEGER, parent INTEGER, special_id INTEGER, last_modified REAL, syncable INTEGER,"
        " external_uuid TEXT, id INTEGER);"
    ),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize("bar", ["BookmarksBar", "Favoriten"])
def test_a_bookmark_is_the_same_in_another_schema(
    read: Read, make_database: MakeDatabase, schema: str, bar: str
) -> None:
    found = read("bookmarks", {BOOKMARKS: make_database(schema + FOLDERS_AND_LEAVES.format(bar=bar))})

    assert found.findings == []
    later = Bookmark(
        id="UUID-A",
        title="Later",
        url="https://example.com/l",
        folders=("com.apple.ReadingList",),
        in_reading_list=True,
    )
    ferry = Bookmark(
        id="UUID-B",
        title="Ferry",
        url="https://example.com/f",
        folders=("BookmarksBar", "Trips"),
        in_reading_list=False,
    )
    assert_same(found.items, [later, ferry])
    assert found.items[1].describe() == "the bookmark Ferry"
    assert found.items[0].describe() == "Later in the reading list"
    assert found.items[1].modified == 1600000000.5


def test_a_bookmark_in_another_folder_is_changed(read: Read, make_database: MakeDatabase) -> None:
    made = SCHEMAS["as on iOS 18"] + FOLDERS_AND_LEAVES.format(bar="BookmarksBar")
    before = read("bookmarks", {BOOKMARKS: make_database(made)}).items
    moved = made + "UPDATE bookmarks SET parent = 1 WHERE id = 20;"
    after = read("bookmarks", {BOOKMARKS: make_database(moved)}).items

    assert compare(before[0], after[0]).is_equal
    assert compare(before[1], after[1]).differing == ("folders",)


def test_folders_that_contain_each_other_end(read: Read, make_database: MakeDatabase) -> None:
    made = SCHEMAS["as on iOS 18"] + (
        "INSERT INTO bookmarks (id, parent, type, title, url, external_uuid) VALUES"
        " (1, 2, 1, 'a', NULL, 'x'), (2, 1, 1, 'b', NULL, 'y'), (3, 1, 0, 'leaf', 'u', 'z');"
    )
    found = read("bookmarks", {BOOKMARKS: make_database(made)})

    assert [item.title for item in found.items] == ["leaf"]
    assert len(found.items[0].folders) == 100


VISIT_SCHEMAS = {
    "iOS 9": "visit_time REAL NOT NULL, title TEXT NULL, load_successful BOOLEAN DEFAULT 1, origin INTEGER DEFAULT 0",
    "guessed": "attributes INTEGER DEFAULT 0, title TEXT, profile BLOB, score INTEGER, visit_time REAL NOT NULL",
}


@pytest.mark.parametrize("columns", VISIT_SCHEMAS.values(), ids=VISIT_SCHEMAS.keys())
@pytest.mark.parametrize("place", [HISTORY, ("AppDomain-com.apple.mobilesafari", HISTORY[1])])
def test_a_visit_is_a_page_and_a_second(
    read: Read, make_database: MakeDatabase, columns: str, place: tuple[str, str]
) -> None:
    made = make_database(
        "CREATE TABLE history_items (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE);"
        f"CREATE TABLE history_visits (id INTEGER PRIMARY KEY, history_item INTEGER NOT NULL, {columns});"
        "INSERT INTO history_items VALUES (5, 'https://example.com/');"
        "INSERT INTO history_visits (history_item, visit_time, title) VALUES"
        " (5, 700000000.2, 'Cafe\u0301'), (5, 700003600.4, NULL);"
    )
    found = read("history", {place: made})

    assert [item.id for item in found.items] == ["https://example.com/ 1678307200", "https://example.com/ 1678310800"]
    assert [item.fingerprint() for item in found.items] == [{"title": "Café"}, {"title": None}]


def test_visits_of_all_profiles_are_read(read: Read, make_database: MakeDatabase) -> None:
    made = (
        "CREATE TABLE history_items (id INTEGER PRIMARY KEY, url TEXT);"
        "CREATE TABLE history_visits (history_item INTEGER, visit_time REAL, title TEXT);"
        "INSERT INTO history_items VALUES (1, 'https://{name}.example');"
        "INSERT INTO history_visits VALUES (1, 700000000, '{name}');"
    )
    profile = ("HomeDomain", "Library/Safari/Profiles/1B2C/History.db")
    found = read(
        "history",
        {HISTORY: make_database(made.format(name="own")), profile: make_database(made.format(name="work"))},
    )

    assert [item.title for item in found.items] == ["own", "work"]


def test_a_page_of_a_megabyte_has_a_short_id(read: Read, make_database: MakeDatabase) -> None:
    made = make_database(
        "CREATE TABLE history_items (id INTEGER PRIMARY KEY, url TEXT);"
        "CREATE TABLE history_visits (history_item INTEGER, visit_time REAL, title TEXT);"
        "INSERT INTO history_items VALUES (1, 'data:' || hex(zeroblob(500000))),"
        " (2, 'data:' || hex(zeroblob(500000)) || 'x');"
        "INSERT INTO history_visits VALUES (1, 700000000, NULL), (2, 700000000, NULL);"
    )
    found = read("history", {HISTORY: made})

    assert len({item.id for item in found.items}) == 2
    assert all(len(item.id) < 1100 for item in found.items)


def test_the_database_of_an_ios_18_reader_is_read_as_its_author_says(read: Read, shared_data: Path) -> None:
    folder = shared_data / "databases" / "ios18-synthetic"
    if not folder.is_dir():
        pytest.skip("the databases of ios18-synthetic are not there")
    contents = {
        BOOKMARKS: (folder / "safari.1.Bookmarks.db").read_bytes(),
        HISTORY: (folder / "safari.1.History.db").read_bytes(),
    }
    marks = read("bookmarks", contents)
    assert [(item.id, item.folders, item.in_reading_list) for item in marks.items] == [
        ("uuid-4", ("BookmarksBar",), False),
        ("uuid-5", ("BookmarksBar", "Dev"), False),
        ("uuid-6", ("com.apple.ReadingList",), True),
        ("uuid-7", ("com.apple.ReadingList",), True),
        ("uuid-8", ("BookmarksBar",), False),
    ]  # nine rows, four of them folders
    visits = read("history", contents)
    assert sorted(item.title for item in visits.items) == ["Corrupt", "Visit A1", "Visit A2", "Visit B1"]
    assert marks.findings == visits.findings == []


@pytest.mark.parametrize("ios_version", ["9.3.5", "11.4", "18.5", "27.0"])
def test_what_the_simulated_iphone_wrote_is_read(
    phones_backup: Callable[..., Any], tmp_path: Path, ios_version: str
) -> None:
    backup, _ = phones_backup(ios_version, bookmarks=7, history=5)
    marks = read_items(backup, "bookmarks", tmp_path / "reading")
    visits = read_items(backup, "history", tmp_path / "reading")

    assert len(marks.items) == 7
    assert sum(item.in_reading_list for item in marks.items) == 2
    assert len({item.url for item in visits.items}) == 5
    assert marks.findings == visits.findings == []
