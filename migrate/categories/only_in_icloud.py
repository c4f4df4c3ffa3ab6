"""Count content that a backup only refers to: its database row is in the backup, its file is only in iCloud."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable

from migrate.backup.record import Kind, Record
from migrate.categories.databases import columns_of, ordinary_tables
from migrate.language import mark_plural

_CAMERA_ROLL = "CameraRollDomain"
_MEDIA = "MediaDomain"
_NOTES = "AppDomainGroup-group.com.apple.notes"
_PREFIXES = {
    _CAMERA_ROLL: ("Media/DCIM/", "Media/PhotoData/CPLAssets/"),
    _MEDIA: ("Library/SMS/",),
    _NOTES: ("Accounts/",),
}
_NOTES_MEDIA = re.compile(r"/Media/([^/]+)/")
_ON_THE_PHONE = ("~/", "/var/mobile/", "/private/var/mobile/")


class PresentFiles:
    """The files of a backup that databases refer to: originals of photos, attachments, media of notes."""

    def __init__(self) -> None:
        self._files: dict[str, set[str]] = {domain: set() for domain in _PREFIXES}

    def add_record(self, record: Record) -> None:
        prefixes = _PREFIXES.get(record.domain)
        if prefixes and record.kind is Kind.FILE and record.relative_path.startswith(prefixes):
            path = _NOTES_MEDIA.search(record.relative_path) if record.domain == _NOTES else None
            self._files[record.domain].add(_normal(path[1] if path else record.relative_path))

    def has(self, domain: str, name: str) -> bool:
        return _normal(name) in self._files[domain]


def _normal(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


Check = Callable[[sqlite3.Connection, PresentFiles], int | None]
"""How many items are only in iCloud; None if the database does not say."""


def missing_photos(connection: sqlite3.Connection, present: PresentFiles) -> int | None:
    """Photos and videos whose original is not in the backup.

    The catalogue lists the original (`ZDATASTORESUBTYPE` 1) as not on the phone (`ZLOCALAVAILABILITY` -1) but in iCloud
    (`ZREMOTEAVAILABILITY` 1), and the backup has no file with that name (facts/device 6.3). If the catalogue lacks
    these columns (iOS 9 and older, *read* in schemas), only the files are compared.
    """
    asset = next((table for table in ("ZASSET", "ZGENERICASSET") if table in ordinary_tables(connection)), None)
    if asset is None or not {"ZDIRECTORY", "ZFILENAME", "Z_PK"} <= (has := columns_of(connection, asset)):
        return None
    kept = "AND a.ZTRASHEDSTATE = 0" if "ZTRASHEDSTATE" in has else ""
    known = {"ZASSET", "ZDATASTORESUBTYPE", "ZLOCALAVAILABILITY", "ZREMOTEAVAILABILITY"}
    remote = (
        "AND a.Z_PK IN (SELECT ZASSET FROM ZINTERNALRESOURCE WHERE ZDATASTORESUBTYPE = 1"
        " AND ZLOCALAVAILABILITY = -1 AND ZREMOTEAVAILABILITY = 1)"
        if known <= columns_of(connection, "ZINTERNALRESOURCE")
        else ""
    )
    rows = connection.execute(
        f"SELECT a.ZDIRECTORY, a.ZFILENAME FROM {asset} a"  # noqa: S608  every part of it stands above
        f" WHERE (a.ZDIRECTORY LIKE 'DCIM/%' OR a.ZDIRECTORY LIKE 'PhotoData/CPLAssets/%') {kept} {remote}"
    )
    return sum(not present.has(_CAMERA_ROLL, f"Media/{folder}/{name}") for folder, name in rows)


def missing_attachments(connection: sqlite3.Connection, present: PresentFiles) -> int | None:
    """Attachments with a row but no file: Messages in iCloud removed the file from the phone (facts/categories 5)."""
    if "filename" not in columns_of(connection, "attachment"):
        return None
    missing = set()
    for (name,) in connection.execute("SELECT filename FROM attachment WHERE filename IS NOT NULL"):
        path = str(name)
        for prefix in _ON_THE_PHONE:
            path = path.removeprefix(prefix)
        if path.startswith("Library/SMS/") and not present.has(_MEDIA, path):
            missing.add(path)
    return len(missing)


def missing_notes_media(connection: sqlite3.Connection, present: PresentFiles) -> int | None:
    """Pictures and files in notes with a row but no file.

    Files are in `Accounts/<account>/Media/<ZIDENTIFIER>/[<generation>/]<ZFILENAME>`. Entity numbers differ between
    stores, so they are read from the store (*read*: ios-backup-parser's notes schema of iOS 18).
    """
    table = "ZICCLOUDSYNCINGOBJECT"
    columns = columns_of(connection, table)
    if not {"ZIDENTIFIER", "ZFILENAME"} <= columns:
        return None
    entity = None
    if "Z_ENT" in columns and {"Z_ENT", "Z_NAME"} <= columns_of(connection, "Z_PRIMARYKEY"):
        entity = connection.execute("SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = 'ICMedia'").fetchone()
    rows = connection.execute(
        f"SELECT ZIDENTIFIER FROM {table} WHERE ZIDENTIFIER IS NOT NULL AND ZFILENAME IS NOT NULL"  # noqa: S608  constants
        + (" AND ZMARKEDFORDELETION IS NOT 1" if "ZMARKEDFORDELETION" in columns else "")
        + (" AND Z_ENT = ?" if entity else ""),
        tuple(entity or ()),
    )
    return sum(not present.has(_NOTES, str(identifier)) for (identifier,) in rows)


ICLOUD_CHECKS: dict[str, tuple[Check, tuple[str, str]]] = {
    "photos": (
        missing_photos,
        mark_plural("{count} original is only in iCloud", "{count} originals are only in iCloud"),
    ),
    "messages": (
        missing_attachments,
        mark_plural(
            "{count} attachment is only in iCloud: its file is not in this backup",
            "{count} attachments are only in iCloud: their files are not in this backup",
        ),
    ),
    "notes": (
        missing_notes_media,
        mark_plural(
            "{count} picture or file in the notes is only in iCloud",
            "{count} pictures and files in the notes are only in iCloud",
        ),
    ),
}
"""Per category: the check, and the note for one item and for several."""
