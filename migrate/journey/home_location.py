"""What is special about the place where a home folder lies: synchronised with a cloud, on another computer, on a disk
without permissions. None of it stops a move; all of it is said.

Sources: the folders are those that the programs make with their default settings (*read*: Apple's "File Provider",
Dropbox' "info.json", Microsoft's OneDrive environment variables); other folders cannot be recognised.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from migrate.journey.lock import disk_keeps_locks
from migrate.problems import HomeInCloud, HomeOnNetwork, HomeWithoutLocks, HomeWithoutPermissions
from migrate.problems.finding import Finding

CLOUD_FOLDERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iCloud Drive", re.compile(r"(?:^|/)Library/Mobile Documents(?:/|$)|(?:^|/)iCloudDrive(?:/|$)")),
    ("OneDrive", re.compile(r"(?:^|/)OneDrive(?: ?- [^/]+|-[^/]+)?(?:/|$)")),
    ("Dropbox", re.compile(r"(?:^|/)Dropbox(?: \([^/]+\)|-[^/]+)?(?:/|$)")),
    ("Google Drive", re.compile(r"(?:^|/)(?:Google ?Drive(?:-[^/]+)?|My Drive)(?:/|$)")),
    ("a cloud drive", re.compile(r"(?:^|/)Library/CloudStorage/[^/]+(?:/|$)")),
)
NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "davfs", "afs", "ncpfs", "ceph", "glusterfs", "lustre",
     "fuse.sshfs", "fuse.rclone", "fuse.gvfsd-fuse", "fuse.davfs", "fuse.davfs2", "fuse.s3fs", "fuse.glusterfs",
     "fuse.curlftpfs", "osxfuse", "macfuse"),
)  # fmt: skip
"""By the names that Linux' mountinfo and macOS' `mount` use. 9p is not one of them: WSL mounts the computer's own disks
with it."""


def remarks_about_home(home: Path) -> Iterator[Finding]:
    """What a person should know about the place of a home folder that has been opened."""
    yield from remarks_about_place(home)
    if not keeps_permissions(home):
        yield HomeWithoutPermissions(str(home)).as_finding()
    if not disk_keeps_locks(home):
        yield HomeWithoutLocks(str(home)).as_finding()


def remarks_about_place(home: Path) -> Iterator[Finding]:
    """What a person should know about the place where a home folder is or will be."""
    real = Path(os.path.realpath(home))
    if service := cloud_service_of(real):
        yield HomeInCloud(str(home), service).as_finding()
    if kind := network_of(real):
        yield HomeOnNetwork(str(home), kind).as_finding()


def cloud_service_of(
    folder: Path, *, environment: Mapping[str, str] = os.environ, user_home: Path | None = None
) -> str | None:
    """The cloud that a folder is synchronised with, or None."""
    text = folder.as_posix()
    found = next((service for service, pattern in CLOUD_FOLDERS if pattern.search(text)), None)
    if found:
        return found
    for name in ("OneDrive", "OneDriveConsumer", "OneDriveCommercial"):
        if (root := environment.get(name)) and folder.is_relative_to(root):
            return "OneDrive"
    if any(folder.is_relative_to(root) for root in _dropbox_folders(environment, user_home or Path.home())):
        return "Dropbox"
    return None


def _dropbox_folders(environment: Mapping[str, str], user_home: Path) -> Iterator[str]:
    """The folders that Dropbox says it synchronises."""
    places = [Path(environment[name]) / "Dropbox" for name in ("APPDATA", "LOCALAPPDATA") if name in environment]
    for place in (user_home / ".dropbox", *places):
        with suppress(OSError, ValueError, AttributeError):
            accounts = json.loads((place / "info.json").read_text(encoding="utf-8"))
            yield from (str(account["path"]) for account in accounts.values() if account.get("path"))


def network_of(folder: Path) -> str | None:
    """The kind of network drive that a folder is on, or None."""
    if sys.platform == "win32":
        import ctypes

        drive_remote = 4
        drive = folder.drive
        is_remote = drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == drive_remote
        return "network drive" if is_remote else None
    kind = file_system_of(folder, _mounts())
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def file_system_of(folder: Path, mounts: Mapping[str, str]) -> str | None:
    """The file system that a folder is on: that of the longest mount point above it."""
    inside = [point for point in mounts if folder.is_relative_to(point)]
    return mounts[max(inside, key=len)] if inside else None


def _mounts() -> dict[str, str]:
    """Mount point -> file system, of this computer."""
    with suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "darwin":
            listed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=True)
            return mounts_of_macos(listed.stdout)
        return mounts_of_linux(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))
    return {}


def mounts_of_linux(text: str) -> dict[str, str]:
    """`36 35 98:0 /root /mount\\040point options … - nfs4 server:/ …`; a later mount covers an earlier one."""
    found = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4 and after:
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4])
            found[point] = after.split(" ")[0]
    return found


def mounts_of_macos(text: str) -> dict[str, str]:
    """`//ada@server/share on /Volumes/share (smbfs, nodev, nosuid)`."""
    matches = (re.fullmatch(r".* on (/.*) \(([^,)]+)[^()]*\)", line) for line in text.splitlines())
    return {match[1]: match[2] for match in matches if match}


def keeps_permissions(home: Path) -> bool:
    """Whether the disk can keep a folder from other users. exFAT and FAT cannot. Windows uses access lists."""
    return os.name != "posix" or not home.stat().st_mode & 0o077
