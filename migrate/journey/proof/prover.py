"""The proof: the new phone's own backup, taken afterwards, against what was agreed and what was there before.

1. Files (file_pass.py): the plaintext of every agreed file, of which the old copy is held to its seal.
2. Items (item_pass.py): every message, contact and photo by its lasting id and fingerprint. An item answers for its
   files: a photo whose original is still missing is not proven.
3. On a phone in use: what was there before and was not chosen.
4. What is awaited for too long is missing.

The verdict is about items and about files that a person would miss. Housekeeping never fails a proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from migrate.categories.catalogue import APP_PREFIX
from migrate.content.kinds import kinds
from migrate.journey.proof.evidence import NOTHING_CAME_DAYS, Evidence
from migrate.journey.proof.fates import WRONG, Fate, OwnerFates, Verdict, move, verdict_of
from migrate.journey.proof.file_pass import FilePass
from migrate.journey.proof.file_store import FileStore
from migrate.journey.proof.item_pass import ItemPass, KindResult
from migrate.journey.proof.sealed_alike import Arrived
from migrate.journey.proof.telling import file_findings, item_findings
from migrate.problems import BadRecord
from migrate.problems.finding import Finding


@dataclass
class Proof:
    """What arrived."""

    owners: dict[str, OwnerFates] = field(default_factory=dict)
    """By category id, `app:<bundle>` or `other-system`."""
    kept: OwnerFates = field(default_factory=OwnerFates)
    """What was on the new phone before and was not chosen."""
    findings: list[Finding] = field(default_factory=list)
    awaited_app_ids: frozenset[str] = frozenset()
    """Bundle ids of apps that are still to be installed and whose data is awaited."""

    @property
    def verdict(self) -> Verdict:
        return verdict_of([*self.owners.values(), self.kept])

    @property
    def arriving(self) -> int:
        return sum(owner.count([Fate.LATER]) for owner in [*self.owners.values(), self.kept])

    @property
    def wrong(self) -> int:
        return sum(owner.count(WRONG) for owner in [*self.owners.values(), self.kept])


def prove(evidence: Evidence) -> Proof:
    """Compare everything. Blocking; only reads the backups.

    Raises:
        BackupUnreadable: a manifest is damaged.
        OSError: the computer's disk cannot be written to or read.
    """
    with FileStore(evidence.tmp) as store:
        return _Prover(evidence, store).run()


class _Prover:
    def __init__(self, evidence: Evidence, store: FileStore) -> None:
        self.evidence = evidence
        self.store = store
        self.proof = Proof()
        self.arrived = Arrived.of(evidence.after.backup)
        self.overdue_owners: set[str] = set()

    def run(self) -> Proof:
        evidence, proof = self.evidence, self.proof
        files = FilePass(evidence, self.arrived, self.store, evidence.old)
        passes = [(files, proof.owners)]
        kept_by_owner: dict[str, OwnerFates] = {}
        if self._compares_kept():
            assert evidence.before is not None
            passes.append((FilePass(evidence, self.arrived, self.store, evidence.before, kept=True), kept_by_owner))
        totals = [file_pass.total_bytes for file_pass, _ in passes]
        known = [total for total in totals if total is not None]
        total = sum(known) if len(known) == len(totals) else None
        done = 0
        for file_pass, owners in passes:
            done = file_pass.run(owners, done, total)
        evidence.progress.bytes_moved(done, total)
        results = self._item_results()
        for result in results:
            self._add(result, kept_by_owner if result.kept else proof.owners)
        for stored in self.store.unclaimed():
            for owner_id in stored.owners:
                owner = (kept_by_owner if stored.kept else proof.owners).setdefault(owner_id, OwnerFates())
                owner.loose[stored.fate] += 1
                if stored.reason is not None:
                    owner.later[stored.reason] += 1
        self._expire(results)
        for kept in kept_by_owner.values():
            _merge(proof.kept, kept)
        proof.findings += item_findings(results, evidence.is_overdue or self.overdue_owners)
        proof.findings += file_findings(self.store, evidence, self.overdue_owners)
        proof.awaited_app_ids = _awaited_apps(proof.owners) | _awaited_apps(kept_by_owner)
        return proof

    def _compares_kept(self) -> bool:
        return self.evidence.before is not None and self.evidence.strategy.is_in_use

    def _item_results(self) -> list[KindResult]:
        evidence = self.evidence
        items = ItemPass(evidence, self.store, old=evidence.old)
        results = [items.run(kind) for kind in kinds() if kind.owner in evidence.owners]
        if self._compares_kept():
            assert evidence.before is not None
            kept = ItemPass(evidence, self.store, old=evidence.before, kept=True)
            results += [kept.run(kind) for kind in kinds() if kind.owner not in evidence.owners]
        return [result for result in results if result.fates or result.is_unknown]

    def _add(self, result: KindResult, owners: dict[str, OwnerFates]) -> None:
        owner = owners.setdefault(result.kind.owner, OwnerFates())
        owner.items[result.kind.id] = result.fates
        owner.later.update(result.later)
        for (known, fate), count in result.moved_files.items():
            for owner_id in known:
                files = owners.setdefault(owner_id, OwnerFates()).files
                files.update({Fate.FOUND: count})
                files.subtract({fate: count})
        if result.is_unknown:
            owner.unknown_kinds.add(result.kind.id)
            self._compare_as_files(result, owner)

    def _compare_as_files(self, result: KindResult, owner: OwnerFates) -> None:
        """The old items cannot be read: their databases are compared as files, and doubts stay doubts."""
        evidence = self.evidence
        side = evidence.before if result.kept and evidence.before is not None else evidence.old
        file_pass = FilePass(evidence, self.arrived, self.store, side, kept=result.kept)
        for row, owners in file_pass.rows_read_by(result.kind):
            with suppress(BadRecord):
                owner.files[file_pass.fate_of_unread(row, owners)] += 1

    def _expire(self, results: Iterable[KindResult]) -> None:
        """After a day, what is awaited of a category of which nothing at all has come is missing."""
        if self.evidence.days_since < NOTHING_CAME_DAYS:
            return
        for owner_id, owner in self.proof.owners.items():
            if owner.has_arrived or not owner.count([Fate.LATER]):
                continue
            self.overdue_owners.add(owner_id)
            for counted in (owner.files, owner.loose):
                move(counted, Fate.LATER, Fate.MISSING)
            owner.later.clear()
        for result in results:  # their fates are also those of their owners' items
            if result.kind.owner in self.overdue_owners and not result.kept:
                result.move(Fate.LATER, Fate.MISSING)


def _awaited_apps(owners: Mapping[str, OwnerFates]) -> frozenset[str]:
    return frozenset(
        owner_id.removeprefix(APP_PREFIX)
        for owner_id, owner in owners.items()
        if owner.later["app"] and owner_id.startswith(APP_PREFIX)
    )


def _merge(total: OwnerFates, owner: OwnerFates) -> None:
    for kind_id, fates in owner.items.items():
        total.items.setdefault(kind_id, Counter()).update(fates)
    total.files.update(owner.files)
    total.loose.update(owner.loose)
    total.housekeeping.update(owner.housekeeping)
    total.later.update(owner.later)
