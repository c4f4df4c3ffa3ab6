"""Writes a phone's files to this computer."""

from __future__ import annotations

from pathlib import Path

from migrate.backup.private_files import open_new
from migrate.backup.safe_path import inside
from migrate.simulator.device.filesystem import Filesystem


def write_files(files: Filesystem, into: Path) -> int:
    """Writes every file to `<into>/<Domain>/<path>` and returns how many. Creates `into` with mode 0700.

    Raises:
        OSError: the folder exists, cannot be written, or the phone kept only digests.
        UnsafeName: a name is not possible on this computer.
    """
    into.mkdir(mode=0o700, parents=True)
    count = 0
    for node in files.walk():
        place = inside(into, f"{node.domain}/{node.relative_path}")
        if node.kind == "directory":
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif node.kind == "file":
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open_new(place) as file:
                for chunk in node.content.chunks():
                    file.write(chunk)
            count += 1
    return count
