"""`Voice memos/20240503-101500 Title.m4a`, in the folders of the app, and a list of them."""

from __future__ import annotations

from migrate.content.item import State
from migrate.content.readers.voice_memos import VoiceMemo
from migrate.export.folder import Place
from migrate.export.names import iso_time, shortened_bytes, sortable_time, split_extension
from migrate.export.sorted_rows import SortedRows
from migrate.export.task import NOT_IN_BACKUP, Task
from migrate.language import _, mark

DAMAGED = mark("its recording in the backup is damaged or missing")
LIST = "voice memos.csv"
_LONGEST_TITLE_BYTES = 80


def write_voice_memos(task: Task) -> None:
    """Write the recordings as the phone keeps them. Those in Recently Deleted have a folder of their own."""
    top = task.top.folder("Voice memos", key="voice-memos")
    with SortedRows(task.tmp) as rows:
        for item in task.items():
            assert isinstance(item, VoiceMemo)
            path = _recording(task, top, item)
            if path is not None:
                task.exported(item)
            else:
                task.unreadable(item, DAMAGED if item.files else NOT_IN_BACKUP)
            when, is_deleted = iso_time(item.when), item.state is State.DELETED
            length = None if item.duration is None else round(item.duration)
            file = None if path is None else path.removeprefix(f"{top.path}/")
            rows.add(LIST, (sortable_time(item.when),), (when, item.title, length, item.folder, is_deleted, file))
        header = (_("when"), _("title"), _("seconds"), _("folder"), _("deleted"), _("file"))
        rows.write(top, LIST, header, key="voice-memos")


def _recording(task: Task, top: Place, item: VoiceMemo) -> str | None:
    if not item.files:
        return None
    file = item.files[0]
    title = shortened_bytes(item.title or "", _LONGEST_TITLE_BYTES)
    name = f"{sortable_time(item.when)} {title}".rstrip() + split_extension(file.relative_path)[1]
    return task.copy(file, _place(top, item), name, key=file.relative_path, when=item.when)


def _place(top: Place, item: VoiceMemo) -> Place:
    if item.state is State.DELETED:
        return top.folder("Recently Deleted", key="voice-memos/deleted")
    return top.folder(item.folder, key=f"voice-memos/folder/{item.folder}") if item.folder else top
