"""The snapshots under `<home>/snapshots`: earlier states of the working backups, as ordinary backups.

    snapshots/<UDID>/<time>/                 a place (place.py)
    snapshots/<UDID>/<time>/<UDID>/          the backup
    snapshots/<UDID>/<time>/snapshot.json    what it is; written last, so a place without it is unfinished

`<time>` is when the phone was backed up, in ISO 8601's basic form and UTC (`20261124T180311Z`): Windows allows no colon
in names. Unchanged files are hard links to those of the working backup and of other snapshots.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.private_files import FOLDER_MODE, write_atomically
from migrate.backup.safe_path import inside
from migrate.backup.snapshots.place import Place
from migrate.problems import SnapshotNotFound, SnapshotProtected, UnsafeName

FACTS = "snapshot.json"
LATEST = "latest"
_NAME = re.compile(r"\d{8}T\d{6}Z(?:-\d{1,3})?")
_FORGOTTEN = ".forgotten-"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One earlier state of a phone's backup."""

    udid: str
    path: Path
    """The place."""
    taken: datetime
    """When the phone was backed up, UTC."""
    name: str | None
    ios_version: str | None
    encrypted: bool | None
    state: tuple[str | None, str | None]
    """The UUID and date of its Status.plist: equal for copies of one backup."""
    verified: datetime | None = None
    """When it was last read as a whole and found whole."""

    @property
    def backup(self) -> Path:
        return self.path / self.udid

    @property
    def place(self) -> Place:
        return Place(self.path)

    @property
    def reference(self) -> str:
        """How a command line names it."""
        return f"{self.udid}@{self.path.name}"

    def sizes(self) -> Sizes:
        """What it takes on the disk. Reads the sizes of all its files."""
        own = shared = files = 0
        for entry in _files_below(self.backup):
            status = entry.stat(follow_symlinks=False)
            files += 1
            if status.st_nlink > 1:
                shared += status.st_size
            else:
                own += status.st_size
        return Sizes(own, shared, files)

    def as_verified(self, moment: datetime) -> Snapshot:
        """The snapshot with the time of its last check, which is remembered."""
        checked = replace(self, verified=moment)
        _write_facts(checked)
        return checked


@dataclass(frozen=True)
class Sizes:
    """Bytes of a snapshot's files. `own` is what forgetting it would free."""

    own: int
    shared: int
    files: int


@dataclass(frozen=True)
class SnapshotStore:
    """All snapshots of one home. Blocking."""

    root: Path

    def all(self, udid: str | None = None) -> list[Snapshot]:
        """The finished snapshots, by phone and then oldest first."""
        found = []
        for phone in _folders(self.root):
            if udid is None or phone.name == udid:
                found += [one for place in _folders(phone) if (one := _read(phone.name, place)) is not None]
        return sorted(found, key=lambda one: (one.udid, one.taken, one.path.name))

    def find(self, udid: str, reference: str) -> Snapshot:
        """The snapshot that a person means by `UDID@REFERENCE`: its name, `latest`, a time, or a day (its last one).

        Raises:
            SnapshotNotFound
        """
        known = self.all(udid)
        for one in reversed(known):
            if reference in (LATEST, one.path.name) or _is_at(one.taken, reference):
                return one
        raise SnapshotNotFound(f"{udid}@{reference}", tuple(one.path.name for one in known[-5:]))

    def take(self, source: Path, seals: Path, *, taken: datetime) -> Snapshot:
        """Keep the state of a finished backup. If the newest snapshot is of this state already, it stays as it is.

        The caller holds the lock of the working backup.

        Raises:
            BackupUnfinished, StrangeFileInBackup, DiskFullHere, OSError: nothing was kept.
        """
        folder = BackupFolder(source)
        folder.require_finished()
        udid = source.name
        state = (folder.status_uuid, folder.status_date.isoformat() if folder.status_date else None)
        known = self.all(udid)
        if known and known[-1].state == state:
            return known[-1]
        phone = inside(self.root, udid)
        phone.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _remove_unfinished(phone)
        snapshot = Snapshot(
            udid=udid,
            path=_free_place(phone, taken.astimezone(UTC)),
            taken=taken.astimezone(UTC).replace(microsecond=0),
            name=folder.device_name,
            ios_version=folder.ios_version,
            encrypted=folder.is_encrypted,
            state=state,
        )
        try:
            snapshot.place.keep(source, seals)
            _write_facts(snapshot)
        except BaseException:
            shutil.rmtree(snapshot.path, ignore_errors=True)
            raise
        return snapshot

    def forget(self, snapshot: Snapshot) -> None:
        """Remove a snapshot. Files that others share stay.

        Raises:
            SnapshotProtected: somebody needs it.
            OSError: it cannot be removed.
        """
        if why := snapshot.place.protections:
            raise SnapshotProtected(snapshot.reference, ", ".join(sorted(why)))
        doomed = snapshot.path.with_name(f"{_FORGOTTEN}{secrets.token_hex(4)}")
        snapshot.path.rename(doomed)  # one rename, so no half of a snapshot is ever taken for one
        shutil.rmtree(doomed)
        with suppress(OSError):
            snapshot.path.parent.rmdir()  # unless there are others


