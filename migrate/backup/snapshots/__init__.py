"""Earlier states of backups, kept as hard links."""

from __future__ import annotations
