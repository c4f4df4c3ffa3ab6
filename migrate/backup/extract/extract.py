"""Extract: files of a backup as the phone had them, decrypted, in a folder of this computer.

    <to>/<domain>/<relative path>       the phone's own tree, one folder a domain, each file with its modification date

    [1] nothing is begun where a file stands already: what is there was not put there for us to replace
    [2] directories and files, in the manifest's order, several files at a time; one gets its name when it is whole
    [3] symbolic links last, so that no file is ever written through one

Folders are 0700 and files 0600, whatever they were on the phone: this is somebody's life in plain. The backup is only
read. What cannot be taken out is named and the rest goes on.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.extract.names import UsedNames
from migrate.backup.folder import child_path, inside, unsafe_name_reason
from migrate.backup.manifest.open import RecordFilter
from migrate.backup.private_files import FILE_MODE, FOLDER_MODE
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.verify.findings import Findings
from migrate.problems import (
    BadRecord,
    BlobMissing,
    BlobUnreadable,
    CannotExtractHere,
    ExtractCaughtMidWrite,
    ExtractIntoBackup,
    ExtractLinkLeftOut,
    ExtractMissing,
    ExtractNameImpossible,
    ExtractNameUnsafe,
    ExtractRecordBad,
    ExtractUnreadable,
    MigrateError,
    NothingToExtract,
    UnsafeName,
    WouldOverwrite,
)
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress

_NAMES_REFUSED = frozenset(
    code
    for name in ("EINVAL", "EILSEQ", "ENAMETOOLONG", "EISDIR", "ENOTDIR", "EEXIST", "ENOENT")
    if (code := getattr(errno, name, None)) is not None
)
"""What a file system answers to a name it cannot hold; all else (full, read-only, broken) ends the whole work. *Read*:
open(2) of Linux (EINVAL: vfat) and macOS (EILSEQ); Windows gives ENOENT or EINVAL for `<>"|?*`."""


WORKERS = min(4, os.cpu_count() or 1)
BATCH_FILES, BATCH_BYTES = 32, 4 << 20
"""What a thread is handed at once: for every small file alone, handing over would cost as much as writing it."""
AHEAD = 2 * WORKERS
"""So many batches are handed out before the first is waited for."""
TOLD_EVERY_BYTES = 256 << 10

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Stopped(Exception):
    """Another file's trouble, or Ctrl-C, ended the work: what was being written is removed."""


DEPTH_LIMIT = 512
"""iOS stops at paths of 1,024 bytes, so at 512 folders. Each folder costs a look at all above it: a stranger's path of
two thousand took minutes (*seen*)."""


@dataclass(frozen=True, kw_only=True)
class ExtractResult:
    """What came of it. `bytes` are those of the contents."""

    backup: Path
    to: Path
    files: int
    directories: int
    links: int
    bytes: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """30 where a chosen file is damaged or missing in the backup, 33 where this computer cannot hold one; a link
        that was left out takes no content away."""
        codes = {finding.code for finding in self.findings if finding.severity == "error"}
        if codes - {ExtractNameImpossible.code}:
            return 30
        return 33 if codes else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": str(self.backup),
            "to": str(self.to),
            "files": self.files,
            "directories": self.directories,
            "links": self.links,
            "bytes": self.bytes,
            "findings": [finding.as_json() for finding in self.findings],
        }


def extract(backup: Backup, to: Path, wanted: RecordFilter, progress: Progress = no_progress) -> ExtractResult:
    """Take what `wanted(domain, relative_path)` is true of out into `to`, made if need be. Blocking; memory stays flat.

    When it is stopped, or the disk fills up, the files that are whole stay and the one being written is removed.

    Raises:
        WouldOverwrite: a file to be written is there already. Nothing was written.
        ExtractIntoBackup: `to` lies in the backup, or the backup in it.
        NothingToExtract: nothing in the backup is wanted.
        CannotExtractHere: the disk is full, or `to` cannot be written.
        BackupUnreadable: the manifest is damaged.
    """
    real_backup, real_to = backup.folder.path.resolve(), to.resolve()
    if real_backup == real_to or real_backup in real_to.parents or real_to in real_backup.parents:
        raise ExtractIntoBackup(str(to), str(backup.folder.path))
    try:
        if _holds_something(to):
            _refuse_to_overwrite(backup, to, wanted)
        return _Extraction(backup, to, progress).run(wanted)
    except OSError as problem:
        raise CannotExtractHere(str(to), problem.strerror or type(problem).__name__) from problem


def _holds_something(to: Path) -> bool:
    try:
        return next(to.iterdir(), None) is not None
    except FileNotFoundError:
        return False


def _refuse_to_overwrite(backup: Backup, to: Path, wanted: RecordFilter) -> None:
    there, first = 0, ""
    for record in backup.manifest.records_where(wanted, lambda bad: None):
        if record.kind is Kind.DIRECTORY:
            continue
        with suppress(UnsafeName, OSError):  # named when its turn comes
            if os.path.lexists(inside(to, _name(record))):
                there, first = there + 1, first or _name(record)
    if there:
        raise WouldOverwrite(str(to), there, first)


