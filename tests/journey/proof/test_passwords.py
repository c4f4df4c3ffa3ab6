"""Passwords of encrypted backups: what is bound to the old phone stays on it, and the rest has to be on the new one."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.categories.claims import Claims
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.fates import Fate
from migrate.journey.proof.prover import Proof, prove
from migrate.plan.strategy import Strategy
from tests.backup.small_backup import PASSWORD, SmallBackup
from tests.content.test_keychain import FILE
from tests.made_keychain import THIS_DEVICE_ONLY, WHEN_UNLOCKED, der_set, entry


def side(folder: Path, passwords: dict[str, int]) -> Side:
    """An encrypted backup with one password for each account, of these protection classes."""
    made = SmallBackup(folder, encrypted=True)
    entries = [entry(made.class_keys, der_set(svce="site", acct=name), kind) for name, kind in passwords.items()]
    made.add_file(*FILE, plistlib.dumps({"genp": entries}), protection_class=4)
    made.write()
    backup = Backup.open(made.path, PASSWORD)
    return Side(backup=backup, claims=Claims.of(backup))


def proof_of(tmp_path: Path, sent: dict[str, int], there: dict[str, int]) -> Proof:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    return prove(
        Evidence(
            old=side(tmp_path / "old", sent),
            after=side(tmp_path / "after", there),
            before=None,
            owners=frozenset({"passwords"}),
            strategy=Strategy.REPLACE,
            installed=frozenset(),
            tmp=tmp,
        )
    )


@pytest.mark.parametrize(
    ("lost", "fate", "verdict"),
    [(THIS_DEVICE_ONLY, Fate.NOT_EXPECTED, "proven"), (WHEN_UNLOCKED, Fate.MISSING, "not proven")],
)
def test_only_a_password_that_is_bound_to_the_old_phone_may_be_lost(
    tmp_path: Path, lost: int, fate: Fate, verdict: str
) -> None:
    proof = proof_of(tmp_path, {"ann": WHEN_UNLOCKED, "ben": lost}, {"ann": WHEN_UNLOCKED})
    assert (dict(proof.owners["passwords"].items["keychain"]), proof.verdict) == ({Fate.FOUND: 1, fate: 1}, verdict)
