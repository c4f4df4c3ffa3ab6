"""A phone that loses something after the restore is never proven, and never merely awaited for ever."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.run import prove_again
from migrate.problems import NotProven
from migrate.simulator.aftermath.settings import Aftermath
from tests.journey.matrices.contents import WHOLE, more_contents
from tests.journey.matrices.moved import Moved, StrategyName, moved, sections_of
from tests.journey.matrices.sabotages import Sabotage, every_sabotage, limits
from tests.journey.matrices.spoil import NothingToSpoil, Spoiled
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Lab, Person, new_phone, old_phone

MakeLab = Callable[..., Lab]
IOS: dict[StrategyName, tuple[str, str]] = {
    "replace": ("17.5.1", "26.1"),
    "rebuild": ("17.5.1", "26.6"),
    "overlay": ("17.5.1", "18.5"),
    "graft": ("27.0", "27.0"),
}
"""The old phone's version and the new phone's."""


def lab_for(make_lab: MakeLab, strategy: StrategyName) -> Lab:
    old_ios, new_ios = IOS[strategy]
    in_use: dict[str, Any] = {} if strategy == "replace" else {"backup_password": NEW_PASSWORD}
    old = old_phone(old_ios, WHOLE)
    new = new_phone(
        new_ios,
        empty=strategy == "replace",
        spec=WHOLE,
        aftermath=Aftermath(seed=1, arrives_in_s="when-ordered"),
        **in_use,
    )
    more_contents(old, seed=1)
    if strategy != "replace":
        more_contents(new, seed=2)
    lab = make_lab(old, new)
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD if in_use else None})
    return lab


def spoiled_copy(phone: Moved) -> Spoiled:
    """What the phone has, to be spoiled."""
    return Spoiled(phone.lab.new.files.copy(), phone.own, phone.lab.new.keychain.items())


def failure_of(one: Sabotage, phone: Moved) -> str | None:
    """What is wrong with the proof of a sabotaged phone; None if all is right."""
    spoiled = spoiled_copy(phone)
    fragment = one.apply(spoiled)
    proof = phone.prove(spoiled.files, spoiled.keychain)
    told = "\n".join(finding.what + "\n" + finding.why for finding in proof.findings if finding.severity == "error")
    if proof.verdict != "not proven":
        return f"{one}: {proof.verdict}"
    if fragment not in told:
        return f"{one}: “{fragment}” is not in “{told}”"
    return None


def unexpected_verdicts(phone: Moved) -> list[str]:
    """The known limits of a proof that have another verdict than the one listed."""
    found = []
    for one, verdict, why in limits():
        spoiled = spoiled_copy(phone)
        one.apply(spoiled)
        now = phone.prove(spoiled.files, spoiled.keychain).verdict
        if now != verdict:
            found.append(f"{one}: {now} instead of {verdict} ({why})")
    return found


def run_matrix(phone: Moved, sabotages: list[Sabotage]) -> tuple[int, list[str], list[str]]:
    """How many were tried, what went wrong, and which found nothing to spoil."""
    failures, idle = [], []
    for one in sabotages:
        try:
            failure = failure_of(one, phone)
        except NothingToSpoil as nothing:
            idle.append(f"{one}: {nothing}")
            continue
        if failure:
            failures.append(failure)
    return len(sabotages) - len(idle), failures, idle


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ["replace", "rebuild", "overlay", "graft"])
def test_every_sabotage_is_noticed(make_lab: MakeLab, tmp_path: Path, strategy: StrategyName) -> None:
    lab = lab_for(make_lab, strategy)
    wanted = [one for one in every_sabotage(lab.new.ios) if strategy in one.on]
    if only := os.environ.get("ONLY"):
        wanted = [one for one in wanted if any(part in str(one) for part in only.split(","))]
    with moved(lab, strategy, tmp_path) as phone:
        phone.finish()
        calm = phone.prove(lab.new.files)
        assert calm.verdict == "proven", [finding.what for finding in calm.findings]
        begun = time.process_time()
        tried, failures, idle = run_matrix(phone, wanted)
        unexpected = unexpected_verdicts(phone)
    print(f"{strategy}: {tried} sabotages in {time.process_time() - begun:.0f} s of processor time")
    assert not failures and not idle, "\n".join([*failures, *idle])
    assert unexpected == []


SAMPLE = (
    "calls: one lost", "contacts: one number changed", "messages: in each other's chats", "photos: in no album",
    "notes: another's text", "reminders: done or not", "events: without guests", "health: no values",
    "photos' files: a bit flipped", "attachments: one lost", "preferences: ReduceMotionEnabled reset",
    "documents: on my iPhone cut", "databases: ChatStorage.sqlite: a message changed", "alarms: nothing arrived",
)  # fmt: skip


def test_a_sample_of_sabotages_is_noticed(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = lab_for(make_lab, "replace")
    wanted = [one for one in every_sabotage(lab.new.ios) if str(one) in SAMPLE]
    assert len(wanted) == len(SAMPLE)
    with moved(lab, "replace", tmp_path) as phone:
        assert phone.prove(lab.new.files, days_since=0.01).verdict == "pending"
        phone.finish()
        assert phone.prove(lab.new.files).verdict == "proven"
        tried, failures, _ = run_matrix(phone, wanted)
    assert tried == len(SAMPLE) and not failures, "\n".join(failures)


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ["replace", "rebuild", "overlay", "graft"])
def test_a_whole_run_names_what_was_lost(make_lab: MakeLab, strategy: StrategyName) -> None:
    """A lost contact fails the run at once. A lost photo may still be loading, and fails it a week later."""
    lab, lost = lab_for(make_lab, strategy), []
    contact, photo = (
        next(one for one in every_sabotage(lab.new.ios) if str(one) == name)
        for name in ("contacts: one lost", "photos' files: one lost")
    )
    arrived = lab.new.files

    def after_the_restart(event: events.Event) -> None:
        if isinstance(event, events.StepFinished) and event.step == "wait-for-phone":
            nonlocal arrived
            arrived = lab.new.files.copy()
            lost.append(contact.apply(Spoiled(lab.new.files, arrived)))

    lab.on = after_the_restart
    with pytest.raises(NotProven) as told:
        lab.move(lab.plan(**sections_of(strategy)))
    assert told.value.exit_code == 60 and lost[0] in receipt_of(lab)

    for domain in ("HomeDomain",):
        for node in arrived.walk(domain):
            lab.new.files.put(node)
    lab.new.finish_background_restore()
    lab.new.sign_in()
    name = photo.apply(Spoiled(lab.new.files, arrived))
    assert prove_again_in(lab) == "pending"
    pass_days(lab, 8)
    with pytest.raises(NotProven):
        prove_again_in(lab)
    assert name in receipt_of(lab) and lost[0] not in receipt_of(lab)


def prove_again_in(lab: Lab) -> str:
    return asyncio.run(prove_again(lab.last_run, lab.context())).outcome


def receipt_of(lab: Lab) -> str:
    """The findings of the receipt."""
    receipt = json.loads((lab.last_run.path / "receipt.json").read_text(encoding="utf-8"))
    return json.dumps(receipt["findings"], ensure_ascii=False)


def pass_days(lab: Lab, days: float) -> None:
    """The restore and the restart were so many days earlier."""
    path = lab.last_run.path / "journal.ndjson"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line.get("finished") in ("restore", "wait-for-phone"):
            line["at"] = (datetime.fromisoformat(line["at"]) - timedelta(days=days)).isoformat()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
