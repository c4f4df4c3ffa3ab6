"""Bookmarks, the reading list, the history and open tabs."""

from __future__ import annotations

import csv
import plistlib
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

BOOKMARKS = ("HomeDomain", "Library/Safari/Bookmarks.db")
HISTORY = ("HomeDomain", "Library/Safari/History.db")
STATE = ("HomeDomain", "Library/Safari/BrowserState.db")
TABS = ("HomeDomain", "Library/Safari/SafariTabs.db")
PROFILE = "8A5C1D2E-0000-4000-8000-00000000000F"
OF_PROFILE = ("HomeDomain", f"Library/Safari/Profiles/{PROFILE}/History.db")
MakeDatabase = Callable[[str], bytes]

TREE = (
    "CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, special_id INTEGER, parent INTEGER, type INTEGER, title TEXT,"
    " url TEXT, external_uuid TEXT, read INTEGER, last_modified REAL, order_index INTEGER, extra_attributes BLOB);"
)
ABOUT = plistlib.dumps(
    {"com.apple.ReadingList": {"DateAdded": datetime(2024, 5, 3), "PreviewText": "Once upon a time"}},
    fmt=plistlib.FMT_BINARY,
)
LEAVES = TREE + (
    "INSERT INTO bookmarks (id, special_id, parent, type, title) VALUES (0, 0, NULL, 1, 'Root'),"
    " (1, 1, 0, 1, 'BookmarksBar'), (3, 3, 0, 1, 'com.apple.ReadingList'), (9, 0, 1, 1, 'Trips <&>'),"
    " (10, 0, 9, 1, 'S');"
    "INSERT INTO bookmarks (id, parent, type, title, url, external_uuid, read, last_modified, order_index,"
    " extra_attributes) VALUES (20, 10, 0, 'Ferry', 'https://example.com/f?a=1&b=\"2\"', 'U-B', NULL, 1600000000, 1,"
    " NULL),"
    f" (21, 3, 0, 'Later', 'https://example.com/l', 'U-A', 0, 1600000001, 0, x'{ABOUT.hex()}'),"
    " (22, 1, 0, '<script>alert(1)</script>', 'javascript:alert(1)', 'U-C', NULL, 1600000002, 5, NULL),"
    " (23, 1, 0, 'First' || char(10) || 'line', 'https://example.com/1', 'U-D', NULL, 1600000002, 2, NULL),"
    " (24, 0, 0, '=root', 'https://example.com/r', 'U-E', NULL, NULL, 0, NULL);"
)
VISITS = (
    "CREATE TABLE history_items (id INTEGER PRIMARY KEY, url TEXT);"
    "CREATE TABLE history_visits (id INTEGER PRIMARY KEY, history_item INTEGER, visit_time REAL, title TEXT);"
    "CREATE TABLE history_tombstones (id INTEGER PRIMARY KEY, start_time REAL, end_time REAL, url TEXT);"
)


def table(exported: Exported, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(exported.text(path).splitlines()))


