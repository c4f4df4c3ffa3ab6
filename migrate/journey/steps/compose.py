"""What goes into the restore set, and what it would replace on the new phone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.restore_set.compose import Dropped, SetRequest, compose
from migrate.backup.seal import Seal, read_seal
from migrate.categories.atomic import refuse_halves
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import Choice, choose
from migrate.categories.claims import Claims
from migrate.categories.tally import Tally, tally
from migrate.journey.backup_password import password_of
from migrate.journey.run_state import Move, Role
from migrate.journey.steps.back_up import given_backup, seals_for
from migrate.journey.threads import in_thread
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import ChosenFilesUnreadable, NothingChosen, WouldReplace
from migrate.problems.finding import Finding


@dataclass(frozen=True)
class Opened:
    """A saved backup, open, with who owns what in it."""

    backup: Backup
    claims: Claims
    seal: Seal | None


async def open_with_claims(move: Move, folder: Path, role: Role) -> Opened:
    """Open a saved backup and work out which category or app owns each of its records."""
    password = await password_of(move, folder, role)

    def opened() -> Opened:
        backup = Backup.open(folder, password)
        seal = read_seal(seals_for(move, folder), BackupFolder(folder))
        return Opened(backup, Claims.of(backup, seal.app_groups if seal else None), seal)

    return await in_thread(move, opened)


def chosen(opened: Opened, plan: Plan) -> Choice:
    return choose(
        opened.backup.records(),
        opened.claims,
        categories=plan.move.categories,
        except_=plan.move.except_,
        apps=plan.move.apps,
    )


@dataclass(frozen=True)
class Agreed:
    """What a run agreed to move: the old phone's backup, and the records in it that were chosen."""

    old: Opened
    choice: Choice
    records: Mapping[tuple[str, str], Record]
    """By domain and path."""
    left_behind: frozenset[str]
    """File ids of those that could not be sent, and that was said."""


async def agreed(move: Move) -> Agreed:
    """The same choice again, from the same backup and the same frozen plan."""
    old = await open_with_claims(move, move.old_backup, "old")
    choice = await in_thread(move, lambda: chosen(old, move.plan))

    def records() -> dict[tuple[str, str], Record]:
        return {(r.domain, r.relative_path): r for r in old.backup.records() if r.file_id in choice.file_ids}

    left_out = move.journal.result("compose").get("left_out", ())
    return Agreed(old, choice, await in_thread(move, records), frozenset(row[2] for row in left_out))


# -- compose ---------------------------------------------------------------------------------------------------------


async def compose_set(move: Move) -> dict[str, Any]:
    """Compose the restore set from the verified old backup; refuse first what must not be done.

    Raises:
        ChosenFilesUnreadable, WouldReplace, NothingChosen, and what `compose` raises.
    """
    strategy = await move.strategy()
    opened = await open_with_claims(move, move.old_backup, "old")
    with opened.backup:
        choice = await in_thread(move, lambda: chosen(opened, move.plan))
        if not choice.file_ids:
            raise NothingChosen(tuple(move.plan.move.categories))
        refuse_unreadable(move, opened, choice)
        replaces = [] if strategy is Strategy.REPLACE else await counterparts(move, opened, choice)
        refuse_silent_replacing(move, replaces)
        request = await set_request(move, strategy, choice)
        watch = move.watch()
        made = await in_thread(move, lambda: compose(request, watch=watch))
        if made.dropped:
            there = choice.file_ids - {left_out.file_id for left_out in made.dropped}
            await in_thread(move, lambda: refuse_halves(opened.backup.records(), there, opened.claims, choice.owners))
        for left_out in made.dropped[:LEFT_OUT_SHOWN]:
            move.found(_left_out(left_out, opened.claims))
        return {
            "set": str(made.path),
            "records": made.records,
            "files": made.files,
            "bytes": made.bytes,
            "chosen_files": await in_thread(move, lambda: count_files(opened, choice)),
            "apps": sorted(choice.apps),
            "chosen": {owner: asdict(amount) for owner, amount in sorted(choice.by_owner.items())},
            "titles": {owner: title_of(opened.claims, owner) for owner in sorted(choice.by_owner)},
            "replaces": [list(row) for row in replaces],
            "left_out": [list(row) for row in made.dropped],
        }


async def set_request(move: Move, strategy: Strategy, choice: Choice) -> SetRequest:
    """What the composer is asked for. A graft is built on the safety backup, which this run has just taken."""
    into = move.folder / "set"
    into.mkdir(exist_ok=True, mode=0o700)
    request = SetRequest(
        source=move.old_backup,
        password=await password_of(move, move.old_backup, "old"),
        into=into,
        strategy=strategy.value,
        wanted=choice.file_ids,
        apps=choice.apps if strategy is Strategy.REPLACE else frozenset(),  # in use: they are there before (contract 5)
        seals=seals_for(move, move.old_backup),
        damaged=move.journal.result("verify").get("damaged", {}),
    )
    if strategy is not Strategy.GRAFT:
        return request
    assert move.safety_backup is not None, "refused where the strategy was settled"
    base = await open_with_claims(move, move.safety_backup, "new")
    with base.backup:
        leaving = await in_thread(move, lambda: claimed(base, choice.owners))
    return replace(
        request,
        base=move.safety_backup,
        base_password=await password_of(move, move.safety_backup, "new"),
        base_seals=seals_for(move, move.safety_backup),
        replaced=leaving,
    )


