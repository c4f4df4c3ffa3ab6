"""The command `migrate backups`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.backup.locations import BackupSummary
from migrate.talk.commands.backups import format_backup

if TYPE_CHECKING:
    from conftest import Migrate

KEYS = ["backup", "place", "udid", "name", "model", "ios_version", "saved", "encrypted", "finished", "bytes", "problem"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home directory, and an empty current folder."""
    person, empty = tmp_path / "person", tmp_path / "empty"
    person.mkdir()
    empty.mkdir()
    monkeypatch.setattr(Path, "home", lambda: person)
    monkeypatch.chdir(empty)
    return person


def test_backups_here_are_listed_one_object_a_line(
    migrate: Migrate, plain_backup: Path, encrypted_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain_backup.parent.parent)
    answer = migrate("backups", "--json")
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 0 and answer.err == ""
    assert {one["backup"]: one["encrypted"] for one in found} == {str(plain_backup): False, str(encrypted_backup): True}
    assert all(list(one) == KEYS and one["place"] == "here" and one["problem"] is None for one in found)


def test_text_output_shows_each_folder_and_no_control_characters(
    migrate: Migrate, encrypted_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (encrypted_backup / "Manifest.plist").write_bytes(b"garbage")
    monkeypatch.chdir(encrypted_backup.parent)
    answer = migrate("backups")
    assert f"  {encrypted_backup}" in answer.out.splitlines() and "\x1b" not in answer.out
    words = " ".join(answer.out.split())
    assert "iPhone, 2026-01-02 00:00 UTC, encrypted, finished" in words
    assert "Not all of it could be read: Manifest.plist" in words


def test_our_own_backups_are_found_in_the_home(migrate: Migrate, plain_backup: Path, home: Path) -> None:
    (home / "backups").mkdir(parents=True)
    plain_backup.rename(home / "backups" / plain_backup.name)
    (line,) = migrate("backups", "--json").out.splitlines()
    assert json.loads(line)["place"] == "migrate"


def test_finder_backups_are_found_and_a_closed_folder_says_how_to_allow_access(
    migrate: Migrate, plain_backup: Path, somebody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    place = somebody / "Library" / "Application Support" / "MobileSync" / "Backup"
    place.mkdir(parents=True)
    plain_backup.rename(place / plain_backup.name)
    assert "from Finder" in migrate("backups").out

    def closed(path: Path) -> list[Path]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("migrate.backup.locations._folders_in", closed)
    answer = migrate("backups")
    assert answer.code == 0 and "operation not permitted" in answer.out
    assert "Full Disk Access" in " ".join(answer.err.split())


def test_without_backups_the_searched_folders_are_listed(migrate: Migrate, home: Path) -> None:
    answer = migrate("backups")
    assert (answer.code, answer.out) == (0, "") and str(home / "backups") in answer.err
    assert migrate("backups", "--json").out == ""
    assert not home.exists(), "looking makes nothing"


def test_unknown_facts_are_left_out() -> None:
    glanced = BackupSummary(backup=Path("b"), place="here", udid="b")
    assert format_backup(glanced)[0] == "(no name), in the current folder"


def test_the_page_about_backups_names_every_key() -> None:
    page = (ROOT / "docs" / "backups.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page] == []
