"""`migrate runs` and `migrate receipt`: earlier runs, what they keep on disk, and their receipts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from migrate.language import _, mark
from migrate.talk.command_groups import command_group
from migrate.talk.console import Column, one_line, print_json, print_line, say, table, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.run_on_terminal import print_receipt
from migrate.units import format_bytes


def register(app: typer.Typer) -> None:
    runs_app = command_group(app, "runs")
    runs_app.callback(invoke_without_command=True)(with_global_options(runs_default))
    runs_app.command("list")(with_global_options(runs_list))
    runs_app.command("show")(with_global_options(runs_show))
    runs_app.command("rm")(with_global_options(runs_rm))
    app.command("receipt")(with_global_options(receipt))


def runs_default(options: GlobalOptions, context: typer.Context) -> Exit:
    return runs_list_of(options) if context.invoked_subcommand is None else None


def runs_list(options: GlobalOptions) -> Exit:
    """Lists all runs, oldest first."""
    return runs_list_of(options)


def runs_list_of(options: GlobalOptions) -> Exit:
    from migrate.journey.runs import all_runs, undone_by

    with options.open_workspace() as workspace:
        runs = all_runs(workspace.home)
        rows = [run.summary() for run in runs]
        undone, undoes = undone_by(runs), {run.path.name: run.undoes for run in runs}
    if options.json:
        for row in rows:
            print_json(row)
        return None
    if not rows:
        say(_("There are no runs yet. Start with: migrate run PLAN, or try: migrate demo"))
        return None
    columns = (Column(_("run")), Column(_("begun")), Column(_("result")), Column(_("on disk"), align="right"))
    cells = [
        (
            row["id"],
            local_time(row["started"]),
            _("undone") if row["id"] in undone else _(STATES.get(row["state"], row["state"])),
            format_bytes(row["bytes_on_disk"]),
        )
        for row in rows
    ]
    head, *lines = table(columns, cells)
    print_line(head)
    for row, line in zip(rows, lines, strict=True):
        print_line(line)
        about = _about(row["plan"], undoes[row["id"]], undone.get(row["id"]))
        if about:
            print_line(wrapped(about, indent=" " * 4))
    return None


STATES = {
    "running": mark("running"),
    "unfinished": mark("unfinished"),
    "proven": mark("proven"),
    "pending": mark("arriving"),
    "not-proven": mark("not proven"),
    "done": mark("sent"),
    "undone": mark("put back"),
    "rehearsed": mark("rehearsed"),
    "stopped": mark("stopped"),
    "failed": mark("failed"),
    "newer": mark("too new"),
    "damaged": mark("damaged"),
}
"""A run's state in at most ten columns, so that the table fits into 60."""


def local_time(moment: str | None) -> str:
    """`2026-11-30 18:35`, as the clock on the wall has it; "" if it is unknown."""
    try:
        return datetime.fromisoformat(moment or "").astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return ""


def _about(plan: str | None, undoes: str | None, undone_by: str | None) -> str:
    """What a run was about: the name of its plan, or what it undid; and the undo that put its phone back."""
    what = _("undo of {run}").format(run=undoes) if undoes else one_line(plan or "")
    back = _("undone by {run}").format(run=undone_by) if undone_by else ""
    return "; ".join(part for part in (what, back) if part)


LAST = "last"
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=_("A run, as migrate runs lists it, or: last."))]


def runs_show(options: GlobalOptions, run: RunArgument) -> Exit:
    """Shows one run: its steps, and its receipt if there is one."""
    from migrate.journey.runs import all_runs, find_run, undone_by

    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        receipt = folder.receipt()
        if options.json:
            print_json({**folder.summary(), "steps": folder.steps(), "receipt": receipt})
            return None
        undone = undone_by(all_runs(workspace.home)).get(folder.path.name)
        if about := _about(folder.summary()["plan"], folder.undoes, undone):
            print_line(wrapped(about))
        for step, state in folder.steps().items():
            print_line(f"  {step:<18} {state}")
        if receipt is not None:
            print_receipt(receipt)
    return None


def runs_rm(
    options: GlobalOptions,
    run: RunArgument,
    lose_undo: Annotated[
        bool, typer.Option("--lose-undo", help=_("Delete it although an undo needs it."), show_default=False)
    ] = False,
) -> Exit:
    """Deletes a run with its receipt and its backups. The working backups of the phones stay."""
    from migrate.journey.runs import find_run, remove

    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        deleted = folder.summary()
        remove(workspace.home, folder, lose_undo=lose_undo)
    if options.json:
        print_json({"removed": deleted["id"]})
    else:
        print_line(_("{run} is deleted.").format(run=deleted["id"]))
    return None


# -- receipt ---------------------------------------------------------------------------------------------------------


def receipt(
    options: GlobalOptions,
    run: RunArgument = LAST,
    redact: Annotated[
        bool, typer.Option("--redact", help=_("Leave out names, UDIDs, paths and file names."), show_default=False)
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help=_("Also write it as an HTML page."), show_default=False),
    ] = None,
) -> Exit:
    """Shows the receipt of a run, by default of the last one."""
    from migrate.backup.private_files import write_new
    from migrate.journey.redaction import redact_receipt
    from migrate.journey.runs import find_run
    from migrate.problems import NoReceipt, UsageWrong
    from migrate.talk.receipt_page import receipt_html

    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        shown = folder.receipt()
    if shown is None:
        raise NoReceipt(folder.path.name)
    if redact:
        shown = redact_receipt(shown)
    if page is not None:
        try:
            write_new(page, receipt_html(shown).encode())
        except FileExistsError as error:
            raise UsageWrong(
                _("{path} exists already and is not overwritten.").format(path=page), "migrate receipt"
            ) from error
    if options.json:
        print_json(shown)
    else:
        print_receipt(shown)
    if page is not None:
        say(_("The page: {path}").format(path=one_line(page.absolute())))
    return None
