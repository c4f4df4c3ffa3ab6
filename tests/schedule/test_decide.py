"""When a backup is due: windows of the day, intervals, another try, overdue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from migrate.schedule.decide import Due, decide, overdue_since
from migrate.schedule.settings import PhoneSchedule
from migrate.schedule.spans import parse_span, parse_window
from migrate.schedule.state import State

UDID = "00008101-000A1B2C3D4E5F60"
HERE = timezone(timedelta(hours=2))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=HERE)


def schedule(**values: str) -> PhoneSchedule:
    return PhoneSchedule.model_validate({"udid": UDID, **values})


def test_outside_the_window_it_waits_for_the_next_one() -> None:
    assert decide(schedule(), State(), at(3, 12)) == Due(False, at(3, 18))
    assert decide(schedule(), State(), at(3, 23)) == Due(False, at(4, 18))


def test_without_a_backup_it_is_due_in_the_window() -> None:
    assert decide(schedule(), State(), at(3, 18)) == Due(True, at(3, 18))


def test_a_daily_backup_does_not_drift_out_of_its_window() -> None:
    """Counting 24 hours from a backup at 22:50 would miss the next evening's last look at 22:07."""
    assert decide(schedule(), State(last_good=at(3, 22, 50)), at(4, 18, 7)).now
    assert decide(schedule(), State(last_good=at(3, 18, 7)), at(3, 22)) == Due(False, at(4, 18))


def test_a_window_over_midnight_is_one_window() -> None:
    night = schedule(window="22:00-06:00")
    assert decide(night, State(last_good=at(3, 23)), at(4, 2)) == Due(False, at(4, 22))
    assert decide(night, State(last_good=at(3, 2)), at(3, 23)).now
    assert decide(night, State(), at(4, 12)) == Due(False, at(4, 22))


@pytest.mark.parametrize(("every", "now", "is_due"), [("12h", at(3, 19), False), ("12h", at(4, 7), True)])
def test_without_a_window_hours_count(every: str, now: datetime, is_due: bool) -> None:
    assert decide(schedule(every=every, window="any"), State(last_good=at(3, 18)), now).now is is_due


def test_every_third_day() -> None:
    assert not decide(schedule(every="3d"), State(last_good=at(3, 20)), at(5, 22)).now
    assert decide(schedule(every="3d"), State(last_good=at(3, 20)), at(6, 18)).now


def test_after_the_passcode_was_not_entered_it_waits_an_hour_and_not_until_tomorrow() -> None:
    waiting = State(not_before=at(3, 20, 30))
    assert decide(schedule(), waiting, at(3, 20)) == Due(False, at(3, 20, 30))
    assert decide(schedule(), waiting, at(3, 20, 30)).now
    assert decide(schedule(), State(not_before=at(3, 23, 10)), at(3, 22, 30)) == Due(False, at(4, 18))


def test_the_window_is_of_the_clock_here_whatever_zone_the_last_backup_was_noted_in() -> None:
    assert decide(schedule(), State(last_good=at(3, 19).astimezone(UTC)), at(4, 18)).now


def test_overdue_counts_from_the_last_good_backup_or_from_the_beginning() -> None:
    assert overdue_since(schedule(), State(last_good=at(3, 19)), at(9, 19)) is None
    assert overdue_since(schedule(), State(last_good=at(3, 19)), at(10, 19)) == at(10, 19)
    assert overdue_since(schedule(overdue="1d"), State(since=at(3, 19)), at(5, 0)) == at(4, 19)
    assert overdue_since(schedule(), State(), at(9, 19)) is None


@pytest.mark.parametrize("text", ["", "0d", "1", "d", "-1d", "1y", "99999d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span"):
        parse_span(text)


@pytest.mark.parametrize("text", ["", "18-23", "18:00", "25:00-26:00", "18:00-18:00", "18:70-19:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|whole day"):
        parse_window(text)
