"""Whatever only reads a backup leaves it as it was: names, bytes, dates, and nothing new in it or beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.talk.cli import run_command_line
from tests.backup.test_mbdb import OldBackup
from tests.backup.test_mbdb import fill as fill_old
from tests.damaged.defect import MESSAGES, flipped, healthy_backup

Tree = dict[str, tuple[int, int, int, bytes]]


def tree(folder: Path) -> Tree:
    """Every name with its kind and mode, its date to the nanosecond, how many names it has, and its bytes."""
    found: Tree = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        stat = path.lstat()
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_mtime_ns, stat.st_nlink, content)
    return found


def encrypted(folder: Path) -> Path:
    return healthy_backup(folder, encrypted=True).path


def plain(folder: Path) -> Path:
    return healthy_backup(folder, encrypted=False).path


def damaged(folder: Path) -> Path:
    """A damaged manifest in WAL mode, which SQLite would try to recover."""
    backup = healthy_backup(folder, encrypted=False)
    backup.blob(*MESSAGES).write_bytes(flipped(0.5)(backup.blob(*MESSAGES).read_bytes()))
    (backup.path / "Manifest.db").write_bytes((backup.path / "Manifest.db").read_bytes()[:-4112])
    return backup.path


def before_ios_10(folder: Path) -> Path:
    path = folder / "backups" / "old"
    path.mkdir(parents=True)
    return fill_old(OldBackup(path)).write().path


COMMANDS: dict[str, tuple[str, ...]] = {
    "verify": ("verify",),
    "verify --quick": ("verify", "--quick"),
    "show": ("show",),
    "extract": ("extract", "--to", "TO"),
    "backups": ("backups",),
}


@pytest.mark.parametrize("make", [encrypted, plain, before_ios_10, damaged], ids=lambda make: make.__name__)
def test_no_command_that_reads_changes_a_backup(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIGRATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse-1947")
    path = make(tmp_path)
    before = tree(path.parent)
    for name, (command, *words) in COMMANDS.items():
        about = [] if command == "backups" else [str(path)]
        code = run_command_line([command, *about, *(str(tmp_path / "out") if word == "TO" else word for word in words)])
        capfd.readouterr()
        assert code == 0 or make is damaged, name
        assert tree(path.parent) == before, name
    monkeypatch.delenv("MIGRATE_BACKUP_PASSWORD")
    run_command_line(["verify", str(path)])
    assert tree(path.parent) == before, "without its password"
