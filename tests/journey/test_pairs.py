"""The verdict of the proof equals what the phone's files show, for seeded pairs of phones and random choices.

The moves cover each strategy, on phones that keep what they were sent and on phones that change it. A sample runs here,
all 56 in the soak.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from migrate.journey import events
from migrate.problems import NotProven
from tests.journey.moves import NEW_PASSWORD, PASSWORD, UNTOUCHED, Lab, Person, new_phone, old_phone
from tests.journey.pairs import GOOD, contents, dump, pair, plan_of, spoiled, truth

SAMPLE = (21,)
"""A rebuild that loses what it should keep. test_proving_again.py covers a replace, tests/stories an overlay."""
SEEDS = [seed if seed in SAMPLE else pytest.param(seed, marks=pytest.mark.soak) for seed in range(56)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdict_equals_what_the_phones_files_show(make_lab: Callable[..., Lab], tmp_path: Path, seed: int) -> None:
    one = pair(seed)
    old = old_phone(one.old_ios_version, contents(seed), seed=1000 + seed)
    own_password = {"backup_password": NEW_PASSWORD} if one.strategy in ("rebuild", "graft") else {}
    new = new_phone(one.ios_version, empty=one.strategy == "replace", spec=contents(500 + seed), seed=500 + seed,
                    aftermath=UNTOUCHED, **own_password)  # fmt: skip
    lab = make_lab(old, new)
    if own_password:
        lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD})
    expected, grown = truth(one, old, new), set[str]()
    assert expected.sent

    def spoil(event: events.Event) -> None:
        if event == events.StepFinished("wait-for-phone"):
            grown.update(spoiled(one, expected, new, tmp_path))

    lab.on = spoil
    with suppress(NotProven):
        lab.move(lab.plan(**plan_of(one)))
    now, wrong = dict(dump(new)), frozenset(grown) if one.spoil == "adds rows" else frozenset()
    met = expected.is_met_by(now, wrong)
    receipt = lab.last_run.receipt()
    assert receipt is not None
    verdict = str(receipt["proof"]["verdict"])
    files = f"{len(expected.sent):>3} sent, {len(expected.kept):>3} kept"
    print(f"\n{one}: {files}; on the phone: {'complete' if met else 'incomplete'}; proof: {verdict}")
    lost = [path for path, sha in {**expected.sent, **expected.kept}.items() if now.get(path) != sha]
    assert met == (one.spoil in GOOD), f"the phone is not in the expected state: {lost[:10]}"
    assert (verdict == "proven") == met, f"{verdict}: {receipt['findings'][:5]} {lost[:5]}"
