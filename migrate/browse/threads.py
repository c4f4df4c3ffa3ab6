"""Messages as bubbles (`migrate.pages.bubbles`), whatever app they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from migrate.browse.face import is_deleted
from migrate.browse.faces import reaction_target, whatsapp_number
from migrate.browse.item_index import Entry, ItemIndex
from migrate.browse.library import Library
from migrate.browse.media import type_of
from migrate.browse.site import file_href
from migrate.browse.times import clock_text, day, iso_time
from migrate.content.item import FileRef, Item
from migrate.content.readers.messages.message import Attachment, Message
from migrate.content.readers.whatsapp import WhatsAppMessage
from migrate.language import _
from migrate.pages.bubbles import Bubble, Card, Look, Media, MediaKind, Quote, Reaction, bubble, event
from migrate.pages.bubbles import day as day_row
from migrate.pages.media_types import is_shown_in_page

TAPBACKS: Mapping[int, str] = {2000: "❤️", 2001: "👍", 2002: "👎", 2003: "😂", 2004: "‼️", 2005: "❓"}
"""`associated_message_type` of iOS 10 and later; 2006 has an emoji of its own, 2007 is a sticker, 3000 takes back."""
_REMOVED = 3000
_MOST_REACTIONS = 50
_LONGEST_QUOTE = 120


class Thread:
    """A page of one chat.

    Args:
        number: of the place in the index.
        only_two: names over the bubbles are left out.
    """

    def __init__(self, library: Library, index: ItemIndex) -> None:
        self._library = library
        self._index = index
        self._kind = index.face.kind_id

    def rows(self, entries: Iterable[Entry]) -> str:
        """The rows of these messages as HTML, with the days between them."""
        return "".join(self._rows(entries))

    def _rows(self, entries: Iterable[Entry]) -> Iterator[str]:
        last_day, last_sender = None, None
        for entry in entries:
            item = entry.item
            today = day(item.when)
            if today != last_day:
                yield day_row(today)
                last_day, last_sender = today, None
            if isinstance(item, Message):
                if item.event:
                    yield event(_event_text(item), clock_text(item.when), iso_time(item.when))
                    last_sender = None
                    continue
                made = self._message(entry.number, item, last_sender)
            elif isinstance(item, WhatsAppMessage):
                made = self._whatsapp(entry.number, item, last_sender)
            else:
                continue
            last_sender = _sender(item)
            yield bubble(made)

    # -- Messages ----------------------------------------------------------------------------------------------------

    def _message(self, number: int, message: Message, last_sender: str | None) -> Bubble:
        sender = _sender(message)
        notes = list(_notes(message))
        text = (
            message.body.replace("\N{OBJECT REPLACEMENT CHARACTER}", "").strip()
            if isinstance(message.body, str)
            else None
        )
        missing = None
        if isinstance(message.body, bytes):
            missing = _("The text of this message could not be read.")
        elif message.unsent:
            missing = _("This message was unsent.")
        if message.reaction:
            text, notes = _reaction_sign(message), [*notes, _("a reaction to a message that is not here")]
        return Bubble(
            clock=clock_text(message.when),
            instant=iso_time(message.when),
            outgoing=bool(message.outgoing),
            text=text or None,
            anchor=f"m{number}",
            who=sender if sender and sender != last_sender else None,
            subject=message.subject,
            quote=self._quote(message),
            media=tuple(self._attachment(number, one) for one in message.attachments if not one.hidden),
            cards=tuple(_cards(message)),
            reactions=tuple(self._reactions(message)),
            versions=tuple(text for _part, text in message.versions) if isinstance(message.versions, tuple) else (),
            notes=tuple(notes),
            look=Look.BLUE if message.service in (None, "iMessage") else Look.GREEN,
            deleted=is_deleted(message),
            missing=missing,
        )

    def _quote(self, message: Message) -> Quote | None:
        if not message.reply_to:
            return None
        found = self._index.with_id(reaction_target(message.reply_to))
        if found is None or not isinstance(found.item, Message):
            return Quote(_("Reply"), _("to a message that is not here"))
        text = self._index.face.title(found.item)[:_LONGEST_QUOTE]
        return Quote(_sender(found.item) or _("Me"), text, f"/k/{self._kind}/i/{found.number}")

    def _reactions(self, message: Message) -> Iterator[Reaction]:
        for entry in self._index.about(message.id, _MOST_REACTIONS):
            item = entry.item
            if isinstance(item, Message) and item.reaction:
                who = _("Me") if item.outgoing else _sender(item) or ""
                yield Reaction(_reaction_sign(item), who, removed=item.reaction[0] >= _REMOVED)

    def _attachment(self, number: int, one: Attachment) -> Media:
        name = one.name or _("file")
        if one.file is None:
            return Media(MediaKind.FILE, name, None, _why_absent(in_icloud=one.in_cloud))
        return self._media(one.file, name, is_sticker=one.sticker)

    def _media(self, file: FileRef, name: str, *, is_sticker: bool = False) -> Media:
        found = type_of(self._library, file)
        href = file_href(file.domain, file.relative_path)
        if not is_shown_in_page(found):
            return Media(MediaKind.FILE, name, href, _("a file to download"))
        kinds = {"image": MediaKind.STICKER if is_sticker else MediaKind.IMAGE, "video": MediaKind.VIDEO}
        return Media(kinds.get(found.split("/")[0], MediaKind.AUDIO), name, href)

    # -- WhatsApp ----------------------------------------------------------------------------------------------------

    def _whatsapp(self, number: int, message: WhatsAppMessage, last_sender: str | None) -> Bubble:
        sender = _sender(message)
        text = message.body if isinstance(message.body, str) else None
        media = tuple(self._media(file, PurePosixPath(file.relative_path).name) for file in message.files)
        if message.absent:
            media += (Media(MediaKind.FILE, _("A photo or file"), None, _why_absent(in_icloud=False)),)
        cards = []
        if message.card:
            cards.append(Card(message.attachment or _("Contact"), (_("a contact"),)))
        if message.location:
            cards.append(Card(_("Place"), ("{:.5f}, {:.5f}".format(*message.location),)))
        return Bubble(
            clock=clock_text(message.when),
            instant=iso_time(message.when),
            outgoing=bool(message.outgoing),
            text="\n".join(filter(None, (text, message.caption))) or None,
            anchor=f"m{number}",
            who=sender if sender and sender != last_sender else None,
            media=media,
            cards=tuple(cards),
            notes=(_("the chat was deleted"),) if is_deleted(message) else (),
            look=Look.WHATSAPP,
            deleted=is_deleted(message),
            missing=_("The text of this message could not be read.") if isinstance(message.body, bytes) else None,
        )


def _sender(item: Item) -> str | None:
    """Who wrote it; None for the phone's owner."""
    if isinstance(item, Message):
        return None if item.outgoing else item.sender_name or item.sender
    if isinstance(item, WhatsAppMessage):
        name: str | None = getattr(item, "sender_name", None)
        return None if item.outgoing else name or whatsapp_number(item.sender) or None
    return None


