"""The items of a proof: every item of the old backup against the items of the new phone's backup, kind by kind.

Which item is which is decided in content/pairing.py. On a phone in use the phone's own earlier backup is a third
stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field

from migrate.backup.companions import is_database
from migrate.backup.record import Record
from migrate.categories.arrival import arrives_later
from migrate.content.databases import is_damaged
from migrate.content.file_digest import digest_or_none
from migrate.content.item import Comparison, Item, State, compare
from migrate.content.kind import Kind
from migrate.content.kinds import source_places
from migrate.content.pairing import Examples, Pair, failed, is_elsewhere, merged_items, pairs
from migrate.content.source import Source
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.fates import GOOD, Fate, LaterReason, move
from migrate.journey.proof.file_store import FileStore
from migrate.problems import MigrateError

EXAMPLES = 5
"""Items that are named for each kind and fate."""


@dataclass
class KindResult:
    """The fates of one kind's items."""

    kind: Kind
    kept: bool
    fates: Counter[Fate] = field(default_factory=Counter)
    later: Counter[LaterReason] = field(default_factory=Counter)
    examples: dict[Fate, Examples] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    """Fields that could not be compared, because one of the two iOS versions does not have them."""
    moved_files: Counter[tuple[tuple[str, ...], Fate]] = field(default_factory=Counter)
    """Files of found items that the new phone keeps at another path: their owners, and the fate at the old path."""
    is_unknown: bool = False
    """Whether the old backup's items could not be read."""

    @property
    def total(self) -> int:
        return sum(count for fate, count in self.fates.items() if fate is not Fate.NOT_EXPECTED)

    def move(self, source: Fate, target: Fate) -> None:
        """Give all items of one fate another one."""
        move(self.fates, source, target)
        if (examples := self.examples.pop(source, None)) is not None:
            self.examples.setdefault(target, Examples(EXAMPLES)).absorb(examples)


