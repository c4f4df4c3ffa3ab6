"""Which records of a backup a phone puts back, and which it drops: the filters of a restore (facts 4.1, 4.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from migrate.backup.record import Kind, Record
from migrate.simulator.agent.manifest_plist import Properties
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.device.domains import (
    ALWAYS_RESTORED,
    NEVER_BACKED_UP,
    NEVER_MIGRATED,
    AppContainer,
    app_container,
    is_allowed,
    is_covered,
)
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode, Restore

PATH_LIMIT_BYTES, NAME_LIMIT_BYTES = 1024, 255  # iOS's PATH_MAX and NAME_MAX


class AgentCrashed(Exception):
    """A real agent does not survive this: the connection ends without a Response (REPORTED)."""


class SkipReason(Enum):
    """Why a record of the backup does not arrive. Nothing of it reaches the host, as on a real phone."""

    SYSTEM_FILE = "system files are not being restored"
    NEVER_BACKED_UP = "not in the allow-list"
    OTHER_PHONE = "not to migrate to another phone"
    APP_NOT_RESTORED = "the app isn't being restored"


@dataclass(frozen=True)
class Policy:
    """How one restore treats records: from the request, the backup's properties and the phone."""

    system_files: bool
    same_phone: bool
    all_apps: bool  # RemoveItemsNotRestored: apps that are not installed are brought along
    bundles: Collection[str]  # containers of installed apps: bundle, group and plugin ids
    only_apps: Collection[str] | None  # ApplicationIDs of the request
    known_paths_only: bool = False  # nothing outside the known part of the allow-lists

    def skip_reason(self, record: Record) -> SkipReason | None:
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
        # the host's wish is overwritten: the same class means YES
        system_files = source_class == phone.device_class
    return Policy(
        system_files=system_files,
        same_phone=properties.lockdown.get("UniqueDeviceID") == phone.udid,
        all_apps=request.options.remove_items_not_restored,
        bundles=containers_of(phone, phone.apps),
        known_paths_only=phone.assume.unknown_paths == "left-out",
        only_apps=None if request.app_ids is None else {*request.app_ids, *containers_of(phone, request.app_ids)},
    )


def containers_of(phone: SimulatedPhone, bundle_ids: Iterable[str]) -> frozenset[str]:
    """The apps of these that are installed, with their groups and plugins."""
    apps = [phone.apps[bundle_id] for bundle_id in bundle_ids if bundle_id in phone.apps]
    return frozenset(name for app in apps for name in (app.bundle_id, *app.group_ids, *app.plugin_ids))


def select_records(rows: HostRows, policy: Policy) -> Iterator[tuple[Record, bytes]]:
    """What arrives, with its archive, parents first. A record whose directory rows are not all in the backup is skipped
    ("renameatx ENOENT", REPORTED), whatever lies on the phone already."""
    has_all_parents = rows.parent_checker()
    return (
        (record, archive)
        for record, archive in rows.by_path()
        if policy.skip_reason(record) is None and has_all_parents(record)
    )


def check_rows(rows: HostRows, properties: Properties, *, slash_refused: bool = True) -> None:
    """What makes a phone refuse the whole manifest. `slash_refused`: domain names with a slash too; where they are not,
    such rows are never restored here, because where they lead out to is nobody's business to play.

    Raises:
        MBError: CORRUPT or PATH_TOO_LONG.
        AgentDied: the same path twice (REPORTED).
    """
    twin = rows.first_duplicate()
    for number, record in enumerate(rows):
        if number == twin:
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
        raise MBError(
            MBErrorCode.CORRUPT, f"Unknown domain name: {domain}"
        )  # REPORTED; a container's class: CONFIRMED(dec)


def _check_path(record: Record) -> None:
    path = record.relative_path
    parts = path.split("/") if path else []
    if {"", ".", ".."} & set(parts) or "\0" in path:
        raise MBError(MBErrorCode.CORRUPT, "Invalid relative path", path)
    if len(path.encode()) > PATH_LIMIT_BYTES or any(len(part.encode()) > NAME_LIMIT_BYTES for part in parts):
        raise MBError(MBErrorCode.PATH_TOO_LONG, "Path is too long", path)


def _check_key(record: Record) -> None:
    if record.encryption_key is None:
        raise MBError(MBErrorCode.CORRUPT, "No encryption key for file", record.relative_path)
    if int.from_bytes(record.encryption_key[:4], "little") != record.protection_class:
        raise MBError(
            MBErrorCode.CORRUPT, "Encryption key is of another protection class", record.relative_path
        )  # REPORTED


def _is_always_restored(record: Record) -> bool:
    """A file that is restored without system files too, or a directory above one."""
    if is_covered(ALWAYS_RESTORED, record.domain, record.relative_path):
        return True
    below = f"{record.relative_path}/" if record.relative_path else ""
    return record.kind is Kind.DIRECTORY and any(
        rule.startswith(below) for rule in ALWAYS_RESTORED.get(record.domain, ())
    )
