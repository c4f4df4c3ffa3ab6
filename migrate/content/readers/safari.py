"""Safari: bookmarks with the reading list, and visits.

`Bookmarks.db` uses Unix seconds, `History.db` seconds since 2001 (*read*: the schema notes of an iOS 18 backup).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import day, from_cocoa, plausible, seconds, text
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_identity, as_number, as_text, few, needed_table
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark
from migrate.plists import NotAPlist, load_plist

BOOKMARKS_FILE = Place("HomeDomain", ("Library/Safari/Bookmarks.db",))
HISTORY_FILES = (
    Place("HomeDomain", ("Library/Safari/History.db", "Library/Safari/Profiles/*/History.db")),
    Place("AppDomain-com.apple.mobilesafari", ("Library/Safari/History.db",)),
)
TAB_FILES = Place(
    "HomeDomain",
    (
        "Library/Safari/SafariTabs.db",
        "Library/Safari/BrowserState.db",
        "Library/Safari/Profiles/*/{SafariTabs,BrowserState}.db",
    ),
)
_PROFILE = re.compile(r"Library/Safari/Profiles/([^/]+)/[^/]+")
_LEAF, _FOLDER = 0, 1
_READING_LIST = 3
_OWN_FOLDERS = {1: "BookmarksBar", 2: "BookmarksMenu", _READING_LIST: "com.apple.ReadingList"}
"""`special_id` of Safari's own folders, and their names in a path, whatever their title is (*read*, iOS 18)."""
_DEEPEST_FOLDER = 100
_LONGEST_URL_IN_ID = 1000
_LARGEST_ABOUT_BYTES, _LONGEST_PREVIEW = 256 << 10, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark(Item):
    """A bookmark, or a page in the reading list."""

    title: str | None
    url: str | None
    folders: tuple[str, ...] = ()
    """The titles of its folders from the outermost on."""
    in_reading_list: bool | None = None
    read: bool | None = None
    """Whether a page of the reading list was read."""
    order: float = 0
    """Its place in its folder."""
    added: float | None = None
    """When a page was put into the reading list."""
    preview: str | None = None
    """The beginning of the text of a page of the reading list."""

    def fingerprint(self) -> Fingerprint:
        return {
            "title": text(self.title),
            "url": text(self.url),
            "folders": tuple(text(folder) for folder in self.folders),
            "in_reading_list": self.in_reading_list,
        }

    def describe(self) -> str:
        name = shortened(self.title or self.url or "") or _("without a title")
        template = _("{name} in the reading list") if self.in_reading_list else _("the bookmark {name}")
        return template.format(name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Item):
    """One visit to a page."""

    title: str | None
    url: str | None
    profile: str | None = None
    """The id of the profile; None for the usual one."""

    def fingerprint(self) -> Fingerprint:
        return {"title": text(self.title)}

    def describe(self) -> str:
        name = shortened(self.title or self.url or "") or _("a page without a title")
        return _("a visit to {name}, {day}").format(name=name, day=day(self.when))


def bookmarks(source: Source) -> Iterator[Item]:
    """All bookmarks, ordered by id. Rows with the `deleted` flag only tell other devices of a deletion."""
    return ordered(_unordered_bookmarks(source), source.tmp)


def _unordered_bookmarks(source: Source) -> Iterator[Bookmark]:
    for record in source.files(BOOKMARKS_FILE):
        with source.reading(record), source.database(record) as database:
            yield from _bookmarks_of(database)


def _bookmarks_of(database: Database) -> Iterator[Bookmark]:
    table = needed_table(database, "bookmarks")
    if not table.has("id", "type", "title", "url"):
        raise ValueError("its table bookmarks has other columns")
    folders = _folders(database, table)
    columns = Columns(
        table,
        "",
        uuid=("external_uuid",),
        server_id=("server_id",),
        title=("title",),
        url=("url",),
        folders=("parent",),
        read=("read",),
        modified=("last_modified",),
        order=("order_index",),
        about=("extra_attributes",),
    )
    unknown = columns.lacking & {"folders"}
    if not table.has("read") and not table.has("special_id", "parent"):
        unknown |= {"in_reading_list"}
    living = " AND deleted IS NOT 1" if table.has("deleted") else ""
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED WHERE type = ?{living}"  # noqa: S608  the schema's names, quoted
    for unique, server_id, title, url, parent, read, modified, order, about in database.rows(query, _LEAF):
        path = folders.get(parent, ()) if isinstance(parent, int) else ()
        in_list = read is not None or _OWN_FOLDERS[_READING_LIST] in path[:1]
        fields = (text(as_text(title)), text(as_text(url)), path)
        added, preview = _about_page(about) if in_list else (None, None)
        yield Bookmark(
            id=as_identity(unique) or as_identity(server_id) or fingerprint_id(fields),
            when=plausible(modified),
            modified=plausible(modified),
            title=as_text(title),
            url=as_text(url),
            folders=path,
            in_reading_list=None if "in_reading_list" in unknown else in_list,
            read=None if read is None else bool(read),
            order=as_number(order) or 0,
            added=added,
            preview=preview,
            lacking=unknown,
        )


