"""Map the error codes of the phone's backup service to our errors (facts 5.1)."""

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
"""MBError.isCancelledError (*read* in a decompilation of iOS 26.1); 223 means that the phone postponed the work."""

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
"""Code -> a function from the phone's name and error text to an error. Codes whose meaning depends on the text or on
this computer are in `refusal_error`."""

_NOT_READY = re.compile(r"not ready|restore lock", re.IGNORECASE)
_NO_ROOM_ON_PHONE = re.compile(r"free disk space on device", re.IGNORECASE)
_NO_ROOM_HERE = re.compile(r"\(MBErrorDomain/105\)")
_SNAPSHOT_FAILED = re.compile(r"failed to create snapshot", re.IGNORECASE)


def error_code(response: Mapping[str, Any]) -> int:
    """The ErrorCode of a Response: 0 is success, and -1 stands for a missing or invalid code."""
    code = response.get("ErrorCode")
    return code if isinstance(code, int) and not isinstance(code, bool) else -1


def refusal_error(
    response: Mapping[str, Any], *, phone: str, folder: Path, needed_bytes: int | None, free_bytes: int
) -> MigrateError:
    """The error for a Response that is not a success.

    `folder`: the backup folder. `needed_bytes`: the space the phone needs here, if `HostFolder.purge` could compute it.
    """
    code, description = error_code(response), safe_text(response.get("ErrorDescription") or "")
    match code:
        case 105 if _NO_ROOM_ON_PHONE.search(description):  # iOS 10 used one code for both disks (facts row 19)
            return PhoneFull(phone, description)
        case 105:
            return BackupDiskFull(folder, needed_bytes or 0, free_bytes)
        case 104 if _NO_ROOM_HERE.search(description):  # this disk filled up in mid-transfer (facts 5.1)
            return BackupDiskFull(folder, 0, free_bytes)
        case 204:
            return BackupUnfinished(folder, description)
        case 1 if _NOT_READY.search(description):
            return PhoneNotReady(phone, description)
        case 3 if _SNAPSHOT_FAILED.search(description):
            return RestartNeeded(phone, description)
    if (known := ERRORS_BY_CODE.get(code)) is not None:
        return known(phone, description)
    return DeviceRefused(phone, code, description)
