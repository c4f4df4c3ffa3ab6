"""Wallet passes, Wi-Fi networks, alarms and other small tables."""

from __future__ import annotations

import csv
import json
import plistlib
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

PASSES = ("HomeDomain", "Library/Passes/passes23.sqlite")
CARDS = "Library/Passes/Cards"
WALLET = (
    "CREATE TABLE pass (pid INTEGER PRIMARY KEY, unique_id TEXT, organization_name TEXT, localized_description TEXT,"
    " ingested_date REAL);"
    "INSERT INTO pass VALUES (1, 'one=', 'Night: train/ü', 'Ticket', 700000000), (2, 'two=', 'Gone', NULL, NULL),"
    " (3, 'three=', 'Night: train/ü', NULL, NULL);"
)
CARD = json.dumps({"formatVersion": 1, "organizationName": "Night train"}).encode()


def table(exported: Exported, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(exported.text(path).splitlines()))


def test_a_pass_is_the_file_that_wallet_opens_and_one_without_content_is_named(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    files = {
        PASSES: make_database(WALLET),
        ("HomeDomain", f"{CARDS}/one=.pkpass/pass.json"): CARD,
        ("HomeDomain", f"{CARDS}/one=.pkpass/en.lproj/logo.png"): b"PNG" * 1000,
        ("HomeDomain", f"{CARDS}/three=.pkpass/pass.json"): CARD,
    }
    backup = make_backup(files)
    exported = export(backup)

    assert exported.paths() == ["Wallet/Night_ train_ü (2).pkpass", "Wallet/Night_ train_ü.pkpass"]
    by_names = {}
    for path in exported.paths():
        with zipfile.ZipFile(exported.root / path) as archive:
            assert archive.testzip() is None
            by_names[tuple(archive.namelist())] = archive.read("pass.json")
    assert by_names == {("en.lproj/logo.png", "pass.json"): CARD, ("pass.json",): CARD}
    wallet = exported.category("wallet")
    assert [wallet.count(name) for name in ("items", "exported", "unreadable")] == [3, 2, 1]
    assert dict(wallet.reasons) == {"the pass itself is not in the backup, only that there is one": 1}

    before = {path: (exported.root / path).read_bytes() for path in exported.paths()}
    assert {path: (exported.root / path).read_bytes() for path in export(backup).paths()} == before


def test_a_pass_with_a_damaged_file_is_named_and_not_half_written(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    card = ("HomeDomain", f"{CARDS}/one=.pkpass/pass.json")
    backup = make_backup({PASSES: make_database(WALLET), card: CARD})
    record = backup.record(*card)
    assert record is not None
    (backup.folder.path / record.file_id[:2] / record.file_id).unlink()
    exported = export(backup)

    assert exported.paths() == []
    assert exported.result.exit_code == 30
    assert "a file of the pass is damaged or missing in the backup" in exported.category("wallet").reasons


@pytest.mark.parametrize("is_old", [False, True])
def test_a_network_says_when_it_was_last_joined(make_backup: MakeBackup, export: Export, is_old: bool) -> None:
    joined, before = datetime(2024, 5, 3, 12, 0), datetime(2023, 1, 1)
    if is_old:
        path, content = (
            "SystemConfiguration/com.apple.wifi.plist",
            {"List of known networks": [{"SSID_STR": "=Home", "lastJoined": before, "lastAutoJoined": joined}]},
        )
    else:
        path, content = (
            "com.apple.wifi.known-networks.plist",
            {"x": {"SSID": b"=Home", "JoinedBySystemAt": joined, "JoinedByUserAt": before, "Hidden": True}},
        )
    exported = export(make_backup({("SystemPreferencesDomain", path): plistlib.dumps(content)}))
    (row,) = table(exported, "Wi-Fi/networks.csv")

    assert row["Name"] == "'=Home"
    assert datetime.fromisoformat(row["Last joined"]).astimezone(UTC) == joined.replace(tzinfo=UTC)
    assert row["Hidden"] == ("" if is_old else "yes")
    assert "Password" not in row


def test_alarms_are_shown_as_a_clock_shows_them(phones_backup: Callable[..., Any], export: Export) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3)
    exported = export(backup, groups=groups, owners={"alarms", "world-clock"})

    rows = {row["Title"]: row for row in table(exported, "Alarms/alarms.csv")}
    assert [rows[name]["Time"] for name in sorted(rows)] == ["06:45", "13:30", "08:00"]
    assert rows["Frühschicht"]["Days"] == "Mon Tue Wed Thu Fri"
    assert rows["Weekend"]["Days"] == "Sat Sun"
    assert rows["Pills 💊"]["Days"] == "once"
    assert [row["Name"] for row in table(exported, "Cities/world-clock.csv")] == ["Kyoto", "Reykjavík"]


def test_small_tables_as_json(phones_backup: Callable[..., Any], export: Export) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3)
    exported = export(backup, groups=groups, owners={"alarms", "wifi"}, formats=frozenset({"json", "html"}))

    assert exported.paths() == ["Alarms/alarms.json", "Wi-Fi/networks.json"]
    assert {one["days"] for one in json.loads(exported.text("Alarms/alarms.json"))} == {
        "Mon Tue Wed Thu Fri",
        "Sat Sun",
        "once",
    }


