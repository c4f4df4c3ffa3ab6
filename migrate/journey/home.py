"""The home folder (contract 2): working backups, seals, pairing records, runs."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.snapshots.store import SnapshotStore
from migrate.journey.lock import LockHeld, locked
from migrate.problems import BackupBusy, MigrateError
from migrate.units import now_utc


def make_private(folder: Path) -> None:
    """Keep others out of a folder, where its disk can: exFAT refuses, and `home_location` says so.

    Raises:
        OSError: the folder cannot be written to, or belongs to someone else.
    """
    try:
        folder.chmod(0o700)
    except OSError as error:
        is_ours = folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK)
        if error.errno == errno.EROFS or not is_ours:
            raise


@dataclass(frozen=True)
class Home:
    """The home folder and its subfolders. All are 0700, because a backup holds a person's private data."""

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

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    @property
    def snapshot_store(self) -> SnapshotStore:
        return SnapshotStore(self.snapshots)

    def has_finished_backup(self, udid: str) -> bool:
        """Whether the working backup of a phone is there and finished."""
        try:
            return BackupFolder(self.working_backup(udid)).is_finished
        except (MigrateError, OSError):
            return False

    def seals_of(self, folder: BackupFolder) -> Path:
        """Where the seal of this backup is: beside it in runs and snapshots, else in `seals`."""
        place = folder.path.resolve()
        is_kept = any(place.is_relative_to(kept.resolve()) for kept in (self.runs, self.snapshots))
        return place.parent if is_kept else self.seals

    def working_backup(self, udid: str) -> Path:
        """`backups/<UDID>`. The UDID comes from a phone, so it is checked before it becomes a path."""
        from migrate.backup.safe_path import inside

        return inside(self.backups, udid)

    @contextmanager
    def lock_working_backup(self, udid: str, phone: str) -> Iterator[None]:
        """Lock a phone's working backup while inside.

        It must not change while it is verified or linked, and two backups into one folder would spoil its seal.

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
        """Create missing folders, private to their owner."""
        for folder in (self.path, self.backups, self.snapshots, self.seals, self.pairing, self.tmp, self.runs):
            if folder == self.tmp and folder.is_symlink():
                folder.unlink()  # its contents are removed at every start, so it must not lead to other people's files
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix":
                make_private(folder)
        return self

    @contextmanager
    def private_tmp(self) -> Iterator[Path]:
        """A folder under `tmp` for plaintext, emptied when left and, after a crash, at the next start."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"  # one process may have several: a run within a command
        mine, lock = self.tmp / name, self.tmp / f"{name}.lock"
        try:
            with locked(
                lock
            ):  # before the folder exists, or another process' `empty_tmp` would take it for a dead process's
                mine.mkdir(mode=0o700)
                yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)
            lock.unlink(missing_ok=True)

    def finish_repairs(self) -> None:
        """Move repaired backups into place where `migrate repair` was killed between its two renames."""
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
