"""Sets of file ids in 20 bytes each. As texts in a set they take 150, and a phone has up to 1.3 million (facts 3.2)."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from typing import Final

ID_BYTES: Final = 20

_FEW = 1 << 14
"""Up to so many ids are found by their first byte, more by their first two: about 64 of them are searched at most, in
one call."""


class IdTable:
    """File ids as bytes in ascending order, each with its number."""

    def __init__(self, ids: bytes) -> None:
        """`ids` ascend and follow one another."""
        self.ids = ids
        self._prefix_bytes = 1 if len(ids) <= _FEW * ID_BYTES else 2
        prefixes = bytearray(self._prefix_bytes * len(self))
        for place in range(self._prefix_bytes):
            prefixes[place :: self._prefix_bytes] = ids[place::ID_BYTES]
        numbers = array("BH"[self._prefix_bytes - 1], bytes(prefixes))
        if sys.byteorder == "little":
            numbers.byteswap()
        counted = Counter(numbers)
        # where the ids of each prefix begin, in bytes, and where the last ones end
        self._begins = array(
            "L",
            itertools.accumulate(
                (ID_BYTES * counted[prefix] for prefix in range(256**self._prefix_bytes)),
                initial=0,
            ),
        )

    def __len__(self) -> int:
        return len(self.ids) // ID_BYTES

    def place(self, file_id: bytes) -> int:
        """The number of an id; -1 where there is none."""
        ids = self.ids
        prefix = file_id[0] << 8 | file_id[1] if self._prefix_bytes == 2 else file_id[0]
        begin, end = self._begins[prefix], self._begins[prefix + 1]
        at = ids.find(file_id, begin, end)
        while at > 0 and at % ID_BYTES:  # within two others
            at = ids.find(file_id, at + 1, end)
        return at // ID_BYTES


def packed(file_id: str) -> bytes | None:
    """The 20 bytes of a file id; None for any other text."""
    if len(file_id) != 2 * ID_BYTES:
        return None
    try:
        found = bytes.fromhex(file_id)
    except ValueError:
        return None
    return found if found.hex() == file_id else None  # capital digits and spaces are no file id


class FileIds(Set[str]):
    """A set of file ids that does not change."""

    def __init__(self, file_ids: Iterable[str] = ()) -> None:
        """Raises ValueError: one of them is no file id."""
        collector = FileIdCollector()
        for file_id in file_ids:
            collector.add(file_id)
        self._collector = collector

    @classmethod
    def of(cls, collector: FileIdCollector) -> FileIds:
        """Those that the collector has when the set is first asked."""
        made = cls()
        made._collector = collector
        return made

    @cached_property
    def table(self) -> IdTable:
        found = self._collector.table()
        del self._collector  # it is as large again
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"

    def __contains__(self, file_id: object) -> bool:
        one = packed(file_id) if isinstance(file_id, str) else None
        return one is not None and self.table.place(one) >= 0

    def __iter__(self) -> Iterator[str]:
        ids = self.table.ids
        return (ids[at : at + ID_BYTES].hex() for at in range(0, len(ids), ID_BYTES))

    def __len__(self) -> int:
        return len(self.table)


class FileIdCollector:
    """Collects file ids, in any order and several times, for a set."""

    def __init__(self) -> None:
        self._shards = [bytearray() for _ in range(256)]

    def add(self, file_id: str) -> None:
        """Raises ValueError: it is no file id."""
        one = bytes.fromhex(file_id)
        if len(one) != ID_BYTES:
            raise ValueError(f"not a file id: {file_id[:60]!r}")
        self._shards[one[0]] += one

    def table(self) -> IdTable:
        return IdTable(b"".join(map(_sorted, self._shards)))


def _sorted(ids: bytearray) -> bytes:
    return b"".join(sorted({bytes(ids[at : at + ID_BYTES]) for at in range(0, len(ids), ID_BYTES)}))
