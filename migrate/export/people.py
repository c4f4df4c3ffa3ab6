"""Whom an item is about, for `--with`."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.content.item import Item
from migrate.content.kinds import kind
from migrate.content.normal_form import address
from migrate.content.readers.contacts import EMAIL, PHONE, Contact, cards
from migrate.content.readers.messages import STORE
from migrate.content.readers.messages.chats import Chats
from migrate.content.readers.messages.chats import People as Handles
from migrate.content.readers.messages.names import Names
from migrate.content.source import UNREADABLE, Source
from migrate.export.person import People, Person, fits, is_name
from migrate.export.phone_numbers import PhoneNumbers, Regions
from migrate.problems import ExportPersonUnknown

PEOPLE_KINDS = frozenset({"contacts", "messages", "calls", "voicemail", "whatsapp", "whatsapp-business"})
"""The kinds whose items are about people."""
_SMALL = ("calls", "voicemail", "whatsapp-chats", "whatsapp-business-chats")
_LARGE = ("whatsapp", "whatsapp-business")
"""Kinds that are read whole before somebody is said to be unknown; the large ones last."""


def person_called(wanted: str, source: Source) -> Person:
    """The person whom somebody calls `wanted`, with the addresses that the contacts have for that name.

    A contact of exactly this name is meant alone; without one, everybody in whose name it is.

    Raises:
        ExportPersonUnknown: nobody in the backup has this name or number.
    """
    regions, is_exact = Regions((source.backup.folder.readable_info or {}).get("Phone Number")), False
    for card in cards(source):
        for number in _numbers(card):
            regions.look_at(number)
        is_exact = is_exact or (is_name(wanted) and any(fits(wanted, name, is_exact=True) for name in _names(card)))
    numbers = PhoneNumbers(regions.found())
    meant = Person(wanted, people=_people(), numbers=numbers, is_exact=is_exact)
    ids: set[str] = set()
    links: set[int | None] = set()
    for card in cards(source):
        if meant.is_in(card):
            ids.add(card.id)
            links.add(card.link)
    addresses: set[str] = set()
    links.discard(None)
    for card in cards(source) if ids else ():
        if card.id in ids or card.link in links:
            ids.add(card.id)
            if is_name(wanted):
                addresses.update(filter(None, map(address, _reached(card))))
    person = Person(
        wanted, frozenset(addresses), people=_people(), numbers=numbers, is_exact=is_exact, cards=frozenset(ids)
    )
    if not ids and not _is_known(person, source):
        raise ExportPersonUnknown(wanted)
    return person


def _is_known(person: Person, source: Source) -> bool:
    """Whether somebody beside the contacts is this person. If something cannot be read, they may be in it."""
    return (
        _is_in_messages(person, source)
        or any(person.is_in(item) for name in (*_SMALL, *_LARGE) for item in kind(name).items(source))
        or bool(source.failed)
    )


def _is_in_messages(person: Person, source: Source) -> bool:
    """Looks at the people and chats of `sms.db`, which are few."""
    for record in source.files(STORE):
        try:
            with source.database(record) as database:
                handles = Handles(database, Names(source))
                chats = Chats(database, handles)
                if not handles.known or not chats.known:
                    return any(person.is_in(item) for item in kind("messages").items(source))
                known = (name for chat in chats.all() for name in (chat.identifier, chat.title, *chat.members) if name)
                if any(map(person.is_called, handles.addresses())) or any(map(person.is_called, known)):
                    return True
        except UNREADABLE:
            return True
    return False


def _names(card: Contact) -> Iterator[str]:
    """What people may call a contact."""
    names = card.named()
    first, last = names["first"], names["last"]
    for name in (card.full_name(), names["nickname"], first, last):
        if name:
            yield name
    if first and last:
        yield f"{first} {last}"
        yield f"{last} {first}"
        yield f"{last}, {first}"


def _reached(card: Contact) -> Iterator[str]:
    return (value.value for value in card.values if value.property in (PHONE, EMAIL) and value.value)


def _numbers(card: Contact) -> Iterator[str]:
    return (value.value for value in card.values if value.property == PHONE and value.value)


def _people() -> dict[type[Item], People]:
    from migrate.content.readers.calls import Call
    from migrate.content.readers.messages.message import Message
    from migrate.content.readers.voicemail import Voicemail
    from migrate.content.readers.whatsapp import Chat, WhatsAppChat, WhatsAppMessage

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

    def of_chat(chat: Chat) -> Iterator[str | None]:
        yield chat.title
        yield from map(whatsapp_number, (chat.address, *chat.members))

    def of_whatsapp(item: Item) -> Iterator[str | None]:
        assert isinstance(item, WhatsAppMessage)
        yield item.sender and whatsapp_number(item.sender)
        if item.chat is not None:
            yield from of_chat(item.chat)

    def of_whatsapp_chat(item: Item) -> Iterator[str | None]:
        assert isinstance(item, WhatsAppChat)
        yield from of_chat(item.chat)

    def of_contact(item: Item) -> Iterator[str | None]:
        assert isinstance(item, Contact)
        yield from _names(item)
        yield from map(address, _reached(item))

    return {
        Message: of_message,
        Call: of_call,
        Voicemail: of_voicemail,
        WhatsAppMessage: of_whatsapp,
        WhatsAppChat: of_whatsapp_chat,
        Contact: of_contact,
    }


def whatsapp_number(jid: str) -> str:
    """`491701234567@s.whatsapp.net` is +491701234567; of other addresses the part before the @ (*seen*: iOS 15)."""
    user, _at, server = jid.partition("@")
    return f"+{user}" if server == "s.whatsapp.net" and user.isdecimal() else user
