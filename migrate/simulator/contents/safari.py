"""Safari: bookmarks and reading list, history, tabs.

Tables *seen* on iOS 9.3 to 11.2 (history) and *read* from iOS 18. Bookmarks use Unix seconds, history Apple seconds.
For the location of the history and its sources see categories/categories.toml, "safari".
"""

from __future__ import annotations

import plistlib

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, SAFARI_APP, Author, apple_seconds, plist_date
from migrate.simulator.contents.formats.sqlite_file import Database, Row

FOLDER = "Library/Safari"
LEAF, BRANCH = 0, 1
FAVOURITES, READING_LIST = 1, 3

BOOKMARKS_SCHEMA = """
CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, special_id INTEGER DEFAULT 0, parent INTEGER, type INTEGER, title TEXT,
 url TEXT COLLATE NOCASE, num_children INTEGER DEFAULT 0, editable INTEGER DEFAULT 1, deletable INTEGER DEFAULT 1,
 hidden INTEGER DEFAULT 0, hidden_ancestor_count INTEGER DEFAULT 0, order_index INTEGER NOT NULL,
 external_uuid TEXT UNIQUE, read INTEGER DEFAULT NULL, last_modified REAL DEFAULT NULL, server_id TEXT,
 sync_key TEXT, added INTEGER DEFAULT 1, deleted INTEGER DEFAULT 0, extra_attributes BLOB DEFAULT NULL,
 local_attributes BLOB DEFAULT NULL, fetched_icon BOOL DEFAULT 0, dav_generation INTEGER DEFAULT 0);
CREATE TABLE folder_ancestors (id INTEGER PRIMARY KEY AUTOINCREMENT, folder_id INTEGER NOT NULL,
 ancestor_id INTEGER NOT NULL);
CREATE TABLE bookmark_title_words (id INTEGER PRIMARY KEY, bookmark_id INTEGER NOT NULL, word TEXT, word_index INTEGER);
CREATE TABLE generations (generation INTEGER);
CREATE TABLE sync_properties (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
"""
HISTORY_SCHEMA = """
CREATE TABLE history_items (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, domain_expansion TEXT NULL,
 visit_count INTEGER NOT NULL, daily_visit_counts BLOB NOT NULL, weekly_visit_counts BLOB NULL,
 autocomplete_triggers BLOB NULL, should_recompute_derived_visit_counts INTEGER NOT NULL,
 visit_count_score INTEGER NOT NULL);
CREATE TABLE history_visits (id INTEGER PRIMARY KEY AUTOINCREMENT,
 history_item INTEGER NOT NULL REFERENCES history_items(id) ON DELETE CASCADE, visit_time REAL NOT NULL,
 title TEXT NULL, load_successful BOOLEAN NOT NULL DEFAULT 1, http_non_get BOOLEAN NOT NULL DEFAULT 0,
 synthesized BOOLEAN NOT NULL DEFAULT 0, redirect_source INTEGER NULL UNIQUE, redirect_destination INTEGER NULL UNIQUE,
 origin INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL DEFAULT 0, attributes INTEGER NOT NULL DEFAULT 0,
 score INTEGER NOT NULL DEFAULT 0);
CREATE TABLE history_tombstones (id INTEGER PRIMARY KEY AUTOINCREMENT, start_time REAL NOT NULL,
 end_time REAL NOT NULL, url TEXT, generation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE metadata (key TEXT NOT NULL UNIQUE, value);
CREATE INDEX history_visits__last_visit ON history_visits (history_item, visit_time DESC, synthesized ASC);
"""
BROWSER_STATE_SCHEMA = """
CREATE TABLE tabs (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE NOT NULL, title TEXT, url TEXT, user_visible_url TEXT,
 order_index INTEGER, last_viewed_time REAL, readinglist_bookmark_id INTEGER, opened_from_link INTEGER DEFAULT 0,
 private_browsing INTEGER DEFAULT 0, browser_window_uuid TEXT, browser_window_id INTEGER);
CREATE TABLE tab_sessions (id INTEGER PRIMARY KEY, tab_uuid TEXT, session_data BLOB,
 uncompressed_session_data_size INTEGER);
CREATE TABLE browser_windows (id INTEGER PRIMARY KEY, uuid TEXT, active_document_index INTEGER);
"""
TABS_SCHEMA = (
    BOOKMARKS_SCHEMA + "CREATE TABLE windows (id INTEGER PRIMARY KEY, uuid TEXT, active_tab_group_id INTEGER);"
)
CLOUD_TABS_SCHEMA = "CREATE TABLE cloud_tabs (tab_uuid TEXT PRIMARY KEY, device_uuid TEXT, title TEXT, url TEXT);"


