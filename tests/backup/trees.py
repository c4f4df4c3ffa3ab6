"""A folder as it is: what a test compares before and after."""

from __future__ import annotations

from pathlib import Path


def tree(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Names, bytes, times and modes of everything in it, itself too. Links made of its files do not show."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
        )
        for path in [folder, *folder.rglob("*")]
    }
