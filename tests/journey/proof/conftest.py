"""`prove(sent, after, …)`: a proof of two or three small backups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories.claims import Claims
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import Proof, prove
from migrate.plan.strategy import Strategy
from tests.journey.proof.made import RESTORED_AT, Files, backup_of

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
        **more: Any,
    ) -> Proof:
        tmp = tmp_path / "tmp"
        tmp.mkdir()
        old, now = backup_of(tmp_path / "set", sent), backup_of(tmp_path / "after", after, modified=modified)
        there = backup_of(tmp_path / "before", before) if before is not None else None
        evidence = Evidence(
            old=Side(backup=old, claims=Claims.of(old)),
            after=Side(backup=now, claims=Claims.of(now)),
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
