"""What files that SQLite reaches through us have in common: nobody else has them open, so no lock means anything."""

from __future__ import annotations

SECTOR_BYTES = 4096


class UnsharedFile:
    """The methods of an open file that have nothing to do, by the names that SQLite gives them."""

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR_BYTES
