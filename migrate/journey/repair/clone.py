"""Clone a backup with hard links, without some of its records."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.links import link_or_copy
from migrate.backup.manifest.mbdb_manifest import MbdbManifest
from migrate.backup.manifest.open import Manifest
from migrate.backup.manifest.writer import ManifestWriter, encrypt_manifest, pad_manifest
from migrate.backup.private_files import FOLDER_MODE, sync_folder, write_new
from migrate.backup.record import Kind
from migrate.progress import Progress, no_progress


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
    with Manifest.open(folder, password) as manifest:
        done = 0
        shards: set[str] = set()
        for number, record in enumerate(manifest.records(lambda bad: unreadable.append(bad.file_id)), 1):
            if record.kind is Kind.FILE and record.file_id not in without:
                done += _link_blob(folder, record.file_id, clone, shards)
                progress.bytes_moved(done, total)
                progress.files_moved(number)
        if fresh or without or unreadable:
            name, content = _manifest_without(manifest, {*without, *unreadable})
            write_new(clone / name, content)
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


def _manifest_without(manifest: Manifest, dropped: Collection[str]) -> tuple[str, bytes]:
    """The name and bytes of a manifest without the `dropped` rows; the others are unchanged, and so is the key."""
    if isinstance(manifest, MbdbManifest):
        return "Manifest.mbdb", manifest.without(dropped)
    writer = ManifestWriter(manifest.folder.ios_version or "", composed=True)
    for row in manifest.rows(lambda bad: None):
        if row.file_id not in dropped:
            writer.add_row(row.file_id, row.domain, row.relative_path, row.flags, row.file)
    for key, value in manifest.properties().items():
        writer.set_property(key, value)
    database = writer.to_bytes()
    if manifest.manifest_key is None:
        return "Manifest.db", pad_manifest(database)
    return "Manifest.db", encrypt_manifest(database, manifest.manifest_key)
