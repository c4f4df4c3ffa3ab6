"""Read `sms.db` of iOS 6 and later: messages ordered by guid, each with its chats and attachments.

Two queries run side by side in the same order: the messages with the numbers of their chats, and the attachments. So a
million messages need no more memory than a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migrate.content.item import Item, State, fingerprint_id
from migrate.content.normal_form import from_cocoa, seconds, text
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.plain_ids import is_plain, merged
from migrate.content.readers.messages.attachments import AttachmentFiles, AttachmentRow, AttachmentStream, is_in_icloud
from migrate.content.readers.messages.chats import Chats, People
from migrate.content.readers.messages.details import DetailColumns
from migrate.content.readers.messages.edits import NO_EDITS, edits_of
from migrate.content.readers.messages.message import Message, digest
from migrate.content.readers.messages.names import Names
from migrate.content.readers.messages.typedstream import text_of

_BY_GUID, _BY_ROW = "m.guid COLLATE BINARY, m.ROWID", "m.ROWID"


class SmsDatabase:
    """One `sms.db`, read message by message."""

    def __init__(
        self, database: Database, message: Table, files: AttachmentFiles, names: Names, *, in_full: bool = False
    ) -> None:
        self._database = database
        self._message = message
        self._files = files
        self._people = People(database, names)
        self._chats = Chats(database, self._people)
        self._columns = Columns(
            message,
            "m",
            attributed=("attributedBody",),
            text=("text",),
            handle=("handle_id",),
            mine=("is_from_me",),
            date=("date",),
            edited=("date_edited",),
            retracted=("date_retracted",),
            summary=("message_summary_info",),
            about=("associated_message_guid",),
            about_type=("associated_message_type",),
            emoji=("associated_message_emoji",),
            event=("item_type",),
            app=("balloon_bundle_id",),
            subject=("subject",),
            service=("service",),
            reply=("thread_originator_guid",),
            sync_state=("ck_sync_state",),
            record_id=("ck_record_id",),
        )
        self._lacking = frozenset(self._find_lacking(self._columns.lacking))
        self._details = DetailColumns(message, self._people) if in_full else None

    def messages(self, tmp: Path) -> Iterator[Item]:
        """All messages, ordered by id."""
        plain = is_plain("m.guid")
        others = ordered(self._read(f"NOT {plain}", _BY_ROW), tmp)
        return merged(self._read(plain, _BY_GUID), others)

    def count_traces(self) -> int:
        """How many messages are known to have been deleted for good. Only their ids are left, for iCloud (*read*:
        traceloupe; *seen* in the schema of iOS 11.2)."""
        table = self._database.table("sync_deleted_messages")
        if table is None or not table.has("guid"):
            return 0
        ((count,),) = self._database.rows(
            f"SELECT COUNT(DISTINCT d.guid) FROM {table.sql} d"  # noqa: S608  the names are quoted
            f" LEFT JOIN {self._message.sql} m ON m.guid = d.guid WHERE m.guid IS NULL"
        )
        return int(count)

    def _find_lacking(self, columns: frozenset[str]) -> Iterator[str]:
        for field, needs in (
            ("body", {"attributed", "text"}),
            ("when", {"date"}),
            ("outgoing", {"mine"}),
            ("edited", {"edited", "summary"}),
            ("versions", {"summary"}),
            ("unsent", {"retracted", "summary"}),
            ("emoji", {"emoji"}),
        ):
            if needs <= columns:
                yield field
        if columns & {"about", "about_type"}:
            yield "reaction"
        if "handle" in columns or not self._people.known:
            yield "sender"
        if not self._chats.known:
            yield "chats"
        if not self._chats.members_known:
            yield "members"
        if self._attachments_query("") is None:
            yield "attachments"

    def _read(self, condition: str, order: str) -> Iterator[Message]:
        query = self._attachments_query(condition, order)
        rows: Iterator[AttachmentRow] = iter(()) if query is None else self._database.rows(query)
        attachments = AttachmentStream(rows)
        for row, chats, deleted_from, deleted in self._rows(condition, order):
            yield self._of_row(row, chats, deleted_from, deleted, attachments)

    def _rows(self, condition: str, order: str) -> Iterator[tuple[tuple[Any, ...], _Rows, _Rows, object]]:
        """Each message once: its row, its chats, the chats it was deleted from and when."""
        joins, chat, removed = "", "NULL", "NULL, NULL"
        table = self._database.table("chat_message_join")
        if table is not None and table.has("chat_id", "message_id"):
            joins += f" LEFT JOIN {table.sql} j ON j.message_id = m.ROWID"
            chat = "j.chat_id"
        table = self._database.table("chat_recoverable_message_join")
        if table is not None and table.has("chat_id", "message_id"):
            joins += f" LEFT JOIN {table.sql} r ON r.message_id = m.ROWID"
            removed = f"r.chat_id, {'r.delete_date' if table.has('delete_date') else 'NULL'}"
        columns = self._columns.sql if self._details is None else f"{self._columns.sql}, {self._details.sql}"
        last: tuple[Any, ...] | None = None
        chats: _Rows = ()
        deleted_from: _Rows = ()
        for row in self._database.rows(
            f"SELECT m.ROWID, m.guid, {chat}, {removed}, {columns}"  # noqa: S608  the names are quoted
            f" FROM {self._message.sql} m{joins} WHERE {condition} ORDER BY {order}"
        ):
            if last is not None and last[0] != row[0]:
                yield last, chats, deleted_from, last[4]
                chats = deleted_from = ()
            last = row
            if row[2] is not None and row[2] not in chats:
                chats += (row[2],)
            if row[3] is not None and row[3] not in deleted_from:
                deleted_from += (row[3],)
            if len(chats) + len(deleted_from) > _MOST_CHATS_OF_A_MESSAGE:
                raise ValueError("a message is in too many chats")
        if last is not None:
            yield last, chats, deleted_from, last[4]

    def _attachments_query(self, condition: str, order: str = "") -> str | None:
        attachment, joins = self._database.table("attachment"), self._database.table("message_attachment_join")
        if attachment is None or joins is None or not joins.has("message_id", "attachment_id"):
            return None
        columns = Columns(
            attachment,
            "a",
            guid=("guid",),
            filename=("filename",),
            name=("transfer_name",),
            mime_type=("mime_type",),
            sync_state=("ck_sync_state",),
            record_id=("ck_record_id",),
            sticker=("is_sticker",),
            hidden=("hide_attachment",),
        )
        return (
            f"SELECT m.ROWID, {columns.sql} FROM {joins.sql} l JOIN {self._message.sql} m ON m.ROWID = l.message_id"  # noqa: S608  quoted
            f" JOIN {attachment.sql} a ON a.ROWID = l.attachment_id WHERE {condition} ORDER BY {order}"
        )

    def _of_row(
        self,
        row: tuple[Any, ...],
        chats: _Rows,
        deleted_from: _Rows,
        deleted: object,
        attachments: AttachmentStream,
    ) -> Message:
        number, guid, _chat, _removed, _date, attributed, stored, handle, mine, date, edited, retracted = row[:12]
        summary, about, about_type, emoji, event, app, subject, service, reply, sync_state, record_id = row[12:23]
        in_icloud = is_in_icloud(sync_state, record_id)
        attached = self._files.attached(attachments.of(number), message_is_in_icloud=in_icloud)
        undecoded = _ALL_DECODED
        edits = edits_of(summary)
        if edits is None:
            undecoded |= {"versions", "unsent"}
        known_edits = edits or NO_EDITS
        unsent = bool(retracted) or bool(known_edits.unsent)
        has_reason = bool(event or about_type or app or unsent or attached.attachments)
        body = body_of(attributed, stored, may_be_empty=has_reason)
        if isinstance(body, bytes):
            undecoded |= {"body"}
        when = from_cocoa(date)
        outgoing = None if mine is None else bool(mine)
        person = None if outgoing else self._people.get(handle)
        found = self._chats.get(chats or deleted_from)
        removed_at = deleted if not chats else None
        changes = [change for change in (edited, retracted, removed_at) if change]
        identity = guid if isinstance(guid, str) and guid else None
        if identity is None:
            words = body if isinstance(body, bytes) else text(body)
            sender = person.address if person else None
            members = tuple((chat.identifier, chat.members) for chat in found)
            identity = fingerprint_id((words, seconds(when), outgoing, sender, members))
        return Message(
            id=identity,
            when=when,
            modified=max((at for change in changes if (at := from_cocoa(change))), default=None) if changes else None,
            state=State.DELETED if deleted_from and not chats else State.LIVE,
            files=attached.files,
            offloaded=attached.offloaded,
            absent=attached.absent,
            lacking=self._lacking,
            undecoded=undecoded,
            body=body,
            outgoing=outgoing,
            sender=person.address if person else None,
            sender_name=person.name if person else None,
            chats=found,
            attachments=attached.attachments,
            subject=_text(subject),
            service=_text(service),
            event=event if isinstance(event, int) else 0,
            app=_text(app),
            reply_to=_text(reply),
            reaction=_reaction(about_type, about),
            emoji=_text(emoji),
            versions=digest(summary) if edits is None else known_edits.versions,
            edited=bool(edited) or bool(known_edits.versions),
            unsent=unsent,
            unsent_parts=known_edits.unsent,
            details=None
            if self._details is None
            else self._details.of(row[23:], app, attributed, known_edits.times, removed_at),
        )


_Rows = tuple[object, ...]
_ALL_DECODED: frozenset[str] = frozenset()
_MOST_CHATS_OF_A_MESSAGE = 1000


def body_of(attributed: object, stored: object, *, may_be_empty: bool) -> str | bytes | None:
    """The text of a message: `attributedBody` if it decodes, else `text`.

    Bytes stand for a text that is unknown: the digest of what could not be decoded, or `b""` if nothing is stored and
    nothing explains it (`may_be_empty`: events, reactions, attachments without words, unsent messages).
    """
    decoded = text_of(attributed) if isinstance(attributed, bytes) else None
    if decoded:
        return decoded
    if isinstance(stored, str) and stored:
        return stored
    if decoded is not None:
        return decoded
    if attributed is not None:
        return digest(attributed)
    if stored is not None:
        return stored if isinstance(stored, str) else digest(stored)
    return None if may_be_empty else b""


def _reaction(about_type: object, about: object) -> tuple[int, str] | None:
    if not about_type and not about:
        return None
    return about_type if isinstance(about_type, int) else 0, str(about or "")


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
