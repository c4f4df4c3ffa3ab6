"""What is attached to a note: pictures, tables, drawings, scans, sound, links, tags and the like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from migrate.content.item import FileRef
from migrate.content.readers.notes.table import Table

TABLE, GALLERY, LINK = "com.apple.notes.table", "com.apple.notes.gallery", "public.url"
INLINE = "com.apple.notes.inlinetextattachment."
"""Words in the text that Notes knows more about: hashtag, mention, link, calculateresult …"""
DRAWN = ("com.apple.drawing", "com.apple.paper", "com.apple.notes.sketch")
"""Drawings and edited scans: Notes keeps a picture of them beside their strokes."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """What decrypts a file of a locked note (AES-128-GCM)."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    tag: bytes = field(repr=False)


class AttachedFile(NamedTuple):
    """A file of an attachment."""

    file: FileRef
    name: str
    """As the person knows it."""
    key: FileKey | None = None
    """None: it is not encrypted."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a note."""

    identifier: str
    type: str
    """Its uniform type identifier; "" if the database does not say."""
    title: str | None = None
    text: str | None = None
    """What stands in the note in its place: `#travel`, `@Anna`, the name of a linked note."""
    url: str | None = None
    note: str | None = None
    """The identifier of the note that it links to."""
    files: tuple[AttachedFile, ...] = ()
    table: Table | None = None
    pages: tuple[Attachment, ...] = ()
    """Of a scanned document."""
    offloaded: int = 0
    """How many of its files are known to be only in the cloud."""
    absent: int = 0
    """How many of its files are neither in this backup nor known to be in the cloud."""
    undecoded: bool = False
    """Its own data could not be read."""

    @property
    def is_inline(self) -> bool:
        return self.type.startswith(INLINE)

    def with_pages(self) -> Iterator[Attachment]:
        yield self
        for page in self.pages:
            yield from page.with_pages()
