"""The folder that an export is written to.

    <to>/.migrate-export/       the ledger, and files that are not complete yet
    <to>/Messages/Mum 4567/2024.html

Every file and folder has a key (`messages/chat/+49…/2024.html`), so a later run into the same folder finds the name it
got. A file is written under `.migrate-export` and gets its name when it is complete. Files that are there are left
alone if they are what would be written, replaced if an earlier run wrote them and they are as it left them, and else
kept: this export's file gets another name, and a finding says so. Folders are 0700 and files 0600: this is private data
in plain.
"""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from migrate.backup.private_files import FOLDER_MODE, open_new
from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.export.ledger import Ledger, Written
from migrate.export.names import safe_name, split_extension
from migrate.language import _
from migrate.problems import CannotExportHere, ExportFolderNotOurs, ExportKeptYours, ExportOfSomethingElse
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress

OWN = ".migrate-export"
JSON_NAME, PAGE_NAME = "export.json", "index.html"
_BUFFER_BYTES = 256 << 10


class ExportFolder:
    """An open export folder. Used from one thread; `close` it.

    Raises:
        CannotExportHere: in every method: the disk is full or cannot be written.
    """

    def __init__(
        self, root: Path, ledger: Ledger, report: Callable[[Finding], object], progress: Progress = no_progress
    ) -> None:
        self.root = root
        self._base = f"{root}{os.sep}"  # joined by hand: pathlib takes a tenth of the time of a small file
        self.ledger = ledger
        self._report = report
        self._progress = progress
        self._own = root / OWN
        self._made: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._part = 0
        self.files = 0
        """Files written or found complete by this run."""

    @classmethod
    def open(cls, root: Path, report: Callable[[Finding], object], progress: Progress = no_progress) -> Self:
        """Open or create the folder, and remove what an earlier run left unfinished.

        Raises:
            ExportFolderNotOurs: its ledger is damaged.
        """
        own = root / OWN
        with writing_to(root):
            root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            own.mkdir(mode=FOLDER_MODE, exist_ok=True)
            for part in own.glob("*.part"):
                part.unlink()
            try:
                ledger = Ledger.open(own / "ledger.sqlite")
            except sqlite3.DatabaseError as error:
                raise ExportFolderNotOurs(str(root)) from error
            for name in (OWN, JSON_NAME, PAGE_NAME):
                ledger.take(_fold(name))
        return cls(root, ledger, report, progress)

    def close(self) -> None:
        self.ledger.close()

    def must_hold(self, what: dict[str, object], reasons: dict[str, str]) -> None:
        """Check that an earlier run into this folder exported the same, and remember it.

        Args:
            what: facts, such as the backup's id. Values are what JSON can hold.
            reasons: fact -> a sentence for when it differs.

        Raises:
            ExportOfSomethingElse: one differs.
        """
        for name, value in what.items():
            known = self.ledger.fact(name)
            if known is not None and known != [value]:
                raise ExportOfSomethingElse(str(self.root), reasons[name])
            if known is None and any(os.path.lexists(self.root / own) for own in (JSON_NAME, PAGE_NAME)):
                reason = _("It has files called {json} and {page}, which are not from an export into it.")
                raise ExportOfSomethingElse(str(self.root), reason.format(json=JSON_NAME, page=PAGE_NAME))
        for name, value in what.items():
            self.ledger.set_fact(name, [value])

    @property
    def top(self) -> Place:
        return Place(self, "")

    # -- names -------------------------------------------------------------------------------------------------------

    def named(self, folder: str, name: str, key: str) -> str:
        """The path (with `/`, under the root) of the thing with this key: as before, or a free one called `name`."""
        known = self.ledger.path_of(key)
        if known is not None:
            return known
        path = self._free(folder, safe_name(name))
        self.ledger.name(key, path, _fold(path))
        return path

    def _free(self, folder: str, name: str) -> str:
        """`name`, or `name (2)` …: not used by this export in any spelling, and not there on the disk."""
        prefix = f"{folder}/" if folder else ""
        stem, extension = split_extension(name)
        base = _fold(prefix + name)
        number = self._numbers.get(base, 1)
        while True:
            path = prefix + (name if number == 1 else f"{stem} ({number}){extension}")
            if not self.ledger.is_taken(_fold(path)) and not os.path.lexists(self._base + path):
                break
            number += 1
        if number > 1:
            self._numbers[base] = number
        return path

    def count_file(self) -> None:
        self.files += 1
        self._progress.files_moved(self.files)

    # -- files -------------------------------------------------------------------------------------------------------

    def make_folder(self, path: str) -> None:
        if path not in self._made:
            self.ledger.commit()  # a folder that is there and has no owner would get a number in the next run
            (self.root / path).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._made.add(path)

    def is_complete(self, path: str, origin: str) -> bool:
        """Whether the file is there as an earlier run copied it from the same origin."""
        known = self.ledger.written(path)
        return known is not None and known.origin == origin and self._is_as_written(known)

    def _is_as_written(self, known: Written) -> bool:
        try:
            status = os.lstat(self._base + known.path)
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (known.bytes, known.mtime_ns)

    @contextmanager
    def new_part(self, buffering: int = _BUFFER_BYTES) -> Iterator[tuple[BinaryIO, Path]]:
        """An unfinished file. It is removed unless `finish` gave it a name. Pieces longer than the buffer bypass it."""
        self._part += 1
        path = self._own / f"{self._part}.part"
        file = open_new(path, buffering=buffering)
        try:
            with file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def finish(self, part: Path, path: str, written: Written, key: str, *, dated: bool) -> str:
        """Give a complete file its name, unless the same is there. Returns the path it has under the root.

        Args:
            dated: whether its modification time is a part of what it is.
        """
        known = self.ledger.written(path)
        if known is not None and os.path.lexists(self._base + path):
            if not self._is_as_written(known):
                return self._keep_theirs(part, path, written, key)
            if known.sha256 == written.sha256 and (not dated or known.mtime_ns == written.mtime_ns):
                return path
        elif os.path.lexists(self._base + path):
            return self._keep_theirs(part, path, written, key)
        self.ledger.add(written)
        part.replace(self._base + path)
        return path

    def _keep_theirs(self, part: Path, path: str, written: Written, key: str) -> str:
        folder, _slash, name = path.rpartition("/")
        other = self._free(folder, name)
        self.ledger.name(key, other, _fold(other))
        self.ledger.forget(path)
        self.ledger.add(written._replace(path=other))
        part.replace(self.root / other)
        self._report(ExportKeptYours(path, other).as_finding())
        return other


