"""What a conversion may cost, and why one failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migrate.language import mark

TOO_LARGE = mark("it is too large to convert")
TOO_SLOW = mark("converting it took too long")
DAMAGED = mark("it is damaged, or of a format that migrate cannot read")


class Conversion(StrEnum):
    """What a file is turned into."""

    JPEG = "jpeg"
    """A picture (HEIC, PNG, GIF, TIFF, WebP, BMP, JPEG) -> JPEG, upright. Of several frames the first."""
    M4A = "m4a"
    """Sound (AMR, CAF, WAV, MP3, AAC, MPEG-4) -> AAC in MPEG-4."""
    POSTER = "poster"
    """A video (MPEG-4, QuickTime) -> its first picture as JPEG."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one conversion may cost. More is refused before or stopped while it happens."""

    source_bytes: int = 256 << 20
    result_bytes: int = 128 << 20
    pixels: int = 120_000_000
    """Before decoding. The largest panoramas of iPhones have 63 million pixels (*read*: Apple's specifications)."""
    seconds: float = 60.0
    """Until the process is killed. 12 megapixels of HEIC take 0.6 s of CPU time (*seen*)."""


class MediaUnreadable(ValueError):
    """A file could not be converted.

    Args:
        reason: one of TOO_LARGE, TOO_SLOW and DAMAGED, marked for translation.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
