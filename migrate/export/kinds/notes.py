"""`Notes/<folder>/<title>.html` and `.md`, their files in `files/`, and `notes.csv`, a list of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from posixpath import relpath
from urllib.parse import quote

from migrate.content.item import FileRef, State
from migrate.content.readers.notes.attachment import AttachedFile, Attachment, FileKey
from migrate.content.readers.notes.contents import Content, OpenNotes
from migrate.content.readers.notes.locks import Closed, NoteClosed
from migrate.content.readers.notes.note import Note
from migrate.content.source import UNREADABLE
from migrate.export.csv_file import CsvTable, csv_table
from migrate.export.folder import NewFile, Place
from migrate.export.names import iso_time
from migrate.export.notes.markdown import note_markdown
from migrate.export.notes.page import note_page
from migrate.export.notes.text import note_json, note_text
from migrate.export.task import Task
from migrate.language import _, mark
from migrate.problems import BlobMissing, BlobUnreadable, CannotExportHere, ExportFileUnreadable

HEADER = ("title", "folder", "created", "modified", "account", "pinned", "locked", "deleted", "file", "not exported")
OFFLOADED = mark("an attachment of a note is only in iCloud")
ABSENT = mark("an attachment of a note is not in this backup")
UNREAD = mark("an attachment of a note could not be read")
UNDECODED = mark("an attachment of a note cannot be decoded")
_USUAL = ("html", "md")


def write_notes(task: Task) -> None:
    """Write each note in the formats that were chosen."""
    formats = task.formats("html", "md", "txt", "json", usual=_USUAL)
    place = task.top.folder("Notes", key="notes")
    with ExitStack() as closing:
        contents = closing.enter_context(OpenNotes(task.source, task.choice.notes_password))
        table = closing.enter_context(csv_table(place, "notes.csv", HEADER, key="notes/list"))
        lines = closing.enter_context(place.new_file("notes.jsonl", key="notes/json")) if "json" in formats else None
        writer = _Writer(task, place, contents, formats, table, lines)
        for item in task.items():
            assert isinstance(item, Note)
            writer.write(item)


class _Writer:
    def __init__(
        self,
        task: Task,
        place: Place,
        contents: OpenNotes,
        formats: frozenset[str],
        table: CsvTable,
        lines: NewFile | None,
    ) -> None:
        self.task = task
        self.place = place
        self.contents = contents
        self._formats = formats
        self._table = table
        self._lines = lines

    def write(self, note: Note) -> None:
        if note.state is State.ONLY_IN_CLOUD:
            self.task.only_in_icloud(note)
            self._list(note, "", _("it is only in iCloud"))
            return
        try:
            content = self.contents.of(note)
        except CannotExportHere:
            raise
        except NoteClosed as closed:
            self._close(note, closed.why)
        except UNREADABLE:
            self._close(note, Closed.DAMAGED)
        else:
            self._list(note, self._write(note, content), "")
            self.task.exported(note)

    def _close(self, note: Note, why: Closed) -> None:
        self.task.unreadable(note, why.value)
        self._list(note, "", _(why.value))

    def _list(self, note: Note, path: str, reason: str) -> None:
        when = (iso_time(note.when), iso_time(note.modified))
        is_deleted = note.state is State.DELETED
        folder = "/".join(note.folders)
        self._table.row((note.title, folder, *when, note.account, note.pinned, note.locked, is_deleted, path, reason))

    def _write(self, note: Note, content: Content) -> str:
        """Write a note in every format. Returns the path of one, under the folder of all notes."""
        folder = self.folder(note)
        files = NoteFiles(self, note, folder)
        paths = []
        stamp = note.when if note.modified is None else note.modified
        texts: dict[str, Callable[[], str]] = {
            "html": lambda: note_page(note, content, files),
            "md": lambda: note_markdown(note, content, files),
            "txt": lambda: note_text(content),
        }
        for extension, text in texts.items():
            if extension in self._formats:
                name, key = file_name(note, extension), file_key(note, extension)
                paths.append(folder.write(name, text(), key=key, when=stamp))
        if self._lines is not None:
            known = {
                one.identifier: files.paths_of(one)
                for whole in content.attachments.values()
                for one in whole.with_pages()
            }
            shown = note_json(note, content, {name: found for name, found in known.items() if found})
            self._lines.write_text(json.dumps(shown, ensure_ascii=True) + "\n")
        self._name_gaps(content, files)
        return relpath(paths[0], self.place.path) if paths else ""

    def _name_gaps(self, content: Content, files: NoteFiles) -> None:
        for whole in content.attachments.values():
            for attachment in whole.with_pages():
                self.task.gap(OFFLOADED, attachment.offloaded)
                self.task.gap(ABSENT, attachment.absent)
                self.task.gap(UNDECODED, attachment.undecoded)
        known = content.attachments
        named = {piece.run.attachment for paragraph in content.paragraphs for piece in paragraph.pieces} - {None}
        pages = {page.identifier for whole in known.values() for page in whole.pages}
        self.task.gap(ABSENT, len(named - known.keys() - pages))
        self.task.gap(UNREAD, files.failed)

    def folder(self, note: Note) -> Place:
        """The folder of a note: folders of the same name are one, whatever account they are of."""
        place, key = self.place, "notes"
        for name in note.folders:
            key += "/" + quote(name, safe="")
            place = place.folder(name, key=key)
        return place

    def path_of(self, identifier: str, beside: Note) -> str | None:
        """The path under the root that a linked note has or will have; None if it is not exported."""
        note = self.contents.note(beside, identifier)
        if note is None or note.body is None or not self.task.choice.wants(self.task.kind.id, note):
            return None
        extension = next((one for one in (*_USUAL, "txt") if one in self._formats), None)
        if extension is None:
            return None
        folder = self.folder(note)
        return folder.export.named(folder.path, file_name(note, extension), f"file:{file_key(note, extension)}")


class NoteFiles:
    """The files of one note: copied when a page first names them."""

    def __init__(self, writer: _Writer, note: Note, folder: Place) -> None:
        self._writer = writer
        self._note = note
        self._folder = folder
        self._paths: dict[FileRef, str | None] = {}

    @property
    def failed(self) -> int:
        """How many could not be copied."""
        return sum(path is None for path in self._paths.values())

    def file(self, file: AttachedFile) -> str | None:
        path = self._path(file)
        return None if path is None else quote(relpath(path, self._folder.path))

    def note(self, identifier: str) -> str | None:
        path = self._writer.path_of(identifier, self._note)
        return None if path is None else quote(relpath(path, self._folder.path))

    def paths_of(self, attachment: Attachment) -> list[str]:
        """The paths of an attachment's files, under the root of the export."""
        return [path for path in map(self._path, attachment.files) if path is not None]

    def _path(self, file: AttachedFile) -> str | None:
        if file.file not in self._paths:
            task = self._writer.task
            place = self._folder.folder("files", key=f"notes/files/{self._folder.path}")
            key, when = f"{self._note.id}/{file.file.relative_path}", self._note.when
            if file.key is None:
                self._paths[file.file] = task.copy(file.file, place, file.name, key=key, when=when)
            else:
                self._paths[file.file] = _copy_decrypted(task, file, file.key, place, f"notes/{key}", when)
        return self._paths[file.file]


