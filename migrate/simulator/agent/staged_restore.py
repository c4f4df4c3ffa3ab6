"""A received restore: invisible until the phone restarts, then merged with the phone's files (facts 4.8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from migrate.simulator.agent.backup_apps import app_from_backup, lenient_plist, user_apps
from migrate.simulator.agent.memory import memory_of
from migrate.simulator.agent.rows.staged_rows import AT_RESTART, LATER, StagedRows
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.app import App
from migrate.simulator.device.domains import (
    NEVER_BACKED_UP,
    NEVER_MIGRATED,
    REMOVED_BY_RESTORE,
    RESTORED_IN_BACKGROUND,
    app_container,
    is_covered,
)
from migrate.simulator.device.filesystem import Filesystem, Node
from migrate.simulator.device.phone import SimulatedPhone

RESTORE_APPLICATIONS = "/iTunesRestore/RestoreApplications.plist"


@dataclass
class ReceivedRestore:
    """A received restore, applied at the restart.

    In `replaced_domains` everything is deleted that the restore does not bring; None means in all domains
    (RemoveItemsNotRestored).
    """

    rows: StagedRows = field(repr=False)
    replaced_domains: Collection[str] | None
    applications: Mapping[str, Any] = field(repr=False)  # of the backup's Manifest.plist
    backup_password: str | None = field(repr=False)
    spool: Spool = field(repr=False)

    @property
    def nodes(self) -> Iterator[Node]:
        """The nodes of the restore, parents before children."""
        return (node for _, node in self.rows.nodes())

    @property
    def removes_unrestored(self) -> bool:
        return self.replaced_domains is None

    @property
    def runs_setup(self) -> bool:
        """Whether Setup Assistant runs afterwards: always with RemoveItemsNotRestored. REPORTED: also after iOS 27 has
        replaced two domains (facts 4.2)."""
        return self.replaced_domains is None or bool(self.replaced_domains)

    def apply(self, phone: SimulatedPhone) -> None:
        """Applies the restore: removes files, places the restored ones, and schedules the background part."""
        self._remove_what_was_not_restored(phone.files)
        has_background_part = self.rows.postpone(partial(_is_restored_in_background, phone))
        _place(phone, self.rows, AT_RESTART)
        memory_of(phone).spools.append(self.spool)
        apps = self._apps_to_install(phone)
        if self.removes_unrestored:
            for bundle_id in [one.bundle_id for one in phone.apps.values() if not one.system]:
                if bundle_id not in self.applications:
                    del phone.apps[bundle_id]
            if self.backup_password is not None:
                phone.backup_password = self.backup_password  # REPORTED: restored from an encrypted backup
        phone.afc_files.pop(RESTORE_APPLICATIONS, None)
        if phone.assume.apps_arrive == "at-restart":
            phone.apps.update(apps)
            apps = {}
        if has_background_part or apps:
            phone.add_background_restore(lambda: _finish_background_restore(phone, self.rows, apps))

    def _remove_what_was_not_restored(self, files: Filesystem) -> None:
        """Removes files that were not restored. Paths that no backup holds stay, except those in REMOVED_BY_RESTORE."""

        def stays(node: Node) -> bool:
            where = (node.domain, node.relative_path)
            if where in self.rows:
                return True
            never_restored = is_covered(NEVER_BACKED_UP, *where) or is_covered(NEVER_MIGRATED, *where)
            return never_restored and not is_covered(REMOVED_BY_RESTORE, *where)

        for domain in files.domains():
            if self.replaced_domains is None or domain in self.replaced_domains:
                files.retain(domain, stays)

    def _apps_to_install(self, phone: SimulatedPhone) -> dict[str, App]:
        """The backup's apps that are not installed. Those in the host's RestoreApplications.plist come from the App
        Store, others stay placeholders. Without RemoveItemsNotRestored only if `assume.store_installs` says so."""
        listed = lenient_plist(phone.afc_files.get(RESTORE_APPLICATIONS, b""))
        wanted = user_apps(self.applications)
        if not self.removes_unrestored:
            wanted = [one for one in wanted if one in listed] if phone.assume.store_installs == "with-list" else []
        return {one: app_from_backup(one, self.applications, listed) for one in wanted if one not in phone.apps}


def empty_restore() -> ReceivedRestore:
    """A pending restore that changes nothing. Another restore is refused with 102 while it waits."""
    spool = Spool()
    return ReceivedRestore(StagedRows(spool, encrypted=False), frozenset(), {}, None, spool)


def _is_restored_in_background(phone: SimulatedPhone, domain: str, relative_path: str) -> bool:
    if app_container(domain) is not None:
        return phone.assume.apps_arrive == "later"
    return phone.assume.photos_arrive == "later" and is_covered(RESTORED_IN_BACKGROUND, domain, relative_path)


def _finish_background_restore(phone: SimulatedPhone, rows: StagedRows, apps: Mapping[str, App]) -> None:
    phone.apps.update(apps)
    _place(phone, rows, LATER)


def _place(phone: SimulatedPhone, rows: StagedRows, wave: int) -> None:
    """Places the nodes of one wave on the phone. On a phone that keeps digests, nodes that replace nothing stay in
    `rows` and are added lazily, so that a million of them need no memory."""
    lazily = phone.keeps == "digests"
    placed: list[int] = []
    for place, node in rows.nodes(wave):
        if lazily and phone.files.get(node.domain, node.relative_path) is None:
            continue
        _clear_path(phone.files, node)
        phone.files.put(node)
        placed.append(place)
    if lazily:
        rows.mark_placed(placed)
        for source in rows.lazy_nodes(wave):
            phone.files.add_lazy(source)


def _clear_path(files: Filesystem, node: Node) -> None:
    """Removes existing nodes of another kind at the path of a restored node or above it."""
    parts = node.relative_path.split("/")
    for count in range(1, len(parts)):
        above = files.get(node.domain, "/".join(parts[:count]))
        if above is not None and above.kind != "directory":
            files.remove(node.domain, above.relative_path)
    existing = files.get(node.domain, node.relative_path)
    if existing is not None and existing.kind != node.kind:
        files.remove(node.domain, node.relative_path, recursive=True)
