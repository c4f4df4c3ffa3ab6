"""lockdownd's way of saying no."""

from __future__ import annotations


class LockdownRefusal(Exception):
    """lockdownd's `Error` string."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error
