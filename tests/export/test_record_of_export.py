"""`index.html` and `export.json`: what a person and a program find in the folder of an export."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from migrate.export.names import iso_time
from migrate.problems import NothingToExport
from tests.export.exporting import Export
from tests.made_backups import MakeBackup

APP = "AppDomain-org.example.diary"
APPS = {"Applications": {"org.example.diary": {"ContainerContentClass": "Data/Application"}}}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "a":
            self.links.append(unquote(dict(attributes)["href"] or ""))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def test_every_link_of_the_page_leads_somewhere_and_its_numbers_add_up(
    phones_backup: Callable[..., Any], export: Export
) -> None:
    backup, groups = phones_backup("18.5", photos=3, messages=5)
    exported = export(backup, groups=groups, since=1_740_000_000.0)
    page = Page((exported.root / "index.html").read_text(encoding="utf-8"))

    assert len(page.links) > 10
    assert all((exported.root / link).exists() for link in page.links)
    assert page.tags.isdisjoint({"script", "img", "iframe", "link"})
    numbers = [[int(cell.replace(",", "") or 0) for cell in row[1:6]] for row in page.rows[1:] if "?" not in row]
    assert any(row[4] for row in numbers), "some were left out"
    assert all(items == sum(parts) for items, *parts in numbers)
    *rows, total = numbers
    assert total == [sum(column) for column in zip(*rows, strict=True)]


def test_names_of_strangers_are_text_on_the_page(make_backup: MakeBackup, export: Export) -> None:
    files = {(APP, "Documents/<b>x&y</b>.txt"): b"x", (APP, "Documents/a#b?c%41.html"): b"y"}
    files |= {(APP, f"Documents/{number}.txt"): b"z" for number in range(9)}
    named = {"Device Name": "<script>alert(1)</script>"}
    exported = export(make_backup(files, manifest_plist=APPS, info=named))
    page = Page(text := (exported.root / "index.html").read_text(encoding="utf-8"))

    assert "script" not in page.tags and "b" not in page.tags
    assert "&lt;script&gt;" in text and "default-src 'none'" in text
    assert all((exported.root / link).exists() for link in page.links)


def test_a_folder_of_a_thousand_things_is_folded_up_and_bounded(make_backup: MakeBackup, export: Export) -> None:
    local = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
    files = {(local, f"File Provider Storage/{number:04}.txt"): b"x" for number in range(700)}
    exported = export(make_backup(files))
    text = (exported.root / "index.html").read_text(encoding="utf-8")

    assert re.search(r"<summary>700 files</summary>", text)
    assert 490 < text.count("<a href") < 510
    assert len(exported.json["written"]) == 700


def test_the_record_has_the_reasons_that_the_answer_has_not(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    passes = make_database("CREATE TABLE pass (pid INTEGER, unique_id TEXT); INSERT INTO pass VALUES (1, 'x');")
    exported = export(make_backup({("HomeDomain", "Library/Passes/passes23.sqlite"): passes}))

    (answer,) = exported.result.as_json()["categories"]
    (record,) = exported.json["categories"]
    assert "reasons" not in answer
    assert {**record, **answer} == record
    assert sum(record["reasons"].values()) == 1
    assert [kind["id"] for kind in record["kinds"]] == ["wallet"]


def test_an_app_without_documents_is_nothing_to_export(make_backup: MakeBackup, export: Export, tmp_path: Path) -> None:
    backup = make_backup({(APP, "Library/Preferences/x.plist"): b"x"}, manifest_plist=APPS)

    with pytest.raises(NothingToExport):
        export(backup)
    assert not (tmp_path / "export").exists()


def test_two_passes_with_one_id_are_two_files(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    passes = (
        "CREATE TABLE pass (pid INTEGER, unique_id TEXT, pass_type_pid INTEGER, serial_number TEXT);"
        "CREATE TABLE pass_type (pid INTEGER, identifier TEXT); INSERT INTO pass_type VALUES (1, 'pass.x');"
        "INSERT INTO pass VALUES (1, 'one', 1, 'S'), (2, 'two', 1, 'S');"
    )
    files = {("HomeDomain", f"Library/Passes/Cards/{name}.pkpass/pass.json"): name.encode() for name in ("one", "two")}
    exported = export(make_backup({("HomeDomain", "Library/Passes/passes23.sqlite"): make_database(passes), **files}))

    assert len(exported.paths()) == 2


@pytest.mark.parametrize("moment", [0, 1_711_846_799, 1_711_846_800, 1_729_990_799, 1_729_990_800, -2_000_000_000.5])
def test_dates_have_the_offset_of_their_own_day(moment: float) -> None:
    """Also at the minutes when clocks change (in Berlin on 31 March and 27 October 2024)."""
    assert iso_time(moment) == datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
