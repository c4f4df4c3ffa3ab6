"""One item as a download: in the form that `migrate export` gives it, or as JSON."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from migrate.browse.item_index import Entry
from migrate.browse.library import Library, Shelf
from migrate.browse.media import FileMissing, attachment
from migrate.content.item import Item
from migrate.export.choice import ExportChoice
from migrate.export.folder import JSON_NAME, OWN, PAGE_NAME
from migrate.export.run import export_backup
from migrate.problems import MigrateError

_PIECE_BYTES = 256 << 10


def item_download(library: Library, shelf: Shelf, entry: Entry) -> Response:
    """One item, as the writer of its kind writes it: one file as it is, several as a ZIP archive.

    Raises:
        FileMissing: it cannot be exported.
    """
    if not shelf.index.face.is_taken_whole:
        return _as_json(shelf, entry.item)
    folder = Path(tempfile.mkdtemp(prefix="take-", dir=library.tmp))  # mkdtemp makes it 0700
    try:
        files = _exported(library, shelf, entry.item, folder)
        if not files:
            return _as_json(shelf, entry.item)
        if len(files) == 1:
            name, whole = files[0].name, files[0]
        else:
            name, whole = f"{shelf.kind.id}.zip", _zipped(files, folder)
        file, size = whole.open("rb"), whole.stat().st_size
    except MigrateError as error:
        raise FileMissing(error.what) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is open stays readable until it is sent
    headers = {
        "content-type": "application/octet-stream",
        "content-disposition": attachment(name),
        "content-length": str(size),
    }
    return StreamingResponse(_pieces(file), headers=headers)


def _exported(library: Library, shelf: Shelf, item: Item, folder: Path) -> list[Path]:
    tmp = folder / "tmp"
    tmp.mkdir(mode=0o700)
    choice = ExportChoice(
        owners=frozenset({shelf.kind.owner}), only_ids={shelf.kind.id: frozenset({item.id})}, deleted="with"
    )
    to = folder / "export"
    export_backup(library.backup, library.claims, to, choice, tmp=tmp)
    own = {to / JSON_NAME, to / PAGE_NAME}
    return sorted(
        file for file in to.rglob("*") if file.is_file() and file not in own and OWN not in file.relative_to(to).parts
    )


def _zipped(files: list[Path], folder: Path) -> Path:
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for file in files:
            out.write(file, file.relative_to(folder / "export").as_posix())
    return archive


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _as_json(shelf: Shelf, item: Item) -> Response:
    shown = {one.name: getattr(item, one.name) for one in fields(item) if one.name not in ("lacking", "undecoded")}
    text = json.dumps({"kind": shelf.kind.id, **shown}, indent=1, ensure_ascii=False, default=_plain)
    headers = {"content-type": "application/octet-stream", "content-disposition": attachment(f"{shelf.kind.id}.json")}
    return Response(text.encode("utf-8", "replace"), headers=headers)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return sorted(value) if isinstance(value, frozenset) else str(value)
