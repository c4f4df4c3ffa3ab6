"""A chat as pages: one for each year, split where a year has many messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from urllib.parse import quote

from migrate.content.normal_form import day as day_in_words
from migrate.export.chats.entry import ChatInfo, More
from migrate.export.chats.scratch import UNDATED
from migrate.export.chats.shown import CopiedFile, Shown
from migrate.export.folder import NewFile, Place
from migrate.language import _, plural
from migrate.pages.bubbles import (
    Bubble,
    Card,
    Look,
    Media,
    MediaKind,
    Quote,
    Reaction,
    Tab,
    bubble,
    day,
    event,
    page_end,
    page_start,
    text_bubble,
)
from migrate.pages.media_types import is_shown_in_page

ROWS_OF_A_PAGE = 5000
"""A page of 5,000 messages is about 1 MB; whole chats of years are more than browsers scroll through (*reported*:
imessage-exporter #387, whatsapp-chat-exporter #171)."""
_QUOTED = 160


class Pages:
    """Writes the pages of one chat, row by row."""

    def __init__(
        self,
        place: Place,
        info: ChatInfo,
        key: str,
        years: dict[int, int],
        look_of: Callable[[str | None], Look] | None = None,
    ) -> None:
        self._place = place
        self._info = info
        self._key = key
        self._look_of = look_of
        self._you = _("You")
        self._open = ExitStack()
        self._file: NewFile | None = None
        self._pieces: list[str] = []
        self._left = 0
        self._day = ""
        self._who: str | None = None
        self._anchors: dict[str, int] = {}
        self.names = self.names_of(years)
        self.written: list[str] = []
        """Paths of the pages under the export's root."""
        total = sum(years.values())
        count = plural("{count:,} message", "{count:,} messages", total).format(count=total)
        self._about = (*info.about, count)

    @staticmethod
    def names_of(years: dict[int, int]) -> list[str]:
        """The pages of a chat with so many rows in each year."""
        return [name for year in sorted(years, key=_undated_last) for name in page_names(year, years[year])]

    def leave(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Complete the last page; after an error it is not written."""
        if error is None and self._file is not None:
            self._end_page()
        self._open.__exit__(kind, error, trace)

    def row(self, row: Shown) -> None:
        if self._left == 0 or (row.year != self._year and self._file is not None):
            self._new_page(row.year)
        self._left -= 1
        entry, more = row.entry, row.entry.more
        if row.day != self._day:
            self._day = row.day
            self._who = None
            self._pieces.append(day(day_in_words(entry.when)))
        if more is None and entry.text and not row.reactions:
            who = self._you if entry.outgoing else entry.who
            self._anchors[entry.id] = row.number
            self._pieces.append(
                text_bubble(
                    entry.text,
                    row.clock,
                    row.instant,
                    outgoing=entry.outgoing,
                    look=self._look_of(entry.service) if self._look_of else self._info.look,
                    anchor=f"m{row.number}",
                    who=None if who == self._who else who,
                )
            )
            self._who = who
        else:
            self._pieces.append(self._other(row, more or More()))
        if len(self._pieces) >= 200:
            self._flush()

    def _other(self, row: Shown, more: More) -> str:
        """A row that is not just text."""
        entry = row.entry
        who = self._you if entry.outgoing else entry.who
        if "event" in more:
            self._who = None
            return event(more["event"], row.clock, row.instant)
        if "about" in more and not more.get("files"):
            if row.is_about_shown:
                return ""
            self._who = None
            said = _("{who} removed {sign} from a message that is not here") if more.get("removed") else None
            said = said or _("{who} reacted with {sign} to a message that is not here")
            return event(said.format(who=who or _("Somebody"), sign=more["sign"]), row.clock, row.instant)
        notes = list(more.get("notes", ()))
        if more.get("deleted"):
            when = more.get("deleted_at")
            notes.append(_("Recently deleted, {day}").format(day=day_in_words(when)) if when else _("Recently deleted"))
        self._anchors[entry.id] = row.number
        shown = bubble(
            Bubble(
                clock=row.clock or _("no date"),
                instant=row.instant,
                outgoing=entry.outgoing,
                text=entry.text,
                anchor=f"m{row.number}",
                who=None if who == self._who else who,
                subject=more.get("subject"),
                quote=self._quote(row),
                media=tuple(media(one) for one in row.files if not one.file.hidden),
                cards=tuple(Card(title, tuple(lines), link) for title, lines, link in more.get("cards", ())),
                reactions=tuple(Reaction(*one) for one in row.reactions),
                versions=tuple(text for text, _when in more.get("versions", ())),
                notes=tuple(notes),
                look=self._look_of(entry.service) if self._look_of else self._info.look,
                deleted=bool(more.get("deleted")),
                missing=more.get("missing"),
            )
        )
        self._who = who
        return shown

    def _quote(self, row: Shown) -> Quote | None:
        answered = row.answered
        if answered is None:
            return None
        number = self._anchors.get(answered.id)
        text = answered.text if len(answered.text) <= _QUOTED else answered.text[:_QUOTED] + "…"
        return Quote(answered.who, text, None if number is None else f"#m{number}")

    # -- pages -------------------------------------------------------------------------------------------------------

    def _new_page(self, year: int) -> None:
        if self._file is not None:
            self._end_page()
        self._year = year
        self._left = ROWS_OF_A_PAGE
        self._day, self._who = "", None
        self._anchors.clear()
        name = self.names[len(self.written)]
        self._file = self._open.enter_context(self._place.new_file(name, key=f"{self._key}/page/{name}"))
        self._pieces.append(page_start(self._info.name, self._about, self._tabs(name), two=self._info.two))

    def _end_page(self) -> None:
        assert self._file is not None
        self._pieces.append(page_end(self._tabs(self.names[len(self.written)])))
        self._flush()
        file, self._file = self._file, None
        self._open.close()
        self._open = ExitStack()
        self.written.append(file.path)

    def _flush(self) -> None:
        assert self._file is not None
        self._file.write_text("".join(self._pieces))
        self._pieces.clear()

    def _tabs(self, current: str) -> list[Tab]:
        return [Tab(tab_text(name), None if name == current else quote(name)) for name in self.names]

    _year = UNDATED


def page_names(year: int, rows: int) -> list[str]:
    """`2024.html`, or `2024-1.html` and so on."""
    stem = "undated" if year == UNDATED else str(year)
    count = -(-rows // ROWS_OF_A_PAGE)
    return [f"{stem}.html"] if count == 1 else [f"{stem}-{number}.html" for number in range(1, count + 1)]


def tab_text(name: str) -> str:
    stem = name.removesuffix(".html")
    return stem.replace("undated", _("undated")).replace("-", " · ")


def _undated_last(year: int) -> tuple[bool, int]:
    return year == UNDATED, year


def media(copied: CopiedFile) -> Media:
    """An attachment for a bubble: shown in the page if its first bytes are of a kind that browsers show."""
    file = copied.file
    kind = MediaKind.FILE
    if copied.preview:
        preview = quote(copied.preview)
        if preview.endswith(".m4a"):
            return Media(MediaKind.AUDIO, file.name, preview, file.note)
        kind = MediaKind.STICKER if file.sticker else MediaKind.IMAGE
        return Media(kind, file.name, quote(copied.path or ""), file.note, preview)
    if is_shown_in_page(copied.type):
        kind = MediaKind.STICKER if file.sticker else MediaKind(copied.type.partition("/")[0])
    if kind is MediaKind.STICKER and not copied.type.startswith("image/"):
        kind = MediaKind.FILE
    return Media(kind, file.name, quote(copied.path) if copied.path else None, file.note)