def file_name(note: Note, extension: str) -> str:
    title = (note.title or (note.body or "").strip().partition("\n")[0]).strip() or _("Note")
    return f"{title}.{extension}"


def file_key(note: Note, extension: str) -> str:
    assert note.database is not None
    return f"notes/{note.database.relative_path}/{note.row}.{extension}"


def _copy_decrypted(
    task: Task, file: AttachedFile, key: FileKey, place: Place, name_key: str, when: float | None
) -> str | None:
    """Copy a file of a locked note, decrypted. It gets its name once its tag has been checked."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import GCM

    record = task.backup.record(*file.file)
    if record is None:
        return None
    try:
        decryptor = Cipher(AES(key.key), GCM(key.iv, key.tag)).decryptor()
        with place.new_file(file.name, key=name_key, when=when) as new:
            task.backup.copy(record, lambda chunk: new.write(decryptor.update(chunk)))
            new.write(decryptor.finalize())
    except (InvalidTag, ValueError):
        reason = _("It does not decrypt with the key of its note.")
        task.report(ExportFileUnreadable.of(record, reason=reason).as_finding())
        return None
    except (BlobMissing, BlobUnreadable) as error:
        task.report(ExportFileUnreadable.of(record, reason=error.why).as_finding())
        return None
    return new.path
