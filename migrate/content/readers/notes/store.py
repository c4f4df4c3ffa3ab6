"""`NoteStore.sqlite` of iOS 9 and later: notes, folders, accounts and attachments share one table.

Core Data numbers the columns that several of them have (`ZTITLE1`, `ZACCOUNT7`), and a note's number differs between
versions. A column of another entity is NULL in the rows of notes, so a note's column is the one that most notes fill.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from migrate.content.item import FileRef, State, fingerprint_id
from migrate.content.normal_form import from_cocoa
from migrate.content.open_database import Columns, Database
from migrate.content.readers.notes.body import decode_body
from migrate.content.readers.notes.media import Attachments
from migrate.content.readers.notes.note import Note
from migrate.content.source import Source
from migrate.language import _

_ON_PHONE = 3
"""ZACCOUNTTYPE of the account "On My iPhone" (*seen* on macOS 13 and 26), whose identifier is `LocalAccount`."""
_TRASH = 1
"""ZFOLDERTYPE of Recently Deleted, whose identifier begins with `TrashFolder` (*seen*: iOS 17.3, macOS 13 and 26)."""
_MOST_FOLDERS = 100_000
_DEEPEST_FOLDER = 16
"""Deeper than any list of folders (*guessed*), and an end for folders that lie in each other."""
_JOIN_TABLE = re.compile(r"Z_(\d{1,6})NOTES")


class _Folder(NamedTuple):
    name: str | None
    is_trash: bool
    parent: int | None = None


class _Account(NamedTuple):
    name: str | None
    """None: the phone's own."""
    identifier: str


class StoredBody(NamedTuple):
    """What the database has of a note's body."""

    stored: bytes = b""
    salt: object = None
    iterations: object = None
    wrapped_key: object = None
    iv: object = None
    tag: object = None


