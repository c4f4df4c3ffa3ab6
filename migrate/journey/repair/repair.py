"""Repair a damaged backup, with the help of its phone if it is connected.

    [1] verify names the damaged records
    [2] a clone out of hard links, with everything but those: no row in its manifest, no stored file
    [3] the phone backs itself up onto the clone and sends what is missing there; or, as its agent may decide, a full
        backup (INFERRED: no public report of either, facts 2.3 step 4)
    [4] verify the clone
    [5] only a whole clone takes the place of the original (workspace.py)

Without the phone [3] is left out: the damaged records are gone from the backup, and the original stays beside it. It
also stays where the phone no longer has a file that was damaged here. The original is never written to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from migrate.backup.companions import SUFFIXES, is_database
from migrate.backup.folder import MANIFESTS, PLIST_LIMIT_BYTES, BackupFolder, find_backup
from migrate.backup.manifest.open import open_manifest
from migrate.backup.private_files import DISK_FULL, FOLDER_MODE
from migrate.backup.record import file_id
from migrate.backup.verify.run import Verdict, verify
from migrate.journey import events
from migrate.journey.phone_session import PhoneSession
from migrate.journey.repair.clone import clone_without
from migrate.journey.repair.phone import RepairPhone
from migrate.journey.repair.workspace import RepairNote, RepairWorkspace, backup_stamp, workspaces_to_recover
from migrate.journey.threads import in_thread
from migrate.language import _
from migrate.problems import (
    BackupUnfinished,
    BackupUnreadable,
    CannotRepairHere,
    CannotRepairWithoutPhone,
    DatabaseNotRepaired,
    DiskFullHere,
    FileNotRepaired,
    MigrateError,
    RepairNeedsRoom,
    WrongPassword,
)
from migrate.problems.damage import DamagedInTransit, FileUnreadableOnPhone
from migrate.problems.finding import Finding
from migrate.units import now_utc

T = TypeVar("T")

Answer = Literal["nothing", "fetched", "full", "without-phone"]
NOTHING: Answer = "nothing"
FETCHED: Answer = "fetched"
FULL: Answer = "full"
WITHOUT_PHONE: Answer = "without-phone"

HEADROOM_BYTES = 0x8000000
"""Free space that a phone wants in addition to what it sends; else it refuses with 105 (facts 2.3 step 7)."""
PASSWORD_TRIES = 3


class Fetched(NamedTuple):
    """Stored files that came from the phone, and their bytes."""

    files: int
    bytes: int


NOT_FETCHED = Fetched(0, 0)


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A record that was damaged, and whether the repaired backup has it again."""

    file_id: str
    domain: str
    relative_path: str
    code: str  # of the finding that condemned it
    came_back: bool

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class RepairResult:
    """The outcome. `verdict` is that of the repaired backup, with the findings of the repair.

    If the repair failed, it is that of the clone, which was removed.
    """

    verdict: Verdict
    answer: Answer
    in_place: bool
    """Whether `verdict` is about the backup in its place."""
    dropped: tuple[Dropped, ...] = ()
    fetched: Fetched = NOT_FETCHED
    kept: Path | None = None
    """Where the original lies now; None: in its place, or removed."""

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