class Netscape(HTMLParser):
    """Bookmarks as an importer sees them: folder path and address -> title."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[tuple[str, ...], str], str] = {}
        self.path: list[str] = []
        self.named = self.href = ""
        self.tag = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in {"meta", "title", "h1", "h3", "dl", "dt", "p", "a"}
        self.tag = tag
        if tag == "dl":
            self.path.append(self.named)
        if tag == "a":
            self.href = dict(attributes)["href"] or ""

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""
        if tag == "dl":
            self.path.pop()

    def handle_data(self, data: str) -> None:
        if self.tag == "h3":
            self.named = data
        if self.tag == "a":
            self.found[tuple(self.path[1:]), self.href] = data


def test_bookmarks_are_imported_with_their_folders(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    exported = export(make_backup({BOOKMARKS: make_database(LEAVES)}))
    page = Netscape()
    page.feed(exported.text("Safari/bookmarks.html"))

    assert page.path == []
    assert list(page.found.items()) == [
        (((), "https://example.com/r"), "=root"),
        ((("Favorites",), "https://example.com/1"), "First line"),
        ((("Favorites",), "javascript:alert(1)"), "<script>alert(1)</script>"),
        ((("Favorites", "Trips <&>", "S"), 'https://example.com/f?a=1&b="2"'), "Ferry"),
        ((("Reading List",), "https://example.com/l"), "Later"),
    ]
    assert "default-src 'none'" in exported.text("Safari/bookmarks.html")
    rows = table(exported, "Safari/bookmarks.csv")
    assert [row["Title"] for row in rows if row["Folder"]][-1] == "Ferry"
    assert rows[0]["Title"] == "'=root"
    assert {row["Folder"] for row in rows} == {"", "Favorites", "Favorites / Trips <&> / S"}
    (later,) = table(exported, "Safari/reading list.csv")
    assert (later["Read"], later["Beginning of the text"]) == ("no", "Once upon a time")
    assert later["Added"].startswith("2024-05-0")
    assert exported.category("safari").count("exported") == 5


def test_the_history_of_all_profiles_is_in_order_and_deletions_are_evidence(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    own = VISITS + (
        "INSERT INTO history_items VALUES (1, 'https://a.example/'), (2, 'https://b.example/');"
        "INSERT INTO history_visits VALUES (1, 1, 700000100, 'A'), (2, 2, 700000000, 'B');"
        "INSERT INTO history_tombstones VALUES (1, 690000000, 690000100, 'https://gone.example/'),"
        " (2, 700000000, 700000100, NULL);"
    )
    other = VISITS + (
        "INSERT INTO history_items VALUES (1, 'https://c.example/');"
        "INSERT INTO history_visits VALUES (1, 1, 700000050, 'C');"
    )
    named = TREE + f"INSERT INTO bookmarks (id, type, title, external_uuid) VALUES (1, 1, 'Work', '{PROFILE}');"
    files = {HISTORY: make_database(own), OF_PROFILE: make_database(other), TABS: make_database(named)}
    exported = export(make_backup(files))

    found = [(row["Title"], row["Profile"]) for row in table(exported, "Safari/history.csv")]
    assert found == [("B", ""), ("C", "Work"), ("A", "")]
    gone = table(exported, "Safari/deleted from history.csv")
    assert [row["Address"] for row in gone] == ["https://gone.example/", ""]
    assert exported.category("safari").count("deleted") == 0  # evidence is no item

    recent = export(make_backup(files), since=1_678_307_000.0, to="recent")
    assert len(table(recent, "Safari/deleted from history.csv")) == 1
    without = export(make_backup(files), deleted="without", to="without")
    assert "Safari/deleted from history.csv" not in without.paths()
    only = export(make_backup(files), deleted="only", to="only")
    assert only.paths() == ["Safari/deleted from history.csv"]


def test_tabs_are_listed_once(make_backup: MakeBackup, make_database: MakeDatabase, export: Export) -> None:
    groups = TREE + (
        "INSERT INTO bookmarks (id, type, title) VALUES (1, 1, 'Trip');"
        "INSERT INTO bookmarks (id, parent, type, title, url, external_uuid) VALUES"
        " (5, 1, 0, 'One', 'https://1.example/', 'T-1'), (6, 1, 0, 'No address', NULL, 'T-9');"
    )
    state = (
        "CREATE TABLE tabs (id INTEGER PRIMARY KEY, uuid TEXT, title TEXT, url TEXT, last_viewed_time REAL,"
        " private_browsing INTEGER);"
        "INSERT INTO tabs VALUES (1, 'T-1', 'One', 'https://1.example/', 700000000, 0),"
        " (2, 'T-2', 'Two', 'https://2.example/', 700000000, 1);"
    )
    exported = export(make_backup({TABS: make_database(groups), STATE: make_database(state)}), owners={"safari"})

    rows = table(exported, "Safari/open tabs.csv")
    assert [(row["Title"], row["Tab group"], row["Private"]) for row in rows] == [
        ("One", "Trip", ""),
        ("Two", "", "yes"),
    ]


def test_damaged_tabs_are_said(make_backup: MakeBackup, export: Export) -> None:
    exported = export(make_backup({STATE: b"no database"}), owners={"safari"})

    assert exported.result.exit_code == 30
    assert [finding.code for finding in exported.result.findings] == ["content-unreadable"]


def test_the_safari_of_another_programs_fixture(make_backup: MakeBackup, shared_data: Path, export: Export) -> None:
    """Nine bookmarks and folders and four visits on the schema of iOS 18 (its README)."""
    folder = shared_data / "databases/ios18-synthetic"
    files = {
        BOOKMARKS: (folder / "safari.1.Bookmarks.db").read_bytes(),
        HISTORY: (folder / "safari.1.History.db").read_bytes(),
    }
    exported = export(make_backup(files))

    assert len(table(exported, "Safari/history.csv")) == 4
    leaves = table(exported, "Safari/bookmarks.csv") + table(exported, "Safari/reading list.csv")
    page = Netscape()
    page.feed(exported.text("Safari/bookmarks.html"))
    assert {row["Address"] for row in leaves} == {address for _folders, address in page.found}
    assert len(re.findall("<DT>", exported.text("Safari/bookmarks.html"))) <= 9


def test_the_safari_of_a_simulated_iphone(phones_backup: Callable[..., Any], export: Export) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3)
    exported = export(backup, groups=groups, owners={"safari"})

    assert {path.partition("/")[2] for path in exported.paths()} == {
        "bookmarks.csv",
        "bookmarks.html",
        "history.csv",
        "open tabs.csv",
        "reading list.csv",
    }
    assert len(table(exported, "Safari/open tabs.csv")) == 3
    assert all(row["Beginning of the text"] for row in table(exported, "Safari/reading list.csv"))
