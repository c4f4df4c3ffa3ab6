"""Find the apps of a backup, and the groups and extensions of each.

    AppDomain-<bundle>         the app's own container
    AppDomainPlugin-<bundle>.* its extensions: iOS requires that an extension's id begins with its app's
    AppDomainGroup-<group>     shared by all apps entitled to it, which only the phone knows. `back_up` asks it and
                               keeps the answer in the seal; for other backups names are compared (app_groups.py)

Apple's built-in apps do not count as apps: their containers belong to the categories or to other-system. Apple's apps
from the App Store (Pages, GarageBand …) are apps like any other, because Info.plist lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.categories.app_groups import guess_owners, is_apple_identifier
from migrate.categories.catalogue import Catalogue, load_catalogue
from migrate.language import _
from migrate.plists import NotAPlist, load_plist

APP_DOMAIN = "AppDomain-"
GROUP_DOMAIN = "AppDomainGroup-"
PLUGIN_DOMAIN = "AppDomainPlugin-"

_METADATA_LIMIT_BYTES = 4 << 20  # iTunesMetadata is a few KiB; the limit is *guessed*
_TITLE_LIMIT = 80


@dataclass(frozen=True, kw_only=True)
class AppEntry:
    """One app. `groups` and `plugins` are those with a domain in this backup, without the `AppDomain…-` prefix."""

    id: str
    title: str
    version: str | None = None
    groups: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    """Bundle ids of the apps that use one of the same groups. Choosing this app also moves the shared data."""
    plugins: tuple[str, ...] = ()
    reinstallable: bool | None = None
    """Whether Info.plist has what the phone needs to download it again; None if Info.plist has no list of apps."""
    groups_guessed: bool = False
    """`groups` comes from comparing names, because the phone was not asked."""
    caveat: str | None = None

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain that can hold this app's data: its container, its groups, its extensions."""
        return (
            APP_DOMAIN + self.id,
            *(GROUP_DOMAIN + group for group in self.groups),
            *(PLUGIN_DOMAIN + plugin for plugin in self.plugins),
        )


@dataclass(frozen=True)
class _ListedApps:
    """The apps listed in Info.plist and Manifest.plist."""

    placeholders: Mapping[str, Any] | None  # Info.plist Applications
    installed: frozenset[str]  # Info.plist Installed Applications and Applications
    containers: Mapping[str, Any]  # Manifest.plist Applications: apps, and on some versions groups and extensions

    def has(self, bundle: str, domains: Collection[str]) -> bool:
        return bundle in self.installed or bundle in self.containers or APP_DOMAIN + bundle in domains


def find_apps(
    folder: BackupFolder,
    domains: Iterable[str],
    app_groups: Mapping[str, Collection[str]] | None,
    *,
    catalogue: Catalogue | None = None,
) -> dict[str, AppEntry]:
    """Every app of the backup by bundle id, including those without data.

    `domains` are the manifest's. `app_groups` (bundle -> groups) is the phone's answer from the seal, or None.

    Raises:
        What `folder` raises for a damaged property list.
    """
    catalogue = catalogue or load_catalogue()
    present = frozenset(domains)
    listed = _listed(folder.readable_info, folder.manifest_plist)
    bundles = _bundles(listed, present, catalogue)
    groups = _groups_by_app(bundles, present, app_groups or {}, catalogue)
    plugins = _plugins_by_app(bundles, present)
    users: dict[str, set[str]] = {}
    for bundle in bundles:
        for group in groups[bundle].names:
            users.setdefault(group, set()).add(bundle)
    return {
        bundle: _entry(
            bundle,
            listed,
            catalogue,
            groups=groups[bundle],
            plugins=tuple(sorted(plugins.get(bundle, ()))),
            shared_with={other for group in groups[bundle].names for other in users[group]} - {bundle},
        )
        for bundle in sorted(bundles)
    }


@dataclass
class _Groups:
    names: set[str] = field(default_factory=set)
    guessed: bool = False


def _listed(info: Mapping[str, Any] | None, manifest_plist: Mapping[str, Any] | None) -> _ListedApps:
    placeholders = (info or {}).get("Applications")
    placeholders = placeholders if isinstance(placeholders, Mapping) else None
    named = (info or {}).get("Installed Applications")
    named = named if isinstance(named, list) else []
    containers = (manifest_plist or {}).get("Applications")
    containers = containers if isinstance(containers, Mapping) else {}
    installed = {bundle for bundle in (*named, *(placeholders or ())) if isinstance(bundle, str) and bundle}
    return _ListedApps(placeholders, frozenset(installed), containers)


