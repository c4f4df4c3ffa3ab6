"""Only the person's own browser gets an answer from a page on this computer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.pages.byte_ranges import ByteRange, RangeNotSatisfiable, byte_range
from migrate.pages.loopback import HEADERS, LoopbackServer
from migrate.pages.media_types import is_shown_in_page, media_type
from migrate.problems import PortTaken
from tests.browse.asking import Browser


async def page(scope: Any, receive: Any, send: Any) -> None:
    """A page that tries to undo what protects it."""
    headers = [(b"content-type", b"text/plain"), (b"Content-Security-Policy", b"default-src *")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"the secret of the backup"})


@pytest.fixture
def browser() -> Iterator[Browser]:
    server = LoopbackServer(page)
    with server.running():
        yield Browser(server.port, server.address)


def test_the_printed_address_opens_the_page_once(browser: Browser) -> None:
    answer = browser.enter()
    assert answer.status == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"migrate-{browser.port}=" in cookie
    assert browser.address.split("=")[1] not in cookie, "the token is not the cookie"
    assert browser.ask("/").body == b"the secret of the backup"
    browser.cookie = None
    again = browser.ask("/?" + browser.address.split("?", 1)[1])
    assert again.status == 403 and b"secret" not in again.body and "set-cookie" not in again.headers


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=wrong", "/?TOKEN&token=b", "/other?TOKEN", "/k/messages", "/style.css"]
)
def test_nobody_gets_in_without_the_token_or_the_cookie(browser: Browser, path: str) -> None:
    token, name = browser.address.split("?", 1)[1], f"migrate-{browser.port}"
    for cookie in ("", "migrate-1=x", f"{name}=", f"{name}=wrong", f"{name}={token.split('=')[1]}"):
        answer = browser.ask(path.replace("TOKEN", token), Cookie=cookie)
        assert answer.status == 403 and b"secret" not in answer.body
    assert browser.enter().status == 303, "wrong guesses do not use the token up"


def test_a_name_that_was_made_to_point_here_is_refused(browser: Browser) -> None:
    browser.enter()
    port = browser.port
    for host in (
        *("evil.example", f"evil.example:{port}", f"localhost:{port}", "127.0.0.1", "127.0.0.1:1"),
        f"127.0.0.1:{port}0",
        *(f"127.0.0.1.evil.example:{port}", f"127.0.0.1:{port}@evil.example", f"[::1]:{port}", f"127.1:{port}"),
    ):
        answer = browser.ask("/", host=host)
        assert answer.status == 421 and b"secret" not in answer.body, host


def test_another_site_is_refused_even_with_the_cookie(browser: Browser) -> None:
    browser.enter()
    for site in ("cross-site", "same-site", "None", "same-origin, none"):
        answer = browser.ask("/", Sec_Fetch_Site=site)
        assert answer.status == 403 and b"secret" not in answer.body, site
    for site in ("none", "same-origin"):
        assert browser.ask("/", Sec_Fetch_Site=site).status == 200


def test_nothing_can_be_changed(browser: Browser) -> None:
    browser.enter()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        answer = browser.ask("/", method)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD", method
    assert browser.ask("/", "HEAD").body == b""


def test_every_answer_tells_the_browser_to_load_and_run_nothing(browser: Browser) -> None:
    refused = browser.ask("/")
    entered = browser.enter()
    for answer in (refused, entered, browser.ask("/"), browser.ask("/", "POST"), browser.ask("/", host="evil.example")):
        for name, value in HEADERS:
            assert answer.headers[name] == value
    policy = dict(HEADERS)["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "script" not in policy and "unsafe" not in policy
    assert not re.search(r"https?:|\*|data:", policy)


def test_an_endless_address_is_refused(browser: Browser) -> None:
    browser.enter()
    assert browser.ask("/?q=" + "a" * 9000).status == 414


def test_it_listens_on_this_computer_only() -> None:
    server = LoopbackServer(page)
    with server.running():
        assert server.address.startswith(f"http://127.0.0.1:{server.port}/?token=")
        own = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
        for address in own:
            with pytest.raises(OSError), socket.create_connection((address, server.port), timeout=2):
                pass
        with pytest.raises(PortTaken) as taken:
            LoopbackServer(page, server.port)
        assert str(server.port) in taken.value.what
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=2):
        pass


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("bytes=0-", ByteRange(0, 100)),
        ("bytes=10-19", ByteRange(10, 20)),
        ("Bytes=99-500", ByteRange(99, 100)),
        ("bytes=-30", ByteRange(70, 100)),
        ("bytes=-500", ByteRange(0, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("bytes=" + "0-1," * 5000 + "0-1", None),
        ("bytes=٣-", None),
        ("items=0-1", None),
        ("bytes=0-" + "9" * 30, None),
    ],
)
def test_a_part_of_a_film_can_be_asked_for(header: str | None, wanted: ByteRange | None) -> None:
    assert byte_range(header, 100) == wanted


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_part_after_the_end_does_not_exist(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range(header, size)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"\x00\x00\x00\x18ftypheic",
        b"",
        b"GIF88a",
        b"\xff\xd8",
    ],
)
def test_only_pictures_sound_and_film_are_shown(content: bytes) -> None:
    assert not is_shown_in_page(media_type(content))
