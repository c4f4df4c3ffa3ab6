"""Where everything of ours lies (contract 2): working backups, seals, pairing records, runs."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migrate.journey.lock import LockHeld, locked
from migrate.problems import BackupBusy
from migrate.units import now_utc


@dataclass(frozen=True)
class Home:
    """The home folder and its rooms. Folders are 0700: a backup is somebody's whole life."""

    path: Path

    @property
    def backups(self) -> Path:
        return self.path / "backups"

    @property
    def seals(self) -> Path:
        return self.path / "seals"

    @property
    def pairing(self) -> Path:
        return self.path / "pairing"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def working_backup(self, udid: str) -> Path:
        """`backups/<UDID>`. The UDID came from a phone: it is checked before it becomes a path."""
        from migrate.backup.safe_path import inside

        return inside(self.backups, udid)

    @contextmanager
    def lock_working_backup(self, udid: str, phone: str) -> Iterator[None]:
        """Hold a phone's working backup while inside: what is verified or linked must not change meanwhile, and two
        saves into one folder would spoil each other's seal.

        Raises:
            BackupBusy: another run, or `migrate backup`, holds it.
        """
        from migrate.backup.safe_path import inside

        with ExitStack() as held:
            try:
                held.enter_context(locked(inside(self.seals, f"{udid}.lock")))
            except LockHeld as busy:
                raise BackupBusy(phone) from busy
            yield

    def open(self) -> Home:
        """Make what is missing, private to its owner."""
        for folder in (self.path, self.backups, self.seals, self.pairing, self.tmp, self.runs):
            if folder == self.tmp and folder.is_symlink():
                folder.unlink()  # what is in it is removed at every start, so it may not lead to what is not ours
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix":
                folder.chmod(0o700)
        return self

    @contextmanager
    def private_tmp(self) -> Iterator[Path]:
        """A folder under `tmp` for plaintext, emptied when left and, after a crash, at the next start."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"  # one process may have several: a run inside a command
        mine, lock = self.tmp / name, self.tmp / f"{name}.lock"
        try:
            with locked(
                lock
            ):  # before the folder is there, or another process' `empty_tmp` would take it for a dead one's
                mine.mkdir(mode=0o700)
                yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)
            lock.unlink(missing_ok=True)

    def finish_repairs(self) -> None:
        """Where `migrate repair` was killed between its two renames, the healed backup takes its place now."""
        from migrate.backup.safe_path import inside
        from migrate.journey.repair.workspace import workspaces_to_recover

        for place in workspaces_to_recover(self.backups):
            with suppress(LockHeld, OSError), locked(inside(self.seals, f"{place.original.name}.lock")):
                place.recover(self.seals, clock=now_utc())

    def empty_tmp(self) -> None:
        """Remove what a killed process left in `tmp`. A folder whose process still runs holds its lock and stays."""
        for entry in self.tmp.iterdir():
            if entry.suffix == ".lock" or not entry.exists():
                continue
            lock = self.tmp / f"{entry.name}.lock"
            with suppress(LockHeld):
                with locked(lock):
                    shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
