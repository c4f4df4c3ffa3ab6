"""Where a backup is repaired: a folder beside it, and how the repaired one takes its place.

    .<name>.healing/healing.json      written when the clone is complete; without it nothing here counts
    .<name>.healing/clone/<UDID>/     the new backup; a phone may put other folders beside it
    .<name>.healing/seals/            its seal
    .<name>.healing/before/           the original, once it was moved out of its place

It takes two renames and a clean-up. The process may be killed at any point: `recover` finishes or clears what it finds.

    before   clone   in its place     killed …                             so
    no       –       the original     before the first rename              it stays; the next attempt uses the clone
    yes      yes     nothing          between the two renames              the clone moves in
    yes      no      repaired         after the second                     seal; put aside or remove the original
    yes      no      nothing          (the clone was deleted)              the original goes back
    yes      yes     another one      between, and a new backup was begun  both stay: the original is put aside
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.links import link_or_copy
from migrate.backup.private_files import FOLDER_MODE, sync_folder, write_atomically
from migrate.backup.safe_path import inside
from migrate.backup.seal import find_seal, stored_seal, write_seal
from migrate.problems import MigrateError, SealDamaged

FORMAT = 1
NOTE_LIMIT_BYTES = 64 << 20
_SUFFIX = ".healing"


@dataclass(frozen=True, kw_only=True)
class RepairNote:
    """What healing.json says."""

    udid: str
    stamp: tuple[str, str]
    """Status.plist's UUID and date of the damaged backup: a clone of another backup is useless."""
    dropped: tuple[str, ...]
    """File ids that the clone was made without."""
    keep_as: str | None = None
    """The folder name for the original afterwards; None: it is removed."""
    brings_seal: bool = False
    """Whether the seal in `seals` replaces the one in the home folder."""


class RepairWorkspace:
    """The folder beside one backup. It exists only while that backup is repaired."""

    def __init__(self, original: Path) -> None:
        self.original = original
        self.folder = original.with_name(f".{original.name}{_SUFFIX}")
        self.seals = self.folder / "seals"
        self.before = self.folder / "before"
        self._note = self.folder / "healing.json"

    @property
    def note(self) -> RepairNote | None:
        """None: there is no complete clone."""
        try:
            with self._note.open("rb") as file:
                stored: Any = json.loads(file.read(NOTE_LIMIT_BYTES))
            if stored.pop("format") != FORMAT:
                return None
            return RepairNote(**{**stored, "stamp": tuple(stored["stamp"]), "dropped": tuple(stored["dropped"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    @note.setter
    def note(self, note: RepairNote) -> None:
        write_atomically(self._note, json.dumps({"format": FORMAT, **asdict(note)}).encode())

    def clone(self, udid: str) -> Path:
        """Raises UnsafeName: the UDID cannot be the name of a folder."""
        return inside(self.folder / "clone", udid)

    def begin(self, udid: str) -> Path:
        """Create an empty workspace, removing what an earlier attempt left. Returns where the clone goes."""
        self.clear()
        for folder in (self.folder, self.folder / "clone", self.seals):
            folder.mkdir(mode=FOLDER_MODE)
        return self.clone(udid)

    def copy_seal(self, seals: Path, udid: str) -> None:
        """Copy the original's seal, as the base of the clone's."""
        source = find_seal(seals, udid)
        if source.is_file():
            link_or_copy(source, inside(self.seals, source.name))

    def clear(self) -> None:
        """Remove everything of this attempt. Never called while the original lies here."""
        if self.before.exists():
            raise ValueError(f"{self.before} is the backup itself")
        if self.folder.exists():
            self._note.unlink(missing_ok=True)  # first: half a clone must not count as one
            shutil.rmtree(self.folder)

    # -- the clone takes the place -----------------------------------------------------------------------------------

    def swap_in(self, note: RepairNote, *, keep: bool, seals: Path, clock: datetime) -> Path | None:
        """Make the clone the backup. Returns where the original lies now; None: it was removed."""
        keep_as = self._free_name(clock) if keep else None
        self.note = replace(note, keep_as=keep_as, brings_seal=self._may_replace_seal(note, seals))
        sync_folder(self.folder)
        self.original.rename(self.before)
        self._move_in(note.udid)
        self._clean_up(seals)
        return self.original.with_name(keep_as) if keep_as else None

    def recover(self, seals: Path, *, clock: datetime) -> bool:
        """Finish or clear what a killed attempt left (see the table above). True: the swap was finished."""
        if not self.before.exists():
            if self.folder.exists() and (self.note is None or not self.original.exists()):
                self.clear()  # half a clone, or one of a backup that was deleted
            return False
        note = self.note
        clone = self.clone(note.udid) if note else None
        if note is None or clone is None or (not clone.exists() and not self.original.exists()):
            if not self.original.exists():
                self.before.rename(self.original)
            else:
                self.before.rename(self.original.with_name(self._free_name(clock)))
            sync_folder(self.original.parent)
            self.clear()
            return False
        if clone.exists() and self.original.exists():
            self.note = replace(note, keep_as=self._free_name(clock), brings_seal=False)
        elif clone.exists():
            self._move_in(note.udid)
        self._clean_up(seals)
        return True

    def _move_in(self, udid: str) -> None:
        self.clone(udid).rename(self.original)
        sync_folder(self.original.parent)
        sync_folder(self.folder)

    def _clean_up(self, seals: Path) -> None:
        note = self.note
        assert note is not None
        if note.brings_seal:
            self._bring_seal(note.udid, seals)
        if note.keep_as is not None and self.before.exists():
            self.before.rename(self.original.with_name(note.keep_as))
            sync_folder(self.original.parent)
        if self.before.exists():
            shutil.rmtree(self.before)
        self.clear()

    def _bring_seal(self, udid: str, seals: Path) -> None:
        with suppress(SealDamaged):
            if (seal := stored_seal(self.seals, udid)) is not None:
                seals.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                write_seal(seals, udid, seal)  # home may lie on another disk
                find_seal(self.seals, udid).unlink()

    def _may_replace_seal(self, note: RepairNote, seals: Path) -> bool:
        """Whether the seal in the home folder is of this backup; one of another backup stays."""
        if not find_seal(self.seals, note.udid).exists():
            return False
        try:
            there = stored_seal(seals, note.udid)
        except SealDamaged:
            return True
        return there is None or (there.uuid, str(there.date)) == note.stamp

    def _free_name(self, clock: datetime) -> str:
        """`<name>-20260102-030405`, as Finder and phones name a backup that was put aside (facts 2.3)."""
        name = f"{self.original.name}-{clock:%Y%m%d-%H%M%S}"
        number = 2
        while os.path.lexists(self.original.with_name(name)):
            name = f"{self.original.name}-{clock:%Y%m%d-%H%M%S}-{number}"
            number += 1
        return name


def workspaces_to_recover(path: Path) -> list[RepairWorkspace]:
    """The workspaces of the backup at `path`, and those of the folders in it."""
    found = [RepairWorkspace(path)] if path.name else []
    with suppress(OSError):
        for entry in sorted(path.iterdir()):
            if entry.name.startswith(".") and entry.name.endswith(_SUFFIX):
                found.append(RepairWorkspace(path / entry.name[1 : -len(_SUFFIX)]))
    return [place for place in found if place.folder.is_dir()]


def backup_stamp(folder: BackupFolder) -> tuple[str, str]:
    """What tells one state of a backup from the next; ("", "") if no plist says."""
    try:
        return (folder.status_uuid or "", str(folder.status_date or ""))
    except MigrateError:
        return ("", "")
