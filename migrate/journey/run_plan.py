"""A run's name, and the plan that was frozen when it began."""

from __future__ import annotations

import secrets
from pathlib import Path

from migrate.journey.journal import Journal
from migrate.plan.model import Plan, digest
from migrate.plan.read import read_plan
from migrate.problems import OtherPlan, PlanInvalid
from migrate.units import now_utc


def new_run_id() -> str:
    """What a new run is called: it begins with its date, so that names sort."""
    return f"{now_utc():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def read_run_plan(folder: Path, journal: Journal) -> Plan:
    """The plan as it was when its run began.

    Raises:
        OtherPlan: it was changed since.
    """
    try:
        plan = read_plan(folder / "plan.toml")
    except PlanInvalid as error:  # it was readable when it was frozen
        raise OtherPlan(folder.name) from error
    if digest(plan) != journal.plan_digest:
        raise OtherPlan(folder.name)
    return plan
