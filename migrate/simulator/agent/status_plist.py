"""Status.plist: how far a backup came. The phone writes it at every turn and reads it first (facts 2.3, 3.4)."""

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
    backup_state: str  # one of BackupState, else as it was found
    snapshot_state: str  # one of SnapshotState, likewise
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
    """What a host's Status.plist says.

    Raises:
        MBError: INVALID_DATA where it is no such plist; INCOMPATIBLE for a version this agent does not know.
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
    """A dictionary. Raises MBError INVALID_DATA, in iOS's words where they are known."""
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
