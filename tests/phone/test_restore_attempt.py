"""How certain it is that a phone did not take a restore set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions

TOTAL = 1_000


def sent(attempt: RestoreAttempt, *, bytes_sent: int, percent: float = 0.0, fetching: bool = False) -> None:
    """Note a conversation that got this far."""
    conversation: Any = SimpleNamespace(
        percent=percent, fetching=fetching, sender=SimpleNamespace(bytes_sent=bytes_sent, files_sent=bool(bytes_sent))
    )
    attempt.note(conversation, TOTAL)


def test_before_anything_was_sent_nothing_was_taken() -> None:
    attempt = RestoreAttempt()
    assert attempt.was_not_taken
    sent(attempt, bytes_sent=0)
    assert attempt.was_not_taken


@pytest.mark.parametrize(
    ("bytes_sent", "percent", "fetching", "certain"),
    [
        (499, 49.0, False, True),
        (500, 0.0, False, False),  # half is sent: another batch may follow or not
        (1, 50.0, False, False),
        (999, 99.0, True, True),  # in the middle of a batch the phone does not have everything
    ],
)
def test_a_link_that_breaks_leaves_a_doubt_only_after_half_and_between_two_batches(
    bytes_sent: int, percent: float, fetching: bool, certain: bool
) -> None:
    attempt = RestoreAttempt()
    sent(attempt, bytes_sent=bytes_sent, percent=percent, fetching=fetching)
    assert attempt.was_not_taken is certain


def test_the_phones_answer_settles_it() -> None:
    told: list[str] = []
    taken = RestoreAttempt(on_taken=lambda: told.append("taken"), on_refused=lambda: told.append("refused"))
    sent(taken, bytes_sent=999, fetching=True)
    taken.note_response({"ErrorCode": 0})
    assert not taken.was_not_taken
    refused = RestoreAttempt(on_refused=lambda: told.append("refused"))
    sent(refused, bytes_sent=1_000, percent=100.0)
    refused.note_response({"ErrorCode": 205})
    assert refused.was_not_taken and told == ["taken", "refused"]


@pytest.mark.parametrize("response", [{}, {"ErrorCode": None}, {"ErrorCode": "0"}, {"ErrorCode": False}])
def test_an_answer_without_a_number_takes_nothing(response: dict[str, Any]) -> None:
    attempt = RestoreAttempt()
    attempt.note_response(response)
    assert not attempt.taken and attempt.refused


def test_that_a_restore_is_staged_already_says_nothing_about_this_one() -> None:
    attempt = RestoreAttempt()
    sent(attempt, bytes_sent=1_000, percent=100.0)
    attempt.note_response({"ErrorCode": 102})
    assert not attempt.refused and not attempt.taken and not attempt.was_not_taken


def test_all_five_flags_are_sent_whatever_they_are() -> None:
    flags = RestoreOptions(
        system_files=False,
        should_reboot=False,
        dont_copy_backup=False,
        preserve_settings=False,
        remove_items_not_restored=False,
    )
    assert set(flags.as_request()) == {
        "RestoreSystemFiles",
        "RestoreShouldReboot",
        "RestoreDontCopyBackup",
        "RestorePreserveSettings",
        "RemoveItemsNotRestored",
    }
