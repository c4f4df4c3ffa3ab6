"""Requests to com.apple.mobilebackup2 and the phone's responses, inside DeviceLink's process messages.

Apple's keys stay in this file: `TargetIdentifier` is the phone that gets the request, `SourceIdentifier` the backup
folder to read; here they are `udid` and `folder`. Sources: facts 2.1, 2.6, 4.1 (decompiled BackupAgent2 26.1,
CONFIRMED(dec)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from migrate.wire.plist_frames import PeerBroke

PROTOCOL_VERSIONS = (2.0, 2.1)
MAX_UNDERLYING = 3
"""How many underlying errors a description lists; the rest is '...'. CONFIRMED(dec)."""
MB_DOMAIN = "MBErrorDomain"


class MBErrorCode(IntEnum):
    """The codes of MBErrorDomain that this phone uses. facts 5.1."""

    OK = 0
    OTHER = 1
    MULTI_STATUS = 2
    EXISTS = 3
    NOT_FOUND = 4
    NOT_A_DIRECTORY = 5
    IS_A_DIRECTORY = 6
    LOOP = 7
    INVALID_DATA = 11
    POLICY = 22
    ICLOUD_RESTORE_RUNNING = 25
    IO = 100
    PHONE_STEP_FAILED = 101
    RESTORE_PENDING = 102
    READ_FAILED = 103
    WRITE_FAILED = 104
    HOST_FULL = 105
    PHONE_FULL = 106
    PATH_TOO_LONG = 107
    CANCELLED = 202
    INCOMPATIBLE = 203
    UNFINISHED = 204
    CORRUPT = 205
    PASSWORD = 207
    PHONE_LOCKED = 208
    FIND_MY_ON = 211
    SETUP_RUNNING = 212


@dataclass(eq=False)
class MBError(Exception):
    """An error with the phone's text. The host sees `code` as ErrorCode."""

    code: int
    text: str
    path: str | None = None
    underlying: tuple[MBError, ...] = ()
    domain: str = MB_DOMAIN  # "" for an underlying error without a domain

    @property
    def brief(self) -> str:
        at = f' at path "{self.path}"' if self.path is not None else ""
        return f"{self.text}{at}" + (f" ({self.domain}/{int(self.code)})" if self.domain else "")

    @property
    def description(self) -> str:
        """`<text>[ at path "…"] (MBErrorDomain/N)[. Underlying error: <text> (<Domain>/<code>)…].`"""
        listed = [error.brief for error in self.underlying[:MAX_UNDERLYING]]
        if len(self.underlying) > MAX_UNDERLYING:
            listed.append("...")
        return f"{self.brief}{'. Underlying error: ' + ', '.join(listed) if listed else ''}."

    def __str__(self) -> str:
        return self.description


# --- the host's status codes, and the errors the phone derives from them ---------------------------------------

HOST_STATUS_CODES: Mapping[int, MBErrorCode] = {
    -6: MBErrorCode.NOT_FOUND,
    -7: MBErrorCode.EXISTS,
    -8: MBErrorCode.NOT_A_DIRECTORY,
    -9: MBErrorCode.IS_A_DIRECTORY,
    -10: MBErrorCode.LOOP,
    -11: MBErrorCode.IO,
    -13: MBErrorCode.MULTI_STATUS,
    -15: MBErrorCode.HOST_FULL,
}


def error_from_host_status(status: int, text: str, path: str | None = None) -> MBError:
    """The inner error for a negative DLMessageStatusResponse. An unlisted status is an I/O error. CONFIRMED(dec)."""
    return MBError(HOST_STATUS_CODES.get(status, MBErrorCode.IO), text, path)


def wrap_read_error(text: str, inner: MBError, path: str | None = None) -> MBError:
    """The outer error of a failed read from the host. facts 5.1, MBBackupHelper (CONFIRMED(dec))."""
    if inner.code in (MBErrorCode.INCOMPATIBLE, MBErrorCode.CANCELLED):
        return inner
    corrupt = inner.code in (MBErrorCode.NOT_FOUND, MBErrorCode.INVALID_DATA, 12)
    return MBError(MBErrorCode.CORRUPT if corrupt else MBErrorCode.READ_FAILED, text, path, (inner,))


def wrap_write_error(text: str, inner: MBError, path: str | None = None) -> MBError:
    """The outer error of a failed write to the host. A disk that fills up during a transfer is 104, not 105."""
    if inner.code == MBErrorCode.CANCELLED:
        return inner
    broken = inner.code in (MBErrorCode.EXISTS, MBErrorCode.NOT_FOUND)
    return MBError(MBErrorCode.CORRUPT if broken else MBErrorCode.WRITE_FAILED, text, path, (inner,))


# --- requests --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Hello:
    versions: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Backup:
    udid: str
    force_full: bool = False


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """The options of a Restore. Missing keys get the device's defaults, which differ from some clients' defaults.
    facts 4.1, CONFIRMED(dec)."""

    system_files: bool = True
    should_reboot: bool = True
    dont_copy_backup: bool = False
    preserve_settings: bool = False
    remove_items_not_restored: bool = True
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Restore:
    udid: str
    folder: str
    options: RestoreOptions
    app_ids: tuple[str, ...] | None = None  # None: all apps


