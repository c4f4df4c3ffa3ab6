"""A note as a person sees it."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.content.item import FileRef, Fingerprint, Item, State
from migrate.content.normal_form import day, text
from migrate.content.sentence import shortened
from migrate.language import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Item):
    """One note. Of `body` and `body_digest` exactly one is set."""

    title: str | None
    body: str | None
    """Its plain text with its title; U+FFFC stands for an attachment. None: locked, or undecodable."""
    body_digest: str | None = None
    """SHA-256 of the stored bytes, if there is no `body`."""
    checklist: tuple[bool, ...] | None = ()
    """Which lines of its checklists are done, from top to bottom."""
    attachments: tuple[str, ...] = ()
    """The identifiers of its attachments (pictures, tables, drawings, tags), sorted."""
    attachments_in_text: tuple[str, ...] = ()
    """The identifiers of the attachments at each U+FFFC of `body`, in order."""
    folder: str | None = None
    locked: bool = False
    folders: tuple[str, ...] = ()
    """Its folder and those around it, from the outermost. Not part of the fingerprint."""
    row: int | None = None
    """Its primary key in `database`: `contents.OpenNotes` reads the rest with it. Not part of the fingerprint."""
    database: FileRef | None = None
    pinned: bool | None = None
    """Not part of the fingerprint: old stores lack it, and it says nothing about the content."""

    def fingerprint(self) -> Fingerprint:
        return {
            "title": text(self.title),
            "text": self.body_digest if self.body is None else text(self.body),
            "checklist": self.checklist,
            "attachments": self.attachments,
            "folder": text(self.folder),
            "locked": self.locked,
            "deleted": self.state is State.DELETED,
        }

    def describe(self) -> str:
        title = shortened(self.title or "")
        if not title:
            return _("a note, {day}").format(day=day(self.when))
        if self.locked:
            return _("the locked note “{title}”, {day}").format(title=title, day=day(self.when))
        return _("the note “{title}”, {day}").format(title=title, day=day(self.when))
