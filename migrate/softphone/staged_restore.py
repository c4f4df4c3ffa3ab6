"""A restore that has been received: invisible until the phone restarts, then merged into what is there (facts 4.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from migrate.softphone.agent_memory import memory_of
from migrate.softphone.app import App
from migrate.softphone.device import Softphone
from migrate.softphone.domains import NEVER_BACKED_UP, NEVER_MIGRATED, covered
from migrate.softphone.filesystem import Filesystem, Node
from migrate.softphone.spool import Spool
from migrate.softphone.status_plist import parse_plist
from migrate.wire.backup2 import MBError

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
        listed = _read_plist(phone.scratch.get(RESTORE_APPLICATIONS, b""))
        kept = {app.bundle_id: app for app in phone.apps.values() if app.system}
        for bundle_id, facts in self.applications.items():
            if bundle_id not in kept and ".apple." not in f".{bundle_id}" and _is_app(facts):
                kept[bundle_id] = phone.apps.get(bundle_id) or self._from_the_store(bundle_id, facts, listed)
        phone.apps.clear()
        phone.apps.update(kept)

    def _from_the_store(self, bundle_id: str, facts: Mapping[str, Any], listed: Mapping[str, Any]) -> App:
        """Which groups and plugins an app has is known to its store only: here the catalogue of the invented apps. Of
        any other app, containers of the backup whose name holds its bundle id are taken to be its own (*guessed*)."""
        from migrate.softphone.contents.apps import KNOWN  # late: only a replace needs it

        receipt = listed.get(bundle_id)
        icon = receipt.get("PlaceholderIcon") if isinstance(receipt, dict) else None
        metadata = _read_plist(_metadata_of(receipt))
        known = KNOWN.get(bundle_id)
        plugins = tuple(f"{bundle_id}.{name}" for name in known.plugins) if known else ()
        return App(
            bundle_id,
            name=str(metadata.get("itemName") or (known.name if known else bundle_id.rpartition(".")[2])),
            version=str(facts.get("CFBundleVersion", "1.0")),
            short_version=known.short_version if known else "1.0",
            group_ids=known.groups if known else self._containers_of(bundle_id, "Shared/AppGroup"),
            plugin_ids=plugins or self._containers_of(bundle_id, "Data/PluginKitPlugin"),
            has_sinf=receipt is not None,
            icon_png=icon if isinstance(icon, bytes) else b"",
        )

    def _containers_of(self, bundle_id: str, content_class: str) -> tuple[str, ...]:
        return tuple(
            identifier
            for identifier, facts in sorted(self.applications.items())
            if isinstance(facts, dict)
            and facts.get("ContainerContentClass") == content_class
            and bundle_id in identifier
        )


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


def _is_app(facts: object) -> bool:
    return isinstance(facts, dict) and facts.get("ContainerContentClass") == "Data/Application"


def _metadata_of(entry: object) -> bytes:
    metadata = entry.get("iTunesMetadata") if isinstance(entry, dict) else None
    return metadata if isinstance(metadata, bytes) else b""


def _read_plist(data: bytes) -> dict[str, Any]:
    """What a host left there, or nothing: a broken list never stops a restore (*guessed*)."""
    with suppress(MBError):
        return parse_plist(data)
    return {}
