"""Stores that a newer iOS keeps in another place: it moves them after a restore.

The places are *read* (iLEAPP, traceloupe); that the migration moves the files as they are is *guessed*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from migrate.simulator.device.phone import SimulatedPhone

WasRestored = Callable[[str, str], bool]


@dataclass(frozen=True)
class Move:
    """From iOS `since` on the files below a folder that match `names` are below another folder."""

    since: int
    domain: str
    folder: str
    new_domain: str
    new_folder: str
    names: str = ".+"


MOVES = (
    Move(
        17, "HomeDomain", "Library/Reminders/Container_v1/", "AppDomainGroup-group.com.apple.reminders", "Container_v1/"
    ),
    Move(
        17,
        "MediaDomain",
        "Media/Recordings/",
        "AppDomainGroup-group.com.apple.VoiceMemos.shared",
        "Recordings/",
        r"CloudRecordings\.db(-wal|-shm)?|[^/]+\.(m4a|qta)|[^/]+\.composition/.+|\.CloudRecordings_SUPPORT/.+",
    ),
)


def move_stores(phone: SimulatedPhone, was_restored: WasRestored, before: int, after: int) -> WasRestored:
    """Moves restored files. Returns `was_restored` for their new places too. A file that is there already stays."""
    moved: set[tuple[str, str]] = set()
    for move in MOVES:
        if not before < move.since <= after:
            continue
        for node in list(phone.files.walk(move.domain)):
            name = node.relative_path.removeprefix(move.folder)
            if node.kind != "file" or name == node.relative_path or not re.fullmatch(move.names, name):
                continue
            path = move.new_folder + name
            if was_restored(move.domain, node.relative_path) and phone.files.get(move.new_domain, path) is None:
                phone.files.put(replace(node, domain=move.new_domain, relative_path=path))
                phone.files.remove(move.domain, node.relative_path)
                moved.add((move.new_domain, path))
    return lambda domain, path: (domain, path) in moved or was_restored(domain, path)
