"""What every error a person can meet has: a what, a why and a next, beside its exit code.

The class that knows the facts holds the sentences. We raise; `talk/` lays the sentences out; only `cli.main()` exits.
`next` begins with a verb and can be pasted, or done with a finger. Exit codes: contract 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar


@dataclass(eq=False)
class MigrateError(Exception):
    """Something a person can act on. Subclasses carry facts as fields and build three sentences from them."""

    exit_code: ClassVar[int] = 1
    again = "run the same command again"
    """How to try again, as `next` says it. A run that can be resumed says so here."""

    @property
    def code(self) -> str:
        """The class's name as scripts see it: `PhoneLocked` is `phone-locked`."""
        return code_of(type(self))

    def what(self) -> str:
        """One sentence: what happened."""
        raise NotImplementedError

    def why(self) -> str:
        """One sentence: how we know, or what caused it."""
        raise NotImplementedError

    def next(self) -> str:
        """What to do now, beginning with a verb."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.what()} {self.why()} {self.next()}"

    def as_json(self) -> dict[str, str | int]:
        """The object under `error` in every `--json` answer (contract 4)."""
        return {
            "code": self.code,
            "what": self.what(),
            "why": self.why(),
            "next": self.next(),
            "exit_code": self.exit_code,
        }


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def code_of(error: type[MigrateError]) -> str:
    """`PhoneLocked` -> `phone-locked`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()
