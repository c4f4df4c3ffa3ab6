"""The programs whose backups are found on a computer."""

from __future__ import annotations

PROGRAM_NAMES = {
    "finder": "Finder's",
    "itunes": "iTunes'",
    "apple-devices": "Apple Devices'",
    "migrate": "migrate's own",
    "here": "in the current folder",
}
