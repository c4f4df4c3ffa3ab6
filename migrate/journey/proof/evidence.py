"""What a proof compares: the old phone's backup, the new phone's backup after the restore, and the one before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.categories.catalogue import APP_PREFIX
from migrate.content.side import Side as Side
from migrate.plan.strategy import FULL_RESTORES, Strategy
from migrate.progress import Progress, no_progress

NOTHING_CAME_DAYS = 1.0
"""If nothing at all of a category has come after this time, it is missing. *guessed*: photos take hours."""
OVERDUE_DAYS = 7.0
"""What has not come after this time is missing. *guessed*: apps take as long as their downloads."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything a proof needs. All backups are only read."""

    old: Side
    """What was agreed is in it. After an undo: the safety backup, all of which was sent."""
    after: Side
    """Taken after the restore."""
    before: Side | None
    """The new phone's own earlier backup; None if there is none."""
    owners: frozenset[str]
    """The categories and apps that were agreed."""
    strategy: Strategy
    installed: frozenset[str]
    """Bundle ids of the apps on the new phone now."""
    tmp: Path
    """For copies of databases (0700)."""
    unsent_file_ids: Collection[str] = ()
    """What was agreed and could not be sent; the run has said so."""
    restored_at: float | None = None
    """Unix seconds: changes on the new phone after this are the person's own."""
    days_since: float = 0.0
    """Since the restore."""
    same_phone: bool = False
    """The data came from this very phone (an undo), so nothing of it has to stay on another one."""
    progress: Progress = no_progress
    details: Callable[[Mapping[str, Any]], object] = field(default=lambda line: None)
    """Called with each item or file that is neither proven nor still arriving."""

    @property
    def installs_apps(self) -> bool:
        """Whether the restore has apps downloaded from the App Store: their data comes with them."""
        return self.strategy in FULL_RESTORES

    def is_app_missing(self, owners: Collection[str]) -> bool:
        """Whether these owners are apps, and none of them is on the new phone."""
        apps = {owner.removeprefix(APP_PREFIX) for owner in owners if owner.startswith(APP_PREFIX)}
        return bool(apps) and len(apps) == len(owners) and not apps & self.installed

    @property
    def is_overdue(self) -> bool:
        return self.days_since >= OVERDUE_DAYS
