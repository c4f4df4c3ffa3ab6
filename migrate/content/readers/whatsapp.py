"""WhatsApp and WhatsApp Business: messages and chats in `ChatStorage.sqlite`, media files beside it.

Columns *seen* in a store of 2023 (iOS 15, shared/data). Each Core Data entity has a table of its own, so no column is
numbered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from migrate.backup.record import Record
from migrate.content.item import FileRef, Fingerprint, Item, State, fingerprint_id
from migrate.content.kind import Kind, Part
from migrate.content.normal_form import day, from_cocoa, seconds, text
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.plain_ids import is_plain, merged
from migrate.content.readers.whatsapp_details import WhatsAppDetailColumns, WhatsAppDetails, whatsapp_details
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

WHATSAPP = (
    Place("AppDomainGroup-group.net.whatsapp.WhatsApp.shared", ("ChatStorage.sqlite",)),
    Place("AppDomain-net.whatsapp.WhatsApp", ("Documents/ChatStorage.sqlite",)),
)
BUSINESS = (Place("AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared", ("ChatStorage.sqlite",)),)
_MEDIA_FOLDERS = ("Message/", "Library/", "")
"""Before `ZMEDIALOCALPATH`, `Media/<chat>/…`. `Library/` in the old container and none at all are *guessed*."""
_TEXT, _CONTACT, _LOCATION = 0, 4, 5
"""`ZMESSAGETYPE`. The coordinates of a picture are its width and height (*seen*)."""
_MOST_ROWS = 1_000_000
_LONGEST_TEXT, _LONGEST_PATH = 1000, 4096
_ALL_DECODED: frozenset[str] = frozenset()
_KEPT = 1000
"""Senders whose normal form is remembered."""


class Chat(NamedTuple):
    """A chat with a person or a group."""

    address: str
    """Its JID, in lower case: `491701234567@s.whatsapp.net`, `1203…@g.us`."""
    title: str | None
    members: tuple[str, ...]
    """Of a group: the JIDs of those who are still in it, sorted."""
    removed: bool
    last: float | None
    member_names: tuple[str | None, ...] = ()
    """The names of `members`, as the phone's owner or they themselves chose."""

    @property
    def is_group(self) -> bool:
        return self.address.endswith("@g.us")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppMessage(Item):
    """A message or an event in a chat."""

    body: str | bytes | None
    """The text; bytes if it is unknown (`undecoded`); None for messages without one."""
    outgoing: bool | None
    sender: str | None
    """The JID; None if the phone's owner wrote it."""
    chat: Chat | None
    type: int
    caption: str | None = None
    card: str | None = None
    """A contact that was sent, as a vCard."""
    location: tuple[float, float] | None = None
    attachment: str | None = None
    """The digest of the media file as WhatsApp stores it, or a contact's name. It stays when the file is not here."""
    sender_name: str | None = None
    details: WhatsAppDetails | None = None

    def fingerprint(self) -> Fingerprint:
        chat = self.chat
        return {
            "body": self.body if isinstance(self.body, bytes) else text(self.body) or None,
            "when": seconds(self.when),
            "outgoing": self.outgoing,
            "sender": self.sender,
            "chat": chat.address if chat else None,
            "members": chat.members if chat else (),
            "type": self.type,
            "caption": text(self.caption) or None,
            "card": text(self.card) or None,
            "location": self.location,
            "attachment": self.attachment,
        }

    def describe(self) -> str:
        if self.chat is None:
            return _("a WhatsApp message in no chat, {day}").format(day=day(self.when))
        return _describe(
            self.chat,
            _("a WhatsApp message in the chat “{title}”, {day}"),
            _("a WhatsApp message in the chat with {who}, {day}"),
            day=day(self.when),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppChat(Item):
    """A chat. `when` is the time of its last message."""

    chat: Chat

    def fingerprint(self) -> Fingerprint:
        return {"title": text(self.chat.title), "members": self.chat.members}

    def describe(self) -> str:
        return _describe(self.chat, _("the WhatsApp chat “{title}”"), _("the WhatsApp chat with {who}"))


def _describe(chat: Chat, group: str, person: str, **values: str) -> str:
    """A sentence part for a group, or for a chat with one person: its name, else its number."""
    number = chat.address.split("@", 1)[0]
    if chat.is_group:
        return group.format(title=shortened(chat.title or number), **values)
    return person.format(who=shortened(chat.title or f"+{number}"), **values)


class _Store:
    """One `ChatStorage.sqlite`."""

    def __init__(self, source: Source, domain: str, database: Database) -> None:
        self._source = source
        self._domain = domain
        self._database = database
        sessions = database.table("ZWACHATSESSION")
        if sessions is None or not sessions.has("Z_PK", "ZCONTACTJID"):
            raise ValueError("it has no table ZWACHATSESSION with ZCONTACTJID")
        self._sessions = sessions
        self._lacking = frozenset[str]()
        self._senders: dict[object, str] = {}
        self._addresses = lru_cache(_KEPT)(_address)
        self.names: dict[str, str] = {}
        """JID -> the name that the phone's owner or the person chose."""
        pushed = self._database.table("ZWAPROFILEPUSHNAME")
        if pushed is not None and pushed.has("ZJID", "ZPUSHNAME"):
            query = f"SELECT ZJID, ZPUSHNAME FROM {pushed.sql} NOT INDEXED"  # noqa: S608  quoted
            self._name(_limited(self._database.rows(query)))
        members = self._read_members()
        self.chats = dict(self._read_chats(members))
        self.names.update({chat.address: chat.title for chat in self.chats.values() if chat.title})
        for number, chat in self.chats.items():
            self.chats[number] = chat._replace(member_names=tuple(map(self.names.get, chat.members)))

    def _read_members(self) -> dict[object, set[str]]:
        members: dict[object, set[str]] = {}
        table = self._database.table("ZWAGROUPMEMBER")
        if table is None or not table.has("Z_PK", "ZCHATSESSION", "ZMEMBERJID"):
            self._lacking |= {"members"}
            return members
        active = "ZISACTIVE" if table.has("ZISACTIVE") else "1"
        name = table.first("ZCONTACTNAME") or "NULL"
        query = f"SELECT Z_PK, ZCHATSESSION, ZMEMBERJID, {active}, {name} FROM {table.sql} NOT INDEXED"  # noqa: S608  quoted
        for number, session, stored, is_active, shown in _limited(self._database.rows(query)):
            address = _address(stored)
            if address:
                self._name(((address, shown),))
                self._senders[number] = address
                if is_active:
                    members.setdefault(session, set()).add(address)
        return members

    def _name(self, rows: Iterable[tuple[object, ...]]) -> None:
        for stored, name in rows:
            if (address := _address(stored)) and isinstance(name, str) and name.strip():
                self.names[address] = name.strip()[:_LONGEST_TEXT]

    def _read_chats(self, members: dict[object, set[str]]) -> Iterator[tuple[object, Chat]]:
        columns = Columns(
            self._sessions,
            "",
            address=("ZCONTACTJID",),
            title=("ZPARTNERNAME",),
            removed=("ZREMOVED",),
            last=("ZLASTMESSAGEDATE",),
        )
        query = f"SELECT Z_PK, {columns.sql} FROM {self._sessions.sql} NOT INDEXED"  # noqa: S608  names are quoted
        for number, address, title, removed, last in _limited(self._database.rows(query)):
            yield (
                number,
                Chat(
                    address=_address(address) or "",
                    title=str(title)[:_LONGEST_TEXT] if title else None,
                    members=tuple(sorted(members.get(number, ()))),
                    removed=bool(removed),
                    last=from_cocoa(last),
                ),
            )

    def chat_items(self) -> Iterator[Item]:
        for chat in self.chats.values():
            yield WhatsAppChat(
                id=chat.address or fingerprint_id((text(chat.title), chat.members)),
                when=chat.last,
                state=State.DELETED if chat.removed else State.LIVE,
                lacking=self._lacking,
                chat=chat,
            )

    def messages(self) -> Iterator[Item]:
        """All messages, ordered by id."""
        table = self._database.table("ZWAMESSAGE")
        if table is None or not table.has("Z_PK", "ZCHATSESSION"):
            raise ValueError("it has no table ZWAMESSAGE with ZCHATSESSION")
        if not table.has("ZSTANZAID"):
            return ordered(self._read(table, "1", "m.Z_PK"), self._source.tmp)
        plain = f"({is_plain('m.ZSTANZAID')} AND {is_plain('s.ZCONTACTJID')})"
        by_id = "m.ZSTANZAID COLLATE BINARY, s.ZCONTACTJID COLLATE BINARY, m.Z_PK"
        others = ordered(self._read(table, f"{plain} IS NOT 1", "m.Z_PK"), self._source.tmp)
        return merged(self._read(table, plain, by_id), others)

    def _read(self, table: Table, condition: str, order: str) -> Iterator[WhatsAppMessage]:
        columns = Columns(
            table,
            "m",
            stanza=("ZSTANZAID",),
            session=("ZCHATSESSION",),
            body=("ZTEXT",),
            date=("ZMESSAGEDATE",),
            mine=("ZISFROMME",),
            sender=("ZFROMJID",),
            member=("ZGROUPMEMBER",),
            type=("ZMESSAGETYPE",),
        )
        media, join, media_columns = self._database.table("ZWAMEDIAITEM"), "", ", ".join(["NULL"] * 7)
        lacking = self._lacking | {
            field
            for field, column in (("body", "body"), ("when", "date"), ("outgoing", "mine"), ("type", "type"))
            if column in columns.lacking
        }
        if media is not None and media.has("Z_PK") and table.has("ZMEDIAITEM"):
            join = f" LEFT JOIN {media.sql} i ON i.Z_PK = m.ZMEDIAITEM"
            wanted = Columns(
                media,
                "i",
                path=("ZMEDIALOCALPATH",),
                url=("ZMEDIAURL",),
                caption=("ZTITLE",),
                name=("ZVCARDNAME",),
                card=("ZVCARDSTRING",),
                latitude=("ZLATITUDE",),
                longitude=("ZLONGITUDE",),
            )
            media_columns = wanted.sql
        else:
            lacking |= {"caption", "card", "location", "attachment"}
        wanted_columns = f"s.ZCONTACTJID, {columns.sql}, {media_columns}"
        if self._source.in_full:
            details = WhatsAppDetailColumns(self._database, table, media if join else None)
            wanted_columns, join = f"{wanted_columns}, {details.sql}", join + details.join
        for row in self._database.rows(
            f"SELECT {wanted_columns} FROM {table.sql} m"  # noqa: S608  names are quoted
            f" LEFT JOIN {self._sessions.sql} s ON s.Z_PK = m.ZCHATSESSION{join} WHERE {condition} ORDER BY {order}"
        ):
            yield self._of_row(row, lacking)

    def _of_row(self, row: tuple[Any, ...], lacking: frozenset[str]) -> WhatsAppMessage:
        address, stanza, session, stored, date, mine, from_address, member, kind = row[:9]
        path, url, caption, name, card, latitude, longitude = row[9:16]
        chat = self.chats.get(session)
        outgoing = None if mine is None else bool(mine)
        sender = None if outgoing else self._senders.get(member) or self._addresses(from_address)
        body = _body(stored, may_be_empty=kind != _TEXT)
        when = from_cocoa(date)
        file = self._find(path)
        if isinstance(stanza, str) and stanza:
            identity = f"{stanza} {address if isinstance(address, str) else ''}"
        else:
            words = body if isinstance(body, bytes) else text(body)
            identity = fingerprint_id((words, seconds(when), outgoing, sender, chat and chat.address, kind))
        return WhatsAppMessage(
            id=identity,
            when=when,
            state=State.DELETED if chat is not None and chat.removed else State.LIVE,
            files=(file,) if file else (),
            absent=int(file is None and bool(path or url)),
            lacking=lacking,
            undecoded=frozenset({"body"}) if isinstance(body, bytes) else _ALL_DECODED,
            body=body,
            outgoing=outgoing,
            sender=sender,
            chat=chat,
            type=kind if isinstance(kind, int) else -1,
            caption=_string(caption),
            card=_string(card) if kind == _CONTACT else None,
            location=_location(latitude, longitude) if kind == _LOCATION else None,
            attachment=_string(name),
            sender_name=self.names.get(sender) if sender else None,
            details=whatsapp_details(row[16:], card if kind != _CONTACT else None, self.names)
            if len(row) > 16
            else None,
        )

    def _find(self, path: object) -> FileRef | None:
        """The media file of a message."""
        if not isinstance(path, str) or not path or len(path) > _LONGEST_PATH:
            return None
        for folder in _MEDIA_FOLDERS:
            if self._source.has(self._domain, folder + path.removeprefix("/")):
                return FileRef(self._domain, folder + path.removeprefix("/"))
        return None


def _body(stored: object, *, may_be_empty: bool) -> str | bytes | None:
    """The text, or bytes if it is unknown: a text message without a text, or with something else in its place."""
    if isinstance(stored, str):
        return stored
    if stored is None:
        return None if may_be_empty else b""
    return hashlib.blake2b(repr(stored).encode(), digest_size=16).digest()


def _address(stored: object) -> str | None:
    return stored[:_LONGEST_TEXT].strip().lower() or None if isinstance(stored, str) else None


def _string(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _location(latitude: object, longitude: object) -> tuple[float, float] | None:
    """Degrees, rounded to about a metre."""
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        return round(latitude, 5), round(longitude, 5)
    return None


def _limited(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield from islice(rows, _MOST_ROWS)
    if next(rows, None) is not None:
        raise ValueError(f"a table of chats or members has more than {_MOST_ROWS:,} rows")


def _items(places: tuple[Place, ...], read: Callable[[_Store], Iterator[Item]]) -> Callable[[Source], Iterator[Item]]:
    """A reader of the stores at these places. A phone has one of them."""

    def of_record(source: Source, record: Record) -> Iterator[Item]:
        with source.reading(record), source.database(record) as database:
            yield from read(_Store(source, record.domain, database))

    def items(source: Source) -> Iterator[Item]:
        return merged(*(of_record(source, record) for record in source.files(*places)))

    return items


def _media_count(item: Item) -> int:
    return len(item.files) + item.absent


def _kinds(prefix: str, owner: str, places: tuple[Place, ...]) -> tuple[Kind, Kind]:
    return (
        Kind(
            id=prefix,
            owner=owner,
            label=mark("messages"),
            places=places,
            items=_items(places, _Store.messages),
            parts=(Part(label=mark("photos and files"), count=_media_count),),
        ),
        Kind(
            id=f"{prefix}-chats",
            owner=owner,
            label=mark("chats"),
            places=places,
            items=_items(places, lambda store: iter(sorted(store.chat_items(), key=lambda item: item.id))),
            extra=True,
        ),
    )


WHATSAPP_KINDS = (
    *_kinds("whatsapp", "app:net.whatsapp.WhatsApp", WHATSAPP),
    *_kinds("whatsapp-business", "app:net.whatsapp.WhatsAppSMB", BUSINESS),
)
