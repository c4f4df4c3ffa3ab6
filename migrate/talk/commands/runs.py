"""`migrate runs` and `migrate receipt`: earlier runs, what they keep on disk, and their receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate.language import _
from migrate.talk.command_groups import command_group
from migrate.talk.console import Column, one_line, print_json, print_line, say, table
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
    from migrate.journey.runs import all_runs

    with options.open_workspace() as workspace:
        rows = [run.summary() for run in all_runs(workspace.home)]
    if options.json:
        for row in rows:
            print_json(row)
        return None
    if not rows:
        say(_("There are no runs yet. Start with: migrate run PLAN, or try: migrate demo"))
        return None
    columns = (
        Column(_("run")),
        Column(_("state")),
        Column(_("on disk"), align="right"),
        Column(_("plan"), shrinks=True),
    )
    cells = [(row["id"], row["state"], format_bytes(row["bytes_on_disk"]), row["plan"] or "") for row in rows]
    for line in table(columns, cells):
        print_line(line)
    return None


LAST = "last"
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=_("A run, as migrate runs lists it, or: last."))]


def runs_show(options: GlobalOptions, run: RunArgument) -> Exit:
    """Shows one run: its steps, and its receipt if there is one."""
    from migrate.journey.runs import find_run

    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        receipt = folder.receipt()
        if options.json:
            print_json({**folder.summary(), "steps": folder.steps(), "receipt": receipt})
            return None
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
