"""The note that an extraction leaves in its folder until it has finished, so that the same command can continue it.

    <to>/.migrate-extract.json      {"backup": …, "state": …, "tokens": […]}

While the note is there, the files that the extraction would write and that exist already are its own, complete ones:
each was given its name when it was complete. They are compared, not written again. Unfinished files are called
`.<token>-<file id>.part`; those of a killed extraction are removed by the next one.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.extract.names import PROBE
from migrate.backup.folder import BackupFolder
from migrate.backup.private_files import write_atomically
from migrate.problems import BackupUnreadable

NOTE = ".migrate-extract.json"
_LIMIT_BYTES = 64 << 10
_TOKEN = re.compile(r"[0-9a-f]{8}")


@dataclass
class Unfinished:
    """The note of one folder. `tokens` are those of the extractions that began it and did not finish."""

    to: Path
    backup: str
    state: str
    tokens: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: BackupFolder, to: Path) -> Unfinished:
        """The note for extracting from `folder` into `to`; with tokens if one of the same backup is there."""
        note = cls(to, folder.udid, _state(folder))
        with suppress(OSError, ValueError, KeyError, TypeError):
            with open_regular_file(to / NOTE) as file:
                found = json.loads(file.read(_LIMIT_BYTES))
            if (found["backup"], found["state"]) == (note.backup, note.state):
                note.tokens = [token for token in found["tokens"] if _TOKEN.fullmatch(token)]
        return note

    @property
    def is_continued(self) -> bool:
        return bool(self.tokens)

    def begin(self, token: str) -> None:
        """Remove what killed extractions left, and write the note. Raises OSError."""
        if self.is_continued:
            self._remove_parts()
        self.tokens.append(token)
        content = {"backup": self.backup, "state": self.state, "tokens": self.tokens[-100:]}
        write_atomically(self.to / NOTE, json.dumps(content).encode())

    def finish(self) -> None:
        with suppress(OSError):
            (self.to / NOTE).unlink()

    def _remove_parts(self) -> None:
        parts = re.compile(rf"\.(?:{'|'.join(self.tokens)})-[0-9a-f]{{40}}\.part|{PROBE}")
        for folder, _folders, names in os.walk(self.to):  # does not follow links
            for name in names:
                if parts.fullmatch(name):
                    with suppress(OSError):
                        Path(folder, name).unlink()


def _state(folder: BackupFolder) -> str:
    """Which of a phone's backups it is."""
    try:
        return f"{folder.status_uuid} {folder.status_date}"
    except BackupUnreadable:
        return ""
