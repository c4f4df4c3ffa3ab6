"""Which rows of a backup go into a restore set. Who chooses sees each row once, while the set is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from typing import Protocol

from migrate.backup.manifest.manifest import Manifest, Row
from migrate.problems import BadRecord


class Wanted(Protocol):
    """Chooses rows, one after the other."""

    def takes(self, row: Row, size: int | None) -> bool:
        """Whether a row is wanted."""
        ...

    def takes_bad(self, bad: BadRecord) -> bool:
        """Whether a row is wanted that is damaged. May raise anything that is to end the composition."""
        ...

    def missing(self, manifest: Manifest) -> Iterator[str]:
        """File ids that are wanted and have no row. Called when every row was seen; may raise as well."""
        ...


class WantedIds:
    """The rows with these file ids."""

    def __init__(self, file_ids: Collection[str]) -> None:
        self._ids: Set[str] = file_ids if isinstance(file_ids, Set) else frozenset(file_ids)
        self._found = 0

    def takes(self, row: Row, size: int | None) -> bool:
        return self._takes(row.file_id)

    def takes_bad(self, bad: BadRecord) -> bool:
        return self._takes(bad.file_id)

    def _takes(self, file_id: str) -> bool:
        is_wanted = file_id in self._ids
        self._found += is_wanted
        return is_wanted

    def missing(self, manifest: Manifest) -> Iterator[str]:
        if self._found >= len(self._ids):  # a row that is there twice was counted twice, so this may miss some
            return
        missing = set(self._ids)
        missing.difference_update(row.file_id for row in manifest.rows(lambda bad: missing.discard(bad.file_id)))
        yield from sorted(missing)
