"""`Home screen/`: which app is where, as a page to look at while one sets up another phone, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate.content.readers.home_screen import PLACE, Icon, home_screen
from migrate.export.files_task import FilesTask
from migrate.export.tables import FORMATS, TableColumn, Word, tables
from migrate.language import _, language_tag, mark
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.pages.style import STYLE
from migrate.plists import NotAPlist, load_plist
from migrate.problems import BlobMissing, BlobUnreadable

COLUMNS = (
    TableColumn("page", mark("Page")),
    TableColumn("position", mark("Position")),
    TableColumn("folder", mark("Folder")),
    TableColumn("app", mark("App")),
    TableColumn("id", "ID"),
    TableColumn("kind", mark("Kind")),
)
_DOCK, _WIDGET = Word(mark("Dock")), Word(mark("widget"))
_APPLE_APPS = {
    "AppStore": "App Store", "MobileAddressBook": "Contacts", "MobileSMS": "Messages", "Passbook": "Wallet",
    "camera": "Camera", "facetime": "FaceTime", "mobilecal": "Calendar", "mobilemail": "Mail",
    "mobilenotes": "Notes", "mobilephone": "Phone", "mobilesafari": "Safari", "mobileslideshow": "Photos",
    "mobiletimer": "Clock", "iBooks": "Books", "tv": "TV", "DocumentsApp": "Files", "VoiceMemos": "Voice Memos",
    "Preferences": "Settings", "findmy": "Find My", "MobileStore": "iTunes Store", "shortcuts": "Shortcuts",
}  # fmt: skip
"""Names of apps whose ids do not have them (GK). The list of apps in a backup has none of Apple's."""
_GRID = """
.icons{list-style:none;padding:0;display:grid;grid-template-columns:repeat(4,1fr);gap:.5rem}
.icons li{background:var(--card);border-radius:.6rem;padding:.6rem .2rem;margin:0;text-align:center;font-size:.8125rem}
.icons .folder{grid-column:span 2;text-align:left;padding:.6rem .8rem}
.icons .widget{outline:1px dashed var(--line);outline-offset:-3px}
"""
_LARGEST_CLIP_BYTES = 1 << 20


def write_home_screen(task: FilesTask) -> None:
    record = task.record(*PLACE)
    if record is None:
        return
    icons = list(home_screen(task.source, record))
    if not icons:
        return
    names = _Names(task)
    place = task.top.folder(_("Home screen"), key="home-screen")
    formats = task.choice.formats & {"html", *FORMATS} or frozenset({"html", "csv"})
    with tables(place, "home screen", COLUMNS, key="home-screen", formats=formats) as table:
        for page, on_page in groupby(icons, key=lambda icon: icon.page):
            for position, icon in enumerate(on_page, 1):
                kind = _WIDGET if icon.is_widget else None
                table.row(_DOCK if page is None else page, position, icon.folder, names.of(icon), icon.app, kind)
    if "html" in formats:
        place.write("home screen.html", _page(task, icons, names), key="home-screen.html")


class _Names:
    """What people call the things on the home screen."""

    def __init__(self, task: FilesTask) -> None:
        self._task = task
        self._clips = _web_clips(task)

    def of(self, icon: Icon) -> str:
        if icon.app is None:
            return _("a widget")
        app = self._task.claims.apps.get(icon.app)
        if app is not None:
            return app.title
        last = icon.app.rpartition(".")[2]
        if icon.app.startswith("com.apple.") and last in _APPLE_APPS:
            return _APPLE_APPS[last]
        return self._clips.get(icon.app) or self._clips.get(last) or last[:1].upper() + last[1:]


def _web_clips(task: FilesTask) -> dict[str, str]:
    """The titles of web pages on the home screen by their ids."""
    found = {}
    for record in task.records("HomeDomain"):
        folder, _slash, name = record.relative_path.removeprefix("Library/WebClips/").partition("/")
        if record.relative_path.startswith("Library/WebClips/") and name == "Info.plist":
            try:
                value = load_plist(task.backup.read(record, _LARGEST_CLIP_BYTES))
            except (NotAPlist, BlobMissing, BlobUnreadable):
                continue
            title = value.get("Title") if isinstance(value, dict) else None
            if isinstance(title, str):
                found[folder.removesuffix(".webclip")] = title
    return found


def _page(task: FilesTask, icons: Iterable[Icon], names: _Names) -> str:
    title = _("Home screen of {phone}").format(phone=task.backup.folder.device_name or task.backup.folder.udid)
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        text_element("title", title),
        element("style", Markup(STYLE + _GRID)),
    )
    main = element("main", text_element("h1", title), *_sections(icons, names))
    return f"<!doctype html>\n{element('html', head, element('body', main), lang=language_tag())}\n"


def _sections(icons: Iterable[Icon], names: _Names) -> Iterator[Markup]:
    for page, on_page in groupby(icons, key=lambda icon: icon.page):
        yield text_element("h2", _("Dock") if page is None else _("Page {number}").format(number=page))
        cells = []
        for folder, inside in groupby(on_page, key=lambda icon: icon.folder):
            if folder is None:
                cells += [_cell(icon, names) for icon in inside]
            else:
                apps = escaped(", ".join(names.of(icon) for icon in inside))
                cells.append(element("li", text_element("strong", folder), element("small", apps), class_="folder"))
        yield element("ul", joined(cells), class_="icons")


def _cell(icon: Icon, names: _Names) -> Markup:
    return text_element("li", names.of(icon), class_="widget" if icon.is_widget else None)
