"""Rate, time left, and the promise that something is reported all the time, on a clock that the test drives."""

from __future__ import annotations

import itertools
import random

import pytest

from migrate.journey import events
from migrate.journey.estimate import BackupEstimate, estimate_backup
from migrate.journey.pace import Pace, Paced
from migrate.phone.mobilebackup2.expected import ExpectedBackup

MB = 1_000_000
GB = 1000 * MB
ESTIMATE = estimate_backup(ExpectedBackup("first", 60 * GB), "usb2")


class Watched:
    """A `Paced` whose clock and ticks the test drives, and the events it passed on with their times."""

    def __init__(self, step: str = "back-up-old-phone") -> None:
        self.now = 1000.0
        self.seen: list[tuple[float, events.Event]] = []
        self.paced = Paced(lambda event: self.seen.append((self.now, event)), clock=lambda: self.now, tick_s=None)
        self.step = step
        self.paced(events.StepStarted(step))

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.paced.tick()

    def move(self, done: int, total: int | None) -> None:
        self.paced(events.BytesMoved(self.step, done, total))

    @property
    def moved(self) -> list[tuple[float, events.BytesMoved]]:
        return [(at, event) for at, event in self.seen if isinstance(event, events.BytesMoved)]

    @property
    def last(self) -> events.BytesMoved:
        return self.moved[-1][1]


def test_the_first_figure_of_a_backup_has_the_total_and_the_estimated_time() -> None:
    watched = Watched()
    watched.pass_seconds(30)  # connecting: nothing is known yet
    assert watched.moved == []
    watched.paced(events.Estimated("back-up-old-phone", ESTIMATE))
    watched.pass_seconds(1)
    assert (watched.last.done, watched.last.total, watched.last.rate) == (0, 60 * GB, None)
    assert ESTIMATE.duration is not None
    assert watched.last.seconds_left == pytest.approx(ESTIMATE.duration.likely_s, abs=2)


def test_a_silent_phone_is_reported_at_least_every_two_seconds() -> None:
    watched = Watched()
    watched.move(0, 10 * GB)
    watched.paced(events.PhaseBegan(watched.step, "getting-ready"))
    watched.pass_seconds(120)
    times = [at for at, _ in watched.moved]
    assert len(times) > 100 and max(b - a for a, b in itertools.pairwise(times)) <= 2.0
    assert all(event.is_repeat for _, event in watched.moved[1:])


def test_nothing_is_reported_between_steps_and_after_the_last_event() -> None:
    watched = Watched()
    watched.move(5, 10)
    watched.paced(events.StepFinished(watched.step))
    count = len(watched.seen)
    watched.pass_seconds(10)
    assert len(watched.seen) == count


def test_a_hundred_percent_comes_once_right_before_the_end_of_the_step() -> None:
    """Flushing and checking follow the last byte, and a bar that stays at 100 % looks hung."""
    watched = Watched()
    watched.move(9 * MB, 10 * MB)
    watched.move(10 * MB, 10 * MB)
    watched.pass_seconds(40)
    assert all(event.total is not None and event.done < event.total for _, event in watched.moved)
    watched.paced(events.StepFinished(watched.step))
    *_, complete, finished = (event for _, event in watched.seen)
    assert isinstance(complete, events.BytesMoved) and isinstance(finished, events.StepFinished)
    assert (complete.done, complete.total, complete.seconds_left) == (10 * MB, 10 * MB, 0)


def test_work_that_follows_in_the_same_step_is_timed_by_itself() -> None:
    watched = Watched("prove")
    for second in range(20):
        watched.now += 1
        watched.move(second * 50 * MB, 1 * GB)
    watched.paced(events.PhaseBegan("prove", "checking-here"))
    for second in range(10):
        watched.now += 1
        watched.move(second * 10 * MB, 100 * MB)
    assert watched.last.rate == pytest.approx(10 * MB, rel=0.05) and watched.last.seconds_left in (1, 2)


def test_a_second_backup_in_the_same_step_has_its_own_estimate() -> None:
    """A proof that waits for what is still arriving looks again, with another backup."""
    watched = Watched("prove")
    for second in range(1, 11):
        watched.now += 1
        watched.move(second * 100 * MB, 1 * GB)
    watched.paced(events.Estimated("prove", ESTIMATE))
    watched.pass_seconds(1)
    assert (watched.last.done, watched.last.total, watched.last.rate) == (0, 60 * GB, None)


