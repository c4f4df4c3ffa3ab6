"""Notes as a kind of item."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.content.item import FileRef, Item
from migrate.content.kind import Kind
from migrate.content.ordering import ordered
from migrate.content.plain_ids import is_plain, merged
from migrate.content.readers.notes.media import DOMAIN, MEDIA
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.old_store import old_notes
from migrate.content.readers.notes.store import NoteStore
from migrate.content.source import Place, Source
from migrate.language import mark

STORE = Place(DOMAIN, ("NoteStore.sqlite",))
OLD_STORE = Place("HomeDomain", ("Library/Notes/notes.sqlite",))


def notes(source: Source) -> Iterator[Item]:
    """All notes of both stores, ordered by id."""
    return merged(_of_store(source), ordered(_of_old_store(source), source.tmp))


def _of_store(source: Source) -> Iterator[Item]:
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            file = FileRef(record.domain, record.relative_path)
            store, plain = NoteStore(source, database, file), is_plain("n.ZIDENTIFIER")
            by_index = store.notes(f"{plain} ORDER BY n.ZIDENTIFIER COLLATE BINARY")
            yield from merged(by_index, ordered(store.notes(f"{plain} IS NOT 1"), source.tmp))


def _of_old_store(source: Source) -> Iterator[Note]:
    for record in source.files(OLD_STORE):
        with source.reading(record), source.database(record) as database:
            yield from old_notes(database, FileRef(record.domain, record.relative_path))


NOTES = Kind(
    id="notes",
    owner="notes",
    label=mark("notes"),
    places=(STORE, OLD_STORE),
    beside=(MEDIA,),
    items=notes,
)