def _name(record: Record) -> str:
    """Where a record lies under the folder. A domain is one component, whatever a stranger put into it."""
    if not record.domain or "/" in record.domain:
        raise UnsafeName(record.domain, "is not the name of a domain")
    parts = [part for part in record.relative_path.split("/") if part not in ("", ".")]
    if len(parts) > DEPTH_LIMIT:
        raise UnsafeName(record.relative_path, "lies deeper than an iPhone allows")
    if not parts and record.kind is not Kind.DIRECTORY:
        raise UnsafeName(record.relative_path, "is empty")
    return "/".join([record.domain, *parts])


@dataclass(eq=False)
class _Job:
    """One file on its way, and how it ended."""

    record: Record
    place: Path
    written: int = 0
    is_whole: bool = True
    problem: MigrateError | OSError | None = None


@dataclass
class _Extraction:
    """One extraction while it goes on."""

    backup: Backup
    to: Path
    progress: Progress
    found: Findings = field(default_factory=Findings)
    files: int = 0
    directories: int = 0
    links: int = 0
    content_bytes: int = 0
    names: UsedNames | None = None
    _folders: dict[str, Path] = field(default_factory=dict)
    """Folders under `to` that are real ones, by their names there."""
    _waiting: list[Record] = field(default_factory=list)
    """Symbolic links: a backup has tens of them."""
    _next: list[_Job] = field(default_factory=list)
    _next_bytes: int = 0
    _begun: set[Path] = field(default_factory=set)
    _in_work: deque[tuple[list[_Job], Future[None]]] = field(default_factory=deque)
    _token: str = field(default_factory=lambda: secrets.token_hex(4))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="extract"))
    _stop: threading.Event = field(default_factory=threading.Event)
    _telling: threading.Lock = field(default_factory=threading.Lock)
    _moved: int = 0

    def run(self, wanted: RecordFilter) -> ExtractResult:
        try:
            self._take_out(wanted)
        finally:
            self._stop.set()  # all is done, or what is being written is not wanted any more
            self._pool.shutdown(cancel_futures=True)
        return ExtractResult(
            backup=self.backup.folder.path,
            to=self.to,
            files=self.files,
            directories=self.directories,
            links=self.links,
            bytes=self.content_bytes,
            findings=self.found.all(),
        )

    def _take_out(self, wanted: RecordFilter) -> None:
        seen = False
        for record in self.backup.manifest.records_where(wanted, self._bad_row):
            if not seen:
                self._begin()
                seen = True
            if record.kind is Kind.SYMLINK:
                self._waiting.append(record)
            else:
                self._one(record, self._file if record.kind is Kind.FILE else self._directory)
            if len(self._in_work) >= AHEAD:
                self._await_batch()
        if not seen and not self.found.errors:
            raise NothingToExtract(str(self.backup.folder.path))
        self._await_all()
        for record in self._waiting:
            self._one(record, self._link)

    def _bad_row(self, bad: BadRecord) -> None:
        self.found.add(ExtractRecordBad.of(bad, reason=bad.reason))

    def _begin(self) -> None:
        self.to.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.names = UsedNames.of(self.to)

    def _one(self, record: Record, extract_record: Callable[[Record], None]) -> None:
        """One record taken out, or named with the reason it could not be."""
        try:
            extract_record(record)
        except BlobMissing:
            self.found.add(ExtractMissing.of(record))
        except BlobUnreadable as problem:
            self.found.add(ExtractUnreadable.of(record, reason=problem.why))
        except UnsafeName as problem:
            empty = record.kind is Kind.DIRECTORY
            if (reason := unsafe_name_reason(record.domain, record.relative_path, empty=empty)) is not None:
                self.found.add(ExtractNameUnsafe.of(record, reason=reason))
            else:
                self.found.add(ExtractNameImpossible.of(record, reason=f"the name {problem.reason}"))
        except FileExistsError:
            self.found.add(ExtractNameImpossible.of(record, reason="something of that name was there before it"))
        except OSError as problem:
            if problem.errno not in _NAMES_REFUSED:
                raise
            message = problem.strerror or type(problem).__name__
            self.found.add(ExtractNameImpossible.of(record, reason=f"this computer answered: {message}"))

    # -- places ------------------------------------------------------------------------------------------------------

    def _place(self, record: Record) -> Path:
        """Where a file or link goes, its folder made.

        Raises:
            UnsafeName: it cannot lie under `to`, or its folder is a link.
            FileExistsError: it is there already, or only differs in case from what is.
        """
        above, _, name = _name(record).rpartition("/")
        place = child_path(self._folder(above), name)
        if place in self._begun:  # two rows of one place: the second must see what became of the first
            self._await_all()
        if self._is_taken(f"{above}/{name}") or os.path.lexists(place):
            raise FileExistsError
        return place

    def _folder(self, name: str) -> Path:
        """A real folder under `to`, made with all above it where it is missing; never the far end of a link."""
        if (known := self._folders.get(name)) is not None:
            return known
        parts = name.split("/")
        folder = self.to
        for depth, part in enumerate(parts, 1):
            folder = self._folder_in(folder, part, "/".join(parts[:depth]))
        return folder

    def _folder_in(self, parent: Path, part: str, name: str) -> Path:
        if (known := self._folders.get(name)) is not None:
            return known
        folder = inside(parent, part)
        if folder.is_symlink():
            raise UnsafeName(name, "leads through a symbolic link")
        if self._is_taken(name):
            raise FileExistsError
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
        if not folder.is_dir():
            raise FileExistsError
        self._folders[name] = folder
        return folder

    def _is_taken(self, name: str) -> bool:
        return self.names is not None and self.names.take(name)

    # -- the three kinds ---------------------------------------------------------------------------------------------

    def _directory(self, record: Record) -> None:
        self._folder(_name(record))
        self.directories += 1

    def _file(self, record: Record) -> None:
        job = _Job(record, self._place(record))
        self._begun.add(job.place)
        self._next.append(job)
        self._next_bytes += record.size or 0
        if len(self._next) >= BATCH_FILES or self._next_bytes >= BATCH_BYTES:
            self._submit_batch()

    def _submit_batch(self) -> None:
        if self._next:
            self._in_work.append((self._next, self._pool.submit(self._write_all, self._next)))
            self._next, self._next_bytes = [], 0

    def _await_batch(self) -> None:
        """The files that were begun first are there, or named with the reason they are not."""
        batch, work = self._in_work.popleft()
        work.result()
        for job in batch:
            self._begun.discard(job.place)
            self._one(job.record, lambda record, job=job: self._come_out(job))  # type: ignore[misc]

    def _come_out(self, job: _Job) -> None:
        if job.problem is not None:
            raise job.problem
        self.files += 1
        self.content_bytes += job.written
        self.progress.files_moved(self.files)
        if not job.is_whole:
            self.found.add(ExtractCaughtMidWrite.of(job.record))

    def _await_all(self) -> None:
        self._submit_batch()
        while self._in_work:
            self._await_batch()

    # -- in a thread of the pool -------------------------------------------------------------------------------------

    def _write_all(self, batch: list[_Job]) -> None:
        for job in batch:
            if self._stop.is_set():
                raise Stopped
            try:
                self._write(job)
            except (MigrateError, OSError) as problem:
                job.problem = problem

    def _write(self, job: _Job) -> None:
        building = f"{job.place.parent}{os.sep}.{self._token}-{job.record.file_id}.part"
        descriptor = os.open(building, _NEW_FILE, FILE_MODE)
        try:
            try:
                job.is_whole = self.backup.copy(job.record, lambda piece: self._write_piece(job, descriptor, piece))
            finally:
                os.close(descriptor)
            self._tell(job.written % TOLD_EVERY_BYTES)
            with suppress(OSError, OverflowError, ValueError):  # a date that this computer has no room for
                os.utime(building, (job.record.modified, job.record.modified))
            os.rename(building, job.place)  # noqa: PTH104 (a Path costs more than the call; ten thousands of them)
        except BaseException:
            with suppress(OSError):
                Path(building).unlink()
            raise

    def _write_piece(self, job: _Job, descriptor: int, piece: memoryview) -> None:
        if self._stop.is_set():
            raise Stopped
        at = os.write(descriptor, piece)
        while at < len(piece):
            at += os.write(descriptor, piece[at:])
        before = job.written
        job.written += at
        if told := job.written // TOLD_EVERY_BYTES - before // TOLD_EVERY_BYTES:
            self._tell(told * TOLD_EVERY_BYTES)

    def _tell(self, count: int) -> None:
        with self._telling:
            self._moved += count
            self.progress.bytes_moved(self._moved, None)

    # -- links -------------------------------------------------------------------------------------------------------

    def _link(self, record: Record) -> None:
        target = record.target or ""
        try:
            inside(self.to, _linked_to(_name(record), target))
        except UnsafeName as problem:
            self.found.add(
                ExtractLinkLeftOut.of(record, reason=f"it points to {target[:200]!r}, which {problem.reason}")
            )
            return
        place = self._place(record)
        try:
            place.symlink_to(target)
        except (OSError, NotImplementedError) as problem:  # Windows makes links for those who have the right to
            message = getattr(problem, "strerror", None) or type(problem).__name__
            self.found.add(ExtractLinkLeftOut.of(record, reason=f"this computer made no link: {message}"))
        else:
            self.links += 1


def _linked_to(name: str, target: str) -> str:
    """What a link of that name leads to, as a name under the folder. By its words alone, and that is enough: it lies
    in a real folder, and `..` may only stand at its beginning, not behind what is or will be another link.

    Raises:
        UnsafeName: it leads elsewhere.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((depth for depth, part in enumerate(parts) if part != ".."), len(parts))
    folder = name.split("/")[:-1]
    if target.startswith("/"):
        raise UnsafeName(target, "is a place on the phone")
    if up >= len(folder):
        raise UnsafeName(target, "lies outside its domain")
    return "/".join([*folder[: len(folder) - up], *parts[up:]])
