"""Documents of apps, files on the phone, the home screen, data usage, Maps."""

from __future__ import annotations

import csv
import plistlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

APP = "AppDomain-org.example.diary"
GROUP = "AppDomainGroup-group.org.example.diary"
LOCAL = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
APPS = {"Applications": {"org.example.diary": {"ContainerContentClass": "Data/Application"}}}
ICONS = ("HomeDomain", "Library/SpringBoard/IconState.plist")
USAGE = ("WirelessDomain", "Library/Databases/DataUsage.sqlite")
MAPS = ("AppDomainGroup-group.com.apple.Maps", "Maps/MapsSync_0.0.1")
MakeDatabase = Callable[[str], bytes]


def table(exported: Exported, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(exported.text(path).splitlines()))


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_documents_of_an_app_are_a_tree_without_its_caches(make_backup: MakeBackup, export: Export) -> None:
    files = {
        (APP, "Documents/diary.txt"): b"Dear diary",
        (APP, "Documents/2024/May/3.txt"): b"third",
        (APP, "Documents/Caches/big.bin"): b"x",
        (APP, "Library/Preferences/org.example.diary.plist"): b"x",
        (GROUP, "Documents/shared.txt"): b"shared",
    }
    exported = export(
        make_backup(files, manifest_plist=APPS),
        groups={"org.example.diary": ["group.org.example.diary"]},
        owners={"app:org.example.diary"},
    )

    top = "Apps/org.example.diary/"
    assert exported.paths() == [
        f"{top}Documents/2024/May/3.txt",
        f"{top}Documents/diary.txt",
        f"{top}group.org.example.diary/Documents/shared.txt",
    ]
    assert (exported.root / top / "Documents/diary.txt").stat().st_mtime == 1_700_000_000


def test_names_of_strangers_stay_in_the_folder(make_backup: MakeBackup, export: Export) -> None:
    hostile = [
        "../../up.txt",
        "a/../../../b.txt",
        "/etc/passwd",
        "con.txt",
        "a" * 300 + ".txt",
        "sub\\..\\x",
        "x\n\x1b[31m",
    ]
    deep = "/".join(["deeper and deeper"] * 60) + "/treasure.txt"
    files = {(APP, f"Documents/{name}"): name.encode() for name in [*hostile, deep]}
    exported = export(make_backup(files, manifest_plist=APPS), owners={"app:org.example.diary"})

    contents = {(exported.root / path).read_bytes().decode() for path in exported.paths()}
    assert contents == {*hostile, deep}
    assert all(path.startswith("Apps/org.example.diary/") and len(path) < 300 for path in exported.paths())
    assert exported.category("app:org.example.diary").reasons[
        "a folder lies too deep, so its files are in a folder above it"
    ]


def test_files_on_the_phone_and_what_was_deleted_there(make_backup: MakeBackup, export: Export) -> None:
    files = {
        (LOCAL, "File Provider Storage/Tax.pdf"): b"PDF",
        (LOCAL, "File Provider Storage/.Trash/Old.pdf"): b"old",
        (LOCAL, "other.plist"): b"x",
    }
    backup = make_backup(files)

    assert export(backup).paths() == ["Files on my iPhone/Recently Deleted/Old.pdf", "Files on my iPhone/Tax.pdf"]
    assert export(backup, deleted="without", to="w").paths() == ["Files on my iPhone/Tax.pdf"]


def test_icloud_drive_counts_what_is_only_in_icloud(make_backup: MakeBackup, export: Export) -> None:
    folder = "Library/Mobile Documents/com~apple~CloudDocs"
    files = {
        ("HomeDomain", f"{folder}/Plan.txt"): b"plan",
        ("HomeDomain", f"{folder}/.Film.mov.icloud"): b"bplist",
    }
    exported = export(make_backup(files), owners={"icloud-drive"})

    (path,) = exported.paths()
    assert path.endswith("/com.apple.CloudDocs/Plan.txt")
    assert dict(exported.category("icloud-drive").reasons) == {"it is only in iCloud": 1}


