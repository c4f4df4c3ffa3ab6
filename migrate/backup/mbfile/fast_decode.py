"""Reads MBFile archives by slicing instead of parsing, if they differ only in their values from one read before.

Phones write few layouts (143 among the 3,721 rows of an iPhone on iOS 14.3, *seen*). A layout is learned from the first
archive of its kind that the full decoder (decode.py) accepted. It applies to every archive that has the same bytes
everywhere except in the holes, and an offset table that matches:

    bplist00 | $top, $objects, the root and its keys                     literal
    numbers of the root, references, an inline Digest                    fixed holes and literals: one struct, one mask
    RelativePath | ... | Target | Digest | EncryptionKey | classes       holes of any length, fixed holes and literals
    offset table                                                         a sum, see `Layout.read`
    trailer                                                              literal, but for the table's place

Other programs may write the objects in another order, with texts in front of the numbers. Then nothing has the same
place in all archives of a layout, and those with as many objects are tried one after another.

Most archives have the same lengths as one before, and are read in one step (sized_layout.py).

Any other archive goes to the full decoder. A hole is a number, a text or data that becomes a field of the record; for
any value in it, the full decoder reads the same. A wrong result would need two archives that plistlib parses in the
same steps and yet decodes differently; tests/backup/test_mbfile_decode.py searches for one.

Source of the format: CFBinaryPList.c, and plistlib, which the full decoder uses.
"""

from __future__ import annotations

from collections import Counter

from migrate.backup.mbfile.layout import TABLE_ENTRY_BYTES, Fields, Layout
from migrate.backup.mbfile.learn_layout import UnusualArchive, learn_layout
from migrate.backup.mbfile.sized_layout import SizedLayout, at_these_lengths

_FINGERPRINT = slice(83, 140)  # in an archive of the usual order: the references of $objects and of the root
_MAX_LAYOUTS = 1_000  # about 4 KiB each; a hostile backup may have a new one in every row
_MAX_ALIKE = 64
"""Layouts of another order with as many objects. Trying one takes about 0.5 us."""
_MAX_FAILURES = 500
"""So many archives with as many objects teach nothing, then no other is learned from: that takes as long as decoding
it."""
_MAX_SIZED = 2_000
"""Offset tables whose archives are read in one step: about 3 KiB each."""
_MAX_SEEN = 10_000

_COUNT = slice(-24, -16)  # the number of objects, in the trailer


class Layouts:
    """The layouts seen so far. Several threads may use it; at worst, a layout is learned twice."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[int, dict[bytes, Layout]]] = {}
        self._count = 0
        self._others: dict[bytes, list[Layout]] = {}
        self._failures: Counter[bytes] = Counter()
        self._sized: dict[bytes, SizedLayout | None] = {}
        self._seen: set[int] = set()

    def __len__(self) -> int:
        return sum(len(layouts) for _, layouts in self._found.values()) + sum(map(len, self._others.values()))

    def read(self, blob: bytes) -> Fields | None:
        """The fields of an archive whose layout is known, in the order of FIELDS; None for any other bytes."""
        table_at = int.from_bytes(blob[-8:], "big")
        table = blob[table_at:]
        sized = self._sized.get(table)
        if sized is not None and (fields := sized.read(blob)) is not None:
            return fields
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return self._read_other(blob) if self._others else None
        layout = known[1].get(table[: known[0]])
        if layout is None or (fields := layout.read(blob, table_at)) is None:
            return None
        if sized is None and len(self._sized) < _MAX_SIZED:
            self._note_lengths(layout, blob, table_at, table)
        return fields

    def _note_lengths(self, layout: Layout, blob: bytes, table_at: int, table: bytes) -> None:
        """Note an offset table that is met for the second time: in a hostile backup each may be met once."""
        met = hash(table)
        if met in self._seen:
            if table not in self._sized:
                self._sized[table] = at_these_lengths(layout, blob, table_at)
        elif len(self._seen) < _MAX_SEEN:
            self._seen.add(met)
        else:
            self._seen = {met}

    def _read_other(self, blob: bytes) -> Fields | None:
        table_at = int.from_bytes(blob[-8:], "big")
        layouts = self._others.get(blob[_COUNT], ())
        for place, layout in enumerate(layouts):
            if (fields := layout.read(blob, table_at)) is not None:
                if place:  # most rows are of few layouts
                    self._others[blob[_COUNT]] = [layout, *(other for other in layouts if other is not layout)]
                return fields
        return None

    def with_inode(self, blob: bytes, inode: int) -> bytes | None:
        """An archive with another inode number and nothing else changed; None where its layout is not known."""
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return None
        table_at = int.from_bytes(blob[-8:], "big")
        layout = known[1].get(blob[table_at : table_at + known[0]])
        if layout is None or layout.read(blob, table_at) is None:
            return None
        return layout.with_inode(blob, table_at, inode)

    def learn(self, blob: bytes) -> None:
        """Learn the layout of an archive that the full decoder has accepted, unless it is unusual."""
        alike = blob[_COUNT]
        if self._failures[alike] >= _MAX_FAILURES:
            return
        try:
            layout, entries = learn_layout(blob)
        except UnusualArchive:
            self._failures[alike] += 1
            return
        if len(layout.head) < _FINGERPRINT.stop or layout.has_numbers_behind:
            self._others[alike] = [layout, *self._others.get(alike, ())][:_MAX_ALIKE]
            return
        if self._count >= _MAX_LAYOUTS:
            self._found, self._count = {}, 0
        entry_bytes, layouts = self._found.setdefault(blob[_FINGERPRINT], (entries * TABLE_ENTRY_BYTES, {}))
        table_at = int.from_bytes(blob[-8:], "big")
        layouts[blob[table_at : table_at + entry_bytes]] = layout
        self._count += 1
