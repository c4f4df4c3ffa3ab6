"""Write all chats of one app from the scratch file: a folder for each, in every chosen format."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Protocol
from urllib.parse import quote

from migrate.content.item import FileRef
from migrate.content.normal_form import day
from migrate.export.chats.entry import ChatInfo, Entry, FileOf
from migrate.export.chats.html import Pages
from migrate.export.chats.mailbox import Mailbox
from migrate.export.chats.plain import CSV_HEADER, CsvFile, JsonLines, TextFile
from migrate.export.chats.previews import Previews
from migrate.export.chats.scratch import LocalClock, Scratch
from migrate.export.chats.shown import Answered, CopiedFile, Reacted, Shown
from migrate.export.csv_file import csv_table
from migrate.export.folder import Place
from migrate.export.names import sortable_time, split_extension
from migrate.export.task import Task
from migrate.language import _, mark, plural
from migrate.pages.bubbles import FILE_POLICY, Look, plain
from migrate.pages.media_types import HEAD_BYTES, UNKNOWN, media_type
from migrate.pages.style import STYLE

FORMATS = ("html", "txt", "json", "csv", "mbox", "pdf")
USUAL = ("html", "txt", "json")
FILE_DAMAGED = mark("an attachment is damaged in this backup")
_QUOTED = 2000


class _Sink(Protocol):
    def row(self, row: Shown) -> None: ...


def write_chats(
    task: Task, scratch: Scratch, title: str, key: str, look_of: Callable[[str | None], Look] | None = None
) -> None:
    """Write every chat into a folder of its own.

    Args:
        title: the name of the folder that they are in.
        key: tells it from all others of this export.
        look_of: the colour of a message by its service; None if all of a chat have the chat's.
    """
    if scratch.chats:
        _ChatsWriter(task, scratch, task.top.folder(title, key=key), title, key, look_of).run()


class _ChatsWriter:
    def __init__(
        self,
        task: Task,
        scratch: Scratch,
        top: Place,
        title: str,
        key: str,
        look_of: Callable[[str | None], Look] | None,
    ) -> None:
        self._task = task
        self._scratch = scratch
        self._top = top
        self._title = title
        self._key = key
        self._look_of = look_of
        self._formats = task.formats(*FORMATS, usual=USUAL)
        self._with_pages = bool(self._formats & {"html", "pdf"})
        self._previews = Previews(task.export) if self._with_pages and not task.choice.originals else None
        self._clock = LocalClock()
        self._you = _("You")
        self._years: dict[int, dict[int, int]] = {}
        for (chat, year), rows in scratch.years.items():
            self._years.setdefault(chat, {})[year] = rows

    def run(self) -> None:
        try:
            self._run()
        finally:
            if self._previews:
                self._previews.close()

    def _run(self) -> None:
        listed = []
        for chat, rows in groupby(self._scratch.rows(), key=lambda row: row[0]):
            info = self._scratch.chats[chat]
            place = self._top.folder(info.folder, key=f"{self._key}/chat/{info.key}")
            self._write_chat(chat, info, place, rows)
            listed.append((chat, info, place))
        if self._with_pages:
            listed.sort(key=lambda one: -self._scratch.last.get(one[0], 0))
            self._write_list(listed)

    def _write_chat(
        self, chat: int, info: ChatInfo, place: Place, rows: Iterator[tuple[int, int, int, Entry, bool]]
    ) -> None:
        key = f"{self._key}/{info.key}"
        pages: Pages | None = None
        with ExitStack() as open_files:
            sinks: list[_Sink] = []
            if self._with_pages:
                pages = Pages(place, info, key, self._years[chat], self._look_of)
                sinks.append(pages)
            if "txt" in self._formats:
                sinks.append(TextFile(open_files.enter_context(place.new_file("chat.txt", key=f"{key}/txt"))))
            if "json" in self._formats:
                sinks.append(JsonLines(open_files.enter_context(place.new_file("chat.jsonl", key=f"{key}/json"))))
            if "csv" in self._formats:
                table = open_files.enter_context(csv_table(place, "chat.csv", CSV_HEADER, key=f"{key}/csv"))
                sinks.append(CsvFile(table))
            if "mbox" in self._formats:
                file = open_files.enter_context(place.new_file("chat.mbox", key=f"{key}/mbox"))
                sinks.append(Mailbox(file, info, self._task.export.root / place.path))
            if pages is not None:
                open_files.push(pages.leave)
            files = place.folder("files", key=f"{key}/files")
            writes = [sink.row for sink in sinks]
            for _chat, year, number, entry, reacted in rows:
                shown = self._shown(chat, place, files, key, year, number, entry, reacted)
                for write in writes:
                    write(shown)
        if pages is not None and "pdf" in self._formats:
            from migrate.export.chats.pdf import write_pdfs

            write_pdfs(self._task, place, key, pages.written)

    def _shown(
        self, chat: int, place: Place, files: Place, key: str, year: int, number: int, entry: Entry, reacted: bool
    ) -> Shown:
        moment = ("", "", "") if entry.when is None else self._clock.at(entry.when)
        shown = Shown(number, entry, year, *moment, [], [])
        if reacted:
            shown.reactions = self._reactions(self._scratch.reactions(chat, entry.id))
        more = entry.more
        if more is None:
            return shown
        for sign, who, removed in more.get("reactions", ()):
            shown.reactions.append(Reacted(sign, who or self._you, removed))
        for count, stored in enumerate(more.get("files", ())):
            file = FileOf(*stored)  # type: ignore[arg-type]  # as it was put in
            shown.files.append(self._copied(file, place, files, f"{key}/{entry.id}/{count}", shown))
        if "vcard" in more:
            name = f"{_sortable(shown)} {more['cards'][0][0]}.vcf"
            path = files.write(name, more["vcard"], key=f"{key}/{entry.id}/vcf", when=entry.when)
            shown.files.append(CopiedFile(FileOf(None, None, name), path[len(place.path) + 1 :], "text/vcard"))
        if "reply" in more:
            shown.answered = self._answered(chat, more["reply"], more.get("quote"))
        if "about" in more:
            shown.is_about_shown = self._scratch.find(chat, more["about"]) is not None
        return shown

    def _reactions(self, entries: list[Entry]) -> list[Reacted]:
        """What is left of the reactions: a person has one, and may have taken it back."""
        by_person: dict[str, Reacted] = {}
        for entry in entries:
            assert entry.more is not None
            who = self._you if entry.outgoing else entry.who or _("Somebody")
            by_person[who] = Reacted(entry.more["sign"], who, bool(entry.more.get("removed")))
        return list(by_person.values())

    def _answered(self, chat: int, identity: str, quoted: tuple[str, str] | None) -> Answered:
        entry = self._scratch.find(chat, identity)
        if entry is None:
            quoted = quoted or ("", _("a message that is not here"))
            return Answered(identity, quoted[0], quoted[1])
        who = self._you if entry.outgoing else entry.who or ""
        more = entry.more
        text = entry.text
        if not text and more is not None:
            names = [str(FileOf(*stored).name) for stored in more.get("files", ())]  # type: ignore[arg-type]
            text = more.get("missing") or ", ".join([*names, *(card[0] for card in more.get("cards", ()))])
        return Answered(identity, who, (text or "")[:_QUOTED])

    # -- attachments -------------------------------------------------------------------------------------------------

    def _copied(self, file: FileOf, place: Place, files: Place, key: str, row: Shown) -> CopiedFile:
        if file.domain is None or file.path is None:
            return CopiedFile(file, None, UNKNOWN)
        name = f"{_sortable(row)} {self._named(file)}"
        path = self._task.copy(FileRef(file.domain, file.path), files, name, key=key, when=row.entry.when)
        if path is None:
            self._task.gap(FILE_DAMAGED)
            return CopiedFile(file._replace(note=_("damaged in this backup")), None, UNKNOWN)
        found = media_type(_head(f"{self._task.export.root}/{path}"))
        preview = self._previews.of(path, found, files, key) if self._previews else None
        inside = len(place.path) + 1
        return CopiedFile(file, path[inside:], found, preview[inside:] if preview else None)

    def _named(self, file: FileOf) -> str:
        """The attachment's name with an extension: some have none on the phone."""
        name = file.name.rstrip(".")
        if split_extension(name)[1] and not name.endswith(".pluginPayloadAttachment"):
            return name
        extension = mimetypes.guess_extension(file.mime_type or "") or _EXTENSIONS.get(self._type_of(file), "")
        return name.removesuffix(".pluginPayloadAttachment") + extension

    def _type_of(self, file: FileOf) -> str:
        from migrate.problems import MigrateError

        try:
            record = self._task.backup.record(file.domain or "", file.path or "")
            return (
                UNKNOWN
                if record is None
                else media_type(next(iter(self._task.backup.chunks(record)), b"")[:HEAD_BYTES])
            )
        except MigrateError:
            return UNKNOWN

    # -- the list ----------------------------------------------------------------------------------------------------

    def _write_list(self, chats: list[tuple[int, ChatInfo, Place]]) -> None:
        """`index.html` with links to all chats, the latest first."""
        with self._top.new_file("index.html", key=f"{self._key}/index") as file:
            name = plain(self._title)
            file.write_text(
                '<!doctype html>\n<html><head><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width, initial-scale=1">'
                f'<meta http-equiv="Content-Security-Policy" content="{FILE_POLICY}">'
                f"<title>{name}</title><style>{STYLE}</style></head>\n<body><main><h1>{name}</h1><ul>\n"
            )
            for chat, info, place in chats:
                years = self._years[chat]
                pages = Pages.names_of(years)
                href = quote(place.path[len(self._top.path) + 1 :] + "/" + pages[-1])
                count = sum(years.values())
                about = plural("{count:,} message", "{count:,} messages", count).format(count=count)
                if chat in self._scratch.last:
                    about += ", " + _("the last on {day}").format(day=day(self._scratch.last[chat]))
                file.write_text(f'<li><a href="{href}">{plain(info.name)}</a><small>{plain(about)}</small></li>\n')
            file.write_text("</ul></main></body></html>\n")


def _sortable(row: Shown) -> str:
    """`20240503-140700`, from the local time that the row has anyway."""
    if not row.instant:
        return sortable_time(None)
    return f"{row.day.replace('-', '')}-{row.instant[11:19].replace(':', '')}"


def _head(path: str) -> bytes:
    """The first bytes of a file."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(file, HEAD_BYTES)
    finally:
        os.close(file)


_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "audio/x-caf": ".caf",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}
