"""Files of the backup as answers: decrypted on request, any part of them, nothing on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.record import Record
from migrate.browse.library import Library
from migrate.content.item import FileRef, Item
from migrate.content.readers.photos import Photo
from migrate.export.names import safe_name
from migrate.pages.byte_ranges import RangeNotSatisfiable, byte_range
from migrate.pages.media_types import HEAD_BYTES, UNKNOWN, is_shown_in_page, media_type
from migrate.problems import MigrateError

PIECE_BYTES = 256 << 10
LARGEST_THUMBNAIL = 4 << 20
"""Larger than a thumbnail that a phone keeps (*seen*: about 10 KB)."""
KEPT_THUMBNAILS = 16 << 20
"""Bytes of thumbnails that stay in memory, those that were asked for last."""
_THUMBNAIL = "Media/PhotoData/Thumbnails/V2/{place}/5005.JPG"
CAMERA_ROLL = "CameraRollDomain"


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


def thumbnail_of(library: Library, item: Item) -> FileRef | None:
    """The small picture that iOS made of a photo or video; it is here even if the original is only in iCloud."""
    if not isinstance(item, Photo) or item.place is None:
        return None
    file = FileRef(CAMERA_ROLL, _THUMBNAIL.format(place=item.place))
    return file if library.record(file) is not None else None


class Thumbnails:
    """Thumbnails by the photo's number. Any thread may use it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, file: FileRef) -> bytes:
        """
        Raises:
            FileMissing
        """
        with self._lock:
            kept = self._kept.get(file.relative_path)
            if kept is not None:
                self._kept.move_to_end(file.relative_path)
                return kept
        content = self._read(file)
        with self._lock:
            if file.relative_path not in self._kept:
                self._kept[file.relative_path] = content
                self._bytes += len(content)
            while self._bytes > KEPT_THUMBNAILS:
                _path, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest)
        return content

    def _read(self, file: FileRef) -> bytes:
        record = self._library.record(file)
        if record is None:
            raise FileMissing
        try:
            content = self._library.backup.read(record, LARGEST_THUMBNAIL)
        except MigrateError as error:
            raise FileMissing(error.what) from error
        if not media_type(content[:HEAD_BYTES]).startswith("image/"):
            raise FileMissing
        return content


def thumbnail_answer(thumbnails: Thumbnails, file: FileRef) -> Response:
    """
    Raises:
        FileMissing
    """
    content = thumbnails.get(file)
    return Response(content, headers={"content-type": media_type(content[:HEAD_BYTES])})
