"""What lies in a backup's folder: its three plists held against each other, and every stored file with its length."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import FILE_ID, MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder, parse_boolean
from migrate.backup.verify.findings import Findings
from migrate.problems import BackupUnfinished, BackupUnreadable, KeybagUnreadable, damage

_SHARD = re.compile(r"[0-9a-f]{2}")

_OWN = frozenset({*PLIST_LIMIT_BYTES, *MANIFESTS})

_NEEDED = {"Manifest.plist": ("IsEncrypted", "Lockdown"), "Status.plist": ("SnapshotState",), "Info.plist": ()}
"""Keys without which no reader goes on (*read*: pyiosbackup and iOS's agent take them unasked, facts 3.4). What else is
missing differs from host to host."""

_TYPES: dict[str, dict[str, type]] = {
    "Info.plist": {"Product Version": str, "Target Identifier": str, "Unique Identifier": str, "Applications": dict},
    "Manifest.plist": {
        "IsEncrypted": bool,
        "Lockdown": dict,
        "BackupKeyBag": bytes,
        "ManifestKey": bytes,
        "Applications": dict,
    },
    "Status.plist": {"SnapshotState": str, "UUID": str, "Date": datetime},
}
"""What the keys that are read here hold (facts 3.4). Another type is read as if the key were missing, and said."""


@dataclass(frozen=True)
class PlistSummary:
    """What the plists say, as far as they could be read. None: not known."""

    udid: str
    ios_version: str | None
    encrypted: bool | None
    snapshot_state: str

    @property
    def finished(self) -> bool:
        return self.snapshot_state == "finished"


def check_plists(folder: BackupFolder, found: Findings) -> PlistSummary:
    """Read the three plists, say what is wrong with them, and come back with what they do say."""
    readable = {name: _read(folder, name, found) for name in ("Info.plist", "Manifest.plist", "Status.plist")}
    info, manifest, status = (readable[name] for name in ("Info.plist", "Manifest.plist", "Status.plist"))
    state = folder.snapshot_state if status is not None else ""
    if status is not None and state != "finished":
        found.add(BackupUnfinished(folder.path, state))
    lockdown = (manifest or {}).get("Lockdown")
    lockdown = lockdown if isinstance(lockdown, dict) else {}
    host = info or {}
    _look_whether_they_agree(info or {}, lockdown, found)
    udid = _first_text(lockdown.get("UniqueDeviceID"), host.get("Target Identifier"), host.get("Unique Identifier"))
    return PlistSummary(
        udid=udid or folder.path.resolve().name,
        ios_version=_first_text(lockdown.get("ProductVersion"), host.get("Product Version")),
        encrypted=_look_at_encryption(folder, manifest, found),
        snapshot_state=state,
    )


def _look_whether_they_agree(info: dict[str, object], lockdown: dict[str, object], found: Findings) -> None:
    """Info.plist spells a UDID in capitals (facts 3.4). Versions may differ: a phone is updated between two saves."""
    by_phone = lockdown.get("UniqueDeviceID")
    by_host = [info.get(key) for key in ("Target Identifier", "Unique Identifier")]
    if isinstance(by_phone, str) and any(
        isinstance(udid, str) and udid.lower() != by_phone.lower() for udid in by_host if udid
    ):
        found.add(damage.PlistsDisagree("UDID"))


def _first_text(*value: object) -> str | None:
    return next((text for text in value if isinstance(text, str) and text), None)


def _read(folder: BackupFolder, name: str, found: Findings) -> dict[str, object] | None:
    readers = {
        "Info.plist": lambda: folder.info,
        "Manifest.plist": lambda: folder.manifest_plist,
        "Status.plist": lambda: folder.status,
    }
    try:
        plist = readers[name]()
    except BackupUnreadable as problem:
        found.add(damage.PlistGarbage(name, problem.reason))
        return None
    if plist is None:
        found.add(damage.PlistMissing(name))
        return None
    for key in _NEEDED[name]:
        if key not in plist:
            found.add(damage.PlistIncomplete(name, key))
    for key, kind in _TYPES[name].items():
        if key not in plist or isinstance(plist[key], kind):
            continue
        if kind is not bool:
            found.add(damage.PlistOdd(name, key, needed=key in _NEEDED[name]))
        elif parse_boolean(plist[key]) is None:  # 0, 1 and "true" are odd and say enough
            found.add(damage.PlistOdd(name, key, needed=True))
    return plist


def _look_at_encryption(folder: BackupFolder, manifest: dict[str, object] | None, found: Findings) -> bool | None:
    """Whether the backup is encrypted, by its own word and by its manifest's first bytes; they must agree."""
    has_plain_header = folder.has_plain_header
    value = parse_boolean((manifest or {}).get("IsEncrypted"))
    if value is None:
        return None if has_plain_header is None else not has_plain_header
    if has_plain_header is not None and value == has_plain_header and not folder.has_plain_list:
        found.add(damage.MarkedEncryptedButPlain() if value else damage.MarkedPlainButEncrypted())
    _look_at_keybag((manifest or {}).get("BackupKeyBag"), found, needed=value)
    if value:
        for key in (
            ("BackupKeyBag",) if folder.has_plain_list or has_plain_header is None else ("BackupKeyBag", "ManifestKey")
        ):
            if key not in (manifest or {}):
                found.add(damage.PlistIncomplete("Manifest.plist", key))
    return value


def _look_at_keybag(bag: object, found: Findings, *, needed: bool) -> None:
    try:
        if isinstance(bag, bytes) and (bag or needed):
            Keybag.from_bytes(bag)
    except KeybagUnreadable as problem:
        found.add(KeybagUnreadable(problem.reason, needed))


# -- stored files ----------------------------------------------------------------------------------------------------


@dataclass
class StoredFiles:
    """Every stored file by its name, 40 hex digits; nothing was opened."""

    sizes: dict[str, int] = field(default_factory=dict)
    """Regular files in their right place, with their length in bytes."""
    irregular: dict[str, str] = field(default_factory=dict)
    """What bears a file's name in its place and is no regular file: what it is instead."""
    misplaced: list[str] = field(default_factory=list)
    """What lies in the shard folders under any other name."""

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())