def test_files_that_are_put_in_order_have_no_rate_and_no_time_left() -> None:
    watched = Watched()
    for second in range(10):
        watched.now += 1
        watched.move(second * 10 * MB, 1 * GB)
    watched.paced(events.PhaseBegan(watched.step, "moving-files"))
    watched.pass_seconds(5)
    assert (watched.last.rate, watched.last.seconds_left) == (None, None)


def test_the_silence_before_the_first_byte_is_not_slowness() -> None:
    pace = Pace()
    for second in range(300):
        pace.update(float(second), 0, 10 * GB)
    rate = left = None
    for second in range(300, 310):
        rate, left = pace.update(float(second), (second - 299) * 30 * MB, 10 * GB)
    assert rate == pytest.approx(30 * MB, rel=0.05) and left == pytest.approx(323, rel=0.05)


def test_what_a_phone_fetches_before_the_files_is_no_measure() -> None:
    """A restore begins with the list of files, up to a gigabyte, through which the phone then goes for a while."""
    watched = Watched("restore")
    watched.paced(events.PhaseBegan("restore", "getting-ready"))
    watched.move(500 * MB, 10 * GB)
    watched.pass_seconds(60)
    assert (watched.last.rate, watched.last.seconds_left) == (None, None)
    watched.paced(events.PhaseBegan("restore", "sending"))
    for second in range(1, 6):
        watched.now += 1
        watched.move(500 * MB + second * 30 * MB, 10 * GB)
    assert watched.last.rate == pytest.approx(30 * MB, rel=0.3)
    assert watched.last.seconds_left == pytest.approx(9.5 * GB / (30 * MB), rel=0.3)


def test_nobody_is_told_one_second_left_for_half_a_minute() -> None:
    watched = Watched("verify")
    for second in range(1, 20):
        watched.now += 1
        watched.move(second * 50 * MB, 960 * MB)
    assert watched.last.seconds_left == 1
    watched.pass_seconds(30)
    assert watched.last.seconds_left is None


@pytest.mark.parametrize("seed", range(4))
def test_the_time_left_of_a_restore_does_not_jump_by_minutes(seed: int) -> None:
    """Large files among small ones, and a phone that stops for half a minute now and then."""
    chance, now, done, total = random.Random(seed), 0.0, 0, 40 * GB
    pace, last, largest = Pace(), None, 0.0
    while done < total:
        now += 1.0
        _, left = pace.update(now, done, total)
        if left is not None and last is not None:
            largest = max(largest, abs(left - (last - 1.0)) / (60 + last))
        last = left
        speed = chance.choice((2, 5, 30, 35, 40)) * MB
        for _ in range(chance.choice((1, 1, 1, 30)) if chance.random() < 0.05 else 0):
            now += 1.0
            _, left = pace.update(now, done, total)
            assert left is None or last is None or abs(left - last) <= 60 + 0.05 * last
            last = left
        done = min(total, done + speed)
    assert largest < 0.06, "the time left leaves its course by a few percent a second at most"


def test_a_large_correction_of_the_total_is_followed_within_two_minutes() -> None:
    pace, left = Pace(), None
    for second in range(60):
        _, left = pace.update(float(second), second * 30 * MB, 100 * GB)
    assert left is not None and left > 3000
    for second in range(60, 180):
        _, left = pace.update(float(second), second * 30 * MB, 10 * GB)
    assert left == pytest.approx(153, abs=15)


def test_an_estimate_is_not_passed_on_to_scripts() -> None:
    for event in (events.Estimated("backup", ESTIMATE), events.MoveEstimated("preflight", None, ())):
        assert events.as_json(event) is None
    assert isinstance(ESTIMATE, BackupEstimate)


def test_the_json_of_a_figure_has_exactly_the_fields_of_the_contract() -> None:
    row = events.as_json(events.BytesMoved("restore", 1, 2, 3, 4, is_repeat=True))
    assert row == {"event": "bytes_moved", "step": "restore", "done": 1, "total": 2, "rate": 3, "seconds_left": 4}
