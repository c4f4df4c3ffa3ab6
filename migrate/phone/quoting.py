"""What a phone says, made safe to show: it is a stranger, and a terminal obeys control characters."""

from __future__ import annotations

import reprlib
import unicodedata

SAID_LIMIT = 300
NAME_LIMIT = 80


_sketch = reprlib.Repr()
_sketch.maxlevel = 2  # what a phone says may be nested a hundred levels deep, and name one part a million times
_sketch.maxstring = _sketch.maxother = SAID_LIMIT


def safe_text(text: object, limit: int = SAID_LIMIT) -> str:
    """`text` in one line of at most `limit` characters, without anything a terminal or a reader could trip over."""
    raw_text = text if isinstance(text, str) else str(text) if isinstance(text, BaseException) else _sketch.repr(text)
    # 4 * limit: enough to fill the limit after most characters fell away, and a bound for what a phone may make us do
    shown = "".join(" " if _harmful(character) else character for character in raw_text[: 4 * limit])
    line = " ".join(shown.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _harmful(character: str) -> bool:
    """Control, format (right-to-left overrides among them), private and unassigned characters, line separators.

    U+200D joins the parts of an emoji, and owners do put those into a phone's name.
    """
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character != "\u200d"
