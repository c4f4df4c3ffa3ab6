"""Seeded pairs of phones and random choices, for each strategy, on phones that keep what they were sent and on phones
that spoil it: the verdict of the proof is what the phone's own dump says. A sample here, all 45 in the soak."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from migrate.journey import events
from migrate.problems import NotProven
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Bench, Person, new_phone, old_phone
from tests.journey.pairs import GOOD, contents, dump, pair, plan_of, spoiled, truth

SAMPLE = (8,)
"""A graft, the dearest to get wrong. test_proving_again proves a replace, the stories an overlay."""
SEEDS = [seed if seed in SAMPLE else pytest.param(seed, marks=pytest.mark.soak) for seed in range(45)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdict_is_what_the_phone_itself_says(bench: Callable[..., Bench], tmp_path: Path, seed: int) -> None:
    one = pair(seed)
    old = old_phone(one.old_ios_version, contents(seed), seed=1000 + seed)
    own_password = {"backup_password": NEW_PASSWORD} if one.strategy == "graft" else {}
    new = new_phone(one.ios_version, empty=one.strategy == "replace", spec=contents(500 + seed), seed=500 + seed,
                    **own_password)  # fmt: skip
    table = bench(old, new)
    if own_password:
        table.person = Person({"old": PASSWORD, "new": NEW_PASSWORD})
    expected, grown = truth(one, old, new), set[str]()
    assert expected.sent

    def spoil(event: events.Event) -> None:
        if event == events.StepFinished("wait-for-phone"):
            grown.update(spoiled(one, expected, new, tmp_path))

    table.on = spoil
    with suppress(NotProven):
        table.move(table.plan(**plan_of(one)))
    now, wrong = dict(dump(new)), frozenset(grown) if one.spoil == "adds rows" else frozenset()
    met = expected.is_met_by(now, wrong)
    receipt = table.last_run.receipt()
    assert receipt is not None
    verdict = str(receipt["proof"]["verdict"])
    files = f"{len(expected.sent):>3} sent, {len(expected.kept):>3} kept"
    print(f"\n{one}: {files}; the dump says {'all there' if met else 'not all there'}; the proof says {verdict}")
    lost = [path for path, sha in {**expected.sent, **expected.kept}.items() if now.get(path) != sha]
    assert met == (one.spoil in GOOD), f"the phone itself is not as the spoiling says: {lost[:10]}"
    assert (verdict == "proven") == met, f"{verdict}: {receipt['findings'][:5]} {lost[:5]}"
