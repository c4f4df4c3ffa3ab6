"""`migrate prove RUN`: tomorrow's proof of yesterday's move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from migrate.journey import events
from migrate.journey.run import prove_again
from migrate.journey.steps import prove as proving
from migrate.journey.steps.prove import Proved
from migrate.problems import NotAgreed, NothingToProve, NotProven
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import Node
from tests.journey.moves import Bench

SKETCHBOOK = "com.example.sketchbook"


def test_a_move_can_be_proven_again_tomorrow(bench: Callable[..., Bench]) -> None:
    """One phone sends its databases with their logs, the other copies: other bytes, the same rows."""
    table = bench()
    table.old.assume.databases, table.new.assume.databases = "as-they-lie", "consistent"
    ended = table.move(table.plan())
    assert ended.outcome == "proven"
    first = (table.last_run.path / "receipt.json").read_text()
    table.new.files.remove("HomeDomain", "Library/SMS/sms.db")
    with pytest.raises(NotProven):
        asyncio.run(prove_again(table.last_run, table.context()))
    receipt = json.loads((table.last_run.path / "receipt.json").read_text())
    assert receipt["proof"]["verdict"].startswith("not proven") and receipt["proof"] != json.loads(first)["proof"]
    assert table.last_run.journal().outcome == "not-proven"


@pytest.mark.soak
def test_a_run_whose_plan_wants_no_proof_can_be_proven_on_request(bench: Callable[..., Bench]) -> None:
    table = bench()
    assert table.move(table.plan(safety={"prove": False})).outcome == "done"
    assert asyncio.run(prove_again(table.last_run, table.context())).outcome == "proven"


def test_nothing_sent_is_nothing_to_prove(bench: Callable[..., Bench]) -> None:
    table = bench()
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        table.move(table.plan())
    with pytest.raises(NothingToProve) as refused:
        asyncio.run(prove_again(table.last_run, table.context()))
    assert refused.value.exit_code == 2


def test_the_proof_waits_for_what_arrives_later_as_long_as_requested(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that is installed an hour after the move: pending at first, proven once it is there with its data."""
    table = bench()
    missing: dict[str, App] = {}
    kept: list[Node] = []

    def later(event: events.Event) -> None:
        match event:
            case events.StepFinished("wait-for-phone"):
                missing[SKETCHBOOK] = table.new.apps.pop(SKETCHBOOK)
                kept.extend(node for node in table.new.files.walk() if node.domain == f"AppDomain-{SKETCHBOOK}")
                table.new.files.retain(f"AppDomain-{SKETCHBOOK}", lambda node: False)
            case events.FilesMoved("prove") if missing:
                table.new.apps.update(missing)
                missing.clear()
                for node in kept:
                    table.new.files.put(node)

    monkeypatch.setattr(proving, "ARRIVAL_POLL_S", 0.01)
    table.on = later
    ended = table.move(table.plan(), arrival_wait_s=30)
    proof = table.last_run.journal().result(Proved)
    assert ended.outcome == "proven" and proof.verdict == "proven", proof
    assert not missing and table.codes("error") == []
