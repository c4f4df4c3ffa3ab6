"""Finds backups in the usual folders, and summarizes each from its plists, without a password.

    Finder, iTunes on a Mac        ~/Library/Application Support/MobileSync/Backup/<UDID>
    iTunes from Apple, Windows     %APPDATA%\\Apple Computer\\MobileSync\\Backup\\<UDID>
    Apple Devices, iTunes (Store)  %USERPROFILE%\\Apple\\MobileSync\\Backup\\<UDID>
    migrate                        <home>/backups/<UDID>
    idevicebackup2,                the folder they are given, usually the current one
    pymobiledevice3                (pymobiledevice3's default) or one just below it: ./<UDID>, ./phone/<UDID>

iTunes keeps an older backup as `<UDID>-20240131-120000`. Source: Apple's support page 108809 for the first three
(*read*); other guides agree for both versions of iTunes, and one for Apple Devices (*read*). None of them was *seen*.
The defaults of the last two programs are *read* in their help.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from migrate.backup.folder import LONGEST_TEXT, LONGEST_UDID, MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder
from migrate.problems import BackupUnreadable

PlaceName = Literal["finder", "itunes", "apple-devices", "migrate", "here"]

ENTRIES_LIMIT = 10_000
"""Entries read from one folder: the current folder may be any folder."""

INFO_LIMIT_BYTES = 4 << 20
"""Info.plist holds megabytes of app icons, so it is read only where Manifest.plist lacks a value."""

MEASURE_S = 2.0
"""Time limit for adding up the files of one backup. 200,000 of them take half a second from the system's cache and
minutes on a hard disk (*guessed*); after the limit the size stays unknown."""

_UDID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{8}-[0-9a-f]{16}", re.IGNORECASE)


@dataclass(frozen=True)
class BackupLocation:
    """A folder that may hold backups."""

    name: PlaceName
    path: Path


@dataclass(frozen=True, kw_only=True)
class BackupSummary:
    """What the plists of a backup say. None: unknown; `problem` says what could not be read."""

    backup: Path
    place: PlaceName
    udid: str | None = None
    name: str | None = None
    model: str | None = None
    ios_version: str | None = None
    backed_up_at: datetime | None = None
    encrypted: bool | None = None
    finished: bool | None = None
    bytes: int | None = None
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": str(self.backup),
            "place": self.place,
            "udid": self.udid,
            "name": self.name,
            "model": self.model,
            "ios_version": self.ios_version,
            "saved": self.backed_up_at.isoformat() if self.backed_up_at else None,
            "encrypted": self.encrypted,
            "finished": self.finished,
            "bytes": self.bytes,
            "problem": self.problem,
        }


def usual_locations(
    platform: str, environment: Mapping[str, str], user: Path, *, ours: Path, here: Path
) -> tuple[BackupLocation, ...]:
    """The folders to search on `platform` (as in sys.platform), whether or not they exist. `user` is the person's home,
    `ours` the folder of migrate's backups, `here` the current folder."""
    found = [BackupLocation("migrate", ours)]
    if platform == "darwin":
        found.append(BackupLocation("finder", user / "Library" / "Application Support" / "MobileSync" / "Backup"))
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or user / "AppData" / "Roaming")
        found.append(BackupLocation("itunes", roaming / "Apple Computer" / "MobileSync" / "Backup"))
        profile = Path(environment.get("USERPROFILE") or user)
        found.append(BackupLocation("apple-devices", profile / "Apple" / "MobileSync" / "Backup"))
    found.append(BackupLocation("here", here))
    return tuple(found)


def list_backups(
    places: tuple[BackupLocation, ...], clock: Callable[[], float] = time.monotonic, *, measure: bool = True
) -> Iterator[BackupSummary]:
    """Every backup in these places, each once, the newest of a place first. A place that cannot be read is a summary
    with only a problem. `measure` False: sizes are not added up."""
    seen: set[str] = set()
    for place in places:
        folders, problem = _backups_in(place)
        if problem is not None:
            yield BackupSummary(backup=place.path, place=place.name, problem=problem)
        found: list[BackupSummary] = []
        for folder in folders:
            real = os.path.realpath(folder)
            if real not in seen:
                seen.add(real)
                found.append(summarize_backup(folder, place.name, clock, measure=measure))
        yield from sorted(found, key=lambda one: one.backed_up_at or datetime.min.replace(tzinfo=UTC), reverse=True)


