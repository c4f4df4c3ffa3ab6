"""A place keeps one earlier state of one backup, hard-linked: unchanged files take no space a second time.

    <place>/<UDID>/            the backup, an ordinary backup folder that is named like its phone
    <place>/<UDID>.json        its seal
    <place>/protected.json     who still needs it; it must not be removed before

Two kinds of places exist: `runs/<id>/{old,safety,proof,…}`, which live as long as their run, and
`snapshots/<UDID>/<ISO time>`, which are removed by age. Since files are shared, nothing in a place is ever written in
place, and the order in which places are removed does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.links import link_or_copy, link_tree
from migrate.backup.private_files import FOLDER_MODE, write_atomically
from migrate.backup.seal import find_seal

PROTECTED = "protected.json"


@dataclass(frozen=True)
class Place:
    """One place. Blocking."""

    path: Path

    def keep(self, source: Path, seals: Path) -> Path:
        """Hard-link a backup and its seal (from `seals`) here, in place of what was kept here before.

        Returns:
            The kept backup.

        Raises:
            StrangeFileInBackup, DiskFullHere.
        """
        kept = self.path / source.name
        self.path.mkdir(exist_ok=True, parents=True, mode=FOLDER_MODE)
        link_tree(source, kept)
        udid = BackupFolder(source).udid
        while (beside := find_seal(self.path, udid)).exists():
            beside.unlink()
        seal = find_seal(seals, udid)
        if seal.exists():
            link_or_copy(seal, self.path / seal.name)
        return kept

    # -- protections ---------------------------------------------------------------------------------------------

    @property
    def has_been_protected(self) -> bool:
        """Whether it ever was. False also for places from before there were protections."""
        return (self.path / PROTECTED).exists()

    @property
    def protections(self) -> Mapping[str, str]:
        """Who needs this place -> what for. An unreadable list protects: `?`."""
        try:
            stored = json.loads((self.path / PROTECTED).read_text(encoding="utf-8"))
            return {str(owner): str(why) for owner, why in stored.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError):
            return {"?": "?"}

    def protect(self, owner: str, why: str) -> None:
        self._write({**self.protections, owner: why})

    def release(self, owner: str) -> None:
        """`owner` no longer needs it."""
        self._write({other: why for other, why in self.protections.items() if other != owner})

    def _write(self, protections: Mapping[str, str]) -> None:
        write_atomically(self.path / PROTECTED, (json.dumps(protections, ensure_ascii=False) + "\n").encode())
