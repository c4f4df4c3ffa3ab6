"""Every error with example values, so that its sentences can be read without the trouble itself."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from migrate import problems as errors
from migrate.problems import MigrateError, code_of

OLD_UDID, NEW_UDID = "00008101-000A1B2C3D4E001E", "00008140-000F5A6B7C8D002F"

BY_FIELD: Mapping[str, Any] = {
    "address": "127.0.0.1:27015",
    "answer": "ServiceProhibited",
    "asked_for": "com.apple.mobilebackup2",
    "backup": f"backups/{OLD_UDID}",
    "backup_ios_version": "26.1",
    "bundle": "org.example.diary",
    "candidates": (OLD_UDID, NEW_UDID),
    "categories": ("messages", "photos"),
    "chosen": ("voicemail",),
    "command": "migrate verify",
    "count": 3,
    "detail": "a length of 4,294,967,295 bytes was announced",
    "domain": "HomeDomain",
    "during": "the save",
    "expected_udid": NEW_UDID,
    "file": "my-plan.toml",
    "file_id": "3d0d7e5fb2ce288813306e4d4636395e047a3d28",
    "first": "Library/SMS/sms.db",
    "folder": "backups",
    "free_bytes": 2_000_000_000,
    "how": "Unlock Ada's iPhone and keep its screen on.",
    "ids": ("messages", "photos"),
    "ios_version": "18.5",
    "key": "categories",
    "kind": "ZeroDivisionError",
    "line": 7,
    "name": "Ada's iPhone",
    "nearest": "photos",
    "needed_bytes": 9_000_000_000,
    "outcome": "proven",
    "part": "Manifest.db",
    "path": f"backups/{OLD_UDID}",
    "phone": "Ada's iPhone",
    "platform": "linux",
    "reason": "permission denied",
    "receipt": "runs/20260101-120000-ab12/receipt.json",
    "relative_path": "Library/SMS/sms.db",
    "report": "bugs/20260101-120000-ab12.txt",
    "role": "old",
    "run": "20260101-120000-ab12",
    "said": "Connection interrupted (MBErrorDomain/100)",
    "seen": (f"Ada's iPhone ({OLD_UDID})", f"Ben's iPhone ({NEW_UDID})"),
    "signs": ("12 apps", "3,201 photos and videos"),
    "state": "uploading",
    "system_said": "No space left on device",
    "table": "move",
    "titles": ("Messages", "Photos and videos"),
    "udid": OLD_UDID,
    "unfinished": ("20260101-120000-ab12", "20260102-090000-cd34"),
    "version": 2,
    "waited_s": 1800,
    "waiting_for": "Ada's iPhone is locked.",
    "wanted_udid": NEW_UDID,
    "word": "fotos",
}
"""By the name of a field."""

BY_ERROR: Mapping[str, Mapping[str, Any]] = {
    "backup-forbidden": {"system_said": "Operation not permitted"},
    "bad-record": {"reason": "its row ends in the middle"},
    "blob-unreadable": {"reason": "it is empty"},
    "cannot-listen": {"reason": "address already in use"},
    "cannot-compose": {"reason": "two rows have the same place"},
    "heal-needs-room": {"reason": "the phone may answer with a full backup"},
    "cannot-heal-without-phone": {"first": "Info.plist is missing."},
    "chosen-files-unreadable": {"count": 3},
    "demo-phones-silent": {"said": "address already in use"},
    "apps-not-installed": {"titles": ("Sketchbook", "Diary")},
    "graft-needs-safety": {"key": "save_new_phone_first = false"},
    "rehearsal-failed": {"first": "Library/SMS/sms.db would not arrive on Ada's iPhone."},
    "encryption-needed": {"titles": ("Health and Medical ID",)},
    "half-group": {
        "whole": "the photo library",
        "moving": ("the originals",),
        "left": ("its catalogue",),
    },
    "journal-damaged": {"path": "runs/20260101-120000-ab12/journal.ndjson", "reason": "it is not JSON"},
    "journal-too-new": {"path": "runs/20260101-120000-ab12/journal.ndjson", "known_version": 1},
    "key-unusable": {"reason": "it is 39 bytes long, not 40"},
    "keybag-unreadable": {"reason": "it ends in the middle of a key"},
    "backup-unreadable": {"reason": "it is no database"},
    "no-muxer": {"reason": "connection refused"},
    "nothing-to-undo": {"reason": "Nothing was sent to the new phone in that run."},
    "undo-would-lose": {"titles": ("Messages (3)", "Photos and videos (12)")},
    "nothing-to-explain": {"asked": "phone-unhappy", "nearest": "phone-lost"},
    "password-file-unusable": {"file": "password.txt", "reason": "no such file or directory"},
    "phone-lost": {"reason": "the cable was pulled."},
    "phone-file-invalid": {"path": "phone.toml", "problem": "iosversion is unknown; did you mean ios_version"},
    "plan-category-unknown": {"known": ("contacts", "messages", "photos")},
    "plan-key-missing": {"example": 'categories = ["everything"]'},
    "plan-key-unknown": {"key": "categorys", "nearest": "categories", "known": ("categories", "except", "apps")},
    "plan-missing": {"reason": "no such file or directory"},
    "plan-not-toml": {"reason": "Invalid value"},
    "plan-value-wrong": {"found": '"photos"', "wanted": 'a list, such as ["photos"]', "nearest": ""},
    "run-not-found": {"run": "20250101-000000-ffff", "known": ("20260101-120000-ab12",)},
    "seal-damaged": {"path": f"seals/{OLD_UDID}.json", "reason": "it is no JSON"},
    "service-refused": {"asked_for": "to start its backup service"},
    "setup-unfinished": {"said": "its setup assistant is running"},
    "strategy-refused": {"ios_version": "27.0", "known": "erases"},
    "unknown-scenario": {
        "scenario": "cable-pulled",
        "nearest": "cable-pulled-during-save",
        "known": ("cable-pulled-during-save", "bad-cable"),
    },
    "unknown-app": {"nearest": "org.example.diary2"},
    "would-overwrite": {"folder": "photos", "first": "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.HEIC"},
    "unsafe-name": {"name": "../../etc/passwd", "reason": "climbs out of its folder with '..'"},
    "usage-wrong": {"said": "Missing argument 'BACKUP'."},
    "usbmuxd-address-invalid": {"address": "localhost"},
}
"""By an error's code, where a field's name alone does not say enough."""


def example(error: type[MigrateError], **preferred: Any) -> MigrateError:
    """An error with example values, by the names and types of its fields; `preferred` where a field has that name.

    Raises:
        TypeError: a field has a type that errors do not hold. A bug of whoever wrote the class.
    """
    hints = typing.get_type_hints(error, vars(errors))
    known = {**BY_FIELD, **preferred, **BY_ERROR.get(code_of(error), {})}
    values = {
        entry.name: _value(entry.name, hints[entry.name], known.get(entry.name))
        for entry in fields(error)
        if entry.name in known or (entry.default is MISSING and entry.default_factory is MISSING)
    }
    return error(**values)


def _value(name: str, kind: Any, known: Any) -> Any:
    """`known` in the type a field wants; a made-up value of that type where nothing is known."""
    if isinstance(kind, types.UnionType):
        kind = next(branch for branch in typing.get_args(kind) if branch is not type(None))
    if kind is Path:
        return Path(known or "backups")
    if typing.get_origin(kind) is tuple:
        return known if isinstance(known, tuple) else (str(known or "one"), "another")
    if kind is str:
        return f"({name.replace('_', ' ')})" if known is None else str(known)
    if kind is bool:
        return True
    if kind is int:
        return known if isinstance(known, int) else 3
    raise TypeError(f"{name}: errors hold str, int, bool, Path and tuple[str, ...], not {kind}")
