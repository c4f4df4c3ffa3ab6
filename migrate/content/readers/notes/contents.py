"""The contents of notes with their styles and attachments, asked for note by note.

    with OpenNotes(source, password) as contents:
        for note in kind("notes").items(source):
            content = contents.of(note)

The items themselves stay small: proof and counts read them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from migrate.content.item import FileRef
from migrate.content.open_database import Database
from migrate.content.readers.notes.attachment import Attachment
from migrate.content.readers.notes.attachments import AttachmentReader
from migrate.content.readers.notes.body import decode_body
from migrate.content.readers.notes.locks import Closed, Lock, NoteClosed, Password
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.old_body import old_paragraphs
from migrate.content.readers.notes.old_store import old_content
from migrate.content.readers.notes.paragraphs import Paragraph, paragraphs
from migrate.content.readers.notes.store import NoteStore
from migrate.content.source import Source


@dataclass(frozen=True)
class Content:
    """What a person sees of a note."""

    paragraphs: tuple[Paragraph, ...]
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    """By identifier."""

    @property
    def not_in_text(self) -> tuple[Attachment, ...]:
        """Those that no place in the text names: they are shown below it."""
        named = {piece.run.attachment for paragraph in self.paragraphs for piece in paragraph.pieces}
        pages = {page.identifier for one in self.attachments.values() for page in one.pages}
        return tuple(one for one in self.attachments.values() if one.identifier not in named | pages)


@dataclass
class _Opened:
    database: Database
    store: NoteStore | None
    """None: the older database."""
    attachments: AttachmentReader | None


class OpenNotes:
    """Notes that are open for reading. Used from one thread; leaving the block closes the databases.

    Args:
        password: of locked notes, if it is known.
    """

    def __init__(self, source: Source, password: str | None = None) -> None:
        self._source = source
        self._password = Password(password)
        self._open: dict[FileRef, _Opened] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.clear()
        self._closing.close()

    def of(self, note: Note) -> Content:
        """The content of a note.

        Raises:
            NoteClosed: it is locked or damaged.
            MigrateError, OSError, sqlite3.Error, ValueError: its database cannot be read any more.
        """
        opened = self._opened(note)
        assert note.row is not None, "every reader of notes sets it"
        if opened.store is None or opened.attachments is None:
            return Content(tuple(old_paragraphs(old_content(opened.database, note.row))))
        body = opened.store.body_of(note.row)
        stored = body.stored
        if note.locked:
            lock = Lock.of(body.salt, body.iterations, body.wrapped_key)
            stored = self._password.body(stored, lock, body.iv, body.tag)
        elif not stored:
            return Content((), self._attachments(opened, note))
        try:
            shown = tuple(paragraphs(decode_body(stored)))
        except ValueError as error:
            raise NoteClosed(Closed.DAMAGED) from error
        return Content(shown, self._attachments(opened, note))

    def note(self, beside: Note, identifier: str) -> Note | None:
        """Another note of the same database."""
        store = self._opened(beside).store
        return None if store is None else store.note(identifier)

    def _attachments(self, opened: _Opened, note: Note) -> dict[str, Attachment]:
        assert opened.attachments is not None and note.row is not None
        found = opened.attachments.of_note(note.row, is_locked=note.locked)
        return {attachment.identifier: attachment for attachment in found}

    def _opened(self, note: Note) -> _Opened:
        file = note.database
        assert file is not None, "every reader of notes sets it"
        if file not in self._open:
            record = self._source.backup.record(*file)
            if record is None:
                raise ValueError("its database is not in the backup")
            database = self._closing.enter_context(self._source.database(record))
            store = attachments = None
            if database.table("ZICCLOUDSYNCINGOBJECT") is not None:
                store = NoteStore(self._source, database, file)
                attachments = AttachmentReader(self._source, store, self._password)
            self._open[file] = _Opened(database, store, attachments)
        return self._open[file]
