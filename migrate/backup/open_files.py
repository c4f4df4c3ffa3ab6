"""How many folders of a backup may be held open."""

from __future__ import annotations

import sys
from contextlib import suppress

WANTED = 1_024
"""Enough for the 256 shards of a backup and those of the one that arrives. macOS allows a process 256 open files until
it asks for more."""


def open_folders_allowed(most: int) -> int:
    """How many folders may be held open: at most `most`, and half of the files that this process may open."""
    if sys.platform == "win32":
        return most
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < WANTED:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED if hard < 0 else min(WANTED, hard), hard))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft < 0 else min(most, soft // 2)