def _about_page(stored: object) -> tuple[float | None, str | None]:
    """When a page was put into the reading list, and the beginning of its text."""
    if not isinstance(stored, bytes) or len(stored) > _LARGEST_ABOUT_BYTES:
        return None, None
    try:
        value = load_plist(stored)
    except NotAPlist:
        return None, None
    page = value.get(_OWN_FOLDERS[_READING_LIST]) if isinstance(value, dict) else None
    if not isinstance(page, dict):
        return None, None
    added, preview = page.get("DateAdded"), as_text(page.get("PreviewText"))
    moment = added.replace(tzinfo=added.tzinfo or UTC).timestamp() if isinstance(added, datetime) else None
    return plausible(moment), preview and preview[:_LONGEST_PREVIEW]


def _folders(database: Database, table: Table) -> dict[int, tuple[str, ...]]:
    """The path of each folder, without the root."""
    columns = Columns(table, "", id=("id",), parent=("parent",), title=("title",), special=("special_id",))
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED WHERE type = ?"  # noqa: S608  the schema's names, quoted
    above: dict[int, object] = {}
    names: dict[int, str] = {}
    for row, parent, title, special in few(database.rows(query, _FOLDER), "folders"):
        if isinstance(row, int) and parent is not None and parent != row:  # the root has no parent
            above[row] = parent
            own = _OWN_FOLDERS.get(special) if isinstance(special, int) else None
            names[row] = own or as_text(title) or ""
    paths: dict[int, tuple[str, ...]] = {}
    for folder in names:
        path: list[str] = []
        at: object = folder
        while isinstance(at, int) and at in names and len(path) < _DEEPEST_FOLDER:
            path.append(names[at])
            at = above[at]
        paths[folder] = tuple(reversed(path))
    return paths


def visits(source: Source) -> Iterator[Item]:
    """All visits of all profiles, ordered by id."""
    return ordered(_unordered_visits(source), source.tmp)


def _unordered_visits(source: Source) -> Iterator[Visit]:
    for record in source.files(*HISTORY_FILES):
        yield from _visits_of_file(source, record)


def _visits_of_file(source: Source, record: Record) -> Iterator[Visit]:
    with source.reading(record), source.database(record) as database:
        table, pages = needed_table(database, "history_visits"), needed_table(database, "history_items")
        if not table.has("history_item", "visit_time") or not pages.has("id", "url"):
            raise ValueError("its tables have other columns")
        columns = Columns(table, "v", when=("visit_time",), title=("title",))
        query = (
            f"SELECT {columns.sql}, i.url FROM {table.sql} v NOT INDEXED"  # noqa: S608  the schema's names, quoted
            f" LEFT JOIN {pages.sql} i ON i.id = v.history_item"
        )
        profile = profile_of(record)
        for visited, title, url in database.rows(query):
            when, address, name = from_cocoa(visited), as_text(url), as_text(title)
            yield Visit(
                id=_visit_id(address, when, visited),
                when=when,
                title=name,
                url=address,
                profile=profile,
                lacking=columns.lacking,
            )
        source.note_traces("history", lambda: _deletions(database))


class Deletion(NamedTuple):
    """A page, or a stretch of the history, that was deleted. What was visited is not there any more."""

    begin: float | None
    end: float | None
    url: str | None
    profile: str | None


def deletions(source: Source) -> Iterator[Deletion]:
    """The deletions that the histories note, in no order."""
    for record in source.files(*HISTORY_FILES):
        with source.reading(record), source.database(record) as database:
            table = database.table("history_tombstones")
            if table is None:
                continue
            columns = Columns(table, "", begin=("start_time",), end=("end_time",), url=("url",))
            query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
            for begin, end, url in database.rows(query):
                yield Deletion(from_cocoa(begin), from_cocoa(end), as_text(url), profile_of(record))


def profile_of(record: Record) -> str | None:
    """The id of the profile that a file of Safari belongs to."""
    found = _PROFILE.fullmatch(record.relative_path)
    return found[1] if found else None


def _deletions(database: Database) -> int:
    """How many times a page or a stretch of the history was deleted; what was visited is not there any more."""
    table = database.table("history_tombstones")
    return 0 if table is None else sum(count for (count,) in database.rows(f"SELECT COUNT(*) FROM {table.sql}"))  # noqa: S608  quoted


def _visit_id(url: str | None, when: float | None, stored: object) -> str:
    if url is None or when is None:
        return fingerprint_id((url, stored))
    if len(url) > _LONGEST_URL_IN_ID:  # a page can be a data: address of megabytes
        digest = hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        url = f"{url[:_LONGEST_URL_IN_ID]}~{digest}"
    return f"{url} {seconds(when)}"


BOOKMARKS = Kind(
    id="bookmarks",
    owner="safari",
    label=mark("bookmarks"),
    places=(BOOKMARKS_FILE,),
    beside=(TAB_FILES,),
    items=bookmarks,
)
VISITS = Kind(
    id="history",
    owner="safari",
    label=mark("visits"),
    places=HISTORY_FILES,
    items=visits,
)
