"""`migrate prove RUN`: tomorrow's proof of yesterday's move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from migrate.errors import NotAgreed, NothingToProve, NotProven
from migrate.journey.run import prove_again
from tests.journey.moves import Bench


def test_a_move_can_be_proven_again_tomorrow(bench: Callable[..., Bench]) -> None:
    table = bench()
    ended = table.move(table.plan())
    assert ended.outcome == "proven"
    first = (table.last_run.path / "receipt.json").read_text()
    table.new.files.remove("HomeDomain", "Library/SMS/sms.db")
    with pytest.raises(NotProven):
        asyncio.run(prove_again(table.last_run, table.world()))
    receipt = json.loads((table.last_run.path / "receipt.json").read_text())
    assert receipt["proof"]["verdict"].startswith("not proven") and receipt["proof"] != json.loads(first)["proof"]
    assert table.last_run.journal().outcome == "failed"


def test_a_plan_without_a_proof_is_proven_when_it_is_asked_for(bench: Callable[..., Bench]) -> None:
    table = bench()
    assert table.move(table.plan(safety={"prove": False})).outcome == "done"
    assert asyncio.run(prove_again(table.last_run, table.world())).outcome == "proven"


def test_nothing_sent_is_nothing_to_prove(bench: Callable[..., Bench]) -> None:
    table = bench()
    table.person.agrees = False
    with pytest.raises(NotAgreed):
        table.move(table.plan())
    with pytest.raises(NothingToProve) as refused:
        asyncio.run(prove_again(table.last_run, table.world()))
    assert refused.value.exit_code == 2
