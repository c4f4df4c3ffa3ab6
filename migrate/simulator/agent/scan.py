"""The nodes of an APFS snapshot that belong in a backup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from migrate.simulator.agent.consistent_copies import ConsistentCopies, Replacements
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.domains import (
    ALLOWED,
    CARRIER_LINKS,
    NEVER_BACKED_UP,
    ONLY_ENCRYPTED,
    Rules,
    is_allowed,
    matchers_for,
)
from migrate.simulator.device.filesystem import Filesystem, Node

NODES_BETWEEN_LINK_CHECKS = 1_000


class Scan:
    """What a backup of `files` takes. Every iteration yields the same nodes in the same order."""

    def __init__(
        self,
        files: Filesystem,
        assume: Assumptions,
        copies: ConsistentCopies,
        *,
        encrypted: bool,
        check_link: Callable[[], None],
    ) -> None:
        """`check_link` is called now and then, because a million nodes take minutes; it raises if the cable is gone."""
        self._files = files
        self._check_link = check_link
        self._known_only = assume.unknown_paths == "left-out"
        self._left_out: tuple[Rules, ...] = (
            NEVER_BACKED_UP,
            *(() if encrypted else (ONLY_ENCRYPTED,)),
            *((CARRIER_LINKS,) if assume.carrier_links == "left-out" else ()),
        )
        self._matchers: dict[str, tuple[re.Pattern[str], ...]] = {}
        self._replacements = copies.of(files, self._belongs) if assume.databases == "consistent" else Replacements()

    def __iter__(self) -> Iterator[Node]:
        copies, companions = self._replacements.copies, self._replacements.left_out
        replaced = self._replacements.domains
        for number, node in enumerate(self._files.walk()):
            if number % NODES_BETWEEN_LINK_CHECKS == 0:
                self._check_link()
            if not self._belongs(node):
                continue
            if node.domain in replaced:
                place = (node.domain, node.relative_path)
                if place not in companions:
                    yield copies.get(place, node)
            else:
                yield node

    def _belongs(self, node: Node) -> bool:
        domain, path = node.domain, node.relative_path
        matchers = self._matchers.get(domain)
        if matchers is None:
            matchers = self._matchers[domain] = matchers_for(domain, *self._left_out)
        for matcher in matchers:
            if matcher.fullmatch(path) is not None:
                return False
        return not (self._known_only and domain in ALLOWED and not is_allowed(domain, path))
