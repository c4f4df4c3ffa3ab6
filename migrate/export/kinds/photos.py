"""`Photos/`: the files as the phone keeps them, in a folder for each month, with the names they had in the camera.

    Photos/2024/2024-05/20240501-093011 IMG_0001.HEIC
    Photos/2024/2024-05/20240501-093011 IMG_0001.MOV            the video of a Live Photo
    Photos/2024/2024-05/20240501-093011 IMG_0001 (edited).jpg
    Photos/2024/2024-05/Bursts/…                                photos of bursts that Photos does not show
    Photos/Hidden/…, Photos/Recently Deleted/…
    Photos/albums.csv
    Photos/only in iCloud.csv, Photos/Previews/…                what the backup lacks, and iOS's small pictures of it

Dates are those of the place where it was taken, as the camera wrote them into the file.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from migrate.content.item import FileRef, State
from migrate.content.readers.photos import DOMAIN, Photo
from migrate.export.files_task import FilesTask
from migrate.export.folder import Place
from migrate.export.names import local_time, shortened_bytes, sortable_time, split_extension
from migrate.export.sorted_rows import SortedRows
from migrate.export.task import IN_ICLOUD, NOT_IN_BACKUP, Task
from migrate.language import _, mark

EDITED_ONLY_IN_ICLOUD = mark("its original is only in iCloud; what it looks like edited was exported")
EDITED_ONLY = mark("its original is not in this backup; what it looks like edited was exported")
NO_LIVE_VIDEO = mark("the moving part of a Live Photo is not in this backup; the picture was exported")
DAMAGED = mark("its file in the backup is damaged or missing")

ALBUMS, IN_ICLOUD_LIST, MISSING_LIST = "albums.csv", "only in iCloud.csv", "not in this backup.csv"
_LONGEST_NAME_BYTES = 72
"""Of the camera's name: the date and “ (edited)” fit beside it."""
_ORIGINALS = ("Media/DCIM/", "Media/PhotoData/CPLAssets/")


def write_photos(task: Task) -> None:
    """Write the photos and videos, and the lists of albums and of what is not here."""
    with SortedRows(task.tmp) as rows:
        writer = _Writer(task, rows)
        for item in task.items():
            assert isinstance(item, Photo)
            writer.write(item)
        place = writer.top
        rows.write(place, ALBUMS, (_("album"), _("file"), _("taken"), _("name")), key="photos/albums")
        missing = (_("taken"), _("name"), _("kind"), _("albums"), _("preview"))
        rows.write(place, IN_ICLOUD_LIST, missing, key="photos/only-in-icloud")
        rows.write(place, MISSING_LIST, missing, key="photos/missing")


