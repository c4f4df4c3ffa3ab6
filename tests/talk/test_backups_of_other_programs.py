"""Every command that reads backups, on backups made by other programs. None of their bytes changes."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Migrate

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MINTED = ("plain-backup", "encrypted-backup", "no-size-backup")
PASSWORD = "test-password-1234"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data that others wrote is not beside the project")


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.fixture(autouse=True)
def untouched(migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the password after the `migrate` fixture has cleared the environment."""
    before = {folder: tree(DATA / folder) for folder in ("minted", "ios14-real-manifest")}
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", PASSWORD)
    yield
    assert {folder: tree(DATA / folder) for folder in before} == before


@pytest.fixture
def minted(tmp_path: Path) -> Path:
    """Copies of the three small backups, in the current folder."""
    for name in MINTED:
        shutil.copytree(DATA / "minted" / name, tmp_path / "here" / name)
    return tmp_path / "here"


@pytest.mark.parametrize("name", MINTED)
def test_show_counts_all_of_them(migrate: Migrate, name: str) -> None:
    shown = migrate("show", DATA / "minted" / name, "--json")
    assert shown.code == 0, shown
    files = sum(row["files"] for row in (*shown.json["categories"], *shown.json["apps"], *shown.json["unclaimed"]))
    assert files == 4
    messages = next(row for row in shown.json["categories"] if row["id"] == "messages")
    assert messages["files"] == 1


def test_backups_lists_them_and_says_what_could_not_be_read(
    migrate: Migrate, minted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(DATA / "ios14-real-manifest" / "backup", minted / "ios14")
    monkeypatch.chdir(minted)
    answer = migrate("backups", "--json")
    found = {Path(one["backup"]).name: one for one in map(json.loads, answer.out.splitlines())}
    assert found.keys() == {*MINTED, "ios14"}
    assert {name: found[name]["encrypted"] for name in MINTED} == {name: name == "encrypted-backup" for name in MINTED}
    assert found["ios14"]["ios_version"] == "14.3" and found["ios14"]["encrypted"] is False
    assert found["ios14"]["finished"] is None, "it has no Status.plist"


@pytest.mark.parametrize("name", MINTED)
def test_a_damaged_backup_is_repaired_without_its_phone(migrate: Migrate, minted: Path, name: str) -> None:
    blob = max((path for path in (minted / name).glob("??/*")), key=lambda path: path.stat().st_size)
    blob.unlink()
    healed = migrate("repair", minted / name, "--without-phone", "--json")
    assert healed.code == 0, healed
    assert (healed.json["verdict"], healed.json["files"]) == ("whole", 3)
    assert [record["file_id"] for record in healed.json["dropped"]] == [blob.name]
    assert Path(healed.json["kept"]).is_dir()


def test_an_incomplete_backup_is_not_repaired_without_its_phone(migrate: Migrate, tmp_path: Path) -> None:
    copy = tmp_path / "ios14"
    shutil.copytree(DATA / "ios14-real-manifest" / "backup", copy)
    before = tree(copy)
    answer = migrate("repair", copy, "--without-phone", "--json")
    assert (answer.code, answer.error["code"]) == (30, "cannot-repair-without-phone")
    assert tree(copy) == before
