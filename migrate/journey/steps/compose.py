"""The step that composes the restore set, and what that set would replace on the new phone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from migrate.backup.file_ids import FileIds
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.restore_set.builder import Dropped
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.categories.atomic import refuse_partial_groups
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import Choice, Chooser, chosen_owners
from migrate.categories.claims import Claims
from migrate.content.tally import Tally, tally
from migrate.journey.backup_password import password_of
from migrate.journey.before_erasing import ManifestLook, OldPhoneInventory, take_inventory
from migrate.journey.opened_backup import OpenedBackup, chooser_of, open_with_claims, title_of
from migrate.journey.prompts import OwnBackupLimits
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import find_existing_backup
from migrate.journey.steps.erase import refuse_too_little_room
from migrate.journey.steps.new_phone import settle_strategy
from migrate.journey.steps.own_backup import limits_of, refuse_unread_files, synced_owners
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, seals_for
from migrate.journey.threads import in_thread
from migrate.journey.unreadable_files import lost_files
from migrate.language import _
from migrate.plan.in_use import refuse_synced
from migrate.plan.model import Plan
from migrate.plan.strategy import FULL_RESTORES, OWN_BACKUP_STRATEGIES, Strategy
from migrate.problems import (
    AccountMissing,
    BadRecord,
    ChosenFilesDamaged,
    ChosenFilesUnreadable,
    LeftBehindUnreadable,
    LeftOut,
    NothingChosen,
    WouldReplace,
)
from migrate.problems.finding import Finding


class Replacement(NamedTuple):
    """How much of a category is sent, and how much of it the new phone has: items, or files if it has no items."""

    owner: str
    title: str
    sent: int | None
    """None: unknown, because a database cannot be read."""
    on_new_phone: int | None
    """None: unknown for the same reason, or the new phone was not backed up."""


@dataclass(frozen=True)
class ComposedSet(StepResult):
    """What is sent to the new phone."""

    step = "compose"
    set: Path
    records: int | None
    files: int | None
    bytes: int | None
    chosen_files: int | None
    apps: tuple[str, ...]
    """Bundle ids of the chosen apps."""
    chosen: Mapping[str, Mapping[str, int]]
    """Owner -> what of it was chosen: records, files, bytes."""
    titles: Mapping[str, str]
    replaces: tuple[Replacement, ...]
    left_out: tuple[Dropped, ...]
    """Chosen records that cannot be sent."""
    own_limits: OwnBackupLimits | None = None
    """For a rebuild: what the phone's own backup does not bring back."""
    old_phone: OldPhoneInventory | None = None
    """What the old phone has that no backup moves. None: an earlier version did not look."""


@dataclass(frozen=True)
class AgreedSelection:
    """What a run agreed to move: the old phone's backup, and what of it was chosen."""

    old: OpenedBackup
    owners: frozenset[str]
    """The chosen categories and apps: a record moves if one of its owners is among them."""
    unsent_file_ids: frozenset[str]
    """File ids of those that could not be sent; this was reported."""


async def load_agreed_selection(
    run: Run, plan: Plan, verified: OldPhoneVerified, composed: ComposedSet
) -> AgreedSelection:
    """The same choice again, from the same backup and the same plan."""
    old = await open_with_claims(run, verified.backup, "old")
    move = plan.move
    owners = chosen_owners(old.claims, categories=move.categories, except_=move.except_, apps=move.apps)
    return AgreedSelection(old, owners, frozenset(left_out.file_id for left_out in composed.left_out))


# -- compose ---------------------------------------------------------------------------------------------------------


