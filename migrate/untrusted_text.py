"""Text from phones, backups and other strangers: what may not be shown as it is."""

from __future__ import annotations

import re

CONTROL_CHARACTERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters (but not the newline), marks that turn the reading direction, and halves of characters."""


def without_control_characters(text: str) -> str:
    """The text with a visible sign in the place of each control character."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
