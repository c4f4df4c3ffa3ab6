"""Which records of a backup a phone restores, which it skips, and which make it refuse the backup (facts 4.1, 4.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from migrate.backup.record import Kind
from migrate.simulator.agent.manifest_plist import Properties
from migrate.simulator.agent.rows.host_rows import HostRow, HostRows
from migrate.simulator.device.domains import (
    ALWAYS_RESTORED,
    CARRIER_LINKS,
    NEVER_BACKED_UP,
    NEVER_MIGRATED,
    NEVER_RESTORED,
    AppContainer,
    app_container,
    is_allowed,
    is_covered,
)
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode, Restore

PATH_LIMIT_BYTES, NAME_LIMIT_BYTES = 1024, 255  # iOS's PATH_MAX and NAME_MAX


class AgentCrashed(Exception):
    """The real agent crashes here, so the connection ends without a Response (REPORTED)."""


class SkipReason(Enum):
    """Why a record is not restored. As on a real phone, the host is not told."""

    SYSTEM_FILE = "system files are not being restored"
    NEVER_BACKED_UP = "not in the allow-list"
    NEVER_RESTORED = "not to be restored"
    OTHER_PHONE = "never migrated to another phone"
    APP_NOT_RESTORED = "the app isn't being restored"


@dataclass(frozen=True)
class Policy:
    """How one restore selects records: from the request, the backup's properties and the phone."""

    system_files: bool
    same_phone: bool
    all_apps: bool  # RemoveItemsNotRestored: also restores apps that are not installed
    bundles: Collection[str]  # containers of installed apps: bundle, group and plugin ids
    only_apps: Collection[str] | None  # ApplicationIDs of the request
    known_paths_only: bool = False  # nothing outside the known part of the allow-lists
    carrier_links: bool = True

    def skip_reason(self, record: HostRow) -> SkipReason | None:
        where = (record.domain, record.relative_path)
        container = app_container(record.domain)
        if container is not None and not self._restores_app(container):
            return SkipReason.APP_NOT_RESTORED
        if container is None and not self.system_files and not _is_always_restored(record):
            return SkipReason.SYSTEM_FILE
        if is_covered(NEVER_BACKED_UP, *where) and not is_covered(ALWAYS_RESTORED, *where):
            return SkipReason.NEVER_BACKED_UP
        if "/" in record.domain or (self.known_paths_only and not is_allowed(*where)):
            return SkipReason.NEVER_BACKED_UP
        if is_covered(NEVER_RESTORED, *where) or (not self.carrier_links and is_covered(CARRIER_LINKS, *where)):
            return SkipReason.NEVER_RESTORED
        if not self.same_phone and is_covered(NEVER_MIGRATED, *where):
            return SkipReason.OTHER_PHONE
        return None

    def _restores_app(self, container: AppContainer) -> bool:
        wanted = self.only_apps is None or container.identifier in self.only_apps
        installed = container.identifier in self.bundles or ".apple." in f".{container.identifier}"
        return wanted and (self.all_apps or installed)


def policy_for(phone: SimulatedPhone, request: Restore, properties: Properties) -> Policy:
    source_class = properties.lockdown.get("DeviceClass")
    system_files = request.options.system_files
    if phone.behaviour.device_class_overrules and isinstance(source_class, str):
        # overrides the host's option: the same class means YES
        system_files = source_class == phone.device_class
    return Policy(
        system_files=system_files,
        same_phone=properties.lockdown.get("UniqueDeviceID") == phone.udid,
        all_apps=request.options.remove_items_not_restored,
        bundles=containers_of(phone, phone.apps),
        known_paths_only=phone.assume.unknown_paths == "left-out",
        carrier_links=phone.assume.carrier_links == "taken",
        only_apps=None if request.app_ids is None else {*request.app_ids, *containers_of(phone, request.app_ids)},
    )


def containers_of(phone: SimulatedPhone, bundle_ids: Iterable[str]) -> frozenset[str]:
    """The container ids of those apps that are installed: apps, groups and plug-ins."""
    apps = [phone.apps[bundle_id] for bundle_id in bundle_ids if bundle_id in phone.apps]
    return frozenset(name for app in apps for name in (app.bundle_id, *app.group_ids, *app.plugin_ids))


def select_records(rows: HostRows, policy: Policy) -> Iterator[HostRow]:
    """The rows to restore, parents first. Skips a row unless the backup has one for every directory above it
    ("renameatx ENOENT", REPORTED), even if the phone has those directories."""
    has_all_parents = rows.parent_checker()
    return (row for row in rows.by_path() if policy.skip_reason(row) is None and has_all_parents(row))


def check_rows(rows: HostRows, properties: Properties, *, slash_refused: bool = True) -> None:
    """Checks the rows that make a phone refuse the whole manifest.

    `slash_refused`: whether domain names with a slash are refused. If not, such rows are skipped here and never
    restored, because the simulator does not model the paths they lead to.

    Raises:
        MBError: CORRUPT or PATH_TOO_LONG.
        AgentCrashed: two rows have the same path (REPORTED).
    """
    duplicate = rows.first_duplicate()
    for number, record in enumerate(rows):
        if number == duplicate:
            raise AgentCrashed(f"two rows for {record.domain} {record.relative_path}")
        if "/" in record.domain and not slash_refused:
            continue
        _check_domain(record.domain, properties.applications)
        _check_path(record)
        if record.kind is Kind.FILE and properties.is_encrypted:
            _check_key(record)


def _check_domain(domain: str, applications: Mapping[str, Any]) -> None:
    if "/" in domain:
        raise MBError(MBErrorCode.CORRUPT, "Domain name cannot contain a slash", domain)  # REPORTED
    container = app_container(domain)
    if not domain or "\0" in domain or (container is not None and container.identifier not in applications):
        # REPORTED; a container's class: CONFIRMED(dec)
        raise MBError(MBErrorCode.CORRUPT, f"Unknown domain name: {domain}")


def _check_path(record: HostRow) -> None:
    path = record.relative_path
    parts = path.split("/") if path else []
    if {"", ".", ".."} & set(parts) or "\0" in path:
        raise MBError(MBErrorCode.CORRUPT, "Invalid relative path", path)
    if len(path.encode()) > PATH_LIMIT_BYTES or any(len(part.encode()) > NAME_LIMIT_BYTES for part in parts):
        raise MBError(MBErrorCode.PATH_TOO_LONG, "Path is too long", path)


def _check_key(record: HostRow) -> None:
    if record.encryption_key is None:
        raise MBError(MBErrorCode.CORRUPT, "No encryption key for file", record.relative_path)
    if int.from_bytes(record.encryption_key[:4], "little") != record.protection_class:
        text = "Encryption key is of another protection class"  # REPORTED
        raise MBError(MBErrorCode.CORRUPT, text, record.relative_path)


def _is_always_restored(record: HostRow) -> bool:
    """Whether a record, or a record below it, is restored even without system files."""
    if is_covered(ALWAYS_RESTORED, record.domain, record.relative_path):
        return True
    below = f"{record.relative_path}/" if record.relative_path else ""
    return record.kind is Kind.DIRECTORY and any(
        rule.startswith(below) for rule in ALWAYS_RESTORED.get(record.domain, ())
    )
