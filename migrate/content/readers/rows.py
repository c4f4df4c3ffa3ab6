"""Kinds whose items are the rows of one table with an id, a title and a few texts: books, podcasts, LINE chats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import from_cocoa, text
from migrate.content.open_database import Columns
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_identity, as_text, from_first_place, needed_table
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark


@dataclass(frozen=True, slots=True, kw_only=True)
class TitledItem(Item):
    """A row with a title. `sentence` is marked for translation and has a place for the title."""

    sentence: str
    title: str | None
    details: tuple[tuple[str, str | None], ...] = ()
    """Names and texts."""

    def fingerprint(self) -> Fingerprint:
        return {"title": text(self.title), **{name: text(value) for name, value in self.details}}

    def describe(self) -> str:
        return _(self.sentence).format(title=shortened(self.title or "") or _("without a title"))


@dataclass(frozen=True, kw_only=True)
class TitledRows:
    """Where such rows are."""

    places: tuple[Place, ...]
    """The first place that has items is read: another iOS version's may hold an old copy."""
    table: str
    sentence: str
    id: Sequence[str]
    """Columns; the first value that is not NULL is used. Without one, the id is made of the fingerprint."""
    title: Sequence[str]
    details: Mapping[str, Sequence[str]] = field(default_factory=dict)
    when: Sequence[str] = ()
    """Columns with seconds since 2001."""

    def items(self, source: Source) -> Iterator[Item]:
        """All items, ordered by id."""

        def read(record: Record) -> Iterator[TitledItem]:
            return self._items_of(source, record)

        return ordered(from_first_place(source, self.places, read), source.tmp)

    def _items_of(self, source: Source, record: Record) -> Iterator[TitledItem]:
        with source.database(record) as database:
            table = needed_table(database, self.table)
            columns = Columns(table, "", id=self.id, title=self.title, when=self.when, **self.details)
            if {"id", "title"} <= columns.lacking:
                raise ValueError(f"its table {self.table} has other columns")
            lacking = columns.lacking - {"id", "when"}
            query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
            for identity, title, when, *rest in database.rows(query):
                details = tuple((name, as_text(value)) for name, value in zip(self.details, rest, strict=True))
                fields = (text(as_text(title)), *(text(value) for _name, value in details))
                yield TitledItem(
                    id=as_identity(identity) or fingerprint_id(fields),
                    when=from_cocoa(when),
                    sentence=self.sentence,
                    title=as_text(title),
                    details=details,
                    lacking=lacking,
                )


_BOOK_ROWS = TitledRows(
    places=tuple(
        Place(domain, ("Documents/BKLibrary/BKLibrary*.sqlite",))
        for domain in ("AppDomainGroup-group.com.apple.iBooks", "AppDomain-com.apple.iBooks")
    ),
    table="ZBKLIBRARYASSET",
    sentence=mark("the book {title}"),
    id=("ZASSETID",),
    title=("ZTITLE",),
    details={"author": ("ZAUTHOR",)},
    when=("ZCREATIONDATE", "ZPURCHASEDATE"),
)
_PODCAST_ROWS = TitledRows(
    places=(Place("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", ("Documents/MTLibrary.sqlite",)),),
    table="ZMTPODCAST",
    sentence=mark("the podcast {title}"),
    id=("ZUUID", "ZFEEDURL"),
    title=("ZTITLE",),
    details={"feed": ("ZFEEDURL",)},
    when=("ZADDEDDATE",),
)
_LINE_ROWS = TitledRows(
    places=(
        Place(
            "AppDomainGroup-group.com.linecorp.line",
            ("Library/Application Support/PrivateStore/P_*/Messages/Line.sqlite",),
        ),
    ),
    table="ZCHAT",
    sentence=mark("the LINE chat {title}"),
    id=("ZMID",),
    title=("ZNAME", "ZTITLE"),  # *guessed*
)

BOOKS = Kind(
    id="books",
    owner="books",
    label=mark("books and PDFs"),
    places=_BOOK_ROWS.places,
    items=_BOOK_ROWS.items,
)
PODCASTS = Kind(
    id="podcasts",
    owner="podcasts",
    label=mark("podcasts"),
    places=_PODCAST_ROWS.places,
    items=_PODCAST_ROWS.items,
)
LINE_CHATS = Kind(
    id="line-chats",
    owner="app:jp.naver.line",
    label=mark("chats"),
    places=_LINE_ROWS.places,
    items=_LINE_ROWS.items,
)