def _read(udid: str, place: Path) -> Snapshot | None:
    """The snapshot in a place; None if it is unfinished, or somebody has taken it apart."""
    if not _NAME.fullmatch(place.name) or not (place / udid).is_dir():
        return None
    try:
        facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
        return Snapshot(
            udid=udid,
            path=place,
            taken=datetime.fromisoformat(facts["taken"]).astimezone(UTC),
            name=_text(facts.get("name")),
            ios_version=_text(facts.get("ios_version")),
            encrypted=facts.get("encrypted") if isinstance(facts.get("encrypted"), bool) else None,
            state=(_text(facts["state"][0]), _text(facts["state"][1])),
            verified=datetime.fromisoformat(facts["verified"]) if facts.get("verified") else None,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _write_facts(snapshot: Snapshot) -> None:
    facts: dict[str, Any] = {
        "taken": snapshot.taken.isoformat(),
        "name": snapshot.name,
        "ios_version": snapshot.ios_version,
        "encrypted": snapshot.encrypted,
        "state": list(snapshot.state),
        "verified": snapshot.verified.isoformat() if snapshot.verified else None,
    }
    write_atomically(snapshot.path / FACTS, (json.dumps(facts, ensure_ascii=False) + "\n").encode())


def _is_at(taken: datetime, reference: str) -> bool:
    """Whether a person who writes this time, or this day here, means that moment."""
    with suppress(ValueError):
        if len(reference) <= len("2026-11-24"):
            return taken.astimezone().date() == date.fromisoformat(reference)
        moment = datetime.fromisoformat(reference)
        moment = moment.astimezone() if moment.tzinfo is None else moment
        return moment == taken
    return False


def _free_place(phone: Path, taken: datetime) -> Path:
    name = f"{taken:%Y%m%dT%H%M%SZ}"
    number = 1
    while (place := phone / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return place


def _remove_unfinished(phone: Path) -> None:
    """What a killed process left: places without facts, and forgotten ones."""
    for place in _folders(phone):
        is_unfinished = _NAME.fullmatch(place.name) and not (place / FACTS).exists()
        if is_unfinished or place.name.startswith(_FORGOTTEN):
            shutil.rmtree(place, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def named_backup(home: Path, name: Path) -> Path:
    """The folder that a person means by BACKUP: a folder, a UDID (its working backup), or `UDID@SNAPSHOT`.

    Args:
        home: the home folder.

    Raises:
        SnapshotNotFound: there is no such snapshot.
    """
    text = str(name)
    if name.exists() or "/" in text or os.sep in text:
        return name
    udid, at, reference = text.partition("@")
    if at:
        return SnapshotStore(home / "snapshots").find(udid, reference).backup
    try:
        working = inside(home / "backups", text)
    except UnsafeName:
        return name
    return working if working.is_dir() else name