def _bundles(listed: _ListedApps, present: frozenset[str], catalogue: Catalogue) -> frozenset[str]:
    by_container = {
        key
        for key, entry in listed.containers.items()
        if isinstance(key, str) and key and _container_class(entry) in (None, "Data/Application")
    }
    by_domain = {domain.removeprefix(APP_DOMAIN) for domain in present if domain.startswith(APP_DOMAIN)}
    plugins = {domain.removeprefix(PLUGIN_DOMAIN) for domain in present if domain.startswith(PLUGIN_DOMAIN)}
    groups = {domain.removeprefix(GROUP_DOMAIN) for domain in present if domain.startswith(GROUP_DOMAIN)}
    # a key without a class may be anything; if it has the domain of a group or extension, it is one
    not_apps = {bundle for bundle in by_container - by_domain if bundle in plugins | groups}
    third_party = {bundle for bundle in (by_container - not_apps) | by_domain if not is_apple_identifier(bundle)}
    installed = {bundle for bundle in listed.installed if not catalogue.claims_domain(APP_DOMAIN + bundle)}
    return frozenset(third_party | installed) - {""}


def _container_class(entry: object) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    container_class = entry.get("ContainerContentClass")
    return container_class if isinstance(container_class, str) else None


def _groups_by_app(
    bundles: frozenset[str],
    present: frozenset[str],
    app_groups: Mapping[str, Collection[str]],
    catalogue: Catalogue,
) -> dict[str, _Groups]:
    """The phone's answer comes first; names are compared only for apps and groups that it does not mention."""
    in_backup = {
        domain.removeprefix(GROUP_DOMAIN)
        for domain in present
        if domain.startswith(GROUP_DOMAIN) and not catalogue.claims_domain(domain)
    }
    found = {bundle: _Groups() for bundle in bundles}
    assigned = set()
    for bundle, reported in app_groups.items():
        if bundle in found:
            found[bundle].names |= in_backup & set(reported)
            assigned |= found[bundle].names
    unreported = sorted(bundle for bundle in bundles if bundle not in app_groups)
    for group in sorted(in_backup - assigned):
        for bundle in guess_owners(group, unreported):
            found[bundle].names.add(group)
            found[bundle].guessed = True
    return found


def _plugins_by_app(bundles: frozenset[str], present: frozenset[str]) -> dict[str, set[str]]:
    """Each extension belongs to the app whose id is its longest prefix."""
    found: dict[str, set[str]] = {}
    for domain in present:
        if not domain.startswith(PLUGIN_DOMAIN):
            continue
        plugin = domain.removeprefix(PLUGIN_DOMAIN)
        labels = plugin.split(".")
        for length in range(len(labels) - 1, 0, -1):
            if (bundle := ".".join(labels[:length])) in bundles:
                found.setdefault(bundle, set()).add(plugin)
                break
    return found


def _entry(
    bundle: str,
    listed: _ListedApps,
    catalogue: Catalogue,
    *,
    groups: _Groups,
    plugins: tuple[str, ...],
    shared_with: set[str],
) -> AppEntry:
    placeholder = (listed.placeholders or {}).get(bundle)
    placeholder = placeholder if isinstance(placeholder, Mapping) else {}
    metadata = _metadata(placeholder.get("iTunesMetadata"))
    known = catalogue.known_app(bundle)
    container = listed.containers.get(bundle)
    version = _short_text(metadata.get("bundleShortVersionString"))
    if version is None and isinstance(container, Mapping):
        version = _short_text(container.get("CFBundleVersion"))
    title = _short_text(metadata.get("bundleDisplayName")) or _short_text(metadata.get("itemName"))
    return AppEntry(
        id=bundle,
        title=title or (_(known.title) if known else bundle),
        version=version,
        groups=tuple(sorted(groups.names)),
        shared_with=tuple(sorted(shared_with)),
        plugins=plugins,
        reinstallable=None
        if listed.placeholders is None
        else bool(placeholder.get("ApplicationSINF")) and bool(placeholder.get("iTunesMetadata")),
        groups_guessed=groups.guessed,
        caveat=_(known.caveat) if known and known.caveat else None,
    )


def _metadata(stored: object) -> Mapping[str, Any]:
    """The App Store's property list about an app; {} if it is missing or unreadable."""
    if isinstance(stored, bytes) and len(stored) <= _METADATA_LIMIT_BYTES:
        try:
            stored = load_plist(stored)
        except NotAPlist:
            return {}
    return stored if isinstance(stored, Mapping) else {}


def _short_text(value: object) -> str | None:
    """Untrusted text cut to one short printable line; None if nothing is left."""
    if not isinstance(value, str):
        return None
    return printable(value)[:_TITLE_LIMIT].strip() or None


def printable(text: str) -> str:
    """Untrusted text with every unprintable character replaced, because terminals obey control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
