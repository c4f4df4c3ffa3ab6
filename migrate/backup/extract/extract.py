"""Extracts decrypted files of a backup into a folder.

    <to>/<domain>/<relative path>       the phone's own tree, one folder per domain, each file with its modification
    date

    [1] if one of the files exists already, nothing is extracted: existing files are never replaced [2] directories and
    files, in the manifest's order, several files at a time; a file gets its name when it is complete [3] symbolic links
    last, so that no file is ever written through one

Folders are 0700 and files 0600, whatever they were on the phone, because this is private data in plain. The backup is
only read. A file that cannot be extracted becomes a finding, and the rest is extracted.
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
from migrate.backup.manifest.manifest import RecordFilter
from migrate.backup.private_files import FILE_MODE, FOLDER_MODE
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.safe_path import child_path, inside, unsafe_name_reason
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
"""The errors of a file system for a name it cannot hold. Any other error (full, read-only, broken) ends the extraction.
*Read*: open(2) of Linux (EINVAL: vfat) and macOS (EILSEQ); Windows gives ENOENT or EINVAL for `<>"|?*`."""


WORKERS = min(4, os.cpu_count() or 1)
BATCH_FILES, BATCH_BYTES = 32, 4 << 20
"""The files of one task of a thread: one small file per task would cost as much in overhead as in writing."""
MAX_PENDING = 2 * WORKERS
"""Batches submitted before the first result is awaited."""
PROGRESS_STEP_BYTES = 256 << 10

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Stopped(Exception):
    """The extraction ended early, by an error or Ctrl-C; unfinished files are removed."""


DEPTH_LIMIT = 512
"""iOS allows paths of 1,024 bytes, so 512 folders. Each folder costs a check of all above it: a hostile path of two
thousand took minutes (*seen*)."""


@dataclass(frozen=True, kw_only=True)
class ExtractResult:
    """The result of an extraction. `bytes` counts the contents."""

    backup: Path
    to: Path
    files: int
    directories: int
    links: int
    bytes: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """30 where a chosen file is damaged or missing in the backup, 33 where this computer cannot hold one. A link
        that was left out does not count: no content is lost."""
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
    """Extract the records for which `wanted(domain, relative_path)` is true into `to`, which is created. Blocking;
    memory is bounded.

    When it is stopped, or the disk is full, complete files stay and unfinished ones are removed.

    Raises:
        WouldOverwrite: one of the files exists already. Nothing was written.
        ExtractIntoBackup: `to` is inside the backup, or the backup inside it.
        NothingToExtract: no record of the backup is wanted.
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
        with suppress(UnsafeName, OSError):  # reported later
            if os.path.lexists(inside(to, _name(record))):
                there, first = there + 1, first or _name(record)
    if there:
        raise WouldOverwrite(str(to), there, first)


def _name(record: Record) -> str:
    """The name of a record under the folder. A domain must be a single component."""
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
    """One file to write, and its result."""

    record: Record
    place: Path
    written: int = 0
    is_whole: bool = True
    problem: MigrateError | OSError | None = None


@dataclass
class _Extraction:
    """One extraction in progress."""

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
    """Folders under `to` known not to be links, by their names under it."""
    _waiting: list[Record] = field(default_factory=list)
    """Symbolic links; a backup has only tens of them."""
    _next: list[_Job] = field(default_factory=list)
    _next_bytes: int = 0
    _begun: set[Path] = field(default_factory=set)
    _in_work: deque[tuple[list[_Job], Future[None]]] = field(default_factory=deque)
    _token: str = field(default_factory=lambda: secrets.token_hex(4))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="extract"))
    _stop: threading.Event = field(default_factory=threading.Event)
    _progress_lock: threading.Lock = field(default_factory=threading.Lock)
    _moved: int = 0

    def run(self, wanted: RecordFilter) -> ExtractResult:
        try:
            self._extract_all(wanted)
        finally:
            self._stop.set()  # everything is written, or the rest is not wanted any more
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

    def _extract_all(self, wanted: RecordFilter) -> None:
        seen = False
        for record in self.backup.manifest.records_where(wanted, self._bad_row):
            if not seen:
                self._begin()
                seen = True
            if record.kind is Kind.SYMLINK:
                self._waiting.append(record)
            else:
                self._try(record, self._file if record.kind is Kind.FILE else self._directory)
            if len(self._in_work) >= MAX_PENDING:
                self._await_batch()
        if not seen and not self.found.errors:
            raise NothingToExtract(str(self.backup.folder.path))
        self._await_all()
        for record in self._waiting:
            self._try(record, self._link)

    def _bad_row(self, bad: BadRecord) -> None:
        self.found.add(ExtractRecordBad.of(bad, reason=bad.reason))

    def _begin(self) -> None:
        self.to.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.names = UsedNames.of(self.to)

    def _try(self, record: Record, extract_record: Callable[[Record], None]) -> None:
        """Extract one record, or add a finding that says why not."""
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
        """The path for a file or link. Creates its folder.

        Raises:
            UnsafeName: it would not be under `to`, or its folder is a link.
            FileExistsError: it exists already, or a name that differs only in case does.
        """
        above, _, name = _name(record).rpartition("/")
        place = child_path(self._folder(above), name)
        if place in self._begun:  # two rows for one path: the second must see the result of the first
            self._await_all()
        if self._is_taken(f"{above}/{name}") or os.path.lexists(place):
            raise FileExistsError
        return place

    def _folder(self, name: str) -> Path:
        """A folder under `to`, created with its parents where missing; never the target of a link."""
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
        """Wait for the oldest batch, and count its files or add findings for them."""
        batch, work = self._in_work.popleft()
        work.result()
        for job in batch:
            self._begun.discard(job.place)
            self._try(job.record, lambda record, job=job: self._finish_file(job))  # type: ignore[misc]

    def _finish_file(self, job: _Job) -> None:
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
            self._report(job.written % PROGRESS_STEP_BYTES)
            with suppress(OSError, OverflowError, ValueError):  # a date outside of the file system's range
                os.utime(building, (job.record.modified, job.record.modified))
            os.rename(building, job.place)  # noqa: PTH104 (creating a Path costs more than the call)
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
        if steps := job.written // PROGRESS_STEP_BYTES - before // PROGRESS_STEP_BYTES:
            self._report(steps * PROGRESS_STEP_BYTES)

    def _report(self, count: int) -> None:
        with self._progress_lock:
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
        except (OSError, NotImplementedError) as problem:  # Windows needs a privilege to create links
            message = getattr(problem, "strerror", None) or type(problem).__name__
            self.found.add(ExtractLinkLeftOut.of(record, reason=f"this computer made no link: {message}"))
        else:
            self.links += 1


def _linked_to(name: str, target: str) -> str:
    """The target of a link called `name`, as a name under the folder. The text is enough to decide: the link is in a
    real folder, and `..` is allowed only at the beginning of `target`, never after what may be another link.

    Raises:
        UnsafeName: it leads out of the folder.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((depth for depth, part in enumerate(parts) if part != ".."), len(parts))
    folder = name.split("/")[:-1]
    if target.startswith("/"):
        raise UnsafeName(target, "is a place on the phone")
    if up >= len(folder):
        raise UnsafeName(target, "lies outside its domain")
    return "/".join([*folder[: len(folder) - up], *parts[up:]])
