"""Millions of files, or a few huge ones, that are never stored: node and content are derived from a number.

<folder>/00000/00000000<suffix>     a thousand files in each of the folders
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.simulator.device.filesystem import Content, Node, Synthetic

FILES_PER_FOLDER = 1_000
BORN = 1_700_000_000
"""All dates of the files, in unix seconds: 2023-11-14."""


@dataclass(frozen=True)
class GeneratedFiles:
    """`count` files of `size_bytes` each below `folder` of `domain`, all with different content."""

    domain: str
    folder: str
    count: int
    size_bytes: int
    seed: int = 0
    suffix: str = ".dat"
    protection_class: int = 3
    _file: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = rf"{re.escape(self.folder)}/(\d{{5,}})/(\d{{8,}}){re.escape(self.suffix)}"
        object.__setattr__(self, "_file", re.compile(pattern, re.ASCII))

    @property
    def directories(self) -> list[str]:
        """The domain's root, the ancestors of `folder`, `folder`, and its subfolders: parents first."""
        parts = self.folder.split("/")
        above = ["", *("/".join(parts[: number + 1]) for number in range(len(parts)))]
        folders = -(-self.count // FILES_PER_FOLDER)
        return above + [f"{self.folder}/{number:05}" for number in range(folders)]

    @property
    def total_bytes(self) -> int:
        return self.count * self.size_bytes

    @property
    def inode_count(self) -> int:
        """How many inodes the files and directories use."""
        return self.count + len(self.directories)

    def nodes(self, first_inode: int) -> Iterator[Node]:
        """Every node, parents before their children."""
        for number, path in enumerate(self.directories):
            yield folder_node(self.domain, path, first_inode + self.count + number, born=BORN)
        for number in range(self.count):
            yield self._file_node(number, first_inode)

    def ending_with(self, suffixes: tuple[str, ...], first_inode: int) -> Iterator[Node]:
        if not self.suffix.endswith(suffixes):
            return iter(())
        return (self._file_node(number, first_inode) for number in range(self.count))

    def get(self, relative_path: str, first_inode: int) -> Node | None:
        found = self._file.fullmatch(relative_path)
        if found is not None:
            number = int(found[2])
            same = number < self.count and self._path(number) == relative_path
            return self._file_node(number, first_inode) if same else None
        directories = self.directories
        if relative_path in directories:
            number = directories.index(relative_path)
            return folder_node(self.domain, relative_path, first_inode + self.count + number, born=BORN)
        return None

    def content(self, relative_path: str) -> Content | None:
        node = self.get(relative_path, 0)
        return node.content if node is not None and node.kind == "file" else None

    def _path(self, number: int) -> str:
        return f"{self.folder}/{number // FILES_PER_FOLDER:05}/{number:08}{self.suffix}"

    def _file_node(self, number: int, first_inode: int) -> Node:
        return Node(
            domain=self.domain,
            relative_path=self._path(number),
            kind="file",
            content=Synthetic(self.seed * 1_000_003 + number, self.size_bytes),
            mode=0o100644,
            inode=first_inode + number,
            modified=BORN,
            changed=BORN,
            born=BORN,
            protection_class=self.protection_class,
        )


def folder_node(domain: str, path: str, inode: int, *, born: int) -> Node:
    """A folder of made-up files."""
    return Node(
        domain=domain,
        relative_path=path,
        kind="directory",
        mode=0o040755,
        inode=inode,
        modified=born,
        changed=born,
        born=born,
    )
