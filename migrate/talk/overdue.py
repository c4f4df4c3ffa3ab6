"""A line for every iPhone whose automatic backup is overdue, at the start of `migrate`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from migrate.language import _
from migrate.problems import MigrateError
from migrate.talk.console import wrapped

if TYPE_CHECKING:
    from migrate.journey.home import Home

SETTINGS = "auto.toml"


def overdue_lines(home: Home) -> list[str]:
    """One line for each overdue iPhone. Settings that cannot be read are the matter of `migrate auto`."""
    if not (home.path / SETTINGS).exists():
        return []
    from migrate.schedule.overview import standings

    try:
        late = [one for one in standings(home, datetime.now().astimezone()) if one.overdue_since]
    except MigrateError:
        return []
    text = _("The backup of {phone} is overdue since {day:%Y-%m-%d}: migrate auto status")
    return [wrapped(text.format(phone=one.schedule.called, day=one.overdue_since)) for one in late]
