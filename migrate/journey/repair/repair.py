"""Heal: a damaged backup made whole again, from the phone where it is there.

    [1] verify says which records are damaged
    [2] a clone out of hard links, with everything but those: no row in its manifest, no stored file
    [3] the phone backs itself up onto the clone and sends what is missing there; or, as its agent may decide, a full
        backup (INFERRED: no public report of either, facts 2.3 step 4)
    [4] verify the clone
    [5] only a whole one takes the place of the original (healing_place.py)

Without the phone [3] is left out: what was damaged is gone from the backup, and the backup as it was stays beside it.
So it does where the phone no longer has a file that was damaged here. The original is never written to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from migrate.backup.companions import SUFFIXES, is_database
from migrate.backup.folder import MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder, find_backup
from migrate.backup.manifest.open import Manifest
from migrate.backup.private_files import DISK_FULL, FOLDER_MODE
from migrate.backup.record import file_id
from migrate.backup.verify.run import Verdict, verify
from migrate.journey.repair.clone import clone_without
from migrate.journey.repair.workspace import RepairNote, RepairWorkspace, backup_stamp, workspaces_to_recover
from migrate.problems import (
    BackupUnfinished,
    BackupUnreadable,
    CannotRepairHere,
    CannotRepairWithoutPhone,
    DatabaseNotRepaired,
    DiskFullHere,
    FileNotRepaired,
    RepairNeedsRoom,
)
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress
from migrate.units import now_utc

T = TypeVar("T")

Answer = Literal["nothing", "fetched", "full", "without-phone"]
NOTHING: Answer = "nothing"
FETCHED: Answer = "fetched"
FULL: Answer = "full"
WITHOUT_PHONE: Answer = "without-phone"

HEADROOM_BYTES = 0x8000000
"""What a phone wants beside all that it sends, or it refuses with 105 (facts 2.3 step 7)."""


class Fetched(NamedTuple):
    """Stored files that came from the phone, and their bytes."""

    files: int
    bytes: int


NOT_FETCHED = Fetched(0, 0)


class Phone(Protocol):
    """The phone that a backup is of, as much of it as healing needs."""

    def find(self, udid: str, damaged: int) -> str:
        """Its UDID as it spells it itself. Raises where it is not there; `damaged` records wait for it."""

    def back_up(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        """Back it up onto `folder`, whose name is its UDID. Raises what a save raises."""


class WithPassword(Protocol):
    """Does work with a backup's password, which is asked for if need be."""

    def __call__(self, folder: BackupFolder, work: Callable[[str | None], T]) -> T: ...


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A record that was damaged, and whether the healed backup has it again."""

    file_id: str
    domain: str
    relative_path: str
    code: str  # of the finding that condemned it
    came_back: bool

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class RepairResult:
    """What came of it. `verdict` is that of the backup which is in its place now, its findings with those of healing;
    where healing failed, that of the clone, which is gone."""

    verdict: Verdict
    answer: Answer
    in_place: bool
    """Whether what lies in the backup's place is what `verdict` speaks of."""
    dropped: tuple[Dropped, ...] = ()
    fetched: Fetched = NOT_FETCHED
    kept: Path | None = None
    """Where the backup as it was lies now; None: it is where it was, or removed."""

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code

    def as_json(self) -> dict[str, Any]:
        return {
            **self.verdict.as_json(),
            "answer": self.answer,
            "in_place": self.in_place,
            "dropped": [record.as_json() for record in self.dropped],
            "fetched": {"files": self.fetched.files, "bytes": self.fetched.bytes},
            "kept": str(self.kept) if self.kept else None,
        }


def _no_progress(step: str) -> AbstractContextManager[Progress]:
    return nullcontext(no_progress)