def claimed(opened: Opened, owners: Collection[str]) -> frozenset[str]:
    """The file ids of all records that one of `owners` has in this backup."""
    wanted = frozenset(owners)
    return frozenset(
        record.file_id
        for record in opened.backup.records()
        if opened.claims.owners(record.domain, record.relative_path) & wanted
    )


LEFT_OUT_SHOWN = 200


def _left_out(left_out: Dropped, claims: Claims) -> Finding:
    return Finding(
        code="left-out",
        severity="warning",
        domain=left_out.domain,
        relative_path=left_out.relative_path,
        file_id=left_out.file_id,
        categories=tuple(sorted(claims.owners(left_out.domain, left_out.relative_path))),
        what=f"{left_out.relative_path or left_out.domain} does not move.",
        why=f"It cannot be sent: {left_out.reason}.",
        next="Look for it on the old phone, and keep that phone as it is until you have.",
    )


def title_of(claims: Claims, owner: str) -> str:
    """What a person calls a category or an app."""
    if owner.startswith(APP_PREFIX):
        return claims.apps[owner.removeprefix(APP_PREFIX)].title
    return claims.catalogue.category(owner).title


def count_files(opened: Opened, choice: Choice) -> int:
    return sum(r.kind is Kind.FILE and r.file_id in choice.file_ids for r in opened.backup.records())


def refuse_unreadable(move: Move, opened: Opened, choice: Choice) -> None:
    """A chosen file the old phone could not read stops the move, unless the plan accepts the loss."""
    lost = set(opened.seal.unreadable) & set(choice.file_ids) if opened.seal else set()
    if not lost:
        return
    records = [record for record in opened.backup.records() if record.file_id in lost]
    owners = {owner for r in records for owner in opened.claims.owners(r.domain, r.relative_path)}
    if not move.plan.safety.accept_unreadable:
        if given_backup(move) is None:  # a resume asks the phone once more: a restart may have mended it
            for step in ("save-old-phone", "verify"):
                move.journal.append({"reopened": step, "why": "chosen files could not be read"})
        raise ChosenFilesUnreadable(len(lost), records[0].relative_path, tuple(sorted(owners)))
    for record in records:
        move.found(
            Finding(
                code="left-behind-unreadable",
                severity="warning",
                domain=record.domain,
                relative_path=record.relative_path,
                file_id=record.file_id,
                categories=tuple(sorted(opened.claims.owners(record.domain, record.relative_path))),
                what=f"{record.relative_path} does not move: the old phone could not read it.",
                why="It reported a read error twice, and the plan accepts that (accept_unreadable).",
                next="Look for it on the old phone.",
            )
        )


# -- what it replaces ------------------------------------------------------------------------------------------------

Counterpart = tuple[str, str, int | None, int | None]
"""Category id, title, its items (files where no query knows) in the old backup, and on the new phone."""


async def counterparts(move: Move, opened: Opened, choice: Choice) -> list[Counterpart]:
    """For each chosen category: how much goes, and how much of it the new phone has now (None: it was not saved)."""
    old = await in_thread(move, lambda: tally(opened.backup, opened.claims, tmp=move.tmp))
    new: Tally | None = None
    if move.safety_backup is not None:
        there = await open_with_claims(move, move.safety_backup, "new")
        new = await in_thread(move, lambda: tally(there.backup, there.claims, tmp=move.tmp))
    return [_counterpart(owner, old, new) for owner, amount in sorted(choice.by_owner.items()) if amount.records]


def _counterpart(owner: str, old: Tally, new: Tally | None) -> Counterpart:
    title, goes = _amount(owner, old)
    return owner, title, goes, _amount(owner, new)[1] if new else None


def _amount(owner: str, tally: Tally) -> tuple[str, int]:
    """A category's or an app's title, and how much of it there is: things where they can be counted, else files."""
    if owner.startswith(APP_PREFIX):
        bundle = owner.removeprefix(APP_PREFIX)
        found = next((row for row in tally.apps if row.app.id == bundle), None)
        return (found.app.title, found.files) if found else (bundle, 0)
    row = tally.category(owner)
    return row.category.title, row.files if row.items is None else row.items


def refuse_silent_replacing(move: Move, replaces: list[Counterpart]) -> None:
    allowed = set(move.plan.move.may_replace)
    refused = [row for row in replaces if row[3] != 0 and not {row[0], row[0].removeprefix(APP_PREFIX)} & allowed]
    if refused:
        titles = tuple(
            f"{title} ({there:,})" if there is not None else f"{title} (not known how many)"
            for _, title, _, there in refused
        )
        raise WouldReplace(titles, tuple(row[0].removeprefix(APP_PREFIX) for row in refused))
