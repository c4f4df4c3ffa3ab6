"""`Wallet/<organization>.pkpass`: the folder of each pass as the file that Wallet opens (a ZIP archive)."""

from __future__ import annotations

import io
import zipfile

from migrate.backup.record import Kind as RecordKind
from migrate.backup.record import Record
from migrate.content.readers.wallet import WalletPass
from migrate.export.task import Task
from migrate.language import mark
from migrate.problems import BadRecord, BlobMissing, BlobUnreadable, ExportFileUnreadable

NO_CONTENT = mark("the pass itself is not in the backup, only that there is one")
DAMAGED = mark("a file of the pass is damaged or missing in the backup")
TOO_LARGE = mark("the pass is larger than any pass of Wallet")
_LARGEST_BYTES = 64 << 20
"""Passes have pictures of a few hundred kilobytes (*guessed*); the archive is made in memory."""
_LONGEST_NAME = 1000
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date of a ZIP archive, in every one: so a second run writes the same bytes."""


class _Incomplete(Exception):
    """A pass that cannot be written; says why."""


def write_passes(task: Task) -> None:
    place = task.top.folder("Wallet", key="wallet")
    known, same = "", 0
    for item in task.items():
        assert isinstance(item, WalletPass)
        same = same + 1 if item.id == known else 0  # items come ordered by id, and two may have one
        known = item.id
        try:
            content = _archive(task, item)
        except _Incomplete as incomplete:
            task.unreadable(item, str(incomplete))
            continue
        name = item.organization or item.description or "pass"
        place.write(f"{name}.pkpass", content, key=f"wallet/{item.id}/{same}", when=item.when)
        task.exported(item)


def _archive(task: Task, item: WalletPass) -> bytes:
    if item.absent:
        raise _Incomplete(NO_CONTENT)
    made = io.BytesIO()
    left = _LARGEST_BYTES
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(item.files):
            name = file.relative_path.partition(".pkpass/")[2].encode("utf-8", "replace").decode()
            if not name or ".." in name.split("/"):
                continue
            if len(name) > _LONGEST_NAME:
                raise _Incomplete(DAMAGED)
            content = _content(task, file.domain, file.relative_path, left)
            left -= len(content)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _content(task: Task, domain: str, relative_path: str, limit: int) -> bytes:
    record: Record | None = None
    try:
        record = task.backup.record(domain, relative_path)
        if record is None or record.kind is not RecordKind.FILE:
            raise _Incomplete(NO_CONTENT)
        if (record.size or 0) > limit:
            raise _Incomplete(TOO_LARGE)
        return task.backup.read(record, limit)
    except (BlobMissing, BlobUnreadable) as error:
        assert record is not None
        task.report(ExportFileUnreadable.of(record, reason=error.why).as_finding())
    except BadRecord as bad:
        task.report(ExportFileUnreadable.of(bad, reason=f"{bad.reason.capitalize()}.").as_finding())
    raise _Incomplete(DAMAGED)
