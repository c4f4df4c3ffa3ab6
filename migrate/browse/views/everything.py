"""Pages about all kinds: the overview, the search, what was recently deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from migrate.browse.face import Face
from migrate.browse.item_index import Entry
from migrate.browse.library import Library, Shelf
from migrate.browse.media import thumbnail_of
from migrate.browse.site import Site, item_href, query_of, safe
from migrate.browse.space_picture import Share, space_picture
from migrate.categories.catalogue import APP_PREFIX
from migrate.content.tally import OwnerTally, Tally
from migrate.language import _

HITS_SHOWN = 8
FILES_SHOWN = 20
MOST_HITS = 1000
DELETED_SHOWN = 200
LONGEST_WAIT_S = 3600.0
"""For a kind that is being read. The page is sent piece by piece, so the browser shows the others meanwhile."""


class Section(NamedTuple):
    """A kind with some of its items."""

    face: Face
    title: str
    entries: list[Entry]
    total: int
    more: str | None
    """The page with all of them."""


class EverythingViews:
    """Answers for `/`, `/search` and `/deleted`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._library = site.library

    def overview(self, request: Request) -> Response:
        """What is in the backup, where the space is, and whether it is whole."""
        library = self._library
        is_done = library.verdict is not None or library.failed is not None
        tally = library.tally
        return self._site.page(
            request,
            "overview.html",
            refresh_s=None if is_done else 1,
            folder=library.backup.folder,
            info=library.backup.folder.readable_info or {},
            tally=tally,
            verdict=library.verdict,
            failed=library.failed,
            categories=[row for row in tally.categories if row.files or row.notes] if tally else [],
            apps=sorted((row for row in tally.apps if row.files), key=lambda row: -row.bytes)[:12] if tally else [],
            in_icloud=_in_icloud(tally) if tally else [],
            href=self._owner_href,
            pictures=self._pictures(tally) if tally else [],
            command=library.command("export", str(library.backup.folder.path), "--to", "my-export"),
        )

    def _pictures(self, tally: Tally) -> list[str]:
        """The picture of the space for a wide and for a narrow window."""
        shares = [Share(row.title, row.bytes, self._owner_href(row)) for row in (*tally.categories, *tally.apps)]
        unclaimed = sum(row.bytes for row in tally.unclaimed)
        shares.append(Share(_("Unclaimed"), unclaimed, "/files"))
        if not any(share.bytes for share in shares):
            return []
        return [safe(space_picture(shares, 880, 330, "wide")), safe(space_picture(shares, 360, 440, "narrow"))]

    def _owner_href(self, row: OwnerTally) -> str:
        owner = _owner_of(row)
        kinds = [kind for kind in self._library.kinds.values() if kind.owner == owner]
        if kinds:
            return f"/k/{kinds[0].id}"
        return f"/app/{owner.removeprefix(APP_PREFIX)}" if owner.startswith(APP_PREFIX) else f"/c/{owner}"

    def search(self, request: Request) -> Response:
        """What has a text in it, kind by kind; sent while it is found."""
        query = query_of(request)
        return self._site.streamed(
            request,
            "search.html",
            query=query,
            sections=self._found(query) if query else (),
            files=self._found_files(query) if query else (),
            most=MOST_HITS,
            thumb=self._thumb,
        )

    def _found(self, query: str) -> Iterator[Section]:
        for shelf in self._shelves():
            index = shelf.index
            count = index.count_found(query, MOST_HITS)
            if count:
                more = f"/k/{shelf.kind.id}" if count > HITS_SHOWN else None
                yield Section(index.face, _title(index.face), index.found(query, 0, HITS_SHOWN), count, more)

    def _found_files(self, query: str) -> Iterator[Any]:
        files = self._library.files(LONGEST_WAIT_S)
        if files is not None:
            yield from files.found(query, FILES_SHOWN)

    def deleted(self, request: Request) -> Response:
        """What is in Recently Deleted, kind by kind."""
        tally = self._library.tally
        traces = (
            [note for row in (*tally.categories, *tally.apps) for note in row.counts.trace_notes()] if tally else []
        )
        return self._site.streamed(
            request,
            "deleted.html",
            sections=self._deleted(),
            traces=traces,
            thumb=self._thumb,
            command=self._library.command(
                "export", str(self._library.backup.folder.path), "--deleted", "only", "--to", "my-export"
            ),
        )

    def _deleted(self) -> Iterator[Section]:
        for shelf in self._shelves():
            index = shelf.index
            if index.deleted:
                entries = index.deleted_entries(0, DELETED_SHOWN)
                yield Section(index.face, _title(index.face), entries, index.deleted, None)

    def _shelves(self) -> Iterator[Shelf]:
        for kind_id in self._library.kinds:
            shelf = _when_ready(self._library, kind_id)
            if shelf is not None and shelf.index.face.keeps_items:
                yield shelf

    def _thumb(self, face: Face, entry: Entry) -> str | None:
        if face.look != "grid" or thumbnail_of(entry.item) is None:
            return None
        return f"{item_href(face.kind_id, entry.number)}/thumb"


def _when_ready(library: Library, kind_id: str) -> Shelf | None:
    shelf = library.shelf(kind_id, LONGEST_WAIT_S)
    return shelf if shelf.is_ready else None


def _title(face: Face) -> str:
    title = _(face.title_of_kind)
    return title[:1].upper() + title[1:]


def _owner_of(row: OwnerTally) -> str:
    from migrate.content.tally import AppTally, CategoryTally

    if isinstance(row, CategoryTally):
        return row.category.id
    assert isinstance(row, AppTally)
    return APP_PREFIX + row.app.id


def _in_icloud(tally: Tally) -> list[tuple[str, str]]:
    """(category or app, what of it is only in iCloud)."""
    return [(row.title, note) for row in (*tally.categories, *tally.apps) for note in row.cloud_notes]
