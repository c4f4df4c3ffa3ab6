"""The programs whose backups are found on a computer."""

from __future__ import annotations

from migrate.language import mark

PROGRAM_NAMES = {
    "finder": mark("from Finder"),
    "itunes": mark("from iTunes"),
    "apple-devices": mark("from Apple Devices"),
    "migrate": mark("from migrate"),
    "here": mark("in the current folder"),
}
