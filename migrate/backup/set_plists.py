"""The three plists of a restore set: the old backup's own, pruned to what is sent (facts 3.4, 4.3).

What a phone checks stays as it was: keybag, manifest key, versions, and Lockdown (with a DeviceClass in it the phone
decides about system files by itself, facts 4.1). What neither this program nor its sources know stays too.
"""

from __future__ import annotations

import plistlib
from collections.abc import Collection
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.plists import plist_bytes
from migrate.errors import CannotCompose

_CONTAINERS = ("AppDomain-", "AppDomainGroup-", "AppDomainPlugin-")


def set_plists(folder: BackupFolder, *, domains: Collection[str], apps: Collection[str]) -> dict[str, bytes]:
    """The plists by file name, in the order to write them: the status that says `finished` comes last.

    Raises:
        CannotCompose: the old backup lacks one.
    """
    info, manifest, status = folder.info, folder.manifest_plist, folder.status
    for name, plist in (("Info.plist", info), ("Manifest.plist", manifest), ("Status.plist", status)):
        if plist is None:
            raise CannotCompose(str(folder.path), f"{name} is missing")
    assert info is not None and manifest is not None and status is not None
    return {
        "Info.plist": plist_bytes(_info(info, apps)),
        "Manifest.plist": _binary(_manifest(manifest, domains, apps)),
        "Status.plist": _binary({**status, "BackupState": "new", "SnapshotState": "finished"}),
    }


def _info(info: dict[str, Any], apps: Collection[str]) -> dict[str, Any]:
    """Only the chosen apps are named, so that no other is installed (facts 4.5)."""
    pruned = dict(info)
    if isinstance(placeholders := info.get("Applications"), dict):
        pruned["Applications"] = {bundle: entry for bundle, entry in placeholders.items() if bundle in apps}
    if isinstance(installed := info.get("Installed Applications"), list):
        named = (bundle for bundle in installed if isinstance(bundle, str))
        pruned["Installed Applications"] = [bundle for bundle in named if bundle in apps]
    return pruned


def _manifest(manifest: dict[str, Any], domains: Collection[str], apps: Collection[str]) -> dict[str, Any]:
    """`Applications` keeps the containers that are used and the apps to be installed.

    A container that is used and was not listed is not invented: the phone that made the backup left it out, and what it
    leaves out of a whole backup it does not miss in a part of it (INFERRED).
    """
    used = {domain.removeprefix(prefix) for domain in domains for prefix in _CONTAINERS if domain.startswith(prefix)}
    pruned = dict(manifest)
    if isinstance(containers := manifest.get("Applications"), dict):
        pruned["Applications"] = {
            identifier: entry for identifier, entry in containers.items() if identifier in used or identifier in apps
        }
    return pruned


def _binary(plist: dict[str, Any]) -> bytes:
    return plistlib.dumps(plist, fmt=plistlib.FMT_BINARY, sort_keys=False)
