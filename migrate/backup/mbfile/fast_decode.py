"""MBFile archives that differ only in their values are read by slicing: no property list is parsed.

Phones write a handful of layouts (143 among the 3,721 rows of an iPhone on iOS 14.3, *seen*). One is learned from the
first archive of its kind that the full decoder accepted; what it found out then holds for every archive that has the
same bytes everywhere but in the holes, and an offset table that says so:

    bplist00 | $top, $objects, the root and its keys                     literal
    numbers of the root, references, an inline Digest                    fixed holes and literals: one struct, one mask
    RelativePath | ... | Target | Digest | EncryptionKey | classes       holes of any length, fixed holes and literals
    offset table                                                         a sum, see `Layout.read`
    trailer                                                              literal, but for the table's place

Anything else is declined, and the full decoder has the word. A hole is a number, a text or data that the record takes
over: whatever stands there, the full decoder reads the same. So a wrong answer would need two archives that are the
same to plistlib's every step and yet decode differently. tests/backup/test_mbfile_decode.py looks for one.

Source of the format: CFBinaryPList.c, and plistlib, which is the full decoder's.
"""

from __future__ import annotations

from migrate.backup.mbfile.layout import TABLE_ENTRY_BYTES, Fields, Layout
from migrate.backup.mbfile.learn_layout import UnusualArchive, learn_layout

_FINGERPRINT = slice(83, 140)  # the references of $objects and of the root in an archive of the usual order
_LAYOUTS_AT_MOST = 1_000  # about 4 KiB each; a stranger's backup may bring a new one with every row


class Layouts:
    """The layouts met so far. Several threads may use it: at worst, one is learned twice."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[int, dict[bytes, Layout]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return sum(len(layouts) for _, layouts in self._found.values())

    def read(self, blob: bytes) -> Fields | None:
        """The fields of an archive whose layout is known, as FIELDS has them; None for any other bytes."""
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return None
        table_at = int.from_bytes(blob[-8:], "big")
        layout = known[1].get(blob[table_at : table_at + known[0]])
        return None if layout is None else layout.read(blob, table_at)

    def with_inode(self, blob: bytes, inode: int) -> bytes | None:
        """An archive that `read` knows, with another inode number and nothing else changed. None: written in full."""
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return None
        table_at = int.from_bytes(blob[-8:], "big")
        layout = known[1].get(blob[table_at : table_at + known[0]])
        if layout is None or layout.read(blob, table_at) is None:
            return None
        return layout.with_inode(blob, table_at, inode)

    def learn(self, blob: bytes) -> None:
        """Remember the layout of an archive that the full decoder has just accepted, if it is one to remember."""
        try:
            layout, entries = learn_layout(blob)
        except UnusualArchive:
            return
        if self._count >= _LAYOUTS_AT_MOST:
            self._found, self._count = {}, 0
        entry_bytes, layouts = self._found.setdefault(blob[_FINGERPRINT], (entries * TABLE_ENTRY_BYTES, {}))
        table_at = int.from_bytes(blob[-8:], "big")
        layouts[blob[table_at : table_at + entry_bytes]] = layout
        self._count += 1
