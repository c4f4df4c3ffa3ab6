"""`migrate snapshots`: earlier states of the backups on this computer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrate.language import _, mark, plural
from migrate.problems import NoRetention, SnapshotIsLast, SnapshotNotFound, UsageWrong
from migrate.talk.command_groups import command_group
from migrate.talk.console import Column, format_findings, one_line, print_json, print_line, say, table, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.units import format_bytes, now_utc

if TYPE_CHECKING:
    from migrate.backup.snapshots.retention import Decision, Policy
    from migrate.backup.snapshots.store import Snapshot, SnapshotStore
    from migrate.backup.verify.run import Verdict
    from migrate.journey.home import Home

COMMAND, FORGET = "migrate snapshots", "migrate snapshots forget"
REASONS = {
    "last snapshot": mark("one of the last"),
    "daily snapshot": mark("the last of its day"),
    "weekly snapshot": mark("the last of its week"),
    "monthly snapshot": mark("the last of its month"),
    "yearly snapshot": mark("the last of its year"),
    "within": mark("recent enough"),
    "protected": mark("still needed"),
    "only backup": mark("the only finished backup of this iPhone"),
}

UdidArgument = Annotated[str | None, typer.Argument(metavar="[UDID]", help=_("Only this iPhone's."))]
SnapshotArgument = Annotated[str, typer.Argument(metavar="SNAPSHOT", help=_("UDID@TIME, UDID@DAY or UDID@latest."))]


def register(app: typer.Typer) -> None:
    group = command_group(app, "snapshots")
    group.callback(invoke_without_command=True)(with_global_options(snapshots_default))
    group.command("list")(with_global_options(snapshots_list))
    group.command("show")(with_global_options(snapshots_show))
    group.command("forget")(with_global_options(snapshots_forget))
    group.command("check")(with_global_options(snapshots_check))


def snapshots_default(options: GlobalOptions, context: typer.Context) -> Exit:
    return _list(options, None) if context.invoked_subcommand is None else None


def snapshots_list(options: GlobalOptions, udid: UdidArgument = None) -> Exit:
    """Lists the snapshots, oldest first, with the space that forgetting each would free."""
    return _list(options, udid)


def _list(options: GlobalOptions, udid: str | None) -> Exit:
    with options.open_workspace() as workspace:
        found = [(one, one.sizes()) for one in workspace.home.snapshot_store.all(udid)]
    if options.json:
        for snapshot, sizes in found:
            print_json(_as_json(snapshot, sizes.own, sizes.shared))
        return None
    if not found:
        say(wrapped(_("There are no snapshots yet. Every migrate backup makes one.")))
        return None
    columns = (
        Column(_("iPhone"), shrinks=True),
        Column(_("taken")),
        Column(_("own"), "right"),
        Column(_("shared"), "right"),
        Column(_("checked")),
    )
    rows = [
        (
            snapshot.name or snapshot.udid,
            _local(snapshot),
            format_bytes(sizes.own),
            format_bytes(sizes.shared),
            f"{snapshot.verified.astimezone():%Y-%m-%d}" if snapshot.verified else _("not yet"),
        )
        for snapshot, sizes in found
    ]
    head, *lines = table(columns, rows)
    print_line(head)
    for (snapshot, _sizes), line in zip(found, lines, strict=True):
        print_line(line)
        print_line(f"    {one_line(snapshot.reference)}")
    return None


def snapshots_show(options: GlobalOptions, reference: SnapshotArgument) -> Exit:
    """Shows one snapshot: whose it is, what it takes, and who still needs it."""
    with options.open_workspace() as workspace:
        snapshot = _find(workspace.home.snapshot_store, reference)
        sizes = snapshot.sizes()
        needed_by = dict(snapshot.place.protections)
    if options.json:
        print_json(
            {**_as_json(snapshot, sizes.own, sizes.shared), "files": sizes.files, "backup": str(snapshot.backup)}
        )
        return None
    known = [snapshot.name or snapshot.udid, f"iOS {snapshot.ios_version}" if snapshot.ios_version else ""]
    known.append(_("encrypted") if snapshot.encrypted else _("not encrypted"))
    print_line(wrapped(", ".join(filter(None, known))))
    text = _("Taken {when}. {files:,} files; {own} of its own, {shared} shared with other copies.")
    shown = {"own": format_bytes(sizes.own), "shared": format_bytes(sizes.shared)}
    print_line(wrapped(text.format(when=_local(snapshot), files=sizes.files, **shown)))
    if snapshot.verified:
        print_line(
            wrapped(
                _("Read as a whole and found whole: {when:%Y-%m-%d %H:%M}.").format(when=snapshot.verified.astimezone())
            )
        )
    if needed_by:
        print_line(wrapped(_("Still needed by: {who}.").format(who=", ".join(sorted(needed_by)))))
    print_line(f"  {one_line(snapshot.backup)}")
    return None


def snapshots_forget(
    options: GlobalOptions,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[UDID|SNAPSHOT]", help=_("These snapshots, or with a --keep rule those of this iPhone.")
        ),
    ] = None,
    keep_last: Annotated[int, typer.Option("--keep-last", metavar="N", min=0, help=_("Keep the last N."))] = 0,
    keep_daily: Annotated[
        int, typer.Option("--keep-daily", metavar="N", min=0, help=_("Keep the last of each of the last N days."))
    ] = 0,
    keep_weekly: Annotated[int, typer.Option("--keep-weekly", metavar="N", min=0, help=_("The same for weeks."))] = 0,
    keep_monthly: Annotated[
        int, typer.Option("--keep-monthly", metavar="N", min=0, help=_("The same for months."))
    ] = 0,
    keep_yearly: Annotated[int, typer.Option("--keep-yearly", metavar="N", min=0, help=_("The same for years."))] = 0,
    keep_within: Annotated[
        str | None,
        typer.Option("--keep-within", metavar="TIME", help=_("Keep all that are at most so old: 1y5m7d2h.")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Only show what would be forgotten, and why the others stay."))
    ] = False,
) -> Exit:
    """Removes snapshots: those that are named, or all that no --keep rule keeps. Files that others share stay.

    A snapshot that an undo needs, and the only finished backup of an iPhone, are never removed.
    """
    from migrate.backup.snapshots.retention import Decision, decide

    policy = _policy(keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within)
    with options.open_workspace() as workspace:
        store = workspace.home.snapshot_store
        named = [_find(store, name) for name in names or () if "@" in name]
        if named and not policy.is_empty:
            raise UsageWrong(_("Name snapshots, or --keep rules, not both."), FORGET)
        decisions: list[Decision[Snapshot]] = []
        if named:
            decisions = [Decision(one, ()) for one in named]
        elif policy.is_empty:
            raise NoRetention()
        else:
            phones = {one.udid for one in store.all() if not names or one.udid in names}
            for name in names or ():
                if name not in phones:
                    raise SnapshotNotFound(name)
            for udid in sorted(phones):
                decisions += decide(_in_local_time(store.all(udid)), policy)
        decisions = [_protected(workspace.home, decision, decisions) for decision in decisions]
        freed = 0
        for snapshot, reasons in decisions:
            if named and reasons:
                raise SnapshotIsLast(snapshot.reference)
            if not reasons:
                freed += snapshot.sizes().own
                if not dry_run:
                    store.forget(snapshot)
    if options.json:
        for snapshot, reasons in decisions:
            print_json({"snapshot": snapshot.reference, "kept": bool(reasons), "reasons": list(reasons)})
        return None
    for snapshot, reasons in decisions:
        print_line(one_line(f"{snapshot.reference}  {_fate(reasons, dry_run=dry_run)}"))
    count = sum(not reasons for _one, reasons in decisions)
    text = plural("{count} snapshot forgotten, {size} freed.", "{count} snapshots forgotten, {size} freed.", count)
    if dry_run:
        text = plural("{count} snapshot would be forgotten.", "{count} snapshots would be forgotten.", count)
    print_line(wrapped(text.format(count=count, size=format_bytes(freed))))
    return None


def snapshots_check(
    options: GlobalOptions,
    udid: UdidArgument = None,
    everything: Annotated[
        bool, typer.Option("--all", help=_("All of them, and not only the one that was checked longest ago."))
    ] = False,
) -> Exit:
    """Reads snapshots as a whole and compares them with the digests from when the phone sent them.

    Without --all it reads the one that was checked longest ago. A damaged file is replaced if a sound copy of it is on
    this computer, and else named. It needs no password.
    """
    with options.open_workspace() as workspace:
        chosen = workspace.home.snapshot_store.all(udid)
        if not chosen:
            raise SnapshotNotFound(udid or "")
        if not everything:
            chosen = [min(chosen, key=lambda one: (one.verified or one.taken.replace(year=1970), one.taken))]
        checks = [_check(options, workspace.home, snapshot) for snapshot in chosen]
    exit_code = 0
    for one in checks:
        exit_code = exit_code or (0 if one.is_whole else one.verdict.exit_code)
        errors = [finding for finding in one.verdict.findings if finding.severity == "error"]
        if options.json:
            print_json(
                {
                    **_as_json(one.snapshot),
                    "verdict": "whole" if one.is_whole else one.verdict.verdict,
                    "repaired": one.repaired,
                    "findings": [] if one.is_whole else [finding.as_json() for finding in errors],
                }
            )
            continue
        sentence = _("{snapshot} is whole.") if one.is_whole else _("{snapshot} is damaged.")
        print_line(wrapped(sentence.format(snapshot=one.snapshot.reference)))
        if one.repaired:
            text = plural(
                "{count:,} damaged file was replaced by a sound copy from another snapshot or the backup.",
                "{count:,} damaged files were replaced by sound copies from other snapshots or the backup.",
                one.repaired,
            )
            print_line(wrapped(text.format(count=one.repaired), indent="  "))
        if not one.is_whole:
            for line in format_findings(errors):
                print_line(line)
    return exit_code


@dataclass(frozen=True)
class Checked:
    """The check of one snapshot."""

    snapshot: Snapshot
    is_whole: bool
    verdict: Verdict
    repaired: int


def _check(options: GlobalOptions, home: Home, snapshot: Snapshot) -> Checked:
    """Read a snapshot as a whole, and replace what is damaged by sound copies where there are some."""
    from migrate.backup.snapshots.mend import mend

    verdict, repaired = _verdict(options, snapshot), 0
    damaged = [one.file_id for one in verdict.findings if one.severity == "error" and one.file_id]
    if damaged:
        copies = [one.backup for one in home.snapshot_store.all(snapshot.udid)]
        repaired = len(mend(snapshot, damaged, [*copies, home.working_backup(snapshot.udid)]).repaired)
        if repaired:
            verdict = _verdict(options, snapshot)
    is_whole = verdict.verdict in ("whole", "locked")
    if is_whole:
        snapshot = snapshot.as_verified(now_utc())
    return Checked(snapshot, is_whole, verdict, repaired)


def _verdict(options: GlobalOptions, snapshot: Snapshot) -> Verdict:
    """Whether a snapshot is whole. It needs no password: its seal knows every file."""
    from migrate.backup.verify import run as check
    from migrate.problems import PasswordMissing
    from migrate.talk.task_progress import report_progress

    with report_progress("check", quiet=options.json) as progress:
        if snapshot.encrypted:
            return check.verify_locked(
                snapshot.backup,
                PasswordMissing(snapshot.backup),
                seals=snapshot.path,
                depth="full",
                progress=progress,
            )
        return check.verify(snapshot.backup, None, seals=snapshot.path, depth="full", progress=progress)


# -- shared ----------------------------------------------------------------------------------------------------------


def _find(store: SnapshotStore, reference: str) -> Snapshot:
    udid, at, when = reference.partition("@")
    if not at:
        raise UsageWrong(_("{name}: a snapshot is named UDID@TIME.").format(name=reference), COMMAND)
    return store.find(udid, when)


def _policy(last: int, daily: int, weekly: int, monthly: int, yearly: int, within: str | None) -> Policy:
    from migrate.backup.snapshots.retention import Policy, duration

    try:
        span = duration(within) if within else None
    except ValueError as error:
        text = _("--keep-within {text}: it is a time such as 1y5m7d2h.").format(text=within)
        raise UsageWrong(text, FORGET) from error
    return Policy(last=last, daily=daily, weekly=weekly, monthly=monthly, yearly=yearly, within=span)


def _in_local_time(snapshots: list[Snapshot]) -> list[Snapshot]:
    """Days and weeks are those of the people here."""
    from dataclasses import replace

    return [replace(one, taken=one.taken.astimezone()) for one in snapshots]


def _protected(home: Home, decision: Decision[Snapshot], all_of_them: list[Decision[Snapshot]]) -> Decision[Snapshot]:
    """The decision, unless somebody needs the snapshot, or nothing finished would be left of the phone."""
    from migrate.backup.snapshots.retention import Decision

    snapshot, reasons = decision
    if reasons:
        return decision
    if snapshot.place.protections:
        return Decision(snapshot, ("protected",))
    forgotten = {one.path for one, kept in all_of_them if not kept and one.udid == snapshot.udid}
    left = [one for one in home.snapshot_store.all(snapshot.udid) if one.path not in forgotten]
    newest = max((one.taken, one.path) for one, kept in all_of_them if one.path in forgotten)[1] if forgotten else None
    if not left and snapshot.path == newest and not home.has_finished_backup(snapshot.udid):
        return Decision(snapshot, ("only backup",))
    return decision


def _fate(reasons: tuple[str, ...], *, dry_run: bool) -> str:
    if not reasons:
        return _("would be forgotten") if dry_run else _("forgotten")
    shown = ", ".join(_(REASONS.get(reason.removeprefix("oldest "), reason)) for reason in reasons)
    return _("kept: {reasons}").format(reasons=shown)


def _as_json(snapshot: Snapshot, own: int | None = None, shared: int | None = None) -> dict[str, Any]:
    """One object of `snapshots list --json` (contract 4)."""
    return {
        "udid": snapshot.udid,
        "taken": snapshot.taken.astimezone(UTC).isoformat(),
        "snapshot": snapshot.reference,
        "name": snapshot.name,
        "ios_version": snapshot.ios_version,
        "bytes_own": own,
        "bytes_shared": shared,
        "verified": snapshot.verified.isoformat() if snapshot.verified else None,
        "protected": bool(snapshot.place.protections),
    }


def _local(snapshot: Snapshot) -> str:
    return f"{snapshot.taken.astimezone():%Y-%m-%d %H:%M}"
