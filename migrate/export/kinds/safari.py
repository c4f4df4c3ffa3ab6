"""`Safari/`: bookmarks as every browser imports them and as a table, the reading list, the history, the open tabs.

The form of `bookmarks.html` is Netscape's of 1998, with the folders' names of Safari's own export (*read*: files of
others).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from migrate.content.item import Item
from migrate.content.ordering import ordered
from migrate.content.readers.safari import Bookmark, Deletion, Visit, deletions
from migrate.content.readers.safari_tabs import profile_names, tabs
from migrate.content.source import Source
from migrate.export.files_task import FilesTask
from migrate.export.folder import NewFile, Place
from migrate.export.names import iso_time
from migrate.export.tables import FORMATS, TableColumn, tables
from migrate.export.task import Task
from migrate.language import _, mark
from migrate.pages.markup import Markup, escaped

TITLE, ADDRESS = TableColumn("title", mark("Title")), TableColumn("url", mark("Address"))
PROFILE = TableColumn("profile", mark("Profile"))
BOOKMARK_COLUMNS = (
    TITLE,
    ADDRESS,
    TableColumn("folder", mark("Folder")),
    TableColumn("changed", mark("Changed")),
)
READING_COLUMNS = (
    TITLE,
    ADDRESS,
    TableColumn("added", mark("Added")),
    TableColumn("read", mark("Read")),
    TableColumn("preview", mark("Beginning of the text")),
)
VISIT_COLUMNS = (TableColumn("when", mark("Date")), TITLE, ADDRESS, PROFILE)
DELETION_COLUMNS = (TableColumn("from", mark("From")), TableColumn("until", mark("Until")), ADDRESS, PROFILE)
TAB_COLUMNS = (
    TITLE,
    ADDRESS,
    TableColumn("group", mark("Tab group")),
    TableColumn("private", mark("Private")),
    TableColumn("last_seen", mark("Last seen")),
    PROFILE,
)
_BAR, _READING_LIST = "BookmarksBar", "com.apple.ReadingList"
_OWN_FOLDERS = {
    _BAR: mark("Favorites"),
    "BookmarksMenu": mark("Bookmarks menu"),
    _READING_LIST: mark("Reading List"),
}
_HEAD = (
    "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n"
    '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">\n'
    '<META HTTP-EQUIV="Content-Security-Policy" CONTENT="default-src \'none\'">\n'
)
"""With the policy a bookmark that is a script does nothing when it is clicked here."""


def _folder(place: Place) -> Place:
    return place.folder("Safari", key="safari")


# -- bookmarks -------------------------------------------------------------------------------------------------------


def write_bookmarks(task: Task) -> None:
    """Folder by folder, in the order that they have on the phone."""
    place = _folder(task.top)
    formats = task.formats("html", *FORMATS, usual=("html", "csv"))
    with (
        tables(place, "bookmarks", BOOKMARK_COLUMNS, key="bookmarks", formats=formats) as leaves,
        tables(place, "reading list", READING_COLUMNS, key="reading-list", formats=formats) as pages,
        _Tree(place, wanted="html" in formats) as tree,
    ):
        for item in ordered(task.items(), task.tmp, key=_by_folder):
            assert isinstance(item, Bookmark)
            tree.add(item)
            if item.in_reading_list:
                pages.row(item.title, item.url, iso_time(item.added or item.when), item.read, item.preview)
            else:
                leaves.row(item.title, item.url, " / ".join(map(_name, item.folders)), iso_time(item.modified))
            task.exported(item)


def _by_folder(item: Item) -> tuple[object, ...]:
    assert isinstance(item, Bookmark)
    return item.folders, item.order, item.id


def _name(folder: str) -> str:
    return _(_OWN_FOLDERS[folder]) if folder in _OWN_FOLDERS else folder


class _Tree:
    """`bookmarks.html`, folder in folder. Made with the first bookmark."""

    def __init__(self, place: Place, *, wanted: bool) -> None:
        self._place = place
        self._wanted = wanted
        self._open = ExitStack()
        self._file: NewFile | None = None
        self._path: tuple[str, ...] = ()

    def __enter__(self) -> _Tree:
        self._open.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None and error[0] is None:
            self._go_to(())
            self._file.write_text("</DL><p>\n")
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def add(self, item: Bookmark) -> None:
        if not self._wanted:
            return
        if self._file is None:
            self._file = self._open.enter_context(self._place.new_file("bookmarks.html", key="bookmarks.html"))
            title = escaped(_("Bookmarks"))
            self._file.write_text(f"{_HEAD}<TITLE>{title}</TITLE>\n<H1>{title}</H1>\n<DL><p>\n")
        self._go_to(item.folders)
        added = item.added or item.modified
        date = f' ADD_DATE="{round(added)}"' if added is not None else ""
        name = escaped(_one_line(item.title or item.url or ""))
        self._line(f'<DT><A HREF="{escaped(_one_line(item.url or ""))}"{date}>{name}</A>')

    def _go_to(self, folders: tuple[str, ...]) -> None:
        """Close the folders that the next bookmark is not in, and open those that it is in."""
        common = 0
        while common < min(len(folders), len(self._path)) and folders[common] == self._path[common]:
            common += 1
        while len(self._path) > common:
            self._path = self._path[:-1]
            self._line("</DL><p>")
        for folder in folders[common:]:
            self._line(f"<DT><H3{_attributes(folder)}>{escaped(_one_line(_name(folder)))}</H3>")
            self._line("<DL><p>")
            self._path += (folder,)

    def _line(self, markup: str) -> None:
        assert self._file is not None
        self._file.write_text("    " * (len(self._path) + 1) + markup + "\n")


def _attributes(folder: str) -> Markup:
    if folder == _BAR:
        return Markup(' PERSONAL_TOOLBAR_FOLDER="true"')
    return Markup(f' id="{_READING_LIST}"' if folder == _READING_LIST else "")


def _one_line(text: str) -> str:
    """Importers read line by line."""
    return " ".join(text.split())


# -- history ---------------------------------------------------------------------------------------------------------


def write_visits(task: Task) -> None:
    """The history of all profiles, the oldest visit first, and what is known about deleted parts of it."""
    place = _folder(task.top)
    formats = task.formats(*FORMATS, usual=("csv",))
    profiles = _Profiles(task.source)
    with tables(place, "history", VISIT_COLUMNS, key="history", formats=formats) as table:
        for item in task.items_by_time():
            assert isinstance(item, Visit)
            table.row(iso_time(item.when), item.title, item.url, profiles.name(item.profile))
            task.exported(item)
    if task.choice.deleted != "without" and task.choice.only_ids is None:
        with tables(place, "deleted from history", DELETION_COLUMNS, key="tombstones", formats=formats) as table:
            for found in _deletions(task):
                table.row(iso_time(found.begin), iso_time(found.end), found.url, profiles.name(found.profile))


def _deletions(task: Task) -> Iterator[Deletion]:
    """Those of the chosen time. They are evidence of a deletion and no items."""
    since, until = task.choice.since, task.choice.until
    for found in deletions(task.source):
        if since is not None and found.end is not None and found.end < since:
            continue
        if until is not None and found.begin is not None and found.begin >= until:
            continue
        yield found


class _Profiles:
    """The names of the profiles, read when the first one is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names: dict[str, str] | None = None

    def name(self, profile: str | None) -> str | None:
        if profile is None:
            return None
        if self._names is None:
            self._names = profile_names(self._source)
        return self._names.get(profile.upper(), profile)


# -- tabs ------------------------------------------------------------------------------------------------------------


def write_tabs(task: FilesTask) -> None:
    """`open tabs.csv`: tabs are not items, so nothing counts them."""
    profiles = _Profiles(task.source)
    with tables(_folder(task.top), "open tabs", TAB_COLUMNS, key="tabs", formats=task.formats(*FORMATS)) as table:
        for tab in tabs(task.source):
            seen, profile = iso_time(tab.last_seen), profiles.name(tab.profile)
            table.row(tab.title, tab.url, tab.group, tab.is_private, seen, profile)
