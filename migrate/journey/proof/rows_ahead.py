"""The rows of a manifest by their file ids, read ahead in stored order.

Finding one row by its file id takes 25 us, and in a large manifest more, because its pages are in no order. Two phones
with the same files list them in much the same order (*seen* with backups of one iPhone only, *guessed* for two), so a
row is mostly found near the one before it. All together, the manifest is read once at most; what is not found like this
is looked up.
"""

from __future__ import annotations

from itertools import islice

from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.record import Kind

AHEAD = 256
"""Rows that are read in search of one."""
HELD = 2_048
"""Rows that are kept, about 1 KiB each."""


class RowsAhead:
    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._unread = manifest.rows(lambda bad: None)
        self._held: dict[str, Row] = {}

    def row(self, file_id: str, domain: str, relative_path: str) -> Row | None:
        """The row of one path, as `Manifest.row` finds it. Asked for once.

        Raises:
            BadRecord: it is damaged.
            BackupUnreadable: the manifest is.
        """
        held = self._held
        found = held.pop(file_id, None)
        if found is None:
            for row in islice(self._unread, AHEAD):
                if row.file_id == file_id:
                    found = row
                    break
                if row.flags & 7 != Kind.DIRECTORY:
                    held[row.file_id] = row
            while len(held) > HELD:
                del held[next(iter(held))]
        if found is not None and (found.domain, found.relative_path) == (domain, relative_path):
            return found
        return self._manifest.row(domain, relative_path)
