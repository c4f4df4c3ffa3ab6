"""The proof: the new phone's own backup, taken afterwards, held against what was agreed and what was there before.

    [1] every file that was agreed to move is there: the same bytes; of a database, opened with its log as an app would,
        the same rows in every table. A phone sends a copy of a database that SQLite has made, so equal bytes cannot be
        asked for (INFERRED, facts 2.3). A database that the phone rewrites and that has at least as many rows is
        there, but enough rows may be other rows: it is `present`, not proven
    [2] what the phone never takes from another phone is expected to be missing; what arrives later is pending: data of
        apps that are still to be installed, but only after a `replace` (facts 4.5: a phone in use drops it). Not for
        ever: see `is_overdue`
    [3] on a phone in use, every file that was there before and was not chosen is still there

Two backups of one file have different keys, so plaintext is compared, one file at a time, in memory or under `tmp`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from migrate.backup.companions import LOG, without_suffix
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.verify.databases import check_database
from migrate.categories.arrival import arrives_later, is_database_file, never_arrives_reason, rewritten_by_phone
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.claims import Claims
from migrate.categories.databases import TableDigest, database_copy, table_digests
from migrate.plan.strategy import Strategy
from migrate.problems import (
    FileInPhone,
    ProofAppMissing,
    ProofChanged,
    ProofFewerRows,
    ProofKeptChanged,
    ProofKeptFewerRows,
    ProofKeptMissing,
    ProofKeptPending,
    ProofKeptPresent,
    ProofMissing,
    ProofOverdue,
    ProofPending,
    ProofPresent,
)
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress

FileOutcome = Literal[
    "same", "rewritten", "present", "pending", "not-expected", "left-behind", "missing", "changed", "fewer-rows"
]
"""`present`: it is there, and its contents were not compared. `left-behind`: it could not be sent, which was said
before anything was."""
RecordKey = tuple[str, str]
"""Domain and path."""
GOOD: frozenset[FileOutcome] = frozenset({"same", "rewritten", "not-expected"})
OPEN: frozenset[FileOutcome] = frozenset({"pending", "present"})
"""Neither proven nor wrong."""
BAD: frozenset[FileOutcome] = frozenset({"missing", "changed", "fewer-rows"})
SQLITE = b"SQLite format 3\0"
LATE_ARRIVAL_DAYS = 7.0
"""How long what arrives later may be on its way. *guessed*: photos take hours, apps as long as their downloads."""
MAX_FINDINGS = 200
"""A proof gone wrong altogether names this many files one by one; the counts stay exact."""


@dataclass
class Proof:
    """What arrived, per owner (a category id, `app:<bundle>` or `other-system`)."""

    outcomes: dict[str, Counter[FileOutcome]] = field(default_factory=dict)
    kept: Counter[FileOutcome] = field(default_factory=Counter)
    """What was on the new phone before and was not chosen."""
    findings: list[Finding] = field(default_factory=list)
    awaited_app_ids: set[str] = field(default_factory=set)
    """Bundle ids of apps that are still to be installed, whose data is pending until then."""

    @property
    def pending(self) -> int:
        return sum(counts["pending"] for counts in self.outcomes.values())

    @property
    def not_compared(self) -> int:
        return sum(counts["present"] for counts in self.outcomes.values())

    @property
    def bad(self) -> int:
        return sum(counts[outcome] for counts in [*self.outcomes.values(), self.kept] for outcome in BAD)

    @property
    def verdict(self) -> str:
        """`proven`, `pending: …`, or `not proven: …`."""
        if self.bad:
            return f"not proven: {self.bad} of the files are not as they should be"
        open_ = [f"{self.pending} still arriving"] if self.pending else []
        open_ += [f"{self.not_compared} there, not compared"] if self.not_compared else []
        return f"pending: {', '.join(open_)}" if open_ else "proven"

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "categories": {owner: dict(sorted(counts.items())) for owner, counts in sorted(self.outcomes.items())},
            "kept": dict(sorted(self.kept.items())),
        }


@dataclass(frozen=True)
class Prover:
    """Compares the restore set and the safety backup with the backup taken afterwards. Blocking; reads only."""

    restore_set: Backup
    after: Backup
    claims: Claims
    """Of the backup that the records come from."""
    strategy: Strategy
    installed: frozenset[str]
    """Bundle ids on the new phone now: the data of an app that is not there yet is pending, not lost."""
    tmp: Path
    agreed: Mapping[RecordKey, Record] | None = None
    """What was chosen in the old backup; None: all of the set. A set can hold more (a graft holds what the new phone
    had), and must not hold less."""
    unsent_file_ids: frozenset[str] = frozenset()
    """File ids of what was agreed and could not be sent; the run has said so."""
    proven_before: bool = False
    """Whether this run was proven before. What arrives later and did not come with the rest is no longer waited for."""
    days_since: float = 0.0
    """Since the restore."""
    same_phone: bool = False
    """The set came from this very phone, so nothing of it has to stay on another one."""
    before: Backup | None = None
    before_claims: Claims | None = None
    progress: Progress = no_progress
    _partly_arrived_domains: set[str] = field(default_factory=set)
    """Domains of which something that arrives later has arrived."""

    def prove(self) -> Proof:
        proof = Proof()
        after_records, set_records = records_by_key(self.after), records_by_key(self.restore_set)
        self._partly_arrived_domains.update(
            domain
            for domain, path in set_records.keys() & after_records.keys()
            if self._comes_late(domain, path, after_records)
        )
        agreed = set_records if self.agreed is None else self.agreed
        done, total = 0, sum(record.size or 0 for record in agreed.values())
        for record in comparable_records(agreed):
            outcome = self._fate_of_agreed(record, after_records, set_records)
            owners = self.claims.owners(record.domain, record.relative_path)
            for owner in owners:
                proof.outcomes.setdefault(owner, Counter())[outcome] += 1
            if outcome == "pending" and self._is_app_missing(record):
                proof.awaited_app_ids |= {owner.removeprefix(APP_PREFIX) for owner in owners}
            self._add_finding(proof, record, outcome, "sent")
            done += record.size or 0
            self.progress.bytes_moved(done, total)
        if self.before is not None and self.strategy is not Strategy.REPLACE:
            self._prove_nothing_lost(proof, after_records, agreed)
        return proof

    def _fate_of_agreed(
        self, record: Record, after_records: Mapping[RecordKey, Record], set_records: Mapping[RecordKey, Record]
    ) -> FileOutcome:
        sent = set_records.get((record.domain, record.relative_path))
        if sent is None:
            return "left-behind" if record.file_id in self.unsent_file_ids else "missing"
        return self._fate(self.restore_set, sent, after_records, set_records)

    def _prove_nothing_lost(
        self, proof: Proof, after_records: Mapping[RecordKey, Record], sent: Mapping[RecordKey, Record]
    ) -> None:
        """[3] What was there before, was not sent, and belongs to no chosen category is still there."""
        assert self.before is not None and self.before_claims is not None
        before = records_by_key(self.before)
        chosen = set(proof.outcomes)
        for key, record in before.items():
            if record.kind is Kind.DIRECTORY or key in sent or without_suffix(record.relative_path):
                continue
            if self.before_claims.owners(record.domain, record.relative_path) & chosen:
                continue  # its counterpart was replaced, and the last confirmation said so
            outcome = self._fate(self.before, record, after_records, before)
            proof.kept[outcome] += 1
            self._add_finding(proof, record, outcome, "kept")

    # -- one file ----------------------------------------------------------------------------------------------------

    def _fate(
        self,
        source: Backup,
        record: Record,
        after_records: Mapping[RecordKey, Record],
        siblings: Mapping[RecordKey, Record],
    ) -> FileOutcome:
        foreign = source is self.restore_set
        if foreign and not self.same_phone and never_arrives_reason(record.domain, record.relative_path):
            return "not-expected"
        arrived = after_records.get((record.domain, record.relative_path))
        if arrived is None:
            return "pending" if foreign and self._may_still_arrive(record) else "missing"
        if record.kind is Kind.SYMLINK:
            return "same" if record.target == arrived.target else "changed"
        if content_digest(source, record, siblings) == content_digest(self.after, arrived, after_records):
            return "same"
        if is_database_file(record.relative_path) or is_database_by_content(source, record):
            return self._compare_rows(source, record, arrived)
        return "rewritten" if rewritten_by_phone(record.domain, record.relative_path) else "changed"

    def _may_still_arrive(self, record: Record) -> bool:
        """[2] Whether what is not there may still come."""
        if self.is_overdue(record):
            return False
        if self._is_app_missing(record):
            return self.strategy is Strategy.REPLACE
        return arrives_later(record.domain, record.relative_path)

    def is_overdue(self, record: Record) -> bool:
        """Whether it should have come by now: a later proof finds others of its domain there, or a week is over."""
        if self.days_since >= LATE_ARRIVAL_DAYS:
            return True
        return self.proven_before and record.domain in self._partly_arrived_domains and not self._is_app_missing(record)

    @staticmethod
    def _comes_late(domain: str, path: str, after_records: Mapping[RecordKey, Record]) -> bool:
        return after_records[domain, path].kind is not Kind.DIRECTORY and arrives_later(domain, path)

    def _is_app_missing(self, record: Record) -> bool:
        """Whether it belongs to apps (its own, or those of its group), and none of them is on the new phone."""
        owners = self.claims.owners(record.domain, record.relative_path)
        apps = {owner.removeprefix(APP_PREFIX) for owner in owners if owner.startswith(APP_PREFIX)}
        return bool(apps) and not apps & self.installed

    def _compare_rows(self, source: Backup, record: Record, arrived: Record) -> FileOutcome:
        """[1] The same rows in every table; where the phone writes to it, at least as many in every table a person
        would miss, or in all where no query knows the database.

        A file that only looks like a database and has other bytes, or is a damaged one: changed.
        """
        try:
            sent, now = self._rows(source, record), self._rows(self.after, arrived)
        except sqlite3.Error:
            return "changed"
        if self._was_damaged(source, record, arrived):
            return "changed"
        if all(now.get(table) == rows for table, rows in sent.items()):
            return "same"
        tables = self.claims.catalogue.proven_tables(record.domain, record.relative_path) & set(sent) or set(sent)
        if any(table not in now or now[table].count < sent[table].count for table in tables):
            return "fewer-rows"
        return "present" if rewritten_by_phone(record.domain, record.relative_path) else "changed"

    def _was_damaged(self, source: Backup, record: Record, arrived: Record) -> bool:
        """Whether SQLite calls it damaged now and not before: an app may fail to open what still has all its rows."""
        if check_database(self.after, arrived, checksum_matches=False) is None:
            return False
        return check_database(source, record, checksum_matches=False) is None

    def _rows(self, backup: Backup, record: Record) -> dict[str, TableDigest]:
        with database_copy(backup, record, self.tmp) as copy:
            return table_digests(copy)

    # -- speaking ----------------------------------------------------------------------------------------------------

    def _add_finding(self, proof: Proof, record: Record, outcome: FileOutcome, role: Literal["sent", "kept"]) -> None:
        if outcome in GOOD or outcome == "left-behind" or len(proof.findings) >= MAX_FINDINGS:
            return
        problem = (FILE_PROBLEMS if role == "sent" else KEPT_FILE_PROBLEMS)[outcome]
        if outcome == "missing" and role == "sent":
            if self._is_app_missing(record):
                problem = ProofAppMissing
            elif self.is_overdue(record):
                problem = ProofOverdue
        claims = self.claims if role == "sent" else self.before_claims or self.claims
        categories = tuple(sorted(claims.owners(record.domain, record.relative_path)))
        proof.findings.append(problem.of(record, categories=categories).as_finding())


FILE_PROBLEMS: Mapping[FileOutcome, type[FileInPhone]] = {
    "pending": ProofPending,
    "present": ProofPresent,
    "missing": ProofMissing,
    "changed": ProofChanged,
    "fewer-rows": ProofFewerRows,
}
KEPT_FILE_PROBLEMS: Mapping[FileOutcome, type[FileInPhone]] = {
    "pending": ProofKeptPending,
    "present": ProofKeptPresent,
    "missing": ProofKeptMissing,
    "changed": ProofKeptChanged,
    "fewer-rows": ProofKeptFewerRows,
}


def records_by_key(backup: Backup) -> dict[RecordKey, Record]:
    """Every record of a backup by domain and path."""
    return {(record.domain, record.relative_path): record for record in backup.records()}


def comparable_records(records: Mapping[RecordKey, Record]) -> Iterator[Record]:
    """Files and symlinks, without the companions: those are read with their database, as an app would."""
    for (domain, path), record in records.items():
        database = without_suffix(path)
        if record.kind is not Kind.DIRECTORY and (database is None or (domain, database) not in records):
            yield record


def is_database_by_content(backup: Backup, record: Record) -> bool:
    """Whether it begins as SQLite's files do, whatever it is called."""
    return next(iter(backup.chunks(record)), b"")[: len(SQLITE)] == SQLITE


def content_digest(backup: Backup, record: Record, siblings: Mapping[RecordKey, Record]) -> bytes:
    """Of a file and, for a database, of its log: the newest rows, or all of them, may be only there (*seen*)."""
    digest = hashlib.sha256()
    for part in (record, siblings.get((record.domain, record.relative_path + LOG))):
        if part is not None and part.kind is Kind.FILE:
            digest.update(_digest_of(backup, part))
    return digest.digest()


def _digest_of(backup: Backup, record: Record) -> bytes:
    """SHA-256 of a file's content. No bytes at all for an empty one: an empty log is as good as none."""
    digest, length = hashlib.sha256(), 0
    for chunk in backup.chunks(record):
        digest.update(chunk)
        length += len(chunk)
    return digest.digest() if length else b""
