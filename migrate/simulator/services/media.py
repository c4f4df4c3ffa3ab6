"""The tree that AFC shows: /var/mobile/Media.

/DCIM, /PhotoData      CameraRollDomain  Media/…
everything else        MediaDomain       Media/…
written by hosts       phone.afc_files   overrides both; a key that ends with "/" is a directory
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from migrate.simulator.device.filesystem import Bytes, Content, Node
from migrate.simulator.device.phone import SimulatedPhone

CAMERA_ROLL_FOLDERS = frozenset({"DCIM", "PhotoData"})
LINKS_LIMIT = 8


class PathOutsideMedia(Exception):
    """A path leads out of the media folder."""


@dataclass(frozen=True)
class Entry:
    """The entry at a path. Times are unix seconds."""

    kind: str  # "file" | "directory" | "symlink"
    content: Content
    modified: int
    born: int
    target: str | None = None


class MediaTree:
    """Reads and writes by absolute AFC path. Callers normalise paths with `absolute` first."""

    def __init__(self, phone: SimulatedPhone) -> None:
        self._phone = phone

    def entry(self, path: str) -> Entry | None:
        """The entry at `path`, or None. Links are not followed."""
        phone = self._phone
        if (data := phone.afc_files.get(path)) is not None:
            now = int(time.time())
            return Entry("file", Bytes(data), now, now)
        node = phone.files.get(*_place(path))
        if node is not None:
            return Entry(node.kind, node.content, node.modified, node.born, node.target)
        below = f"{path.rstrip('/')}/"
        if path == "/" or any(key.startswith(below) for key in list(phone.afc_files)):
            return Entry("directory", Bytes(b""), 0, 0)
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
        return sorted(names - {""})

    def write(self, path: str, data: bytes) -> None:
        self._phone.afc_files[path] = data

    def make_directory(self, path: str) -> None:
        if path != "/":
            self._phone.afc_files.setdefault(f"{path}/", b"")

    def remove(self, path: str) -> None:
        """Removes a file, a link, or a directory with its contents, including files that a backup would hold."""
        for key in [key for key in list(self._phone.afc_files) if key == path or key.startswith(f"{path}/")]:
            self._phone.afc_files.pop(key, None)
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
            self.write(target, b"".join(entry.content.chunks()))
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
