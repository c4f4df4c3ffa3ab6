"""The simulated iPhone's disk as a backup sees it: domains, paths and immutable nodes.

A node is replaced, never edited, so an earlier walk (a backup's APFS snapshot) keeps its view. Not modelled: hard
links, clones, and APFS' normalisation-insensitive names (two Unicode spellings are two files here).
"""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol

CHUNK_BYTES = 1 << 20
MOBILE = 501
"""User and group id of `mobile`, the owner of user data on every iPhone."""
FIRST_INODE = 4096

Kind = Literal["file", "directory", "symlink"]


class Content(Protocol):
    """The bytes of a file. Every call to `chunks` yields the same bytes."""

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Bytes:
    """Content held in memory."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[start : start + CHUNK_BYTES]


@dataclass(frozen=True, slots=True)
class Synthetic:
    """`size` bytes derived from `seed`, for files that need no memory. All chunks of all seeds differ: each begins with
    its seed and number, and goes on with a part of the same noise, because making more takes longer than sending it."""

    seed: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        if self.size <= CHUNK_BYTES:
            return iter((self._chunk(0, self.size),))
        return (
            self._chunk(number, min(CHUNK_BYTES, self.size - start))
            for number, start in enumerate(range(0, self.size, CHUNK_BYTES))
        )

    def _chunk(self, number: int, size: int) -> bytes:
        head = (self.seed & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little") + number.to_bytes(8, "little")
        if size <= len(head):
            return head[:size]
        begin = (self.seed * 31 + number * 17) % CHUNK_BYTES
        return b"".join((head, _noise()[begin : begin + size - len(head)]))


@cache
def _noise() -> memoryview:
    """Twice as long as a chunk, so that a chunk may begin anywhere in its first half."""
    return memoryview(hashlib.shake_128(b"noise").digest(2 * CHUNK_BYTES))


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Content in a file on this computer, which must not change while the phone exists."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data


NOT_KEPT = 'This simulated iPhone keeps only digests of restored files (keeps = "digests")'


class ContentNotKept(OSError):
    """Raised when a file's bytes are read but the phone kept only their digest."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, NOT_KEPT)


@dataclass(frozen=True, slots=True)
class DigestOnly:
    """Content that was received, hashed and dropped. `chunks` raises ContentNotKept."""

    sha256: bytes = field(repr=False)
    size: int
    stored_sha256: bytes = field(default=b"", repr=False)
    """Of the bytes as the host sent them; empty where they were not encrypted."""

    def chunks(self) -> Iterator[bytes]:
        raise ContentNotKept


EMPTY = Bytes(b"")


def read_content(content: Content) -> bytes:
    """The whole content, in memory."""
    return b"".join(content.chunks())


def sha256_of(content: Content) -> str:
    """The SHA-256 as 64 hex digits. Reads the whole content, except for DigestOnly."""
    if isinstance(content, DigestOnly):
        return content.sha256.hex()
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()


@dataclass(slots=True, kw_only=True)
class Node:
    """A file, directory or symlink. `relative_path` "" is the domain's root. Times are unix seconds.

    Never edited, only replaced. It is not `frozen`, because that makes creating one three times as slow, and a backup
    of a million generated files creates two million.
    """

    domain: str
    relative_path: str
    kind: Kind
    content: Content = EMPTY
    target: str | None = None  # symlinks only; may be absolute
    mode: int
    inode: int
    user_id: int = MOBILE
    group_id: int = MOBILE
    modified: int
    changed: int
    born: int
    protection_class: int = 0
    extended_attributes: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.content.size if self.kind == "file" else 0


class LazyNodes(Protocol):
    """Many nodes of one domain that are generated on demand."""

    @property
    def domain(self) -> str: ...

    @property
    def inode_count(self) -> int: ...

    @property
    def total_bytes(self) -> int: ...

    def nodes(self, first_inode: int) -> Iterator[Node]: ...

    def get(self, relative_path: str, first_inode: int) -> Node | None: ...

    def content(self, relative_path: str) -> Content | None:
        """The content of a file; None where there is no file."""

    def ending_with(self, suffixes: tuple[str, ...], first_inode: int) -> Iterator[Node]:
        """The files whose path ends with one of `suffixes`."""


