"""Every error: its three sentences, docs/troubles.md, and what `migrate explain` says about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.problems import EXIT_CODES, MigrateError, NothingToExplain, Problem, all_problems
from migrate.talk.help.examples import BY_CODE, BY_FIELD, example
from migrate.talk.help.explain import explain, problems_by_code, troubles
from tools.troubles_page import page

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
VERBS = frozenset(
    """Accept Add Ask Back Change Check Choose Close Compare Connect Continue Correct Delete Do Enter Erase Extract
    Fetch Find Finish Follow Free Give Install Keep Leave List Look Move Name Open Plug Put Read Remove Repair Report
    Restart Restore Run See Start Take Try Turn Unlock Unplug Update Use Wait Write""".split()  # noqa: SIM905  (a list of fifty strings would hide the words)
)
"""The verbs that a `next` may begin with."""

every_problem = pytest.mark.parametrize("problem", all_problems(), ids=lambda problem: problem.__name__)


@every_problem
def test_a_problem_says_what_why_and_next(problem: type[Problem]) -> None:
    shown = example(problem)
    for sentence in (shown.what, shown.why, shown.next):
        assert len(sentence) > 10 and sentence == sentence.strip() and "  " not in sentence
        assert "None" not in sentence and "()" not in sentence, "an unknown fact is left out, not printed"
        assert "{" not in sentence
    assert shown.next.split()[0].rstrip(",.;:") in VERBS, shown.next
    assert problem.exit_code in EXIT_CODES
    assert str(shown) and shown.as_json()["code"] == shown.as_finding().code == problem.code


@every_problem
def test_a_problem_can_be_explained_by_its_code(problem: type[Problem]) -> None:
    assert problem in explain(problem.code).problems


@pytest.mark.parametrize("error", [one for one in all_problems() if issubclass(one, MigrateError)])
def test_an_error_can_be_explained_by_the_name_of_its_class(error: type[Problem]) -> None:
    assert error in explain(error.__name__).problems


def test_an_error_survives_a_context_manager() -> None:
    """`frozen=True` would break it there: an exception has to take its traceback."""
    from contextlib import contextmanager

    @contextmanager
    def somewhere():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(NothingToExplain), somewhere():
        raise NothingToExplain("x", "y")


def test_examples_name_only_problems_and_fields_that_exist() -> None:
    fields = {problem: set(problem.__dataclass_fields__) for problem in all_problems()}  # type: ignore[attr-defined]
    assert set(BY_FIELD) <= set().union(*fields.values())
    for code, values in BY_CODE.items():
        assert any(set(values) <= fields[problem] for problem in problems_by_code()[code]), code


def test_the_troubles_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m tools.troubles_page > docs/troubles.md"


@every_problem
def test_the_troubles_page_lists_every_problem(problem: type[Problem]) -> None:
    assert f"**{problem.code}**" in (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")


def test_every_phone_message_has_a_source_and_a_known_error() -> None:
    ours = problems_by_code()
    for trouble in troubles():
        assert trouble.source and trouble.means.endswith(".") and trouble.do
        assert trouble.error is None or trouble.error in ours, trouble.error


@pytest.mark.parametrize("number", [1, 25, 101, 102, 104, 105, 106, 203, 204, 205, 207, 208, 211, 212, 223])
def test_the_error_numbers_of_phones_are_explained(number: int) -> None:
    assert any(number in trouble.codes for trouble in explain(str(number)).troubles)
    assert explain(f"The device reported an error: {{'ErrorCode': {number}}}").troubles
    assert explain(f"Underlying error: something (MBErrorDomain/{number})").troubles


@pytest.mark.parametrize(
    ("seen", "error"),
    [
        ("ERROR: Could not connect to lockdownd: InvalidHostID", "not-trusted"),
        ("PasswordProtected", "phone-locked"),
        ("find my iphone must be disabled before restoring", "find-my-on"),
        ("Backup is from an incompatible OS version", "incompatible-backup"),
        ("Don\u2019t know: Digest didn\u2019t match for some files", "backup-rejected"),
        ("WinError 10061", "no-muxer"),
        ("forgot backup password", "wrong-phone-password"),
        ("device locked", "passcode-not-entered"),
    ],
)
def test_messages_people_see_are_recognised(seen: str, error: str) -> None:
    assert error in {trouble.error for trouble in explain(seen).troubles}


def test_a_number_that_is_also_an_exit_code_gets_both_answers() -> None:
    known = explain("22")
    assert known.exit_code == 22 and known.troubles
    assert explain("60").exit_code == 60


@pytest.mark.parametrize("asked", ["phone-unhappy", "9999", "", "zzz", "7"])
def test_an_unknown_text_gets_a_suggestion(asked: str) -> None:
    with pytest.raises(NothingToExplain) as caught:
        explain(asked)
    assert caught.value.exit_code == 2 and caught.value.nearest in problems_by_code()


def test_explain_on_the_command_line(migrate: Migrate) -> None:
    answer = migrate("explain", "phone-locked")
    assert answer.code == 0 and "Unlock" in answer.out and all(len(line) <= 60 for line in answer.out.splitlines())
    assert migrate("explain", "device", "locked").code == 0
    in_json = migrate("explain", "211", "--json").json
    assert in_json["errors"][0]["code"] == "find-my-on" and in_json["troubles"][0]["codes"] == [211]
    assert migrate("explain", "phone-lokced", "--json").error["next"].endswith("phone-locked")
