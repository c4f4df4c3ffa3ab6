"""Named scenarios of faults seen on real phones, from `scenarios.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.faults.faults import Faults


class Scenario(BaseModel):
    """One scenario. `faults` and `hand` hold only what differs from a healthy phone and the default user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    facts: str = Field(description="the section of docs/facts.md with the source")
    faults: dict[str, Any] = {}
    hand: dict[str, Any] = {}
    phone: dict[str, bool | int | str] = {}

    def apply(self, phone: SimulatedPhone) -> None:
        """Adds the scenario to `phone`'s faults in place, so that open connections see it too."""
        fresh = TypeAdapter(Faults).validate_python(self.faults)
        for name in self.faults:
            if name == "mishaps":
                phone.faults.mishaps.extend(fresh.mishaps)
            else:
                setattr(phone.faults, name, getattr(fresh, name))
        values = TypeAdapter(SimulatedUser).validate_python(self.hand)
        phone.simulated_user = replace(phone.simulated_user, **{name: getattr(values, name) for name in self.hand})
        for name, value in self.phone.items():
            setattr(phone, name, value)


@cache
def scenarios() -> Mapping[str, Scenario]:
    """Maps names to scenarios, in the order of the file."""
    text = files(__package__).joinpath("scenarios.toml").read_text(encoding="utf-8")
    return {name: Scenario.model_validate(values) for name, values in tomllib.loads(text).items()}


def clear_faults(phone: SimulatedPhone) -> None:
    """Resets every fault. The simulated user and the phone's state stay unchanged."""
    healthy = Faults()
    for field in fields(Faults):
        setattr(phone.faults, field.name, getattr(healthy, field.name))
