"""What the files of both virtual file systems have in common: one process opens them, so locks do nothing."""

from __future__ import annotations

SECTOR_BYTES = 4096


class UnsharedFile:
    """The methods of an open file that do nothing, with SQLite's method names."""

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
