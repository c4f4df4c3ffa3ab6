"""`migrate check`: whether this computer and the connected phones are ready for a move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _, plural
from migrate.problems import AskLockdownMode, AskStolenDeviceProtection, NoPhone, PhoneSeen
from migrate.talk.console import MARKS, print_emphasised, print_json, print_line, wrapped
from migrate.talk.options import Exit, GlobalOptions, run_async, with_global_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from migrate.journey.readiness.report import PhoneReport, Readiness
    from migrate.problems.finding import Finding

QUESTIONS = frozenset({AskStolenDeviceProtection.code, AskLockdownMode.code})
"""Findings that ask the person, because no computer can know."""


def register(app: typer.Typer) -> None:
    app.command("check")(with_global_options(check))


def check(
    options: GlobalOptions,
    udids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[UDID]...", help=_("Only these phones; without one, all."), show_default=False),
    ] = None,
) -> Exit:
    """Checks whether this computer and each connected phone are ready for a move.

    It changes nothing and asks nothing of the phones. What no computer can read, such as Stolen Device Protection, it
    tells you to look up.
    """
    from migrate.journey.readiness.computer import Computer, check_access, check_home, versions
    from migrate.journey.readiness.report import Readiness, check_phones
    from migrate.problems import HomeUnusable, as_error

    computer = Computer()
    found = Readiness([versions(), *check_home(options.home_folder), *check_access(computer)])
    try:
        with options.open_workspace() as workspace:
            phones = run_async(check_phones(workspace.usbmux, computer, workspace.home, udids or ()))
        found = Readiness([*found.computer, *phones.computer], phones.phones)
    except HomeUnusable as error:
        if all(finding.severity != "error" for finding in found.computer):
            found.computer.append(error.as_finding())
    wrong = [finding for finding in found.findings if finding.severity == "error"]
    if options.json:
        print_json({"ready": not wrong, "findings": [finding.as_json() for finding in found.findings]})
    else:
        for line in format_readiness(found):
            print_line(line)
        print_line()
        for line in verdicts(found):
            print_emphasised(line)
    return as_error(wrong[0]).exit_code if wrong else None


# -- text ------------------------------------------------------------------------------------------------------------


def format_readiness(found: Readiness) -> Iterator[str]:
    """This computer's list, each phone's own list, and the questions that only a person can answer."""
    yield _("This computer")
    yield from format_list(found.computer)
    for phone in found.phones:
        yield ""
        yield wrapped(phone.facts.name_or_model)
        yield f"  {phone.facts.udid}"
        yield from format_list(finding for finding in phone.findings if finding.code not in QUESTIONS)
    yield from format_questions(found.phones)


def verdicts(found: Readiness) -> Iterator[str]:
    """One sentence about this computer, and one about each phone."""
    wrong = any(finding.severity == "error" and finding.code != NoPhone.code for finding in found.computer)
    yield _("This computer is not ready.") if wrong else _("This computer is ready.")
    for phone in found.phones:
        yield wrapped(phone_verdict(phone), indent="  ", first="")


def format_list(findings: Iterable[Finding]) -> Iterator[str]:
    """What the phone is; then what has to be done, with its reason and the way; then what is good to know."""
    order = list(MARKS)
    for finding in sorted(findings, key=lambda one: (one.code != PhoneSeen.code, order.index(one.severity))):
        yield wrapped(finding.what, first=f"  {MARKS[finding.severity]} ", indent="     ")
        if finding.severity != "info":
            yield from _reason(finding)


def format_questions(phones: Sequence[PhoneReport]) -> Iterator[str]:
    """Each question once, with the phones that it is about."""
    asked: dict[str, tuple[Finding, list[str]]] = {}
    for phone in phones:
        for finding in phone.findings:
            if finding.code in QUESTIONS:
                asked.setdefault(finding.code, (finding, []))[1].append(phone.facts.name_or_model)
    if not asked:
        return
    yield ""
    yield _("Please look yourself")
    for finding, names in asked.values():
        yield wrapped(f"{finding.what} ({', '.join(names)})", first="  ?  ", indent="     ")
        yield from _reason(finding)


def _reason(finding: Finding) -> Iterator[str]:
    yield wrapped(finding.why, indent="     ")
    yield wrapped(finding.next, first=_("     Next: "), indent="           ")


def phone_verdict(phone: PhoneReport) -> str:
    """One sentence about one phone: nothing stands in the way, or how many things need attention."""
    name = phone.facts.name_or_model
    count = sum(finding.severity != "info" for finding in phone.findings)
    if not count:
        return _("{phone} is ready, as far as a computer can see.").format(phone=name)
    text = plural("{phone}: {count} thing needs attention.", "{phone}: {count} things need attention.", count)
    return text.format(phone=name, count=count)