async def compose_set(run: Run, plan: Plan, verified: OldPhoneVerified, safety: NewPhoneVerified | None) -> ComposedSet:
    """Compose the restore set from the verified old backup, in one pass over its manifest. What must not be done is
    refused before that, or when the pass shows it; then no set is left.

    Raises:
        ChosenFilesUnreadable, WouldReplace, NothingChosen, CategoriesSynced, RestoreWouldDelete,
            RebuildDoesNotFit, BadRecord, and what `compose` raises.
    """
    strategy = await settle_strategy(run, plan, verified.ios_version)
    opened = await open_with_claims(run, verified.backup, "old")
    with opened.backup:
        look = ManifestLook()
        chosen = Chosen(run, plan, opened, chooser_of(opened, plan, look.on_row))
        if strategy.is_in_use:
            chosen.both_phones = await tally_both_phones(run, plan, opened, chosen.owners, safety)
        request = await build_set_request(run, strategy, chosen, verified, safety)
        progress = run.progress()
        made = await in_thread(run, lambda: compose(request, progress=progress))
        choice, counted = chosen.settled
        if made.dropped:
            await in_thread(run, lambda: refuse_groups_without(made.dropped, opened, choice.owners))
        if strategy is Strategy.REBUILD:
            async with run.phone("new") as phone:
                refuse_too_little_room(run, plan, phone.facts, set_bytes=made.bytes)
        for left_out in made.dropped[:LEFT_OUT_SHOWN]:
            run.found(_left_out(left_out, opened.claims))
        return ComposedSet(
            set=made.path,
            records=made.records,
            files=made.files,
            bytes=made.bytes,
            chosen_files=choice.files,
            apps=tuple(sorted(choice.apps)),
            chosen={owner: asdict(amount) for owner, amount in sorted(choice.by_owner.items())},
            titles={owner: title_of(opened.claims, owner) for owner in sorted(choice.by_owner)},
            replaces=counted.replaces,
            left_out=tuple(made.dropped),
            own_limits=counted.own_limits if strategy is Strategy.REBUILD else None,
            old_phone=await in_thread(
                run, lambda: take_inventory(opened, run.tmp, with_data=choice.owners_of_files, look=look)
            ),
        )


class Chosen:
    """Chooses the rows of the set while it is composed, and refuses the choice when it has seen them all."""

    def __init__(self, run: Run, plan: Plan, opened: OpenedBackup, chooser: Chooser) -> None:
        self._run = run
        self._plan = plan
        self._opened = opened
        self._chooser = chooser
        self.owners = chooser.owners
        self.apps = chooser.apps
        self.takes = chooser.takes
        self.both_phones: BothPhones | None = None
        """For a phone in use."""

    def takes_bad(self, bad: BadRecord) -> bool:
        raise bad

    def missing(self, manifest: Manifest) -> Iterator[str]:
        """None: the choice was made among these rows. Raises what `settled` raises."""
        _ = self.settled
        return iter(())

    @cached_property
    def settled(self) -> tuple[Choice, Counted]:
        """What was chosen. Asked for when every row was seen.

        Raises:
            ChosenFilesUnreadable, WouldReplace, NothingChosen.
        """
        choice, run, plan = self._chooser.choice(), self._run, self._plan
        if not choice.records:
            raise NothingChosen(tuple(plan.move.categories))
        refuse_unreadable(run, plan, self._opened, choice)
        counted = Counted() if self.both_phones is None else self.both_phones.counted(run, choice)
        refuse_unapproved_replacement(plan, counted.replaces)
        return choice, counted


async def build_set_request(
    run: Run, strategy: Strategy, chosen: Chosen, verified: OldPhoneVerified, safety: NewPhoneVerified | None
) -> SetRequest:
    """What the composer is asked for. A rebuild and a graft are built on the safety backup, which was just taken."""
    into = run.folder / "set"
    into.mkdir(exist_ok=True, mode=0o700)
    request = SetRequest(
        source=verified.backup,
        password=await password_of(run, verified.backup, "old"),
        into=into,
        strategy=strategy.value,
        wanted=chosen,
        apps=chosen.apps if strategy in FULL_RESTORES else frozenset(),  # else they are there before (contract 5)
        seals=seals_for(run, verified.backup),
        damaged=verified.damaged,
    )
    if strategy not in OWN_BACKUP_STRATEGIES:
        return request
    assert safety is not None, "a plan for a phone in use cannot do without"
    base = await open_with_claims(run, safety.backup, "new")
    with base.backup:
        leaving = await in_thread(run, lambda: owned_file_ids(base, chosen.owners))
    return replace(
        request,
        base=safety.backup,
        base_password=await password_of(run, safety.backup, "new"),
        base_seals=seals_for(run, safety.backup),
        replaced=leaving,
    )


def owned_file_ids(opened: OpenedBackup, owners: Collection[str]) -> FileIds:
    """The file ids of all records that one of `owners` has in this backup."""
    wanted = frozenset(owners)
    return FileIds(
        record.file_id
        for record in opened.backup.records()
        if opened.claims.owners(record.domain, record.relative_path) & wanted
    )


def refuse_groups_without(dropped: Collection[Dropped], opened: OpenedBackup, owners: Collection[str]) -> None:
    """Raises HalfGroup: what was dropped is part of a group of which the rest is sent."""
    there = owned_file_ids(opened, owners) - {left_out.file_id for left_out in dropped}
    refuse_partial_groups(opened.backup.records(), there, opened.claims, owners)


LEFT_OUT_SHOWN = 200


