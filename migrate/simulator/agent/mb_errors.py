"""The texts that phones send with each code of MBErrorDomain: `mb_errors.toml`, from facts 5.1."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

UNKNOWN = "The operation couldn't be completed"


@cache
def known_error_texts() -> Mapping[int, tuple[str, ...]]:
    """Maps a code to the texts phones are known to send with it, the most common first."""
    text = files(__package__).joinpath("mb_errors.toml").read_text(encoding="utf-8")
    return {int(code): tuple(texts) for code, texts in tomllib.loads(text).items()}


def usual_error_text(code: int) -> str:
    return known_error_texts().get(code, (UNKNOWN,))[0]
