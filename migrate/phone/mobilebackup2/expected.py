"""How many bytes a backup will receive: a guess before it begins, corrected by the phone's own percentage.

No message says how much is coming. The phone reports a percentage with every operation, an estimate of its own from
time (facts 2.2), which may stay at 0 for long and does not begin at 0 when a backup is resumed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder
from migrate.phone.facts import PhoneFacts
from migrate.problems import MigrateError
from migrate.progress import unfinished_total

CHANGED_SHARE = 0.05
"""How much of an earlier backup a phone sends again, with what is new (*guessed*: databases that change every day, and
a few days of photos)."""
TRUSTED_AFTER_PERCENT = 10.0
"""From this much of the phone's percentage on, the guess no longer counts (*guessed*)."""

Kind = Literal["first", "changes", "rest"]
"""What a backup sends: everything, what changed since the earlier one, or the rest of an interrupted one."""


@dataclass(frozen=True)
class ExpectedBackup:
    """The guess before a backup begins. `size_bytes` None: the phone does not tell its used space."""

    kind: Kind
    size_bytes: int | None


def expect_backup(facts: PhoneFacts, folder: Path, *, fresh: bool = False) -> ExpectedBackup:
    """Guess what the phone will send. Walks the folder: about a second for a hundred thousand files.

    The used space is an upper limit for a first backup: it counts apps and caches, which a backup does not hold.
    """
    used = facts.used_bytes
    try:
        backup = BackupFolder(folder)
        is_finished = backup.is_finished
    except MigrateError:
        return ExpectedBackup("first", used)
    if fresh:
        return ExpectedBackup("first", used)
    if is_finished:
        changed = round(stored_bytes(folder) * CHANGED_SHARE)
        return ExpectedBackup("changes", changed if used is None else min(changed, used))
    if received := stored_bytes(folder / "Snapshot"):
        return ExpectedBackup("rest", None if used is None else max(0, used - received))
    return ExpectedBackup("first", used)


def stored_bytes(folder: Path) -> int:
    """The size of a folder on disk, 0 if it is missing. Walks it: half a second for a hundred thousand files."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    total += stored_bytes(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


@dataclass
class ExpectedTotal:
    """The expected total of one conversation while it goes on. `guess`: what was expected before."""

    guess: int | None
    _first: tuple[float, int] | None = None  # the phone's first percentage, and the bytes there were then
    _latest: tuple[float, int] | None = None

    def total(self, done: int, percent: float) -> int | None:
        """The total that is expected now that the phone is at `percent`; always more than `done`.

        Between two reports of the phone only `done` grows, so what it stands for is noted when the percentage changes.
        """
        if self._latest is None or percent > self._latest[0]:
            self._latest = (percent, done)
            self._first = self._first or self._latest
        expected = self._expected()
        return None if expected is None else max(expected, unfinished_total(done))

    def _expected(self) -> int | None:
        if self._first is None or self._latest is None:
            return self.guess
        first_percent, first_done = self._first
        percent, done = self._latest
        seen = percent - first_percent
        if seen < 1:
            return self.guess
        from_phone = first_done + (done - first_done) * (100 - first_percent) / seen
        if self.guess is None:
            return round(from_phone)
        weight = min(1.0, seen / TRUSTED_AFTER_PERCENT)
        return round(weight * from_phone + (1 - weight) * self.guess)
