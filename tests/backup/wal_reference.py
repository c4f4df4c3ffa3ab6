"""A second, simpler way to apply a `-wal` to a database: in memory as a whole, to compare WalPages with."""

from __future__ import annotations

from migrate.backup.manifest.wal import SQLITE_MAGIC, committed_frames


def apply_wal(database: bytes, log: bytes) -> bytearray:
    """The database as SQLite would show it with this log beside it, its header in rollback mode."""
    pages = bytearray(database)
    for frame in committed_frames(lambda amount, offset: log[offset : offset + amount], len(log), len(database)):
        size = frame.page_bytes
        pages += bytes(max(0, frame.page_count * size - len(pages)))
        pages[(frame.page_number - 1) * size : frame.page_number * size] = log[frame.place : frame.place + size]
        del pages[frame.page_count * size :]
    if pages[: len(SQLITE_MAGIC)] == SQLITE_MAGIC and len(pages) > 19:
        pages[18:20] = b"\x01\x01"
    return pages
