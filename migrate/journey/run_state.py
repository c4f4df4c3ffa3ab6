"""One run while it is running: its folder, its journal, its phones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrate.journey.journal import Journal
from migrate.journey.phone_session import MetPhone, PhoneSession
from migrate.journey.prompts import Role
from migrate.plan.strategy import OWN_BACKUP_STRATEGIES, Strategy


class StepsReopened(Exception):
    """Raised by a step that found out that earlier ones have to be done again. They are reopened in the journal."""


@dataclass(kw_only=True)
class Run(PhoneSession):
    """One run while it is running. The phones it meets are journaled, so a resumed run knows them."""

    folder: Path
    journal: Journal
    stop_after: str | None = None
    """The last step to do; None: all of them."""
    restore_set_checked: bool = False
    """Whether this process has checked the restore set right before the last confirmation."""

    def met_phone(self, role: Role) -> MetPhone | None:
        udid = self.journal.udid_of(role)
        name, told_apart_by = self.journal.name_of(role), self.journal.told_apart_by(role)
        return MetPhone(udid, name or f"the {role} phone", told_apart_by) if udid else None

    def remember_phone(self, role: Role, phone: MetPhone) -> None:
        line = {"met": role, "udid": phone.udid, "name": phone.name}
        self.journal.append({**line, "told_apart_by": phone.told_apart_by} if phone.told_apart_by else line)

    def is_requested(self, step: str) -> bool:
        """Whether a person asked for `step`, whatever the plan says."""
        return self.stop_after == step or self.journal.was_reopened(step)

    @property
    def strategy(self) -> Strategy:
        return Strategy(self.journal.latest_value("strategy"))

    def set_strategy(self, strategy: Strategy) -> None:
        self.journal.append({"strategy": strategy.value})

    @property
    def restore_set_role(self) -> Role:
        """Whose password opens the restore set."""
        return restore_set_role_of(self.journal)


def restore_set_role_of(journal: Journal) -> Role:
    """Whose password opens what a run sends: a rebuild, a graft and an undo carry the new phone's own backup."""
    return "new" if journal.undoes or journal.latest_value("strategy") in OWN_BACKUP_STRATEGIES else "old"