@dataclass(frozen=True, kw_only=True)
class ChangePassword:
    udid: str
    old: str | None = field(repr=False)
    new: str | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class InfoOrList:
    """`Info` or `List`: asks for a text about a backup."""

    udid: str
    folder: str
    command: str  # "Info" | "List"
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Extract:
    udid: str
    folder: str
    domain: str
    relative_path: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Unback:
    udid: str
    folder: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Remove:
    udid: str


@dataclass(frozen=True, kw_only=True)
class EnableCloudBackup:
    udid: str
    state: bool = False
    """`CloudBackupState`, as idevicebackup2 sends it. That a request without it means off is *guessed*."""


@dataclass(frozen=True, kw_only=True)
class EraseDevice:
    udid: str


Request = (
    Hello | Backup | Restore | ChangePassword | InfoOrList | Extract | Unback | Remove | EnableCloudBackup | EraseDevice
)


def read_request(body: Mapping[str, object]) -> Request | None:
    """The request in a process message, or None for an unknown MessageName, on which the phone closes the connection.

    Raises:
        PeerBroke: a key has the wrong type.
    """
    name = _text(body, "MessageName")
    if name == "Hello":
        return Hello(versions=_versions(body))
    udid = _text(body, "TargetIdentifier")
    folder = _text(body, "SourceIdentifier", udid)
    password = _text_or_none(body, "Password")
    match name:
        case "Backup":
            return Backup(udid=udid, force_full=_flag(_options(body), "ForceFullBackup", False))
        case "Restore":
            return Restore(udid=udid, folder=folder, options=_restore_options(body), app_ids=_app_ids(body))
        case "ChangePassword":
            old, new = _text_or_none(body, "OldPassword"), _text_or_none(body, "NewPassword")
            return ChangePassword(udid=udid, old=old, new=new)
        case "Info" | "List":
            return InfoOrList(udid=udid, folder=folder, command=name, password=password)
        case "Extract":
            domain, path = _text(body, "DomainName"), _text(body, "RelativePath")
            return Extract(udid=udid, folder=folder, domain=domain, relative_path=path, password=password)
        case "Unback":
            return Unback(udid=udid, folder=folder, password=password)
        case "Remove":
            return Remove(udid=udid)
        case "EnableCloudBackup":
            return EnableCloudBackup(udid=udid, state=_flag(_options(body), "CloudBackupState", False))
        case "EraseDevice":
            return EraseDevice(udid=udid)
    return None


def _restore_options(body: Mapping[str, object]) -> RestoreOptions:
    options, default = _options(body), RestoreOptions()
    return RestoreOptions(
        system_files=_flag(options, "RestoreSystemFiles", default.system_files),
        should_reboot=_flag(options, "RestoreShouldReboot", default.should_reboot),
        dont_copy_backup=_flag(options, "RestoreDontCopyBackup", default.dont_copy_backup),
        preserve_settings=_flag(options, "RestorePreserveSettings", default.preserve_settings),
        remove_items_not_restored=_flag(options, "RemoveItemsNotRestored", default.remove_items_not_restored),
        password=_text_or_none(options, "Password"),
    )


def _options(body: Mapping[str, object]) -> Mapping[str, object]:
    options = body.get("Options", {})
    if not isinstance(options, dict):
        raise PeerBroke("Options is not a dictionary")
    return options


def _app_ids(body: Mapping[str, object]) -> tuple[str, ...] | None:
    ids = body.get("ApplicationIDs")
    if ids is None:
        return None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise PeerBroke("ApplicationIDs is not a list of strings")
    return tuple(ids)


def _versions(body: Mapping[str, object]) -> tuple[float, ...]:
    versions = body.get("SupportedProtocolVersions")
    if not isinstance(versions, list) or not all(isinstance(one, int | float) for one in versions):
        raise PeerBroke("SupportedProtocolVersions is not a list of numbers")
    return tuple(float(one) for one in versions)


def _text(body: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise PeerBroke(f"{key} is not a string")
    return value


def _text_or_none(body: Mapping[str, object], key: str) -> str | None:
    """The text, or None if it is missing or empty: clients send the key of an unset password with an empty text."""
    return _text(body, key, "") or None


def _flag(options: Mapping[str, object], key: str, default: bool) -> bool:
    value = options.get(key, default)
    if not isinstance(value, bool | int):
        raise PeerBroke(f"{key} is not a boolean")
    return bool(value)


# --- responses -------------------------------------------------------------------------------------------------


def hello_response(versions: tuple[float, ...]) -> dict[str, object]:
    """The Response with the highest common version, or with the error that ends the session. CONFIRMED(dec)."""
    both = set(versions) & set(PROTOCOL_VERSIONS)
    if not both:
        return error_response(MBError(MBErrorCode.OTHER, "No common supported protocol version"))
    return {"MessageName": "Response", "ErrorCode": 0, "ProtocolVersion": max(both)}


def ok_response(content: str | None = None) -> dict[str, object]:
    return {"MessageName": "Response", "ErrorCode": 0, **({} if content is None else {"Content": content})}


def error_response(error: MBError) -> dict[str, object]:
    """The Response with an error. Errors of other domains reach the host as code 1. CONFIRMED(dec)."""
    code = int(error.code) if error.domain == MB_DOMAIN else int(MBErrorCode.OTHER)
    return {"MessageName": "Response", "ErrorCode": code, "ErrorDescription": error.description}
