"""`<home>/auto/<UDID>.json`: what has happened with an iPhone's automatic backups so far."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.private_files import FOLDER_MODE, write_atomically
from migrate.backup.safe_path import inside
from migrate.journey.home import Home

FOLDER = "auto"


@dataclass(frozen=True, kw_only=True)
class State:
    """Times are aware."""

    since: datetime | None = None
    """When the schedule was turned on."""
    last_good: datetime | None = None
    """The last backup that finished, by whichever command."""
    last_try: datetime | None = None
    last_code: str | None = None
    """The code of the problem of the last try; None if it went well."""
    last_why: str | None = None
    """The same as a sentence."""
    not_before: datetime | None = None
    """No try before: somebody was asked for the passcode a moment ago."""
    told_overdue: datetime | None = None


def read_state(home: Path, udid: str) -> State:
    """What is known; nothing if the file is missing or damaged: then the next backup is due."""
    try:
        stored: dict[str, Any] = json.loads(_path(home, udid).read_text(encoding="utf-8"))
        values: dict[str, Any] = {name: _value(name, stored.get(name)) for name in asdict(State())}
        return State(**values)
    except (OSError, ValueError, TypeError, AttributeError):
        return State()


def state_of(home: Home, udid: str) -> State:
    """What is known, with backups that other commands made."""
    state = read_state(home.path, udid)
    if not home.has_finished_backup(udid):
        return state
    made = BackupFolder(home.working_backup(udid)).status_date
    if made is None or (state.last_good is not None and made <= state.last_good):
        return state
    return replace(state, last_good=made, last_code=None, last_why=None)


def write_state(home: Path, udid: str, state: State) -> None:
    folder = home / FOLDER
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    values = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(state).items()
    }
    write_atomically(_path(home, udid), (json.dumps(values, ensure_ascii=False) + "\n").encode())


def forget_state(home: Path, udid: str) -> None:
    """Remove it, and the folder if it was the last."""
    _path(home, udid).unlink(missing_ok=True)
    folder = home / FOLDER
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _path(home: Path, udid: str) -> Path:
    return inside(home / FOLDER, f"{udid}.json")


_TEXTS = frozenset({"last_code", "last_why"})


def _value(name: str, stored: object) -> object:
    if stored is None or not isinstance(stored, str):
        return None
    if name in _TEXTS:
        return stored
    moment = datetime.fromisoformat(stored)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
