"""Apps, and the files of the backup as the phone stored them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from migrate.browse.media import FileMissing, file_answer
from migrate.browse.site import Site, paging_of
from migrate.categories.catalogue import APP_PREFIX
from migrate.content.item import FileRef

_ICON_LETTERS = 1


class FileViews:
    """Answers for `/apps`, `/app/…`, `/files` and `/file`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._library = site.library

    def apps(self, request: Request) -> Response:
        """Every app of the backup."""
        tally = self._library.tally
        sizes = {row.app.id: row for row in tally.apps} if tally is not None else {}
        apps = sorted(self._library.claims.apps.values(), key=lambda app: app.title.casefold())
        return self._site.page(
            request,
            "apps.html",
            refresh_s=2 if tally is None and not self._library.failed else None,
            apps=apps,
            sizes=sizes,
        )

    def app(self, request: Request) -> Response:
        """One app: what is known about it, and its files."""
        bundle = request.path_params["bundle"]
        app = self._library.claims.apps.get(bundle)
        if app is None:
            return self._site.missing(request)
        return self._owned(request, APP_PREFIX + bundle, app.title, app)

    def category(self, request: Request) -> Response:
        """The files of a category."""
        owner = request.path_params["category"]
        if owner not in self._library.claims.catalogue.ids:
            return self._site.missing(request)
        return self._owned(request, owner, self._library.title_of(owner), None)

    def _owned(self, request: Request, owner: str, title: str, app: object) -> Response:
        files = self._library.files()
        if files is None:
            return self._site.reading(request, None)
        paging = paging_of(request, files.count_owner(owner))
        tally = self._library.tally
        return self._site.page(
            request,
            "owned.html",
            title=title,
            app=app,
            tally=tally.owner(owner) if tally is not None else None,
            entries=files.of_owner(owner, paging.offset, paging.size),
            kinds=[(kind.id, self._site.face(kind.id)) for kind in self._library.kinds.values() if kind.owner == owner],
            paging=paging,
            command=self._site.export_command(owner),
        )

    def folder(self, request: Request) -> Response:
        """The domains, or a folder of one."""
        files = self._library.files()
        if files is None:
            return self._site.reading(request, None)
        domain, path = request.query_params.get("domain", ""), request.query_params.get("path", "").strip("/")
        if not domain:
            return self._site.page(request, "domains.html", domains=files.domains())
        paging = paging_of(request, files.count_folder(domain, path))
        if not paging.items:
            return self._site.missing(request)
        parts = path.split("/") if path else []
        return self._site.page(
            request,
            "folder.html",
            domain=domain,
            folder=path,
            above=[(name, "/".join(parts[: number + 1])) for number, name in enumerate(parts)],
            entries=files.folder(domain, path, paging.offset, paging.size),
            paging=paging,
            command=self._site.extract_command(domain, f"{path}/**" if path else "**"),
        )

    def file(self, request: Request) -> Response:
        """One file: shown if it is a verified picture, sound or film, else a download."""
        domain, path = request.query_params.get("domain", ""), request.query_params.get("path", "")
        record = self._library.record(FileRef(domain, path)) if domain and path else None
        if record is None:
            return self._site.missing(request)
        try:
            return file_answer(request, self._library, record, as_download="download" in request.query_params)
        except FileMissing as error:
            return self._site.missing(request, str(error))
