"""Extracts decrypted files of a backup into a folder.

    <to>/<domain>/<relative path>       the phone's own tree, one folder per domain, each file with its modification
    date

    [1] if one of the files exists already, nothing is extracted: existing files are never replaced. Files that an
        unfinished extraction of the same backup left are compared (unfinished.py)
    [2] directories and files, in the manifest's order, several files at a time; a file gets its name when it is
        complete
    [3] symbolic links last, so that no file is ever written through one

Folders are 0700 and files 0600, whatever they were on the phone, because this is private data in plain. The backup is
only read. A file that cannot be extracted becomes a finding, and the rest is extracted.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.extract.contents import ContentCheck
from migrate.backup.extract.look_before import look_before
from migrate.backup.extract.names import UsedNames, is_changed, linked_to, name_of
from migrate.backup.extract.places import Places, PlaceTaken
from migrate.backup.extract.result import ExtractResult
from migrate.backup.extract.unfinished import Unfinished
from migrate.backup.manifest.manifest import RecordFilter
from migrate.backup.private_files import FILE_MODE, FOLDER_MODE
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.safe_path import inside, unsafe_name_reason
from migrate.backup.verify.findings import Findings
from migrate.problems import (
    BadRecord,
    BlobMissing,
    BlobUnreadable,
    CannotExtractHere,
    ExtractEmptied,
    ExtractIntoBackup,
    ExtractLinkLeftOut,
    ExtractMissing,
    ExtractNameChanged,
    ExtractNameImpossible,
    ExtractNamesMeet,
    ExtractNameUnsafe,
    ExtractRecordBad,
    ExtractUnreadable,
    ManifestEmpty,
    ManifestLogRead,
    MigrateError,
    NothingToExtract,
    RecordProblem,
    UnsafeName,
)
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


def extract(
    backup: Backup,
    to: Path,
    wanted: RecordFilter,
    progress: Progress = no_progress,
    sealed: Mapping[str, str] | None = None,
) -> ExtractResult:
    """Extract the records for which `wanted(domain, relative_path)` is true into `to`, which is created. Blocking;
    memory is bounded. `sealed`: the digests of the stored bytes, from the backup's seal.

    When it is stopped, or the disk is full, complete files stay and unfinished ones are removed; the same call
    continues. So it does after a kill, and removes what was unfinished.

    Raises:
        WouldOverwrite: one of the files exists already. Nothing was written.
        ExtractNeedsRoom: they are larger than the free space. Nothing was written.
        ExtractIntoBackup: `to` is inside the backup, or the backup inside it.
        NothingToExtract: no record of the backup is wanted.
        CannotExtractHere: the disk is full, or `to` cannot be written.
        BackupUnreadable: the manifest is damaged.
    """
    real_backup, real_to = backup.folder.path.resolve(), to.resolve()
    if real_backup == real_to or real_backup in real_to.parents or real_to in real_backup.parents:
        raise ExtractIntoBackup(str(to), str(backup.folder.path))
    try:
        unfinished = Unfinished.of(backup.folder, to)
        look_before(backup, to, wanted, is_continued=unfinished.is_continued)
        return _Extraction(backup, to, progress, unfinished, sealed or {}).run(wanted)
    except OSError as problem:
        raise CannotExtractHere(str(to), problem.strerror or type(problem).__name__) from problem


@dataclass(eq=False)
class _Job:
    """One file to write, and its result."""

    record: Record
    place: Path
    compared: bool = False
    """It is there already, from an unfinished extraction, and is compared."""
    written: int = 0
    damage: RecordProblem | None = None
    problem: MigrateError | OSError | None = None


@dataclass
class _Extraction:
    """One extraction in progress."""

    backup: Backup
    to: Path
    progress: Progress
    unfinished: Unfinished
    sealed: Mapping[str, str]
    found: Findings = field(default_factory=Findings)
    files: int = 0
    directories: int = 0
    links: int = 0
    content_bytes: int = 0
    places: Places = field(init=False)
    _waiting: list[Record] = field(default_factory=list)
    """Symbolic links; a backup has only tens of them."""
    _next: list[_Job] = field(default_factory=list)
    _next_bytes: int = 0
    _in_work: deque[tuple[list[_Job], Future[None]]] = field(default_factory=deque)
    _token: str = field(default_factory=lambda: secrets.token_hex(4))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="extract"))
    _stop: threading.Event = field(default_factory=threading.Event)
    _progress_lock: threading.Lock = field(default_factory=threading.Lock)
    _moved: int = 0

    def run(self, wanted: RecordFilter) -> ExtractResult:
        try:
            if self.backup.manifest.has_log:
                self.found.add(ManifestLogRead())
            self._extract_all(wanted)
            self.unfinished.finish()
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
        if not seen and not self.backup.manifest.count:
            raise ManifestEmpty(self.backup.folder.path)
        if not seen and not self.found.errors:
            raise NothingToExtract(str(self.backup.folder.path))
        self._await_all()
        for record in self._waiting:
            self._try(record, self._link)

    def _bad_row(self, bad: BadRecord) -> None:
        self.found.add(ExtractRecordBad.of(bad, reason=bad.reason))

    def _begin(self) -> None:
        self.to.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        names, is_continued = UsedNames.of(self.to), self.unfinished.is_continued
        self.unfinished.begin(self._token)
        self.places = Places(self.backup, self.to, names, is_continued, self._await_all)

    def _try(self, record: Record, extract_record: Callable[[Record], None]) -> None:
        """Extract one record, or add a finding that says why not."""
        empty = record.kind is Kind.DIRECTORY
        if (reason := unsafe_name_reason(record.domain, record.relative_path, empty=empty)) is not None:
            self.found.add(ExtractNameUnsafe.of(record, reason=reason))
            return
        try:
            extract_record(record)
        except BlobMissing:
            self.found.add(ExtractMissing.of(record))
        except BlobUnreadable as problem:
            self.found.add(ExtractUnreadable.of(record, reason=problem.why))
        except UnsafeName as problem:
            self.found.add(ExtractNameImpossible.of(record, reason=f"the name {problem.reason}"))
        except PlaceTaken as taken:
            kind = ExtractNameImpossible if taken.of_the_disk else ExtractNamesMeet
            self.found.add(kind.of(record, reason=taken.reason))
        except FileExistsError:
            self.found.add(ExtractNameImpossible.of(record, reason="something else of that name is there"))
        except OSError as problem:
            if problem.errno not in _NAMES_REFUSED:
                raise
            message = problem.strerror or type(problem).__name__
            self.found.add(ExtractNameImpossible.of(record, reason=f"this computer answered: {message}"))

    # -- the three kinds ---------------------------------------------------------------------------------------------

    def _directory(self, record: Record) -> None:
        self.places.folder(name_of(record))
        self.directories += 1
        self._report_changed_name(record)

    def _file(self, record: Record) -> None:
        place = self.places.begin(record)
        job = _Job(record, place, compared=os.path.lexists(place))
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
            self.places.begun.discard(job.place)
            self._try(job.record, lambda record, job=job: self._finish_file(job))  # type: ignore[misc]

    def _finish_file(self, job: _Job) -> None:
        if job.problem is not None:
            raise job.problem
        if isinstance(job.damage, ExtractEmptied):
            self.found.add(job.damage)
            return
        self.files += 1
        self.content_bytes += job.written
        self.progress.files_moved(self.files)
        if job.damage is not None:
            self.found.add(job.damage)
        self._report_changed_name(job.record)

    def _report_changed_name(self, record: Record) -> None:
        if is_changed(record, name := name_of(record)):
            self.found.add(ExtractNameChanged.of(record, place=name))

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
        check = ContentCheck(
            job.record,
            encrypted=self.backup.manifest.is_encrypted,
            sha256=self.sealed.get(job.record.file_id),
            digest_of_content=self.backup.folder.is_flat,
        )
        if job.compared:
            self._compare(job, check)
            return
        building = f"{job.place.parent}{os.sep}.{self._token}-{job.record.file_id}.part"
        descriptor = os.open(building, _NEW_FILE, FILE_MODE)
        try:
            try:
                self._copy(job, check, lambda piece: self._write_piece(job, descriptor, piece))
            finally:
                os.close(descriptor)
            self._report(job.written % PROGRESS_STEP_BYTES)
            if isinstance(job.damage, ExtractEmptied):
                Path(building).unlink()
                return
            with suppress(OSError, OverflowError, ValueError):  # a date outside of the file system's range
                os.utime(building, (job.record.modified, job.record.modified))
            os.rename(building, job.place)  # noqa: PTH104 (creating a Path costs more than the call)
        except BaseException:
            with suppress(OSError):
                Path(building).unlink()
            raise

    def _copy(self, job: _Job, check: ContentCheck, write: Callable[[memoryview], object]) -> None:
        def write_checked(piece: memoryview) -> None:
            check.add_content(piece)
            write(piece)

        is_padded = self.backup.copy(job.record, write_checked, check.add_stored)
        job.damage = check.problem(is_padded=is_padded)

    def _compare(self, job: _Job, check: ContentCheck) -> None:
        """Read a file again that is there already. Raises FileExistsError where it is another one."""
        try:
            opened = open_regular_file(job.place)
        except OSError as error:
            raise FileExistsError from error
        with opened as there:

            def compare(piece: memoryview) -> None:
                if self._stop.is_set():
                    raise Stopped
                job.written += len(piece)
                if there.read(len(piece)) != piece:
                    raise FileExistsError

            self._copy(job, check, compare)
            if there.read(1):
                raise FileExistsError

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
            inside(self.to, linked_to(name_of(record), target))
        except UnsafeName as problem:
            self.found.add(
                ExtractLinkLeftOut.of(record, reason=f"it points to {target[:200]!r}, which {problem.reason}")
            )
            return
        place = self.places.place(record)
        if place.is_symlink() and str(place.readlink()) == target:  # from an unfinished extraction
            self.links += 1
            return
        try:
            place.symlink_to(target)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError) as problem:  # Windows needs a privilege to create links
            message = getattr(problem, "strerror", None) or type(problem).__name__
            self.found.add(ExtractLinkLeftOut.of(record, reason=f"this computer made no link: {message}"))
        else:
            self.links += 1
            self._report_changed_name(record)
