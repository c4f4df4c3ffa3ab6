"""`prove(sent, after, …)`: a proof of two or three small backups.

`rots`: files of the old backup that go bad on this computer's disk after they were sealed. `unreadable`: files that the
new phone could not read when it was backed up for the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories.claims import Claims
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import Proof, prove
from migrate.plan.strategy import Strategy
from tests.journey.proof.made import RESTORED_AT, Files, backup_of, seal_of, zero

Prove = Callable[..., Proof]


def every_owner(backup: Backup) -> frozenset[str]:
    claims = Claims.of(backup)
    return frozenset(claims.catalogue.ids) | {f"app:{bundle}" for bundle in claims.apps}


@pytest.fixture(name="prove")
def prove_fixture(tmp_path: Path) -> Prove:
    def run(
        sent: Files,
        after: Files,
        *,
        before: Files | None = None,
        owners: frozenset[str] | None = None,
        strategy: Strategy = Strategy.REPLACE,
        modified: Mapping[tuple[str, str], int] | None = None,
        rots: Collection[tuple[str, str]] = (),
        unreadable: Collection[tuple[str, str]] = (),
        **more: Any,
    ) -> Proof:
        tmp = tmp_path / "tmp"
        tmp.mkdir()
        old, now = backup_of(tmp_path / "set", sent), backup_of(tmp_path / "after", after, modified=modified)
        seal = seal_of(sent)
        old.hold_to(seal.digests)
        for place in rots:
            zero(old, place)
        there = backup_of(tmp_path / "before", before) if before is not None else None
        evidence = Evidence(
            old=Side(backup=old, claims=Claims.of(old), seal=seal),
            after=Side(backup=now, claims=Claims.of(now), seal=seal_of(after, unreadable)),
            before=Side(backup=there, claims=Claims.of(there)) if there else None,
            owners=every_owner(old) if owners is None else owners,
            strategy=strategy,
            installed=frozenset({"com.example.chatter"}),
            tmp=tmp,
            restored_at=RESTORED_AT,
            **more,
        )
        proof = prove(evidence)
        assert not any(tmp.iterdir()), "plaintext is left"
        return proof

    return run
