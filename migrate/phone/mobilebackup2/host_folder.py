"""The backup folder as a phone uses it: list, create, move, copy and remove inside it, and nowhere else.

A phone gives all paths relative to the parent of the backup folder: `<UDID>/ab/abcdef…`. For a forced full backup it
also renames that folder to `<UDID>-yyyyMMdd-HHmmss` (facts 2.3). Every other name is refused.

Backups share their blobs' inodes with the runs that were linked from them, so no file is opened for writing in place:
each new file is written elsewhere and renamed.
"""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migrate.backup.disk_space import available_bytes
from migrate.backup.folder import FILE_ID
from migrate.backup.held_folders import HeldFolder, HeldFolders
from migrate.backup.private_files import DISK_FULL, FILE_MODE, FOLDER_MODE
from migrate.backup.safe_path import inside
from migrate.phone.mobilebackup2.listing import Entry, FileType, Listing
from migrate.phone.quoting import safe_text
from migrate.problems import UnsafeName

MAX_DEPTH = 16
"""Paths from a healthy phone have four parts. Endless nesting would run into the limits of Python and file systems."""

_USUAL_FOLDER = re.compile("[^/]+(/Snapshot)?(/[0-9a-f]{2})?")
"""Where a healthy phone stores files. No other operation than one on such a folder itself can rename or remove it."""
_SHARD_OR_FILE_ID = re.compile("[0-9a-f]{2}|[0-9a-f]{40}")
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

STATUS_OF_ERRNO: Final[Mapping[int, int]] = {
    errno.ENOENT: -6,
    errno.EEXIST: -7,
    errno.ENOTEMPTY: -7,
    errno.ENOTDIR: -8,
    errno.EISDIR: -9,
    errno.ELOOP: -10,
    errno.EIO: -11,
    **dict.fromkeys(DISK_FULL, -15),
}
"""The host's status codes (facts 2.2). The phone turns -15 into its error 105, and the others into 100."""
OTHER_ERROR = -1
MULTIPLE_ERRORS = -13

PURGE_PADDING_BYTES = 0x8000_0000
"""How much more space than it needs a phone asks for (*read*: pymobiledevice3's `PURGE_REQUEST_OVERSHOOT`, measured
there on iOS 26.5 and 26.6)."""


@dataclass(frozen=True)
class StatusResponse:
    """The answer to an operation: a code, a text for the phone's log, and the payload it asked for."""

    code: int = 0
    text: str = ""
    payload: Any = None


DONE = StatusResponse()


def status_for_error(error: OSError) -> StatusResponse:
    return StatusResponse(status_code(error), error.strerror or type(error).__name__, {})


def status_code(error: OSError) -> int:
    return STATUS_OF_ERRNO.get(error.errno or 0, OTHER_ERROR)


@dataclass(frozen=True, slots=True)
class HostPlace:
    """Where a file is to be stored: `name` in `folder`, both checked. `folder` as the phone calls it."""

    folder: str
    name: str


