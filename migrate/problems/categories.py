"""Errors of choosing what moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from migrate.problems.root import MigrateError


@dataclass(eq=False)
class UnknownCategory(MigrateError):
    word: str  # as the plan or the command line says it
    nearest: str  # the id that was probably meant
    exit_code: ClassVar[int] = 10

    def what(self) -> str:
        return f'There is no category "{self.word}".'

    def why(self) -> str:
        return f'The nearest one we know is "{self.nearest}".'

    def next(self) -> str:
        return f'Write "{self.nearest}" instead, or run migrate show on the backup to see every category in it.'


@dataclass(eq=False)
class UnknownApp(MigrateError):
    bundle: str  # as the plan or the command line says it
    nearest: str  # the bundle id that was probably meant; '' where the backup holds no app
    exit_code: ClassVar[int] = 11

    def what(self) -> str:
        return f'The backup holds no app "{self.bundle}".'

    def why(self) -> str:
        if not self.nearest:
            return "There is no app in it at all."
        return f'The nearest one in it is "{self.nearest}".'

    def next(self) -> str:
        if not self.nearest:
            return "Take the app out of the plan, or save the old phone again and look with migrate show."
        return f'Write "{self.nearest}" instead, or run migrate show on the backup to see every app in it.'


@dataclass(eq=False)
class HalfGroup(MigrateError):
    whole: str  # what only makes sense together: "the photo library"
    moving: tuple[str, ...]  # the parts of it that would move
    left: tuple[str, ...]  # the parts that would not
    exit_code: ClassVar[int] = 11

    def what(self) -> str:
        return f"Only half of {self.whole} would move."

    def why(self) -> str:
        return (
            f"{_sentence(self.moving)} would move and {' and '.join(self.left)} would not, and one is worth nothing "
            "without the other."
        )

    def next(self) -> str:
        return (
            "Take all of it or none of it: change categories, except or apps in the plan. If a part could not be read "
            "from the old phone, restart that phone and save it again."
        )


def _sentence(words: tuple[str, ...]) -> str:
    text = " and ".join(words)
    return text[:1].upper() + text[1:]