@dataclass
class _LazyLayer:
    """Generated nodes on one disk, without those that were replaced or removed."""

    source: LazyNodes
    first_inode: int
    hidden: set[str] = field(default_factory=set)
    hidden_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.source.total_bytes - self.hidden_bytes

    def copy(self) -> _LazyLayer:
        return replace(self, hidden=set(self.hidden))

    def get(self, relative_path: str) -> Node | None:
        return None if relative_path in self.hidden else self.source.get(relative_path, self.first_inode)

    def content(self, relative_path: str) -> Content | None:
        return None if relative_path in self.hidden else self.source.content(relative_path)

    def nodes(self) -> Iterator[Node]:
        return self._shown(self.source.nodes(self.first_inode))

    def ending_with(self, suffixes: tuple[str, ...]) -> Iterator[Node]:
        return self._shown(self.source.ending_with(suffixes, self.first_inode))

    def _shown(self, nodes: Iterator[Node]) -> Iterator[Node]:
        return (node for node in nodes if node.relative_path not in self.hidden) if self.hidden else nodes

    def has_children(self, relative_path: str) -> bool:
        node = self.get(relative_path)
        return (
            node is not None
            and node.kind == "directory"
            and any(_is_below(other.relative_path, relative_path) for other in self.nodes())
        )

    def hide(self, relative_path: str) -> None:
        if (node := self.get(relative_path)) is not None:
            self.hidden.add(relative_path)
            self.hidden_bytes += node.size

    def retain(self, keep: Callable[[Node], bool]) -> bool:
        """Hides the nodes for which `keep` is false, except ancestors of kept nodes. Returns whether any node stays."""
        if not any(keep(node) for node in self.nodes()):
            return False
        needed: set[str] = set()
        dropped: list[Node] = []
        for node in self.nodes():
            if keep(node):
                needed.update(_ancestors(node.relative_path))
            else:
                dropped.append(node)
        for node in dropped:
            if node.relative_path not in needed:
                self.hide(node.relative_path)
        return True


def _walk(stored: Mapping[str, Node], layers: Iterable[_LazyLayer]) -> Iterator[Node]:
    for path in sorted(stored):
        yield stored[path]
    yielded: set[str] = set()  # two layers may share directories
    for layer in layers:
        for node in layer.nodes():
            if node.kind == "directory":
                if node.relative_path in yielded:
                    continue
                yielded.add(node.relative_path)
            yield node


def _ancestors(relative_path: str) -> list[str]:
    parts = relative_path.split("/")[:-1]
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]


