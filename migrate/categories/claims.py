"""Decide who owns a record: the categories' rules first, then the apps, and other-system for everything else.

The rules that apply to a domain are computed once per domain, because a manifest may have a million rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.backup.reader import Backup
from migrate.categories.apps import GROUP_DOMAIN, PLUGIN_DOMAIN, AppEntry, find_apps
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Catalogue, Rule, load_catalogue
from migrate.categories.globs import pattern

Owners = frozenset[str]

_THE_REST: Owners = frozenset({OTHER_SYSTEM})


@dataclass(frozen=True)
class _DomainClaims:
    """The rules for one domain in order of precedence, and one regular expression with a group for each of them."""

    rules: tuple[tuple[Rule, Owners], ...]
    regex: re.Pattern[str] | None
    shared: tuple[tuple[Rule, str], ...]
    apps: Owners
    known: re.Pattern[str] | None
    """The rules of other-system. They do not change the owner, but mean that the path is known."""

    def rule_for(self, relative_path: str) -> tuple[Rule, Owners] | None:
        match = self.regex.fullmatch(relative_path) if self.regex else None
        return self.rules[(match.lastindex or 0) - 1] if match else None


class Claims:
    """Which categories and apps own which paths of one backup."""

    def __init__(self, catalogue: Catalogue, apps: Mapping[str, AppEntry], *, ios_version: str | None = None) -> None:
        self.catalogue = catalogue
        self.apps = apps
        self._ios = _major(ios_version)
        self._by_domain: dict[str, _DomainClaims] = {}
        self._apps_by_domain: dict[str, set[str]] = {}
        for app in apps.values():
            for domain in app.domains:
                self._apps_by_domain.setdefault(domain, set()).add(APP_PREFIX + app.id)

    @classmethod
    def of(cls, backup: Backup, app_groups: Mapping[str, tuple[str, ...] | list[str]] | None = None) -> Claims:
        """The claims for an open backup. `app_groups` comes from its seal; None if the phone was not asked."""
        catalogue = load_catalogue()
        apps = find_apps(backup.folder, backup.manifest.domains(), app_groups, catalogue=catalogue)
        return cls(catalogue, apps, ios_version=backup.folder.ios_version)

    def owners(self, domain: str, relative_path: str) -> Owners:
        """The owners of a record, at least one: a category, or the app(s) as `app:<bundle>`, or other-system."""
        claims = self._domain_claims(domain)
        rule_and_owners = claims.rule_for(relative_path)
        found = rule_and_owners[1] if rule_and_owners else claims.apps or _THE_REST
        for rule, category in claims.shared:
            if rule.matches(relative_path):
                found |= {category}
        return found

    def owners_of_all(self, domain: str) -> Owners | None:
        """The owners of every record of a domain; None if they depend on the path."""
        claims = self._domain_claims(domain)
        return None if claims.regex or claims.shared else claims.apps or _THE_REST

    def is_unclaimed(self, domain: str, relative_path: str) -> bool:
        """Whether no rule and no app matches it. It then moves with other-system, and we do not know what it is."""
        if self.owners(domain, relative_path) != _THE_REST:
            return False
        known = self._domain_claims(domain).known
        return known is None or known.fullmatch(relative_path) is None

    def is_orphaned(self, domain: str) -> bool:
        """Whether it is a third-party group or extension whose app is not in the backup."""
        return domain.startswith((GROUP_DOMAIN, PLUGIN_DOMAIN)) and self._has_no_claims(self._domain_claims(domain))

    @staticmethod
    def _has_no_claims(claims: _DomainClaims) -> bool:
        return not (claims.rules or claims.shared or claims.apps or claims.known)

    def _domain_claims(self, domain: str) -> _DomainClaims:
        found = self._by_domain.get(domain)
        if found is None:
            found = self._by_domain[domain] = self._build_domain_claims(domain)
        return found

    def _build_domain_claims(self, domain: str) -> _DomainClaims:
        shared: list[tuple[Rule, str]] = []
        known: list[Rule] = []
        rules: list[tuple[int, Rule, Owners]] = []
        for category in self.catalogue.categories:
            for rule in category.rules:
                if not rule.is_about(domain) or not self._is_of_this_ios(rule):
                    continue
                if category.id == OTHER_SYSTEM:
                    known.append(rule)
                elif rule.shared:
                    shared.append((rule, category.id))
                else:
                    rules.append((rule.rest - rule.first, rule, frozenset({category.id})))
        rules.sort(key=lambda rule: rule[0])  # a stable sort keeps the order of the catalogue otherwise
        return _DomainClaims(
            rules=tuple((rule, owners) for _, rule, owners in rules),
            regex=pattern(f"({rule.regex})" for _, rule, _ in rules) if rules else None,
            shared=tuple(shared),
            apps=frozenset(self._apps_by_domain.get(domain, ())),
            known=pattern(rule.regex for rule in known) if known else None,
        )

    def _is_of_this_ios(self, rule: Rule) -> bool:
        return rule.up_to_ios is None or (self._ios is not None and self._ios <= rule.up_to_ios)


def _major(ios_version: str | None) -> int | None:
    """`12.5.7` -> 12; None if it is unknown or not a version."""
    first = (ios_version or "").split(".")[0]
    return int(first) if first.isdecimal() and len(first) <= 3 else None
