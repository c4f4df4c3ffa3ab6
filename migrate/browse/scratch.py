"""A scratch database that nobody else can open and that no killed process leaves behind."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from pathlib import Path

_CACHE_KIB = 4096


class Scratch:
    """A database in `tmp` (0600). Close it.

    Its name is removed as soon as SQLite has opened it; Windows cannot do that, and removes it when it is closed or,
    after a crash, at the next start of the program.
    """

    def __init__(self, tmp: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="index-", dir=tmp)  # mkstemp makes it 0600
        os.close(handle)
        self._path = Path(name)
        self.connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "temp_store = MEMORY"):
            self.connection.execute(f"PRAGMA {setting}").fetchall()
        self.connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self.connection.execute("CREATE TABLE opened(it)")  # SQLite opens the file when it first needs it
        if sys.platform != "win32":
            self._path.unlink()

    def close(self) -> None:
        self.connection.close()
        self._path.unlink(missing_ok=True)
