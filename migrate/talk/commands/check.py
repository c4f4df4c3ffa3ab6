"""`migrate check`: is this computer ready?"""

from __future__ import annotations

import typer

from migrate.talk.console import findings_in_words, put, put_json
from migrate.talk.help.explain import errors_by_code
from migrate.talk.options import Everywhere, Exit, run_async, with_global_options


def register(app: typer.Typer) -> None:
    app.command("check")(with_global_options(check))


def check(said: Everywhere) -> Exit:
    """Says whether this computer is ready for a move. It only looks; no phone is asked for anything."""
    from migrate.journey.readiness import as_finding, look_at_home, look_at_phones, versions
    from migrate.problems import HomeUnusable

    findings = [versions(), *look_at_home(said.home_folder)]
    try:
        with said.at_home() as here:
            findings += run_async(look_at_phones(here.muxer))
    except HomeUnusable as error:
        if all(finding.severity != "error" for finding in findings):
            findings.append(as_finding(error))
    wrong = [finding for finding in findings if finding.severity == "error"]
    if said.json:
        put_json({"ready": not wrong, "findings": [finding.as_json() for finding in findings]})
    else:
        for line in findings_in_words(findings):
            put(line)
        put()
        put("This computer is not ready." if wrong else "This computer is ready.")
    return errors_by_code()[wrong[0].code].exit_code if wrong else None