@dataclass(kw_only=True)
class Repair:
    """One repair."""

    session: PhoneSession
    path: Path
    phone: RepairPhone | None
    """None: repair without it."""
    clock: Callable[[], datetime] = now_utc
    place: RepairWorkspace = field(init=False)

    async def run(self) -> RepairResult:
        """Repair the backup at `path`.

        Raises:
            BackupNotFound, PasswordMissing, WrongPassword; BackupUnfinished: back up again instead.
            BackupBusy: another process is using it.
            CannotRepairWithoutPhone: the damage is not in records, so only the phone can help.
            RepairNeedsRoom, DiskFullHere, CannotRepairHere: this computer's disk.
            What `RepairPhone` raises; the clone stays then, and the next attempt continues with it.
        """
        self._settle(self.path.resolve())
        original = find_backup(self.path).resolve()
        self._settle(original)
        with self._locked(original.name):
            return await self._examine(original)

    @property
    def _seals(self) -> Path:
        return self.session.home.seals

    def _locked(self, name: str) -> AbstractContextManager[None]:
        return self.session.home.lock_working_backup(name, name)

    def _settle(self, path: Path) -> None:
        for place in workspaces_to_recover(path):
            with self._locked(place.original.name), _translate_disk_errors(place.folder):
                place.recover(self._seals, clock=self.clock())

    # -- [1] ---------------------------------------------------------------------------------------------------------

    async def _examine(self, original: Path) -> RepairResult:
        self.place = RepairWorkspace(original)
        before = await self._verified(BackupFolder(original), self._seals)
        defects = _damaged_records(before)
        again = _not_read_properly(before)
        if self.phone is not None and again and await self.phone.is_connected(before.udid):
            defects |= again
        if before.verdict == "whole" and not defects:
            with _translate_disk_errors(self.place.folder):
                self.place.clear()
            return RepairResult(verdict=before, answer=NOTHING, in_place=True)
        if any(finding.code == BackupUnfinished.code for finding in before.findings):
            raise BackupUnfinished(original, BackupFolder(original).snapshot_state)
        if self.phone is None:
            _refuse_other_defects(before)
            defects |= await self._companions(BackupFolder(original), defects)
            udid = before.udid
        else:
            udid = await self.phone.find(before.udid, self.path, len(defects))
        with _translate_disk_errors(self.place.folder):
            note = await self._clone(original, udid, defects, before)
        return await self._repair(original, note, defects, before)

    async def _verified(self, folder: BackupFolder, seals: Path) -> Verdict:
        with self._step_events("check"):
            progress = self.session.progress()
            return await self._with_password(
                folder, lambda password: verify(folder.path, password, seals=seals, progress=progress)
            )

    async def _with_password(self, folder: BackupFolder, work: Callable[[str | None], T]) -> T:
        """Do `work` in a thread with the backup's password, if it has one; a typed password that is wrong is asked for
        again.

        Raises:
            PasswordMissing, WrongPassword: no password was given, or it does not open the backup.
        """
        if not _needs_password(folder):
            return await in_thread(self.session, lambda: work(None))
        name, prompts = folder.device_name or folder.path.name, self.session.prompts
        for tries_left in reversed(range(PASSWORD_TRIES)):
            password = prompts.password("old", name, folder.udid, may_prompt=True)
            try:
                return await in_thread(self.session, lambda password=password: work(password))  # type: ignore[misc]
            except WrongPassword:
                if not tries_left or not prompts.reject_password("old", name):
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def _step_events(self, step: str) -> Iterator[None]:
        self.session.step = step
        self.session.emit(events.StepStarted(step))
        try:
            yield
        finally:
            self.session.emit(events.StepFinished(step))

    async def _companions(self, folder: BackupFolder, defects: dict[str, Finding]) -> dict[str, Finding]:
        """The companions of damaged databases: useless without them, and harmful beside other databases."""
        beside: dict[str, Finding] = {}
        for defect in defects.values():
            path = defect.relative_path or ""
            if is_database(path):
                for suffix in SUFFIXES:
                    name = file_id(defect.domain or "", path + suffix)
                    beside[name] = _companion_not_repaired(defect, path + suffix, name)
        there = await self._with_password(
            folder, lambda password: _file_ids(folder, password, beside.keys() - defects.keys())
        )
        return {name: beside[name] for name in sorted(there)}

    # -- [2] ---------------------------------------------------------------------------------------------------------

    async def _clone(self, original: Path, udid: str, defects: dict[str, Finding], before: Verdict) -> RepairNote:
        """The clone without the damaged records; one left by an earlier attempt is reused if it is of this backup."""
        folder = BackupFolder(original)
        note = self.place.note
        wanted = RepairNote(udid=udid, stamp=backup_stamp(folder), dropped=tuple(sorted(defects)))
        if note is not None and replace(note, keep_as=None, brings_seal=False) == wanted:
            return note
        self.place.clear()
        self._require_space(original, before)
        try:
            await self._build(folder, udid, defects, before)
        except BaseException:
            self.place.clear()
            raise
        self.place.note = wanted
        return wanted

    async def _build(self, folder: BackupFolder, udid: str, defects: dict[str, Finding], before: Verdict) -> None:
        with self._step_events("repair"):
            clone = self.place.begin(udid)
            self.place.copy_seal(self._seals, udid)
            if before.verdict == "unreadable":  # nothing can be kept: the phone sends all of it
                clone.mkdir(mode=FOLDER_MODE)
                return
            fresh = any(finding.code == "manifest-faulty" for finding in before.findings)
            about: dict[str, Any] = {"fresh": fresh, "total": before.bytes, "progress": self.session.progress()}
            await self._with_password(
                folder, lambda password: clone_without(folder, password, clone, defects.keys(), **about)
            )

    def _require_space(self, original: Path, before: Verdict) -> None:
        """Require space for the worst case: the phone sends everything, and without hard links everything is copied."""
        stored = before.bytes if before.bytes is not None else _bytes_in(original)
        manifest = BackupFolder(original).manifest
        needed, reason = manifest.stat().st_size if manifest.is_file() else 0, _("its list of files is written anew")
        if not _can_link(original, self.place):
            needed, reason = needed + stored, _("this disk cannot share files by links")
        if self.phone is not None:
            needed, reason = needed + stored + HEADROOM_BYTES, _("the phone may answer with a full backup")
        free = shutil.disk_usage(original.parent).free
        if free < needed:
            raise RepairNeedsRoom(str(original), needed, free, reason)

    # -- [3] [4] [5] -------------------------------------------------------------------------------------------------

    async def _repair(
        self, original: Path, note: RepairNote, defects: dict[str, Finding], before: Verdict
    ) -> RepairResult:
        clone = self.place.clone(note.udid)
        noticed: tuple[Finding, ...] = ()
        if self.phone is not None:
            with self._step_events("fetch"):
                noticed = await self.phone.back_up(clone, self.place.seals)
        after = await self._verified(BackupFolder(clone), self.place.seals)
        dropped = await self._fates(clone, defects)
        if before.verdict == "whole" and not any(record.came_back for record in dropped):
            with _translate_disk_errors(self.place.folder):
                self.place.clear()
            return RepairResult(verdict=before, answer=NOTHING, in_place=True)
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
                kept = self.place.swap_in(note, keep=bool(lost), seals=self._seals, clock=self.clock())
            except KeyboardInterrupt:  # between the two renames: finish, then stop
                self.place.recover(self._seals, clock=self.clock())
                raise
        return replace(repaired, kept=kept)

    async def _fates(self, clone: Path, defects: dict[str, Finding]) -> tuple[Dropped, ...]:
        there = await self._with_password(
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


def _needs_password(folder: BackupFolder) -> bool:
    """Whether the backup is encrypted; one too broken to tell is not."""
    try:
        return folder.is_encrypted
    except MigrateError:
        return False


def _damaged_records(before: Verdict) -> dict[str, Finding]:
    """The records that are damaged, by file id."""
    errors = (finding for finding in before.findings if finding.severity == "error")
    return {finding.file_id: finding for finding in errors if finding.file_id}


def _not_read_properly(before: Verdict) -> dict[str, Finding]:
    """The files that the phone could not read, or that were cut on their way, twice: worth asking for once more."""
    codes = (FileUnreadableOnPhone.code, DamagedInTransit.code)
    return {finding.file_id: finding for finding in before.findings if finding.code in codes and finding.file_id}


def _refuse_other_defects(before: Verdict) -> None:
    """Raises CannotRepairWithoutPhone, BackupUnreadable: dropping records does not help this backup."""
    others = [one for one in before.findings if one.severity == "error" and not one.file_id and one.code not in _CURED]
    if before.verdict == "unreadable":
        raise BackupUnreadable(before.backup, "Manifest.db", others[0].why if others else _("it cannot be opened"))
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


def _companion_not_repaired(defect: Finding, path: str, name: str) -> Finding:
    """The finding for a file beside a damaged database, `name` its file id."""
    return DatabaseNotRepaired(
        domain=defect.domain or "",
        relative_path=path,
        file_id=name,
        database=defect.relative_path or "",
        categories=defect.categories,
    ).as_finding()


_CURED = frozenset({"entry-strange"})
"""Damage that a clone does not have, because it holds only what the manifest names."""


def _file_ids(folder: BackupFolder, password: str | None, asked: Collection[str]) -> frozenset[str]:
    """Those of the file ids that the backup has a row for."""
    with open_manifest(folder, password) as manifest:
        return frozenset(row.file_id for row in manifest.rows(lambda bad: None) if row.file_id in asked)


def _answered(original: Path, clone: Path) -> tuple[Answer, Fetched]:
    """What the phone did: sent what was missing, or everything.

    A stored file that stayed has kept its date (links share it, copies keep it); one that arrived has a new date.
    """
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
    """Turn the OSErrors of work on the disk into MigrateErrors."""
    try:
        yield
    except OSError as problem:
        message = problem.strerror or type(problem).__name__
        if problem.errno in DISK_FULL:
            raise DiskFullHere(str(folder), message) from problem
        raise CannotRepairHere(str(folder.parent), message) from problem
