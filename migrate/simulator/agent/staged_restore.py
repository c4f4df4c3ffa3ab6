"""A restore that has been received: invisible until the phone restarts, then merged into what is there (facts 4.8)."""

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
    """`replaced_domains`: domains of which nothing else stays; None: every domain of the phone (RemoveItemsNotRestored)."""

    rows: StagedRows = field(repr=False)
    replaced_domains: Collection[str] | None
    applications: Mapping[str, Any] = field(repr=False)  # of the backup's Manifest.plist
    backup_password: str | None = field(repr=False)
    spool: Spool = field(repr=False)

    @property
    def nodes(self) -> Iterator[Node]:
        """What will be there, parents before their children."""
        return (node for _, node in self.rows.nodes())

    @property
    def removes_unrestored(self) -> bool:
        return self.replaced_domains is None

    @property
    def runs_setup(self) -> bool:
        """After a replace always; that it runs after iOS 27 has replaced two domains is REPORTED (facts 4.2)."""
        return self.replaced_domains is None or bool(self.replaced_domains)

    def apply(self, phone: SimulatedPhone) -> None:
        """The restart: what must go goes, what was restored takes its place, at once or when it arrives."""
        self._remove_what_was_not_restored(phone.files)
        late = self.rows.postpone(partial(_is_restored_in_background, phone))
        _place(phone, self.rows, AT_RESTART)
        memory_of(phone).spools.append(self.spool)
        apps = self._apps_to_install(phone)
        if self.removes_unrestored:
            for bundle_id in [one.bundle_id for one in phone.apps.values() if not one.system]:
                if bundle_id not in self.applications:
                    del phone.apps[bundle_id]
            if self.backup_password is not None:
                phone.backup_password = self.backup_password  # REPORTED: it comes with an encrypted backup
        phone.afc_files.pop(RESTORE_APPLICATIONS, None)
        if phone.assume.apps_arrive == "at-restart":
            phone.apps.update(apps)
            apps = {}
        if late or apps:
            phone.add_background_restore(lambda: _finish_background_restore(phone, self.rows, apps))

    def _remove_what_was_not_restored(self, files: Filesystem) -> None:
        """What is never in a backup stays, and so do the directories above it; a few such paths go nevertheless."""

        def stays(node: Node) -> bool:
            where = (node.domain, node.relative_path)
            if where in self.rows:
                return True
            never_here = is_covered(NEVER_BACKED_UP, *where) or is_covered(NEVER_MIGRATED, *where)
            return never_here and not is_covered(REMOVED_BY_RESTORE, *where)

        for domain in files.domains():
            if self.replaced_domains is None or domain in self.replaced_domains:
                files.retain(domain, stays)

    def _apps_to_install(self, phone: SimulatedPhone) -> dict[str, App]:
        """The backup's apps that the phone lacks: those a host listed in RestoreApplications.plist come from the App
        Store, others stay placeholders. Only a replace brings them, unless the list is assumed to be enough."""
        listed = lenient_plist(phone.afc_files.get(RESTORE_APPLICATIONS, b""))
        wanted = user_apps(self.applications)
        if not self.removes_unrestored:
            wanted = [one for one in wanted if one in listed] if phone.assume.store_installs == "with-list" else []
        return {one: app_from_backup(one, self.applications, listed) for one in wanted if one not in phone.apps}


def empty_restore() -> ReceivedRestore:
    """A restore that changes nothing and still waits for the restart, so that the next one is refused with 102."""
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
    """A phone that keeps digests lays down what meets nothing where it goes: a million rows stay where they are."""
    lays_down = phone.keeps == "digests"
    placed: list[int] = []
    for place, node in rows.nodes(wave):
        if lays_down and phone.files.get(node.domain, node.relative_path) is None:
            continue
        _clear_path(phone.files, node)
        phone.files.put(node)
        placed.append(place)
    if lays_down:
        rows.mark_placed(placed)
        for many in rows.lazy_nodes(wave):
            phone.files.add_lazy(many)


def _clear_path(files: Filesystem, node: Node) -> None:
    """Takes away what stands where a restored node goes, where the kinds clash."""
    parts = node.relative_path.split("/")
    for count in range(1, len(parts)):
        above = files.get(node.domain, "/".join(parts[:count]))
        if above is not None and above.kind != "directory":
            files.remove(node.domain, above.relative_path)
    existing = files.get(node.domain, node.relative_path)
    if existing is not None and existing.kind != node.kind:
        files.remove(node.domain, node.relative_path, recursive=True)