@dataclass(frozen=True)
class Place:
    """A folder inside the export."""

    export: ExportFolder = field(repr=False)
    path: str

    def folder(self, name: str, *, key: str) -> Place:
        """A folder in this one; made when the first file is written into it."""
        return Place(self.export, self.export.named(self.path, name, f"folder:{key}"))

    @contextmanager
    def new_file(self, name: str, *, key: str, when: float | None = None) -> Iterator[NewFile]:
        """A file that is written piece by piece, and there under its name once the block ends without an error.

        Args:
            name: any text; made safe.
            key: tells the file from all others of every export of this backup.
            when: its modification time, unix seconds; None for now.
        """
        export = self.export
        with writing_to(export.root):
            path = export.named(self.path, name, f"file:{key}")
            export.make_folder(path.rpartition("/")[0])
            with export.new_part() as (file, part):
                new = NewFile(file, path)
                yield new
                file.close()
                written = _stamped(part, path, new, when)
                new.path = export.finish(part, path, written, f"file:{key}", dated=when is not None)
                export.count_file()

    def write(self, name: str, content: bytes | str, *, key: str, when: float | None = None) -> str:
        """Write a whole file. Returns its path under the export's root, with `/`."""
        with self.new_file(name, key=key, when=when) as file:
            file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
        return file.path

    def copy(self, backup: Backup, record: Record, name: str, *, key: str, when: float | None = None) -> str:
        """Copy a file of the backup, decrypted, unless an earlier run did. Returns its path under the root.

        Raises:
            BlobMissing, BlobUnreadable: nothing was written.
        """
        export = self.export
        origin = f"{record.file_id} {record.size} {record.modified}"
        with writing_to(export.root):
            path = export.named(self.path, name, f"file:{key}")
            if export.is_complete(path, origin):
                export.count_file()
                return path
            export.make_folder(path.rpartition("/")[0])
            with export.new_part(io.DEFAULT_BUFFER_SIZE) as (file, part):
                new = NewFile(file, path, origin)
                backup.copy(record, new.write)
                file.close()
                written = _stamped(part, path, new, when)
                path = export.finish(part, path, written, f"file:{key}", dated=when is not None)
                export.count_file()
        return path

    def made(self, name: str, origin: str, make: Callable[[Path], bool], *, key: str) -> str | None:
        """A file that another program makes, unless an earlier run has it made from the same origin.

        Args:
            origin: tells what it is made from, such as a digest.
            make: writes it to the path that it is given, and returns whether it did.

        Returns:
            its path under the export's root; None if `make` failed.
        """
        export = self.export
        with writing_to(export.root):
            path = export.named(self.path, name, f"file:{key}")
            if export.is_complete(path, origin):
                export.count_file()
                return path
            export.make_folder(path.rpartition("/")[0])
            with export.new_part() as (file, part):
                file.close()
                if not make(part):
                    return None
                new = NewFile(file, path, origin)
                with part.open("rb") as made:
                    while piece := made.read(_BUFFER_BYTES):
                        new.count(piece)
                path = export.finish(part, path, _stamped(part, path, new, None), f"file:{key}", dated=False)
                export.count_file()
        return path

    def make(self, make: Callable[[], bytes], name: str, *, key: str, origin: str, when: float | None = None) -> str:
        """Write what `make` returns, unless an earlier run made it of the same `origin`. Returns its path.

        Raises:
            What `make` raises: nothing was written.
        """
        export = self.export
        with writing_to(export.root):
            path = export.named(self.path, name, f"file:{key}")
            if export.is_complete(path, origin):
                export.count_file()
                return path
        content = make()
        with self.new_file(name, key=key, when=when) as file:
            file.origin = origin
            file.write(content)
        return file.path


