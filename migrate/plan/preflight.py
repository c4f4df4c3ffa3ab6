"""Checks before a run begins and before the point of no return. Pure functions, so every refusal has a small test.

`preflight` runs at the start of a run, when perhaps only one phone is connected. `refuse_restore` runs right before the
point of no return, when everything is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from migrate.categories.catalogue import EVERYTHING, load_catalogue
from migrate.language import _
from migrate.plan.in_use import SYNCED_BY, refuse_moved_stores, refuse_synced
from migrate.plan.model import Plan
from migrate.plan.strategy import choose_strategy, parse_version, refuse_newer_backup
from migrate.problems import (
    BatteryLow,
    EncryptionNeeded,
    EverythingMayNotFit,
    FindMyOn,
    FindMyUnknown,
    LittleRoomHere,
    NewPhoneTooFull,
    NoHardLinks,
    NoRoomForProof,
    NotEncrypted,
    PhoneInUse,
    PlanMismatch,
    SamePhoneTwice,
    TooLittleSpaceHere,
)
from migrate.problems.finding import Finding
from migrate.udid import same_udid

if TYPE_CHECKING:
    from migrate.backup.folder import BackupFolder

SPARE_BYTES = 128 << 20
"""The free space that a phone requires on the computer besides the backup: it refuses with 105 unless
`free > need + 128 MiB` (*read*: decompiled BackupAgent2 of iOS 26.1). With less, no backup can succeed."""

ENOUGH_BATTERY_PERCENT = 50
"""The limit used by the only published tool that restored to a real iOS 27 phone. No such check was found in iOS."""


WHOLE_SET = 0.95
"""How much of a backup's folder a set of everything has at least: without lists, and files that no restore takes
(*guessed*)."""


class PhoneFacts(Protocol):
    """The facts that the checks need; `migrate.phone.facts.PhoneFacts` has them. None: unknown."""

    @property
    def udid(self) -> str: ...
    @property
    def name_or_model(self) -> str: ...
    @property
    def ios_version(self) -> str | None: ...
    @property
    def encrypts_backups(self) -> bool | None: ...
    @property
    def find_my(self) -> bool | None: ...
    @property
    def free_bytes(self) -> int | None: ...
    @property
    def used_bytes(self) -> int | None: ...
    @property
    def battery_percent(self) -> int | None: ...
    @property
    def setup_finished(self) -> bool | None: ...
    @property
    def synced_data(self) -> Mapping[str, tuple[str, ...]] | None: ...


@dataclass(frozen=True, kw_only=True)
class MoveFacts:
    """What is known at the start of a run. None: not connected, or unknown."""

    old: PhoneFacts | None = None
    new: PhoneFacts | None = None
    backup: BackupFolder | None = None
    """The backup that is used instead of the old phone."""
    home_free_bytes: int | None = None
    """On the disk that holds home."""
    working_backup_bytes: int = 0
    """The size of the existing backup of the old phone on that disk."""
    home: Path = Path()
    hard_links_work: bool | None = None
    """Whether that disk can make hard links; None: not probed."""
    new_backup_bytes: int = 0
    """The size of the existing backup of the new phone on that disk."""
    backup_bytes: int = 0
    """The size of `backup`."""


def preflight(plan: Plan, move_facts: MoveFacts) -> list[Finding]:
    """Check `plan` against what is known before a run, and return the warnings.

    Raises:
        SamePhoneTwice, PlanMismatch, PhoneInUse, EncryptionNeeded: the plan does not fit these phones.
        FindMyOn, BackupNewerThanPhone, StrategyRefused, TooLittleSpaceHere, NewPhoneTooFull: the run could not succeed
            now.
    """
    refuse_wrong_phones(plan, move_facts)
    if move_facts.new is not None:
        refuse_new_phone(
            plan,
            move_facts.new,
            backup_ios_version=_old_ios_version(move_facts),
            required=required_ios_version(move_facts),
        )
    refuse_full_disk(plan, move_facts)
    return [
        *_encryption(plan, move_facts),
        *_room_here(plan, move_facts),
        *_room_there(plan, move_facts),
        *_batteries(move_facts),
        *_find_my(plan, move_facts.new),
    ]


def refuse_restore(
    plan: Plan,
    facts: PhoneFacts,
    *,
    backup_ios_version: str | None,
    set_bytes: int,
    signs_of_use: tuple[str, ...] = (),
    required: str | None = None,
) -> None:
    """Refuse a restore that must not be sent to this phone now. Called right before the point of no return.

    `signs_of_use`: descriptions of what was found on the phone that an erased phone does not have.
    `required`: the set's RequiredProductVersion.

    Raises:
        PlanMismatch, PhoneInUse, NewPhoneTooFull, what `refuse_new_phone` raises.
    """
    if plan.new_phone.udid and not same_udid(plan.new_phone.udid, facts.udid):
        raise PlanMismatch("new", facts.name_or_model, facts.udid, plan.new_phone.udid)
    refuse_new_phone(plan, facts, backup_ios_version=backup_ios_version, required=required)
    believed_erased = plan.new_phone.is_ == "erased" and not plan.new_phone.wipe
    if believed_erased and signs_of_use and facts.setup_finished is not False:
        raise PhoneInUse(facts.name_or_model, signs_of_use)
    # Even with `wipe` the old contents are removed only after all new data has arrived (facts 4.8: staged).
    if facts.free_bytes is not None and facts.free_bytes < set_bytes:
        raise NewPhoneTooFull(facts.name_or_model, facts.free_bytes, set_bytes)


def refuse_restore_of_own_backup(
    facts: PhoneFacts, *, backup_ios_version: str | None, set_bytes: int, required: str | None = None
) -> None:
    """Refuse to restore a phone's own backup if the phone would refuse it.

    Raises:
        FindMyOn, BackupNewerThanPhone, NewPhoneTooFull.
    """
    if facts.find_my:
        raise FindMyOn(facts.name_or_model, "IsAssociated is true, when asked for com.apple.fmip")
    refuse_newer_backup(backup_ios_version, facts.ios_version, phone=facts.name_or_model, required=required)
    if facts.free_bytes is not None and facts.free_bytes < set_bytes:
        raise NewPhoneTooFull(facts.name_or_model, facts.free_bytes, set_bytes)


def refuse_new_phone(
    plan: Plan, facts: PhoneFacts, *, backup_ios_version: str | None, required: str | None = None
) -> None:
    """Refuse what the new phone's facts alone rule out.

    Raises:
        FindMyOn, StrategyRefused, BackupNewerThanPhone, CategoriesMovedStore, CategoriesSynced.
    """
    if facts.find_my:
        raise FindMyOn(facts.name_or_model, "IsAssociated is true, when asked for com.apple.fmip")
    refuse_strategy(plan, facts, old_ios_version=backup_ios_version, required=required)


def required_ios_version(move_facts: MoveFacts) -> str | None:
    """The oldest iOS that will take the old phone's backup, as far as that can be known before it is made.

    Only the backup says whether an older update of the same iOS does (26.1 for 26.1.1), so without one that is left
    to the check after the backup.
    """
    if move_facts.backup is not None:
        return move_facts.backup.required_ios_version
    version = parse_version(move_facts.old.ios_version) if move_facts.old else None
    return ".".join(map(str, version[:2])) if version else None


def refuse_strategy(plan: Plan, facts: PhoneFacts, *, old_ios_version: str | None, required: str | None = None) -> None:
    """Refuse what the two iOS versions and the new phone's accounts rule out.

    Raises:
        StrategyRefused, BackupNewerThanPhone, CategoriesMovedStore, CategoriesSynced.
    """
    name = facts.name_or_model
    choose_strategy(plan.new_phone.is_, facts.ios_version, experimental=plan.new_phone.experimental, phone=name)
    refuse_newer_backup(old_ios_version, facts.ios_version, phone=name, required=required)
    refuse_moved_stores(plan, old_ios_version, facts.ios_version, phone=name)
    synced = {category: (facts.synced_data or {}).get(key, ()) for key, category in SYNCED_BY.items()}
    refuse_synced(plan, synced, phone=name)


def refuse_wrong_phones(plan: Plan, move_facts: MoveFacts) -> None:
    """Refuse phones other than those the plan names.

    Raises:
        SamePhoneTwice, PlanMismatch.
    """
    for role, wanted, facts in (
        ("old", plan.old_phone.udid, move_facts.old),
        ("new", plan.new_phone.udid, move_facts.new),
    ):
        if wanted and facts is not None and not same_udid(wanted, facts.udid):
            raise PlanMismatch(role, facts.name_or_model, facts.udid, wanted)
    old = (
        move_facts.old.udid
        if move_facts.old
        else plan.old_phone.udid or (move_facts.backup.udid if move_facts.backup else None)
    )
    new = move_facts.new.udid if move_facts.new else plan.new_phone.udid
    if old and new and same_udid(old, new):
        both = move_facts.new or move_facts.old
        raise SamePhoneTwice(both.name_or_model if both else new)


# -- disk space ------------------------------------------------------------------------------------------------------


def _backs_up_old_phone(plan: Plan) -> bool:
    return plan.old_phone.backup is None and plan.backup.begin != "as-is"


def refuse_full_disk(plan: Plan, move_facts: MoveFacts) -> None:
    """Refuse a disk that is too full for any backup.

    Raises:
        TooLittleSpaceHere.
    """
    backs_up = _backs_up_old_phone(plan) or plan.backs_up_new_phone_first or plan.safety.prove
    if backs_up and move_facts.home_free_bytes is not None and move_facts.home_free_bytes <= SPARE_BYTES:
        raise TooLittleSpaceHere(str(move_facts.home), move_facts.home_free_bytes, SPARE_BYTES)


def needed_bytes(plan: Plan, move_facts: MoveFacts) -> int:
    """The most that a move stores on this computer; 0 where a phone's size is not known.

    Backups share their files: the working backup, the copy that a run keeps and the restore set take the space of one.
    Where the disk cannot make hard links, each takes its own.
    """
    copies = 2 if move_facts.hard_links_work is False else 1
    old = move_facts.old.used_bytes or 0 if move_facts.old else 0
    new = move_facts.new.used_bytes or 0 if move_facts.new else 0
    total = 0
    if _backs_up_old_phone(plan):
        # a full backup that was asked for is made beside the earlier one (facts 2.3)
        here = 0 if plan.backup.begin == "fresh" else move_facts.working_backup_bytes
        total += max(0, old - here) + (copies - 1) * old
    elif move_facts.backup is not None and move_facts.backup_bytes:
        old = move_facts.backup_bytes
    total += (copies - 1) * old  # the restore set
    if plan.backs_up_new_phone_first:
        total += max(0, new - move_facts.new_backup_bytes) + (copies - 1) * new
    if plan.safety.prove:
        kept = new if plan.new_phone.is_ == "in-use" else 0
        total += old + (copies - 1) * (old + kept)
    return total


def _room_here(plan: Plan, move_facts: MoveFacts) -> Iterator[Finding]:
    """Only warnings, because a phone's used space includes its apps, which backups do not contain. The phone itself
    computes the exact size later."""
    if move_facts.home_free_bytes is None:
        return
    most = needed_bytes(plan, move_facts)
    if most and move_facts.hard_links_work is False:
        yield NoHardLinks(str(move_facts.home)).as_finding()
    if most and most + SPARE_BYTES > move_facts.home_free_bytes:
        yield LittleRoomHere(move_facts.home_free_bytes, most).as_finding()


def _room_there(plan: Plan, move_facts: MoveFacts) -> Iterator[Finding]:
    """The room on an erased phone that gets everything. A part of it is counted once the backup can be read.

    Raises:
        NewPhoneTooFull: the backup that is there already does not fit.
    """
    old, new = move_facts.old, move_facts.new
    if new is None or new.free_bytes is None or plan.new_phone.is_ != "erased":
        return
    if EVERYTHING not in plan.move.categories or plan.move.except_:
        return
    if move_facts.backup is not None:
        least = round(move_facts.backup_bytes * WHOLE_SET)
        if least > new.free_bytes:
            raise NewPhoneTooFull(new.name_or_model, new.free_bytes, least)
    elif old is not None and old.used_bytes is not None and old.used_bytes > new.free_bytes:
        yield EverythingMayNotFit(old.name_or_model, old.used_bytes, new.name_or_model, new.free_bytes).as_finding()


def refuse_without_room_for_proof(home: Path, *, free_bytes: int | None, set_bytes: int, hard_links_work: bool) -> None:
    """Refuse, before the point of no return, a move whose proof would not fit on this computer.

    The proof backs the new phone up, which then holds the set (*guessed*: a restored phone sends all of it again).

    Raises:
        NoRoomForProof.
    """
    needed = set_bytes * (1 if hard_links_work else 2) + SPARE_BYTES
    if free_bytes is not None and free_bytes < needed:
        raise NoRoomForProof(str(home), free_bytes, needed)


# -- encryption, battery, Find My ------------------------------------------------------------------------------------


def _encryption(plan: Plan, move_facts: MoveFacts) -> list[Finding]:
    """A warning about the categories that do not move if the old phone's backup will not be encrypted.

    Raises:
        EncryptionNeeded: one of them was chosen by name.
    """
    encrypted = _will_be_encrypted(plan, move_facts)
    if encrypted is not False:
        return []
    everything = EVERYTHING in plan.move.categories
    lost = [
        category
        for category in load_catalogue().categories
        if category.needs_encryption
        and (everything or category.id in plan.move.categories)
        and category.id not in plan.move.except_
    ]
    named = tuple(_(category.title) for category in lost if category.id in plan.move.categories)
    if named:
        raise EncryptionNeeded(named)
    if not lost:
        return []
    return [
        NotEncrypted(
            titles=tuple(_(category.title) for category in lost), categories=tuple(category.id for category in lost)
        ).as_finding()
    ]


def _will_be_encrypted(plan: Plan, move_facts: MoveFacts) -> bool | None:
    if move_facts.backup is not None:
        return move_facts.backup.is_encrypted
    if plan.backup.encrypted:
        return True
    return move_facts.old.encrypts_backups if move_facts.old else None


def _batteries(move_facts: MoveFacts) -> Iterator[Finding]:
    for facts in (move_facts.old, move_facts.new):
        if facts is not None and facts.battery_percent is not None and facts.battery_percent < ENOUGH_BATTERY_PERCENT:
            yield BatteryLow(facts.name_or_model, facts.battery_percent).as_finding()


def _find_my(plan: Plan, new: PhoneFacts | None) -> Iterator[Finding]:
    if new is not None and new.find_my is None:
        yield FindMyUnknown(new.name_or_model).as_finding()


def _old_ios_version(move_facts: MoveFacts) -> str | None:
    if move_facts.old is not None:
        return move_facts.old.ios_version
    return move_facts.backup.ios_version if move_facts.backup else None
