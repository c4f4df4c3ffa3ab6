"""`Voicemail/`: the recordings as the phone keeps them (AMR), M4A that every player plays, and what was said.

Voicemail/20240501-093011 Mum.amr, .m4a, .txt
Voicemail/Recently Deleted/…
Voicemail/voicemail.csv
"""

from __future__ import annotations

from migrate.content.item import FileRef, State
from migrate.content.normal_form import address
from migrate.content.readers.voicemail import LONGEST_RECORDING, Voicemail, transcript_text
from migrate.export.folder import Place
from migrate.export.media.converter import MediaConverter
from migrate.export.media.limits import Conversion, Limits, MediaUnreadable
from migrate.export.names import iso_time, shortened_bytes, sortable_time, split_extension
from migrate.export.sorted_rows import SortedRows
from migrate.export.task import NOT_IN_BACKUP, Task
from migrate.language import _, mark
from migrate.problems import BlobMissing, BlobUnreadable

DAMAGED = mark("its recording in the backup is damaged or missing")
NOT_CONVERTED = mark("a recording could not be converted to M4A; it was exported as the phone keeps it")
NO_TRANSCRIPT = mark("the transcript of a voicemail could not be read; its recording was exported")
LIST = "voicemail.csv"
_LIMITS = Limits(source_bytes=LONGEST_RECORDING, seconds=120.0)
_LONGEST_NAME_BYTES = 80


def write_voicemail(task: Task) -> None:
    """Write the voicemails, and a list of them in the order of time."""
    top = task.top.folder("Voicemail", key="voicemail")
    with SortedRows(task.tmp) as rows, MediaConverter() as converter:
        for item in task.items():
            assert isinstance(item, Voicemail)
            _write_one(task, top, rows, converter, item)
        header = (_("when"), _("number"), _("name"), _("seconds"), _("deleted"), _("file"), _("transcript"))
        rows.write(top, LIST, header, key="voicemail")


def _write_one(task: Task, top: Place, rows: SortedRows, converter: MediaConverter, item: Voicemail) -> None:
    is_deleted = item.state is State.DELETED
    place = top.folder("Recently Deleted", key="voicemail/deleted") if is_deleted else top
    number = item.sender or item.callback_number
    normalised = address(number)
    name = task.names(normalised) if normalised else None
    shown = shortened_bytes(name or number or _("unknown number"), _LONGEST_NAME_BYTES)
    stem = f"{sortable_time(item.when)} {shown}"
    path = None
    if item.audio is not None:
        path = task.copy(item.audio, place, f"{stem}.amr", key=item.audio.relative_path, when=item.when)
    if path is not None and item.audio is not None:
        stem = split_extension(path.rpartition("/")[2])[0]  # it may have got a number
        if not task.choice.originals:
            _convert(task, converter, item.audio, place, stem, item.when)
        task.exported(item)
    else:
        task.unreadable(item, DAMAGED if item.audio else NOT_IN_BACKUP)
    said = transcript_text(task.source, item)
    if said is not None:
        key = f"voicemail/{item.transcript and item.transcript.relative_path}"
        place.write(f"{stem}.txt", f"{said}\n", key=key, when=item.when)
    elif item.transcript is not None:
        task.gap(NO_TRANSCRIPT)
    length = None if item.duration is None else round(item.duration)
    file = None if path is None else path.removeprefix(f"{top.path}/")
    cells = (iso_time(item.when), number, name, length, is_deleted, file, said)
    rows.add(LIST, (sortable_time(item.when),), cells)


def _convert(
    task: Task, converter: MediaConverter, audio: FileRef, place: Place, stem: str, when: float | None
) -> None:
    """An M4A beside the recording."""
    record = task.backup.record(*audio)
    if record is None:
        return

    def convert() -> bytes:
        return converter.convert(Conversion.M4A, task.backup.read(record, LONGEST_RECORDING), _LIMITS)

    origin = f"{record.file_id} {record.size} {record.modified} m4a"
    try:
        place.make(convert, f"{stem}.m4a", key=f"voicemail/{audio.relative_path}.m4a", origin=origin, when=when)
    except (MediaUnreadable, BlobMissing, BlobUnreadable):
        task.gap(NOT_CONVERTED)
