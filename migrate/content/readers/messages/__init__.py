"""Messages: `sms.db` in HomeDomain, their attachments' files in MediaDomain."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.content.item import Item
from migrate.content.kind import Kind, Part
from migrate.content.readers.common import needed_table
from migrate.content.readers.messages.attachments import SETTINGS, AttachmentFiles
from migrate.content.readers.messages.message import Message
from migrate.content.readers.messages.names import ADDRESS_BOOK, Names
from migrate.content.readers.messages.older import OlderSmsDatabase
from migrate.content.readers.messages.sms_db import SmsDatabase
from migrate.content.source import Place, Source
from migrate.language import mark

STORE = Place("HomeDomain", ("Library/SMS/sms.db",))


def messages(source: Source) -> Iterator[Item]:
    """All messages, ordered by id."""
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            table = needed_table(database, "message")
            files, names = AttachmentFiles(source), Names(source)
            if table.has("guid"):
                stored = SmsDatabase(database, table, files, names, in_full=source.in_full)
                yield from stored.messages(source.tmp)
                source.note_traces("messages", stored.count_traces)
            else:
                yield from OlderSmsDatabase(database, table, files, names).messages(source.tmp)


def _attachments(item: Item) -> int:
    assert isinstance(item, Message)
    return len(item.attachments)


MESSAGES = Kind(
    id="messages",
    owner="messages",
    label=mark("messages"),
    places=(STORE,),
    items=messages,
    beside=(SETTINGS, ADDRESS_BOOK),
    parts=(Part(label=mark("attachments"), count=_attachments),),
)
