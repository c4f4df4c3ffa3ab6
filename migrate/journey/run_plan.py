"""The name of a run, and the plan it began with."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final

from migrate.journey.journal import Journal
from migrate.language import _
from migrate.plan.model import Plan, digest
from migrate.plan.read import read_plan
from migrate.problems import OtherPlan, PlanInvalid, UsageWrong
from migrate.units import now_utc

LAST: Final = "last"
"""Names the run that was begun last, wherever a command takes a run."""
RUN_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
RESERVED_NAME = re.compile(r"(?:last|con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""`last`, and device names that Windows does not allow for folders, with any extension."""


def check_run_id(name: str) -> str:
    """`name`, if it can be the name of a run and of its folder on every system.

    Raises:
        UsageWrong.
    """
    if not RUN_ID.fullmatch(name) or RESERVED_NAME.fullmatch(name):
        said = _("{name!r} cannot be the name of a run. Use up to 64 letters, digits, dots, hyphens and underscores.")
        raise UsageWrong(said.format(name=name), "migrate run")
    return name


def new_run_id() -> str:
    """A new run's name: it begins with the date, so that names sort."""
    return f"{now_utc():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def read_run_plan(folder: Path, journal: Journal) -> Plan:
    """The plan with which the run began.

    Raises:
        OtherPlan: the file was changed since.
    """
    try:
        plan = read_plan(folder / "plan.toml")
    except PlanInvalid as error:  # it was readable when the run began
        raise OtherPlan(folder.name) from error
    if digest(plan) != journal.plan_digest:
        raise OtherPlan(folder.name)
    return plan
