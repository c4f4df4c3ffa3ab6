"""The answers given so far, saved after each one so that a conversation can be resumed. They never hold a password."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.plan.model import UDID_PATTERN

Answer = str | tuple[str, ...]

NAMES = (
    "start",
    "unfinished",
    "drop",
    "old",
    "folder",
    "new",
    "version",
    "new-is",
    "wipe",
    "space",
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
NOT_SAVED = SECRETS | {"start", "unfinished", "drop", "version", "space", "summary"}
"""A resumed conversation asks these again: passwords are never written, space and versions change, and the last
confirmation has to come last."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "new-is": ("erased", "in-use"),
    "wipe": ("wipe",),
    "encryption": ("on", "off"),
    "what": ("everything", "some"),
    "unreadable": ("accept",),
    "replace": ("replace", "leave"),
}
"""The answers that a page of fixed choices can have."""
GIVEN = "given"
"""The placeholder for a password among the answers."""
FORMAT = 1
LIMIT_BYTES = 1_000_000


def is_udid(answer: Answer | None) -> bool:
    return isinstance(answer, str) and re.fullmatch(UDID_PATTERN, answer) is not None


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

    def is_usable(self, name: str, folders: Collection[str]) -> bool:
        """Whether an answer can be one of ours. `folders`: the known backups."""
        answer = self.get(name)
        match name:
            case "chosen":
                return isinstance(answer, tuple) and bool(answer)
            case "old":
                return answer == "folder" or answer in folders or is_udid(answer)
            case "new":
                return answer == "later" or (is_udid(answer) and answer != self.get("old"))
            case "folder":
                return isinstance(answer, str) and Path(answer).is_absolute()
        return answer in VALUES.get(name, ())

    def usable(self, folders: Collection[str]) -> Answers:
        """The answers before the first that is damaged or names a backup that is gone."""
        damaged = next((name for name, _answer in self.given if not self.is_usable(name, folders)), None)
        return self.up_to(damaged) if damaged else self

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
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls(), {}