def test_nothing_is_written_for_an_empty_table(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    exported = export(make_backup({PASSES: make_database(WALLET.partition("INSERT")[0])}))

    assert exported.paths() == []
    assert exported.category("wallet").count("items") == 0
    assert not (exported.root / "Wallet").exists()


def test_hostile_names_in_a_pass_stay_inside_it(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export, tmp_path: Path
) -> None:
    files = {
        PASSES: make_database(WALLET.replace("Night: train/ü", "../../outside")),
        ("HomeDomain", f"{CARDS}/one=.pkpass/pass.json"): CARD,
        ("HomeDomain", f"{CARDS}/one=.pkpass/../../up.txt"): b"up",
    }
    exported = export(make_backup(files))

    (path,) = exported.paths()
    assert path == "Wallet/_.._outside.pkpass" or path.startswith("Wallet/")
    with zipfile.ZipFile(exported.root / path) as archive:
        assert archive.namelist() == ["pass.json"]


def test_books_podcasts_and_shortcuts_are_tables_with_their_titles(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    books = "CREATE TABLE ZBKLIBRARYASSET (ZASSETID TEXT, ZTITLE TEXT, ZAUTHOR TEXT, ZCREATIONDATE REAL);"
    books += "INSERT INTO ZBKLIBRARYASSET VALUES ('B', 'Later', 'Ann', 720000000), ('A', '=First', NULL, 700000000);"
    podcasts = "CREATE TABLE ZMTPODCAST (ZUUID TEXT, ZTITLE TEXT, ZFEEDURL TEXT, ZADDEDDATE REAL);"
    podcasts += "INSERT INTO ZMTPODCAST VALUES ('P', 'News', 'https://example.com/feed', 700000000);"
    shortcuts = "CREATE TABLE ZSHORTCUT (Z_PK INTEGER, ZWORKFLOWID TEXT, ZNAME TEXT, ZCREATIONDATE REAL);"
    shortcuts += "CREATE TABLE ZSHORTCUTACTIONS (ZSHORTCUT INTEGER, ZDATA BLOB);"
    shortcuts += "INSERT INTO ZSHORTCUT VALUES (1, 'W', 'Go home', 700000000);"
    files = {
        ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/BKLibrary-1.sqlite"): books,
        ("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite"): podcasts,
        ("HomeDomain", "Library/Shortcuts/Shortcuts.sqlite"): shortcuts,
    }
    exported = export(make_backup({place: make_database(script) for place, script in files.items()}))

    titles = [(row["Title"], row["Author"]) for row in table(exported, "Books and PDFs/books.csv")]
    assert titles == [("'=First", ""), ("Later", "Ann")]
    (podcast,) = table(exported, "Podcasts/podcasts.csv")
    assert (podcast["Title"], podcast["Date"][:10]) == ("News", "2023-03-08")
    (shortcut,) = table(exported, "Shortcuts/shortcuts.csv")
    assert list(shortcut) == ["Date", "Name", "State", "ID"], "no digest of its actions"
