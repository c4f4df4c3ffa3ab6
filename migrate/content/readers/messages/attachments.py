"""Attachments of messages: rows of `attachment`, files in MediaDomain `Library/SMS/`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from migrate.content.item import FileRef
from migrate.content.readers.messages.message import Attachment
from migrate.content.source import UNREADABLE, Place, Source

SETTINGS = Place("HomeDomain", ("Library/Preferences/com.apple.madrid.plist",))
_MEDIA, _FOLDER = "MediaDomain", "Library/SMS/"
_ON_THE_PHONE = ("~/", "/var/mobile/", "/private/var/mobile/")
_SYNCED = 1
"""`ck_sync_state` of a row that is in iCloud (*guessed*; 0 is a row that is not)."""
_LONGEST_PATH = 4096
_MOST_OF_A_MESSAGE = 10_000

AttachmentRow = tuple[Any, ...]
"""(number of the message's row, guid, filename, transfer_name, mime_type, ck_sync_state, ck_record_id, is_sticker,
hide_attachment)"""


class Attached(NamedTuple):
    """The attachments of one message, and where their files are."""

    attachments: tuple[Attachment, ...] = ()
    files: tuple[FileRef, ...] = ()
    offloaded: int = 0
    absent: int = 0


NOTHING_ATTACHED = Attached()


class AttachmentFiles:
    """Finds the files of attachments in a backup, and decides whether a missing one is in iCloud."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._messages_in_icloud = _messages_in_icloud(source)

    def attached(self, rows: Iterable[AttachmentRow] | None, *, message_is_in_icloud: bool) -> Attached:
        """The attachments of one message; None if it has none."""
        if rows is None:
            return NOTHING_ATTACHED
        attachments: list[Attachment] = []
        files: list[FileRef] = []
        offloaded = absent = 0
        for _, guid, path, name, mime_type, sync_state, record_id, sticker, hidden in rows:
            if len(attachments) >= _MOST_OF_A_MESSAGE:
                raise ValueError("a message has too many attachments")
            file = self.find(path)
            in_cloud = file is None and (
                self._messages_in_icloud or message_is_in_icloud or is_in_icloud(sync_state, record_id)
            )
            if file is not None:
                files.append(file)
            elif in_cloud:
                offloaded += 1
            else:
                absent += 1
            attachments.append(
                Attachment(
                    str(guid or name or path or ""),
                    _text(name or _last_part(path)),
                    _text(mime_type),
                    file,
                    in_cloud,
                    bool(sticker),
                    bool(hidden),
                )
            )
        return Attached(tuple(attachments), tuple(files), offloaded, absent)

    def find(self, filename: object) -> FileRef | None:
        """The file of an attachment: the database says `~/Library/SMS/…`, and the file is in another domain."""
        if not isinstance(filename, str) or len(filename) > _LONGEST_PATH:
            return None
        path = filename
        for prefix in _ON_THE_PHONE:
            if path.startswith(prefix):
                path = path[len(prefix) :]
                break
        if not path.startswith(_FOLDER):
            return None
        spellings = [path]
        if not path.isascii():  # the two may spell an umlaut differently
            spellings += [unicodedata.normalize(form, path) for form in ("NFC", "NFD")]
        for spelling in dict.fromkeys(spellings):
            if self._source.has(_MEDIA, spelling):
                return FileRef(_MEDIA, spelling)
        return None


class AttachmentStream:
    """The attachments of all messages, in the order of the messages, asked for one message after the other."""

    def __init__(self, rows: Iterator[AttachmentRow]) -> None:
        self._groups = groupby(rows, key=lambda row: row[0])
        self._next = next(self._groups, None)

    def of(self, message: object) -> Iterable[AttachmentRow] | None:
        """The attachments of this message, None if it has none. They must be read before the next message is asked
        for."""
        if self._next is None or self._next[0] != message:
            return None
        return self._take()

    def _take(self) -> Iterator[AttachmentRow]:
        assert self._next is not None
        yield from self._next[1]
        self._next = next(self._groups, None)


def is_in_icloud(sync_state: object, record_id: object) -> bool:
    """Whether a row of a message or an attachment says that iCloud has it."""
    return bool(record_id) or sync_state == _SYNCED


def _messages_in_icloud(source: Source) -> bool:
    """Whether Messages in iCloud was on. An unreadable property list is no evidence for it."""
    for record in source.files(SETTINGS):
        with suppress(*UNREADABLE):
            settings = source.plist(record)
            return isinstance(settings, dict) and settings.get("CloudKitSyncingEnabled") is True
    return False


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST_PATH]


def _last_part(path: object) -> str | None:
    return str(path).rsplit("/", 1)[-1] if path else None
