"""The tree that AFC shows: /var/mobile/Media.

/DCIM, /PhotoData      CameraRollDomain  Media/…
everything else        MediaDomain       Media/…
written by hosts       phone.afc_files   overrides both; a key that ends with "/" is a directory
/Books, /Downloads     on every iPhone, also an empty one
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from migrate.simulator.device.filesystem import Bytes, Content, Node
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.state import AfcTimes

CAMERA_ROLL_FOLDERS = frozenset({"DCIM", "PhotoData"})
LINKS_LIMIT = 8
IOS_FOLDERS = ("/Books", "/Downloads")
"""What iOS itself makes (*read*: pymobiledevice3's tests expect both on every iPhone). That they come back after they
were removed is *guessed*."""
NO_TIMES = AfcTimes(0, 0)


class PathOutsideMedia(Exception):
    """A path leads out of the media folder."""


@dataclass(frozen=True)
class Entry:
    """The entry at a path. Times are unix nanoseconds."""

    kind: str  # "file" | "directory" | "symlink"
    content: Content
    modified_ns: int
    born_ns: int
    target: str | None = None


class MediaTree:
    """Reads and writes by absolute AFC path. Callers normalise paths with `absolute` first."""

    def __init__(self, phone: SimulatedPhone) -> None:
        self._phone = phone

    def entry(self, path: str) -> Entry | None:
        """The entry at `path`, or None. Links are not followed."""
        phone = self._phone
        if (data := phone.afc_files.get(path)) is not None:
            times = phone.afc_times.get(path, NO_TIMES)
            return Entry("file", Bytes(data), times.modified_ns, times.born_ns)
        node = phone.files.get(*_place(path))
        if node is not None:
            return Entry(node.kind, node.content, node.modified * 10**9, node.born * 10**9, node.target)
        below = f"{path.rstrip('/')}/"
        if path in ("/", *IOS_FOLDERS) or any(key.startswith(below) for key in list(phone.afc_files)):
            times = phone.afc_times.get(below, NO_TIMES)
            return Entry("directory", Bytes(b""), times.modified_ns, times.born_ns)
        return None

    def resolve(self, path: str) -> str:
        """`path` with links at its end followed. Raises PathOutsideMedia if they lead out or form a loop."""
        for _ in range(LINKS_LIMIT):
            entry = self.entry(path)
            if entry is None or entry.kind != "symlink":
                return path
            path = absolute(entry.target or "", start=path.rpartition("/")[0])
        raise PathOutsideMedia(path)

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        below = f"{path.rstrip('/')}/"
        names = {key[len(below) :].partition("/")[0] for key in list(self._phone.afc_files) if key.startswith(below)}
        names |= {node.relative_path.rpartition("/")[2] for node in _children(self._phone, path)}
        names |= {folder[1:] for folder in IOS_FOLDERS if path == "/"}
        return sorted(names - {""})

    def leads_through_file(self, path: str) -> bool:
        """Whether the path, or one above it, is not a directory."""
        found = (self.entry(part) for part in (*_above(path), path))
        return any(entry is not None and entry.kind != "directory" for entry in found)

    def write(self, path: str, data: bytes, *, modified_ns: int | None = None) -> None:
        there = self.entry(path)
        now = time.time_ns()
        self._phone.afc_files[path] = data
        born_ns = there.born_ns if there is not None else now
        self._phone.afc_times[path] = AfcTimes(modified_ns if modified_ns is not None else now, born_ns)

    def set_modified(self, path: str, modified_ns: int) -> None:
        """Sets the time of what a host wrote. Files of the phone keep theirs: no client changes those."""
        for key in (path, f"{path}/"):
            if key in self._phone.afc_files:
                born_ns = self._phone.afc_times.get(key, NO_TIMES).born_ns
                self._phone.afc_times[key] = AfcTimes(modified_ns, born_ns)

    def make_directory(self, path: str) -> None:
        """Makes a directory and those above it that do not exist."""
        now = time.time_ns()
        for folder in (*_above(path), path):
            if self.entry(folder) is None:
                self._phone.afc_files[f"{folder}/"] = b""
                self._phone.afc_times[f"{folder}/"] = AfcTimes(now, now)

    def remove(self, path: str) -> None:
        """Removes a file, a link, or a directory with its contents, including files that a backup would hold."""
        for key in [key for key in list(self._phone.afc_files) if key == path or key.startswith(f"{path}/")]:
            self._phone.afc_files.pop(key, None)
            self._phone.afc_times.pop(key, None)
        domain, relative_path = _place(path)
        self._phone.files.remove(domain, relative_path, recursive=True)

    def move(self, source: str, target: str) -> None:
        """Renames an entry. Files of the phone become AFC files, which no backup holds."""
        entry = self.entry(source)
        if entry is None:
            return
        if entry.kind == "directory":
            self.make_directory(target)
            for name in self.names(source):
                self.move(f"{source}/{name}", f"{target}/{name}")
        else:
            self.write(target, b"".join(entry.content.chunks()), modified_ns=entry.modified_ns)
        self.remove(source)


def absolute(path: str, *, start: str = "") -> str:
    """`path` from the root, without "." and "..". Raises PathOutsideMedia if it leads above the root."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{start}/{path}").split("/"):
        if part == ".." and not parts:
            raise PathOutsideMedia(path)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _above(path: str) -> list[str]:
    """The directories above a path, the outermost first, without the root."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def _place(path: str) -> tuple[str, str]:
    """The domain and relative path of an AFC path in a backup."""
    top = path.split("/")[1] if path != "/" else ""
    domain = "CameraRollDomain" if top in CAMERA_ROLL_FOLDERS else "MediaDomain"
    return domain, f"Media{path}".rstrip("/")


def _children(phone: SimulatedPhone, path: str) -> list[Node]:
    domain, relative_path = _place(path)
    found = [node for node in phone.files.walk(domain) if node.relative_path.rpartition("/")[0] == relative_path]
    if path != "/":
        return found
    rolls = [node for node in phone.files.walk("CameraRollDomain") if node.relative_path.rpartition("/")[0] == "Media"]
    return found + [node for node in rolls if node.relative_path.rpartition("/")[2] in CAMERA_ROLL_FOLDERS]
