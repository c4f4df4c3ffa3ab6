"""Turns names from a phone or a backup into paths that stay inside a folder."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from migrate.problems import UnsafeName

NAME_LIMIT_BYTES = 255  # APFS, ext4 and NTFS alike
PATH_LIMIT_BYTES = 4096  # iOS itself stops at 1,024

_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def inside(root: Path, name: str) -> Path:
    """The path under `root` that a phone or a backup calls `name`. Only this function and `child_path` join the two.

    A leading `/` does not make the name absolute: phones name `/.b/6/…` and mean a path in the backup (facts 2.2).

    Raises:
        UnsafeName: `name` is empty, has `..`, NUL or (on Windows) a drive, backslash or device in it, is longer than
            a file system allows, or leads out of `root` through a symbolic link.
    """
    parts = split_name(name, windows=os.name == "nt")
    place = root.joinpath(*parts)
    try:
        if os.name != "nt" and not _passes_a_link(str(root), parts):
            return place
        real_root, real_place = os.path.realpath(root), os.path.realpath(place)
        stays = os.path.commonpath((real_root, real_place)) == real_root
    except (OSError, ValueError) as error:
        raise UnsafeName(name, f"cannot be followed on this computer ({type(error).__name__})") from error
    if not stays:
        raise UnsafeName(name, "leads out of the folder through a symbolic link")
    return place


def _passes_a_link(root: str, parts: list[str]) -> bool:
    """Whether a part of the path below `root` is a symbolic link. Where none is, the path stays inside: a third of the
    time of `os.path.realpath`, which looks at every folder above `root` too. Windows has other kinds of links."""
    path = root
    for part in parts:
        path = f"{path}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False  # nothing is below it
    return False


def child_path(folder: Path, name: str) -> Path:
    """The path of a new file called `name` in `folder`, a real folder that this program made. Links are not checked
    here, which takes a tenth of the time: create the file without following one.

    Raises:
        UnsafeName: as `inside`; also where `name` has more than one component.
    """
    parts = split_name(name, windows=os.name == "nt")
    if len(parts) != 1:
        raise UnsafeName(name, "is not one name")
    return folder / parts[0]


def split_name(name: str, *, windows: bool) -> list[str]:
    """The components of `name`, or UnsafeName. It touches no disk, so Windows' rules can be tested on any system."""
    if "\0" in name:
        raise UnsafeName(name, "holds a NUL character")
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsafeName(ascii(name), "is not text") from error
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts:
        raise UnsafeName(name, "is empty")
    if ".." in parts:
        raise UnsafeName(name, "climbs out of its folder with '..'")
    if len(encoded) > PATH_LIMIT_BYTES or any(len(part.encode("utf-8")) > NAME_LIMIT_BYTES for part in parts):
        raise UnsafeName(name, "is longer than a file name may be")
    if windows:
        for part in parts:
            if "\\" in part or ":" in part:
                raise UnsafeName(name, "holds a backslash or a colon, which Windows reads as a way elsewhere")
            if part[-1] in ". " or _WINDOWS_DEVICES.fullmatch(part):
                raise UnsafeName(name, "is a name that Windows reads as another one")
    return parts


def unsafe_name_reason(domain: str, relative_path: str, *, empty: bool) -> str | None:
    """Why a record's name would lead out of a folder it is joined to, or None where it is safe. Phones write no such
    names: a real manifest has none among 3,721 (*seen*, iOS 14.3), and a phone refuses a slash in a domain (facts 4.3).

    `empty`: the path may be empty, as that of a domain's root folder is.
    """
    if "\0" in domain or "\0" in relative_path:
        return "it holds a NUL character"
    if not domain or domain in (".", "..") or "/" in domain:
        return "its domain is a way to another folder"
    if ".." in relative_path.split("/"):
        return "its path climbs out of its folder with '..'"
    if relative_path.startswith("/"):
        return "its path begins at the root of the disk"
    return None if relative_path or empty else "its path is empty"
