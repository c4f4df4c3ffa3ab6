"""A backup's folder: where its files are, and what its three plists say."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.manifest.wal import SQLITE_MAGIC
from migrate.backup.safe_path import inside
from migrate.plists import NotAPlist, load_plist, may_be_plist
from migrate.problems import (
    BackupForbidden,
    BackupNotFound,
    BackupUnfinished,
    BackupUnreadable,
    KeybagUnreadable,
    UnsafeName,
)

MANIFESTS = ("Manifest.db", "Manifest.mbdb")

FILE_ID = re.compile(r"[0-9a-f]{40}")

PLIST_LIMIT_BYTES = {"Info.plist": 32 << 20, "Manifest.plist": 32 << 20, "Status.plist": 1 << 20}
"""Larger files are not read into memory: reading one takes three times its size (measured). Info.plist carries an icon
and a receipt for every app (megabytes are normal, *read*: facts 3.4); a Status.plist has 189 bytes (*seen*)."""

LONGEST_TEXT = 256
"""Longer names, versions and UDIDs are no phone's, and are not shown."""

LONGEST_UDID = 64

_BEGIN_BYTES = 4096
"""Checked before the rest of a plist is read."""


def find_backup(path: Path) -> Path:
    """The backup a person means by `path`: this folder if it has a manifest, else its only child that has one.

    A folder with a backup's plists but no manifest counts too, so that opening it reports the missing manifest.

    Raises:
        BackupNotFound: there is no backup, or more than one child is a backup.
        BackupForbidden: the system denies access.
    """
    try:
        if _has_manifest(path):
            return path
        children = sorted(child for child in path.iterdir() if child.is_dir() and _has_manifest(child))
        children = [child for child in children if child.name != "Snapshot"]  # an interrupted backup left it
    except PermissionError as error:
        raise BackupForbidden(path, error.strerror or type(error).__name__) from error
    except OSError as error:
        raise BackupNotFound(path) from error
    if len(children) == 1:
        return children[0]
    if not children and any((path / name).is_file() for name in PLIST_LIMIT_BYTES):
        return path
    raise BackupNotFound(path, tuple(child.name for child in children))


def _has_manifest(path: Path) -> bool:
    return any(_is_there(path / name) for name in MANIFESTS)


