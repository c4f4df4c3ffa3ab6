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
from migrate.categories.atomic import refuse_partial_groups
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import Choice, choose
from migrate.categories.claims import Claims
from migrate.categories.tally import Tally, tally
from migrate.journey.backup_password import password_of
from migrate.journey.run_state import Role, Run
from migrate.journey.steps.back_up import find_existing_backup, seals_for
from migrate.journey.threads import in_thread
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import ChosenFilesUnreadable, LeftBehindUnreadable, LeftOut, NothingChosen, WouldReplace
from migrate.problems.finding import Finding


@dataclass(frozen=True)
class OpenedBackup:
    """A saved backup, open, with who owns what in it."""

    backup: Backup
    claims: Claims
    seal: Seal | None


async def open_with_claims(run: Run, folder: Path, role: Role) -> OpenedBackup:
    """Open a saved backup and work out which category or app owns each of its records."""
    password = await password_of(run, folder, role)

    def opened() -> OpenedBackup:
        backup = Backup.open(folder, password)
        seal = read_seal(seals_for(run, folder), BackupFolder(folder))
        return OpenedBackup(backup, Claims.of(backup, seal.app_groups if seal else None), seal)

    return await in_thread(run, opened)


def choose_records(opened: OpenedBackup, plan: Plan) -> Choice:
    return choose(
        opened.backup.records(),
        opened.claims,
        categories=plan.move.categories,
        except_=plan.move.except_,
        apps=plan.move.apps,
    )


@dataclass(frozen=True)
class AgreedSelection:
    """What a run agreed to move: the old phone's backup, and the records in it that were chosen."""

    old: OpenedBackup
    choice: Choice
    records: Mapping[tuple[str, str], Record]
    """By domain and path."""
    unsent_file_ids: frozenset[str]
    """File ids of those that could not be sent, and that was said."""


async def load_agreed_selection(run: Run) -> AgreedSelection:
    """The same choice again, from the same backup and the same frozen plan."""
    old = await open_with_claims(run, run.old_backup, "old")
    choice = await in_thread(run, lambda: choose_records(old, run.plan))

    def records() -> dict[tuple[str, str], Record]:
        return {(r.domain, r.relative_path): r for r in old.backup.records() if r.file_id in choice.file_ids}

    left_out = run.journal.result("compose").get("left_out", ())
    return AgreedSelection(old, choice, await in_thread(run, records), frozenset(row[2] for row in left_out))


# -- compose ---------------------------------------------------------------------------------------------------------


async def compose_set(run: Run) -> dict[str, Any]:
    """Compose the restore set from the verified old backup; refuse first what must not be done.

    Raises:
        ChosenFilesUnreadable, WouldReplace, NothingChosen, and what `compose` raises.
    """
    strategy = await run.strategy()
    opened = await open_with_claims(run, run.old_backup, "old")
    with opened.backup:
        choice = await in_thread(run, lambda: choose_records(opened, run.plan))
        if not choice.file_ids:
            raise NothingChosen(tuple(run.plan.move.categories))
        refuse_unreadable(run, opened, choice)
        replaces = [] if strategy is Strategy.REPLACE else await count_replacements(run, opened, choice)
        refuse_unapproved_replacement(run, replaces)
        request = await build_set_request(run, strategy, choice)
        progress = run.progress()
        made = await in_thread(run, lambda: compose(request, progress=progress))
        if made.dropped:
            there = choice.file_ids - {left_out.file_id for left_out in made.dropped}
            await in_thread(
                run, lambda: refuse_partial_groups(opened.backup.records(), there, opened.claims, choice.owners)
            )
        for left_out in made.dropped[:LEFT_OUT_SHOWN]:
            run.found(_left_out(left_out, opened.claims))
        return {
            "set": str(made.path),
            "records": made.records,
            "files": made.files,
            "bytes": made.bytes,
            "chosen_files": await in_thread(run, lambda: count_files(opened, choice)),
            "apps": sorted(choice.apps),
            "chosen": {owner: asdict(amount) for owner, amount in sorted(choice.by_owner.items())},
            "titles": {owner: title_of(opened.claims, owner) for owner in sorted(choice.by_owner)},
            "replaces": [list(row) for row in replaces],
            "left_out": [list(row) for row in made.dropped],
        }


