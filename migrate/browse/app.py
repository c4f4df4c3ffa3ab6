"""The page as an ASGI application: which address is answered by what."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate.browse.library import Library
from migrate.browse.site import Site
from migrate.browse.style import BROWSE_STYLE
from migrate.browse.views.everything import EverythingViews
from migrate.browse.views.files import FileViews
from migrate.browse.views.health import HealthViews
from migrate.browse.views.items import ItemViews
from migrate.language import _
from migrate.pages.bubbles import CHAT_STYLE
from migrate.pages.loopback import STYLE_PATH
from migrate.pages.style import STYLE


def browse_app(library: Library) -> Starlette:
    """The pages of a library. They are only to be served behind `pages.loopback`."""
    site = Site(library)
    everything, items, health, files = EverythingViews(site), ItemViews(site), HealthViews(site), FileViews(site)

    def missing(request: Request, error: Exception) -> Response:
        return site.missing(request)

    def broken(request: Request, error: Exception) -> Response:
        text = _("This page could not be made. The backup is unchanged.")
        return site.page(request, "message.html", status=500, title=_("Something went wrong"), text=text)

    app = Starlette(
        routes=[
            Route("/", everything.overview),
            Route(STYLE_PATH, _style),
            Route("/search", everything.search),
            Route("/deleted", everything.deleted),
            Route("/k/health/in/{place:int}", health.place),
            Route("/k/{kind}", items.kind),
            Route("/k/{kind}/in/{place:int}", items.place),
            Route("/k/{kind}/i/{number:int}", items.item),
            Route("/k/{kind}/i/{number:int}/take", items.take),
            Route("/k/{kind}/i/{number:int}/thumb", items.thumb),
            Route("/k/{kind}/i/{number:int}/file/{place:int}", items.file),
            Route("/apps", files.apps),
            Route("/app/{bundle}", files.app),
            Route("/c/{category}", files.category),
            Route("/files", files.folder),
            Route("/file", files.file),
        ],
        exception_handlers={HTTPException: missing, Exception: broken},
    )
    app.router.redirect_slashes = False
    return app


def _style(request: Request) -> Response:
    return Response(STYLE + CHAT_STYLE + BROWSE_STYLE, media_type="text/css")
