"""A client of a page on this computer."""

from __future__ import annotations

import html
import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.browse.library import Library

PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def shown(self) -> str:
        """The text of the page without its markup."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())

    def links(self, prefix: str = "/") -> list[str]:
        """Where its links lead, each once."""
        found = re.findall(r'(?:href|src|poster)="([^"]*)"', self.text)
        return list(dict.fromkeys(html.unescape(one) for one in found if one.startswith(prefix)))


@dataclass
class Browser:
    """A client of one server."""

    port: int
    address: str
    cookie: str | None = None
    patience_s: float = PATIENCE_S

    def ask(self, path: str, method: str = "GET", *, host: str | None = None, **headers: str) -> Answer:
        """One request. `Sec_Fetch_Site` in `headers` stands for Sec-Fetch-Site."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience_s)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{self.port}")
        if self.cookie is not None and "Cookie" not in headers:
            connection.putheader("Cookie", self.cookie)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def enter(self) -> Answer:
        """Open the printed address, and keep the cookie."""
        answer = self.ask("/?" + self.address.split("?", 1)[1])
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer

    def open(self, path: str) -> Answer:
        """A page, once nothing in it is being read any more."""
        deadline = time.monotonic() + self.patience_s
        while "refresh" in (answer := self.ask(path)).headers:
            assert time.monotonic() < deadline, path
            time.sleep(0.02)
        return answer


@dataclass
class Opened:
    """A backup, its library and a browser that has entered."""

    backup: Backup
    library: Library
    browser: Browser
    tmp: Path

    def open(self, path: str) -> Answer:
        return self.browser.open(path)