def _is_there(path: Path) -> bool:
    """Whether there is an entry, a link or a pipe too: opening it says what it is instead of that it is missing."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


class BackupFolder:
    """One backup on disk, read-only. Each plist is read on first use and cached, so make a new object after a backup.

    A missing plist reads as None; one that cannot be read raises BackupUnreadable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._safe_shards: set[str] = set()

    def __repr__(self) -> str:
        return f"BackupFolder({str(self.path)!r})"

    @cached_property
    def info(self) -> dict[str, Any] | None:
        """Info.plist: written by the host; names, versions, installed apps."""
        return self._plist("Info.plist")

    @property
    def readable_info(self) -> dict[str, Any] | None:
        """Info.plist, or None where it is missing or damaged. The host wrote it, and a backup can be read without
        it."""
        try:
            return self.info
        except BackupUnreadable:
            return None

    @property
    def device_name(self) -> str | None:
        """The name of the phone from Info.plist, or None."""
        return self._plist_text("Info.plist", "Device Name")

    @cached_property
    def manifest_plist(self) -> dict[str, Any] | None:
        """Manifest.plist: written by the phone; keybag, Lockdown facts, Applications."""
        return self._plist("Manifest.plist")

    @cached_property
    def status(self) -> dict[str, Any] | None:
        """Status.plist: written by the phone; UUID, Date, SnapshotState."""
        return self._plist("Status.plist")

    @property
    def manifest_db(self) -> Path:
        return self.path / "Manifest.db"

    @property
    def manifest(self) -> Path:
        """The list of files: Manifest.db, or Manifest.mbdb in a backup of iOS 5 to 9."""
        return self.path / "Manifest.mbdb" if self.is_flat else self.manifest_db

    @cached_property
    def is_flat(self) -> bool:
        """Whether this is a backup of iOS 5 to 9: a Manifest.mbdb and no Manifest.db, stored files not in shards."""
        return not _is_there(self.manifest_db) and _is_there(self.path / "Manifest.mbdb")

    @property
    def udid(self) -> str:
        """The phone's UDID as the phone spells it, else as the host did, else the folder's name. Unreadable plists are
        skipped."""
        values = (
            self._plist_text("Manifest.plist", "Lockdown", "UniqueDeviceID"),
            self._plist_text("Info.plist", "Target Identifier"),
            self._plist_text("Info.plist", "Unique Identifier"),
        )
        return next((one for one in values if one and len(one) <= LONGEST_UDID), self.path.resolve().name)

    @property
    def ios_version(self) -> str | None:
        """ "17.5.1", or None where no plist has it."""
        by_phone = self._plist_text("Manifest.plist", "Lockdown", "ProductVersion")
        return by_phone or self._plist_text("Info.plist", "Product Version")

    @property
    def is_encrypted(self) -> bool:
        """Whether the backup is encrypted, from Manifest.plist. If it does not say: an encrypted Manifest.db does not
        begin as a plain database. Manifest.mbdb is never encrypted, so there the keybag decides: whether a password
        opens it.

        Keys on the files prove nothing: an unencrypted backup has them too (*seen*, iOS 14.3).
        """
        value = parse_boolean((self.manifest_plist or {}).get("IsEncrypted"))
        if value is not None:
            return value
        if self.is_flat:
            return _opens_with_password((self.manifest_plist or {}).get("BackupKeyBag"))
        return self.has_plain_header is False

    @property
    def has_plain_header(self) -> bool | None:
        """Whether Manifest.db begins as a plain database; None where it is missing (Manifest.mbdb is always plain)."""
        try:
            with open_regular_file(self.manifest_db) as file:
                return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
        except OSError:
            return None

    @cached_property
    def has_plain_list(self) -> bool:
        """Whether the list of files is plain although the files are encrypted: Manifest.mbdb, and Manifest.db on iOS
        10.0 and 10.1 (facts 3.7). iOS 10.2 introduced ManifestKey together with the keybag's slow stage. So a plain
        Manifest.db whose keybag has that stage is an unencrypted backup that calls itself encrypted."""
        if not self.is_encrypted:
            return False
        value = self.manifest_plist or {}
        return self.is_flat or (
            "ManifestKey" not in value
            and _opens_with_password(value.get("BackupKeyBag"), slowly=False)
            and self.has_plain_header is True
        )

    @property
    def is_finished(self) -> bool:
        """SnapshotState is `finished`. False also where Status.plist is missing."""
        return self.snapshot_state == "finished"

    @property
    def snapshot_state(self) -> str:
        """`uploading`, `moving`, `removing`, `finished`, or '' where Status.plist has none."""
        state = (self.status or {}).get("SnapshotState")
        return state if isinstance(state, str) else ""

    @property
    def status_uuid(self) -> str | None:
        found = (self.status or {}).get("UUID")
        return found if isinstance(found, str) else None

    @property
    def status_date(self) -> datetime | None:
        """When the backup that wrote Status.plist took place, aware."""
        found = (self.status or {}).get("Date")
        return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None

    def require_finished(self) -> None:
        """Raises BackupUnfinished unless Status.plist says `finished`."""
        if not self.is_finished:
            raise BackupUnfinished(self.path, self.snapshot_state)

    def blob(self, file_id: str, sharded: bool | None = None) -> Path:
        """The path of the stored bytes of `file_id`, whether or not the file exists: `ab/abcdef…`, or `abcdef…` before
        iOS 10. `sharded` None: as this backup does.

        Raises:
            UnsafeName: `file_id` is not 40 lower-case hex digits, or the file or its folder is a link out of the
            backup.
        """
        if not FILE_ID.fullmatch(file_id):
            raise UnsafeName(file_id, "is not a file id (40 hexadecimal digits)")
        sharded = not self.is_flat if sharded is None else sharded
        shard = file_id[:2] if sharded else "."
        place = self.path / shard / file_id
        if shard not in self._safe_shards:
            if sharded:
                inside(self.path, shard)
            self._safe_shards.add(shard)
        if place.is_symlink():
            inside(self.path, f"{shard}/{file_id}")
        return place

    def _plist_text(self, name: str, *keys: str) -> str | None:
        """The text at this path of keys; None where there is none, it is too long, or the plist cannot be read."""
        try:
            found: Any = self.info if name == "Info.plist" else self.manifest_plist
        except BackupUnreadable:
            return None
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, str) and 0 < len(found) <= LONGEST_TEXT else None

    def _plist(self, name: str) -> dict[str, Any] | None:
        path, limit = self.path / name, PLIST_LIMIT_BYTES[name]
        try:
            with open_regular_file(path) as file:
                claimed = os.fstat(file.fileno()).st_size
                begin = file.read(_BEGIN_BYTES)
                if not begin:
                    raise BackupUnreadable(self.path, name, "it is empty")
                if claimed > limit:
                    raise BackupUnreadable(self.path, name, f"it is larger than {limit:,} bytes")
                if not may_be_plist(begin):
                    raise BackupUnreadable(self.path, name, "it does not begin as a property list does")
                file.seek(0)
                data = file.read(claimed)  # one buffer; `claimed` is within the limit
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackupUnreadable(self.path, name, error.strerror or type(error).__name__) from error
        return plist_dict(data, self.path, name)


def parse_boolean(value: object) -> bool | None:
    """A plist value as a boolean, or None where it is not one. Some hosts write numbers or texts."""
    if isinstance(value, int | float):
        return bool(value)
    return _BOOLEAN_TEXTS.get(value.strip().lower()) if isinstance(value, str) else None


_BOOLEAN_TEXTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _opens_with_password(bag: object, *, slowly: bool = True) -> bool:
    """Whether a password opens the keybag `bag`. `slowly` False: and the keybag has no slow first stage."""
    try:
        keybag = Keybag.from_bytes(bag) if isinstance(bag, bytes) else None
        return (
            keybag is not None and (slowly or not keybag.rounds) and any(c.opens_with_password for c in keybag.classes)
        )
    except KeybagUnreadable:
        return False


def plist_dict(data: bytes, path: Path, part: str) -> dict[str, Any]:
    """The dictionary in an untrusted plist.

    Raises:
        BackupUnreadable: `part` of the backup at `path` is not a plist, or not a dictionary.
    """
    try:
        loaded = load_plist(data)
    except NotAPlist as error:
        raise BackupUnreadable(path, part, error.reason) from error
    if not isinstance(loaded, dict):
        raise BackupUnreadable(path, part, "it is a property list, but not a dictionary")
    return loaded
