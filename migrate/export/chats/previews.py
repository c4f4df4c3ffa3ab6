"""JPEG and M4A beside attachments that browsers do not show: HEIC pictures, and voice messages in CAF and AMR."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from migrate.export.folder import ExportFolder, Place
from migrate.export.media.converter import MediaConverter
from migrate.export.media.limits import Conversion, MediaUnreadable
from migrate.pages.media_types import HEIC

_LONGEST_SIDE = 1600
"""Pixels: larger than any bubble, and a tenth of the bytes of the original."""
_CONVERSIONS = {
    HEIC: (Conversion.JPEG, ".jpg"),
    "audio/x-caf": (Conversion.M4A, ".m4a"),
    "audio/amr": (Conversion.M4A, ".m4a"),
}


class Previews:
    """Makes them in a child process that ends with `close`."""

    def __init__(self, export: ExportFolder) -> None:
        self._export = export
        self._converter = MediaConverter()

    def close(self) -> None:
        self._converter.close()

    def of(self, path: str, found: str, files: Place, key: str) -> str | None:
        """The preview of a copied file: its path under the export's root. None if it needs none, or if it cannot be
        converted: the original is there.

        Args:
            path: of the copy, under the export's root.
            found: what its first bytes say it is.
        """
        wanted = _CONVERSIONS.get(found)
        if wanted is None or (written := self._export.ledger.written(path)) is None:
            return None
        conversion, extension = wanted

        def make(part: Path) -> bool:
            try:
                source = self._export.root / path
                side = _LONGEST_SIDE if conversion is Conversion.JPEG else None
                part.write_bytes(self._converter.convert(conversion, source, longest_side=side))
            except MediaUnreadable:
                return False
            return True

        name = PurePosixPath(path).name + extension
        return files.made(name, f"preview {written.sha256.hex()}", make, key=f"{key}/preview")
