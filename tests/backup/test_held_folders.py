"""Folders that are checked once and then used through a handle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate.backup import held_folders
from migrate.backup.held_folders import FEWEST_HANDLES, HeldFolder, HeldFolders
from migrate.problems import UnsafeName

BOTH = pytest.mark.parametrize("handles", [True, False], ids=["with handles", "without, as on Windows"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "ab").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return tmp_path / "root"


def write(folder: HeldFolder, name: str, content: bytes) -> None:
    descriptor = folder.create(name)
    os.write(descriptor, content)
    os.close(descriptor)


@BOTH
def test_files_are_created_renamed_and_removed_in_held_folders(
    root: Path, handles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_folders, "HAS_HANDLES", handles and held_folders.HAS_HANDLES)
    (root / "cd" / "ef").mkdir(parents=True)
    held = HeldFolders(root)
    write(held.get("ab"), "one", b"1")
    write(held.get("ab"), "two", b"2")
    write(held.get("cd/ef"), "two", b"old")
    held.get("ab").replace("two", held.get("cd/ef"), "two")
    held.get("ab").unlink("one")
    held.get("ab").sync()
    held.forget()
    assert list((root / "ab").iterdir()) == []
    assert (root / "cd/ef/two").read_bytes() == b"2"
    if os.name != "nt":
        assert (root / "cd/ef/two").stat().st_mode & 0o777 == 0o600


@BOTH
def test_a_new_file_takes_nothing_s_place_and_follows_no_link(
    root: Path, handles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_folders, "HAS_HANDLES", handles and held_folders.HAS_HANDLES)
    (root / "ab" / "there").write_bytes(b"1")
    (root / "ab" / "link").symlink_to(root.parent / "outside" / "new")
    held = HeldFolders(root)
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            held.get("ab").create(name)
    held.forget()
    assert not (root.parent / "outside" / "new").exists()


@BOTH
@pytest.mark.parametrize("name", ["link", "link/deeper", "..", "ab/../../outside", ""])
def test_no_folder_outside_is_ever_held(root: Path, name: str, handles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_folders, "HAS_HANDLES", handles and held_folders.HAS_HANDLES)
    (root.parent / "outside" / "deeper").mkdir()
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(UnsafeName):
        HeldFolders(root).get(name)


@BOTH
def test_a_link_that_stays_inside_may_be_used(root: Path, handles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_folders, "HAS_HANDLES", handles and held_folders.HAS_HANDLES)
    (root / "cd").symlink_to("ab")
    held = HeldFolders(root)
    write(held.get("cd"), "one", b"1")
    held.forget()
    assert (root / "ab" / "one").read_bytes() == b"1"


@BOTH
def test_what_is_no_folder_or_not_there_is_an_error(root: Path, handles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_folders, "HAS_HANDLES", handles and held_folders.HAS_HANDLES)
    (root / "ab" / "file").write_bytes(b"1")
    with pytest.raises(NotADirectoryError):
        HeldFolders(root).get("ab/file")
    with pytest.raises(FileNotFoundError):
        HeldFolders(root).get("cd")


@pytest.mark.skipif(not held_folders.HAS_HANDLES, reason="this system has no handles of folders")
def test_a_link_put_in_a_folder_s_place_later_leads_nowhere(root: Path) -> None:
    held = HeldFolders(root)
    held.get("ab")
    (root / "ab").rename(root / "moved")
    (root / "ab").symlink_to(root.parent / "outside")
    write(held.get("ab"), "one", b"1")
    held.forget()
    assert (root / "moved" / "one").read_bytes() == b"1"
    assert list((root.parent / "outside").iterdir()) == []
    with pytest.raises(UnsafeName):
        held.get("ab")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells what is open")
def test_a_thousand_folders_need_no_thousand_open_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_folders, "open_folders_allowed", lambda most: 0)
    held = HeldFolders(root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1_000):
        (root / str(number)).mkdir()
        held.get("ab")
        write(held.get(str(number)), "one", b"1")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + FEWEST_HANDLES
    assert list(held._held)[-2:] == ["ab", "999"], "what was used last is kept"
    held.forget()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
