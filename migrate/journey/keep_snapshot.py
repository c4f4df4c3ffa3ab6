"""After a backup: its state is kept as a snapshot beside the ones before."""

from __future__ import annotations

from pathlib import Path

from migrate.backup.disk_space import hard_links_work
from migrate.backup.folder import BackupFolder
from migrate.backup.snapshots.store import Snapshot
from migrate.journey.home import Home
from migrate.language import _
from migrate.problems import MigrateError, SnapshotNotTaken, SnapshotSharesLittle
from migrate.progress import Progress
from migrate.units import format_bytes, now_utc

_LITTLE_SHARED = 0.5
_WORTH_TELLING_BYTES = 100_000_000


def keep_snapshot(home: Home, folder: Path, progress: Progress) -> Snapshot | None:
    """Keep the state of the working backup in `folder`, whose lock the caller holds. Blocking. Whatever goes wrong is a
    finding: the backup itself is complete.

    Returns:
        The snapshot; None if there is none.
    """
    backup = BackupFolder(folder)
    earlier = home.snapshot_store.all(folder.name)
    try:
        if hard_links_work(home.snapshots) is False:
            size = format_bytes(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
            reason = _("this disk cannot keep two names of one file (exFAT and many network drives cannot), so each")
            reason = f"{reason} {_('snapshot would take the whole {size} again').format(size=size)}"
            progress.found(SnapshotNotTaken(reason).as_finding())
            return None
        snapshot = home.snapshot_store.take(folder, home.seals, taken=backup.status_date or now_utc())
    except (MigrateError, OSError) as error:
        reason = error.what if isinstance(error, MigrateError) else error.strerror or type(error).__name__
        progress.found(SnapshotNotTaken(reason.rstrip(".")).as_finding())
        return None
    if earlier and earlier[-1].path != snapshot.path:
        before = earlier[-1].sizes()
        if before.own > max(_WORTH_TELLING_BYTES, _LITTLE_SHARED * (before.own + before.shared)):
            progress.found(SnapshotSharesLittle(earlier[-1].reference, before.own).as_finding())
    return snapshot
