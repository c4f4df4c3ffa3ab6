"""Status.plist: the state of a backup. The phone writes it at every stage and reads it first (facts 2.3, 3.4)."""

from __future__ import annotations

import plistlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from migrate.plists import NotAPlist, load_plist
from migrate.wire.backup2 import MBError, MBErrorCode

BackupState = Literal["empty", "old", "new"]
SnapshotState = Literal["uploading", "moving", "removing", "finished"]

VERSION = "3.3"
OLDEST, OLDEST_INCREMENTAL, TOO_NEW = 2.4, 3.3, 4.0
UUID_LIMIT = 64
LIMIT_BYTES = 1 << 20  # 189 bytes in every wire log


@dataclass(frozen=True, kw_only=True)
class Status:
    uuid: str
    backup_state: str  # a BackupState, or another value as read
    snapshot_state: str  # a SnapshotState, or another value as read
    is_full: bool
    version: float = float(VERSION)

    def to_bytes(self, date: datetime) -> bytes:
        return plistlib.dumps(
            {
                "UUID": self.uuid,
                "Date": date.astimezone(UTC).replace(tzinfo=None),
                "BackupState": self.backup_state,
                "SnapshotState": self.snapshot_state,
                "IsFullBackup": self.is_full,
                "Version": VERSION,
            },
            fmt=plistlib.FMT_BINARY,
        )


def read_status(data: bytes) -> Status:
    """Reads a host's Status.plist.

    Raises:
        MBError: INVALID_DATA if it is invalid, INCOMPATIBLE for an unknown version.
    """
    status = parse_plist(data)
    try:
        version = float(str(status["Version"]))
        found = Status(
            uuid=_text(status["UUID"]),
            backup_state=_text(status["BackupState"]),
            snapshot_state=_text(status["SnapshotState"]),
            is_full=bool(status["IsFullBackup"]),
            version=version,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MBError(MBErrorCode.INVALID_DATA, f"Invalid backup status ({type(error).__name__})") from None
    if not 0 < len(found.uuid) <= UUID_LIMIT:
        raise MBError(MBErrorCode.INVALID_DATA, "Invalid backup status (UUID)")
    if not OLDEST <= version < TOO_NEW:
        raise MBError(MBErrorCode.INCOMPATIBLE, f"Unsupported backup status version: {version:.1f}")
    return found


def parse_plist(data: bytes) -> dict[str, object]:
    """Parses a plist with a dictionary. Raises MBError INVALID_DATA, with iOS's text where it is known."""
    if not data:
        raise MBError(MBErrorCode.INVALID_DATA, "Cannot parse a NULL or zero-length data")
    try:
        value = load_plist(data)
    except NotAPlist as refused:
        raise MBError(MBErrorCode.INVALID_DATA, f"Not a property list ({refused.reason})") from None
    if not isinstance(value, dict):
        raise MBError(MBErrorCode.INVALID_DATA, "Not a dictionary")
    return cast(dict[str, object], value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
