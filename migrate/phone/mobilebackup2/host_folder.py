"""What a phone may do with one backup folder: list, make, move, copy and remove in it. And nowhere else.

A phone names everything relative to the folder that holds the backup folder: `<UDID>/ab/abcdef…`. On a forced full
backup it also renames that folder aside, to `<UDID>-yyyyMMdd-HHmmss` (facts 2.3). Every other name is refused.

Backups share their blobs' inodes with the runs that were linked from them, so nothing is opened for writing in place:
a new file arrives by a rename.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from migrate.backup.private_files import DISK_FULL, FILE_MODE, FOLDER_MODE
from migrate.backup.safe_path import inside
from migrate.phone.quoting import safe_text
from migrate.problems import UnsafeName

MAX_DEPTH = 16
"""A phone's own names have four parts. Folder in folder in folder ends in the limits of Python and of file systems."""

_SHARD_OR_BLOB = re.compile("[0-9a-f]{2}|[0-9a-f]{40}")
_SPELLING = {
    name.casefold(): name
    for name in (
        "Info.plist",
        "Manifest.db",
        "Manifest.mbdb",
        "Manifest.mbdx",
        "Manifest.plist",
        "Snapshot",
        "Status.plist",
    )
}
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\ud800-\udfff]")

CODE_OF_ERRNO: Final[Mapping[int, int]] = {
    errno.ENOENT: -6,
    errno.EEXIST: -7,
    errno.ENOTEMPTY: -7,
    errno.ENOTDIR: -8,
    errno.EISDIR: -9,
    errno.ELOOP: -10,
    errno.EIO: -11,
    **dict.fromkeys(DISK_FULL, -15),
}
"""The host's codes, and what the phone makes of them (facts 2.2): -15 becomes its error 105, any other trouble 100."""
OTHER_TROUBLE = -1
MULTIPLE_ERRORS = -13

PURGE_PADDING_BYTES = 0x8000_0000
"""How much more than it lacks a phone asks to be freed (*read*: pymobiledevice3's `PURGE_REQUEST_OVERSHOOT`, measured
there on iOS 26.5 and 26.6)."""


@dataclass(frozen=True)
class StatusResponse:
    """What goes back to the phone: a code, a text for its log, and what it asked for."""

    code: int = 0
    text: str = ""
    payload: Any = None


DONE = StatusResponse()


def status_for_error(error: OSError) -> StatusResponse:
    return StatusResponse(code_of(error), error.strerror or type(error).__name__, {})


def code_of(error: OSError) -> int:
    return CODE_OF_ERRNO.get(error.errno or 0, OTHER_TROUBLE)


