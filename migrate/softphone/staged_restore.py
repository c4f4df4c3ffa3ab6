"""A restore that has been received: invisible until the phone restarts, then merged into what is there (facts 4.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.softphone.agent_memory import memory_of
from migrate.softphone.app_store import app_of, lenient_plist, persons_apps
from migrate.softphone.device import Softphone
from migrate.softphone.domains import NEVER_BACKED_UP, NEVER_MIGRATED, covered
from migrate.softphone.filesystem import Filesystem, Node
from migrate.softphone.spool import Spool

RESTORE_APPLICATIONS = "/iTunesRestore/RestoreApplications.plist"


@dataclass
class Staged:
    """`exact`: domains of which nothing else stays; None: every domain of the phone (RemoveItemsNotRestored)."""

    nodes: Sequence[Node] = field(repr=False)
    exact: Collection[str] | None
    applications: Mapping[str, Any] = field(repr=False)  # of the backup's Manifest.plist
    backup_password: str | None = field(repr=False)
    spool: Spool = field(repr=False)

    @property
    def was_replace(self) -> bool:
        return self.exact is None

    def apply(self, phone: Softphone) -> None:
        """The restart: what must go goes, what was restored takes its place."""
        self._remove_what_was_not_restored(phone.files)
        for node in self.nodes:
            _make_room(phone.files, node)
            phone.files.put(node)
        memory = memory_of(phone)
        memory.spools.append(self.spool)
        if self.was_replace:
            self._install_apps(phone)
            if self.backup_password is not None:
                phone.backup_password = self.backup_password  # REPORTED: it comes with an encrypted backup
        phone.scratch.pop(RESTORE_APPLICATIONS, None)

    def _remove_what_was_not_restored(self, files: Filesystem) -> None:
        """What is never in a backup stays, and so do the directories above it."""
        restored = {(node.domain, node.relative_path) for node in self.nodes}

        def stays(node: Node) -> bool:
            where = (node.domain, node.relative_path)
            return where in restored or covered(NEVER_BACKED_UP, *where) or covered(NEVER_MIGRATED, *where)

        for domain in files.domains():
            if self.exact is None or domain in self.exact:
                files.retain(domain, stays)

    def _install_apps(self, phone: Softphone) -> None:
        """The backup's apps take the place of the phone's: those a host listed in RestoreApplications.plist come from
        the App Store, others stay placeholders."""
        listed = lenient_plist(phone.scratch.get(RESTORE_APPLICATIONS, b""))
        kept = {app.bundle_id: app for app in phone.apps.values() if app.system}
        for bundle_id in persons_apps(self.applications):
            if bundle_id not in kept:
                kept[bundle_id] = phone.apps.get(bundle_id) or app_of(bundle_id, self.applications, listed)
        phone.apps.clear()
        phone.apps.update(kept)


def _make_room(files: Filesystem, node: Node) -> None:
    """Takes away what stands where a restored node goes, where the kinds clash."""
    parts = node.relative_path.split("/")
    for count in range(1, len(parts)):
        above = files.get(node.domain, "/".join(parts[:count]))
        if above is not None and above.kind != "directory":
            files.remove(node.domain, above.relative_path)
    there = files.get(node.domain, node.relative_path)
    if there is not None and there.kind != node.kind:
        files.remove(node.domain, node.relative_path, recursive=True)