class ItemPass:
    """Decides the fate of each item of one kind."""

    def __init__(self, evidence: Evidence, store: FileStore, *, old: Side, kept: bool = False) -> None:
        self.evidence = evidence
        self.store = store
        self.kept = kept
        places = source_places()
        self.old = Source(old.backup, evidence.tmp, places)
        self.after = Source(evidence.after.backup, evidence.tmp, places)
        before = evidence.before if not kept else None
        self.before = Source(before.backup, evidence.tmp, places) if before is not None else None
        self._awaits_background: dict[str, bool] = {}
        self._damaged_stores: dict[str, bool] = {}
        self._readable_fields: dict[str, frozenset[str]] = {}

    def run(self, kind: Kind) -> KindResult:
        """Compare all items of a kind."""
        result = KindResult(kind, self.kept)
        records = self.old.files(*kind.places)
        sent = [record for record in records if record.file_id not in self.evidence.unsent_file_ids]
        if not records:
            return result
        if not sent:
            self._all_not_expected(kind, result)
            return result
        own_items = _OwnItems()
        with closing(merged_items(kind, self.old, self.after, self.before)) as groups:
            for old_items, new_items, own in groups:
                own_items.add(new_items, own)
                for pair in _counterparts(old_items, new_items):
                    self._settle(pair, own, result)
        if failed(self.old, records) and set(result.fates) != {Fate.NOT_EXPECTED}:
            result.is_unknown = True
        if own_items.is_untouched and not any(result.fates[fate] for fate in GOOD):
            result.move(Fate.MISSING, Fate.KEPT_OWN)
        return result

    def _all_not_expected(self, kind: Kind, result: KindResult) -> None:
        for item in kind.items(self.old):
            if item.state is not State.DELETED:
                result.fates[Fate.NOT_EXPECTED] += 1

    def _settle(self, pair: Pair, own: list[Item], result: KindResult) -> None:
        item = pair.old
        if item is None or item.state is State.DELETED:
            return
        fate, reason, comparison = self._fate(item, pair, own, result)
        if comparison is not None:
            result.left_out.update(comparison.left_out)
        result.fates[fate] += 1
        if reason is not None:
            result.later[reason] += 1
        if fate in GOOD or fate is Fate.NOT_EXPECTED:
            return
        result.examples.setdefault(fate, Examples(EXAMPLES)).add(item, comparison)
        if fate is not Fate.LATER:
            differing = () if comparison is None else comparison.differing or comparison.undecided
            self.evidence.details(
                {
                    "kind": result.kind.id,
                    "kept": self.kept,
                    "item": item.describe(),
                    "fate": fate.value,
                    "differs": list(differing),
                }
            )

    # -- one item ----------------------------------------------------------------------------------------------------

    def _fate(
        self, item: Item, pair: Pair, own: list[Item], result: KindResult
    ) -> tuple[Fate, LaterReason | None, Comparison | None]:
        if self._stays_on_its_phone(item) and not self.kept and not self.evidence.same_phone:
            return Fate.NOT_EXPECTED, None, None
        match, comparison = pair.new, pair.comparison
        if match is None or comparison is None:
            fate, reason = self._fate_of_absent(item, result.kind)
            return fate, reason, None
        if comparison.is_equal:
            fate, reason = self._fate_of_files(item, match, result)
            return fate, reason, comparison
        if any(compare(mine, match).is_equal for mine in own):
            if self._is_still_to_load(result.kind):
                return Fate.LATER, "background", comparison
            return Fate.KEPT_OWN, None, comparison
        if self._changed_since(item, match):
            return Fate.CHANGED_SINCE, None, comparison
        if comparison.differing or self._is_damaged(item, match, comparison, result.kind):
            return Fate.DIFFERENT, None, comparison
        return Fate.UNSEEN, None, comparison

    def _is_damaged(self, item: Item, match: Item, comparison: Comparison, kind: Kind) -> bool:
        """Whether what can be read of the item cannot be read of its counterpart, after all had time to arrive, and it
        is not of a newer format: of most items on the new phone it can be read. An account may bring any format."""
        if not self.evidence.is_overdue or item.account is not None or match.account is not None:
            return False
        return any(
            name not in item.undecoded and name in self._readable_on_the_new_phone(kind)
            for name in comparison.undecided
        )

    def _readable_on_the_new_phone(self, kind: Kind) -> frozenset[str]:
        """The fields that can be decoded on the new phone in more items than not. Empty values tell nothing."""
        if (known := self._readable_fields.get(kind.id)) is not None:
            return known
        balance: Counter[str] = Counter()
        for item in kind.items(Source(self.after.backup, self.evidence.tmp, self.after.places)):
            balance.update(name for name, value in item.fingerprint().items() if value and name not in item.undecoded)
            balance.subtract(item.undecoded)
        found = self._readable_fields[kind.id] = frozenset(name for name, count in balance.items() if count > 0)
        return found

    def _stays_on_its_phone(self, item: Item) -> bool:
        """Whether no other phone can use an item of the keychain. That goes for all items of an unencrypted backup."""
        if getattr(item, "device_only", False):
            return True
        return not getattr(item, "opened", True) and not self.old.backup.manifest.is_encrypted

    def _fate_of_absent(self, item: Item, kind: Kind) -> tuple[Fate, LaterReason | None]:
        """It has no counterpart on the new phone."""
        evidence = self.evidence
        there = self.after.files(*kind.places)
        if failed(self.after, there) or any(evidence.after.could_not_read(record) for record in there):
            return (Fate.DIFFERENT if self._is_store_damaged(kind, there) else Fate.UNSEEN), None
        if not there and self.old.backup.manifest.is_encrypted and not evidence.after.is_encrypted:
            return Fate.UNSEEN, None  # only an encrypted backup would show it
        reason = self._later_reason(item, kind)
        return (Fate.LATER, reason) if reason is not None else (Fate.MISSING, None)

    def _is_store_damaged(self, kind: Kind, there: Collection[Record]) -> bool:
        """Whether a database of the kind is still damaged on the new phone after all had time to arrive."""
        if not self.evidence.is_overdue:
            return False
        if (known := self._damaged_stores.get(kind.id)) is None:
            broken = [record for record in there if failed(self.after, [record]) and is_database(record.relative_path)]
            known = any(self._is_damaged_on_the_new_phone(record) for record in broken)
            self._damaged_stores[kind.id] = known
        return known

    def _is_damaged_on_the_new_phone(self, record: Record) -> bool:
        try:
            return is_damaged(self.evidence.after.backup, record, self.evidence.tmp)
        except (MigrateError, ValueError):
            return False

    def _later_reason(self, item: Item, kind: Kind) -> LaterReason | None:
        evidence = self.evidence
        if evidence.is_overdue or (self.kept and item.account is None and not evidence.installs_apps):
            return None
        if item.account is not None or item.state is State.ONLY_IN_CLOUD:
            return "account"
        if evidence.is_app_missing([kind.owner]):
            return "app" if evidence.installs_apps else None
        return "background" if self._is_still_to_load(kind) else None

    def _is_still_to_load(self, kind: Kind) -> bool:
        """Whether the phone loads the kind's files in the background, and until then has none or its own."""
        if (known := self._awaits_background.get(kind.id)) is not None:
            return known
        there = self.after.files(*kind.places)
        found = self._awaits_background[kind.id] = (
            not self.evidence.is_overdue
            and all(arrives_later(record.domain, record.relative_path) for record in self.old.files(*kind.places))
            and all(map(self._is_its_own, there))
        )
        return found

    def _is_its_own(self, arrived: Record) -> bool:
        """Whether the new phone's file is the one that it had before."""
        if self.before is None:
            return False
        own = self.before.backup.record(arrived.domain, arrived.relative_path)
        before = digest_or_none(self.before.backup, own) if own is not None and own.kind is arrived.kind else None
        return before is not None and before == digest_or_none(self.after.backup, arrived)

    def _fate_of_files(self, item: Item, match: Item, result: KindResult) -> tuple[Fate, LaterReason | None]:
        """The item is the same; are its files? The worst of their fates is the item's."""
        worst: Fate = Fate.FOUND
        why: LaterReason | None = None
        for file in item.files:
            fate, reason = self.store.claim(file.domain, file.relative_path, kept=self.kept)
            if fate in (Fate.MISSING, Fate.LATER) and is_elsewhere(
                file, item, match, self.old.backup, self.after.backup
            ):
                known = self.store.found_elsewhere(file.domain, file.relative_path, kept=self.kept)
                if known is not None:
                    result.moved_files[known.owners, known.fate] += 1
                continue
            fate = Fate.DIFFERENT if fate is Fate.MISSING else fate
            if _SEVERITY.get(fate, 0) > _SEVERITY.get(worst, 0):
                worst, why = fate, reason
        return worst, why

    def _changed_since(self, item: Item, match: Item) -> bool:
        if match.state is not State.LIVE and item.state is State.LIVE:
            return True
        restored_at = self.evidence.restored_at
        return restored_at is not None and match.modified is not None and match.modified > restored_at


