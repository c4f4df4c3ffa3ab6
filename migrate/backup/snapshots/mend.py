"""Repair files of a snapshot from other copies on this computer.

Hard links are one file under several names, so its damage is in all of them. Another snapshot, or the working backup,
may have the same bytes in a file of its own. What the bytes have to be is known from the seal, so a copy is used only
if it is exactly what the phone sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.links import link_or_copy
from migrate.backup.private_files import sync_folder
from migrate.backup.seal import Seal, read_seal, sha256_of
from migrate.backup.snapshots.store import Snapshot
from migrate.problems import MigrateError


@dataclass(frozen=True)
class Mended:
    """File ids that were repaired, and those of which no sound copy was found."""

    repaired: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def mend(snapshot: Snapshot, file_ids: Collection[str], copies: Iterable[Path]) -> Mended:
    """Replace damaged or missing files of a snapshot, and of every copy that shares the damaged file. Blocking.

    Args:
        file_ids: the damaged files.
        copies: the other backup folders of the same phone.

    Raises:
        OSError: a sound copy cannot be put in place.
    """
    seal = _seal_of(snapshot)
    others = [folder for folder in copies if folder != snapshot.backup]
    repaired, left = [], []
    for file_id in sorted(set(file_ids)):
        wanted = seal.digest_of(file_id) if seal else None
        good = _sound_copy(file_id, wanted, snapshot.backup, others) if wanted else None
        if good is None:
            left.append(file_id)
            continue
        for damaged in _names_of_one_file(_blob(snapshot.backup, file_id), [_blob(one, file_id) for one in others]):
            _replace(damaged, good)
        repaired.append(file_id)
    return Mended(tuple(repaired), tuple(left))


def _seal_of(snapshot: Snapshot) -> Seal | None:
    try:
        return read_seal(snapshot.path, BackupFolder(snapshot.backup))
    except MigrateError:
        return None


def _blob(backup: Path, file_id: str) -> Path:
    return BackupFolder(backup).blob(file_id)


def _sound_copy(file_id: str, wanted: str, own: Path, others: Iterable[Path]) -> Path | None:
    damaged, seen = _identity(_blob(own, file_id)), set()
    for other in others:
        place = _blob(other, file_id)
        identity = _identity(place)
        if identity is None or identity == damaged or identity in seen:
            continue
        seen.add(identity)
        try:
            if sha256_of(place) == wanted:
                return place
        except OSError:  # unreadable too
            continue
    return None


def _names_of_one_file(own: Path, others: Iterable[Path]) -> list[Path]:
    """The damaged name, and the names elsewhere of the same damaged file. A missing file has no other names."""
    damaged = _identity(own)
    return [own, *(other for other in others if damaged is not None and _identity(other) == damaged)]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _replace(damaged: Path, good: Path) -> None:
    new = damaged.with_name(f".{damaged.name}.{secrets.token_hex(4)}")
    damaged.parent.mkdir(exist_ok=True)
    try:
        link_or_copy(good, new)
        new.replace(damaged)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(damaged.parent)
