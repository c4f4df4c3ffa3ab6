"""A note as plain text, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from migrate.content.item import State
from migrate.content.readers.notes.attachment import Attachment
from migrate.content.readers.notes.body import Style
from migrate.content.readers.notes.contents import Content
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.paragraphs import ATTACHMENT, Line, Paragraph, blocks
from migrate.export.names import iso_time
from migrate.export.notes.hrefs import missing
from migrate.untrusted_text import without_control_characters

_MARKERS = {Style.BULLETS: "• ", Style.DASHES: "– "}


def note_text(content: Content) -> str:
    """The text of a note, with its lists and tables."""
    lines = [line for block in blocks(content.paragraphs) for line in _block(block.style, block, content)]
    for attachment in content.not_in_text:
        if not attachment.is_inline:
            lines += _attachment(attachment)
    return without_control_characters("\n".join(lines).replace("\u2028", "\n").replace("\t", "    ")) + "\n"


def _block(style: Style, block: Any, content: Content) -> Iterator[str]:
    if style.is_list:
        yield from _lines(block.lines, "", content)
        return
    for paragraph in block.paragraphs:
        prefix = "> " if block.quoted else ""
        yield from (prefix + line for line in _paragraph(paragraph, content).split("\n"))


def _lines(lines: Iterable[Line], indent: str, content: Content) -> Iterator[str]:
    for style, group in groupby(lines, lambda line: line.paragraph.style.style):
        for number, line in enumerate(group, 1):
            marker = _MARKERS.get(style) or f"{number}. "
            if style is Style.CHECKLIST:
                marker = "[x] " if line.paragraph.style.done else "[ ] "
            yield f"{indent}{marker}{_paragraph(line.paragraph, content)}"
            yield from _lines(line.below, indent + "    ", content)


def _paragraph(paragraph: Paragraph, content: Content) -> str:
    parts = []
    for text, run in paragraph.pieces:
        if text != ATTACHMENT:
            parts.append(text)
        elif run.attachment is not None and (attachment := content.attachments.get(run.attachment)) is not None:
            parts.append(
                attachment.text if attachment.is_inline and attachment.text else "\n".join(_attachment(attachment))
            )
    return "".join(parts)


def _attachment(attachment: Attachment) -> Iterator[str]:
    for row in attachment.table or ():
        yield "\t".join(cell.text.replace("\n", " ") for cell in row)
    names = [file.name for file in attachment.files]
    if attachment.url:
        names.append(f"{attachment.title}: {attachment.url}" if attachment.title else attachment.url)
    yield from (f"[{name}]" for name in names)
    for page in attachment.pages:
        yield from _attachment(page)
    yield from (f"[{sentence}]" for sentence in missing(attachment))


def note_json(note: Note, content: Content, paths: dict[str, list[str]]) -> dict[str, Any]:
    """A note for programs.

    Args:
        paths: of the exported files, by the identifier of their attachment.
    """
    return {
        "id": note.id,
        "title": note.title,
        "folder": list(note.folders),
        "account": note.account,
        "created": iso_time(note.when) or None,
        "modified": iso_time(note.modified) or None,
        "pinned": note.pinned,
        "locked": note.locked,
        "deleted": note.state is State.DELETED,
        "paragraphs": [_paragraph_json(paragraph) for paragraph in content.paragraphs],
        "attachments": [
            _attachment_json(one, paths)
            for attachment in content.attachments.values()
            for one in attachment.with_pages()
        ],
    }


def _paragraph_json(paragraph: Paragraph) -> dict[str, Any]:
    style = paragraph.style
    found: dict[str, Any] = {"style": style.style.name.lower(), "text": paragraph.text}
    if style.item is not None:
        found["done"] = style.done
    found |= {name: value for name, value in (("indent", style.indent), ("quoted", style.quoted)) if value}
    runs = []
    for text, run in paragraph.pieces:
        names = ("bold", "italic", "underlined", "struck", "highlighted")
        marks = {name: True for name in names if getattr(run, name)}
        known = {"raised": run.raised or None, "link": run.link, "attachment": run.attachment}
        runs.append({"text": text, **marks, **{name: value for name, value in known.items() if value is not None}})
    if any(len(run) > 1 for run in runs):
        found["runs"] = runs
    return found


def _attachment_json(attachment: Attachment, paths: dict[str, list[str]]) -> dict[str, Any]:
    known = {
        "id": attachment.identifier,
        "type": attachment.type or None,
        "title": attachment.title,
        "text": attachment.text,
        "url": attachment.url,
        "note": attachment.note,
        "files": paths.get(attachment.identifier),
        "table": None if attachment.table is None else [[cell.text for cell in row] for row in attachment.table],
        "only_in_icloud": attachment.offloaded or None,
        "not_in_backup": attachment.absent or None,
    }
    return {name: value for name, value in known.items() if value is not None}
