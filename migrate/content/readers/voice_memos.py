"""Voice memos: `CloudRecordings.db` (iOS 12 and later), `Recordings.db` (older), and the recordings beside them.

iOS 17 moved both from MediaDomain to a group container; the names of the recordings stay (*read*: iLEAPP, traceloupe).
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.backup.record import Record
from migrate.content.item import FileRef, Fingerprint, Item, State, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import day, from_cocoa, seconds, text
from migrate.content.open_database import Columns, Database
from migrate.content.ordering import ordered
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

GROUP = "AppDomainGroup-group.com.apple.VoiceMemos.shared"
STORES = (
    Place(GROUP, ("Recordings/CloudRecordings.db",)),
    Place("MediaDomain", ("Media/Recordings/CloudRecordings.db",)),
    Place("MediaDomain", ("Media/Recordings/Recordings.db",)),
)
"""iOS 14 has the last two, and the older one may still list recordings that the newer one has (*seen*: both files), so
the first store with recordings is the one that counts."""
RECORDINGS = (
    Place(GROUP, ("Recordings/**/*.{m4a,qta}",)),
    Place("MediaDomain", ("Media/Recordings/**/*.{m4a,qta}",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceMemo(Item):
    """One recording. `duration` is in seconds."""

    title: str | None
    duration: float | None
    folder: str | None

    def fingerprint(self) -> Fingerprint:
        return {
            "when": seconds(self.when),
            "duration": None if self.duration is None else round(self.duration),
            "title": text(self.title),
            "folder": text(self.folder),
            "deleted": self.state is State.DELETED,
        }

    def describe(self) -> str:
        if title := shortened(self.title or ""):
            return _("the recording “{title}”, {day}").format(title=title, day=day(self.when))
        return _("a recording, {day}").format(day=day(self.when))


def voice_memos(source: Source) -> Iterator[Item]:
    """All recordings, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[VoiceMemo]:
    for place in STORES:
        found = False
        for record in source.files(place):
            with source.reading(record), source.database(record) as database:
                for memo in _memos(source, record, database):
                    found = True
                    yield memo
            if found or FileRef(record.domain, record.relative_path) in source.failed:
                return


def _memos(source: Source, record: Record, database: Database) -> Iterator[VoiceMemo]:
    table = database.table("ZCLOUDRECORDING", "ZRECORDING")
    if table is None:
        raise ValueError("it has neither a table ZCLOUDRECORDING nor ZRECORDING")
    columns = Columns(
        table,
        "",
        path=("ZPATH",),
        unique_id=("ZUNIQUEID",),
        title=("ZENCRYPTEDTITLE",),
        label=("ZCUSTOMLABEL",),
        when=("ZDATE",),
        duration=("ZDURATION", "ZLOCALDURATION"),
        folder=("ZFOLDER",),
        deleted=("ZEVICTIONDATE",),
    )
    if {"path", "unique_id"} <= columns.lacking:
        raise ValueError(f"the table {table.name} has neither a column ZPATH nor ZUNIQUEID")
    lacking = columns.lacking & {"when", "duration", "folder", "deleted"}
    if {"title", "label"} <= columns.lacking:
        lacking |= {"title"}
    folders = _folders(database)
    for path, unique_id, title, label, date, duration, folder, deleted in database.rows(
        f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
    ):
        when = from_cocoa(date)
        length = float(duration) if isinstance(duration, int | float) and math.isfinite(duration) else None
        name = posixpath.basename(path) if isinstance(path, str) else ""
        file = _file(source, record, path, name) if isinstance(path, str) and name else None
        # The app shows ZENCRYPTEDTITLE, which is plain text on the phone; beside it ZCUSTOMLABEL is an internal name
        # (*reported*: traceloupe, macOS stores). Older stores have only ZCUSTOMLABEL, and it is the title there.
        shown = _text(title) or _text(label)
        yield VoiceMemo(
            id=name or _text(unique_id) or fingerprint_id((seconds(when), length, shown)),
            when=when,
            title=shown,
            duration=length,
            folder=folders.get(folder) if isinstance(folder, int) else None,
            # Set when it was moved to Recently Deleted (facts/exports 4). No column is known to say that a recording is
            # only in iCloud, so one without a file is absent.
            state=State.LIVE if deleted is None else State.DELETED,
            files=(file,) if file else (),
            absent=0 if file else 1,
            lacking=lacking,
        )


def _folders(database: Database) -> dict[int, str]:
    """The names of folders by primary key (iOS 12 and later; *read*: traceloupe, ZENCRYPTEDNAME is plain text)."""
    table = database.table("ZFOLDER")
    if table is None or not table.has("Z_PK"):
        return {}
    columns = Columns(table, "", key=("Z_PK",), name=("ZENCRYPTEDNAME", "ZNAME"))
    rows = database.rows(f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED LIMIT 100000")  # noqa: S608  quoted
    return {key: shown for key, name in rows if isinstance(key, int) and (shown := _text(name))}


def _file(source: Source, record: Record, path: str, name: str) -> FileRef | None:
    """The recording: beside the store, at the relative path or (old stores have absolute paths) by its name."""
    folder = posixpath.dirname(record.relative_path)
    for relative in dict.fromkeys((f"{folder}/{path}", f"{folder}/{name}")):
        if source.has(record.domain, relative):
            return FileRef(record.domain, relative)
    return None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value) if value is not None and value != "" else None


VOICE_MEMOS = Kind(
    id="voice-memos",
    owner="voice-memos",
    label=mark("recordings"),
    places=STORES,
    beside=RECORDINGS,
    items=voice_memos,
)
