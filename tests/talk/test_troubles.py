"""Every error: its three sentences, docs/troubles.md, and what `migrate explain` says about it."""

from __future__ import annotations

import io
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.problems import EXIT_CODES, MigrateError, NothingToExplain, all_problems
from migrate.talk.help.examples import BY_CODE, BY_FIELD, example
from migrate.talk.help.explain import explain, problems_by_code
from migrate.talk.help.pasted import LONGEST_PASTE
from migrate.talk.help.trouble import troubles
from tools.troubles_page import page

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
PASTED = tomllib.loads((Path(__file__).parent / "pasted_lines.toml").read_text(encoding="utf-8"))
VERBS = frozenset(
    """Accept Add Ask Back Change Check Choose Close Compare Connect Continue Correct Delete Do Enter Erase Extract
    Fetch Find Finish Follow Free Give Install Keep Leave List Look Move Name Open Plug Put Read Remove Repair Report
    Restart Restore Run See Start Take Try Turn Unlock Unplug Update Use Wait Write""".split()  # noqa: SIM905  (a list of fifty strings would hide the words)
)
"""The verbs that a `next` may begin with."""


def test_a_problem_says_what_why_and_next() -> None:
    """One test for all of them: a test of its own for each costs more than what it does (15 ms, *measured*)."""
    for problem in all_problems():
        shown = example(problem)
        for sentence in (shown.what, shown.why, shown.next):
            assert len(sentence) > 10 and sentence == sentence.strip() and "  " not in sentence, problem
            assert "None" not in sentence and "()" not in sentence, "an unknown fact is left out, not printed"
            assert "{" not in sentence, problem
        assert shown.next.split()[0].rstrip(",.;:") in VERBS, shown.next
        assert problem.exit_code in EXIT_CODES, problem
        assert str(shown) and shown.as_json()["code"] == shown.as_finding().code == problem.code


def test_a_problem_can_be_explained_by_its_code_and_an_error_by_the_name_of_its_class() -> None:
    for problem in all_problems():
        assert problem in explain(problem.code).problems
        assert not issubclass(problem, MigrateError) or problem in explain(problem.__name__).problems


def test_an_error_survives_a_context_manager() -> None:
    """`frozen=True` would break it there: an exception has to take its traceback."""
    from contextlib import contextmanager

    @contextmanager
    def somewhere():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(NothingToExplain), somewhere():
        raise NothingToExplain("x", "y")


def test_examples_name_only_problems_and_fields_that_exist() -> None:
    fields = {problem: set(problem.facts) for problem in all_problems()}
    assert set(BY_FIELD) <= set().union(*fields.values())
    for code, values in BY_CODE.items():
        assert any(set(values) <= fields[problem] for problem in problems_by_code()[code]), code


def test_the_troubles_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m tools.troubles_page > docs/troubles.md"


def test_the_troubles_page_lists_every_problem() -> None:
    page = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert [problem.code for problem in all_problems() if f"**{problem.code}**" not in page] == []


def test_every_row_has_a_source_and_a_known_error() -> None:
    ours = problems_by_code()
    for trouble in troubles():
        assert trouble.source and trouble.means.endswith(".") and trouble.do, trouble.says
        assert trouble.error is None or trouble.error in ours, trouble.error
        assert set(trouble.platforms) <= {"linux", "macos", "windows"}
    titles = [trouble.says[0] for trouble in troubles()]
    assert len(set(titles)) == len(titles)


def test_every_row_of_the_failure_catalogue_is_there() -> None:
    """The catalogue of failures of real phones that the rows were made from has 96."""
    assert {fact for trouble in troubles() for fact in trouble.facts} == set(range(1, 97))


def test_a_row_is_found_by_its_own_words_and_numbers() -> None:
    for trouble in troubles():
        for text in (*trouble.says, *trouble.asked):
            assert trouble in explain(text).troubles, text
        for number in trouble.numbers:
            assert trouble in explain(f"iTunes error {number}").troubles, number
        for code in trouble.lockdown:
            assert trouble in explain(f"ERROR: Could not connect to lockdownd, error code {code}").troubles, code


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


