"""The pages of one kind: its list, its groups, one item, and the downloads of an item."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from migrate.browse.face import Face, Place, is_deleted, month_of
from migrate.browse.item_index import ALL, Entry, ItemIndex
from migrate.browse.library import Shelf
from migrate.browse.media import (
    FileMissing,
    file_answer,
    shown_as,
    shown_href,
    thumbnail_answer,
    thumbnail_of,
    type_of,
)
from migrate.browse.other_faces import ALBUM, CALENDAR
from migrate.browse.people_faces import whatsapp_number
from migrate.browse.site import Paging, Site, item_href, paging_of, query_of, safe
from migrate.browse.take import item_download
from migrate.browse.threads import Thread
from migrate.content.item import FileRef
from migrate.content.readers.messages.message import Chat as MessageChat
from migrate.content.readers.whatsapp import Chat as WhatsAppChat
from migrate.language import _
from migrate.pages.media_types import UNKNOWN

MOST_FOUND = 10_000
THREAD_ITEMS = 200
GRID_ITEMS = 200
_SIDE_GROUPS = 400


class ItemViews:
    """Answers for `/k/…`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._library = site.library

    # -- lists -------------------------------------------------------------------------------------------------------

    def kind(self, request: Request) -> Response:
        """All items of a kind, or its chats."""
        shelf = self._shelf(request)
        if shelf is None:
            return self._site.missing(request)
        if not shelf.is_ready:
            return self._site.reading(request, shelf)
        index, face = shelf.index, shelf.index.face
        if face.shows_groups_first and not query_of(request):
            return self._site.page(
                request,
                "groups.html",
                **self._about(shelf),
                groups=index.ordered_places(),
                href=lambda place: f"/k/{face.kind_id}/in/{place.number}",
                can_search=face.keeps_items,
            )
        return self._list(request, shelf, None)

    def place(self, request: Request) -> Response:
        """A chat, a month, a folder."""
        shelf = self._shelf(request)
        if shelf is None:
            return self._site.missing(request)
        if not shelf.is_ready:
            return self._site.reading(request, shelf)
        place = shelf.index.places.get(request.path_params["place"])
        if place is None:
            return self._site.missing(request)
        if shelf.index.face.look == "thread" and not query_of(request):
            return self._thread(request, shelf, place)
        return self._list(request, shelf, place)

    def _list(self, request: Request, shelf: Shelf, place: Place | None) -> Response:
        index, face = shelf.index, shelf.index.face
        if not face.keeps_items:
            return self._site.missing(request)
        query, number = query_of(request), None if place is None else place.number
        size = GRID_ITEMS if face.look == "grid" else 100
        if query:
            paging = paging_of(request, index.count_found(query, MOST_FOUND, number), size=size)
            entries = index.found(query, paging.offset, paging.size, number)
        else:
            paging = paging_of(request, index.count(ALL if number is None else number), size=size)
            entries = index.page(ALL if number is None else number, paging.offset, paging.size)
        groups = index.ordered_places()
        others = [one for one in groups if one.key.startswith((ALBUM, CALENDAR))]
        return self._site.page(
            request,
            "grid.html" if face.look == "grid" else "list.html",
            **self._about(shelf),
            place=place,
            place_title=place.title if place else "",
            sections=_sections(face, entries),
            paging=paging,
            most_found=MOST_FOUND,
            list_query=query,
            groups=[one for one in groups if one not in others][:_SIDE_GROUPS],
            other_groups=others[:_SIDE_GROUPS],
            other_groups_title=_("Albums") if face.kind_id == "photos" else _("Calendars"),
            thumb=lambda entry: self._thumb_href(face.kind_id, entry),
        )

    def _thread(self, request: Request, shelf: Shelf, place: Place) -> Response:
        index = shelf.index
        paging = paging_of(request, place.items, start_at_end=True, size=THREAD_ITEMS)
        if place.items and "at" in request.query_params:
            paging = self._page_of(request, index, place, paging)
        entries = index.page(place.number, paging.offset, paging.size)
        members = getattr(place.sort, "members", ()) or ()
        return self._site.page(
            request,
            "thread.html",
            **self._about(shelf, *_only_with(place)),
            place=place,
            members=len(members),
            rows=safe(Thread(self._library, index).rows(entries)),
            only_two=len(members) <= 1,
            paging=paging,
        )

    def _page_of(self, request: Request, index: ItemIndex, place: Place, paging: Paging) -> Paging:
        """The page of a chat that has the message `?at=`."""
        asked = request.query_params["at"]
        position = index.position(place.number, int(asked)) if asked.isascii() and asked.isdigit() else None
        return paging if position is None else Paging(position // paging.size + 1, paging.items, paging.size)

    # -- one item ----------------------------------------------------------------------------------------------------

    def item(self, request: Request) -> Response:
        shelf, entry = self._entry(request)
        if shelf is None:
            return self._site.missing(request)
        if not shelf.is_ready:
            return self._site.reading(request, shelf)
        if entry is None:
            return self._site.missing(request)
        index, face, item = shelf.index, shelf.index.face, entry.item
        before, after = _neighbours(index, entry)
        more = ("--deleted", "only") if is_deleted(item) else ()
        return self._site.page(
            request,
            "item.html",
            **self._about(shelf, *more),
            item=item,
            number=entry.number,
            title=face.title(item),
            line=face.line(item),
            details=face.details(item),
            text=face.text(item),
            media=[self._medium(face.kind_id, entry, place, file) for place, file in enumerate(item.files)],
            thumb=self._thumb_href(face.kind_id, entry),
            before=before,
            after=after,
            in_places=[one for group in face.groups(item) if (one := index.place_called(group.key)) is not None],
            absent=item.absent,
            offloaded=item.offloaded,
            take=f"{item_href(face.kind_id, entry.number)}/take",
            bubble=safe(Thread(self._library, index).rows([entry])) if face.look == "thread" else "",
        )

    def _thumb_href(self, kind_id: str, entry: Entry) -> str | None:
        """The address of a photo's small picture; None if there is none."""
        return None if thumbnail_of(entry.item) is None else f"{item_href(kind_id, entry.number)}/thumb"

    def _medium(self, kind_id: str, entry: Entry, place: int, file: FileRef) -> dict[str, Any]:
        found = type_of(self._library, file)
        href = f"{item_href(kind_id, entry.number)}/file/{place}"
        record = self._library.record(file)
        return {
            "name": file.relative_path.rpartition("/")[2],
            "path": f"{file.domain}/{file.relative_path}",
            "href": href,
            "download": f"{href}?download=1",
            "size": None if record is None else record.size,
            "kind": shown_as(found) or "",
            "shown": shown_href(href, found),
            "type": "" if found == UNKNOWN else found,
        }

    def file(self, request: Request) -> Response:
        """A file of an item."""
        _shelf, entry = self._entry(request, patience_s=5.0)
        place = request.path_params["place"]
        if entry is None or place >= len(entry.item.files):
            return self._site.missing(request)
        record = self._library.record(entry.item.files[place])
        if record is None:
            return self._site.missing(request)
        try:
            return file_answer(request, self._library, record, as_download="download" in request.query_params)
        except FileMissing as error:
            return self._site.missing(request, str(error))

    def thumb(self, request: Request) -> Response:
        _shelf, entry = self._entry(request, patience_s=5.0)
        file = None if entry is None else thumbnail_of(entry.item)
        if file is None:
            return Response(status_code=404)
        try:
            return thumbnail_answer(self._library, file)
        except FileMissing:
            return Response(status_code=404)

    def take(self, request: Request) -> Response:
        """The item as a download, as `migrate export` writes it."""
        shelf, entry = self._entry(request, patience_s=5.0)
        if shelf is None or entry is None:
            return self._site.missing(request)
        try:
            return item_download(self._library, shelf, entry)
        except FileMissing as error:
            return self._site.missing(request, str(error))

    # -- help --------------------------------------------------------------------------------------------------------

    def _shelf(self, request: Request, patience_s: float = 1.0) -> Shelf | None:
        kind_id = request.path_params["kind"]
        return self._library.shelf(kind_id, patience_s) if kind_id in self._library.kinds else None

    def _entry(self, request: Request, patience_s: float = 1.0) -> tuple[Shelf | None, Entry | None]:
        shelf = self._shelf(request, patience_s)
        if shelf is None or not shelf.is_ready or not shelf.index.face.keeps_items:
            return shelf, None
        return shelf, shelf.index.entry(request.path_params["number"])

    def _about(self, shelf: Shelf, *more: str) -> dict[str, Any]:
        face = shelf.index.face
        return {
            "kind": shelf.kind.id,
            "face": face,
            "kind_title": _(face.title_of_kind)[:1].upper() + _(face.title_of_kind)[1:],
            "index": shelf.index,
            "findings": shelf.findings[:20],
            "command": self._site.export_command(shelf.kind.owner, *more),
        }


def _sections(face: Face, entries: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """The entries under headings: months where they are in the order of time, letters for contacts."""
    if face.kind_id == "contacts":
        return [
            (key, list(group)) for key, group in groupby(entries, lambda one: next(iter(face.groups(one.item))).title)
        ]
    if face.newest_first:
        return [(key, list(group)) for key, group in groupby(entries, lambda one: next(month_of(one.item)).title)]
    return [("", entries)] if entries else []


def _neighbours(index: ItemIndex, entry: Entry) -> tuple[Entry | None, Entry | None]:
    """The entries before and after this one in the list of all."""
    if not index.face.lists_all:
        return None, None
    position = index.position(ALL, entry.number)
    if position is None:
        return None, None
    found = index.page(ALL, max(0, position - 1), 3 if position else 2)
    numbers = [one.number for one in found]
    here = numbers.index(entry.number) if entry.number in numbers else 0
    return (found[here - 1] if here else None), (found[here + 1] if here + 1 < len(found) else None)


def _only_with(place: Place) -> tuple[str, ...]:
    """The option for an export of this chat alone."""
    chat = place.sort
    if isinstance(chat, MessageChat):
        name = chat.title or chat.identifier
    elif isinstance(chat, WhatsAppChat):
        name = chat.title or whatsapp_number(chat.address)
    else:
        name = None
    return ("--with", name) if name else ()
