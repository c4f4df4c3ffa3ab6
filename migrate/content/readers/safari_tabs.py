"""Safari's open tabs: `SafariTabs.db` from iOS 15 on, where they are leaves of a tree like that of the bookmarks, and
`BrowserState.db` (*read*: iLEAPP, traceloupe). Tabs are not items: they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from migrate.content.normal_form import from_cocoa
from migrate.content.open_database import Columns, Database
from migrate.content.readers.common import as_identity, as_text, few
from migrate.content.readers.safari import TAB_FILES, profile_of
from migrate.content.source import Source

_LEAF, _FOLDER = 0, 1
_MOST_TABS = 100_000
"""Safari allows 500 in a group (GK)."""


class Tab(NamedTuple):
    """An open tab."""

    title: str | None
    url: str
    group: str | None
    """The tab group, or what the phone calls the group of all other tabs."""
    is_private: bool | None
    last_seen: float | None
    profile: str | None


def tabs(source: Source) -> Iterator[Tab]:
    """All tabs, each once: a phone with `SafariTabs.db` may still have the tabs of an older iOS version."""
    known: set[str] = set()
    newest_first = sorted(source.files(TAB_FILES), key=lambda record: not record.relative_path.endswith("Tabs.db"))
    for record in newest_first:
        with source.reading(record), source.database(record) as database:
            for identity, tab in (_of_groups if record.relative_path.endswith("Tabs.db") else _of_state)(
                database, profile_of(record)
            ):
                if identity is None or identity not in known:
                    yield tab
                if identity is not None and len(known) < _MOST_TABS:
                    known.add(identity)


def profile_names(source: Source) -> dict[str, str]:
    """The names of Safari's profiles by their ids: folders of `SafariTabs.db` (*guessed*)."""
    names: dict[str, str] = {}
    for record in source.files(TAB_FILES):
        if not record.relative_path.endswith("Tabs.db"):
            continue
        with source.reading(record), source.database(record) as database:
            table = database.table("bookmarks")
            if table is not None and table.has("external_uuid", "title", "type"):
                query = f"SELECT external_uuid, title FROM {table.sql} NOT INDEXED WHERE type = ?"  # noqa: S608  quoted
                for identity, title in few(database.rows(query, _FOLDER), "folders"):
                    if isinstance(identity, str) and as_text(title):
                        names[identity.upper()] = as_text(title) or ""
    return names


def _of_groups(database: Database, profile: str | None) -> Iterator[tuple[str | None, Tab]]:
    table = database.table("bookmarks")
    if table is None or not table.has("id", "type", "url"):
        return
    columns = Columns(table, "", id=("id",), title=("title",))
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED WHERE type = ?"  # noqa: S608  the schema's names, quoted
    folders = {row: as_text(title) for row, title in few(database.rows(query, _FOLDER), "folders")}
    columns = Columns(table, "", uuid=("external_uuid",), title=("title",), parent=("parent",))
    query = f"SELECT {columns.sql}, url FROM {table.sql} NOT INDEXED WHERE type = ?"  # noqa: S608  the schema's names, quoted
    for uuid, title, parent, url in database.rows(query, _LEAF):
        address = as_text(url)
        if address:
            yield as_identity(uuid), Tab(as_text(title), address, folders.get(parent), None, None, profile)


def _of_state(database: Database, profile: str | None) -> Iterator[tuple[str | None, Tab]]:
    table = database.table("tabs")
    if table is None or not table.has("url"):
        return
    columns = Columns(
        table,
        "",
        uuid=("uuid",),
        title=("title",),
        url=("user_visible_url", "url"),
        seen=("last_viewed_time",),
        private=("private_browsing",),
    )
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
    for uuid, title, url, seen, private in database.rows(query):
        address = as_text(url)
        if address:
            is_private = None if private is None else bool(private)
            yield as_identity(uuid), Tab(as_text(title), address, None, is_private, from_cocoa(seen), profile)
