"""What the runner does around every step, and how a run ends that cannot go on."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import runner
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.run_state import Run
from migrate.journey.runner import Step, run_steps
from migrate.plan.model import Plan
from migrate.problems import DiskFullHere, JournalTorn, MigrateError, NotAgreed
from tests.journey.moves import run_without_phones

PLAN = Plan.model_validate({"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["everything"]}})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return run_without_phones(Home(tmp_path / "home").open())


def do(run: Run, *steps: Step) -> None:
    asyncio.run(run_steps(run.context, run.folder, PLAN, run.journal, steps))


async def declines() -> None:
    raise NotAgreed("a-run")


def test_what_was_found_before_an_interruption_is_still_known_after_it(run: Run) -> None:
    async def finds(run: Run) -> None:
        run.found(JournalTorn().as_finding("warning"))

    for step in (Step("verify", finds), Step("verify", finds), Step("compose", declines)):
        with pytest.raises(MigrateError):
            do(run, step, Step("agree", declines))
    rows = json.loads((run.folder / "findings.json").read_text())
    assert [row["code"] for row in rows] == ["journal-torn"]


def test_what_a_step_found_is_written_before_the_journal_says_that_it_is_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after that line, the step is not done again: what it had found was lost."""

    class Killed(BaseException): ...

    append = Journal.append

    def killed_after_it(self: Journal, entry: dict[str, Any]) -> None:
        append(self, entry)
        if "finished" in entry:
            raise Killed

    async def finds(run: Run) -> None:
        run.found(JournalTorn().as_finding("warning"))

    monkeypatch.setattr(Journal, "append", killed_after_it)
    with pytest.raises(Killed):
        do(run, Step("verify", finds))
    rows = json.loads((run.folder / "findings.json").read_text())
    assert [row["code"] for row in rows] == ["journal-torn"]


def test_what_a_step_wrote_is_flushed_before_the_journal_says_that_it_is_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[bool] = []
    monkeypatch.setattr(
        runner, "flush_to_disk", lambda folder, *, since_ns: finished.append(run.journal.finished("verify"))
    )

    async def writes() -> None:
        assert finished == []

    with pytest.raises(NotAgreed):
        do(run, Step("verify", writes), Step("agree", declines))
    assert finished == [False] and run.journal.finished("verify")


def test_the_computer_is_kept_awake_while_a_step_runs_and_no_longer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    awake: list[bool] = []

    @contextmanager
    def kept_awake() -> Iterator[None]:
        awake.append(True)
        yield
        awake.clear()

    monkeypatch.setattr(runner, "kept_awake", kept_awake)

    async def copies() -> None:
        assert awake

    with pytest.raises(NotAgreed):
        do(run, Step("verify", copies), Step("compose", declines))
    assert run.journal.finished("verify")


def test_a_full_disk_is_said_and_the_run_can_go_on_after_room_was_made(run: Run) -> None:
    async def fills() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/home/x")

    with pytest.raises(DiskFullHere) as full:
        do(run, Step("compose", fills))
    assert full.value.exit_code == 33 and "migrate resume a-run" in full.value.next
    assert run.journal.outcome == "failed"
