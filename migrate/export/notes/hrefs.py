"""Where the files and notes are that a note shows, and what kind of file each is."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from migrate.content.readers.notes.attachment import AttachedFile, Attachment
from migrate.language import _, plural

_PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp"})
_SOUNDS = frozenset({"m4a", "mp3", "wav", "aac", "caf", "aif", "aiff"})
_VIDEOS = frozenset({"mov", "mp4", "m4v"})


class Hrefs(Protocol):
    """The addresses that a page names."""

    def file(self, file: AttachedFile) -> str | None:
        """The address of a file, quoted; None if it cannot be read."""

    def note(self, identifier: str) -> str | None:
        """The address of another note, quoted; None if it has none."""


class Shown(Enum):
    """How a page shows a file."""

    PICTURE = "picture"
    SOUND = "sound"
    VIDEO = "video"
    LINK = "link"


def how_shown(file: AttachedFile) -> Shown:
    """By its extension: what no browser shows becomes a link (HEIC: only Safari does)."""
    extension = file.name.rpartition(".")[2].lower()
    if extension in _PICTURES:
        return Shown.PICTURE
    if extension in _SOUNDS:
        return Shown.SOUND
    return Shown.VIDEO if extension in _VIDEOS else Shown.LINK


def safe_link(link: str) -> str | None:
    """A link that a page may have; None for those that run something, or open files."""
    cleaned = link.strip()
    scheme = cleaned.partition(":")[0].lower()
    return cleaned if scheme in ("http", "https", "mailto", "tel") and len(cleaned) <= 8192 else None


def missing(attachment: Attachment, unreadable: int = 0) -> list[str]:
    """What of an attachment is not there, as sentences."""
    found = []
    if attachment.offloaded:
        sentence = plural(
            "{count} attachment is only in iCloud.", "{count} attachments are only in iCloud.", attachment.offloaded
        )
        found.append(sentence.format(count=attachment.offloaded))
    if attachment.absent:
        sentence = plural(
            "{count} attachment is not in this backup.",
            "{count} attachments are not in this backup.",
            attachment.absent,
        )
        found.append(sentence.format(count=attachment.absent))
    if unreadable:
        sentence = plural("{count} attachment could not be read.", "{count} attachments could not be read.", unreadable)
        found.append(sentence.format(count=unreadable))
    if attachment.undecoded:
        found.append(_("An attachment cannot be decoded."))
    return found