def history_domain(ios: tuple[int, ...]) -> str:
    return SAFARI_APP if (10,) <= ios < (13,) else HOME


def write(author: Author) -> None:
    author.database(HOME, f"{FOLDER}/Bookmarks.db", _bookmarks(author))
    author.database(history_domain(author.ios), f"{FOLDER}/History.db", _history(author), protection_class=4)
    tabs = [] if author.spec.empty else [(author.uuid(), _url(author, number)) for number in range(3)]
    author.database(HOME, f"{FOLDER}/BrowserState.db", _browser_state(tabs))
    if author.ios >= (15,):
        author.database(HOME, f"{FOLDER}/SafariTabs.db", _tab_groups(author, tabs))
    if not author.spec.empty:
        author.database(HOME, f"{FOLDER}/CloudTabs.db", Database(CLOUD_TABS_SCHEMA))  # never in a backup


def _url(author: Author, number: int) -> str:
    return f"https://{author.title().split()[0].casefold().encode('idna').decode()}.example.com/{number}?q=caf%C3%A9"


def _bookmarks(author: Author) -> Database:
    """Root, favourites, menu, reading list, and the bookmarks, every third of them in the reading list."""
    database = Database(BOOKMARKS_SCHEMA)
    folders = ("Root", "BookmarksBar", "BookmarksMenu", "com.apple.ReadingList")
    counts = [3, 0, 0, 0]
    for number in range(author.spec.bookmarks):
        counts[READING_LIST if number % 3 == 2 else FAVOURITES] += 1
    for row, (title, children) in enumerate(zip(folders, counts, strict=True)):
        known: Row = {"id": row, "special_id": row, "type": BRANCH, "title": title, "num_children": children}
        database.insert("bookmarks", {**known, "parent": 0 if row else None, "order_index": row})
        if row:
            database.insert("folder_ancestors", {"folder_id": row, "ancestor_id": 0})
    for number, moment in enumerate(author.moments(author.spec.bookmarks)):
        later = number % 3 == 2
        about = {"com.apple.ReadingList": {"DateAdded": plist_date(moment), "PreviewText": author.sentence()}}
        database.insert(
            "bookmarks",
            {
                "parent": READING_LIST if later else FAVOURITES,
                "type": LEAF,
                "title": author.title(),
                "url": _url(author, number),
                "order_index": number,
                "external_uuid": author.uuid(),
                "read": number % 2 if later else None,
                "last_modified": float(moment),
                "extra_attributes": plistlib.dumps(about, fmt=plistlib.FMT_BINARY) if later else None,
            },
        )
    return database


def _history(author: Author) -> Database:
    database = Database(HISTORY_SCHEMA)
    database.insert("metadata", {"key": "schemaVersion", "value": 14})
    for number, moment in enumerate(author.moments(author.spec.history)):
        visits = author.random.randint(1, 4)
        item = database.insert(
            "history_items",
            {
                "url": _url(author, number),
                "visit_count": visits,
                "daily_visit_counts": b"\x01\x00\x00\x00",
                "should_recompute_derived_visit_counts": 0,
                "visit_count_score": 100 * visits,
            },
        )
        title = author.title()
        for visit in range(visits):
            when = apple_seconds(max(0, moment - 3600 * visit)) + 0.125
            database.insert("history_visits", {"history_item": item, "visit_time": when, "title": title, "score": 100})
    return database


def _browser_state(tabs: list[tuple[str, str]]) -> Database:
    database = Database(BROWSER_STATE_SCHEMA)
    for place, (uuid, url) in enumerate(tabs):
        known: Row = {"uuid": uuid, "title": f"Tab {place}", "url": url, "user_visible_url": url, "order_index": place}
        database.insert("tabs", {**known, "last_viewed_time": apple_seconds(REFERENCE_TIME - 60 * place)})
    return database


def _tab_groups(author: Author, tabs: list[tuple[str, str]]) -> Database:
    """Tabs from iOS 15 on: leaves of a folder, in a table like that of bookmarks."""
    database = Database(TABS_SCHEMA)
    for row, title in enumerate(("Root", "Local")):
        known: Row = {"id": row, "type": BRANCH, "title": title, "parent": 0 if row else None, "order_index": row}
        database.insert("bookmarks", {**known, "external_uuid": author.uuid()})
    for place, (uuid, url) in enumerate(tabs):
        tab: Row = {"parent": 1, "type": LEAF, "title": f"Tab {place}", "url": url, "order_index": place}
        database.insert("bookmarks", {**tab, "external_uuid": uuid})
    return database
