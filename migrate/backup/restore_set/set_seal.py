"""The seal of a restore set: the SHA-256 of everything that a phone will read from it.

Where a stored file is linked, its digest is the one taken when the phone sent it, so what rots after that, before or
while the set is composed, shows when the set is sent. Where a file is written, its digest is of what was written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.seal import Seal, sha256_of, write_seal
from migrate.problems import CannotCompose

SealOf = Callable[[str], Seal | None]
"""The seal of the backup that a linked file, by its file id, comes from."""


def write_set_seal(place: Path, written: Mapping[str, str], seal_of: SealOf, app_groups: Seal | None) -> None:
    """Write the seal of the complete set in `place`, beside it.

    `written` are the digests of the files that were written, by file id. A linked file that its backup's seal does not
    know is read. `app_groups` is the seal of the phone that the set is a backup of.

    Raises:
        CannotCompose: a file of the set cannot be read.
    """
    digests: dict[str, str] = {}
    sizes: dict[str, int] = {}
    with os.scandir(place) as entries:
        shards = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for shard in shards:
        with os.scandir(place / shard) as entries:
            for entry in entries:
                seal = seal_of(entry.name)
                digest = written.get(entry.name) or (seal.digests.get(entry.name) if seal else None)
                digests[entry.name] = digest or _read(place / shard / entry.name)
                sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    folder = BackupFolder(place)
    write_seal(
        place.parent,
        place.name,
        Seal(
            uuid=folder.status_uuid,
            date=folder.status_date,
            digests=digests,
            sizes=sizes,
            unreadable={},
            app_groups=app_groups.app_groups if app_groups else None,
            manifest=_read(folder.manifest_db),
            plists={name: _read(place / name) for name in PLIST_LIMIT_BYTES},
        ),
    )


def _read(path: Path) -> str:
    digest = sha256_of(path)
    if digest is None:
        raise CannotCompose(str(path.parent), f"{path.name} cannot be read from this computer's disk")
    return digest