class NewFile:
    """A file that is being written."""

    def __init__(self, file: BinaryIO, path: str, origin: str | None = None) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        self.path = path
        """Under the export's root, with `/`."""
        self.origin = origin

    def write(self, content: bytes | memoryview) -> None:
        self.count(content)
        self._file.write(content)

    def count(self, content: bytes | memoryview) -> None:
        """Note what is in the file."""
        self._digest.update(content)
        self.size += len(content)

    def write_text(self, text: str) -> None:
        self.write(text.encode("utf-8", "replace"))

    @property
    def sha256(self) -> bytes:
        return self._digest.digest()


def _stamped(part: Path, path: str, new: NewFile, when: float | None) -> Written:
    """Set the file's modification time, and describe it. Whole seconds: some disks keep no more."""
    if when is not None:
        with suppress(OSError, OverflowError):
            os.utime(part, ns=(round(when) * 10**9,) * 2)
    mtime_ns = part.stat().st_mtime_ns
    return Written(path, new.sha256, new.size, mtime_ns, new.origin)


@contextmanager
def writing_to(root: Path) -> Iterator[None]:
    """Turn errors of the disk into the one a person understands.

    Raises:
        CannotExportHere
    """
    try:
        yield
    except OSError as error:
        raise CannotExportHere(str(root), error.strerror or type(error).__name__) from error


def _fold(path: str) -> str:
    """A path as disks compare it that do not tell case or the two forms of an umlaut apart."""
    return unicodedata.normalize("NFD", path).casefold()
