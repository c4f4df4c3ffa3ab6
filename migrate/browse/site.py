"""What all pages share: the templates, the frame with its navigation, links, and how texts get into a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import markupsafe
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from migrate.browse.face import Face
from migrate.browse.library import Library, Shelf
from migrate.browse.times import clock_text, day, iso_time, moment_text
from migrate.content.counting import KindCount
from migrate.content.item import State
from migrate.language import _, language_tag, plural
from migrate.pages.loopback import STYLE_PATH
from migrate.units import format_bytes
from migrate.untrusted_text import without_control_characters

TEMPLATES = Path(__file__).with_name("templates")
PAGE_ITEMS = 100
LONGEST_QUERY = 200
LAST_PAGE = 1_000_000
EXPORT_TO = "my-export"
"""The folder in the commands that are shown. The person changes it."""


@dataclass(frozen=True)
class NavEntry:
    """A link of the navigation."""

    title: str
    href: str
    count: str = ""


@dataclass(frozen=True)
class Paging:
    """Which part of a list a page shows. Pages are numbered from 1."""

    number: int
    items: int
    size: int = PAGE_ITEMS

    @property
    def pages(self) -> int:
        return max(1, -(-self.items // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def near(self) -> list[int | None]:
        """The numbers that are shown as links; None for a gap."""
        wanted = sorted(
            number
            for number in {1, self.number - 1, self.number, self.number + 1, self.pages}
            if 1 <= number <= self.pages
        )
        shown: list[int | None] = []
        for number in wanted:
            if shown and shown[-1] is not None and number > shown[-1] + 1:
                shown.append(None)
            shown.append(number)
        return shown


class Site:
    """The templates, and answers made of them."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            {
                "_": _,
                "plural": plural,
                "language": language_tag(),
                "style_path": STYLE_PATH,
                "format_bytes": format_bytes,
                "moment": moment_text,
                "clock": clock_text,
                "day": day,
                "iso": iso_time,
                "web_address": web_address,
                "is_deleted": lambda item: item.state is State.DELETED,
                "is_only_in_icloud": lambda item: item.state is State.ONLY_IN_CLOUD,
                "item_href": item_href,
                "file_href": file_href,
                "folder_href": folder_href,
                "with_query": with_query,
            }
        )

    # -- answers -----------------------------------------------------------------------------------------------------

    def page(
        self, request: Request, template: str, *, status: int = 200, refresh_s: int | None = None, **values: Any
    ) -> Response:
        """A page from a template."""
        text = self._environment.get_template(template).render(self._frame(request, values))
        return HTMLResponse(text, status, headers=_refreshing(refresh_s))

    def streamed(self, request: Request, template: str, **values: Any) -> Response:
        """A page that is sent while it is made: the browser shows what is there already."""
        pieces: Iterator[str] = self._environment.get_template(template).generate(self._frame(request, values))
        return StreamingResponse(pieces, media_type="text/html")

    def missing(self, request: Request, text: str | None = None, status: int = 404) -> Response:
        return self.page(
            request, "message.html", status=status, title=_("Not found"), text=text or _("It is not in this backup.")
        )

    def reading(self, request: Request, shelf: Shelf | None) -> Response:
        """What is wanted is still being read: the page says so, and comes back."""
        count = shelf.index.read_so_far if shelf is not None else 0
        text = plural("{count:,} read so far", "{count:,} read so far", count).format(count=count) if count else ""
        title = _(shelf.index.face.title_of_kind) if shelf is not None else _("Files")
        return self.page(request, "reading.html", refresh_s=1, title=title, text=text)

    def _frame(self, request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
        folder = self.library.backup.folder
        return {
            "phone": folder.device_name or folder.udid,
            "path": request.url.path,
            "navigation": self.navigation(),
            "query": "",
            **values,
        }

    # -- links -------------------------------------------------------------------------------------------------------

    def navigation(self) -> list[NavEntry]:
        counts = self.counts
        entries = [NavEntry(_("Overview"), "/")]
        for kind_id, kind in self.library.kinds_if_known().items():
            face = self.library.face(kind)
            count = counts.get(kind_id)
            shown = "" if count is None or count.is_unknown else f"{count.live:,}"
            title = _(face.title_of_kind)
            entries.append(NavEntry(title[:1].upper() + title[1:], f"/k/{kind_id}", shown))
        entries += [
            NavEntry(_("Apps"), "/apps"),
            NavEntry(_("Files"), "/files"),
            NavEntry(_("Recently deleted"), "/deleted"),
        ]
        return entries

    @property
    def counts(self) -> Mapping[str, KindCount]:
        """Kind -> its numbers, once everything is counted."""
        tally = self.library.tally
        if tally is None:
            return {}
        rows = [*tally.categories, *tally.apps]
        return {count.kind.id: count for row in rows for count in row.counts.kinds}

    def export_command(self, owner: str, *more: str) -> str:
        """The command that writes a category or app as files."""
        which = ("--app", owner.removeprefix("app:")) if owner.startswith("app:") else ("--category", owner)
        return self.library.command("export", str(self._backup_path), *which, *more, "--to", EXPORT_TO)

    def extract_command(self, domain: str, path: str) -> str:
        """The command that copies one file as it is."""
        return self.library.command("extract", str(self._backup_path), "--match", f"{domain}/{path}", "--to", EXPORT_TO)

    @cached_property
    def _backup_path(self) -> Path:
        return self.library.backup.folder.path

    def face(self, kind_id: str) -> Face:
        return self.library.face(self.library.kinds[kind_id])


def paging_of(request: Request, items: int, *, start_at_end: bool = False, size: int = PAGE_ITEMS) -> Paging:
    """The page that `?page=` names; else the first or the last."""
    last = Paging(1, items, size).pages
    asked = request.query_params.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 7 else (last if start_at_end else 1)
    return Paging(min(max(1, number), last), items, size)


def query_of(request: Request) -> str:
    """What is searched for."""
    return " ".join(request.query_params.get("q", "")[:LONGEST_QUERY].split())


def item_href(kind_id: str, number: int) -> str:
    return f"/k/{quote(kind_id, safe='')}/i/{number}"


def file_href(domain: str, path: str, **more: str) -> str:
    return "/file?" + urlencode({"domain": domain, "path": path, **more})


def folder_href(domain: str, path: str = "") -> str:
    return "/files?" + urlencode({"domain": domain, **({"path": path} if path else {})})


def with_query(path: str, **values: object) -> str:
    """A path with those of the values that are not empty."""
    kept = {name: value for name, value in values.items() if value not in ("", None)}
    return f"{path}?{urlencode(kept)}" if kept else path


def web_address(address: object) -> str | None:
    """An address of the web that may become a link; None for every other, such as a script."""
    text = str(address or "")
    is_web = text.lower().startswith(("http://", "https://")) and text.isprintable() and " " not in text
    return text if is_web and len(text) <= 2000 else None


def safe(markup: str) -> markupsafe.Markup:
    """HTML of `migrate.pages.markup`, whose texts are escaped already."""
    return markupsafe.Markup(markup)  # noqa: S704


def _visible(value: object) -> object:
    """Every text that a template shows: control characters become visible, nothing turns the reading direction."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return without_control_characters(value)
    return "" if value is None else value


def _refreshing(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"refresh": str(seconds)}
