"""Checks the three plists of a backup, and compares them with each other and with Manifest.db."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import LONGEST_TEXT, BackupFolder, parse_boolean
from migrate.backup.verify.findings import Findings
from migrate.problems import BackupUnfinished, BackupUnreadable, KeybagUnreadable, damage

_NEEDED = {"Manifest.plist": ("IsEncrypted", "Lockdown"), "Status.plist": ("SnapshotState",), "Info.plist": ()}
"""Keys that every reader needs (*read*: pyiosbackup and iOS's agent use them unchecked, facts 3.4). Which other keys
are missing depends on the host."""

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
"""The types of the keys that this program reads (facts 3.4). A key of another type counts as missing and is
reported."""


@dataclass(frozen=True)
class PlistSummary:
    """What the readable plists say. None: not known."""

    udid: str
    ios_version: str | None
    encrypted: bool | None
    snapshot_state: str

    @property
    def finished(self) -> bool:
        return self.snapshot_state == "finished"


def check_plists(folder: BackupFolder, found: Findings) -> PlistSummary:
    """Read the three plists and add findings for what is wrong with them."""
    readable = {name: _read(folder, name, found) for name in ("Info.plist", "Manifest.plist", "Status.plist")}
    info, manifest, status = (readable[name] for name in ("Info.plist", "Manifest.plist", "Status.plist"))
    state = folder.snapshot_state if status is not None else ""
    if status is not None and state != "finished":
        found.add(BackupUnfinished(folder.path, state))
    lockdown = (manifest or {}).get("Lockdown")
    lockdown = lockdown if isinstance(lockdown, dict) else {}
    _compare_udids(info or {}, lockdown, found)
    for key in ("UniqueDeviceID", "ProductVersion"):
        if _is_too_long(lockdown.get(key)):
            found.add(damage.PlistOdd("Manifest.plist", f"Lockdown {key}", needed=False))
    return PlistSummary(
        udid=folder.udid,
        ios_version=folder.ios_version,
        encrypted=_check_encryption(folder, manifest, found),
        snapshot_state=state,
    )


def _compare_udids(info: dict[str, object], lockdown: dict[str, object], found: Findings) -> None:
    """Info.plist spells a UDID in capitals (facts 3.4). Versions may differ if the phone was updated between
    backups."""
    by_phone = lockdown.get("UniqueDeviceID")
    by_host = [info.get(key) for key in ("Target Identifier", "Unique Identifier")]
    if isinstance(by_phone, str) and any(
        isinstance(udid, str) and udid.lower() != by_phone.lower() for udid in by_host if udid
    ):
        found.add(damage.PlistsDisagree("UDID"))


def _is_too_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_TEXT


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
        if key not in plist or (isinstance(plist[key], kind) and not _is_too_long(plist[key])):
            continue
        if kind is not bool:
            found.add(damage.PlistOdd(name, key, needed=key in _NEEDED[name]))
        elif parse_boolean(plist[key]) is None:  # 0, 1 and "true" are unusual but clear
            found.add(damage.PlistOdd(name, key, needed=True))
    return plist


def _check_encryption(folder: BackupFolder, manifest: dict[str, object] | None, found: Findings) -> bool | None:
    """Whether the backup is encrypted. Manifest.plist and the first bytes of Manifest.db must agree."""
    has_plain_header = folder.has_plain_header
    value = parse_boolean((manifest or {}).get("IsEncrypted"))
    if value is None:
        return None if has_plain_header is None else not has_plain_header
    if has_plain_header is not None and value == has_plain_header and not folder.has_plain_list:
        found.add(damage.MarkedEncryptedButPlain() if value else damage.MarkedPlainButEncrypted())
    _check_keybag((manifest or {}).get("BackupKeyBag"), found, needed=value)
    if value:
        for key in (
            ("BackupKeyBag",) if folder.has_plain_list or has_plain_header is None else ("BackupKeyBag", "ManifestKey")
        ):
            if key not in (manifest or {}):
                found.add(damage.PlistIncomplete("Manifest.plist", key))
    return value


def _check_keybag(bag: object, found: Findings, *, needed: bool) -> None:
    try:
        if isinstance(bag, bytes) and (bag or needed):
            Keybag.from_bytes(bag)
    except KeybagUnreadable as problem:
        found.add(KeybagUnreadable(problem.reason, needed))
