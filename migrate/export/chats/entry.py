"""One row of a chat, whatever app it is of. All formats are written from it, and it fits into a scratch file.

An entry is a plain tuple of plain values for `marshal`: a million of them are written down and read again, in the order
of the chats and of time, and pickling the items themselves takes four times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from migrate.pages.bubbles import Look


class FileOf(NamedTuple):
    """An attachment. `domain` and `path` are None if it is not in this backup."""

    domain: str | None
    path: str | None
    name: str
    mime_type: str | None = None
    in_cloud: bool = False
    sticker: bool = False
    hidden: bool = False
    """A part of something else, such as the picture of a link. It is exported, and not shown on its own."""
    note: str | None = None


class More(TypedDict, total=False):
    """What most messages do not have."""

    event: str
    """A sentence; the entry is no message but something that happened."""
    missing: str
    """Why there is no text: unsent, not decoded."""
    subject: str
    notes: list[str]
    versions: list[tuple[str, float | None]]
    """Earlier texts of an edited message."""
    files: list[tuple[object, ...]]
    """Each a FileOf."""
    cards: list[tuple[str, list[str], str | None]]
    vcard: str
    reply: str
    """The id of the message that is answered."""
    quote: tuple[str, str]
    """Its sender and text, where the answer itself keeps them."""
    about: str
    """The id of the message that this reaction is about."""
    sign: str
    removed: bool
    reactions: list[tuple[str, str, bool]]
    """Signs, names and whether they were taken back, where the message itself keeps them."""
    mentions: list[str]
    deleted: bool
    deleted_at: float | None


class Entry(NamedTuple):
    id: str
    when: float | None
    outgoing: bool
    who: str | None
    """The sender's name or number; None for the phone's owner and for events of nobody."""
    address: str | None
    text: str | None
    service: str | None = None
    more: More | None = None


@dataclass(frozen=True)
class ChatInfo:
    """A chat as people know it."""

    key: str
    """Tells it from all others of this kind."""
    name: str
    folder: str
    """Its name and the last four digits of its number."""
    about: tuple[str, ...] = ()
    """Who is in it: lines under its name."""
    two: bool = True
    """Only two people are in it."""
    look: Look = Look.BLUE
