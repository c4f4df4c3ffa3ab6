"""lockdownd's way of saying no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LockdownRefusal(Exception):
    """lockdownd's `Error` string, and what its ExtendedResponse has."""

    def __init__(self, error: str, extended: Mapping[str, Any] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.extended = extended
