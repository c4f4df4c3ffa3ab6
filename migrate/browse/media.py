"""Files of the backup as answers: decrypted on request, any part of them, nothing on disk."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.record import Record
from migrate.browse.library import Library
from migrate.content.item import FileRef, Item
from migrate.content.readers.photos import Photo
from migrate.export.media.limits import Conversion, MediaUnreadable
from migrate.export.names import safe_name
from migrate.language import _
from migrate.pages.byte_ranges import RangeNotSatisfiable, byte_range
from migrate.pages.media_types import HEAD_BYTES, HEIC, UNKNOWN, is_shown_in_page, media_type
from migrate.problems import MigrateError

PIECE_BYTES = 256 << 10
LARGEST_THUMBNAIL = 4 << 20
"""Larger than a thumbnail that a phone keeps (*seen*: about 10 KB)."""
LARGEST_CONVERTED = 64 << 20
"""Larger than a picture or a voice message that a phone keeps (*guessed*). It is held in memory."""
LONGEST_SIDE = 2400
"""Of a picture that is made for the page. The download is the original."""
_CONVERSIONS = {
    HEIC: (Conversion.JPEG, "image/jpeg"),
    "audio/amr": (Conversion.M4A, "audio/mp4"),
    "audio/x-caf": (Conversion.M4A, "audio/mp4"),
}
"""Types that most browsers do not show -> what is made of them when they are looked at."""


class FileMissing(Exception):
    """The backup does not have the content, or cannot give it. The text says why."""


def opened(library: Library, record: Record) -> BlobReader:
    """
    Raises:
        FileMissing
    """
    try:
        return library.backup.opened(record)
    except MigrateError as error:
        raise FileMissing(error.what) from error


def type_of(library: Library, file: FileRef) -> str:
    """What a file is, by its content; UNKNOWN also if it cannot be read."""
    record = library.record(file)
    if record is None:
        return UNKNOWN
    try:
        with opened(library, record) as content:
            return media_type(content.read(HEAD_BYTES, 0))
    except (FileMissing, OSError):
        return UNKNOWN


def shown_as(found: str) -> str | None:
    """How a page shows a file of this type: `image`, `video` or `audio`; None if it is only a download."""
    return found.partition("/")[0] if is_shown_in_page(found) or found in _CONVERSIONS else None


def shown_href(href: str, found: str) -> str:
    """The address of what a page shows of a file: the file itself, or a copy in a format that browsers know."""
    return f"{href}{'&' if '?' in href else '?'}shown=1" if found in _CONVERSIONS else href


def file_answer(
    request: Request, library: Library, record: Record, *, as_download: bool, name: str | None = None
) -> Response:
    """A file, or the part of it that the request asks for. Only verified pictures, sound and film are shown in a page.

    Raises:
        FileMissing
    """
    content = opened(library, record)
    try:
        found = media_type(content.read(HEAD_BYTES, 0))
        if found in _CONVERSIONS and "shown" in request.query_params and not as_download:
            content.close()
            return _converted_answer(request, library, record, found)
        size = content.size
        is_shown = is_shown_in_page(found) and not as_download
        headers = {"accept-ranges": "bytes", "content-type": found if is_shown else UNKNOWN}
        if not is_shown:
            shown_name = name or record.relative_path.rpartition("/")[2]
            headers["content-disposition"] = attachment(shown_name)
        try:
            part = byte_range(request.headers.get("range"), size)
        except RangeNotSatisfiable:
            content.close()
            return Response(status_code=416, headers={"content-range": f"bytes */{size}", "accept-ranges": "bytes"})
        start, stop = (0, size) if part is None else part
        if part is not None:
            headers["content-range"] = part.header(size)
        headers["content-length"] = str(stop - start)
        status = 200 if part is None else 206
        if request.method == "HEAD":
            content.close()
            return Response(status_code=status, headers=headers)
        return StreamingResponse(_pieces(content, start, stop), status, headers)
    except OSError as error:
        content.close()
        raise FileMissing(error.strerror or type(error).__name__) from error


def _converted_answer(request: Request, library: Library, record: Record, found: str) -> Response:
    to, becomes = _CONVERSIONS[found]
    made = library.kept.get(f"{record.file_id} {to}", lambda: _converted(library, record, to))
    headers = {"accept-ranges": "bytes", "content-type": becomes}
    try:
        part = byte_range(request.headers.get("range"), len(made))
    except RangeNotSatisfiable:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(made)}", "accept-ranges": "bytes"})
    if part is None:
        return Response(made, headers=headers)
    return Response(made[part.start : part.stop], 206, {**headers, "content-range": part.header(len(made))})


def _converted(library: Library, record: Record, to: Conversion) -> bytes:
    """A copy in a format that browsers know, made in a process that may be killed."""
    try:
        content = library.backup.read(record, LARGEST_CONVERTED)
        return library.converter.convert(to, content, longest_side=LONGEST_SIDE if to is Conversion.JPEG else None)
    except MigrateError as error:
        raise FileMissing(error.what) from error
    except (MediaUnreadable, OSError) as error:
        reason = _(error.reason) if isinstance(error, MediaUnreadable) else type(error).__name__
        raise FileMissing(_("It cannot be shown: {reason}.").format(reason=reason)) from error


def attachment(name: str) -> str:
    """The value of Content-Disposition for a download of this name."""
    safe = safe_name(name, instead="file")
    return f"attachment; filename*=UTF-8''{quote(safe, safe='')}"


def _pieces(content: BlobReader, start: int, stop: int) -> Iterator[bytes]:
    """The plain bytes from `start` on, before `stop`. Each piece of an encrypted file is decrypted alone."""
    with content:
        while start < stop:
            piece = content.read(min(PIECE_BYTES - start % PIECE_BYTES, stop - start), start)
            if not piece:  # the file became shorter: the connection ends too early, which the browser notices
                return
            yield piece
            start += len(piece)


def thumbnail_of(item: Item) -> FileRef | None:
    """The small picture that iOS made of a photo or video; it is here even if the original is only in iCloud."""
    return item.thumbnail if isinstance(item, Photo) else None


def thumbnail_answer(library: Library, file: FileRef) -> Response:
    """
    Raises:
        FileMissing
    """
    content = library.kept.get(file.relative_path, lambda: _thumbnail(library, file))
    return Response(content, headers={"content-type": media_type(content[:HEAD_BYTES])})


def _thumbnail(library: Library, file: FileRef) -> bytes:
    record = library.record(file)
    if record is None:
        raise FileMissing
    try:
        content = library.backup.read(record, LARGEST_THUMBNAIL)
    except MigrateError as error:
        raise FileMissing(error.what) from error
    if not is_shown_in_page(found := media_type(content[:HEAD_BYTES])) or not found.startswith("image/"):
        raise FileMissing
    return content