def test_a_damaged_document_is_named_and_the_others_are_there(make_backup: MakeBackup, export: Export) -> None:
    backup = make_backup({(APP, "Documents/a.txt"): b"a", (APP, "Documents/b.txt"): b"b"}, manifest_plist=APPS)
    record = backup.record(APP, "Documents/a.txt")
    assert record is not None
    (backup.folder.path / record.file_id[:2] / record.file_id).unlink()
    exported = export(backup)

    assert exported.paths() == ["Apps/org.example.diary/Documents/b.txt"]
    assert exported.result.exit_code == 30
    assert [finding.relative_path for finding in exported.result.findings] == ["Documents/a.txt"]


# -- the home screen -------------------------------------------------------------------------------------------------


class Texts(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []


def test_the_home_screen_shows_pages_folders_widgets_and_the_dock(make_backup: MakeBackup, export: Export) -> None:
    clip = "Library/WebClips/AB12.webclip"
    state = {
        "buttonBar": ["com.apple.mobilephone"],
        "iconLists": [
            [
                {"elementType": "widget", "containerBundleIdentifier": "com.apple.weather"},
                "com.apple.mobileslideshow",
                {"displayName": "<b>Fun</b>", "iconLists": [["com.example.game"], ["com.example.chess"]]},
            ],
            ["AB12"],
        ],
    }
    files = {
        ICONS: plistlib.dumps(state),
        ("HomeDomain", f"{clip}/Info.plist"): plistlib.dumps({"Title": "Timetable", "URL": "https://example.com"}),
    }
    exported = export(make_backup(files), owners={"home-screen"})

    found = [
        (row["Page"], row["Folder"], row["App"], row["Kind"]) for row in table(exported, "Home screen/home screen.csv")
    ]
    assert found == [
        ("Dock", "", "Phone", ""),
        ("1", "", "Weather", "widget"),
        ("1", "", "Photos", ""),
        ("1", "<b>Fun</b>", "Game", ""),
        ("1", "<b>Fun</b>", "Chess", ""),
        ("2", "", "Timetable", ""),
    ]
    page = Texts(exported.text("Home screen/home screen.html"))
    assert "b" not in page.tags and "script" not in page.tags
    assert page.texts[-9:] == [
        "Dock",
        "Phone",
        "Page 1",
        "Weather",
        "Photos",
        "<b>Fun</b>",
        "Game, Chess",
        "Page 2",
        "Timetable",
    ]


@pytest.mark.parametrize("state", [b"no plist", plistlib.dumps([1]), plistlib.dumps({"iconLists": {}})])
def test_a_damaged_home_screen_is_said(make_backup: MakeBackup, export: Export, state: bytes) -> None:
    exported = export(make_backup({ICONS: state}), owners={"home-screen"})

    assert exported.paths() == []
    assert exported.result.exit_code == 30


# -- tables ----------------------------------------------------------------------------------------------------------


def test_data_usage_is_added_up_for_each_app(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    made = (
        "CREATE TABLE ZPROCESS (Z_PK INTEGER PRIMARY KEY, ZFIRSTTIMESTAMP REAL, ZTIMESTAMP REAL, ZBUNDLENAME TEXT,"
        " ZPROCNAME TEXT);"
        "CREATE TABLE ZLIVEUSAGE (ZKIND INTEGER, ZHASPROCESS INTEGER, ZWWANIN REAL, ZWWANOUT REAL, ZWIFIIN REAL,"
        " ZWIFIOUT REAL);"
        "INSERT INTO ZPROCESS VALUES (1, 700000000, 710000000, 'org.example.diary', 'Diary'),"
        " (2, NULL, NULL, NULL, 'mDNSResponder/x');"
        "INSERT INTO ZLIVEUSAGE VALUES (0, 1, 10, 1, 100, 5), (0, 1, 20, 2, NULL, 5), (257, 1, 999, 9, 9, 9),"
        " (0, 2, 5000, 0, 0, 0), (0, 77, 1, 1, 1, 1);"
    )
    exported = export(make_backup({USAGE: make_database(made)}), owners={"cellular"})

    rows = [list(row.values()) for row in table(exported, "Cellular/data usage.csv")]
    assert [row[:6] for row in rows] == [
        ["mDNSResponder", "", "5000", "0", "0", "0"],
        ["Diary", "org.example.diary", "30", "3", "100", "10"],
    ]


def test_places_of_maps_are_tables_and_waypoints(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    made = (
        "CREATE TABLE ZFAVORITEITEM (Z_PK INTEGER PRIMARY KEY, ZCUSTOMNAME TEXT, ZORIGINATINGADDRESSSTRING TEXT,"
        " ZLATITUDE REAL, ZLONGITUDE REAL, ZCREATETIME REAL);"
        "CREATE TABLE ZCOLLECTION (Z_PK INTEGER PRIMARY KEY, ZTITLE TEXT);"
        "CREATE TABLE ZCOLLECTIONITEM (Z_PK INTEGER PRIMARY KEY, ZCUSTOMNAME TEXT, ZLATITUDE REAL, ZLONGITUDE REAL,"
        " ZCREATETIME REAL);"
        "CREATE TABLE Z_5PLACES (Z_5COLLECTIONS INTEGER, Z_6PLACES INTEGER);"
        "CREATE TABLE ZHISTORYITEM (Z_PK INTEGER PRIMARY KEY, ZQUERY TEXT, ZLOCATIONDISPLAY TEXT, ZLATITUDE REAL,"
        " ZLONGITUDE REAL, ZCREATETIME REAL);"
        "INSERT INTO ZFAVORITEITEM VALUES (1, 'Home <3', 'Street 1', 52.5, 13.4, 700000000);"
        "INSERT INTO ZCOLLECTION VALUES (3, 'Japan'); INSERT INTO Z_5PLACES VALUES (3, 8);"
        "INSERT INTO ZCOLLECTIONITEM VALUES (8, NULL, 35.6, 139.7, 700000000);"
        "INSERT INTO ZHISTORYITEM VALUES (1, '=pizza', 'Berlin', 0, 0, 700000100), (2, 'old', NULL, 1, 1, 600000000);"
    )
    exported = export(make_backup({MAPS: make_database(made)}), owners={"maps"})

    (favourite,) = table(exported, "Maps/favorites.csv")
    assert (favourite["Name"], favourite["Address"], favourite["Latitude"]) == ("Home <3", "Street 1", "52.5")
    (guide,) = table(exported, "Maps/guides.csv")
    assert (guide["Guide"], guide["Name"], guide["Longitude"]) == ("Japan", "", "139.7")
    assert [row["Name"] for row in table(exported, "Maps/history.csv")] == ["old", "'=pizza"]
    root = ElementTree.fromstring((exported.root / "Maps/places.gpx").read_bytes())
    names = [one.text for one in root.iter("{http://www.topografix.com/GPX/1/1}name")]
    assert names == ["Home <3", "35.6, 139.7", "old"]
    assert sum(exported.category("maps").reasons.values()) == 1


def test_a_simulated_iphone_has_all_of_them(phones_backup: Callable[..., Any], export: Export) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3)
    exported = export(backup, groups=groups)

    tops = {path.split("/", 1)[0] for path in exported.paths()}
    assert {"Apps", "Files on my iPhone", "Home screen", "Cellular", "Maps"} <= tops
    assert table(exported, "Maps/guides.csv")[0]["Guide"] == "Kyoto 🗺️"
    assert "Files on my iPhone/Steuer 2025.pdf" in exported.paths()
    assert {path.split("/")[1] for path in exported.paths() if path.startswith("Apps/")} >= {"com.example.sketchbook"}
