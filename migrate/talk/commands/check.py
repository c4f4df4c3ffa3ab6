"""`migrate check`: whether this computer is ready for a move."""

from __future__ import annotations

import typer

from migrate.language import _
from migrate.talk.console import format_findings, print_json, print_line
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options


def register(app: typer.Typer) -> None:
    app.command("check")(with_global_options(check))


def check(options: GlobalOptions) -> Exit:
    """Checks whether this computer is ready for a move. It changes nothing and asks nothing of the phones."""
    from migrate.journey.readiness import check_home, check_phones, versions
    from migrate.problems import HomeUnusable, as_error

    findings = [versions(), *check_home(options.home_folder)]
    try:
        with options.open_workspace() as workspace:
            findings += run_async(check_phones(workspace.usbmux))
    except HomeUnusable as error:
        if all(finding.severity != "error" for finding in findings):
            findings.append(error.as_finding())
    wrong = [finding for finding in findings if finding.severity == "error"]
    if options.json:
        print_json({"ready": not wrong, "findings": [finding.as_json() for finding in findings]})
    else:
        for line in format_findings(findings):
            print_line(line)
        print_line()
        print_line(_("This computer is not ready.") if wrong else _("This computer is ready."))
    return as_error(wrong[0]).exit_code if wrong else None
