"""A real browser refuses what a hostile backup or web site tries. One browser for all of it: starting one takes 2 s."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browse.asking import Opened
from tests.browse.conftest import Show
from tests.browse.test_pages import JPEG, SMS, with_changes
from tests.content.made_messages import PICTURE, conversations, schema_17
from tests.made_backups import MakeBackup

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
EVIL = "evil.example"


@dataclass
class OtherSite:
    """A web site that includes the page in every way it can, and notes what is asked of it."""

    port: int
    page: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def other_site() -> Iterator[OtherSite]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            body = site.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = OtherSite(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def hostile(port: int) -> str:
    """Markup that tries to run, to load and to cover."""
    other = f"http://127.0.0.1:{port}"
    return (
        "<script>document.title = 'stolen'</script><script src='/file?x'></script><style>body{display:none}</style>"
        f"<img src=x onerror='document.title = 1'><img src='{other}/picture'><iframe src='{other}/frame'></iframe>"
        f"<link rel=stylesheet href='{other}/style'><object data='{other}/object'></object><video src='{other}/film'>"
        f"</video><form action='{other}/form'><button id=send>x</button></form>"
        "<a id=run href='javascript:document.title=2'>x</a>"
    )


def test_nothing_gets_out_of_the_page_and_nobody_gets_in(
    show: Show, make_backup: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import Error, sync_playwright

    with other_site() as other, sync_playwright() as playwright:
        opened = _backup(show, make_backup, tmp_path, hostile(other.port))
        root = f"http://127.0.0.1:{opened.browser.port}"
        other.page = (
            f"<img src='{root}/k/photos/i/0/thumb'><iframe src='{root}/'></iframe><script src='{root}/style.css'>"
            f"</script><form id=f action='{root}/deleted'></form><a id=a href='{root}/'>x</a>"
            f"<script>fetch('{root}/', {{credentials: 'include', mode: 'no-cors'}})</script>"
        )
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"]
        )
        page = browser.new_context().new_page()
        statuses: dict[str, int] = {}
        page.on("response", lambda response: statuses.__setitem__(response.url, response.status))

        def status_of(address: str) -> int:
            answer = page.goto(address, wait_until="networkidle")
            assert answer is not None
            return answer.status

        # the printed address was used by the test's own client, whose cookie this browser gets
        assert status_of(opened.browser.address) == 403
        name, _equals, value = (opened.browser.cookie or "").partition("=")
        page.context.add_cookies([{"name": name, "value": value, "url": root, "httpOnly": True, "sameSite": "Strict"}])
        assert status_of(root) == 200

        # a name that was made to point here
        assert status_of(f"http://{EVIL}:{opened.browser.port}/") == 421

        # another site, and another port of this computer, in the browser that has the cookie
        for host in (EVIL, "127.0.0.1"):
            statuses.clear()
            assert status_of(f"http://{host}:{other.port}/") == 200
            with page.expect_navigation():
                page.evaluate("document.getElementById('f').submit()")
            assert status_of(f"http://{host}:{other.port}/") == 200
            with page.expect_navigation():
                page.click("#a")
            answers = {url: status for url, status in statuses.items() if url.startswith(root)}
            assert {f"{root}/deleted?", f"{root}/"} <= answers.keys() and set(answers.values()) == {403}, answers

        # the chat, with and without the escaping of its texts
        other.asked.clear()
        for is_escaped in (True, False):
            if not is_escaped:
                monkeypatch.setattr("migrate.pages.bubbles.plain", lambda text: text)
                monkeypatch.setattr("migrate.pages.bubbles.with_links", lambda text: text)
            for thread in opened.open("/k/messages").links("/k/messages/in/"):
                assert status_of(root + thread) == 200
                assert page.locator("main iframe").count() == (0 if is_escaped else page.locator(".b form").count())
                assert page.is_visible("h1"), "an injected style has no effect"
                if not is_escaped and page.locator("#run").count():
                    page.click("#run")
                    with page.expect_console_message(lambda message: "form-action" in message.text):
                        page.click("#send", no_wait_after=True)
                assert page.title() not in ("stolen", "1", "2")
        assert other.asked == [], "something of another site was asked for"

        # a picture with a script in it is a download, not a page
        with page.expect_download() as download, pytest.raises(Error, match="Download is starting"):
            page.goto(f"{root}/file?domain=MediaDomain&path=evil.svg")
        assert download.value.suggested_filename == "evil.svg"
        browser.close()


def _backup(show: Show, make_backup: MakeBackup, tmp_path: Path, text: str) -> Opened:
    quoted = text.replace("'", "''")
    change = f"UPDATE message SET text = '{quoted}', attributedBody = NULL"
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>document.title='stolen'</script></svg>"
    contents = {
        SMS: with_changes(conversations(tmp_path, schema_17()), tmp_path, change),
        ("MediaDomain", PICTURE): JPEG,
        ("MediaDomain", "evil.svg"): svg,
    }
    return show(make_backup(contents))
