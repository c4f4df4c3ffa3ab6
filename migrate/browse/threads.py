"""Messages as bubbles (`migrate.pages.bubbles`), whatever app they are of: what an export writes, a page shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.browse.item_index import Entry, ItemIndex
from migrate.browse.library import Library
from migrate.browse.media import shown_as, shown_href, type_of
from migrate.browse.site import file_href, item_href
from migrate.browse.times import clock_text, day, iso_time
from migrate.content.item import FileRef, Item
from migrate.content.readers.messages.message import Message
from migrate.content.readers.whatsapp import WhatsAppMessage
from migrate.export.chats.entry import Entry as Row
from migrate.export.chats.entry import FileOf, More
from migrate.export.kinds.messages import look_of, message_entry
from migrate.export.kinds.whatsapp import WhatsAppEntries
from migrate.language import _
from migrate.pages.bubbles import Bubble, Card, Look, Media, MediaKind, Quote, Reaction, bubble, event
from migrate.pages.bubbles import day as day_row

_MOST_REACTIONS = 50
_LONGEST_QUOTE = 160


class Thread:
    """Makes the rows of one chat."""

    def __init__(self, library: Library, index: ItemIndex) -> None:
        self._library = library
        self._index = index
        self._kind = index.face.kind_id
        self._whatsapp = WhatsAppEntries(library.name_of)

    def rows(self, entries: Iterable[Entry]) -> str:
        """The rows of these messages as HTML, with the days between them."""
        return "".join(self._rows(entries))

    def _rows(self, entries: Iterable[Entry]) -> Iterator[str]:
        last_day, last_sender = None, None
        for number, item in entries:
            row = self._row(item)
            if row is None:
                continue
            today = day(item.when)
            if today != last_day:
                yield day_row(today)
                last_day, last_sender = today, None
            more = row.more or More()
            who = _("You") if row.outgoing else row.who
            clock, instant = clock_text(row.when), iso_time(row.when)
            if "event" in more:
                yield event(more["event"], clock, instant)
                last_sender = None
                continue
            if "about" in more and not more.get("files"):  # its message is not here
                said = _("{who} reacted with {sign} to a message that is not here")
                yield event(said.format(who=who or _("Somebody"), sign=more["sign"]), clock, instant)
                last_sender = None
                continue
            notes = list(more.get("notes", ()))
            if more.get("deleted"):
                notes.append(_("Recently deleted"))
            yield bubble(
                Bubble(
                    clock=clock or _("no date"),
                    instant=instant,
                    outgoing=row.outgoing,
                    text=row.text,
                    anchor=f"m{number}",
                    who=None if who == last_sender else who,
                    subject=more.get("subject"),
                    quote=self._quote(more),
                    media=tuple(self._media(FileOf(*one)) for one in more.get("files", ())),  # type: ignore[arg-type]
                    cards=tuple(Card(title, tuple(lines), link) for title, lines, link in more.get("cards", ())),
                    reactions=tuple(self._reactions(row, more)),
                    versions=tuple(text for text, _when in more.get("versions", ())),
                    notes=tuple(notes),
                    look=look_of(row.service) if self._kind == "messages" else Look.WHATSAPP,
                    deleted=bool(more.get("deleted")),
                    missing=more.get("missing"),
                )
            )
            last_sender = who

    def _row(self, item: Item) -> Row | None:
        if isinstance(item, Message):
            return message_entry(item)
        return self._whatsapp.entry(item) if isinstance(item, WhatsAppMessage) else None

    def _quote(self, more: More) -> Quote | None:
        if "reply" not in more:
            return None
        found = self._index.with_id(more["reply"])
        row = self._row(found.item) if found is not None else None
        if found is None or row is None:
            who, text = more.get("quote", ("", ""))
            return Quote(who or _("Reply"), text[:_LONGEST_QUOTE] or _("to a message that is not here"))
        who = _("You") if row.outgoing else row.who or ""
        text = self._index.face.title(found.item)[:_LONGEST_QUOTE]
        return Quote(who, text, item_href(self._kind, found.number))

    def _reactions(self, row: Row, more: More) -> Iterator[Reaction]:
        for sign, who, removed in more.get("reactions", ()):
            yield Reaction(sign, who, removed)
        for entry in self._index.about(row.id, _MOST_REACTIONS):
            about = self._row(entry.item)
            if about is not None and about.more is not None and "sign" in about.more:
                who = _("You") if about.outgoing else about.who or ""
                yield Reaction(about.more["sign"], who, bool(about.more.get("removed")))

    def _media(self, file: FileOf) -> Media:
        if file.domain is None or file.path is None:
            return Media(MediaKind.FILE, file.name, None, file.note)
        found = type_of(self._library, FileRef(file.domain, file.path))
        href = file_href(file.domain, file.path)
        shown = shown_as(found)
        if shown is None:
            return Media(MediaKind.FILE, file.name, href, file.note or _("a file to download"))
        kind = MediaKind(shown)
        if file.sticker and kind is MediaKind.IMAGE:
            kind = MediaKind.STICKER
        return Media(kind, file.name, shown_href(href, found), file.note)
