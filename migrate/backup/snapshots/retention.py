"""Which snapshots are kept and which are forgotten, by the published rules of restic (its manual, "Removing snapshots
according to a policy"; checked against restic 0.14 in the tests).

Every rule that keeps a snapshot is enough. `daily: 7` keeps the last snapshot of each of the last seven days that have
one; if fewer days have one, the oldest snapshot is kept for the rest. `within` counts back from the newest snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar


class Dated(Protocol):
    """What is kept or forgotten."""

    @property
    def taken(self) -> datetime:
        """Aware; periods are those of its time zone."""


D = TypeVar("D", bound=Dated)

_DURATION = re.compile(r"(?:(\d{1,4})y)?(?:(\d{1,4})m)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?")


class Duration(NamedTuple):
    """Restic's form: `1y5m7d2h`."""

    years: int
    months: int
    days: int
    hours: int

    def before(self, moment: datetime) -> datetime:
        """The instant this long before, by the calendar: a month before 31 March is 3 March (29 February does not
        exist), as Go's AddDate normalises it."""
        months = moment.year * 12 + moment.month - 1 - self.years * 12 - self.months
        first = moment.replace(year=max(1, months // 12), month=months % 12 + 1, day=1)
        return first + timedelta(days=moment.day - 1 - self.days, hours=-self.hours)


def duration(text: str) -> Duration:
    """
    Raises:
        ValueError: it is not of the form `1y5m7d2h`.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is no duration such as 1y5m7d2h")
    years, months, days, hours = (int(number or 0) for number in found.groups())
    return Duration(years, months, days, hours)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How many are kept of each kind; 0 for none of it."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Duration | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it keeps nothing at all."""
        return not (self.last or self.daily or self.weekly or self.monthly or self.yearly or self.within)


class Decision(NamedTuple, Generic[D]):
    """What becomes of one snapshot. No reasons: it is forgotten."""

    snapshot: D
    reasons: tuple[str, ...]


def decide(snapshots: Sequence[D], policy: Policy) -> list[Decision[D]]:
    """What becomes of each snapshot, newest first."""
    newest_first = sorted(snapshots, key=lambda snapshot: snapshot.taken, reverse=True)
    rules = [
        _Rule("last snapshot", policy.last, lambda moment, number: number),
        _Rule("daily snapshot", policy.daily, lambda moment, number: moment.date()),
        _Rule("weekly snapshot", policy.weekly, lambda moment, number: moment.isocalendar()[:2]),
        _Rule("monthly snapshot", policy.monthly, lambda moment, number: (moment.year, moment.month)),
        _Rule("yearly snapshot", policy.yearly, lambda moment, number: moment.year),
    ]
    decisions = []
    for number, snapshot in enumerate(newest_first):
        is_oldest = number == len(newest_first) - 1
        reasons = [reason for rule in rules if (reason := rule.keeps(snapshot.taken, number, is_oldest=is_oldest))]
        if policy.within is not None and snapshot.taken > policy.within.before(newest_first[0].taken):
            reasons.append("within")
        decisions.append(Decision(snapshot, tuple(reasons)))
    return decisions


class _Rule:
    """One rule while the snapshots are gone through, newest first."""

    def __init__(self, reason: str, left: int, period_of: Callable[[datetime, int], Hashable]) -> None:
        self._reason = reason
        self._left = left
        self._period_of = period_of
        self._period: Hashable = None

    def keeps(self, taken: datetime, number: int, *, is_oldest: bool) -> str | None:
        """Why the rule keeps it; None if it does not."""
        period = self._period_of(taken, number)
        if not self._left or (period == self._period and not is_oldest):
            return None
        reason = self._reason if period != self._period else f"oldest {self._reason}"
        self._period = period
        self._left -= 1
        return reason
