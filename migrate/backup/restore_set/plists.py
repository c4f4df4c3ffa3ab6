"""The three plists of a restore set: a backup's own, pruned to what is sent (facts 3.4, 4.3).

What a phone checks stays as it was: keybag, manifest key, versions, and Lockdown (with a DeviceClass in it the phone
decides about system files by itself, facts 4.1). What neither this program nor its sources know stays too.
"""

from __future__ import annotations

import plistlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.plists import encode_plist
from migrate.problems import CannotCompose

_CONTAINERS = ("AppDomain-", "AppDomainGroup-", "AppDomainPlugin-")


@dataclass(frozen=True)
class SetPlists:
    """What the plists of a set are made of."""

    own: BackupFolder
    """The backup whose phone, keybag and versions the set has."""
    other: BackupFolder | None = None
    """The backup that other records come from: its apps are named beside the own ones."""
    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Keys of Manifest.plist that are others than in the backup; None takes one out."""

    def made(self, *, domains: Collection[str], apps: Collection[str]) -> dict[str, bytes]:
        """The plists by file name, in the order to write them: the status that says `finished` comes last.

        Raises:
            CannotCompose: a backup lacks one.
        """
        info, manifest, status = _read(self.own)
        others = _read(self.other)[:2] if self.other else ({}, {})
        changed = {key: value for key, value in {**manifest, **self.changes}.items() if value is not None}
        return {
            "Info.plist": encode_plist(_info(info, others[0], apps)),
            "Manifest.plist": _binary(_manifest(changed, others[1], domains, apps)),
            "Status.plist": _binary({**status, "BackupState": "new", "SnapshotState": "finished"}),
        }


def _read(folder: BackupFolder) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    info, manifest, status = folder.info, folder.manifest_plist, folder.status
    for name, plist in (("Info.plist", info), ("Manifest.plist", manifest), ("Status.plist", status)):
        if plist is None:
            raise CannotCompose(str(folder.path), f"{name} is missing")
    assert info is not None and manifest is not None and status is not None
    return info, manifest, status


def _info(info: dict[str, Any], others: dict[str, Any], apps: Collection[str]) -> dict[str, Any]:
    """Only the chosen apps are named, so that no other is installed (facts 4.5)."""
    pruned = dict(info)
    if isinstance(placeholders := _united(info, others, "Applications"), dict):
        pruned["Applications"] = {bundle: entry for bundle, entry in placeholders.items() if bundle in apps}
    if isinstance(installed := info.get("Installed Applications"), list):
        listed = others.get("Installed Applications")
        named = [
            bundle for bundle in (*installed, *(listed if isinstance(listed, list) else ())) if isinstance(bundle, str)
        ]
        pruned["Installed Applications"] = [bundle for bundle in dict.fromkeys(named) if bundle in apps]
    return pruned


def _manifest(
    manifest: dict[str, Any], others: dict[str, Any], domains: Collection[str], apps: Collection[str]
) -> dict[str, Any]:
    """`Applications` keeps the containers that are used and the apps to be installed.

    A container that is used and was not listed is not invented: the phone that made the backup left it out, and what it
    leaves out of a whole backup it does not miss in a part of it (INFERRED).
    """
    used = {domain.removeprefix(prefix) for domain in domains for prefix in _CONTAINERS if domain.startswith(prefix)}
    pruned = dict(manifest)
    if isinstance(containers := _united(manifest, others, "Applications"), dict):
        pruned["Applications"] = {
            identifier: entry for identifier, entry in containers.items() if identifier in used or identifier in apps
        }
    return pruned


def _united(own: dict[str, Any], others: dict[str, Any], key: str) -> Any:
    """What both say of their apps. Where both know one, the own word stands: it is the phone that takes the set."""
    found, other = own.get(key), others.get(key)
    if not isinstance(other, dict):
        return found
    return {**other, **found} if isinstance(found, dict) else other if found is None else found


def _binary(plist: dict[str, Any]) -> bytes:
    return plistlib.dumps(plist, fmt=plistlib.FMT_BINARY, sort_keys=False)