class Filesystem:
    """A phone's files. Thread-safe. Misuse (an invalid path, a file in place of a directory) raises ValueError."""

    def __init__(self, clock: Callable[[], int] = lambda: int(time.time())) -> None:
        self._clock = clock
        self._domains: dict[str, dict[str, Node]] = {}
        self._lazy: dict[str, list[_LazyLayer]] = {}
        self._next_inode = FIRST_INODE
        self._lock = threading.RLock()

    def add_lazy(self, source: LazyNodes) -> None:
        """Adds generated files, which need no memory. They can be read, replaced and removed like all others; each one
        replaced or removed needs as much memory as a stored one."""
        with self._lock:
            _check_names(source.domain, "")
            self._lazy.setdefault(source.domain, []).append(_LazyLayer(source, self._next_inode + 1))
            self._next_inode += source.inode_count

    def add_file(
        self,
        domain: str,
        relative_path: str,
        content: bytes | Content,
        *,
        protection_class: int = 3,
        mode: int = 0o100644,
        modified: int | None = None,
        extended_attributes: Mapping[str, bytes] | None = None,
    ) -> Node:
        """Writes a file, and creates its ancestors and the domain's root.

        An existing file keeps its inode and birth time. Its status change time grows by at least a second: incremental
        backups compare it, and the clock alone is too coarse.
        """
        return self._add(
            domain,
            relative_path,
            "file",
            modified,
            content=Bytes(content) if isinstance(content, bytes) else content,
            mode=mode,
            protection_class=protection_class,
            extended_attributes=dict(extended_attributes or {}),
        )

    def add_directory(
        self, domain: str, relative_path: str = "", *, mode: int = 0o040755, modified: int | None = None
    ) -> Node:
        """Creates a directory and its ancestors. Returns an existing directory unchanged."""
        existing = self.get(domain, relative_path)
        if existing is not None and existing.kind == "directory":
            return existing
        return self._add(domain, relative_path, "directory", modified, mode=mode)

    def add_symlink(self, domain: str, relative_path: str, target: str, *, modified: int | None = None) -> Node:
        return self._add(domain, relative_path, "symlink", modified, mode=0o120755, target=target)

    def put(self, node: Node) -> Node:
        """Stores a node with its dates, owner and mode under an inode of this phone, and creates its ancestors.

        Replacing a node makes its status change time later, as the kernel does: no host can set that time, and without
        the change the next incremental backup would keep the old bytes.
        """
        with self._lock:
            existing = self._prepare_path(node.domain, node.relative_path, node.kind)
            inode = existing.inode if existing else self._new_inode()
            changed = max(node.changed, existing.changed + 1) if existing else node.changed
            placed = replace(node, inode=inode, changed=changed)
            self._store(placed)
            return placed

    def remove(self, domain: str, relative_path: str, recursive: bool = False) -> None:
        """Removes a node, if it exists. A directory that is not empty needs `recursive`."""
        with self._lock:
            paths = self._domains.get(domain, {})
            below = [path for path in paths if _is_below(path, relative_path)]
            layers = self._lazy.get(domain, ())
            if not recursive and (below or any(layer.has_children(relative_path) for layer in layers)):
                raise ValueError(f"{domain}/{relative_path} is not empty")
            for path in below:
                del paths[path]
            paths.pop(relative_path, None)
            self._retain_lazy(domain, lambda node: not _is_at_or_below(node.relative_path, relative_path))
            if not paths:
                self._domains.pop(domain, None)

    def retain(self, domain: str, keep: Callable[[Node], bool]) -> None:
        """Removes the domain's nodes for which `keep` is false, except ancestors of kept nodes."""
        with self._lock:
            paths = self._domains.get(domain, {})
            needed: set[str] = set()
            for path in sorted(paths, reverse=True):  # children before their parents
                if path in needed or keep(paths[path]):
                    needed.add(path.rpartition("/")[0])
                else:
                    del paths[path]
            self._retain_lazy(domain, lambda node: node.relative_path in needed or keep(node))
            if not paths:
                self._domains.pop(domain, None)

    def get(self, domain: str, relative_path: str) -> Node | None:
        with self._lock:
            stored = self._domains.get(domain, {}).get(relative_path)
            lazy = (lazy.get(relative_path) for lazy in self._lazy.get(domain, ()))
            return stored or next((node for node in lazy if node is not None), None)

    def content(self, domain: str, relative_path: str) -> Content | None:
        """The content of a file; None where there is no file. For those who ask about each of a million files: a node
        takes three times as long."""
        with self._lock:
            stored = self._domains.get(domain, {}).get(relative_path)
            if stored is not None:
                return stored.content if stored.kind == "file" else None
            for layer in self._lazy.get(domain, ()):
                if (content := layer.content(relative_path)) is not None:
                    return content
        return None

    def walk(self, domain: str | None = None) -> Iterator[Node]:
        """A snapshot of every node, parents before children. Lazy nodes are generated during the iteration."""
        with self._lock:
            names = self.domains() if domain is None else [domain]
            stored = {name: dict(self._domains.get(name, {})) for name in names}
            lazy = {name: [one.copy() for one in self._lazy.get(name, ())] for name in names}
        return (node for name in names for node in _walk(stored[name], lazy[name]))

    def files_ending_with(self, suffixes: tuple[str, ...]) -> Iterator[Node]:
        """The files of every domain whose path ends with one of `suffixes`, in any order."""
        with self._lock:
            stored = [
                node
                for paths in self._domains.values()
                for path, node in paths.items()
                if path.endswith(suffixes) and node.kind == "file"
            ]
            lazy = [one.copy() for layers in self._lazy.values() for one in layers]
        return chain(stored, *(one.ending_with(suffixes) for one in lazy))

    def domains(self) -> list[str]:
        with self._lock:
            return sorted({*self._domains, *self._lazy})

    @property
    def total_bytes(self) -> int:
        with self._lock:
            stored = sum(node.size for paths in self._domains.values() for node in paths.values())
            return stored + sum(one.total_bytes for lazy in self._lazy.values() for one in lazy)

    def digests(self) -> dict[str, str]:
        """Maps `Domain/path` to a file's SHA-256, to `->target` for a symlink, and to `dir` for a directory."""
        return {f"{node.domain}/{node.relative_path}": _digest(node) for node in self.walk()}

    def copy(self) -> Filesystem:
        """An independent filesystem with the same nodes."""
        twin = Filesystem(self._clock)
        with self._lock:
            twin._domains = {domain: dict(paths) for domain, paths in self._domains.items()}
            twin._lazy = {domain: [one.copy() for one in lazy] for domain, lazy in self._lazy.items()}
            twin._next_inode = self._next_inode
        return twin

    def _add(
        self,
        domain: str,
        relative_path: str,
        kind: Kind,
        modified: int | None,
        *,
        mode: int,
        content: Content = EMPTY,
        target: str | None = None,
        protection_class: int = 0,
        extended_attributes: Mapping[str, bytes] | None = None,
    ) -> Node:
        with self._lock:
            existing = self._prepare_path(domain, relative_path, kind)
            now = self._clock() if modified is None else modified
            changed = max(now, existing.changed + 1) if existing else now
            node = Node(
                domain=domain,
                relative_path=relative_path,
                kind=kind,
                content=content,
                target=target,
                mode=mode,
                inode=existing.inode if existing else self._new_inode(),
                modified=changed if modified is None else modified,
                changed=changed,
                born=existing.born if existing else now,
                protection_class=protection_class,
                extended_attributes=extended_attributes or {},
            )
            self._store(node)
            return node

    def _store(self, node: Node) -> None:
        self._domains.setdefault(node.domain, {})[node.relative_path] = node
        for lazy in self._lazy.get(node.domain, ()):
            lazy.hide(node.relative_path)

    def _retain_lazy(self, domain: str, keep: Callable[[Node], bool]) -> None:
        """Hides the domain's lazy nodes for which `keep` is false."""
        left = [lazy for lazy in self._lazy.get(domain, ()) if lazy.retain(keep)]
        if left:
            self._lazy[domain] = left
        else:
            self._lazy.pop(domain, None)

    def _prepare_path(self, domain: str, relative_path: str, kind: Kind) -> Node | None:
        """Creates the ancestors of `relative_path`. Returns the node it will replace, if it is of the same kind."""
        _check_names(domain, relative_path)
        if relative_path:
            parent = relative_path.rpartition("/")[0]
            above = self.get(domain, parent)
            if above is None:
                self.add_directory(domain, parent)
            elif above.kind != "directory":
                raise ValueError(f"{domain}/{parent} is a {above.kind}, not a directory")
            elif parent not in self._domains.get(domain, {}):
                self._store_lazy_directories(domain, parent)
        existing = self.get(domain, relative_path)
        if existing is not None and "directory" in (existing.kind, kind) and existing.kind != kind:
            raise ValueError(f"{domain}/{relative_path} is a {existing.kind} already")
        return existing if existing is not None and existing.kind == kind else None

    def _store_lazy_directories(self, domain: str, relative_path: str) -> None:
        """Stores lazy directories that get a stored child, because a walk yields stored nodes first."""
        parts = relative_path.split("/") if relative_path else []
        for count in range(len(parts) + 1):
            path = "/".join(parts[:count])
            if path not in self._domains.get(domain, {}) and (node := self.get(domain, path)) is not None:
                self._store(node)

    def _new_inode(self) -> int:
        self._next_inode += 1
        return self._next_inode


def _check_names(domain: str, relative_path: str) -> None:
    parts = relative_path.split("/") if relative_path else []
    if not domain or "/" in domain or "\0" in domain + relative_path or {"", ".", ".."} & set(parts):
        raise ValueError(f"not a valid path on a phone: {domain!r} {relative_path!r}")


def _is_at_or_below(path: str, above: str) -> bool:
    return path == above or _is_below(path, above)


def _is_below(path: str, above: str) -> bool:
    return path != above and (not above or path.startswith(f"{above}/"))


def _digest(node: Node) -> str:
    if node.kind == "directory":
        return "dir"
    return f"->{node.target}" if node.kind == "symlink" else sha256_of(node.content)
