"""`migrate runs`: when each run was, on the clock on the wall, what became of it, and which undo undid which move."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.runs import all_runs, undone_by
from migrate.plan.model import Plan, digest, to_toml
from migrate.talk.console import display_width
from tests.talk.conftest import Migrate

PLAN = Plan.model_validate(
    {
        "version": 1,
        "name": "Everything, to an erased iPhone",
        "new_phone": {"is": "erased"},
        "old_phone": {"udid": "A"},
        "move": {"categories": ["everything"]},
    }
)
MOVE, UNDO, REDO = "20260301-231500-aaaa", "20260302-080000-bbbb", "20260303-080000-cccc"


def add_run(home: Path, name: str, *, undoes: str | None = None, outcome: str, taken: bool = True) -> None:
    folder = Home(home).open().runs / name
    folder.mkdir()
    (folder / "findings.json").write_bytes(bytes(2_000_000))
    (folder / "plan.toml").write_text(to_toml(PLAN))
    journal = Journal.create(folder / "journal.ndjson", name, digest(PLAN), undoes=undoes)
    if taken:
        journal.append({"finished": "restore", "result": {}})
    journal.append({"finished": "receipt", "result": {}})
    journal.append({"ended": outcome, "exit_code": 0})
    text = journal.path.read_text()
    begun = f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:{name[11:13]}:00.000+00:00"
    journal.path.write_text(text.replace(journal.begun_at, begun, 1))


@pytest.fixture
def undone_move(home: Path) -> Path:
    add_run(home, MOVE, outcome="proven")
    add_run(home, UNDO, undoes=MOVE, outcome="undone")
    return home


def test_an_undone_move_and_its_undo_name_each_other(migrate: Migrate, undone_move: Path) -> None:
    lines = migrate("runs").out.splitlines()
    move, undo = (lines.index(next(line for line in lines if line.startswith(run))) for run in (MOVE, UNDO))
    assert " undone " in lines[move] and "proven" not in lines[move]
    assert " put back " in lines[undo]
    assert " ".join(" ".join(lines[move + 1 : undo]).split()) == f"{PLAN.name}; undone by {UNDO}"
    assert lines[undo + 1].strip() == f"undo of {MOVE}"
    assert f"undone by {UNDO}" in " ".join(migrate("runs", "show", MOVE).out.split())
    assert f"undo of {MOVE}" in migrate("runs", "show", UNDO).out


def test_scripts_read_the_outcome_of_each_run_as_before(migrate: Migrate, undone_move: Path) -> None:
    rows = {row["id"]: row for row in map(json.loads, migrate("runs", "--json").out.splitlines())}
    assert rows[MOVE]["state"] == "proven" and rows[UNDO]["state"] == "undone"
    assert set(rows[MOVE]) == {"id", "plan", "state", "old_udid", "new_udid", "started", "bytes_on_disk"}
    assert rows[MOVE]["started"] == "2026-03-01T23:15:00.000+00:00"


@pytest.mark.parametrize("columns", ["60", "80"])
def test_the_table_has_local_time_and_fits(
    migrate: Migrate, undone_move: Path, monkeypatch: pytest.MonkeyPatch, local_zone: None, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    add_run(undone_move, REDO, outcome="not-proven")
    lines = migrate("runs").out.splitlines()
    assert "2026-03-02 08:15" in next(line for line in lines if line.startswith(MOVE)), "nine hours east"
    assert all(display_width(line) <= int(columns) for line in lines), lines
    assert any("not proven" in line for line in lines)


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its time zone for one process")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_undo_that_never_reached_the_phone_undid_nothing(home: Path) -> None:
    add_run(home, MOVE, outcome="proven")
    add_run(home, UNDO, undoes=MOVE, outcome="failed", taken=False)
    assert undone_by(all_runs(Home(home))) == {}


def test_an_undo_that_was_undone_counts_no_more(home: Path) -> None:
    add_run(home, MOVE, outcome="proven")
    add_run(home, UNDO, undoes=MOVE, outcome="undone")
    add_run(home, REDO, undoes=UNDO, outcome="undone")
    assert undone_by(all_runs(Home(home))) == {UNDO: REDO}
