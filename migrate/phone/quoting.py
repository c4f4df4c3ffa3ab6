"""Make text from a phone safe to show: it is untrusted, and terminals obey control characters."""

from __future__ import annotations

import reprlib
import unicodedata

TEXT_LIMIT = 300
NAME_LIMIT = 80


_bounded_repr = reprlib.Repr()
_bounded_repr.maxlevel = 2  # a phone's value may be nested a hundred levels deep and repeat one part a million times
_bounded_repr.maxstring = _bounded_repr.maxother = TEXT_LIMIT


def safe_text(text: object, limit: int = TEXT_LIMIT) -> str:
    """`text` on one line of at most `limit` characters, without control or invisible characters."""
    raw_text = str(text) if isinstance(text, str | BaseException) else _bounded_repr.repr(text)
    # 4 * limit: enough to fill the limit after dropping most characters, and a bound on the work per text
    shown = "".join(" " if _is_harmful(character) else character for character in raw_text[: 4 * limit])
    line = " ".join(shown.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _is_harmful(character: str) -> bool:
    """Whether it is a control, format (e.g. right-to-left override), private, unassigned or line-separator character.

    U+200D is allowed: it joins the parts of an emoji, and people put emoji into a phone's name.
    """
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character != "\u200d"
