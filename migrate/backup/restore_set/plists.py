"""The three plists of a restore set: a backup's own, reduced to what is sent (facts 3.4, 4.3).

What a phone checks is unchanged: keybag, manifest key, versions, and Lockdown (if it has a DeviceClass, the phone
decides about system files, facts 4.1). Keys that neither this program nor its sources know are unchanged too.
"""

from __future__ import annotations

import plistlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.plists import encode_plist
from migrate.problems import CannotCompose

_CONTAINERS = ("AppDomain-", "AppDomainGroup-", "AppDomainPlugin-")


@dataclass(frozen=True)
class SetPlists:
    """Makes the plists of a set."""

    own: BackupFolder
    """The backup that gives the set its phone, keybag and versions."""
    other: BackupFolder | None = None
    """The backup that other records come from; its apps are listed too."""
    keeps_own_apps: bool = False
    """Every app and container of `own` stays listed: the phone is to become again what it was."""
    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Changes to the backup's Manifest.plist; None removes a key."""

    def made(self, *, domains: Collection[str], apps: Collection[str]) -> dict[str, bytes]:
        """The plists by file name, in the order to write them: Status.plist, which says `finished`, comes last.

        Raises:
            CannotCompose: a backup lacks one of them.
        """
        info, manifest, status = _read(self.own)
        others = _read(self.other)[:2] if self.other else ({}, {})
        changed = {key: value for key, value in {**manifest, **self.changes}.items() if value is not None}
        listed = {*apps, *_listed(info, manifest)} if self.keeps_own_apps else apps
        return {
            "Info.plist": encode_plist(_info(info, others[0], listed)),
            "Manifest.plist": _binary(_manifest(changed, others[1], domains, listed)),
            "Status.plist": _binary({**status, "BackupState": "new", "SnapshotState": "finished"}),
        }


def _read(folder: BackupFolder) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    info, manifest, status = folder.info, folder.manifest_plist, folder.status
    for name, plist in (("Info.plist", info), ("Manifest.plist", manifest), ("Status.plist", status)):
        if plist is None:
            raise CannotCompose(str(folder.path), f"{name} is missing")
    assert info is not None and manifest is not None and status is not None
    return info, manifest, status


def _listed(info: dict[str, Any], manifest: dict[str, Any]) -> Iterator[str]:
    """The apps and containers that a backup lists anywhere."""
    for found in (info.get("Applications"), info.get("Installed Applications"), manifest.get("Applications")):
        if isinstance(found, (dict, list)):
            yield from (name for name in found if isinstance(name, str))


def _info(info: dict[str, Any], others: dict[str, Any], apps: Collection[str]) -> dict[str, Any]:
    """Only `apps` are listed, so that no other is installed (facts 4.5)."""
    pruned = dict(info)
    if isinstance(placeholders := _merged(info, others, "Applications"), dict):
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
    """`Applications` keeps the containers in use and `apps`.

    A container in use that the backup does not list is not added: if the phone leaves it out of a whole backup, it does
    not need it in a part of one (INFERRED).
    """
    used = {domain.removeprefix(prefix) for domain in domains for prefix in _CONTAINERS if domain.startswith(prefix)}
    pruned = dict(manifest)
    if isinstance(containers := _merged(manifest, others, "Applications"), dict):
        pruned["Applications"] = {
            identifier: entry for identifier, entry in containers.items() if identifier in used or identifier in apps
        }
    return pruned


def _merged(own: dict[str, Any], others: dict[str, Any], key: str) -> Any:
    """The apps of both plists. Where both have one, the entry of `own` counts, the phone that receives the set."""
    found, other = own.get(key), others.get(key)
    if not isinstance(other, dict):
        return found
    return {**other, **found} if isinstance(found, dict) else other if found is None else found


def _binary(plist: dict[str, Any]) -> bytes:
    return plistlib.dumps(plist, fmt=plistlib.FMT_BINARY, sort_keys=False)
