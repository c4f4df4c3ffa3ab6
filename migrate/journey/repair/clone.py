"""Clone a backup with hard links, without some of its records."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path

from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.links import link_or_copy
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.manifest.mbdb_manifest import MbdbManifest
from migrate.backup.manifest.open import open_manifest
from migrate.backup.manifest.writer import ManifestWriter
from migrate.backup.private_files import FOLDER_MODE, sync_folder, write_new
from migrate.backup.record import Kind
from migrate.progress import Progress, no_progress

_ROWS_AT_ONCE = 1_000


def clone_without(
    folder: BackupFolder,
    password: str | None,
    clone: Path,
    without: Collection[str],
    *,
    fresh: bool = False,
    total: int | None = None,
    progress: Progress = no_progress,
) -> None:
    """Create `clone`, which must not exist, from the backup in `folder` with hard links.

    It lacks the records `without` and rows that cannot be read. `fresh`: write a new manifest even if no row is left
    out. `total`: the bytes to report as the total.

    Raises:
        BackupUnreadable, PasswordMissing, WrongPassword: the manifest cannot be opened.
        OSError: the disk; half a clone may be left.
    """
    unreadable: list[str] = []
    clone.mkdir(mode=FOLDER_MODE)
    with open_manifest(folder, password) as manifest:
        done = 0
        shards: set[str] = set()
        for number, record in enumerate(manifest.records(lambda bad: unreadable.append(bad.file_id)), 1):
            if record.kind is Kind.FILE and record.file_id not in without:
                done += _link_blob(folder, record.file_id, clone, shards)
                progress.bytes_moved(done, total)
                progress.files_moved(number)
        if fresh or without or unreadable:
            write_manifest_without(manifest, {*without, *unreadable}, clone)
        else:
            link_or_copy(folder.manifest, clone / folder.manifest.name)
    for name in PLIST_LIMIT_BYTES:
        if (folder.path / name).is_file() and not (folder.path / name).is_symlink():
            link_or_copy(folder.path / name, clone / name)
    sync_folder(clone)


def _link_blob(folder: BackupFolder, name: str, clone: Path, shards: set[str]) -> int:
    """The bytes linked; 0 if there is no stored file, which verify accepts for an empty file."""
    source = folder.blob(name)
    target = clone / source.relative_to(folder.path)
    if target.parent != clone and target.parent.name not in shards:
        target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        shards.add(target.parent.name)
    try:
        link_or_copy(source, target)
    except (FileNotFoundError, FileExistsError):
        return 0
    return target.stat().st_size


def write_manifest_without(manifest: Manifest, dropped: Collection[str], clone: Path) -> None:
    """Write the manifest of `clone`: every other row unchanged, under the same key."""
    if isinstance(manifest, MbdbManifest):
        write_new(clone / "Manifest.mbdb", manifest.without(dropped))
        return
    path = clone / "Manifest.db"
    with ManifestWriter(path, manifest.folder.ios_version or "", manifest.manifest_key) as writer:
        kept = (row for row in manifest.rows(lambda bad: None) if row.file_id not in dropped)
        numbered = enumerate(kept, 1)
        while rows := [(number, *row) for number, row in islice(numbered, _ROWS_AT_ONCE)]:
            writer.add_rows(rows)
        for key, value in manifest.properties().items():
            writer.set_property(key, value)
        writer.finish()
