"""lockdownd's error answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LockdownRefusal(Exception):
    """A refused request: lockdownd's `Error` string and its ExtendedResponse, if any."""

    def __init__(self, error: str, extended: Mapping[str, Any] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.extended = extended
