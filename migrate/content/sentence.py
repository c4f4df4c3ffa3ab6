"""Names and texts of a backup, made short and harmless for the middle of a sentence."""

from __future__ import annotations

LONGEST = 60
_JOINER = "\N{ZERO WIDTH JOINER}"  # it joins the parts of an emoji, and people put emoji into names


def shortened(text: str, longest: int = LONGEST) -> str:
    """`text` in one line without control characters, at most `longest` characters."""
    cleaned = "".join(c if c.isprintable() or c == _JOINER else " " for c in text[: longest * 4])
    line = " ".join(cleaned.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
