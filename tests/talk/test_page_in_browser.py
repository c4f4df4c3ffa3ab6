"""At the end of a run: Enter opens the receipt's page. Nothing opens by itself, and no script is asked."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from migrate.ctrl_c import ctrl_c
from migrate.talk.options import GlobalOptions
from migrate.talk.page_in_browser import offer_page
from migrate.talk.run_on_terminal import RECEIPT_PAGE, offer_to_open

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals in Python")

ASKS = "Press Enter to open the receipt in your browser, or any other key to leave."


class Person:
    """Somebody at a terminal, with a browser that only notes what it is asked to open."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, browser = folder / "opened", folder / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >> "{self.opened}"\n')
        browser.chmod(0o755)
        monkeypatch.setenv("BROWSER", str(browser))
        monkeypatch.setattr("webbrowser._tryorder", None)  # it reads BROWSER only once
        monkeypatch.setattr("webbrowser._browsers", {})
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("MIGRATE_PLAIN", raising=False)
        self.page = folder / RECEIPT_PAGE
        self.page.write_text("<p>")
        self.screen, line = pty.openpty()
        self.streams: dict[str, TextIO] = {name: os.fdopen(os.dup(line), mode) for name, mode in MODES}
        os.close(line)
        self.seen = ""

    def looks(self, wait_s: float) -> bool:
        """Whether anything new came onto the screen."""
        if not select.select([self.screen], [], [], wait_s)[0]:
            return False
        self.seen += os.read(self.screen, 1000).decode()
        return True

    def types(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    @contextmanager
    def at_the_terminal(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:  # not earlier: pytest sets them anew before each phase of a test
            for name, stream in self.streams.items():
                patch.setattr(sys, name, stream)
            yield

    def gets(self, offer: Callable[[Path], None] = offer_page, *, key: str = "q") -> str:
        """Press `key` once the question is there. Returns what is on the screen in the end."""

        def answer() -> None:
            while ASKS not in self.seen:
                assert self.looks(wait_s=10), self.seen
            self.types(key)

        person = threading.Thread(target=answer)
        with self.at_the_terminal():
            person.start()
            offer(self.page)
        person.join()
        self.looks(wait_s=0)
        return self.seen

    def is_asked_nothing(self, offer: Callable[[Path], None] = offer_page) -> bool:
        with self.at_the_terminal():
            offer(self.page)
        return not self.looks(wait_s=0)


MODES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    person = Person(tmp_path, monkeypatch)
    yield person
    os.close(person.screen)
    for stream in person.streams.values():
        stream.close()


def test_enter_opens_the_page(person: Person) -> None:
    assert person.gets(key="\n").endswith("\x1b[2K"), "the question is gone: the verdict is the last line again"
    assert person.opened.read_text().strip() == person.page.as_uri()


@pytest.mark.parametrize("key", ["q", "\x1b[A"])
def test_any_other_key_leaves(person: Person, key: str) -> None:
    assert ASKS in person.gets(key=key)
    assert not person.opened.exists()


def test_what_was_typed_during_the_run_opens_nothing(person: Person) -> None:
    person.types("\n\n")
    person.gets(key="q")
    assert not person.opened.exists()


def test_ctrl_c_leaves_and_is_forgotten(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is over: Ctrl-C at this question must not change its exit code."""

    def ctrl_c_at_the_question(question: str) -> str:
        ctrl_c.on_sigint()
        return "\n"

    monkeypatch.setattr("migrate.talk.page_in_browser.ask_for_key", ctrl_c_at_the_question)
    with person.at_the_terminal():
        offer_page(person.page)
    assert not person.opened.exists() and not ctrl_c.pressed


def test_a_browser_that_does_not_start_is_said(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    assert "Open this file yourself" in person.gets(key="\n")


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_nobody_is_asked(person: Person, name: str) -> None:
    person.streams[name].close()
    person.streams[name] = (person.page.parent / "a file").open("a+")
    assert person.is_asked_nothing()


def test_without_a_browser_nobody_is_asked(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for variable in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert person.is_asked_nothing()


def test_a_run_without_a_page_offers_none(person: Person) -> None:
    person.page.unlink()
    assert person.is_asked_nothing()


@pytest.mark.parametrize("options", [GlobalOptions(json=True), GlobalOptions(is_unattended=True)])
def test_a_script_is_not_asked(person: Person, options: GlobalOptions) -> None:
    assert person.is_asked_nothing(lambda page: offer_to_open(options, page.parent))


def test_a_person_is_asked_after_a_run(person: Person) -> None:
    assert ASKS in person.gets(lambda page: offer_to_open(GlobalOptions(), page.parent), key="\n")
    assert person.opened.exists()
