"""Whom an item is about, for `--with`."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.content.item import Item
from migrate.content.normal_form import address
from migrate.content.readers.messages.names import Names
from migrate.content.source import Source
from migrate.export.person import People, Person

PEOPLE_KINDS = frozenset({"contacts", "messages", "calls", "voicemail", "whatsapp", "whatsapp-business"})
"""The kinds whose items are about people."""


def person_called(wanted: str, source: Source) -> Person:
    """The person whom somebody calls `wanted`, with the addresses that the contacts have for that name."""
    return Person(wanted, Names(source).addresses_of(wanted), _people())


def _people() -> dict[type[Item], People]:
    from migrate.content.readers.calls import Call
    from migrate.content.readers.contacts import Contact
    from migrate.content.readers.messages.message import Message
    from migrate.content.readers.voicemail import Voicemail
    from migrate.content.readers.whatsapp import WhatsAppMessage

    def of_message(item: Item) -> Iterator[str | None]:
        assert isinstance(item, Message)
        yield from (item.sender, item.sender_name)
        for chat in item.chats:
            yield from (chat.identifier, chat.title, *chat.members)

    def of_call(item: Item) -> Iterator[str | None]:
        assert isinstance(item, Call)
        yield address(item.number)
        yield from map(address, item.members)

    def of_voicemail(item: Item) -> Iterator[str | None]:
        assert isinstance(item, Voicemail)
        yield from (address(item.sender), address(item.callback_number))

    def of_whatsapp(item: Item) -> Iterator[str | None]:
        assert isinstance(item, WhatsAppMessage)
        yield item.sender and item.sender.split("@", 1)[0]
        if item.chat is not None:
            yield from (item.chat.title, item.chat.address.split("@", 1)[0])

    def of_contact(item: Item) -> Iterator[str | None]:
        assert isinstance(item, Contact)
        yield " ".join(part for part in item.names if part)
        yield from (address(value.value) for value in item.values if isinstance(value.value, str))

    return {
        Message: of_message,
        Call: of_call,
        Voicemail: of_voicemail,
        WhatsAppMessage: of_whatsapp,
        Contact: of_contact,
    }