def _left_out(left_out: Dropped, claims: Claims) -> Finding:
    return LeftOut.of(
        left_out,
        reason=left_out.reason,
        categories=tuple(sorted(claims.owners(left_out.domain, left_out.relative_path))),
    ).as_finding()


def refuse_unreadable(run: Run, plan: Plan, opened: OpenedBackup, choice: Choice) -> None:
    """A chosen file the old phone could not read stops the move, unless the plan accepts the loss."""
    lost = lost_files(run, plan, opened, choice)
    if not lost:
        return
    owners = {owner for one in lost for owner in opened.claims.owners(one.domain, one.relative_path)}
    if not plan.safety.accept_unreadable:
        if find_existing_backup(run, plan) is None:  # a resume asks the phone once more: a restart may have fixed it
            for step in ("back-up-old-phone", "verify"):
                run.journal.append({"reopened": step, "why": "chosen files could not be read"})
        in_transit = opened.seal is not None and {one.file_id for one in lost} <= opened.seal.in_transit
        stopped = ChosenFilesDamaged if in_transit else ChosenFilesUnreadable
        raise stopped(len(lost), lost[0].relative_path or lost[0].file_id, tuple(sorted(owners)))
    for record in lost:
        run.found(
            LeftBehindUnreadable.of(
                record,
                categories=tuple(sorted(opened.claims.owners(record.domain, record.relative_path))),
                in_transit=opened.seal is not None and record.file_id in opened.seal.in_transit,
            ).as_finding()
        )


# -- what it replaces ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """What was counted on both phones for a phone in use."""

    replaces: tuple[Replacement, ...] = ()
    own_limits: OwnBackupLimits | None = None


@dataclass(frozen=True)
class BothPhones:
    """What there is on both phones, for a phone in use."""

    old: Tally
    new: Tally

    def counted(self, run: Run, choice: Choice) -> Counted:
        """For each chosen category how much is sent, and how much of it the new phone has now."""
        moving = [owner for owner, amount in sorted(choice.by_owner.items()) if amount.records]
        limits = limits_of(self.new, self.old, moving)
        for line in limits.accounts:
            run.found(AccountMissing(run.name_of("new"), line).as_finding())
        return Counted(tuple(_counterpart(owner, self.old, self.new) for owner in moving), limits)


async def tally_both_phones(
    run: Run, plan: Plan, opened: OpenedBackup, owners: Collection[str], safety: NewPhoneVerified | None
) -> BothPhones:
    """Count what there is on both phones.

    Raises:
        CategoriesSynced: the new phone keeps one of the chosen categories in step with an account.
        RestoreWouldDelete: its own backup, which is restored to it, lacks a file.
    """
    assert safety is not None, "a plan for a phone in use cannot do without"
    old = await in_thread(run, lambda: tally(opened.backup, opened.claims, tmp=run.tmp))
    there = await open_with_claims(run, safety.backup, "new")
    with there.backup:
        if run.strategy in OWN_BACKUP_STRATEGIES:
            await in_thread(run, lambda: refuse_unread_files(there))
        new = await in_thread(run, lambda: tally(there.backup, there.claims, tmp=run.tmp))
    refuse_synced(plan, synced_owners(new, owners), phone=run.name_of("new"))
    return BothPhones(old, new)


def _counterpart(owner: str, old: Tally, new: Tally) -> Replacement:
    return Replacement(owner, old.title_of(owner), _amount(owner, old), _amount(owner, new))


def _amount(owner: str, tally: Tally) -> int | None:
    """How much there is of a category or an app: items where they are counted, else files; None if unknown."""
    row = tally.owner(owner)
    if row is None:
        return 0
    if row.items is None and row.counts.is_unknown:
        return None
    if owner.startswith(APP_PREFIX):  # an app has more than its items: without any, its files are counted
        return row.items or row.files
    return row.files if row.items is None else row.items


def refuse_unapproved_replacement(plan: Plan, replaces: Sequence[Replacement]) -> None:
    """Raises WouldReplace: the new phone has something of a chosen category, and the plan does not approve."""
    approved = set(plan.move.may_replace)
    refused = [row for row in replaces if row.on_new_phone != 0 and not {row.owner, _plan_name(row.owner)} & approved]
    if refused:
        counts = (_("not known how many") if row.on_new_phone is None else f"{row.on_new_phone:,}" for row in refused)
        titles = tuple(f"{row.title} ({count})" for row, count in zip(refused, counts, strict=True))
        raise WouldReplace(titles, tuple(_plan_name(row.owner) for row in refused))


def _plan_name(owner: str) -> str:
    """What `may_replace` calls a category or an app."""
    return owner.removeprefix(APP_PREFIX)
