"""Files of very different sizes that are never stored, like those of a phone in use: many small ones, a few large ones.

Their sizes are log-uniform: as many files between 1 and 2 KiB as between 1 and 2 MiB.

    Documents/000/00000000.dat     a hundred files in each of the folders
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.simulator.device.filesystem import Content, Node, Synthetic
from migrate.simulator.device.generated_files import folder_node

SMALLEST_BYTES = 100
FILES_PER_FOLDER = 100
BORN = 1_500_000_000
GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, are spread evenly, in whatever order."""
_FILE = re.compile(r"Documents/(\d{3,})/(\d{8})\.dat", re.ASCII)


@dataclass(frozen=True)
class Sizes:
    """Log-uniform sizes from SMALLEST_BYTES to `largest`."""

    largest: float

    @classmethod
    def with_mean(cls, mean_bytes: float) -> Sizes:
        """The sizes of this mean. If it is not more than SMALLEST_BYTES, all are that small."""
        low, high = float(SMALLEST_BYTES), 1e18
        for _ in range(200):
            middle = math.sqrt(low * high)
            if cls(middle)._mean() < mean_bytes:
                low = middle
            else:
                high = middle
        return cls(low)

    def size_of(self, number: int) -> int:
        return int(SMALLEST_BYTES * (self.largest / SMALLEST_BYTES) ** (number * GOLDEN % 1.0))

    def _mean(self) -> float:
        ratio = self.largest / SMALLEST_BYTES
        return (self.largest - SMALLEST_BYTES) / math.log(ratio) if ratio > 1.0001 else SMALLEST_BYTES


@dataclass(frozen=True)
class AssortedFiles:
    """The files with these `numbers` in `domain`. Their dates differ, as their sizes do."""

    domain: str
    numbers: range
    sizes: Sizes
    seed: int = 0

    @property
    def _folders(self) -> list[str]:
        count = -(-len(self.numbers) // FILES_PER_FOLDER)
        return ["", "Documents", *(f"Documents/{number:03}" for number in range(count))]

    @property
    def total_bytes(self) -> int:
        return sum(map(self.sizes.size_of, self.numbers))

    @property
    def inode_count(self) -> int:
        return len(self.numbers) + len(self._folders)

    def nodes(self, first_inode: int) -> Iterator[Node]:
        """Every node, parents before their children."""
        for place, folder in enumerate(self._folders):
            yield folder_node(self.domain, folder, first_inode + len(self.numbers) + place, born=BORN)
        for place in range(len(self.numbers)):
            yield self._file(place, first_inode)

    def get(self, relative_path: str, first_inode: int) -> Node | None:
        if found := _FILE.fullmatch(relative_path):
            place = int(found[2])
            is_there = place < len(self.numbers) and self._path(place) == relative_path
            return self._file(place, first_inode) if is_there else None
        folders = self._folders
        if relative_path not in folders:
            return None
        return folder_node(
            self.domain, relative_path, first_inode + len(self.numbers) + folders.index(relative_path), born=BORN
        )

    def content(self, relative_path: str) -> Content | None:
        node = self.get(relative_path, 0)
        return node.content if node is not None and node.kind == "file" else None

    def ending_with(self, suffixes: tuple[str, ...], first_inode: int) -> Iterator[Node]:
        if not ".dat".endswith(suffixes):
            return iter(())
        return (self._file(place, first_inode) for place in range(len(self.numbers)))

    def _path(self, place: int) -> str:
        return f"Documents/{place // FILES_PER_FOLDER:03}/{place:08}.dat"

    def _file(self, place: int, first_inode: int) -> Node:
        number = self.numbers[place]
        born = BORN + number * 7_919 % 200_000_000
        modified = born + number * 104_729 % 10_000_000
        return Node(
            domain=self.domain,
            relative_path=self._path(place),
            kind="file",
            content=Synthetic(self.seed * 1_000_003 + number, self.sizes.size_of(number)),
            mode=0o100644,
            inode=first_inode + place,
            modified=modified,
            changed=modified + number % 3,
            born=born,
            protection_class=3,
        )
