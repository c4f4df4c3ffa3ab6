"""A received restore: invisible until the phone restarts, then merged with the phone's files (facts 4.8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from migrate.backup.crypto.keybag import ClassKeys
from migrate.simulator.aftermath.arrival import Arrivals
from migrate.simulator.aftermath.run import after_arrival, after_restart
from migrate.simulator.agent.backup_apps import app_from_backup, lenient_plist, user_apps
from migrate.simulator.agent.keychain.phone_keychain import DOMAIN, FILE, take_over_restored_keychain
from migrate.simulator.agent.memory import memory_of
from migrate.simulator.agent.rows.staged_rows import AT_RESTART, StagedRows
from migrate.simulator.agent.rules import containers_of
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.app import App
from migrate.simulator.device.domains import (
    NEVER_BACKED_UP,
    NEVER_MIGRATED,
    NEVER_RESTORED,
    REMOVED_BY_RESTORE,
    STAYS_IF_NOT_RESTORED,
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
    source_ios: tuple[int, ...] | None = None
    """The iOS version of the phone that the backup is from; None if the backup does not say."""
    item_keys: ClassKeys = field(default_factory=lambda: ClassKeys({}), repr=False)
    """The keys of the restored keychain's items, as far as this phone has them."""

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
        """Applies the restore: removes files, places the restored ones, schedules the background part, and lets the
        phone do what it does with restored files."""
        self._remove_what_was_not_restored(phone.files)
        apps = self._apps_to_install(phone)
        if self.removes_unrestored:
            for bundle_id in _user_apps_of(phone):
                del phone.apps[bundle_id]
        arrivals = Arrivals(phone, apps, containers_of(phone, phone.apps))
        waves = self.rows.postpone(arrivals.wave_of) | arrivals.waves_with_apps
        _place(phone, self.rows, AT_RESTART)
        self._restore_keychain(phone)
        memory_of(phone).spools.append(self.spool)
        if self.removes_unrestored and self.backup_password is not None:
            phone.backup_password = self.backup_password  # REPORTED: restored from an encrypted backup
        phone.afc_files.pop(RESTORE_APPLICATIONS, None)
        phone.apps.update(arrivals.apps_of(AT_RESTART))
        after_restart(phone, lambda domain, path: (domain, path) in self.rows, self.source_ios)
        for wave in sorted(waves):
            phone.add_background_restore(partial(_arrive, phone, self.rows, wave, arrivals.apps_of(wave)))
        arrivals.schedule(len(waves))

    def _restore_keychain(self, phone: SimulatedPhone) -> None:
        """Removes the phone's own items if the domain is replaced, and takes over those of the restore. Otherwise a
        restored item replaces the one with its key, and all others stay (*guessed*)."""
        if self.replaced_domains is None or DOMAIN in self.replaced_domains:
            phone.keychain.remove_all()
        if FILE in self.rows:
            take_over_restored_keychain(phone, self.item_keys)

    def _remove_what_was_not_restored(self, files: Filesystem) -> None:
        """Removes files that were not restored. Paths that no backup holds stay, except those in REMOVED_BY_RESTORE.

        Of the user's apps, nothing stays that the restore does not bring, not even what apps exclude from backups: the
        apps are installed again (*guessed* that they begin with empty containers).
        """

        def stays(node: Node) -> bool:
            where = (node.domain, node.relative_path)
            if where in self.rows:
                return True
            if self.removes_unrestored and _is_of_user_app(node.domain):
                return False
            stays = (NEVER_BACKED_UP, NEVER_MIGRATED, NEVER_RESTORED, STAYS_IF_NOT_RESTORED)
            return any(is_covered(rules, *where) for rules in stays) and not is_covered(REMOVED_BY_RESTORE, *where)

        for domain in files.domains():
            if self.replaced_domains is None or domain in self.replaced_domains:
                files.retain(domain, stays)

    def _apps_to_install(self, phone: SimulatedPhone) -> dict[str, App]:
        """The apps that the restore installs. Those in the host's RestoreApplications.plist come from the App Store,
        others stay placeholders.

        With RemoveItemsNotRestored these are all apps of the backup, also those that the phone has: the whole list is
        downloaded again (REPORTED, facts 4.5). Without it, those that are missing, if `assume.store_installs` says so.
        """
        listed = lenient_plist(phone.afc_files.get(RESTORE_APPLICATIONS, b""))
        wanted = [one for one in user_apps(self.applications) if one not in phone.assume.delisted_apps]
        if not self.removes_unrestored:
            missing = [one for one in wanted if one in listed and one not in phone.apps]
            wanted = missing if phone.assume.store_installs == "with-list" else []
        return {one: self._app(phone, one, listed) for one in wanted}

    def _app(self, phone: SimulatedPhone, bundle_id: str, listed: Mapping[str, Any]) -> App:
        installed = phone.apps.get(bundle_id)
        if installed is None:
            return app_from_backup(bundle_id, self.applications, listed)
        return replace(installed, has_sinf=bundle_id in listed)


def _user_apps_of(phone: SimulatedPhone) -> list[str]:
    return [app.bundle_id for app in phone.apps.values() if not app.system]


def _is_of_user_app(domain: str) -> bool:
    container = app_container(domain)
    return container is not None and ".apple." not in f".{container.identifier}"


def empty_restore() -> ReceivedRestore:
    """A pending restore that changes nothing. Another restore is refused with 102 while it waits."""
    spool = Spool()
    return ReceivedRestore(StagedRows(spool, encrypted=False), frozenset(), {}, None, spool)


def _arrive(phone: SimulatedPhone, rows: StagedRows, wave: int, apps: Mapping[str, App]) -> None:
    """Brings one wave of the background part."""
    domains = _place(phone, rows, wave)
    phone.apps.update(apps)
    after_arrival(phone, domains)


def _place(phone: SimulatedPhone, rows: StagedRows, wave: int) -> set[str]:
    """Places the nodes of one wave on the phone. Returns the domains of those that are stored there.

    On a phone that keeps digests, nodes that replace nothing stay in `rows` and are added lazily, so that a million of
    them need no memory.
    """
    lazily = phone.keeps == "digests"
    placed: list[int] = []
    domains: set[str] = set()

    def is_taken(domain: str, relative_path: str) -> bool:
        return phone.files.get(domain, relative_path) is not None

    for place, node in rows.nodes_in_the_place_of(is_taken, wave) if lazily else rows.nodes(wave):
        _clear_path(phone.files, node)
        phone.files.put(node)
        placed.append(place)
        domains.add(node.domain)
    if lazily:
        rows.mark_placed(placed)
        for source in rows.lazy_nodes(wave):
            phone.files.add_lazy(source)
    return domains


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
