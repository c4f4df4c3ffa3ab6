"""The answers given so far, saved after each one so that a conversation can be resumed. They never hold a password."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Answer = str | tuple[str, ...]

NAMES = (
    "start",
    "old",
    "folder",
    "new",
    "new-is",
    "wipe",
    "encryption",
    "chosen-password",
    "old-password",
    "what",
    "chosen",
    "unreadable",
    "new-password",
    "replace",
    "summary",
)
"""Every page, in the order in which they are asked. Saved answers use these names, so a name never changes."""
SECRETS = frozenset({"chosen-password", "old-password", "new-password"})
NOT_SAVED = SECRETS | {"start", "summary"}
"""A resumed conversation asks these again: passwords are never written, and the last confirmation has to come last."""
GIVEN = "given"
"""The placeholder for a password among the answers."""
FORMAT = 1
LIMIT_BYTES = 1_000_000


@dataclass(frozen=True)
class Answers:
    """The answers in the order of the pages."""

    given: tuple[tuple[str, Answer], ...] = ()

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self.given)

    def __bool__(self) -> bool:
        return bool(self.given)

    def get(self, name: str) -> Answer | None:
        return next((answer for known, answer in self.given if known == name), None)

    def one(self, name: str) -> str | None:
        """The answer to a page that takes one."""
        answer = self.get(name)
        return answer if isinstance(answer, str) else None

    def many(self, name: str) -> tuple[str, ...]:
        """The answer to a page that takes several; () if it was not asked."""
        answer = self.get(name)
        return answer if isinstance(answer, tuple) else ()

    def with_answer(self, name: str, answer: Answer) -> Answers:
        """The answers with this one added or replaced. For a password GIVEN is stored, whatever was given."""
        others = [(known, given) for known, given in self.given if known != name]
        added = (name, GIVEN if name in SECRETS else answer)
        return Answers(tuple(sorted((*others, added), key=lambda pair: NAMES.index(pair[0]))))

    def before(self, name: str | None) -> Answers:
        """To go back from page `name` (None: from the end): the answers before it, without the last of them."""
        end = len(NAMES) if name is None else NAMES.index(name)
        earlier = [pair for pair in self.given if NAMES.index(pair[0]) < end]
        return Answers(tuple(earlier[:-1]))

    def up_to(self, name: str) -> Answers:
        """Only the answers to the pages before `name`."""
        return Answers(tuple(pair for pair in self.given if NAMES.index(pair[0]) < NAMES.index(name)))

    # -- saving and loading --------------------------------------------------------------------------------------------

    def write(self, path: Path, *, names: dict[str, str]) -> None:
        """Save the answers and their phones' names, so that a phone can be asked for while it is not connected."""
        answers = [[name, answer] for name, answer in self.given if name not in NOT_SAVED]
        text = json.dumps({"interview": FORMAT, "answers": answers, "names": names}, ensure_ascii=False, indent=1)
        half = path.with_name(f".{path.name}.half")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text + "\n")
        half.replace(path)

    @classmethod
    def read(cls, path: Path) -> tuple[Answers, dict[str, str]]:
        """The saved answers, and the phones' names by UDID.

        Both are empty if the file is missing, damaged or from another version: the questions can be asked again.
        """
        try:
            with path.open("rb") as file:
                raw: Any = json.loads(file.read(LIMIT_BYTES))
            if raw["interview"] != FORMAT:
                return cls(), {}
            answers = cls()
            for name, answer in raw["answers"]:
                if name in NAMES and name not in NOT_SAVED:
                    answers = answers.with_answer(
                        name, str(answer) if isinstance(answer, str) else tuple(map(str, answer))
                    )
            return answers, {str(udid): str(called) for udid, called in dict(raw["names"]).items()}
        except (OSError, ValueError, KeyError, TypeError):
            return cls(), {}
