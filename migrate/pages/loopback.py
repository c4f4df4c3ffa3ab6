"""Serves a page to the browsers of this computer's user, and to nobody else.

It listens on 127.0.0.1 only, but every program and every web site that is open here can send requests to it. So each
request passes the guard before it reaches the page:

    Host is exactly 127.0.0.1:PORT          else 421: a name that was made to point here (DNS rebinding)
    GET or HEAD                             else 405: nothing can be changed
    Sec-Fetch-Site is none or same-origin   else 403: another site asks, also one on another port
    the cookie of this run                  else 403: another program or user of this computer

The cookie is given once, for the token in the address that was printed. Sources: facts of Jupyter's token, Transmission
CVE-2018-5702, the wiki of NCC's Singularity (a test for a prefix `127.` can be fooled).
"""

from __future__ import annotations

import hmac
import secrets
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from migrate.ctrl_c import ctrl_c
from migrate.language import _, language_tag
from migrate.pages.markup import Markup, element, text_element
from migrate.problems import PortTaken

if TYPE_CHECKING:
    import uvicorn

ADDRESS = "127.0.0.1"
TOKEN = "token"  # noqa: S105  the name of a parameter
STYLE_PATH = "/style.css"
POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS: tuple[tuple[str, str], ...] = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)
"""Sent with every answer, also with refusals."""
MOST_CONNECTIONS = 64
LONGEST_TARGET = 8192
"""Of path and query, in bytes. A path on a phone has at most 1,024."""
_SAFE_SITES = (None, b"none", b"same-origin")
"""None: a browser from before 2023, or another program. It still needs the cookie."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Lets the requests through that come from the person's own browser."""

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"{ADDRESS}:{port}".encode()} | ({ADDRESS.encode()} if port == 80 else set())
        self._cookie_name = f"migrate-{port}"
        """Cookies do not depend on the port: two servers must not replace each other's."""
        self._session = secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(32)
        self._is_spent = False
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # a websocket; uvicorn answers 500
        headers = _headers_of(scope)
        status, text = self._refusal(scope, headers)
        if status is not None:
            await _answer(send, scope, status, _page(text), [("allow", "GET, HEAD")] if status == 405 else [])
        elif self._has_cookie(headers):
            await self._app(scope, receive, _with_headers(send))
        elif self._takes_token(scope):
            cookie = f"{self._cookie_name}={self._session}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, scope, 303, b"", [("location", "/"), ("set-cookie", cookie)])
        else:
            await _answer(send, scope, 403, _page(_("Open the address that migrate printed. It works once.")), [])

    def _refusal(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> tuple[int | None, str]:
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, _("This page is not at that address.")
        if scope["method"] not in ("GET", "HEAD"):
            return 405, _("This page can only be read.")
        sites = headers.get(b"sec-fetch-site", [None])
        if len(sites) != 1 or sites[0] not in _SAFE_SITES:
            return 403, _("Another web site asked for this page, so it was refused. Open it in a tab of its own.")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
            return 414, _("The address is too long.")
        return None, ""

    def _has_cookie(self, headers: dict[bytes, list[bytes]]) -> bool:
        sent = [pair.strip() for line in headers.get(b"cookie", []) for pair in line.split(b";")]
        wanted = f"{self._cookie_name}={self._session}".encode()
        return any(hmac.compare_digest(pair, wanted) for pair in sent)

    def _takes_token(self, scope: Scope) -> bool:
        """Whether the request has the token, which is used up by that."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return False
        sent = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN, [])
        with self._lock:
            is_right = len(sent) == 1 and hmac.compare_digest(sent[0].encode(), self.token.encode())
            if not is_right or self._is_spent:
                return False
            self._is_spent = True
            return True


class LoopbackServer:
    """One page on a port of 127.0.0.1.

    Args:
        app: the page, as an ASGI application.
        port: 0 for any free one.

    Raises:
        PortTaken: another program listens there, or it needs rights that we do not have.
    """

    def __init__(self, app: App, port: int = 0) -> None:
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._guard = Guard(app, self.port)
        self._server = _server(self._guard)

    @property
    def address(self) -> str:
        """The address to open. It contains the token, so it works once."""
        return f"http://{ADDRESS}:{self.port}/?{TOKEN}={self._guard.token}"

    def run(self) -> None:
        """Serve until Ctrl-C or `stop`. Requests that are being answered then have a second to end."""
        try:
            with ctrl_c.cancelling(self.stop):
                self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        self._server.should_exit = True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in another thread while inside."""
        thread = threading.Thread(target=lambda: self._server.run(sockets=[self._socket]), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()
            self._socket.close()


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
        listener.listen(MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortTaken(port, getattr(error, "strerror", None) or str(error)) from error
    return listener


def _server(app: App) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leaves the signals alone: `ctrl_c` handles them."""
            yield

    return Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
    )


def _headers_of(scope: Scope) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _with_headers(send: Send) -> Send:
    async def send_guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _value in _ENCODED}
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in own]
            message = {**message, "headers": [*kept, *_ENCODED]}
        await send(message)

    return send_guarded


_ENCODED = tuple((name.encode(), value.encode()) for name, value in HEADERS)


async def _answer(send: Send, scope: Scope, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    own = [("content-type", "text/html; charset=utf-8"), ("content-length", str(len(body))), *headers]
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own]
    await send({"type": "http.response.start", "status": status, "headers": [*encoded, *_ENCODED]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _page(text: str) -> bytes:
    head = element("head", Markup('<meta charset="utf-8">'), text_element("title", text))
    body = element("body", element("main", text_element("p", text)))
    return f"<!doctype html>\n{element('html', head, body, lang=language_tag())}\n".encode()
