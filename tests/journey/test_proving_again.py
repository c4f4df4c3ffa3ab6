"""`migrate prove RUN` proves an earlier move again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.proof.fates import Fate, OwnerFates
from migrate.journey.proof.prover import Proof
from migrate.journey.run import prove_again
from migrate.journey.steps import prove as proving
from migrate.journey.steps.prove import Proved
from migrate.problems import NotAgreed, NothingToProve, NotProven
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import Node
from tests.journey.moves import Lab, run_without_phones

SKETCHBOOK = "com.example.sketchbook"


def test_a_move_can_be_proven_again_later(make_lab: Callable[..., Lab]) -> None:
    """One phone sends databases with their logs, the other consistent copies: different bytes, the same rows."""
    lab = make_lab()
    lab.old.assume.databases, lab.new.assume.databases = "as-they-lie", "consistent"
    ended = lab.move(lab.plan())
    assert ended.outcome == "proven"
    first = (lab.last_run.path / "receipt.json").read_text()
    lab.new.files.remove("HomeDomain", "Library/SMS/sms.db")
    with pytest.raises(NotProven):
        asyncio.run(prove_again(lab.last_run, lab.context()))
    receipt = json.loads((lab.last_run.path / "receipt.json").read_text())
    assert receipt["proof"]["verdict"].startswith("not proven") and receipt["proof"] != json.loads(first)["proof"]
    assert lab.last_run.journal().outcome == "not-proven"


@pytest.mark.soak
def test_a_run_planned_without_a_proof_can_be_proven_on_request(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    assert lab.move(lab.plan(safety={"prove": False})).outcome == "done"
    assert asyncio.run(prove_again(lab.last_run, lab.context())).outcome == "proven"


def test_a_run_that_sent_nothing_cannot_be_proven(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    lab.person.agrees = False
    with pytest.raises(NotAgreed):
        lab.move(lab.plan())
    with pytest.raises(NothingToProve) as refused:
        asyncio.run(prove_again(lab.last_run, lab.context()))
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("wait_s", "looks", "looked"),
    [
        (30.0, ({"later": 2}, {"later": 1}, {"same": 2}), 3),
        (0.0, ({"later": 2},), 1),
        (30.0, ({"later": 1, "missing": 1},), 1),
    ],
    ids=["until it has come", "nobody asked to wait", "something is missing anyway"],
)
def test_the_proof_waits_as_long_as_requested(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_s: float,
    looks: tuple[dict[str, int], ...],
    looked: int,
) -> None:
    proofs = [
        Proof({"photos": OwnerFates(files=Counter({Fate(name): n for name, n in look.items()}))}) for look in looks
    ]
    steps: list[str] = []

    async def look(*_: object) -> Proof:
        steps.append("look")
        return proofs[steps.count("look") - 1]

    async def wait(*_: object) -> None:
        steps.append("wait")

    monkeypatch.setattr(proving, "prove_once", look)
    monkeypatch.setattr(proving, "wait_for_arrivals", wait)
    run = run_without_phones(Home(tmp_path / "home").open())
    run = replace(run, context=replace(run.context, arrival_wait_s=wait_s))
    nothing: Any = None
    proved = asyncio.run(proving.prove_move(run, nothing, nothing, None, None))
    assert steps == ["look", *["wait", "look"] * (looked - 1)]
    assert proved.files == {"photos": looks[-1]} and proved.verdict == proofs[-1].verdict


@pytest.mark.soak
def test_the_proof_waits_for_data_that_arrives_with_its_app(
    make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that is installed an hour after the move: pending at first, proven once it is there with its data."""
    lab = make_lab()
    missing: dict[str, App] = {}
    kept: list[Node] = []

    def later(event: events.Event) -> None:
        match event:
            case events.StepFinished("wait-for-phone"):
                missing[SKETCHBOOK] = lab.new.apps.pop(SKETCHBOOK)
                kept.extend(node for node in lab.new.files.walk() if node.domain == f"AppDomain-{SKETCHBOOK}")
                lab.new.files.retain(f"AppDomain-{SKETCHBOOK}", lambda node: False)
            case events.FilesMoved("prove") if missing:
                lab.new.apps.update(missing)
                missing.clear()
                for node in kept:
                    lab.new.files.put(node)

    monkeypatch.setattr(proving, "ARRIVAL_POLL_S", 0.01)
    lab.on = later
    ended = lab.move(lab.plan(), arrival_wait_s=30)
    proof = lab.last_run.journal().result(Proved)
    assert ended.outcome == "proven" and proof.verdict == "proven", proof
    assert not missing and lab.codes("error") == []


def test_photos_that_never_come_are_missing_after_a_day_and_not_pending_for_ever(
    make_lab: Callable[..., Lab], old_phone_backup: Path
) -> None:
    """A whole move of photos alone, after which the new phone lists them all and has none of them."""
    lab = make_lab()

    def lose_the_photos(event: events.Event) -> None:
        if isinstance(event, events.StepFinished) and event.step == "wait-for-phone":
            lab.new.files.retain("CameraRollDomain", lambda node: "DCIM/1" not in node.relative_path)

    lab.on = lose_the_photos
    sections = {"move": {"categories": ["photos"]}, "old_phone": {"backup": str(old_phone_backup)}}
    ended = lab.move(lab.plan(**sections))
    assert (ended.outcome, events.exit_code_of(ended.outcome)) == ("pending", 61)
    make_older(lab, hours=25)
    with pytest.raises(NotProven) as missing:
        asyncio.run(prove_again(lab.last_run, lab.context()))
    assert missing.value.exit_code == 60


def make_older(lab: Lab, *, hours: float) -> None:
    """Let the last run have happened that much earlier."""
    path = lab.last_run.path / "journal.ndjson"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["at"] = (datetime.fromisoformat(line["at"]) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines))
