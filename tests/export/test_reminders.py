"""Lists of reminders as iCalendar files, judged by the parser of icalendar."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from migrate.backup.reader import Backup
from tests.content.reading import database_of
from tests.content.test_reminders import ENTITIES, ICLOUD, LOCAL, NOW, store
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

WITH_PARENT = NOW.replace("ZLIST INTEGER, ZACCOUNT", "ZLIST INTEGER, ZPARENTREMINDER INTEGER, ZSTARTDATE TIMESTAMP,"
                          " ZACCOUNT", 1)  # fmt: skip


def parsed(exported: Exported, name: str) -> dict[str, icalendar.Todo]:
    found = icalendar.Calendar.from_ical((exported.root / f"Reminders/{name}.ics").read_bytes())
    assert all(component.errors == [] for component in found.walk())
    assert found.get_missing_tzids() == set()
    return {str(todo.get("summary")): todo for todo in found.walk("VTODO")}


def made(*reminders: dict[str, Any], rules: tuple[dict[str, Any], ...] = ()) -> bytes:
    """A store with these reminders in one list, numbered from 1."""
    common, numbered = {"Z_ENT": 3, "ZLIST": 2}, enumerate(reminders, 1)
    rows: list[tuple[str, dict[str, Any]]] = [
        *(("Z_PRIMARYKEY", {"Z_ENT": n, "Z_NAME": name}) for n, name in enumerate(ENTITIES, 1)),
        ("ZREMCDBASELIST", {"Z_PK": 2, "Z_ENT": 2, "ZNAME": "Home"}),
        *(("ZREMCDREMINDER", {"Z_PK": n, "ZIDENTIFIER": bytes([n] * 16), **common, **one}) for n, one in numbered),
        *(("ZREMCDOBJECT", {"Z_PK": n, "Z_ENT": 4, **rule}) for n, rule in enumerate(rules, 1)),
    ]  # fmt: skip
    return database_of(WITH_PARENT, rows)


def test_a_list_with_everything(make_backup: MakeBackup, export: Export) -> None:
    """What is deleted is in its place, with a mark."""
    exported = export(make_backup({ICLOUD: database_of(NOW, store())}), formats=frozenset({"csv", "json"}))
    todos = parsed(exported, "Einkäufe")
    bread, done, gone = todos["Brot kaufen"], todos["Steuer"], todos["weg"]

    assert bread["due"].dt == datetime(2023, 3, 8, 21, 26, 40, tzinfo=ZoneInfo("Europe/Berlin"))
    assert (str(bread["description"]), bread["priority"], str(bread["status"])) == ("Roggen", 5, "NEEDS-ACTION")
    assert bread["categories"].cats == ["Flagged"]
    assert bread["rrule"].to_ical().startswith(b"FREQ=")
    assert (str(done["status"]), done["completed"].dt.timestamp()) == ("COMPLETED", 978_307_200 + 700_000_900)
    assert (str(gone["status"]), gone["categories"].cats) == ("CANCELLED", ["Deleted"])
    numbers = exported.category("reminders")
    assert [numbers.count(name) for name in ("items", "exported", "deleted", "deleted_exported")] == [2, 2, 1, 1]
    rows = {row["title"]: row for row in csv.DictReader(io.StringIO(exported.text("Reminders/reminders.csv")))}
    assert (rows["weg"]["deleted"], rows["Steuer"]["done"], rows["Brot kaufen"]["priority"]) == ("yes", "yes", "medium")
    assert len(exported.text("Reminders/reminders.jsonl").splitlines()) == 3


@pytest.mark.parametrize(("deleted", "titles"), [("only", {"weg"}), ("without", {"Brot kaufen", "Steuer"})])
def test_deleted_ones_alone_or_not_at_all(
    make_backup: MakeBackup, export: Export, deleted: str, titles: set[str]
) -> None:
    exported = export(make_backup({ICLOUD: database_of(NOW, store())}), deleted=deleted)

    assert set(parsed(exported, "Einkäufe")) == titles


def test_subtasks_days_and_repetition(make_backup: MakeBackup, export: Export) -> None:
    midnight = 700_012_800.0  # 9 March 2023, 00:00 UTC
    exported = export(
        make_backup(
            {
                LOCAL: made(
                    {"ZTITLE": "cake", "ZALLDAY": 1, "ZDUEDATE": midnight},
                    {"ZTITLE": "eggs", "ZPARENTREMINDER": 1},
                    {"ZTITLE": "Berlin", "ZALLDAY": 1, "ZDUEDATE": midnight - 3600, "ZTIMEZONE": "Europe/Berlin"},
                    {"ZTITLE": "odd", "ZDUEDATE": "not-a-date"},
                    {"ZTITLE": "flowers", "ZDUEDATE": midnight},
                    {"ZTITLE": "someday", "ZPRIORITY": 0},
                    rules=({"ZREMINDER4": 5, "ZFREQUENCY": 1, "ZINTERVAL": 2, "ZOCCURRENCECOUNT": 0},),
                )
            }
        )
    )
    todos = parsed(exported, "Home")

    assert todos["cake"]["due"].dt == date(2023, 3, 9)
    assert str(todos["eggs"]["related-to"]) == str(todos["cake"]["uid"])
    assert todos["Berlin"]["due"].dt == date(2023, 3, 9), "midnight there, not in Greenwich"
    assert "due" not in todos["odd"]
    assert "the due date of a reminder could not be read" in exported.category("reminders").reasons
    flowers = todos["flowers"]
    assert (flowers["rrule"].to_ical(), flowers["dtstart"].dt) == (
        *(b"FREQ=WEEKLY;INTERVAL=2", datetime(2023, 3, 9, tzinfo=UTC)),
    )
    assert not {"due", "priority", "categories"} & set(todos["someday"])


def test_the_synthetic_stores_of_ios_18(make_backup: MakeBackup, export: Export, shared_data: Path) -> None:
    folder = shared_data / "databases/ios18-synthetic"
    files = {LOCAL: "reminders.1.local.sqlite", ICLOUD: "reminders.1.cloud.sqlite"}
    backup = make_backup({place: (folder / name).read_bytes() for place, name in files.items()})
    exported = export(backup)

    assert exported.paths() == [f"Reminders/{name}.ics" for name in ("Groceries", "Personal", "Work")]
    milk, oats = (parsed(exported, "Groceries")[title] for title in ("Buy milk", "Buy oat milk"))
    assert str(oats["related-to"]) == str(milk["uid"]) == "10101010-1010-1010-1010-101010101010"
    assert (milk["priority"], milk["categories"].cats, str(milk["description"])) == (1, ["Flagged"], "2% organic")
    assert str(parsed(exported, "Work")["Call plumber"]["status"]) == "CANCELLED"


def test_no_text_of_a_stranger_becomes_a_line_of_its_own(make_backup: MakeBackup, export: Export) -> None:
    evil = 'x\r\nEND:VTODO\r\nBEGIN:VTODO\r\nSUMMARY:Eve";:,\\\x00\u2028'
    one = dict.fromkeys(("ZTITLE", "ZNOTES", "ZTIMEZONE", "ZIDENTIFIER", "ZDUEDATE", "ZSTARTDATE"), evil)
    exported = export(make_backup({LOCAL: made(one)}), formats=frozenset({"csv", "json"}))

    (todo,) = parsed(exported, "Home").values()
    assert str(todo["summary"]).startswith("x\nEND:VTODO\nBEGIN:VTODO\nSUMMARY:Eve")
    (line,) = exported.text("Reminders/reminders.jsonl").splitlines()
    assert json.loads(line)["list"] == "Home"


def test_the_simulated_phones_reminders(
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]], export: Export
) -> None:
    backup, groups = phones_backup("18.5", reminders=9, icloud_reminders=3)
    exported = export(backup, groups=groups, owners={"reminders"})
    files = [(exported.root / path).read_bytes() for path in exported.paths()]

    assert exported.category("reminders").count("exported") == 9
    todos = [todo for file in files for todo in icalendar.Calendar.from_ical(file).walk("VTODO")]
    known = {str(todo["uid"]) for todo in todos}
    parents = [str(todo["related-to"]) for todo in todos if "related-to" in todo]
    assert (len(todos), len(known)) == (9, 9)
    assert parents and known.issuperset(parents), "subtasks belong to reminders that are there"
    assert any("categories" in todo for todo in todos)
