"""An entry together with what is looked up for it once, for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from migrate.export.chats.entry import Entry, FileOf


class CopiedFile(NamedTuple):
    """An attachment after it was copied."""

    file: FileOf
    path: str | None
    """Inside the chat's folder, with `/`; None if there is no file."""
    type: str
    """What its first bytes say it is."""
    preview: str | None = None
    """Inside the chat's folder: the same as a JPEG or M4A, for browsers that do not show the original."""


class Answered(NamedTuple):
    """The message that is answered."""

    id: str
    who: str
    text: str


class Reacted(NamedTuple):
    sign: str
    who: str
    removed: bool


@dataclass(slots=True)
class Shown:
    """One row as it is written. Most rows are only an entry and its time."""

    number: int
    """Of the row, for links inside a page."""
    entry: Entry
    year: int
    day: str
    clock: str
    instant: str
    files: list[CopiedFile]
    reactions: list[Reacted]
    answered: Answered | None = None
    is_about_shown: bool = False
    """A reaction to a message that is exported too."""


def name_of(entry: Entry, you: str) -> str | None:
    """The sender as all formats name them."""
    return you if entry.outgoing else entry.who
