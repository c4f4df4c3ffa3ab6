"""A backup whose reading can be stopped from another thread, however long it would take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from migrate.backup.manifest.manifest import Manifest
from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.problems import BadRecord

T = TypeVar("T")


class Stopped(BaseException):
    """Reading was stopped. Not an Exception, so that no reader takes it for damage."""


class StoppableBackup(Backup):
    """Reads like the backup that it is made of, until `stop` is set."""

    def __init__(self, backup: Backup, stop: threading.Event) -> None:
        super().__init__(backup.folder, cast(Manifest, _StoppableManifest(backup.manifest, stop)))
        self._sealed = backup._sealed
        self._stop = stop

    def chunks(self, record: Record, on_caught_mid_write: Callable[[], None] | None = None) -> Iterator[bytes]:
        return until_stopped(super().chunks(record, on_caught_mid_write), self._stop)


class _StoppableManifest:
    """A manifest whose long answers end when `stop` is set."""

    def __init__(self, manifest: Manifest, stop: threading.Event) -> None:
        self._manifest = manifest
        self._stop = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manifest, name)

    def rows(self, *arguments: Any) -> Iterator[Any]:
        return until_stopped(self._manifest.rows(*arguments), self._stop)

    def rows_of(self, *arguments: Any) -> Iterator[Any]:
        return until_stopped(self._manifest.rows_of(*arguments), self._stop)

    def records(self, on_bad: Callable[[BadRecord], None] | None = None) -> Iterator[Record]:
        return until_stopped(self._manifest.records(on_bad), self._stop)

    def records_where(self, *arguments: Any) -> Iterator[Record]:
        return until_stopped(self._manifest.records_where(*arguments), self._stop)


def until_stopped(values: Iterable[T], stop: threading.Event) -> Iterator[T]:
    """
    Raises:
        Stopped: between two values.
    """
    for value in values:
        if stop.is_set():
            raise Stopped
        yield value
