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
from migrate.journey.run import run as begin
from migrate.journey.runs import RunFolder, all_runs, bytes_on_disk, only_unfinished
from migrate.journey.steps.rehearse import REHEARSE
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.model import Plan, digest, to_toml
from migrate.problems import JournalDamaged, JournalTooNew, OtherPhone, OtherPlan, RunBusy, UsageWrong, WhichRun

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


def context_in(home: Home, **change: Any) -> RunContext:
    usbmux = UsbmuxConfig("127.0.0.1:1", home.pairing, home.tmp)
    return RunContext(home, home.tmp, usbmux, NoPrompts(), wait_s=0, **change)


def resume_run(home: Home, run: RunFolder, **change: Any) -> None:
    asyncio.run(resume(run, context_in(home, **change)))


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
    with locked(run.path / "lock"):
        with pytest.raises(RunBusy) as busy:
            resume_run(home, run)
        assert busy.value.exit_code == 3
        assert run.state() == "running"
    assert run.state() == "damaged"


@pytest.mark.parametrize("text", [None, "version = 1\n", to_toml(PLAN).replace("prove = true", "prove = false")])
def test_a_run_whose_plan_is_missing_broken_or_changed_is_refused(home: Home, text: str | None) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    plan = run.path / "plan.toml"
    plan.unlink() if text is None else plan.write_text(text)
    with pytest.raises(OtherPlan):
        resume_run(home, run)


def test_a_resume_that_names_another_phone_than_the_run_has_met_is_refused(home: Home) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    run.journal().append({"met": "new", "udid": "B", "name": "Ada"})
    for role in ("old", "new"):
        with pytest.raises(OtherPhone):
            resume_run(home, run, named_udids={role: "C"})


def test_a_run_that_may_have_been_sent_cannot_be_rehearsed_any_more(home: Home) -> None:
    run = start_run(home, "ada-to-erin")
    journal = run.journal()
    for line in ({"started": "restore"}, {"restore_begins": {}}, {"restore_half_sent": True}):
        journal.append(line)
    with pytest.raises(UsageWrong, match="cannot be rehearsed"):
        asyncio.run(begin(PLAN, context_in(home), run_id="ada-to-erin", stop_after=REHEARSE))
    assert run.journal().lines == journal.lines, "nothing was reopened"


def test_a_file_that_a_run_keeps_twice_takes_its_space_once(home: Home) -> None:
    run = start_run(home, "20260101-000000-aaaa")
    before = bytes_on_disk(run.path)
    (run.path / "photo").write_bytes(bytes(1000))
    (run.path / "same-photo").hardlink_to(run.path / "photo")
    assert bytes_on_disk(run.path) == before + 1000
