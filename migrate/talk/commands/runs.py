"""`migrate runs` and `migrate receipt`: what was run, what it keeps, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate.talk.console import Column, print_json, print_line, say, table
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.run_on_terminal import print_receipt
from migrate.units import format_bytes


def register(app: typer.Typer) -> None:
    runs_app = typer.Typer(help="What was run, and what it keeps on this disk.", rich_markup_mode=None)
    runs_app.callback(invoke_without_command=True)(with_global_options(runs_default))
    runs_app.command("list")(with_global_options(runs_list))
    runs_app.command("show")(with_global_options(runs_show))
    runs_app.command("rm")(with_global_options(runs_rm))
    app.add_typer(runs_app, name="runs")
    app.command("receipt")(with_global_options(receipt))


def runs_default(options: GlobalOptions, context: typer.Context) -> Exit:
    return runs_list_of(options) if context.invoked_subcommand is None else None


def runs_list(options: GlobalOptions) -> Exit:
    """Lists every run, the oldest first."""
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
        say("Nothing was run yet. Begin with: migrate run PLAN, or look at: migrate demo")
        return None
    columns = (Column("run"), Column("state"), Column("on disk", align="right"), Column("plan", shrinks=True))
    cells = [(row["id"], row["state"], format_bytes(row["bytes_on_disk"]), row["plan"] or "") for row in rows]
    for line in table(columns, cells):
        print_line(line)
    return None


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="As migrate runs lists it.")]


def runs_show(options: GlobalOptions, run: RunArgument) -> Exit:
    """Shows one run: its steps, and its receipt when it has one."""
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


def runs_rm(options: GlobalOptions, run: RunArgument) -> Exit:
    """Forgets a run: its receipt and its kept backups. The working backups of the phones stay."""
    from migrate.journey.runs import find_run, remove

    with options.open_workspace() as workspace:
        folder = find_run(workspace.home, run)
        freed = folder.summary()
        remove(folder)
    if options.json:
        print_json({"removed": freed["id"]})
    else:
        print_line(f"{freed['id']} is forgotten.")
    return None


# -- receipt ---------------------------------------------------------------------------------------------------------


def receipt(
    options: GlobalOptions,
    run: RunArgument,
    redact: Annotated[
        bool, typer.Option("--redact", help="Without names, UDIDs, paths and names of files.", show_default=False)
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write it as a page too.", show_default=False)
    ] = None,
) -> Exit:
    """Shows the receipt of a run."""
    from migrate.backup.private_files import write_new
    from migrate.journey.redaction import redact_receipt
    from migrate.journey.runs import find_run
    from migrate.problems import NoReceipt, UsageWrong
    from migrate.talk.receipt import receipt_html

    with options.open_workspace() as workspace:
        shown = find_run(workspace.home, run).receipt()
    if shown is None:
        raise NoReceipt(run)
    if redact:
        shown = redact_receipt(shown)
    if page is not None:
        try:
            write_new(page, receipt_html(shown).encode())
        except FileExistsError as error:
            raise UsageWrong(
                f"{page} already exists, and migrate never overwrites a file.", "migrate receipt"
            ) from error
    if options.json:
        print_json(shown)
    else:
        print_receipt(shown)
    return None
