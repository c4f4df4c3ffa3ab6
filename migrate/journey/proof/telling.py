"""Turn the fates of a proof into findings: items first, as a person would recognise them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from migrate.content.field_names import field_name
from migrate.journey.opened_backup import title_of
from migrate.journey.proof.evidence import Evidence
from migrate.journey.proof.fates import Fate
from migrate.journey.proof.file_pass import CHANGED_HERE
from migrate.journey.proof.file_store import FileStore, StoredFate
from migrate.journey.proof.item_pass import KindResult
from migrate.language import _, mark
from migrate.problems import (
    FileInPhone,
    FilesInProof,
    ItemsInProof,
    ProofAppMissing,
    ProofChanged,
    ProofFieldsLeftOut,
    ProofFilesChangedSince,
    ProofFilesPending,
    ProofFilesPresent,
    ProofItemsChangedSince,
    ProofItemsDifferent,
    ProofItemsKeptOwn,
    ProofItemsMissing,
    ProofItemsOverdue,
    ProofItemsPending,
    ProofItemsUnknown,
    ProofItemsUnseen,
    ProofKeptChanged,
    ProofKeptMissing,
    ProofKeptOwn,
    ProofMissing,
    ProofOldCopyChanged,
    ProofOverdue,
    ProofUnseen,
)
from migrate.problems.finding import Finding

MAX_FILE_FINDINGS = 200
"""A proof gone wrong altogether names this many files one by one; the counts stay exact."""

ITEM_PROBLEMS: Mapping[Fate, type[ItemsInProof]] = {
    Fate.MISSING: ProofItemsMissing,
    Fate.DIFFERENT: ProofItemsDifferent,
    Fate.KEPT_OWN: ProofItemsKeptOwn,
    Fate.UNSEEN: ProofItemsUnseen,
    Fate.LATER: ProofItemsPending,
    Fate.CHANGED_SINCE: ProofItemsChangedSince,
}
SUMMARIES: Mapping[Fate, type[FilesInProof]] = {
    Fate.LATER: ProofFilesPending,
    Fate.PRESENT: ProofFilesPresent,
    Fate.CHANGED_SINCE: ProofFilesChangedSince,
}
"""Fates of files that are told in one sentence for each category."""


def item_findings(results: Iterable[KindResult], is_late: Collection[str] | bool) -> list[Finding]:
    """One finding for each kind and fate. `is_late`: owners whose awaited items are overdue, or True for all."""
    found = []
    for result in results:
        label, categories = _(result.kind.label), (result.kind.owner,)
        if result.is_unknown:
            found.append(ProofItemsUnknown(label, categories).as_finding())
        for fate, problem in ITEM_PROBLEMS.items():
            examples = result.examples.get(fate)
            if examples is None or not examples.count:
                continue
            late = is_late is True or (is_late is not False and result.kind.owner in is_late)
            if fate is Fate.MISSING and late and not result.kept:
                problem = ProofItemsOverdue
            differing = tuple(field_name(name) for name, _count in examples.fields.most_common())
            if fate is Fate.LATER:
                differing = tuple(_(LATER_REASONS[reason]) for reason in sorted(result.later))
            found.append(
                problem(examples.count, result.total, label, tuple(examples.named), differing, categories).as_finding()
            )
        if result.left_out and not result.kept:
            names = tuple(field_name(name) for name in sorted(result.left_out))
            found.append(ProofFieldsLeftOut(label, names, categories).as_finding())
    return found


def file_findings(store: FileStore, evidence: Evidence, overdue_owners: Collection[str]) -> list[Finding]:
    """The files no item has spoken for: wrong ones one by one, the others in one sentence for each category."""
    found: list[Finding] = []
    counts: Counter[tuple[Fate, str]] = Counter()
    first: dict[tuple[Fate, str], str] = {}
    for stored in store.unclaimed():
        overdue = stored.fate is Fate.LATER and any(owner in overdue_owners for owner in stored.owners)
        if stored.fate in SUMMARIES and not overdue:
            for owner in stored.owners if not stored.kept else ():
                counts[stored.fate, owner] += 1
                first.setdefault((stored.fate, owner), stored.relative_path)
        elif stored.fate is not Fate.NOT_EXPECTED and len(found) < MAX_FILE_FINDINGS:
            found.append(_file_finding(stored, evidence, is_overdue=overdue))
    for (fate, owner), count in counts.items():
        title = title_of(evidence.old.claims, owner)
        found.append(SUMMARIES[fate](count, title, first[fate, owner], (owner,)).as_finding())
    return found


def _file_finding(stored: StoredFate, evidence: Evidence, *, is_overdue: bool) -> Finding:
    categories = stored.owners
    if stored.why == CHANGED_HERE:
        return ProofOldCopyChanged.of(stored, categories=categories).as_finding()
    if stored.fate is Fate.UNSEEN:
        return ProofUnseen.of(stored, categories=categories).as_finding()
    if stored.fate is Fate.DIFFERENT:
        changed = ProofKeptChanged if stored.kept else ProofChanged
        return changed.of(stored, categories=categories, details=stored.why).as_finding()
    problem: type[FileInPhone] = ProofKeptMissing if stored.kept else ProofMissing
    if stored.fate is Fate.KEPT_OWN:
        problem = ProofKeptOwn
    elif not stored.kept and (is_overdue or evidence.is_overdue):
        problem = ProofOverdue
    elif not evidence.installs_apps and evidence.is_app_missing(stored.owners):
        problem = ProofAppMissing
    return problem.of(stored, categories=categories).as_finding()


LATER_REASONS: Mapping[str, str] = {
    "background": mark("the phone loads them in the background"),
    "app": mark("they come with their app from the App Store"),
    "account": mark("they come back after you sign in to their account on the new iPhone"),
}
