"""`migrate` on a real terminal, and a person who reads its pages and types answers."""

from __future__ import annotations

import os
import pty
import re
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect
from pexpect.fdpexpect import fdspawn

from tests.forked import Forked
from tests.stories.lab import PASSWORD, Lab

READY = {"one": "then Enter)", "many": "b: back)", "secret": "Password:", "path": "Folder:"}
"""The text that ends each kind of page, printed when it is ready for an answer."""
NOT_AT_A_TERMINAL = ("MIGRATE_BACKUP_PASSWORD", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
OFFER_OF_THE_PAGE = "any other key to leave."
CONTROL_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """The person at one terminal session."""

    def __init__(self, lab: Lab, *arguments: str, columns: int = 80, **environment: str) -> None:
        kept = {key: value for key, value in lab.env.items() if key not in NOT_AT_A_TERMINAL}
        ours = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONUNBUFFERED": "1"}
        mine, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (60, columns))
        self.command = Forked(arguments, {**kept, **ours, **environment}, terminal=theirs)
        os.close(theirs)
        self.child = fdspawn(mine, encoding="utf-8", timeout=60)
        self.seen = ""

    def sees(self, text: str) -> None:
        """Read until `text` appears. A failure shows the screen."""
        try:
            self.child.expect_exact(text)
        except (pexpect.EOF, pexpect.TIMEOUT) as error:
            self.seen += str(self.child.before)
            raise AssertionError(f"{text!r} never appeared:\n{self.text[-3000:]}") from error
        self.seen += str(self.child.before) + str(self.child.after)

    def page(self, title: str, kind: str = "one") -> None:
        """Wait for a page that is ready for an answer."""
        self.sees(f"{title} ─")
        self.sees(READY[kind])

    def types(self, keys: str) -> None:
        self.child.send(keys)

    def answers(self, title: str, keys: str, kind: str = "one") -> None:
        """Wait for a page, then type `keys` and Enter."""
        self.page(title, kind)
        self.types(f"{keys}\r")

    def chooses_password(self, password: str = PASSWORD) -> None:
        self.answers("New backup password (empty: back)", password, "secret")
        self.sees("Repeat it")
        self.sees("Password:")
        self.types(f"{password}\r")

    def wait_for_exit(self) -> int:
        """Read the remaining output and return the exit code. The receipt's page is not opened."""
        while self.child.expect_exact([pexpect.EOF, OFFER_OF_THE_PAGE]):
            self.seen += str(self.child.before) + str(self.child.after)
            self.types("q")
        self.seen += str(self.child.before)
        self.child.close()
        code = self.command.wait()
        assert code >= 0, f"killed by a signal: {self.text[-2000:]}"
        return code

    @property
    def text(self) -> str:
        """Everything printed so far, without control sequences."""
        return CONTROL_SEQUENCES.sub("", self.seen)

    @property
    def flat_text(self) -> str:
        """`text` on one line, so that line breaks do not matter."""
        return " ".join(self.text.split())


@contextmanager
def open_terminal(lab: Lab, *arguments: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """`migrate …` on a terminal that is always closed at the end."""
    terminal = Terminal(lab, *arguments, columns=columns, **environment)
    try:
        yield terminal
    finally:
        terminal.child.close()  # the command is sent SIGHUP
        terminal.command.kill()
        terminal.command.wait()
