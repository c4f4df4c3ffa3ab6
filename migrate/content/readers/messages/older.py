"""Read `sms.db` of iOS 5 and older. Its layout is *reported* (published descriptions of iPhone backups), not seen.

A message has no guid, except iMessages of iOS 5 (`madrid_guid`). `date` counts seconds since 1970, for iMessages since
2001. A chat is a `msg_group` with its `group_member`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from migrate.content.item import Item, fingerprint_id
from migrate.content.normal_form import address, from_cocoa, plausible, seconds, text
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.readers.messages.attachments import AttachmentFiles, AttachmentRow, AttachmentStream
from migrate.content.readers.messages.chats import Person, chat_of, limited
from migrate.content.readers.messages.message import Chat, Message
from migrate.content.readers.messages.names import Names
from migrate.content.readers.messages.sms_db import body_of

_SENT = 1
"""Bit of `flags`: 2 is received, 3 sent."""
_MADRID_FROM_ME = 4
"""Bit of `madrid_flags`: 36869 is sent, 12289 received."""
_LACKING = frozenset({"reaction", "emoji", "edited", "versions", "unsent"})


class OlderSmsDatabase:
    """One `sms.db` whose messages have an address and flags."""

    def __init__(self, database: Database, message: Table, files: AttachmentFiles, names: Names) -> None:
        self._database = database
        self._message = message
        self._files = files
        self._names = names
        self._chats = self._read_chats()
        self._lacking = _LACKING | (frozenset() if self._chats is not None else {"members", "chats"})

    def messages(self, tmp: Path) -> Iterator[Item]:
        """All messages, ordered by id."""
        return ordered(self._read(), tmp)

    def _read_chats(self) -> dict[object, Chat] | None:
        members = self._database.table("group_member")
        if members is None or not members.has("group_id", "address") or not self._message.has("group_id"):
            return None
        people: dict[object, set[Person]] = {}
        query = f"SELECT group_id, address FROM {members.sql} NOT INDEXED"  # noqa: S608  the name is quoted
        for group, stored in limited(self._database.rows(query)):
            if person := self._person(stored):
                people.setdefault(group, set()).add(person)
        return {group: chat_of(_only(found), None, None, found) for group, found in people.items()}

    def _person(self, stored: object) -> Person | None:
        normalised = address(stored) if isinstance(stored, str) else None
        return Person(normalised, self._names.name_of(normalised)) if normalised else None

    def _read(self) -> Iterator[Message]:
        columns = Columns(
            self._message,
            "m",
            attributed=("madrid_attributedBody",),
            text=("text",),
            address=("madrid_handle", "address"),
            flags=("flags",),
            madrid_flags=("madrid_flags",),
            madrid=("is_madrid",),
            date=("date",),
            group=("group_id",),
            guid=("madrid_guid",),
            subject=("subject",),
        )
        attachments = AttachmentStream(self._attachment_rows())
        for number, *row in self._database.rows(
            f"SELECT m.ROWID, {columns.sql} FROM {self._message.sql} m ORDER BY m.ROWID"  # noqa: S608  names are quoted
        ):
            yield self._of_row(row, attachments.of(number))

    def _attachment_rows(self) -> Iterator[AttachmentRow]:
        table = self._database.table("madrid_attachment")
        if table is None or not table.has("message_id"):
            return iter(())
        columns = Columns(
            table, "a", guid=("attachment_guid",), filename=("filename",), name=(), mime_type=("mime_type",)
        )
        return self._database.rows(
            f"SELECT m.ROWID, {columns.sql}, NULL, NULL, NULL, NULL FROM {table.sql} a"  # noqa: S608  names are quoted
            f" JOIN {self._message.sql} m ON m.ROWID = a.message_id ORDER BY m.ROWID"
        )

    def _of_row(self, row: list[Any], attachment_rows: Iterable[AttachmentRow] | None) -> Message:
        attributed, stored, number, flags, madrid_flags, madrid, date, group, guid, subject = row
        attached = self._files.attached(attachment_rows, message_is_in_icloud=False)
        body = body_of(attributed, stored, may_be_empty=bool(attached.attachments))
        when = from_cocoa(date) if madrid else plausible(date)
        bits, bit = (madrid_flags, _MADRID_FROM_ME) if madrid else (flags, _SENT)
        outgoing = bool(bits & bit) if isinstance(bits, int) else None
        person = None if outgoing else self._person(number)
        chat = (self._chats or {}).get(group)
        chats = (chat,) if chat else ()
        words = body if isinstance(body, bytes) else text(body)
        fields = (words, seconds(when), outgoing, person and person.address, tuple(chat.members for chat in chats))
        return Message(
            id=guid if isinstance(guid, str) and guid else fingerprint_id(fields),
            when=when,
            files=attached.files,
            offloaded=attached.offloaded,
            absent=attached.absent,
            lacking=self._lacking,
            undecoded=frozenset({"body"}) if isinstance(body, bytes) else frozenset(),
            body=body,
            outgoing=outgoing,
            sender=person.address if person else None,
            sender_name=person.name if person else None,
            chats=chats,
            attachments=attached.attachments,
            subject=str(subject) if subject else None,
            service="iMessage" if madrid else "SMS",
        )


def _only(people: set[Person]) -> str | None:
    """A chat with one person is named by the address, like `chat_identifier` of iOS 6 and later."""
    return next(iter(people)).address if len(people) == 1 else None
