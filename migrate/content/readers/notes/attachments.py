"""Read what is attached to a note, with its own data: tables, links, words in the text, files.

The keys of a locked note's attachments are in their own rows, and what a row says is encrypted as JSON in
ZENCRYPTEDVALUESJSON; its files are encrypted with the same key (*read*: apple_cloud_notes_parser, AppleDecrypter.rb and
AppleNotesEmbeddedPublicJpeg.rb; no such attachment was at hand).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from migrate.content.item import FileRef
from migrate.content.open_database import Columns
from migrate.content.readers.notes.attachment import DRAWN, GALLERY, TABLE, AttachedFile, Attachment, FileKey
from migrate.content.readers.notes.locks import Lock, NoteClosed, Password, decrypted
from migrate.content.readers.notes.media import DOMAIN, Medium, numbered
from migrate.content.readers.notes.store import NoteStore
from migrate.content.readers.notes.table import Table, read_table, texts_in
from migrate.content.source import Source

_AT_ONCE = 500
_LINKED_NOTE = re.compile(r"applenotes:note/([0-9A-Fa-f-]{36})")
_PICTURES = ("png", "jpg", "jpeg", "heic")


class _Row(NamedTuple):
    key: int
    identifier: str
    type: str
    title: str | None
    text: str | None
    token: str | None
    url: str | None
    medium: object
    parent: object
    data: bytes | None
    picture_generation: str | None
    pdf_generation: str | None
    encrypted: bytes | None
    lock: Lock
    iv: object
    tag: object
    picture_iv: object
    picture_tag: object


class AttachmentReader:
    """The attachments of one store's notes."""

    def __init__(self, source: Source, store: NoteStore, password: Password) -> None:
        self._source = source
        self._store = store
        self._password = password
        table = store.table
        self._columns = Columns(
            table,
            "",
            key=("Z_PK",),
            identifier=("ZIDENTIFIER",),
            type=numbered(table, "ZTYPEUTI"),
            title=("ZUSERTITLE", "ZTITLE"),
            text=("ZALTTEXT",),
            token=("ZTOKENCONTENTIDENTIFIER",),
            url=("ZURLSTRING",),
            medium=("ZMEDIA",),
            parent=numbered(table, "ZPARENTATTACHMENT"),
            data=numbered(table, "ZMERGEABLEDATA"),
            picture_generation=("ZFALLBACKIMAGEGENERATION",),
            pdf_generation=("ZFALLBACKPDFGENERATION",),
            encrypted=("ZENCRYPTEDVALUESJSON",),
            salt=("ZCRYPTOSALT",),
            iterations=("ZCRYPTOITERATIONCOUNT",),
            wrapped_key=("ZCRYPTOWRAPPEDKEY",),
            iv=("ZCRYPTOINITIALIZATIONVECTOR",),
            tag=("ZCRYPTOTAG",),
            picture_iv=("ZFALLBACKIMAGECRYPTOINITIALIZATIONVECTOR",),
            picture_tag=("ZFALLBACKIMAGECRYPTOTAG",),
        )
        self._media_columns = Columns(
            table,
            "",
            encrypted=("ZENCRYPTEDVALUESJSON",),
            salt=("ZCRYPTOSALT",),
            iterations=("ZCRYPTOITERATIONCOUNT",),
            wrapped_key=("ZCRYPTOWRAPPEDKEY",),
            iv=("ZCRYPTOINITIALIZATIONVECTOR",),
            tag=("ZCRYPTOTAG",),
            file_iv=("ZASSETCRYPTOINITIALIZATIONVECTOR",),
            file_tag=("ZASSETCRYPTOTAG",),
        )

    def of_note(self, note: int, *, is_locked: bool) -> list[Attachment]:
        """The attachments of a note, pages of scanned documents inside them."""
        rows = {row.key: row for row in self._rows(self._store.attachments.keys_of(note))}
        found = {key: self._attachment(row, is_locked=is_locked) for key, row in rows.items()}
        by_identifier = {row.identifier: key for key, row in rows.items()}
        pages: set[int] = set()
        for key, row in rows.items():
            if row.type == GALLERY and key not in pages:
                named = [by_identifier[name] for name in self._page_names(row, is_locked) if name in by_identifier]
                children = [child for child, one in rows.items() if one.parent == key]
                of_it = [child for child in dict.fromkeys((*named, *children)) if child != key and child not in pages]
                of_it = [child for child in of_it if rows[child].type != GALLERY]
                pages.update(of_it)
                found[key] = replace(found[key], pages=tuple(found[child] for child in of_it))
        return [attachment for key, attachment in found.items() if key not in pages]

    def _rows(self, keys: list[int]) -> Iterator[_Row]:
        table, columns = self._store.table, self._columns
        for begin in range(0, len(keys), _AT_ONCE):
            some = keys[begin : begin + _AT_ONCE]
            query = f"SELECT {columns.sql} FROM {table.sql} WHERE Z_PK IN ({', '.join('?' * len(some))})"  # noqa: S608
            for row in self._store.database.rows(query, *some):
                known = dict(zip(columns.names, row, strict=True))
                lock = Lock.of(known.pop("salt"), known.pop("iterations"), known.pop("wrapped_key"))
                for name in ("identifier", "type", "title", "text", "token", "url", "picture_generation"):
                    known[name] = None if known[name] is None else str(known[name])
                known["pdf_generation"] = str(known["pdf_generation"] or "") or None
                known["type"] = known["type"] or ""
                for name in ("data", "encrypted"):
                    known[name] = known[name] if isinstance(known[name], bytes) else None
                yield _Row(lock=lock, **known)

    def _attachment(self, row: _Row, *, is_locked: bool) -> Attachment:
        key, values = self._unlocked(row) if is_locked else (None, {})
        undecoded = is_locked and key is None
        title = _text(values, "title") or row.title
        link = _LINKED_NOTE.match(row.token or "")
        data = _data(values) or row.data
        table: Table | None = None
        if row.type == TABLE:
            try:
                table = read_table(data or b"")
            except ValueError:
                undecoded = True
        files, offloaded, absent, is_damaged = self._files(row, key, is_locked)
        return Attachment(
            identifier=row.identifier,
            type=row.type,
            title=title,
            text=_text(values, "altText") or row.text,
            url=_text(values, "urlString") or row.url,
            note=link[1].upper() if link else None,
            files=tuple(files),
            table=table,
            offloaded=offloaded,
            absent=absent,
            undecoded=undecoded or is_damaged,
        )

    def _page_names(self, row: _Row, is_locked: bool) -> list[str]:
        """The identifiers of a scanned document's pages, in order."""
        data = (_data(self._unlocked(row)[1]) if is_locked else None) or row.data
        try:
            return [] if data is None else texts_in(data)
        except ValueError:
            return []

    # -- locked ones -------------------------------------------------------------------------------------------------

    def _unlocked(self, row: _Row) -> tuple[bytes | None, dict[str, Any]]:
        """The key of a locked attachment, and what its row says."""
        try:
            key = self._password.key(row.lock)
        except NoteClosed:
            return None, {}
        return key, {} if key is None else _values(key, row.iv, row.tag, row.encrypted)

    # -- files -------------------------------------------------------------------------------------------------------

    def _files(self, row: _Row, key: bytes | None, is_locked: bool) -> tuple[list[AttachedFile], int, int, bool]:
        """Its files, how many are only in the cloud, how many are gone, and whether one cannot be decrypted."""
        found: list[AttachedFile] = []
        offloaded = absent = 0
        is_damaged = False
        for medium in self._store.attachments.media_of(row.key, row.medium):
            present = self._store.attachments.files_of(medium)
            name, file_key = medium.name, None
            if is_locked:
                name, file_key = self._of_locked_medium(medium)
                if file_key is None:
                    is_damaged |= bool(present)
                    continue
            found += [AttachedFile(file, name or file.relative_path.rpartition("/")[2], file_key) for file in present]
            if not present and (name is not None or is_locked):
                offloaded += medium.is_in_cloud
                absent += not medium.is_in_cloud
        if not found and row.type.startswith(DRAWN):
            drawn = self._drawn(row, key, is_locked)
            found += drawn
            absent += not drawn
        return found, offloaded, absent, is_damaged

    def _of_locked_medium(self, medium: Medium) -> tuple[str | None, FileKey | None]:
        """The name of a locked file, and what decrypts it."""
        table, columns = self._store.table, self._media_columns
        query = f"SELECT {columns.sql} FROM {table.sql} WHERE Z_PK = ? LIMIT 1"  # noqa: S608  quoted
        for encrypted, salt, iterations, wrapped, iv, tag, file_iv, file_tag in self._store.database.rows(
            query, medium.key
        ):
            try:
                key = self._password.key(Lock.of(salt, iterations, wrapped))
            except NoteClosed:
                continue
            if key is not None and isinstance(file_iv, bytes) and isinstance(file_tag, bytes):
                values = _values(key, iv, tag, encrypted if isinstance(encrypted, bytes) else None)
                return _text(values, "filename"), FileKey(key, file_iv, file_tag)
        return None, None

    def _drawn(self, row: _Row, key: bytes | None, is_locked: bool) -> list[AttachedFile]:
        """The picture that Notes keeps of a drawing, or the PDF of an edited scan."""
        ending, file_key = "", None
        if is_locked:
            if key is None or not isinstance(row.picture_iv, bytes) or not isinstance(row.picture_tag, bytes):
                return []
            ending, file_key = ".encrypted", FileKey(key, row.picture_iv, row.picture_tag)
        for path in _drawn_paths(row):
            for account in (*(f"Accounts/{one}/" for one in self._store.account_identifiers), ""):
                whole = f"{account}{path}{ending}"
                if self._source.has(DOMAIN, whole):
                    extension = path.rpartition(".")[2]
                    name = f"{row.title}.{extension}" if row.title else path.rpartition("/")[2]
                    return [AttachedFile(FileRef(DOMAIN, whole), name, file_key)]
        return []


def _drawn_paths(row: _Row) -> Iterator[str]:
    """Where such a picture may be (*read*: AppleNotesEmbeddedDrawing.rb and …PaperDocScan.rb of the same)."""
    if row.pdf_generation:
        yield f"FallbackPDFs/{row.identifier}/{row.pdf_generation}/FallbackPDF.pdf"
    for extension in _PICTURES:
        if row.picture_generation:
            yield f"FallbackImages/{row.identifier}/{row.picture_generation}/FallbackImage.{extension}"
        yield f"FallbackImages/{row.identifier}.{extension}"


def _values(key: bytes, iv: object, tag: object, encrypted: bytes | None) -> dict[str, Any]:
    """What a locked row says."""
    if encrypted is None:
        return {}
    try:
        values = json.loads(decrypted(key, iv, tag, encrypted))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None


def _data(values: dict[str, Any]) -> bytes | None:
    try:
        return base64.b64decode(_text(values, "mergeableData") or "", validate=True) or None
    except (binascii.Error, ValueError):
        return None
