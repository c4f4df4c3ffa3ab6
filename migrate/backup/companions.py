"""What SQLite keeps beside a database, and what a restore set sends of it.

    X-wal       holds the last writes. Sent as it is; a database without its own log may be an empty one
    X-journal   the same for databases in rollback mode
    X-shm       an index over the -wal, worth nothing without it

A phone in use has such files of its own beside the database that arrives. Merged into the wrong database they corrupt
it (REPORTED: facts 4.3), so every database is sent with all three: what the old backup has, and an empty file where it
has none. An empty -wal is a log without writes, an empty -journal a finished transaction, an empty -shm an index to be
built anew (*read*: https://www.sqlite.org/fileformat2.html and walformat.html). That a phone takes them is *guessed*.

The -shm is the delicate one. Hosts must never read with a foreign one (categories 1.3), and hand-made sets drop it
because they drop or merge the -wal it belongs to (facts 4.3). Here nothing is merged: a -shm goes as it is exactly when
the -wal it was saved with goes too, as in any restore by Finder, where iOS saves and restores the pair (categories
1.3). Left out it could not be: the new phone's own would stay. With any other -wal an empty one is sent. Either way
the first process to open the database finds nobody holding it and builds the index from the -wal (*read*: SQLite's
unixLockSharedMemory, which truncates an unlocked -shm).
"""

from __future__ import annotations

LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"

SUFFIXES = (LOG, INDEX, JOURNAL)  # the log first: whether the index may go depends on it

DATABASE_EXTENSIONS = (".db", ".sqlite", ".sqlite3", ".sqlitedb", ".storedata")
"""What iOS itself takes for a SQLite database by its name (*read*: MBDomain's expansion of its lists)."""

_NAMES = frozenset({"Recents", "MapsSync_0.0.1", "Login Data", "Web Data", "Top Sites"})
"""Databases whose name does not say so: Mail's recent addresses, Maps, and Chromium's stores."""


def is_database(relative_path: str) -> bool:
    """Whether the name is a database's. Its content is not asked: an empty file beside another thing does no harm."""
    return relative_path.endswith(DATABASE_EXTENSIONS) or relative_path.rpartition("/")[2] in _NAMES


def database_of(relative_path: str) -> str | None:
    """The database that a companion belongs to by its name; None where it is no companion."""
    database = without_suffix(relative_path)
    return database if database is not None and is_database(database) else None


def without_suffix(relative_path: str) -> str | None:
    """`sms.db-wal` -> `sms.db`; None where the name does not end as a companion's does."""
    return next((relative_path.removesuffix(suffix) for suffix in SUFFIXES if relative_path.endswith(suffix)), None)
