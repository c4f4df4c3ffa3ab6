"""Attachments of notes, and their files in the backup.

Accounts/<account>/Media/<identifier of the media row>/[<generation>/]<file name>
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import NamedTuple

from migrate.content.item import FileRef
from migrate.content.open_database import Columns, Database, Table
from migrate.content.source import Place, Source

DOMAIN = "AppDomainGroup-group.com.apple.notes"
MEDIA = Place(DOMAIN, ("Accounts/*/Media/**", "Media/**"))
"""The second is where iOS 9 and 10 had them (*reported*: apple_cloud_notes_parser)."""
_ATTACHMENT_ENTITIES = ("ICAttachment", "ICInlineAttachment")


def without_generation(relative_path: str) -> str:
    """The path of a note's picture without its generation, which the new phone may choose anew (*guessed*).

    Two paths that are equal without it name the same picture: compare those, then the contents.
    """
    above, folders = _split(relative_path)
    if len(folders) == 3:
        del folders[1]
    return above + "/".join(folders)


def _split(relative_path: str) -> tuple[str, list[str]]:
    """The path up to and with `Media/`, and the components below it: identifier, perhaps generation, file name."""
    above, media, below = relative_path.partition("Media/")
    return above + media, below.split("/")


class NoteFiles(NamedTuple):
    """What is attached to one note."""

    identifiers: tuple[str, ...] = ()
    files: tuple[FileRef, ...] = ()
    offloaded: int = 0
    absent: int = 0


class Medium(NamedTuple):
    """A media row: what a file is called, and where it is."""

    key: object
    identifier: str
    generation: str | None
    name: str | None
    is_in_cloud: bool


class Attachments:
    """All attachments of a store, by the primary key of their note. They are small, and are held in memory."""

    def __init__(self, source: Source, database: Database, table: Table, entities: dict[str, int]) -> None:
        self._on_disk = _media_folders(source)
        self._of_note: dict[int, list[tuple[int, str, object]]] = defaultdict(list)
        self._of_attachment: dict[int, list[Medium]] = defaultdict(list)
        self._by_key: dict[int, Medium] = {}
        kept = " AND ZMARKEDFORDELETION IS NOT 1" if table.has("ZMARKEDFORDELETION") else ""
        self._read_attachments(database, table, entities, kept)
        self._read_media(database, table, entities, kept)

    def _read_attachments(self, database: Database, table: Table, entities: dict[str, int], kept: str) -> None:
        numbers = [entities[name] for name in _ATTACHMENT_ENTITIES if isinstance(entities.get(name), int)]
        note = numbered(table, "ZNOTE")
        columns = Columns(table, "", key=("Z_PK",), note=note, id=("ZIDENTIFIER",), medium=("ZMEDIA",))
        for key, note, identifier, medium in database.rows(
            f"SELECT {columns.sql} FROM {table.sql} WHERE Z_ENT IN ({', '.join(map(str, numbers))}){kept}"  # noqa: S608
        ):
            if isinstance(note, int) and isinstance(key, int):
                self._of_note[note].append((key, str(identifier), medium))

    def _read_media(self, database: Database, table: Table, entities: dict[str, int], kept: str) -> None:
        if not isinstance(entities.get("ICMedia"), int):
            return
        columns = Columns(
            table,
            "",
            key=("Z_PK",),
            id=("ZIDENTIFIER",),
            name=("ZFILENAME",),
            generation=numbered(table, "ZGENERATION"),
            attachment=numbered(table, "ZATTACHMENT"),
            # *guessed*: what the names of the columns say
            first_fetch=("ZNEEDSINITIALFETCHFROMCLOUD",),
            fetch=("ZNEEDSTOBEFETCHEDFROMCLOUD",),
        )
        for key, identifier, name, generation, attachment, first_fetch, fetch in database.rows(
            f"SELECT {columns.sql} FROM {table.sql} WHERE Z_ENT = ?{kept}",  # noqa: S608  quoted
            entities["ICMedia"],
        ):
            medium = Medium(
                key,
                str(identifier),
                str(generation) if generation else None,
                str(name) if name else None,
                first_fetch == 1 or fetch == 1,
            )
            if isinstance(attachment, int):
                self._of_attachment[attachment].append(medium)
            elif isinstance(key, int):
                self._by_key[key] = medium

    def of_note(self, note: int) -> NoteFiles:
        found = self._of_note.get(note)
        if not found:
            return NoteFiles()
        files: dict[FileRef, None] = {}
        offloaded = absent = 0
        for key, _identifier, medium_key in found:
            for medium in self.media_of(key, medium_key):
                present = self.files_of(medium)
                files.update(dict.fromkeys(present))
                if not present and medium.name is not None:  # rows of locked notes may have no file name
                    offloaded += medium.is_in_cloud
                    absent += not medium.is_in_cloud
        return NoteFiles(tuple(sorted(found_id for _key, found_id, _medium in found)), tuple(files), offloaded, absent)

    def keys_of(self, note: int) -> list[int]:
        """The primary keys of the attachments of a note."""
        return [key for key, _identifier, _medium in self._of_note.get(note, ())]

    def media_of(self, attachment: int, medium_key: object) -> list[Medium]:
        """The media rows of an attachment, which names one or is named by them."""
        media = list(self._of_attachment.get(attachment, ()))
        if isinstance(medium_key, int) and medium_key in self._by_key:
            media.append(self._by_key[medium_key])
        return media

    def files_of(self, medium: Medium) -> tuple[FileRef, ...]:
        """The files of a media row: those of its generation, of its name, or else all in its folder."""
        paths = self._on_disk.get(medium.identifier, [])
        if len(paths) > 1:
            name = _normal(medium.name or "")
            of_generation = [path for path in paths if _split(path)[1][1] == medium.generation]
            of_name = [path for path in of_generation or paths if _normal(path.rpartition("/")[2]) == name]
            paths = of_name or of_generation or paths
        return tuple(FileRef(DOMAIN, path) for path in paths)


def _media_folders(source: Source) -> dict[str, list[str]]:
    """The paths of media files by the identifier of their media row."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in source.files(MEDIA):
        identifier, *below = _split(record.relative_path)[1]
        if below:
            found[identifier].append(record.relative_path)
    return found


def numbered(table: Table, stem: str) -> tuple[str, ...]:
    """The columns `stem` with and without a number. A row fills only those of its own entity."""
    return tuple(sorted(filter(re.compile(rf"{stem}\d*").fullmatch, table.columns)))


def _normal(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)