def _no_lock(name: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(kw_only=True)
class Repair:
    """One healing. Blocking; one process at a time (the caller holds the backup)."""

    path: Path
    seals: Path
    phone: Phone | None
    """None: it is gone, do without."""
    with_password: WithPassword
    lock_backup: Callable[[str], AbstractContextManager[None]] = _no_lock
    """Holds the backup of that name, so that no save and no other healing changes it meanwhile."""
    telling: Callable[[str], AbstractContextManager[Progress]] = _no_progress
    clock: Callable[[], datetime] = now_utc
    place: RepairWorkspace = field(init=False)

    def run(self) -> RepairResult:
        """Heal the backup at `path`.

        Raises:
            BackupNotFound, PasswordMissing, WrongPassword; BackupUnfinished: a save goes on with that one.
            CannotRepairWithoutPhone: what is damaged is not a record, so that only the phone can help.
            RepairNeedsRoom, DiskFullHere, CannotRepairHere: this computer's disk.
            What `phone.find` and `phone.save` raise; the clone stays then, and the next attempt goes on with it.
        """
        self._settle(self.path.resolve())
        original = find_backup(self.path).resolve()
        self._settle(original)
        with self.lock_backup(original.name):
            return self._examine(original)

    def _settle(self, path: Path) -> None:
        for place in workspaces_to_recover(path):
            with self.lock_backup(place.original.name), _translate_disk_errors(place.folder):
                place.recover(self.seals, clock=self.clock())

    # -- [1] ---------------------------------------------------------------------------------------------------------

    def _examine(self, original: Path) -> RepairResult:
        self.place = RepairWorkspace(original)
        with self.telling("check") as progress:
            before = self._verified(BackupFolder(original), self.seals, progress)
        if before.verdict == "whole":
            with _translate_disk_errors(self.place.folder):
                self.place.clear()
            return RepairResult(verdict=before, answer=NOTHING, in_place=True)
        if any(finding.code == BackupUnfinished.code for finding in before.findings):
            raise BackupUnfinished(original, BackupFolder(original).snapshot_state)
        defects = _damaged_records(before)
        if self.phone is None:
            _refuse_other_defects(before)
            defects |= self._companions(BackupFolder(original), defects)
            udid = before.udid
        else:
            udid = self.phone.find(before.udid, len(defects))
        with _translate_disk_errors(self.place.folder):
            note = self._clone(original, udid, defects, before)
        return self._repair(original, note, defects, before)

    def _verified(self, folder: BackupFolder, seals: Path, progress: Progress) -> Verdict:
        return self.with_password(
            folder, lambda password: verify(folder.path, password, seals=seals, progress=progress)
        )

    def _companions(self, folder: BackupFolder, defects: dict[str, Finding]) -> dict[str, Finding]:
        """What lies beside a damaged database is worth nothing without it, and harms the one it is put beside."""
        beside: dict[str, Finding] = {}
        for defect in defects.values():
            path = defect.relative_path or ""
            if is_database(path):
                for suffix in SUFFIXES:
                    name = file_id(defect.domain or "", path + suffix)
                    beside[name] = _beside(defect, path + suffix, name)
        there = self.with_password(folder, lambda password: _file_ids(folder, password, beside.keys() - defects.keys()))
        return {name: beside[name] for name in sorted(there)}

    # -- [2] ---------------------------------------------------------------------------------------------------------

    def _clone(self, original: Path, udid: str, defects: dict[str, Finding], before: Verdict) -> RepairNote:
        """The clone without the damaged records: the one that an earlier attempt left, if it is of this very backup."""
        folder = BackupFolder(original)
        note = self.place.note
        wanted = RepairNote(udid=udid, stamp=backup_stamp(folder), dropped=tuple(sorted(defects)))
        if note is not None and replace(note, keep_as=None, brings_seal=False) == wanted:
            return note
        self.place.clear()
        self._require_space(original, before)
        try:
            self._build(folder, udid, defects, before)
        except BaseException:
            self.place.clear()
            raise
        self.place.note = wanted
        return wanted

    def _build(self, folder: BackupFolder, udid: str, defects: dict[str, Finding], before: Verdict) -> None:
        with self.telling("repair") as progress:
            clone = self.place.begin(udid)
            self.place.copy_seal(self.seals, udid)
            if before.verdict == "unreadable":  # there is nothing to keep: the phone sends all of it
                clone.mkdir(mode=FOLDER_MODE)
                return
            fresh = any(finding.code == "manifest-faulty" for finding in before.findings)
            about: dict[str, Any] = {"fresh": fresh, "total": before.bytes, "progress": progress}
            self.with_password(folder, lambda password: clone_without(folder, password, clone, defects.keys(), **about))

    def _require_space(self, original: Path, before: Verdict) -> None:
        """Room for the worst case: the phone sends all of it, and where links can't be made, all is copied too."""
        stored = before.bytes if before.bytes is not None else _bytes_in(original)
        manifest = BackupFolder(original).manifest
        needed, reason = manifest.stat().st_size if manifest.is_file() else 0, "its list of files is written anew"
        if not _can_link(original, self.place):
            needed, reason = needed + stored, "this disk cannot share files by links"
        if self.phone is not None:
            needed, reason = needed + stored + HEADROOM_BYTES, "the phone may answer with a full backup"
        free = shutil.disk_usage(original.parent).free
        if free < needed:
            raise RepairNeedsRoom(str(original), needed, free, reason)

    # -- [3] [4] [5] -------------------------------------------------------------------------------------------------

    def _repair(self, original: Path, note: RepairNote, defects: dict[str, Finding], before: Verdict) -> RepairResult:
        clone = self.place.clone(note.udid)
        noticed = self.phone.back_up(clone, self.place.seals) if self.phone is not None else ()
        with self.telling("check") as progress:
            after = self._verified(BackupFolder(clone), self.place.seals, progress)
        dropped = self._fates(clone, defects)
        lost = [record for record in dropped if not record.came_back]
        own = [_not_repaired(defects[record.file_id], with_phone=self.phone is not None) for record in lost]
        answer, fetched = _answered(original, clone) if self.phone is not None else (WITHOUT_PHONE, NOT_FETCHED)
        repaired = RepairResult(
            verdict=replace(after, backup=original, findings=(*after.findings, *noticed, *own)),
            answer=answer,
            in_place=after.verdict == "whole",
            dropped=dropped,
            fetched=fetched,
        )
        with _translate_disk_errors(self.place.folder):
            if after.verdict != "whole":
                self.place.clear()
                return repaired
            try:
                kept = self.place.swap_in(note, keep=bool(lost), seals=self.seals, clock=self.clock())
            except KeyboardInterrupt:  # in the middle of the two renames: to the end, then stop
                self.place.recover(self.seals, clock=self.clock())
                raise
        return replace(repaired, kept=kept)

    def _fates(self, clone: Path, defects: dict[str, Finding]) -> tuple[Dropped, ...]:
        there = self.with_password(
            BackupFolder(clone), lambda password: _file_ids(BackupFolder(clone), password, defects)
        )
        return tuple(
            Dropped(
                file_id=name,
                domain=defect.domain or "",
                relative_path=defect.relative_path or "",
                code=defect.code,
                came_back=name in there,
            )
            for name, defect in defects.items()
        )


def _damaged_records(before: Verdict) -> dict[str, Finding]:
    """The records that are damaged, by file id."""
    errors = (finding for finding in before.findings if finding.severity == "error")
    return {finding.file_id: finding for finding in errors if finding.file_id}


def _refuse_other_defects(before: Verdict) -> None:
    """Raises CannotRepairWithoutPhone, BackupUnreadable: dropping records does not help this backup."""
    others = [one for one in before.findings if one.severity == "error" and not one.file_id and one.code not in _CURED]
    if before.verdict == "unreadable":
        raise BackupUnreadable(before.backup, "Manifest.db", others[0].why if others else "it cannot be opened")
    if others:
        raise CannotRepairWithoutPhone(str(before.backup), others[0].what, len(others))


def _not_repaired(defect: Finding, *, with_phone: bool) -> Finding:
    problem = FileNotRepaired(
        domain=defect.domain or "",
        relative_path=defect.relative_path or "",
        file_id=defect.file_id or "",
        damage=f"{defect.what} {defect.why}",
        with_phone=with_phone,
        categories=defect.categories,
    )
    return replace(problem.as_finding(), domain=defect.domain, relative_path=defect.relative_path)


def _beside(defect: Finding, path: str, name: str) -> Finding:
    """The finding for a file beside a damaged database, `name` its file id."""
    return DatabaseNotRepaired(
        domain=defect.domain or "",
        relative_path=path,
        file_id=name,
        database=defect.relative_path or "",
        categories=defect.categories,
    ).as_finding()


_CURED = frozenset({"entry-strange"})
"""Wounds of the folder that a clone has not: it holds only what the manifest names."""


def _file_ids(folder: BackupFolder, password: str | None, asked: Collection[str]) -> frozenset[str]:
    """Those of the file ids that the backup has a row for."""
    with Manifest.open(folder, password) as manifest:
        return frozenset(row.file_id for row in manifest.rows(lambda bad: None) if row.file_id in asked)


def _answered(original: Path, clone: Path) -> tuple[Answer, Fetched]:
    """What the phone did: sent what was missing, or everything anew. A stored file that stayed has the date it had
    (links share it, copies keep it), and one that arrived has not."""
    stayed = files = size = 0
    for path in clone.glob("[0-9a-f][0-9a-f]/*"):
        now = path.stat()
        try:
            was = (original / path.relative_to(clone)).stat().st_mtime_ns
        except OSError:
            was = None
        if now.st_mtime_ns == was:
            stayed += 1
        else:
            files, size = files + 1, size + now.st_size
    return FETCHED if stayed else FULL, Fetched(files, size)


# -- the disk --------------------------------------------------------------------------------------------------------


def _can_link(original: Path, place: RepairWorkspace) -> bool:
    """Whether hard links can be made beside the backup, by making one."""
    probe = place.folder.with_name(f"{place.folder.name}-probe")
    for name in (*PLIST_LIMIT_BYTES, *MANIFESTS):
        if (original / name).is_file():
            probe.unlink(missing_ok=True)
            try:
                os.link(original / name, probe, follow_symlinks=False)
            except (OSError, NotImplementedError):
                return False
            finally:
                probe.unlink(missing_ok=True)
            return True
    return False


def _bytes_in(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


@contextmanager
def _translate_disk_errors(folder: Path) -> Iterator[None]:
    """For work on the disk alone: its OSErrors become errors a person can meet."""
    try:
        yield
    except OSError as problem:
        message = problem.strerror or type(problem).__name__
        if problem.errno in DISK_FULL:
            raise DiskFullHere(str(folder), message) from problem
        raise CannotRepairHere(str(folder.parent), message) from problem
