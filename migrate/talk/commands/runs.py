"""`migrate runs` and `migrate receipt`: what was run, what it keeps, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate.talk.console import Column, put, put_json, say, table
from migrate.talk.options import Everywhere, Exit, with_global_options
from migrate.talk.run_on_terminal import put_receipt
from migrate.units import bytes_text


def register(app: typer.Typer) -> None:
    runs_app = typer.Typer(help="What was run, and what it keeps on this disk.", rich_markup_mode=None)
    runs_app.callback(invoke_without_command=True)(with_global_options(runs_without_a_word))
    runs_app.command("list")(with_global_options(runs_list))
    runs_app.command("show")(with_global_options(runs_show))
    runs_app.command("rm")(with_global_options(runs_rm))
    app.add_typer(runs_app, name="runs")
    app.command("receipt")(with_global_options(receipt))


def runs_without_a_word(said: Everywhere, context: typer.Context) -> Exit:
    return runs_list_of(said) if context.invoked_subcommand is None else None


def runs_list(said: Everywhere) -> Exit:
    """Lists every run, the oldest first."""
    return runs_list_of(said)


def runs_list_of(said: Everywhere) -> Exit:
    from migrate.journey.runs import all_runs

    with said.at_home() as here:
        rows = [run.summary() for run in all_runs(here.home)]
    if said.json:
        for row in rows:
            put_json(row)
        return None
    if not rows:
        say("Nothing was run yet. Begin with: migrate run PLAN, or look at: migrate demo")
        return None
    columns = (Column("run"), Column("state"), Column("on disk", align="right"), Column("plan", shrinks=True))
    cells = [(row["id"], row["state"], bytes_text(row["bytes_on_disk"]), row["plan"] or "") for row in rows]
    for line in table(columns, cells):
        put(line)
    return None


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="As migrate runs lists it.")]


def runs_show(said: Everywhere, run: RunArgument) -> Exit:
    """Shows one run: its steps, and its receipt when it has one."""
    from migrate.journey.runs import find_run

    with said.at_home() as here:
        folder = find_run(here.home, run)
        receipt = folder.receipt()
        if said.json:
            put_json({**folder.summary(), "steps": folder.steps(), "receipt": receipt})
            return None
        for step, state in folder.steps().items():
            put(f"  {step:<18} {state}")
        if receipt is not None:
            put_receipt(receipt)
    return None


def runs_rm(said: Everywhere, run: RunArgument) -> Exit:
    """Forgets a run: its receipt and its kept backups. The working backups of the phones stay."""
    from migrate.journey.runs import find_run, remove

    with said.at_home() as here:
        folder = find_run(here.home, run)
        freed = folder.summary()
        remove(folder)
    if said.json:
        put_json({"removed": freed["id"]})
    else:
        put(f"{freed['id']} is forgotten.")
    return None


# -- receipt ---------------------------------------------------------------------------------------------------------


def receipt(
    said: Everywhere,
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
    from migrate.journey.redaction import redacted
    from migrate.journey.runs import find_run
    from migrate.problems import NoReceipt, UsageWrong
    from migrate.talk.receipt import as_page

    with said.at_home() as here:
        shown = find_run(here.home, run).receipt()
    if shown is None:
        raise NoReceipt(run)
    if redact:
        shown = redacted(shown)
    if page is not None:
        try:
            write_new(page, as_page(shown).encode())
        except FileExistsError as error:
            raise UsageWrong(f"{page} is there already, and nothing is written over.", "migrate receipt") from error
    if said.json:
        put_json(shown)
    else:
        put_receipt(shown)
    return None