def _notes(message: Message) -> Iterator[str]:
    if message.edited:
        yield _("edited")
    if message.unsent_parts and not message.unsent:
        yield _("a part was unsent")
    if message.details is not None and message.details.effect:
        yield _("sent with an effect")
    if is_deleted(message):
        yield _("recently deleted")


def _cards(message: Message) -> Iterator[Card]:
    app = message.details.app if message.details is not None else None
    if app is not None:
        yield Card(app.title or app.app, (*app.lines, *([app.app] if app.title else [])), app.url)
    elif message.app:
        yield Card(message.app, ())


def _event_text(message: Message) -> str:
    details = message.details
    who = _sender(message) or _("You")
    if details is not None and details.title:
        return _("{who} named the group “{title}”").format(who=who, title=details.title)
    if details is not None and (details.other_name or details.other):
        return _("{who} changed who is in the group: {other}").format(
            who=who, other=details.other_name or details.other
        )
    return _("{who} changed something in the chat").format(who=who)


def _reaction_sign(message: Message) -> str:
    if message.emoji:
        return message.emoji
    number = message.reaction[0] if message.reaction else 0
    return TAPBACKS.get(number - 1000 if number >= _REMOVED else number, _("sticker"))


def _why_absent(*, in_icloud: bool) -> str:
    if in_icloud:
        return _("Only in iCloud: its file is not in this backup.")
    return _("Its file is not in this backup.")