async def build_set_request(run: Run, strategy: Strategy, choice: Choice) -> SetRequest:
    """What the composer is asked for. A graft is built on the safety backup, which this run has just taken."""
    into = run.folder / "set"
    into.mkdir(exist_ok=True, mode=0o700)
    request = SetRequest(
        source=run.old_backup,
        password=await password_of(run, run.old_backup, "old"),
        into=into,
        strategy=strategy.value,
        wanted=choice.file_ids,
        apps=choice.apps if strategy is Strategy.REPLACE else frozenset(),  # in use: they are there before (contract 5)
        seals=seals_for(run, run.old_backup),
        damaged=run.journal.result("verify").get("damaged", {}),
    )
    if strategy is not Strategy.GRAFT:
        return request
    assert run.safety_backup is not None, "refused where the strategy was settled"
    base = await open_with_claims(run, run.safety_backup, "new")
    with base.backup:
        leaving = await in_thread(run, lambda: owned_file_ids(base, choice.owners))
    return replace(
        request,
        base=run.safety_backup,
        base_password=await password_of(run, run.safety_backup, "new"),
        base_seals=seals_for(run, run.safety_backup),
        replaced=leaving,
    )


def owned_file_ids(opened: OpenedBackup, owners: Collection[str]) -> frozenset[str]:
    """The file ids of all records that one of `owners` has in this backup."""
    wanted = frozenset(owners)
    return frozenset(
        record.file_id
        for record in opened.backup.records()
        if opened.claims.owners(record.domain, record.relative_path) & wanted
    )


LEFT_OUT_SHOWN = 200


def _left_out(left_out: Dropped, claims: Claims) -> Finding:
    return LeftOut.of(
        left_out,
        reason=left_out.reason,
        categories=tuple(sorted(claims.owners(left_out.domain, left_out.relative_path))),
    ).as_finding()


def title_of(claims: Claims, owner: str) -> str:
    """What a person calls a category or an app."""
    if owner.startswith(APP_PREFIX):
        return claims.apps[owner.removeprefix(APP_PREFIX)].title
    return claims.catalogue.category(owner).title


def count_files(opened: OpenedBackup, choice: Choice) -> int:
    return sum(r.kind is Kind.FILE and r.file_id in choice.file_ids for r in opened.backup.records())


def refuse_unreadable(run: Run, opened: OpenedBackup, choice: Choice) -> None:
    """A chosen file the old phone could not read stops the move, unless the plan accepts the loss."""
    lost = set(opened.seal.unreadable) & set(choice.file_ids) if opened.seal else set()
    if not lost:
        return
    records = [record for record in opened.backup.records() if record.file_id in lost]
    owners = {owner for r in records for owner in opened.claims.owners(r.domain, r.relative_path)}
    if not run.plan.safety.accept_unreadable:
        if find_existing_backup(run) is None:  # a resume asks the phone once more: a restart may have mended it
            for step in ("back-up-old-phone", "verify"):
                run.journal.append({"reopened": step, "why": "chosen files could not be read"})
        raise ChosenFilesUnreadable(len(lost), records[0].relative_path, tuple(sorted(owners)))
    for record in records:
        run.found(
            LeftBehindUnreadable.of(
                record, categories=tuple(sorted(opened.claims.owners(record.domain, record.relative_path)))
            ).as_finding()
        )


# -- what it replaces ------------------------------------------------------------------------------------------------

Replacement = tuple[str, str, int | None, int | None]
"""Category id, title, its items (files where no query knows) in the old backup, and on the new phone."""


async def count_replacements(run: Run, opened: OpenedBackup, choice: Choice) -> list[Replacement]:
    """For each chosen category: how much goes, and how much of it the new phone has now (None: it was not saved)."""
    old = await in_thread(run, lambda: tally(opened.backup, opened.claims, tmp=run.tmp))
    new: Tally | None = None
    if run.safety_backup is not None:
        there = await open_with_claims(run, run.safety_backup, "new")
        new = await in_thread(run, lambda: tally(there.backup, there.claims, tmp=run.tmp))
    return [_counterpart(owner, old, new) for owner, amount in sorted(choice.by_owner.items()) if amount.records]


def _counterpart(owner: str, old: Tally, new: Tally | None) -> Replacement:
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


def refuse_unapproved_replacement(run: Run, replaces: list[Replacement]) -> None:
    allowed = set(run.plan.move.may_replace)
    refused = [row for row in replaces if row[3] != 0 and not {row[0], row[0].removeprefix(APP_PREFIX)} & allowed]
    if refused:
        titles = tuple(
            f"{title} ({there:,})" if there is not None else f"{title} (not known how many)"
            for _, title, _, there in refused
        )
        raise WouldReplace(titles, tuple(row[0].removeprefix(APP_PREFIX) for row in refused))