class NoteStore:
    """One `NoteStore.sqlite`."""

    def __init__(self, source: Source, database: Database, file: FileRef) -> None:
        self.database = database
        self._file = file
        table, bodies = database.table("ZICCLOUDSYNCINGOBJECT"), database.table("ZICNOTEDATA")
        if table is None or bodies is None:
            raise ValueError("it lacks the table ZICCLOUDSYNCINGOBJECT or ZICNOTEDATA")
        if not table.has("Z_PK", "Z_ENT", "ZIDENTIFIER") or not bodies.has("ZNOTE", "ZDATA"):
            raise ValueError("its tables lack columns that every known version has")
        entities = database.entities()
        if not isinstance(entities.get("ICNote"), int):
            raise ValueError("it does not say which of its rows are notes")
        self.table, self.bodies, self.entities, self._note_entity = table, bodies, entities, entities["ICNote"]
        self._folders = self._read_folders()
        self._folder_of_note = self._read_folder_join()
        account = self._column_of_account()
        self._accounts = self._read_accounts()
        self.attachments = Attachments(source, database, table, entities)
        self._columns = Columns(
            table,
            "n",
            key=("Z_PK",),
            id=("ZIDENTIFIER",),
            title=self._of_notes("ZTITLE", "ZTITLE1"),
            folder=self._of_notes("ZFOLDER", "ZFOLDER"),
            account=account,
            created=self._of_notes("ZCREATIONDATE", "ZCREATIONDATE3", "ZCREATIONDATE1"),
            modified=self._of_notes("ZMODIFICATIONDATE", "ZMODIFICATIONDATE1"),
            locked=("ZISPASSWORDPROTECTED",),
            pinned=("ZISPINNED",),
            deleted=("ZMARKEDFORDELETION",),
            first_fetch=("ZNEEDSINITIALFETCHFROMCLOUD",),
        )
        self._query = (
            f"SELECT {self._columns.sql}, d.ZDATA FROM {table.sql} n"  # noqa: S608  names are the schema's own, quoted
            f" LEFT JOIN {bodies.sql} d ON d.ZNOTE = n.Z_PK WHERE n.Z_ENT = {self._note_entity} AND "
        )
        self._lacking = self._columns.lacking & {"title", "locked", "deleted"}
        if "folder" in self._columns.lacking and self._folder_of_note is None:
            self._lacking |= {"folder"}

    def notes(self, condition: str, *values: str) -> Iterator[Note]:
        """The notes for which `condition` holds, which may end in an order."""
        for row in self.database.rows(self._query + condition, *values):
            (key, identifier, title, folder, account, created, modified, locked, pinned, deleted, fetch, data) = row
            stored = _as_bytes(data)
            if self._folder_of_note is not None:
                folder = self._folder_of_note.get(key)
            where = self._folders.get(folder) if isinstance(folder, int) else None
            state = State.LIVE
            if deleted == 1 or (where is not None and where.is_trash):
                state = State.DELETED
            elif fetch == 1 and not stored:
                state = State.ONLY_IN_CLOUD  # *guessed*: what the name of ZNEEDSINITIALFETCHFROMCLOUD says
            shown = None if title is None else str(title)
            attached = self.attachments.of_note(key)
            text, checklist, in_text, digest = _read_body(stored, is_locked=locked == 1)
            if deleted == 1 and (not stored or (text == "" and not attached.identifiers)):
                continue  # what is left of a note that was deleted for good, or that was locked (*seen*: macOS 13)
            yield Note(
                id=str(identifier) if identifier else fingerprint_id((shown, created, digest or text)),
                when=from_cocoa(created),
                modified=from_cocoa(modified),
                state=state,
                account=self._accounts[account].name if account in self._accounts else None,
                files=attached.files,
                offloaded=attached.offloaded + (state is State.ONLY_IN_CLOUD),
                absent=attached.absent,
                title=shown,
                body=text,
                body_digest=digest,
                checklist=checklist,
                attachments=attached.identifiers,
                attachments_in_text=in_text,
                folder=where.name if where else None,
                folders=self._path(folder),
                row=key,
                database=self._file,
                locked=locked == 1,
                pinned=None if pinned is None else bool(pinned),
                lacking=self._lacking,
                undecoded=frozenset({"text", "checklist"}) if digest is not None and locked != 1 else frozenset(),
            )

    def note(self, identifier: str) -> Note | None:
        """The note with this identifier."""
        return next(self.notes("n.ZIDENTIFIER = ? LIMIT 1", identifier), None)

    def body_of(self, note: int) -> StoredBody:
        """The stored body of a note, and what its lock needs, by primary key."""
        of_note = Columns(
            self.table,
            "n",
            salt=("ZCRYPTOSALT",),
            iterations=("ZCRYPTOITERATIONCOUNT",),
            key=("ZCRYPTOWRAPPEDKEY",),
        )
        of_body = Columns(self.bodies, "d", iv=("ZCRYPTOINITIALIZATIONVECTOR",), tag=("ZCRYPTOTAG",))
        query = (
            f"SELECT d.ZDATA, {of_note.sql}, {of_body.sql} FROM {self.table.sql} n"  # noqa: S608  quoted
            f" JOIN {self.bodies.sql} d ON d.ZNOTE = n.Z_PK WHERE n.Z_PK = ? LIMIT 1"
        )
        for data, *lock in self.database.rows(query, note):
            return StoredBody(_as_bytes(data), *lock)
        return StoredBody()

    def _of_notes(self, stem: str, *usual: str) -> tuple[str, ...]:
        """The column `stem` with or without a number that most notes fill; the usual one if none does."""
        return self._most_filled(stem, self._note_entity) or tuple(name for name in usual if self.table.has(name))

    def _most_filled(self, stem: str, entity: object) -> tuple[str, ...]:
        numbered = re.compile(rf"{stem}\d*")
        columns = sorted(filter(numbered.fullmatch, self.table.columns))
        if not columns:
            return ()
        counts = ", ".join(f"COUNT({column})" for column in columns)
        query = f"SELECT {counts} FROM {self.table.sql} WHERE Z_ENT = ?"  # noqa: S608  letters and digits
        (filled,) = self.database.rows(query, entity)
        best = max(filled)
        return (columns[filled.index(best)],) if best else ()

    def _column_of_account(self) -> tuple[str, ...]:
        """The column that gives the most notes an account."""
        entity = self.entities.get("ICAccount")
        best = (0, "")
        for column in sorted(filter(re.compile(r"ZACCOUNT\d*").fullmatch, self.table.columns)):
            query = (
                f"SELECT COUNT(*) FROM {self.table.sql} n JOIN {self.table.sql} a ON a.Z_PK = n.{column}"  # noqa: S608
                " AND a.Z_ENT = ? WHERE n.Z_ENT = ?"
            )
            ((number,),) = self.database.rows(query, entity, self._note_entity)
            best = max(best, (number, column))
        return (best[1],) if best[0] else ()

    @property
    def account_identifiers(self) -> list[str]:
        """The names of the accounts' folders under `Accounts/`."""
        return [account.identifier for account in self._accounts.values()]

    def _path(self, folder: object) -> tuple[str, ...]:
        """The names of a folder and of those around it, from the outermost."""
        names: list[str] = []
        while isinstance(folder, int) and folder in self._folders and len(names) < _DEEPEST_FOLDER:
            found = self._folders[folder]
            names.append(found.name or "")
            folder = found.parent
        return tuple(reversed(names))

    def _read_accounts(self) -> dict[object, _Account]:
        """The accounts by primary key."""
        columns = Columns(
            self.table, "", key=("Z_PK",), name=("ZNAME",), kind=("ZACCOUNTTYPE",), identifier=("ZIDENTIFIER",)
        )
        return {
            key: _Account(
                None if kind == _ON_PHONE or identifier == "LocalAccount" else str(name or _("an unnamed account")),
                str(identifier),
            )
            for key, name, kind, identifier in self._rows_of("ICAccount", columns)
        }

    def _read_folders(self) -> dict[int, _Folder]:
        entity = self.entities.get("ICFolder")
        title = self._most_filled("ZTITLE", entity) or ("ZTITLE2",)
        columns = Columns(
            self.table,
            "",
            key=("Z_PK",),
            name=title,
            kind=("ZFOLDERTYPE",),
            identifier=("ZIDENTIFIER",),
            parent=("ZPARENT",),
        )
        return {
            key: _Folder(
                None if name is None else str(name),
                kind == _TRASH or str(identifier).startswith("TrashFolder"),
                parent if isinstance(parent, int) else None,
            )
            for key, name, kind, identifier, parent in self._rows_of("ICFolder", columns)
        }

    def _rows_of(self, entity: str, columns: Columns) -> Iterator[tuple[Any, ...]]:
        query = f"SELECT {columns.sql} FROM {self.table.sql} WHERE Z_ENT = ? LIMIT {_MOST_FOLDERS}"  # noqa: S608  quoted
        return self.database.rows(query, self.entities.get(entity))

    def _read_folder_join(self) -> dict[int, int] | None:
        """The folder of each note in stores of iOS 9 and 10: `Z_12NOTES (Z_12FOLDERS, Z_9NOTES)`, with any numbers.

        None if notes name their folder themselves (*seen*: iOS 11.2).
        """
        if self.table.has("ZFOLDER"):
            return None
        for name in sorted(self.database.table_names):
            table = self.database.table(name)
            if table is None or (match := _JOIN_TABLE.fullmatch(name)) is None:
                continue
            folder = f"Z_{match[1]}FOLDERS"
            notes = [column for column in table.columns if _JOIN_TABLE.fullmatch(column)]
            if folder in table.columns and len(notes) == 1:
                return dict(self.database.rows(f"SELECT {notes[0]}, {folder} FROM {table.sql}"))  # noqa: S608  digits
        return None


def _as_bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode() if data else b""


def _read_body(
    stored: bytes, *, is_locked: bool
) -> tuple[str | None, tuple[bool, ...] | None, tuple[str, ...], str | None]:
    """Text, checklist, attachments in the text, and the digest of the bytes where there is no text."""
    if not stored and not is_locked:
        return "", (), (), None
    if not is_locked:
        try:
            body = decode_body(stored)
        except ValueError:
            pass
        else:
            return body.text, body.checklist, body.attachments, None
    return None, None, (), hashlib.sha256(stored).hexdigest()