def list_stored_files(folder: BackupFolder, found: Findings, *, finished: bool) -> StoredFiles:
    """Look through the folder once. Links are named and never followed."""
    stored = StoredFiles()
    with os.scandir(folder.path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _SHARD.fullmatch(entry.name) and not folder.is_flat:
                if entry.is_dir(follow_symlinks=False):
                    _list_shard(entry, stored, found)
                else:
                    found.add(damage.EntryStrange(entry.name))
            elif entry.name in _OWN:
                if not entry.is_file(follow_symlinks=False):
                    found.add(damage.EntryStrange(entry.name))
            elif folder.is_flat and FILE_ID.fullmatch(entry.name):
                _list_one(entry, stored)
            elif finished or entry.name != "Snapshot":  # an unfinished save goes on from there
                found.add(damage.ForeignEntry(entry.name))
    return stored


def _list_shard(shard: os.DirEntry[str], stored: StoredFiles, found: Findings) -> None:
    try:
        with os.scandir(shard.path) as entries:
            for entry in entries:
                if not FILE_ID.fullmatch(entry.name) or entry.name[:2] != shard.name:
                    stored.misplaced.append(f"{shard.name}/{entry.name}")
                else:
                    _list_one(entry, stored)
    except OSError:
        found.add(damage.EntryStrange(shard.name))


def _list_one(entry: os.DirEntry[str], stored: StoredFiles) -> None:
    if entry.is_file(follow_symlinks=False):
        stored.sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    else:
        stored.irregular[entry.name] = _kind_of(entry)


def _kind_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link"
    return "a folder" if entry.is_dir(follow_symlinks=False) else "a device or a pipe"
