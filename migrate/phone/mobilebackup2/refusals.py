"""What a phone's refusal means: one table from the numbers of its backup service to our errors (facts 5.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from migrate.phone.quoting import safe_text
from migrate.problems import (
    BackupDiskFull,
    BackupRejected,
    BackupUnfinished,
    CancelledOnPhone,
    DeviceRefused,
    FindMyOn,
    IncompatibleBackup,
    MigrateError,
    PasscodeNotEntered,
    PhoneCouldNotSend,
    PhoneFull,
    PhoneNotReady,
    PhoneStorageTrouble,
    RestartNeeded,
    RestoreFromCloudRunning,
    SetupUnfinished,
    WrongPhonePassword,
)

CANCELLED = frozenset((202, *range(217, 225)))
"""MBError.isCancelledError (*read* in a decompilation of iOS 26.1); 223 means the phone itself put the work off."""

ERRORS_BY_CODE: Mapping[int, Callable[[str, str], MigrateError]] = {
    25: RestoreFromCloudRunning,
    101: PhoneStorageTrouble,
    102: RestartNeeded,
    104: PhoneCouldNotSend,
    106: PhoneFull,
    203: IncompatibleBackup,
    205: BackupRejected,
    207: WrongPhonePassword,
    208: PasscodeNotEntered,
    211: FindMyOn,
    212: SetupUnfinished,
    **dict.fromkeys(CANCELLED, CancelledOnPhone),
}
"""Refusals told by their number alone: phone's name, its words -> error. Those that need a look at the words, or at
this computer, are in `refusal_error`."""

_NOT_READY = re.compile(r"not ready|restore lock", re.IGNORECASE)
_NO_ROOM_ON_PHONE = re.compile(r"free disk space on device", re.IGNORECASE)
_NO_ROOM_HERE = re.compile(r"\(MBErrorDomain/105\)")
_LEFT_BEHIND = re.compile(r"failed to create snapshot", re.IGNORECASE)


def error_code(response: Mapping[str, Any]) -> int:
    """The ErrorCode of a Response; 0 is success. A response without a number is no success: -1."""
    code = response.get("ErrorCode")
    return code if isinstance(code, int) and not isinstance(code, bool) else -1


def refusal_error(
    response: Mapping[str, Any], *, phone: str, folder: Path, needed_bytes: int | None, free_bytes: int
) -> MigrateError:
    """The error for a Response that refuses.

    `folder` is the backup that was worked on, `needed_bytes` what the phone let us work out before a 105.
    """
    code, description = error_code(response), safe_text(response.get("ErrorDescription") or "")
    match code:
        case 105 if _NO_ROOM_ON_PHONE.search(description):  # iOS 10 had one number for both disks (facts row 19)
            return PhoneFull(phone, description)
        case 105:
            return BackupDiskFull(folder, needed_bytes or 0, free_bytes)
        case 104 if _NO_ROOM_HERE.search(description):  # a full disk here in mid-transfer comes back as 104 (facts 5.1)
            return BackupDiskFull(folder, 0, free_bytes)
        case 204:
            return BackupUnfinished(folder, description)
        case 1 if _NOT_READY.search(description):
            return PhoneNotReady(phone, description)
        case 3 if _LEFT_BEHIND.search(description):
            return RestartNeeded(phone, description)
    if (known := ERRORS_BY_CODE.get(code)) is not None:
        return known(phone, description)
    return DeviceRefused(phone, code, description)
