"""The switches of the aftermath: the phone file's `[aftermath]`; over the admin channel `set-aftermath`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pydantic import ConfigDict, NonNegativeFloat

Rule = Literal[
    "databases",
    "schema",
    "moved-stores",
    "renumbering",
    "preferences",
    "caches",
    "symlinks",
    "accounts",
    "late-apps",
    "late-photos",
    "new-rows",
    "new-files",
]
RULES: tuple[Rule, ...] = get_args(Rule)
WAVES = 3
"""In how many waves the rest arrives. *guessed*: on a real phone every app and picture arrives by itself."""


@dataclass
class Aftermath:
    """What the phone does after a restore. The phone stays deterministic for one seed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    on: bool = True
    seed: int | None = None
    """Drives every choice. None: derived from the UDID."""
    skip: tuple[Rule, ...] = ()
    """Rules that this phone does not follow."""
    arrives_in_s: NonNegativeFloat | Literal["when-ordered"] = 15.0
    """Seconds from the end of Setup Assistant until the last app and picture has arrived, in waves; `when-ordered`:
    at the order `arrive`. A real phone needs minutes to hours (facts 4.8)."""
    signs_in_after_s: NonNegativeFloat | None = None
    """Seconds from the end of Setup Assistant until the user signs in to the accounts. None: at the order `sign-in`."""

    def follows(self, rule: Rule) -> bool:
        return self.on and rule not in self.skip


def only(*rules: Rule, seed: int | None = None) -> Aftermath:
    """An aftermath with these rules and no others; the rest arrives when ordered."""
    skipped = tuple(rule for rule in RULES if rule not in rules)
    return Aftermath(seed=seed, skip=skipped, arrives_in_s="when-ordered")
