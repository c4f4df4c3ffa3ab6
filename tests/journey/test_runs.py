"""The runs under home: which one `resume` takes, and how it refuses those that it cannot continue."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from migrate.journey.context import RunContext
from migrate.journey.home import Home
from migrate.journey.journal import FORMAT, Journal
from migrate.journey.lock import locked
from migrate.journey.run import resume
from migrate.journey.runs import RunFolder, all_runs, only_unfinished
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.model import Plan, digest, to_toml
from migrate.problems import JournalDamaged, JournalTooNew, OtherPlan, RunBusy, WhichRun

PLAN = Plan.model_validate(
    {"version": 1, "new_phone": {"is": "erased"}, "old_phone": {"udid": "A"}, "move": {"categories": ["everything"]}}
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def start_run(home: Home, name: str) -> RunFolder:
    folder = home.runs / name
    folder.mkdir()
    (folder / "plan.toml").write_text(to_toml(PLAN))
    Journal.create(folder / "journal.ndjson", name, digest(PLAN)).append({"started": "verify"})
    return RunFolder(folder)


def rewrite_head(folder: RunFolder, **change: Any) -> None:
    path = folder.path / "journal.ndjson"
    head, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(head), **change}), *rest]) + "\n")


class NoPrompts:
    """Fails on every prompt."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def resume_run(home: Home, run: RunFolder) -> None:
    asyncio.run(
        resume(
            run,
            RunContext(home, home.tmp, UsbmuxConfig("127.0.0.1:1", home.pairing, home.tmp), NoPrompts(), wait_s=0),
        )
    )


def test_resume_without_a_name_takes_the_only_unfinished_run(home: Home) -> None:
    first = start_run(home, "20260101-000000-aaaa")
    assert only_unfinished(home) == first
    start_run(home, "20260102-000000-bbbb")
    with pytest.raises(WhichRun) as caught:
        only_unfinished(home)
    assert caught.value.unfinished == ("20260101-000000-aaaa", "20260102-000000-bbbb")


def test_a_run_of_a_newer_version_is_refused_and_not_skipped(home: Home) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    rewrite_head(run, journal=FORMAT + 1)
    with pytest.raises(JournalTooNew):
        only_unfinished(home)
    assert [one.summary()["state"] for one in all_runs(home)] == ["newer"]


def test_a_damaged_run_does_not_prevent_resuming_another(home: Home) -> None:
    damaged = start_run(home, "20260102-000000-bbbb")
    rewrite_head(damaged, at=None)
    with pytest.raises(JournalDamaged):
        only_unfinished(home)
    intact = start_run(home, "20260101-000000-aaaa")
    assert only_unfinished(home) == intact
    assert [one.summary()["state"] for one in all_runs(home)] == ["unfinished", "damaged"]


@pytest.mark.parametrize("change", [{"run": None}, {"plan_digest": 7}, {"at": None}])
def test_an_incomplete_head_is_reported_as_damage(home: Home, change: dict[str, Any]) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    rewrite_head(run, **change)
    with pytest.raises(JournalDamaged) as caught:
        run.journal()
    assert caught.value.line == 1 and next(iter(change)) in caught.value.why


def test_a_run_locked_by_another_process_is_not_read(home: Home) -> None:
    """A journal read before the lock is held could be out of date, and a step would be repeated."""
    run = start_run(home, "20260101-000000-aaaa")
    (run.path / "journal.ndjson").write_text("half a li")
    with locked(run.path / "lock"), pytest.raises(RunBusy):
        resume_run(home, run)


@pytest.mark.parametrize("text", [None, "version = 1\n", to_toml(PLAN).replace("prove = true", "prove = false")])
def test_a_run_whose_plan_is_missing_broken_or_changed_is_refused(home: Home, text: str | None) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    plan = run.path / "plan.toml"
    plan.unlink() if text is None else plan.write_text(text)
    with pytest.raises(OtherPlan):
        resume_run(home, run)