def _backups_in(place: BackupLocation) -> tuple[list[Path], str | None]:
    """The backups of a place, and why it could not be searched, if so."""
    try:
        below = _folders_in(place.path)
    except (FileNotFoundError, NotADirectoryError):
        return [], None
    except OSError as error:
        return [], _message(error)
    found = []
    if place.name == "here":
        if _is_backup(place.path):
            return [place.path], None
        for folder in tuple(below):
            if not _is_backup(folder):
                below += [deeper for deeper in _readable_folders_in(folder) if _UDID.match(deeper.name)]
    found += [folder for folder in below if _is_backup(folder)]
    return found, None


def _folders_in(path: Path) -> list[Path]:
    found: list[Path] = []
    with os.scandir(path) as entries:
        for number, entry in enumerate(entries):
            if number >= ENTRIES_LIMIT:
                break
            with suppress(OSError):  # a dangling link, or no permission
                if entry.is_dir() and not entry.name.startswith("."):  # links may lead to a larger disk
                    found.append(Path(entry.path))
    return sorted(found)


def _readable_folders_in(path: Path) -> list[Path]:
    try:
        return _folders_in(path)
    except OSError:
        return []  # a private folder, probably without backups


def _is_backup(path: Path) -> bool:
    """Whether it has a manifest, or the plists of a backup without one. A folder that cannot be read counts if its name
    begins with a UDID."""
    try:
        if any((path / name).is_file() for name in MANIFESTS):
            return True
        return all((path / name).is_file() for name in ("Info.plist", "Status.plist"))
    except OSError:
        return _UDID.match(path.name) is not None


def summarize_backup(
    path: Path, place: PlaceName, clock: Callable[[], float] = time.monotonic, *, measure: bool = True
) -> BackupSummary:
    """Summarize the backup at `path`. Does not raise for a damaged backup: `problem` says what is wrong."""
    folder = BackupFolder(path)
    problems: list[str] = []

    def read(plist: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        try:
            return plist() or {}
        except BackupUnreadable as error:
            problems.append(f"{error.part}: {error.reason}")
        except OSError as error:
            problems.append(_message(error))
        return {}

    manifest, status = read(lambda: folder.manifest_plist), read(lambda: folder.status)
    lockdown = manifest.get("Lockdown")
    lockdown = lockdown if isinstance(lockdown, dict) else {}
    is_enough = bool(_text(lockdown, "DeviceName") and _text(lockdown, "ProductVersion"))
    info = {} if is_enough or _is_long(path / "Info.plist") else read(lambda: folder.info)
    return BackupSummary(
        backup=path,
        place=place,
        udid=_udid(lockdown, "UniqueDeviceID") or _udid(info, "Target Identifier") or path.name,
        name=_text(lockdown, "DeviceName") or _text(info, "Device Name"),
        model=_text(lockdown, "ProductType") or _text(info, "Product Type"),
        ios_version=_text(lockdown, "ProductVersion") or _text(info, "Product Version"),
        backed_up_at=_date(status) or _date(manifest),
        encrypted=_encrypted(folder, manifest),
        finished=status.get("SnapshotState") == "finished" if "SnapshotState" in status else None,
        bytes=_measured(path, clock) if measure else None,
        problem="; ".join(dict.fromkeys(problems)) or None,
    )


def _text(plist: Mapping[str, Any], key: str) -> str | None:
    found = plist.get(key)
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_TEXT else None


def _udid(plist: Mapping[str, Any], key: str) -> str | None:
    found = _text(plist, key)
    return found if found is not None and len(found) <= LONGEST_UDID else None


def _date(plist: Mapping[str, Any]) -> datetime | None:
    found = plist.get("Date")
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None


def _encrypted(folder: BackupFolder, manifest: Mapping[str, Any]) -> bool | None:
    value = manifest.get("IsEncrypted")
    if isinstance(value, int):
        return bool(value)
    return None if (is_plain := folder.has_plain_header) is None else not is_plain


def _is_long(path: Path) -> bool:
    try:
        return path.stat().st_size > min(INFO_LIMIT_BYTES, PLIST_LIMIT_BYTES["Info.plist"])
    except OSError:
        return False


def _measured(path: Path, clock: Callable[[], float]) -> int | None:
    """The total bytes of its files; None where that takes too long or fails. Links are not followed."""
    began, total = clock(), 0
    folders = [os.fspath(path)]
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
            if clock() - began > MEASURE_S:
                return None
    except OSError:
        return None
    return total


def _message(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
