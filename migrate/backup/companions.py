"""The files that SQLite keeps beside a database, and how a restore set sends them.

    X-wal       the last writes. Sent unchanged; without its log, a database may be empty
    X-journal   the same for databases in rollback mode
    X-shm       an index of the -wal, useless without it

A phone in use has its own companions beside the database that arrives. Merged into another database they corrupt it
(REPORTED: facts 4.3), so every database is sent with all three: those of the old backup, and an empty file for each
that is missing. An empty -wal is a log without writes, an empty -journal a finished transaction, an empty -shm an index
to rebuild (*read*: https://www.sqlite.org/fileformat2.html and walformat.html). That a phone accepts them is *guessed*.

The -shm needs care. Hosts must never read with a foreign one (categories 1.3), and hand-made sets drop it because they
drop or merge its -wal (facts 4.3). Here nothing is merged: a -shm is sent unchanged only together with its own -wal, as
in any restore by Finder, where iOS backs up and restores the pair (categories 1.3). Otherwise an empty one is sent; if
it were left out, the new phone's own would stay. In both cases the first process that opens the database finds it
unlocked and rebuilds the index from the -wal (*read*: SQLite's unixLockSharedMemory, which truncates an unlocked -shm).
"""

from __future__ import annotations

LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"

SUFFIXES = (LOG, INDEX, JOURNAL)  # the log first: whether the index can be sent depends on it

DATABASE_EXTENSIONS = (".db", ".sqlite", ".sqlite3", ".sqlitedb", ".storedata")
"""The extensions by which iOS itself recognizes a SQLite database (*read*: MBDomain's expansion of its lists)."""

_NAMES = frozenset({"Recents", "MapsSync_0.0.1", "Login Data", "Web Data", "Top Sites"})
"""Databases without such an extension: Mail's recent addresses, Maps, and Chromium's stores."""


def is_database(relative_path: str) -> bool:
    """Whether the name is a database's. The content is not checked: an empty companion beside another file is
    harmless."""
    return relative_path.endswith(DATABASE_EXTENSIONS) or relative_path.rpartition("/")[2] in _NAMES


def database_of(relative_path: str) -> str | None:
    """The path of the database that a companion belongs to; None where it is not a companion."""
    database = without_suffix(relative_path)
    return database if database is not None and is_database(database) else None


def without_suffix(relative_path: str) -> str | None:
    """`sms.db-wal` -> `sms.db`; None where the name does not end in a companion's suffix."""
    return next((relative_path.removesuffix(suffix) for suffix in SUFFIXES if relative_path.endswith(suffix)), None)
