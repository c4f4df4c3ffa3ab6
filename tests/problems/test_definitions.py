"""How a problem is defined, checked and rendered."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from migrate.problems import (
    EXIT_CODES,
    BackupUnfinished,
    Command,
    FindMyOn,
    Interrupted,
    MigrateError,
    NoPhone,
    PhoneLocked,
    WaitedTooLong,
    WouldReplace,
    all_problems,
    as_error,
    damage,
    exit_code_of,
    templates,
)
from migrate.problems.problem import by_count, when


def with_home(*words: str) -> str:
    return shlex.join(("migrate", "--home", "/my home", *words))


class Filled(MigrateError):
    """Defined here, so it is not one of the program's problems."""

    path: str
    count: int
    free_bytes: int
    names: tuple[str, ...]
    exit_code = 33
    verify = Command("verify", "{path}")
    what = by_count("count", "One file.", "{count:,} files.")
    why = when("names", "{names!c}: {free_bytes}.", otherwise="No names.")
    next = "Check it: {verify}"


def test_a_problem_is_defined_in_six_lines_and_its_code_is_its_name() -> None:
    locked = PhoneLocked("Ada's iPhone", "its backup service")
    assert (locked.code, locked.exit_code, locked.severity) == ("phone-locked", 21, "error")
    assert locked.what == "Ada's iPhone is locked."
    assert str(locked) == f"{locked.what} {locked.why} {locked.next}"


def test_templates_show_lists_bytes_plurals_and_conditions() -> None:
    shown = Filled("/a b", 1200, 2_000_000_000, ("ada", "ben"))
    assert (shown.what, shown.why) == ("1,200 files.", "Ada, ben: 2.0 GB.")
    shown = Filled("/a b", 1, 0, ())
    assert (shown.what, shown.why) == ("One file.", "No names.")
    assert "Messages; Photos" in WouldReplace(("Messages", "Photos"), ("messages", "photos")).what


def test_a_value_with_braces_is_not_a_template() -> None:
    assert PhoneLocked("{exit_code}", "x").what == "{exit_code} is locked."


def test_a_command_is_quoted_and_takes_the_options_of_the_command_line() -> None:
    shown = Filled("/a b", 1, 0, ())
    assert shown.next == "Check it: migrate verify '/a b'"
    assert shown.render("next", with_home) == "Check it: migrate --home '/my home' verify '/a b'"
    assert Interrupted("", "a question").next == "Continue with: migrate resume", "an empty word is left out"


def test_an_error_names_the_run_that_can_be_resumed() -> None:
    locked = PhoneLocked("Ada's iPhone", "a session")
    assert locked.next.endswith("Then run the same command again.")
    locked.again = Command("resume", "R 1")
    assert locked.next.endswith("Then run: migrate resume 'R 1'")
    assert locked.render("next", with_home).endswith("Then run: migrate --home '/my home' resume 'R 1'")


def test_waiting_too_long_tells_what_was_waited_for_and_how_to_resume() -> None:
    waited = WaitedTooLong(60, NoPhone("", ()))
    waited.again = Command("resume", "R")
    assert waited.what.endswith("No iPhone is connected.")
    assert waited.next.startswith("Connect it with a cable") and waited.next.endswith("run: migrate resume R")
    assert waited.render("next", with_home).endswith("run: migrate --home '/my home' resume R")


def test_an_error_becomes_a_finding_and_a_finding_an_error() -> None:
    finding = FindMyOn("Ada's iPhone", "").as_finding("warning")
    assert (finding.code, finding.severity, finding.phone) == ("find-my-on", "warning", "Ada's iPhone")
    unfinished = BackupUnfinished(Path("b"), "uploading")
    error = as_error(unfinished.as_finding())
    assert error.as_json() == unfinished.as_json()


def test_all_problems_of_one_code_end_a_command_alike() -> None:
    for problem in all_problems():
        assert not problem.exit_code or exit_code_of(problem.code) == problem.exit_code, problem
        assert all(isinstance(template, str) for template, _many in templates(problem)), problem


def test_a_code_that_ends_no_command_has_no_exit_code() -> None:
    with pytest.raises(LookupError, match="Give its definition one"):
        exit_code_of("disk-space")


def test_a_severity_may_depend_on_a_fact() -> None:
    database = damage.DatabaseDamaged("HomeDomain", "a.db", "0" * 40, "malformed", is_key=False)
    assert database.as_finding().severity == "warning"


SENTENCES = {"what": "W.", "why": "Y.", "next": "N."}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({**SENTENCES, "exit_code": 199}, "EXIT_CODES in migrate/problems/exit_codes.py"),
        ({**SENTENCES}, "Add the line: exit_code"),
        ({**SENTENCES, "exit_code": 30, "severity": "fatal"}, "Use one of: error, warning, info"),
        ({"what": "W.", "why": "Y.", "exit_code": 30}, "Add the line: next"),
        ({**SENTENCES, "what": "{phone} is here.", "exit_code": 30}, "Add the field `phone: str`"),
        ({**SENTENCES, "go": Command("resume", "{run}"), "exit_code": 30}, "Add the field `run: str`"),
    ],
    ids=["exit code", "no exit code", "severity", "sentence", "fact", "command"],
)
def test_an_incomplete_definition_is_refused_with_the_line_to_add(body: dict[str, object], named: str) -> None:
    with pytest.raises(TypeError) as refused:
        type("Incomplete", (MigrateError,), body)
    assert named in str(refused.value)
    assert 199 not in EXIT_CODES
