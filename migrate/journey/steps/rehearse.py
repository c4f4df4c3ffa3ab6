"""The rehearsal: restore the real restore set to a simulated iPhone like the new phone before touching that.

It is a complete restore through the same code over a socket; only the address differs. Then every agreed file is looked
for on the simulated iPhone, and everything that was on the new phone and must stay. A file that the simulated iPhone
received with the bytes of the set's seal has arrived; anything else is read from the set and compared.

A rehearsal catches what makes a phone refuse a set (form, digests, versions, space), what a phone drops (data of
missing apps), and what a restore would wipe. It cannot know what only Apple's software knows: lists of paths that are
not public, how databases are migrated between iOS versions, what iCloud adds or removes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.seal import Seal
from migrate.categories.arrival import never_arrives_reason
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.claims import Claims
from migrate.journey.backup_password import password_of
from migrate.journey.opened_backup import open_with_claims
from migrate.journey.rehearsal_phone import build_rehearsal_phone, serve_on_socket
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import AgreedSelection, ComposedSet, load_agreed_selection
from migrate.journey.steps.erase import has_agreed
from migrate.journey.steps.restore import RESTORE_OPTIONS, should_install_apps
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, seal_of_set
from migrate.journey.threads import in_thread
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import (
    FileInRehearsal,
    MigrateError,
    RehearsalAppMissing,
    RehearsalChanged,
    RehearsalFailed,
    RehearsalKeptChanged,
    RehearsalLost,
    RehearsalMissing,
    RehearsalRefused,
    RehearsalSucceeded,
    RestoreSetChanged,
)
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress
from migrate.simulator.device.filesystem import Content, DigestOnly, sha256_of
from migrate.simulator.device.phone import SimulatedPhone

REHEARSE: Final = "rehearse"
RESTART_S = 60.0
REPORT_EVERY_ROWS = 256
MAX_FINDINGS = 200
"""A rehearsal gone wrong altogether names this many files one by one; the counts stay exact."""


@dataclass(frozen=True)
class SimulatedAs:
    """What the simulated iPhone was like."""

    ios_version: str
    model: str
    with_contents: bool
    """Whether it held what is on the new phone."""


@dataclass(frozen=True)
class Rehearsed(StepResult):
    """What the rehearsal showed, in files."""

    step = REHEARSE
    as_: SimulatedAs
    categories: Mapping[str, Mapping[str, int]]
    """Owner -> outcome -> files."""
    kept: Mapping[str, int]
    """Outcome -> files that are on the new phone and were not chosen."""


def wants_rehearsal(run: Run, plan: Plan) -> bool:
    return plan.safety.rehearse or run.is_requested(REHEARSE)


async def rehearse(
    run: Run, plan: Plan, verified: OldPhoneVerified, safety: NewPhoneVerified | None, composed: ComposedSet
) -> Rehearsed:
    """Restore the real set to a simulated iPhone and check the result.

    Raises:
        RehearsalFailed: it was refused, something did not arrive, or something would be lost.
    """
    run.findings[:] = [finding for finding in run.findings if not finding.code.startswith("rehearsal-")]
    async with run.phone("new") as phone:
        facts, installed = await phone.refresh(), await phone.installed_apps()
    with ExitStack() as opened:
        agreement = await load_agreed_selection(run, plan, verified, composed)
        opened.enter_context(agreement.old.backup)
        sent = opened.enter_context((await open_with_claims(run, composed.set, run.restore_set_role)).backup)
        before = await open_with_claims(run, safety.backup, "new") if safety else None
        before_backup = opened.enter_context(before.backup) if before else None
        folder = BackupFolder(composed.set)
        erased = has_agreed(run.journal)
        rehearsal_phone = await in_thread(
            run, lambda: build_rehearsal_phone(facts, installed, folder, before_backup, erased=erased)
        )
        seal = await seal_of_set(run, composed.set)
        await _restore(run, composed, rehearsal_phone, seal)
        rehearsal_check = RehearsalCheck(
            rehearsal_phone=rehearsal_phone,
            agreement=agreement,
            restore_set=sent,
            seal=seal,
            strategy=run.strategy,
            before=before_backup,
            before_claims=before.claims if before else None,
            progress=run.progress(),
        )
        await in_thread(run, rehearsal_check.look)
    for finding in rehearsal_check.findings:
        run.found(finding)
    if rehearsal_check.findings:
        raise RehearsalFailed(rehearsal_check.findings[0].what, rehearsal_check.bad)
    run.found(_went_well(facts.name_or_model, rehearsal_phone, rehearsal_check))
    return Rehearsed(
        as_=SimulatedAs(rehearsal_phone.ios_version, rehearsal_phone.model, with_contents=before_backup is not None),
        categories={owner: dict(sorted(counts.items())) for owner, counts in sorted(rehearsal_check.outcomes.items())},
        kept=dict(sorted(rehearsal_check.kept.items())),
    )


async def _restore(run: Run, composed: ComposedSet, rehearsal_phone: SimulatedPhone, seal: Seal | None) -> None:
    """One restore, as the new phone will be sent it: the same options, the same list of apps. Every byte is held to the
    set's seal.

    Raises:
        RehearsalFailed: the simulated iPhone refused it. RestoreSetChanged: a file is not the sealed one.
    """
    password = await password_of(run, composed.set, run.restore_set_role)
    try:
        with serve_on_socket(rehearsal_phone, run.tmp) as usbmux:
            async with await Phone.meet(usbmux, rehearsal_phone.udid, wait_s=RESTART_S) as phone:
                await phone.restore(
                    composed.set,
                    options=RESTORE_OPTIONS[run.strategy],
                    password=password,
                    restore_applications=should_install_apps(run),
                    progress=run.progress(),
                    seal=seal,
                )
    except RestoreSetChanged:
        raise  # what it found is not about the new phone, but about this computer's disk
    except MigrateError as refused:
        run.found(RehearsalRefused(rehearsal_phone.name, refused).as_finding())
        raise RehearsalFailed(refused.what, 1) from refused


@dataclass
class RehearsalCheck:
    """Compares the simulated iPhone after its restart with what was agreed. Blocking; reads only."""

    rehearsal_phone: SimulatedPhone
    agreement: AgreedSelection
    restore_set: Backup
    seal: Seal | None
    """That of the set."""
    strategy: Strategy
    before: Backup | None
    before_claims: Claims | None
    progress: Progress = no_progress
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    """Per owner: `arrives`, `not-expected`, `left-behind`, `missing`, `changed`."""
    kept: Counter[str] = field(default_factory=Counter)
    """Of what is on the new phone and was not chosen: `kept`, `lost`, `changed`."""
    findings: list[Finding] = field(default_factory=list)
    bad: int = 0

    def look(self) -> None:
        """One pass over the old phone's list of files, and over that of the new one."""
        claims, owners, progress = self.agreement.old.claims, self.agreement.owners, self.progress
        total, done = self.rehearsal_phone.files.total_bytes, 0
        for number, row in enumerate(self.agreement.old.backup.manifest.rows()):
            if number % REPORT_EVERY_ROWS == 0:
                progress.bytes_moved(min(done, total), total)
            row_owners = claims.owners(row.domain, row.relative_path)
            if not row_owners & owners or row.kind is Kind.DIRECTORY:
                continue
            outcome, size = self._fate(row)
            done += size
            for owner in row_owners:
                self.outcomes.setdefault(owner, Counter())[outcome] += 1
            if outcome in ("missing", "changed"):
                self._add_finding(row.record(), outcome)
        progress.bytes_moved(total, total)
        for row in self._must_stay():
            outcome = self._fate_of_kept(row)
            self.kept[outcome] += 1
            if outcome != "kept":
                self._add_finding(row.record(), "lost" if outcome == "lost" else "kept-changed")

    def _fate(self, row: Row) -> tuple[str, int]:
        """What became of an agreed file or link, and its size."""
        never_arrives = never_arrives_reason(row.domain, row.relative_path) is not None
        content = self.rehearsal_phone.files.content(row.domain, row.relative_path)
        if content is not None and not never_arrives and self._is_as_sealed(row.file_id, content):
            return "arrives", content.size
        sent = self.restore_set.record(row.domain, row.relative_path)
        if sent is None:
            return ("left-behind" if row.file_id in self.agreement.unsent_file_ids else "missing"), 0
        if never_arrives:
            return "not-expected", 0
        return self._compared(self.restore_set, sent, good="arrives"), sent.size or 0

    def _is_as_sealed(self, file_id: str, content: Content) -> bool:
        """Whether the simulated iPhone received the very bytes of which the set's seal has the digest."""
        if self.seal is None or not isinstance(content, DigestOnly):
            return False
        return (content.stored_sha256 or content.sha256).hex() == self.seal.digest_of(file_id)

    def _must_stay(self) -> Iterator[Row]:
        """What is on the new phone, was not chosen, and is not replaced by what was chosen."""
        if self.before is None or self.before_claims is None or not self.strategy.is_in_use:
            return
        agreed, owners = self.agreement, self.before_claims.owners
        for row in self.before.manifest.rows():
            if row.kind is Kind.DIRECTORY or owners(row.domain, row.relative_path) & agreed.owners:
                continue
            is_agreed = agreed.old.claims.owners(row.domain, row.relative_path) & agreed.owners
            if is_agreed and agreed.old.backup.manifest.row(row.domain, row.relative_path) is not None:
                continue
            yield row

    def _fate_of_kept(self, row: Row) -> str:
        """`kept` if it is untouched, or was sent again (within a rebuild or graft) and is the same."""
        assert self.before is not None
        node = self.rehearsal_phone.files.get(row.domain, row.relative_path)
        if node is None:
            return "lost"
        if self.restore_set.manifest.row(row.domain, row.relative_path) is None:
            return "kept"
        return self._compared(self.before, row.record(), good="kept")

    def _compared(self, source: Backup, record: Record, *, good: str) -> str:
        node = self.rehearsal_phone.files.get(record.domain, record.relative_path)
        if node is None:
            return "missing"
        if record.kind is Kind.SYMLINK:
            return good if node.target == record.target else "changed"
        digest = hashlib.sha256()
        for chunk in source.chunks(record):
            digest.update(chunk)
        return good if sha256_of(node.content) == digest.hexdigest() else "changed"

    def _add_finding(self, record: Record, outcome: str) -> None:
        self.bad += 1
        if len(self.findings) >= MAX_FINDINGS:
            return
        claims = self.agreement.old.claims if outcome in ("missing", "changed") else self.before_claims
        owners = claims.owners(record.domain, record.relative_path) if claims else frozenset()
        apps = {owner.removeprefix(APP_PREFIX) for owner in owners if owner.startswith(APP_PREFIX)}
        without_app = outcome == "missing" and bool(apps) and not apps & set(self.rehearsal_phone.apps)
        problem = RehearsalAppMissing if without_app else FILE_PROBLEMS[outcome]
        self.findings.append(
            problem.of(record, categories=tuple(sorted(owners)), phone=self.rehearsal_phone.name).as_finding()
        )


FILE_PROBLEMS: Mapping[str, type[FileInRehearsal]] = {
    "missing": RehearsalMissing,
    "changed": RehearsalChanged,
    "lost": RehearsalLost,
    "kept-changed": RehearsalKeptChanged,
}


def _went_well(name: str, rehearsal_phone: SimulatedPhone, rehearsal_check: RehearsalCheck) -> Finding:
    arrived = sum(counts["arrives"] for counts in rehearsal_check.outcomes.values())
    kept = rehearsal_check.kept["kept"]
    return RehearsalSucceeded(name, rehearsal_phone.ios_version, arrived, kept).as_finding()