@dataclass
class HostFolder:
    """The backup folder `root/name`. Each operation returns the answer for the phone, also when our disk fails.

    `on_removed` is called with every removed path, and with `name` when the whole folder was renamed. Belongs to one
    thread; call `close` afterwards.
    """

    root: Path
    name: str
    on_removed: Callable[[str], None] = lambda _: None
    needed_bytes: int | None = field(default=None, init=False)  # free space the phone needs, see `purge`
    _reported_free_bytes: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._allowed_names = re.compile(rf"{re.escape(self.name)}(-\d{{8}}-\d{{6}})?")
        self._held = HeldFolders(self.root)
        self._usual: set[str] = set()  # checked folders, as the phone calls them
        self._holds_unusual = False

    def close(self) -> None:
        """Let go of the folders that are held open."""
        self._held.forget()

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def local_path(self, host_path: str, *, to_read: bool = False) -> Path:
        """The local path for `host_path`.

        Raises:
            UnsafeName: it leads out of `root`, or no backup has such a name. No healthy phone sends this, and the
                conversation ends.
            OSError: it is inside `root`, but not in this backup: ENOENT for reading, EACCES for writing.
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
        if self._allowed_names.fullmatch(parts[0]):
            return local_path
        refusal = errno.ENOENT if to_read else errno.EACCES
        raise OSError(refusal, os.strerror(refusal))

    def place_of(self, host_path: str) -> HostPlace:
        """Where to store the file that the phone calls `host_path`.

        Raises:
            UnsafeName, OSError: as `local_path`; EISDIR for the backup folder itself.
        """
        folder, _, name = host_path.rpartition("/")
        if folder in self._usual and FILE_ID.fullmatch(name):
            return HostPlace(folder, name)
        local_path = self.local_path(host_path)
        parts = local_path.relative_to(self.root).parts
        if len(parts) < 2:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _USUAL_FOLDER.fullmatch(folder) and "/".join(parts[:-1]) == folder:
            self._usual.add(folder)
        return HostPlace("/".join(parts[:-1]), parts[-1])

    def held(self, folder: str) -> HeldFolder:
        """The folder of a `HostPlace`, created if it is missing. Valid until the next operation.

        Raises:
            UnsafeName: a link leads out of `root`. OSError.
        """
        if folder not in self._usual:
            self._holds_unusual = True
        try:
            return self._held.get(folder)
        except FileNotFoundError:
            make_folder(self.root / folder)
            return self._held.get(folder)

    def let_go(self) -> None:
        """Resolve every folder again: one may have another name now, or be gone."""
        self._held.forget()
        self._holds_unusual = False

    def _blob_place(self, host_path: str) -> HostPlace | None:
        """Of a blob in a folder where phones store them; None for everything else, which takes the slow way."""
        if self._holds_unusual or not FILE_ID.fullmatch(host_path.rpartition("/")[2]):
            return None  # in an unusual folder, what is called like a blob may be a folder that is held
        place = self.place_of(host_path)
        return place if place.folder in self._usual else None

    def open_blob(self, host_path: str) -> int | None:
        """A descriptor for reading a blob; None for everything else, and where it cannot be opened in its folder:
        `local_path` tells why. Whether it is a regular file is the caller's to check, with fstat.

        Raises:
            UnsafeName: as `local_path`.
        """
        try:
            place = self._blob_place(host_path)
            return None if place is None else self._held.get(place.folder).open_to_read(place.name)
        except OSError:
            return None

    # -- the operations ----------------------------------------------------------------------------------------------

    def make_directory(self, host_path: str) -> StatusResponse:
        try:
            make_folder(self.local_path(host_path))
        except OSError as error:
            return status_for_error(error)
        return DONE

    def list_directory(self, host_path: str) -> StatusResponse:
        """The entries of a folder; a missing folder is an error.

        Names that a property list cannot hold are left out; they cannot be the phone's.
        """
        try:
            with os.scandir(self.local_path(host_path, to_read=True)) as entries:
                return StatusResponse(
                    payload=Listing([_entry(entry) for entry in entries if _fits_in_plist(entry.name)])
                )
        except OSError as error:
            return status_for_error(error)

    def move(self, items: Mapping[str, str]) -> StatusResponse:
        """Rename each, in order; stops at the first that fails."""
        try:
            for source, target in items.items():
                if self._move_blob(source, target):
                    continue
                origin = self.local_path(source)
                self._move(origin, self.local_path(target))
                if origin == self.folder:
                    self.on_removed(self.name)
        except OSError as error:
            return status_for_error(error)
        return DONE

    def _move_blob(self, source: str, target: str) -> bool:
        """Rename a file from one held folder to another. False: it is none, or a folder is in its way."""
        origin, place = self._blob_place(source), self._blob_place(target)
        if origin is None or place is None or origin == place:
            return False
        try:
            self._held.get(origin.folder).replace(origin.name, self.held(place.folder), place.name)
        except OSError:
            return False  # the other way finds out why, and tells it
        return True

    def _move(self, source: Path, target: Path) -> None:
        if target.is_relative_to(source) or source.is_relative_to(target):
            # in the second case, removing the target first would remove the source too
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if target == self.folder and target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if not target.parent.is_dir():
            make_folder(target.parent)
        if source.is_dir():
            self.let_go()
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)  # rename(2) does not replace a folder that is not empty
        source.replace(target)  # not shutil.move, which would move the source *into* an existing folder

    def remove(self, names: Iterable[str]) -> StatusResponse:
        """Remove files and whole folders, but not the backup folder itself. A missing path is not an error."""
        try:
            for host_path in names:
                if not self._remove_blob(host_path):
                    self._remove(self.local_path(host_path))
                self.on_removed(host_path)
        except OSError as error:
            return status_for_error(error)
        return DONE

    def _remove_blob(self, host_path: str) -> bool:
        """Remove a file in a held folder. False: it is none, or could not be removed like this."""
        place = self._blob_place(host_path)
        if place is None:
            return False
        try:
            self._held.get(place.folder).unlink(place.name)
        except FileNotFoundError:
            return True
        except OSError:
            return False  # the other way removes a folder, or finds out why not
        return True

    def _remove(self, local_path: Path) -> None:
        if local_path == self.folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if local_path.is_dir() and not local_path.is_symlink():
            self.let_go()
            shutil.rmtree(local_path)
        else:
            local_path.unlink(missing_ok=True)

    def copy(self, source: str, target: str) -> StatusResponse:
        """Copy a file or a tree. Slow for large backups, and only used by a restore that asks for a copy."""
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
        except shutil.Error as error:  # copytree's list of failures
            return StatusResponse(OTHER_ERROR, safe_text(error, 200), {})
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return DONE

    def free_space(self) -> StatusResponse:
        """The bytes that can be written to this disk."""
        try:
            self._reported_free_bytes = available_bytes(self.root)
        except OSError as error:
            return status_for_error(error)
        return StatusResponse(payload=self._reported_free_bytes)

    def purge(self, amount: Any) -> StatusResponse:
        """Answer a request to free space: we delete nothing, and the phone decides how to continue.

        The amount shows how much space it needs: amount = needed - free + 2 GiB (`PURGE_PADDING_BYTES`).
        """
        if isinstance(amount, int) and not isinstance(amount, bool) and self._reported_free_bytes is not None:
            needed = amount + self._reported_free_bytes - PURGE_PADDING_BYTES
            self.needed_bytes = needed if needed >= self._reported_free_bytes else None
        return StatusResponse(OTHER_ERROR, "could not purge", 0)


def _fits_in_plist(name: str) -> bool:
    """Whether a property list can hold `name`: valid text without control characters."""
    return not _CONTROL_CHARACTERS.search(name)


def _is_case_variant(part: str) -> bool:
    """Whether `part` is the name of a backup file in other case. No healthy phone sends one, and on a case-insensitive
    disk it would write a blob under a file id other than the one recorded in the seal."""
    folded = part.casefold()
    return part != _SPELLING.get(folded, part) or (part != folded and _SHARD_OR_FILE_ID.fullmatch(folded) is not None)


def make_folder(local_path: Path) -> None:
    """Create `local_path` and its missing parents, each 0700. An existing folder is fine."""
    if local_path.is_dir():
        return
    if not local_path.parent.is_dir():
        make_folder(local_path.parent)
    local_path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _entry(entry: os.DirEntry[str]) -> Entry:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        kind: FileType = "DLFileTypeRegular"
    elif stat.S_ISDIR(status.st_mode):
        kind = "DLFileTypeDirectory"
    else:
        kind = "DLFileTypeUnknown"
    return Entry(entry.name, kind, status.st_size, math.floor(status.st_mtime))
