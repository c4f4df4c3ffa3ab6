"""Every problem with example values, so that its sentences can be read without the problem itself."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

from migrate.problems import MigrateError, PhoneLocked, Problem

OLD_UDID, NEW_UDID = "00008101-000A1B2C3D4E001E", "00008140-000F5A6B7C8D002F"

BY_FIELD: Mapping[str, Any] = {
    "address": "127.0.0.1:27015",
    "answer": "ServiceProhibited",
    "arrived": 5_120,
    "asked_for": "its backup service",
    "backup": f"backups/{OLD_UDID}",
    "backup_ios_version": "26.1",
    "bundle": "org.example.diary",
    "candidates": (OLD_UDID, NEW_UDID),
    "categories": ("messages", "photos"),
    "chosen": ("voicemail",),
    "command": "migrate verify",
    "connection": "USB",
    "content_size": 40_960,
    "count": 3,
    "damage": "Library/SMS/sms.db is missing. Its contents are not in the folder.",
    "database": "Library/SMS/sms.db",
    "detail": "a length of 4,294,967,295 bytes was announced",
    "domain": "HomeDomain",
    "during": "the backup",
    "expected": "cc2b1a3c4d5e6f708192a3b4c5d6e7f8091a2b3c",
    "expected_udid": NEW_UDID,
    "file": "my-plan.toml",
    "file_format": "JPEG",
    "file_id": "3d0d7e5fb2ce288813306e4d4636395e047a3d28",
    "first": "Library/SMS/sms.db",
    "folder": "/data/iphone",
    "free_bytes": 2_000_000_000,
    "home": "/home/ada/.local/share/migrate",
    "ids": ("messages", "photos"),
    "ios_version": "18.5",
    "is_key": True,
    "kept": 2_048,
    "key": "categories",
    "key_class": 4,
    "kind": "ZeroDivisionError",
    "library": "4.14.2",
    "line": 7,
    "message": "database disk image is malformed",
    "mode": "755",
    "model": "iPhone 15",
    "name": "Ada's iPhone",
    "nearest": "photos",
    "needed_bytes": 9_000_000_000,
    "outcome": "proven",
    "part": "Manifest.db",
    "path": f"backups/{OLD_UDID}",
    "percent": 15,
    "phone": "Ada's iPhone",
    "platform": "linux",
    "protection_class": 3,
    "python": "3.12.3",
    "reason": "permission denied",
    "receipt": "runs/20260101-120000-ab12/receipt.json",
    "relative_path": "Library/SMS/sms.db",
    "report": "bugs/20260101-120000-ab12.txt",
    "role": "old",
    "run": "20260101-120000-ab12",
    "said": "Connection interrupted (MBErrorDomain/100)",
    "sealed": 5_000,
    "seen": (f"Ada's iPhone ({OLD_UDID})", f"Ben's iPhone ({NEW_UDID})"),
    "shown": 50_000,
    "signs": ("12 apps", "3,201 photos and videos"),
    "size": 65_536,
    "state": "uploading",
    "stored_size": 40_961,
    "support": "keeps",
    "system": "Linux-6.8",
    "system_said": "No space left on device",
    "table": "move",
    "title": "Sketchbook",
    "titles": ("Messages", "Photos and videos"),
    "udid": OLD_UDID,
    "unfinished": ("20260101-120000-ab12", "20260102-090000-cd34"),
    "version": 2,
    "waited_s": 1800,
    "wanted_udid": NEW_UDID,
    "word": "fotos",
}
"""By the name of a field."""

BY_CODE: Mapping[str, Mapping[str, Any]] = {
    "apps-not-installed": {"titles": ("Sketchbook", "Diary")},
    "backup-damaged": {"first": "HomeDomain Library/SMS/sms.db is missing."},
    "backup-forbidden": {"system_said": "Operation not permitted"},
    "backup-too-old": {"ios_version": "9.3.5"},
    "backup-unreadable": {"reason": "it is not a database"},
    "bad-record": {"reason": "its row ends in the middle"},
    "blob-unreadable": {"reason": "it is empty"},
    "bug": {"kind": "ZeroDivisionError"},
    "cannot-compose": {"reason": "two rows have the same place"},
    "cannot-listen": {"reason": "address already in use"},
    "cannot-repair-without-phone": {"first": "Info.plist is missing."},
    "checked-by-length-only": {"count": 120},
    "chosen-files-unreadable": {"count": 3},
    "conversation-stopped": {"command": "migrate"},
    "demo-phones-silent": {"said": "address already in use"},
    "demo-stopped": {"command": "migrate demo"},
    "device-refused": {"number": 22},
    "encryption-needed": {"titles": ("Health and Medical ID",)},
    "entry-strange": {"name": "3d"},
    "extract-link-left-out": {"reason": "it points to '/etc', which is a place on the phone"},
    "extract-name-impossible": {"reason": "the name is too long for this disk"},
    "extract-name-unsafe": {"relative_path": "../../etc/passwd", "reason": "it climbs out of its folder with '..'"},
    "extract-record-bad": {"reason": "it is not a property list"},
    "extract-unreadable": {"reason": "The file is empty."},
    "file-not-a-file": {"found": "a symbolic link"},
    "file-unreadable": {"path": "Media/DCIM/100APPLE/IMG_0001.HEIC", "reason": "Input/output error"},
    "file-unreadable-on-phone": {"reason": "Input/output error"},
    "foreign-entry": {"name": ".DS_Store"},
    "form-broken": {"relative_path": "Media/DCIM/100APPLE/IMG_0001.JPG", "reason": "it ends in the middle"},
    "half-group": {
        "whole": "the photo library",
        "moving": ("the originals",),
        "left": ("its catalogue",),
    },
    "heal-database-lost": {"relative_path": "Library/SMS/sms.db-wal"},
    "installed-apps-unknown": {"answer": "ConnectionTerminatedError"},
    "journal-damaged": {"path": "runs/20260101-120000-ab12/journal.ndjson", "reason": "it is not JSON"},
    "journal-too-new": {"path": "runs/20260101-120000-ab12/journal.ndjson", "known_version": 1},
    "key-unusable": {"reason": "it is 39 bytes long, not 40"},
    "keybag-unreadable": {"reason": "it ends in the middle of a key"},
    "left-out": {"reason": "it has no key"},
    "manifest-unreadable": {"reason": "Manifest.db: it is not a database"},
    "more-of-the-same": {"count": 1_200, "kind": "file-missing"},
    "name-unsafe": {"relative_path": "../../etc/passwd", "reason": "it climbs out of its folder with '..'"},
    "no-muxer": {"reason": "connection refused"},
    "not-checked-without-password": {"count": 5_120},
    "not-encrypted": {"titles": ("Health and Medical ID",)},
    "not-proven": {"first": "Library/SMS/sms.db is not on the new iPhone."},
    "not-what-its-name-says": {
        "relative_path": "Media/DCIM/100APPLE/IMG_0001.JPG",
        "reason": "its name ends in .JPG, and it is not a picture",
    },
    "nothing-to-explain": {"asked": "phone-unhappy", "nearest": "phone-lost"},
    "nothing-to-undo": {"reason": "Nothing was sent to the new phone in that run."},
    "password-file-unusable": {"file": "password.txt", "reason": "no such file or directory"},
    "phone-file-invalid": {"path": "phone.toml", "problem": "iosversion is unknown; did you mean ios_version"},
    "phone-lost": {"reason": "the cable was pulled."},
    "plan-category-unknown": {"known": ("contacts", "messages", "photos")},
    "plan-exists": {"path": "my-plan.toml"},
    "plan-key-missing": {"example": 'categories = ["everything"]'},
    "plan-key-unknown": {"key": "categorys", "nearest": "categories", "known": ("categories", "except", "apps")},
    "plan-missing": {"reason": "no such file or directory"},
    "plan-not-toml": {"reason": "Invalid value"},
    "plan-value-wrong": {"found": '"photos"', "wanted": 'a list, such as ["photos"]', "nearest": ""},
    "plist-garbage": {"name": "Info.plist", "reason": "it is not a property list"},
    "plist-incomplete": {"name": "Status.plist", "key": "SnapshotState"},
    "plist-missing": {"name": "Info.plist"},
    "plist-odd": {"name": "Status.plist", "key": "SnapshotState"},
    "plists-disagree": {"key": "UDID"},
    "record-bad": {"reason": "it is not a property list"},
    "rehearsal-failed": {"first": "Library/SMS/sms.db would not arrive on Ada's iPhone."},
    "repair-needs-room": {"reason": "the phone may answer with a full backup"},
    "resend-would-lose": {"titles": ("Voice memos (1)",)},
    "restore-set-damaged": {"first": "HomeDomain Library/SMS/sms.db is missing."},
    "restore-would-delete": {"reason": "its contents are missing"},
    "run-not-found": {"run": "20250101-000000-ffff", "known": ("20260101-120000-ab12",)},
    "seal-damaged": {"path": f"seals/{OLD_UDID}.seal", "reason": "its checksum is wrong"},
    "service-refused": {"asked_for": "to start its backup service"},
    "setup-unfinished": {"said": "its setup assistant is running"},
    "strange-file-in-backup": {"path": f"backups/{OLD_UDID}/3d"},
    "strategy-refused": {"ios_version": "27.0", "known": "erases"},
    "stray-file": {"name": "3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28"},
    "undo-needs-run": {"losses": ("the backup of Ada's iPhone as it was before 20260101-120000-ab12",)},
    "undo-would-lose": {"titles": ("Messages (3)", "Photos and videos (12)")},
    "unknown-app": {"nearest": "org.example.diary2"},
    "unknown-scenario": {
        "scenario": "cable-pulled",
        "nearest": "cable-pulled-during-save",
        "known": ("cable-pulled-during-save", "bad-cable"),
    },
    "unsafe-name": {"name": "../../etc/passwd", "reason": "climbs out of its folder with '..'"},
    "usage-wrong": {"said": "Missing argument 'BACKUP'."},
    "usbmuxd-address-invalid": {"address": "localhost"},
    "would-overwrite": {"folder": "photos", "first": "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.HEIC"},
}
"""By a problem's code, where a field's name alone does not say enough."""


P = TypeVar("P", bound=Problem)


def example(problem: type[P], **preferred: Any) -> P:
    """A problem with example values, by the names and types of its fields; `preferred` where a field has that name.

    Raises:
        TypeError: a field has a type that problems do not hold. A bug in the definition.
    """
    hints = typing.get_type_hints(problem)
    known = {**BY_FIELD, **preferred, **BY_CODE.get(problem.code, {})}
    values = {
        name: _value(name, hints[name], known.get(name))
        for name, default in problem.facts.items()
        if name in known or default is MISSING
    }
    return problem(**values)


def _value(name: str, kind: Any, known: Any) -> Any:
    """`known` in the type that a field has; a made-up value of that type where nothing is known."""
    if isinstance(kind, types.UnionType):
        kind = next(branch for branch in typing.get_args(kind) if branch is not type(None))
    if kind is Path:
        return Path(known or "backups")
    if kind is MigrateError:
        return example(PhoneLocked)
    if typing.get_origin(kind) is tuple:
        return known if isinstance(known, tuple) else (str(known or "one"), "another")
    if kind is str:
        return f"({name.replace('_', ' ')})" if known is None else str(known)
    if kind is bool:
        return True
    if kind is int:
        return known if isinstance(known, int) else 3
    raise TypeError(
        f"{name}: problems hold str, int, bool, Path, tuple[str, ...] and MigrateError, not {kind}. "
        "Change the field's type, or give `_value` in migrate/talk/help/examples.py a value for it."
    )
