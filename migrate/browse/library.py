"""One open backup behind the pages: its facts, and one index of items for each kind, made when it is first asked for.

Reading happens in background threads, one for what the overview shows and one for indices, so a page never waits long:
it shows what is known, and that more is being read.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from migrate.backup.reader import Backup
from migrate.backup.record import Kind as RecordKind
from migrate.backup.record import Record
from migrate.backup.verify.run import Verdict, verify_opened
from migrate.browse.face import Face
from migrate.browse.faces import Faces
from migrate.browse.file_index import FileIndex
from migrate.browse.item_index import ItemIndex
from migrate.browse.kept import Kept
from migrate.browse.stoppable import StoppableBackup, Stopped, until_stopped
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.claims import Claims
from migrate.content.item import FileRef
from migrate.content.kind import Kind
from migrate.content.kinds import kinds, source_places
from migrate.content.readers.messages.names import Names
from migrate.content.source import UNREADABLE, AtPlaces, Source, reason_of
from migrate.content.tally import Tally, tally
from migrate.export.media.converter import MediaConverter
from migrate.language import _
from migrate.problems import BadRecord, MigrateError
from migrate.problems.finding import Finding

PATIENCE_S = 1.0
"""How long a page waits for what is being read, before it says so and asks again."""
_JOIN_S = 5.0
_POLL_S = 0.02


@dataclass
class Shelf:
    """The items of one kind, and how far their reading is."""

    kind: Kind
    index: ItemIndex
    findings: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def is_ready(self) -> bool:
        return self.done.is_set()


class Library:
    """What pages ask for. Any thread may use it. Close it before the backup.

    Args:
        backup: open for reading.
        seals: the folder of seals, or None.
        tmp: for copies of databases and for indices (0700).
        command: makes a command line that can be pasted, of words after `migrate`.
    """

    def __init__(
        self, backup: Backup, claims: Claims, *, seals: Path | None, tmp: Path, command: Callable[..., str]
    ) -> None:
        self._stop = threading.Event()
        self.backup = StoppableBackup(backup, self._stop)
        self.claims = claims
        self.tmp = tmp
        self.command = command
        self.tally: Tally | None = None
        self.verdict: Verdict | None = None
        self.failed: str | None = None
        """Why the backup could not be counted."""
        self._at_places = AtPlaces(source_places())
        self._places_done = threading.Event()
        self.kept = Kept()
        self.converter = MediaConverter()
        self._seals = seals
        self._shelves: dict[str, Shelf] = {}
        self._wanted: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._files: FileIndex | None = None
        self._files_done = threading.Event()
        self._threads = [
            threading.Thread(target=self._survey, daemon=True, name="survey"),
            threading.Thread(target=self._work, daemon=True, name="indices"),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading, and remove everything from tmp."""
        self._stop.set()
        self._wanted.put(None)
        self.converter.close()
        deadline = time.monotonic() + _JOIN_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        for shelf in self._shelves.values():
            shelf.done.set()
            shelf.index.close()
        self._files_done.set()
        if self._files is not None:
            self._files.close()

    # -- kinds -------------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        """For looking up which files there are; readers get their own."""
        return self._new_source(lambda finding: None)

    def _new_source(self, report: Callable[[Finding], object]) -> Source:
        self._places_done.wait()
        return Source(self.backup, self.tmp, source_places(), report, at_places=self._at_places, in_full=True)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds that are shown and that the backup has files of, in the order of the overview. Waits until the
        list of files has been read."""
        self._places_done.wait()
        return self._kinds

    @cached_property
    def _kinds(self) -> Mapping[str, Kind]:
        found = (kind for kind in kinds() if self.source.files(*kind.places))
        return {kind.id: kind for kind in found if self._faces.of(kind) is not None}

    def kinds_if_known(self, patience_s: float = PATIENCE_S) -> Mapping[str, Kind]:
        """The same without waiting longer than that; none while the list of files is being read."""
        return self.kinds if self._places_done.wait(patience_s) else {}

    @cached_property
    def _faces(self) -> Faces:
        return Faces(self.name_of)

    @cached_property
    def _names(self) -> Names:
        return Names(self.source)

    def name_of(self, normalised: str) -> str | None:
        """The name of the contact with an address (`normal_form.address`), if one has it."""
        return self._names.name_of(normalised)

    def face(self, kind: Kind) -> Face:
        """The face of a kind that is shown."""
        face = self._faces.of(kind)
        assert face is not None
        return face

    def shelf(self, kind_id: str, patience_s: float = PATIENCE_S) -> Shelf:
        """The items of a kind. They are complete if it `is_ready`; else they are being read.

        Raises:
            KeyError: the backup has no files of this kind, or it is not shown.
        """
        kind = self.kinds[kind_id]
        with self._lock:
            shelf = self._shelves.get(kind_id)
            if shelf is None:
                shelf = self._shelves[kind_id] = Shelf(kind, ItemIndex(self.face(kind), self.tmp))
                self._wanted.put(lambda: self._fill(shelf))
        shelf.done.wait(patience_s)
        return shelf

    def files(self, patience_s: float = PATIENCE_S) -> FileIndex | None:
        """The list of all files; None while it is being made."""
        with self._lock:
            if self._files is None:
                self._files = files = FileIndex(self.tmp)
                self._wanted.put(lambda: self._fill_files(files))
        return self._files if self._files_done.wait(patience_s) else None

    def record(self, file: FileRef) -> Record | None:
        """The record of a file; None if there is none, or its row is damaged."""
        try:
            record = self.backup.record(file.domain, file.relative_path)
        except (BadRecord, ValueError):
            return None
        return record if record is not None and record.kind is RecordKind.FILE else None

    def title_of(self, owner: str) -> str:
        """What a category or an app is called."""
        bundle = owner.removeprefix(APP_PREFIX)
        if bundle != owner:
            app = self.claims.apps.get(bundle)
            return bundle if app is None else app.title
        return _(self.claims.catalogue.category(owner).title)

    # -- background --------------------------------------------------------------------------------------------------

    def _survey(self) -> None:
        """Find the files that readers read, count everything, then look for what verify --quick finds."""
        try:
            try:
                for row in self.backup.manifest.rows_of(self._at_places.domains, lambda bad: None):
                    self._at_places.add(row)
            finally:
                self._places_done.set()
            own = self.tmp / "counting"
            self.tally = tally(self.backup, self.claims, tmp=own)
            self.verdict = verify_opened(self.backup, seals=self._seals, owners_of=lambda backup: self.claims.owners)
        except Stopped:
            pass
        except UNREADABLE as error:
            self.failed = error.what if isinstance(error, MigrateError) else reason_of(error)
        except Exception:
            if not self._stop.is_set():  # else what it was reading has been closed
                raise

    def _work(self) -> None:
        while (job := self._wanted.get()) is not None:
            try:
                job()
            except Stopped:
                return
            except Exception:
                if not self._stop.is_set():
                    raise

    def _fill(self, shelf: Shelf) -> None:
        source = self._new_source(shelf.findings.append)
        try:
            shelf.index.fill(until_stopped(shelf.kind.items(source), self._stop))
        except UNREADABLE as error:  # while sorting, outside of what the reader looks after
            source.cannot_read(source.files(*shelf.kind.places)[0], reason_of(error))
        finally:
            shelf.done.set()

    def _fill_files(self, files: FileIndex) -> None:
        try:
            files.fill(self.backup.manifest.rows(lambda bad: None), self.claims)
        except UNREADABLE as error:
            self.failed = error.what if isinstance(error, MigrateError) else reason_of(error)
        finally:
            self._files_done.set()
