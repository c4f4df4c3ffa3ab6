"""What a stranger's file is, by its first bytes: only pictures, sound and film are shown in a page.

A name proves nothing: attachments in a backup often have no extension, and a file called `photo.jpg` may be a web page.
SVG and PDF are never shown: both can contain scripts.
"""

from __future__ import annotations

HEAD_BYTES = 64
"""As many first bytes are enough."""
UNKNOWN = "application/octet-stream"
HEIC = "image/heic"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"caff\x00\x01", "audio/x-caf"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_BRANDS: dict[bytes, str] = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"avif": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "), "video/mp4"),
}
"""The first brand of an ISO media file (ISO 14496-12), the format of HEIC, MOV, MP4 and M4A."""
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_MPEG_AUDIO = (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9")
_INLINE = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"),
        *("audio/mpeg", "audio/mp4", "audio/wav", "audio/flac", "audio/ogg", "audio/aac"),
        *("video/mp4", "video/quicktime", "video/webm"),
    }
)
"""What the usual browsers show. A film in MOV plays where its codec does."""


def media_type(head: bytes) -> str:
    """The type of a content that begins like this; UNKNOWN if it is none of those that can be verified."""
    for beginning, found in _BEGINNINGS:
        if head.startswith(beginning):
            return found
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], UNKNOWN)
    if head[4:8] in (b"moov", b"mdat", b"wide"):  # QuickTime from before it named brands
        return "video/quicktime"
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], UNKNOWN)
    if head.startswith(_MPEG_AUDIO[3:]):
        return "audio/aac"
    return "audio/mpeg" if head.startswith(_MPEG_AUDIO[:3]) else UNKNOWN


def is_shown_in_page(found: str) -> bool:
    """Whether a content of this type may be shown in a page. All others are downloads."""
    return found in _INLINE
