"""A real terminal with `migrate` on it, and a person who reads a page and types an answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect

from tests.stories.kitchen import PASSWORD, Table

READY = {"one": "then Enter)", "many": "b: back)", "secret": "Password:", "path": "Folder:"}
"""What stands at the end of a page, once it can be answered."""
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """The person's side of one conversation."""

    def __init__(self, table: Table, *words: str, columns: int = 80, **environment: str) -> None:
        kept = {key: value for key, value in table.env.items() if key != "MIGRATE_BACKUP_PASSWORD"}
        ours = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONUNBUFFERED": "1"}
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "migrate", *words],
            env={**kept, **ours, **environment},  # type: ignore[arg-type]
            dimensions=(60, columns),
            encoding="utf-8",
            timeout=60,
        )
        self.child.delaybeforesend = None
        self.seen = ""

    def sees(self, words: str) -> None:
        """Read on until `words` have come. Fails with the screen."""
        try:
            self.child.expect_exact(words)
        except (pexpect.EOF, pexpect.TIMEOUT) as error:
            self.seen += str(self.child.before)
            raise AssertionError(f"it never said {words!r}:\n{self.text[-3000:]}") from error
        self.seen += str(self.child.before) + str(self.child.after)

    def page(self, title: str, kind: str = "one") -> None:
        """A page has come, and can be answered."""
        self.sees(f"{title} ─")
        self.sees(READY[kind])

    def types(self, keys: str) -> None:
        self.child.send(keys)

    def answers(self, title: str, keys: str, kind: str = "one") -> None:
        """Read one page and answer it: a number and Enter."""
        self.page(title, kind)
        self.types(f"{keys}\r")

    def chooses_password(self, word: str = PASSWORD) -> None:
        self.answers("New backup password (empty: back)", word, "secret")
        self.sees("Repeat it")
        self.sees("Password:")
        self.types(f"{word}\r")

    def end(self) -> int:
        """Its exit code, once it has ended and all was read."""
        self.child.expect(pexpect.EOF)
        self.seen += str(self.child.before)
        self.child.close()
        code: Any = self.child.exitstatus
        assert code is not None, f"it was killed by a signal: {self.text[-2000:]}"
        return int(code)

    @property
    def text(self) -> str:
        """All that was on it, without what steers it."""
        return STEERING.sub("", self.seen)

    @property
    def words(self) -> str:
        """The same in one line, so that no line break is in the way."""
        return " ".join(self.text.split())


@contextmanager
def at_a_terminal(table: Table, *words: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """`migrate …` on a terminal that is closed in the end, whatever happens."""
    terminal = Terminal(table, *words, columns=columns, **environment)
    try:
        yield terminal
    finally:
        terminal.child.close(force=True)