class _Writer:
    def __init__(self, task: Task, rows: SortedRows) -> None:
        self._task = task
        self._rows = rows
        self.top = task.top.folder("Photos", key="photos")
        self._places: dict[tuple[str, ...], Place] = {}

    def write(self, photo: Photo) -> None:
        taken = taken_at(photo)
        place, stem = self._place(photo, taken), _stem(photo, taken)
        original = self._original(photo, place, stem)
        if original is not None:
            stem = split_extension(original.rpartition("/")[2])[0]  # it may have got a number
        others = [self._copy(photo, file, place, stem) for file in (*photo.files[1:], photo.pair) if file]
        edits = [self._copy(photo, file, place, f"{stem} (edited)") for file in photo.edits]
        shown = original or next((path for path in (*edits, *others) if path), None)
        self._settle(photo, original, is_edited=any(edits))
        if photo.is_live and original is not None and len(photo.files) < 2:
            self._task.gap(NO_LIVE_VIDEO)
        if original is None and not photo.files:
            shown = self._list_missing(photo, taken, stem) or shown
        self._list_albums(photo, taken, shown)

    def _settle(self, photo: Photo, original: str | None, *, is_edited: bool) -> None:
        task = self._task
        if original is not None:
            task.exported(photo)
        elif photo.files:
            task.unreadable(photo, DAMAGED)
        elif photo.offloaded:
            task.only_in_icloud(photo, EDITED_ONLY_IN_ICLOUD if is_edited else IN_ICLOUD)
        elif is_edited:
            task.exported(photo)
            task.gap(EDITED_ONLY)
        else:
            task.unreadable(photo, NOT_IN_BACKUP)

    # -- files -------------------------------------------------------------------------------------------------------

    def _original(self, photo: Photo, place: Place, stem: str) -> str | None:
        if not photo.files:
            return None
        named = split_extension(photo.original_name or "")[1]
        stored = split_extension(photo.files[0].relative_path)[1]
        extension = named if named.casefold() == stored.casefold() else stored
        return self._copy(photo, photo.files[0], place, stem, extension)

    def _copy(self, photo: Photo, file: FileRef, place: Place, stem: str, extension: str | None = None) -> str | None:
        if extension is None:
            extension = split_extension(file.relative_path)[1]
        return self._task.copy(file, place, stem + extension, key=file.relative_path, when=photo.when)

    def _place(self, photo: Photo, taken: datetime | None) -> Place:
        if photo.state is State.DELETED:
            return self._folder("Recently Deleted")
        if photo.hidden:
            return self._folder("Hidden")
        folders = ("Undated",) if taken is None else (f"{taken:%Y}", f"{taken:%Y-%m}")
        return self._folder(*folders, *(() if photo.picked else ("Bursts",)))

    def _folder(self, *names: str) -> Place:
        place = self._places.get(names)
        if place is None:
            if len(self._places) > 1000:  # an iPhone's photos are of some hundred months
                self._places.clear()
            above = self._folder(*names[:-1]) if len(names) > 1 else self.top
            place = self._places[names] = above.folder(names[-1], key="photos/" + "/".join(names))
        return place

    # -- lists -------------------------------------------------------------------------------------------------------

    def _list_missing(self, photo: Photo, taken: datetime | None, stem: str) -> str | None:
        """Write the preview that iOS has of it, and name it in a list. Returns the preview's path."""
        preview = None
        if photo.thumbnail is not None:
            preview = self._copy(photo, photo.thumbnail, self._folder("Previews"), f"{stem} (preview)", ".jpg")
        kind = _("video") if photo.is_video else _("photo")
        name = photo.original_name or photo.stored_name or ""
        cells = (_iso(taken), name, kind, "; ".join(photo.albums), self._below_top(preview))
        self._rows.add(IN_ICLOUD_LIST if photo.offloaded else MISSING_LIST, (_iso(taken), name), cells)
        return preview

    def _list_albums(self, photo: Photo, taken: datetime | None, shown: str | None) -> None:
        if photo.state is State.DELETED:
            return
        name = photo.original_name or photo.stored_name or ""
        for album in (*photo.albums, *((_("Favourites"),) if photo.favourite else ())):
            cells = (album, self._below_top(shown), _iso(taken), name)
            self._rows.add(ALBUMS, (album, _iso(taken), name), cells)

    def _below_top(self, path: str | None) -> str:
        return "" if path is None else path.removeprefix(f"{self.top.path}/")


def taken_at(photo: Photo) -> datetime | None:
    """When it was taken, in the time of that place; of this computer if the phone does not know it."""
    if photo.when is None or photo.utc_offset is None:
        return local_time(photo.when)
    try:
        return datetime.fromtimestamp(photo.when, UTC).astimezone(timezone(timedelta(seconds=photo.utc_offset)))
    except (OverflowError, OSError, ValueError):
        return None


def _iso(taken: datetime | None) -> str:
    return "" if taken is None else taken.isoformat(timespec="seconds")


def _stem(photo: Photo, taken: datetime | None) -> str:
    """`20240501-093011 IMG_0001`"""
    name = split_extension(photo.original_name or "")[0] or split_extension(photo.stored_name or "")[0]
    when = "undated" if taken is None else f"{taken:%Y%m%d-%H%M%S}"
    return f"{when} {shortened_bytes(name, _LONGEST_NAME_BYTES)}".rstrip()


# -- files without an entry in the library -----------------------------------------------------------------------------


def write_files_without_photos(task: FilesTask) -> None:
    """`Photos/Not in the library/`: originals that no photo refers to: all of them if the library is unreadable."""
    if task.choice.deleted != "with":  # the photos left out have files too, and nothing tells them apart
        return
    top = task.top.folder("Photos", key="photos")
    place = top.folder("Not in the library", key="photos/Not in the library")
    for record in task.records(DOMAIN, below=_ORIGINALS):
        path = record.relative_path
        if task.export.ledger.path_of(f"file:photos/{path}") is None:
            name = f"{sortable_time(record.modified)} {path.rpartition('/')[2]}"
            task.copy(record, place, name, key=f"stray/{path}", when=record.modified)
