"""How many photos a phone has, and how many originals are only in iCloud, from the catalogue of its photos alone."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from migrate.content.open_database import open_copy
from migrate.content.readers.photos import only_in_cloud_query


@dataclass(frozen=True)
class Originals:
    """The photos and videos of a library, without those in Recently Deleted."""

    photos: int
    only_in_icloud: int


def count_originals(catalogue: Path) -> Originals | None:
    """Count them in a private copy of `Photos.sqlite`. None: it cannot be read, or does not say where originals are."""
    try:
        with open_copy(catalogue) as database:
            assets, in_cloud = database.table("ZASSET", "ZGENERICASSET"), only_in_cloud_query(database)
            if assets is None or in_cloud is None or not assets.has("Z_PK", "ZTRASHEDSTATE"):
                return None
            counted = (
                f"SELECT COUNT(*), COUNT(r.ZASSET) FROM {assets.sql} a LEFT JOIN ({in_cloud}) r ON r.ZASSET = a.Z_PK"  # noqa: S608  quoted
                " WHERE a.ZTRASHEDSTATE IS NOT 1"
            )
            ((photos, only_in_icloud),) = database.rows(counted)
            return Originals(int(photos), int(only_in_icloud))
    except (sqlite3.Error, ValueError, OSError):
        return None