def test_a_pasted_line_gets_the_right_row() -> None:
    """The best for the lines that the matcher was made with, one of the three best for those it had not seen."""
    for line in PASTED["line"]:
        found = [trouble.says[0] for trouble in explain(line["text"]).troubles]
        assert set(found if "unseen" in line else found[:1]) & set(line["row"]), (line["text"], found)


def test_most_unseen_lines_get_the_right_row_first() -> None:
    unseen = [line for line in PASTED["line"] if "unseen" in line]
    right = [line for line in unseen if explain(line["text"]).troubles[0].says[0] in line["row"]]
    assert len(right) >= 31 and len(unseen) == 34


@pytest.mark.parametrize("asked", [*PASTED["nothing"], "phone-unhappy", "9999", ""])
def test_what_fits_nothing_gets_no_answer(asked: str) -> None:
    with pytest.raises(NothingToExplain) as caught:
        explain(asked)
    assert caught.value.exit_code == 2 and not caught.value.nearest
    assert caught.value.next.startswith("Give it the exact message")


def test_only_a_near_code_is_suggested() -> None:
    with pytest.raises(NothingToExplain) as caught:
        explain("phone-lokced")
    assert caught.value.nearest == "phone-locked"


def test_the_reason_for_a_match_is_given() -> None:
    numbered, worded = (
        explain("ErrorCode 104: (MBErrorDomain/104)").matches[0],
        explain("forgoten bakcup pasword").matches[0],
    )
    assert numbered.why == ("the number 104",)
    assert worded.why == ("the words: forgoten, bakcup, pasword",)


def test_one_line_of_a_log_decides() -> None:
    log = [f"Sending '00008030-001D35093EF2402E/{number:02x}' ({number} Bytes)" for number in range(30)]
    log.insert(20, "2024-09-07 17:31:31 host tool[14977] ERROR Device link error: MBErrorDomain/211")
    assert explain("\n".join(log)).troubles[0].error == "find-my-on"


def test_colours_and_hidden_characters_in_a_paste_do_not_matter() -> None:
    plain = explain("Find My iPhone must be disabled before restoring").matches[0]
    coloured = "\x1b[1mFind My iPhone\x1b[0m must be \x1b[31mdis\u202eabled\x1b[0m bef\u200bore restoring\x1b]0;x\x07"
    assert explain(coloured).matches[0] == plain


def test_a_paste_is_bounded_and_nothing_of_it_reaches_the_terminal_raw(migrate: Migrate) -> None:
    nasty = "\x1b]0;title\x07\x1b[2JFind My iPhone must be disabled \x9b31m before rest\u202eoring"
    answer = migrate("explain", nasty)
    assert answer.code == 0 and "Find My" in answer.out
    lost = migrate("explain", "\x1b[2J\x9b\x07\u202e" + "nonsense " * LONGEST_PASTE)
    assert lost.code == 2 and len(lost.err) < 800
    assert not set("\x1b\x07\x9b\u202e") & set(answer.out + answer.err + lost.err)


def test_a_code_of_ours_in_pasted_json_is_explained() -> None:
    assert explain('{"error": {"code": "phone-locked", "exit_code": 21}}').problems[0].code == "phone-locked"


def test_a_log_comes_from_standard_input(migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    log = b"starting\n" * 50_000 + b"ErrorCode 105: Insufficient free disk space\n" + b"done \xff\n" * 40
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log)))
    assert migrate("explain", "-", "--json").json["troubles"][0]["codes"] == [105]


def test_help_reads_no_rows() -> None:
    script = (
        "import sys; from migrate.talk.cli import build_app; build_app();"
        "print([name for name in sys.modules if name.startswith('migrate.talk.help.')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_explain_on_the_command_line(migrate: Migrate) -> None:
    answer = migrate("explain", "phone-locked")
    assert answer.code == 0 and "Unlock" in answer.out and all(len(line) <= 60 for line in answer.out.splitlines())
    assert migrate("explain", "device", "locked").code == 0
    in_json = migrate("explain", "211", "--json").json
    assert in_json["errors"][0]["code"] == "find-my-on" and in_json["troubles"][0]["codes"] == [211]
    assert migrate("explain", "phone-lokced", "--json").error["next"].endswith("phone-locked")