_SEVERITY = {
    Fate.NOT_EXPECTED: 1,  # the original of a photo that could not be sent, which was said
    Fate.CHANGED_SINCE: 2,
    Fate.LATER: 3,
    Fate.UNSEEN: 4,
    Fate.KEPT_OWN: 5,
    Fate.DIFFERENT: 6,
}


def _counterparts(old_items: list[Item], new_items: list[Item]) -> list[Pair]:
    """The pairs of one id. If it has fewer items on the new phone, and one that differs from all that were sent, the
    missing ones are held against that: something has become of them."""
    found = pairs(old_items, new_items)
    if len(found) == 1:
        return found
    changed = next((pair.new for pair in found if pair.comparison and not pair.comparison.is_equal), None)
    if changed is None:
        return found
    return [
        Pair(pair.old, changed, compare(pair.old, changed)) if pair.old is not None and pair.new is None else pair
        for pair in found
    ]


@dataclass
class _OwnItems:
    """Whether the new phone's items are exactly those it had before."""

    on_phone: int = 0
    equal: int = 0

    def add(self, new_items: list[Item], own: list[Item]) -> None:
        self.on_phone += len(new_items)
        self.equal += sum(any(compare(mine, new).is_equal for mine in own) for new in new_items)

    @property
    def is_untouched(self) -> bool:
        return self.on_phone > 0 and self.equal == self.on_phone
