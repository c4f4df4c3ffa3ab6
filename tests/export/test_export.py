"""An export as a whole: its numbers, its folder, a second run, a killed run, a person, a full disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.content.counting import Counting
from migrate.export.folder import ExportFolder
from migrate.problems import CannotExportHere, ExportIntoBackup, ExportOfSomethingElse
from tests.export.exporting import Export
from tests.made_backups import MakeBackup

CALLS = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
SCHEMA = (
    "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
    " ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT);"
)
TWO_CALLS = SCHEMA + (
    "INSERT INTO ZCALLRECORD VALUES (1, 700000000, '+49 170 1234567', 1, 1, 61.2, 'A');"
    "INSERT INTO ZCALLRECORD VALUES (2, 720000000, '=HYPERLINK(\"http://x\")', 0, 0, 0, 'B');"
)


@pytest.fixture
def two_calls(make_backup: MakeBackup, make_database: Callable[[str], bytes]) -> Backup:
    return make_backup({CALLS: make_database(TWO_CALLS)})


def test_every_item_that_show_counts_is_exported_or_named(
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]], export: Export, tmp_path: Path
) -> None:
    backup, groups = phones_backup("18.5", photos=3, messages=5, contacts=3)
    exported = export(backup, groups=groups)
    counting = Counting(backup, tmp_path)

    assert len(exported.result.categories) > 10
    for category in exported.result.categories:
        counted = counting.count(category.id)
        assert category.count("items") == counted.items, category.id
        assert category.count("deleted") == counted.deleted, category.id


def test_a_call_is_a_line_and_no_cell_is_a_formula(two_calls: Backup, export: Export) -> None:
    lines = export(two_calls).text("Calls/calls.csv").splitlines()

    assert lines[0] == "when,number,name,direction,answered,seconds"
    assert lines[1].split(",")[1:] == ["+49 170 1234567", "", "outgoing", "yes", "61"]
    assert "\"'=HYPERLINK(" in lines[2]


def test_a_second_run_writes_nothing_again(two_calls: Backup, export: Export, tmp_path: Path) -> None:
    first = export(two_calls)
    before = (first.root / "Calls/calls.csv").stat()
    second = export(two_calls)

    after = (second.root / "Calls/calls.csv").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert second.paths() == ["Calls/calls.csv"]


def test_a_file_that_somebody_changed_is_kept_and_ours_gets_another_name(two_calls: Backup, export: Export) -> None:
    root = export(two_calls).root
    (root / "Calls/calls.csv").write_text("my own notes")
    exported = export(two_calls)

    assert (root / "Calls/calls.csv").read_text() == "my own notes"
    assert (root / "Calls/calls (2).csv").exists()
    assert [finding.code for finding in exported.result.findings] == ["export-kept-yours"]


def test_other_filters_do_not_replace_what_is_there(two_calls: Backup, export: Export) -> None:
    export(two_calls)
    with pytest.raises(ExportOfSomethingElse):
        export(two_calls, since=1_690_000_000.0)


def test_dates_filter_and_what_they_leave_out_is_counted(two_calls: Backup, export: Export) -> None:
    numbers = export(two_calls, since=1_690_000_000.0).category("calls")

    assert (numbers.count("items"), numbers.count("exported"), numbers.count("filtered")) == (2, 1, 1)


def test_one_persons_calls(two_calls: Backup, export: Export) -> None:
    exported = export(two_calls, person="0170 1234567")

    assert exported.category("calls").count("exported") == 1
    assert "HYPERLINK" not in exported.text("Calls/calls.csv")


def test_a_table_that_is_missing_makes_the_number_unknown(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    exported = export(make_backup({CALLS: make_database("CREATE TABLE other (x)")}))

    assert exported.category("calls").count("items") is None
    assert exported.result.exit_code == 30
    assert [finding.code for finding in exported.result.findings] == ["content-unreadable"]


def test_an_export_into_the_backup_is_refused(two_calls: Backup, export: Export) -> None:
    with pytest.raises(ExportIntoBackup):
        export(two_calls, to=f"{two_calls.folder.path.name}/export")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(two_calls: Backup, export: Export, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(CannotExportHere):
        export(two_calls, to="closed/export")


def test_a_folder_keeps_its_name_when_the_export_is_killed_while_its_first_file_is_written(tmp_path: Path) -> None:
    folder = ExportFolder.open(tmp_path / "to", print)
    place = folder.top.folder("Mum 4567", key="mum")
    with pytest.raises(KeyboardInterrupt), place.new_file("chat.txt", key="txt"):
        assert (tmp_path / "to/Mum 4567").is_dir()
        raise KeyboardInterrupt
    folder.ledger._connection.close()  # as a kill does: what is not committed is gone
    again = ExportFolder.open(tmp_path / "to", print)

    assert again.top.folder("Mum 4567", key="mum").write("chat.txt", b"x", key="txt") == "Mum 4567/chat.txt"
    again.close()
    third = ExportFolder.open(tmp_path / "to", print)
    assert third.ledger.written("Mum 4567/chat.txt") is not None
    third.close()
