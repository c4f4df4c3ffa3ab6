"""Every error: its three sentences, docs/troubles.md, and what `migrate explain` says about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.problems import MigrateError, NothingToExplain, code_of
from migrate.talk.help.examples import BY_ERROR, BY_FIELD, example
from migrate.talk.help.explain import EXIT_CODES, errors_by_code, explain, troubles
from tools.troubles_page import page

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
VERBS = frozenset(
    """Add Ask Begin Change Check Choose Close Compare Connect Correct Delete Erase Finish Follow Free Give Go Install
    Keep Leave Look Name Open Plug Put Restart Run Save See Take Trust Try Turn Unlock Unplug Update Wait
    Write Heal""".split()  # noqa: SIM905  (a list of forty strings would hide the words)
)
"""The verbs that a `next` may begin with."""

every_error = pytest.mark.parametrize("error", errors_by_code().values(), ids=code_of)


@every_error
def test_an_error_says_what_why_and_next(error: type[MigrateError]) -> None:
    shown = example(error)
    for sentence in (shown.what(), shown.why(), shown.next()):
        assert len(sentence) > 10 and sentence == sentence.strip() and "  " not in sentence
        assert "None" not in sentence and "()" not in sentence, "an unknown fact is left out, not printed"
    assert shown.next().split()[0].rstrip(",.;:") in VERBS, shown.next()
    assert error.exit_code in EXIT_CODES
    assert str(shown) and shown.as_json()["code"] == code_of(error)


@every_error
def test_an_error_can_be_explained_by_its_code_and_by_its_class(error: type[MigrateError]) -> None:
    assert explain(code_of(error)).errors == (error,)
    assert explain(error.__name__).errors == (error,)


def test_an_error_survives_a_context_manager() -> None:
    """`frozen=True` would break it there: an exception has to take its traceback."""
    from contextlib import contextmanager

    @contextmanager
    def somewhere():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(NothingToExplain), somewhere():
        raise NothingToExplain("x", "y")


def test_examples_name_only_errors_and_fields_that_exist() -> None:
    ours = errors_by_code()
    assert set(BY_ERROR) <= set(ours)
    fields = {field for error in ours.values() for field in error.__dataclass_fields__}
    assert set(BY_FIELD) <= fields
    for code, values in BY_ERROR.items():
        assert set(values) <= set(ours[code].__dataclass_fields__), code


def test_the_troubles_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m tools.troubles_page > docs/troubles.md"


@every_error
def test_the_troubles_page_lists_every_error(error: type[MigrateError]) -> None:
    assert f"**{code_of(error)}**" in (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")


def test_every_phone_message_has_a_source_and_a_known_error() -> None:
    ours = errors_by_code()
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
    assert caught.value.exit_code == 2 and caught.value.nearest in errors_by_code()


def test_explain_on_the_command_line(migrate: Migrate) -> None:
    answer = migrate("explain", "phone-locked")
    assert answer.code == 0 and "Unlock" in answer.out and all(len(line) <= 60 for line in answer.out.splitlines())
    assert migrate("explain", "device", "locked").code == 0
    in_json = migrate("explain", "211", "--json").json
    assert in_json["errors"][0]["code"] == "find-my-on" and in_json["troubles"][0]["codes"] == [211]
    assert migrate("explain", "phone-lokced", "--json").error["next"].endswith("phone-locked")