@dataclass
class Drive:
    """The folder `root/name` as a phone sees it. Every method answers; trouble with the disk is an answer too.

    `on_removed` hears of every place that was removed, and of `root/name` itself when it was renamed aside.
    """

    root: Path
    name: str
    on_removed: Callable[[str], None] = lambda _: None
    needed_bytes: int | None = field(default=None, init=False)  # of free space, once the phone has let us work it out
    _told_free_bytes: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._own_names = re.compile(rf"{re.escape(self.name)}(-\d{{8}}-\d{{6}})?")

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def local_path(self, host_path: str, *, to_read: bool = False) -> Path:
        """Where `host_path` lies.

        Raises:
            UnsafeName: it leads out of `root`, or is no name a backup has; no healthy phone says such a thing, and the
            conversation ends.
            OSError: it is another backup's, or somebody else's: not there to read, not permitted to change.
        """
        if not _fits_in_plist(host_path):
            raise UnsafeName(safe_text(host_path), "holds control characters")
        local_path = inside(self.root, host_path)
        parts = local_path.relative_to(self.root).parts
        if len(parts) > MAX_DEPTH:
            raise UnsafeName(safe_text(host_path), f"lies more than {MAX_DEPTH} folders deep")
        if any(_is_case_variant(part) for part in parts[1:]):
            raise UnsafeName(
                safe_text(host_path), "is another file's name to disks that take capitals for small letters"
            )
        if self._own_names.fullmatch(parts[0]):
            return local_path
        refusal = errno.ENOENT if to_read else errno.EACCES
        raise OSError(refusal, os.strerror(refusal))

    # -- the operations ----------------------------------------------------------------------------------------------

    def make_directory(self, host_path: str) -> StatusResponse:
        try:
            make_folder(self.local_path(host_path))
        except OSError as error:
            return status_for_error(error)
        return DONE

    def list_directory(self, host_path: str) -> StatusResponse:
        """`{name: {DLFileType, DLFileSize, DLFileModificationDate}}`; a folder that is not there is an error.

        A name that somebody else put there and no property list can hold is left out.
        """
        contents: dict[str, dict[str, Any]] = {}
        try:
            with os.scandir(self.local_path(host_path, to_read=True)) as entries:
                for entry in entries:
                    if _fits_in_plist(entry.name):
                        contents[entry.name] = _entry(entry)
        except OSError as error:
            return status_for_error(error)
        return StatusResponse(payload=contents)

    def move(self, items: Mapping[str, str]) -> StatusResponse:
        """Rename each, in order; stops at the first that fails."""
        try:
            for source, target in items.items():
                origin = self.local_path(source)
                self._move(origin, self.local_path(target))
                if origin == self.folder:
                    self.on_removed(self.name)
        except OSError as error:
            return status_for_error(error)
        return DONE

    def _move(self, source: Path, target: Path) -> None:
        if target.is_relative_to(source) or source.is_relative_to(target):
            # the second would remove the target first, and with it what was to be moved
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if target == self.folder and target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if not target.parent.is_dir():
            make_folder(target.parent)
        if target.is_dir() and not target.is_symlink() and source.is_dir():
            shutil.rmtree(target)  # rename(2) takes no folder's place that holds something
        source.replace(target)  # not shutil.move, which would put the source *into* an existing folder

    def remove(self, names: Iterable[str]) -> StatusResponse:
        """Remove files and whole folders; what is not there is removed already. Not the backup folder itself."""
        try:
            for host_path in names:
                local_path = self.local_path(host_path)
                if local_path == self.folder:
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                if local_path.is_dir() and not local_path.is_symlink():
                    shutil.rmtree(local_path)
                else:
                    local_path.unlink(missing_ok=True)
                self.on_removed(host_path)
        except OSError as error:
            return status_for_error(error)
        return DONE

    def copy(self, source: str, target: str) -> StatusResponse:
        """Copy a file or a tree. Slow on large backups, and only asked for by a restore that wants a copy."""
        building = self.root / f".{self.name}.copying"
        try:
            origin, local_path = self.local_path(source), self.local_path(target)
            shutil.rmtree(building, ignore_errors=True)
            make_folder(building)
            copied = building / "copy"
            if origin.is_dir():
                if local_path.exists():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                shutil.copytree(origin, copied, symlinks=True)
            else:
                shutil.copyfile(origin, copied, follow_symlinks=False)
                copied.chmod(FILE_MODE)
            make_folder(local_path.parent)
            copied.replace(local_path)
        except OSError as error:
            return status_for_error(error)
        except shutil.Error as error:  # copytree's list of what failed
            return StatusResponse(OTHER_TROUBLE, safe_text(error, 200), {})
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return DONE

    def free_space(self) -> StatusResponse:
        """The bytes free on this disk, as the system tells them. On macOS that leaves out what it could purge."""
        try:
            self._told_free_bytes = shutil.disk_usage(self.root).free
        except OSError as error:
            return status_for_error(error)
        return StatusResponse(payload=self._told_free_bytes)

    def purge(self, amount: Any) -> StatusResponse:
        """The phone asks us to make room. We delete nothing that is not ours to delete; the phone decides what then.

        Its figure tells how much it needs: amount = needed - free + 2 GiB (`PURGE_PADDING_BYTES`).
        """
        if isinstance(amount, int) and not isinstance(amount, bool) and self._told_free_bytes is not None:
            needed = amount + self._told_free_bytes - PURGE_PADDING_BYTES
            self.needed_bytes = needed if needed >= self._told_free_bytes else None
        return StatusResponse(OTHER_TROUBLE, "could not purge", 0)


def _fits_in_plist(name: str) -> bool:
    """Whether a property list can hold `name`: text, without control characters."""
    return not _CONTROL_CHARACTERS.search(name)


def _is_case_variant(part: str) -> bool:
    """Whether `part` is a name of a backup in other letters. No phone does that; and on a disk that takes `AB` for
    `ab`, bytes would lie under a name that nobody hashed them for."""
    folded = part.casefold()
    return part != _SPELLING.get(folded, part) or (part != folded and _SHARD_OR_BLOB.fullmatch(folded) is not None)


def make_folder(local_path: Path) -> None:
    """Make `local_path` and what is missing above it, each 0700. One that is there is fine."""
    if local_path.is_dir():
        return
    if not local_path.parent.is_dir():
        make_folder(local_path.parent)
    local_path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _entry(entry: os.DirEntry[str]) -> dict[str, Any]:
    about = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(about.st_mode):
        kind = "DLFileTypeDirectory"
    elif stat.S_ISREG(about.st_mode):
        kind = "DLFileTypeRegular"
    else:
        kind = "DLFileTypeUnknown"
    return {
        "DLFileType": kind,
        "DLFileSize": about.st_size,
        # plistlib writes naive datetimes as UTC
        "DLFileModificationDate": datetime.fromtimestamp(about.st_mtime, UTC).replace(tzinfo=None, microsecond=0),
    }
