"""How automatic backups stand, for people and monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migrate.journey.home import Home
from migrate.schedule.decide import decide, overdue_since
from migrate.schedule.settings import PhoneSchedule, read_settings
from migrate.schedule.state import State, state_of


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One scheduled iPhone."""

    schedule: PhoneSchedule
    state: State
    next_try: datetime
    overdue_since: datetime | None

    def as_json(self) -> dict[str, Any]:
        state = self.state
        return {
            "udid": self.schedule.udid,
            "name": self.schedule.name or None,
            "every": self.schedule.every,
            "window": self.schedule.window,
            "power": self.schedule.power,
            "last_good": state.last_good.isoformat() if state.last_good else None,
            "last_try": state.last_try.isoformat() if state.last_try else None,
            "why": state.last_why,
            "code": state.last_code,
            "next_try": self.next_try.isoformat(),
            "overdue_since": self.overdue_since.isoformat() if self.overdue_since else None,
        }


def standings(home: Home, now: datetime) -> list[Standing]:
    """All scheduled iPhones, in the order of the settings.

    Raises:
        AutoSettingsWrong
    """
    found = []
    for schedule in read_settings(home.path).phone:
        state = state_of(home, schedule.udid)
        due = decide(schedule, state, now)
        since = overdue_since(schedule, state, now)
        found.append(Standing(schedule=schedule, state=state, next_try=due.next_try, overdue_since=since))
    return found
