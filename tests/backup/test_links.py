"""A backup linked into another folder: no space, no change, whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.links import link_tree, replace_folder
from migrate.problems import DiskFullHere, StrangeFileInBackup


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_linked_backup_shares_every_file_and_is_private(make_backup: Any, tmp_path: Path) -> None:
    source = make_backup().path
    kept = tmp_path / "kept"
    link_tree(source, kept)
    assert tree(kept) == tree(source)
    for path in source.rglob("*"):
        twin = kept / path.relative_to(source)
        if path.is_file():
            assert twin.stat().st_ino == path.stat().st_ino
        elif os.name != "nt":
            assert stat.S_IMODE(twin.stat().st_mode) == 0o700


def test_where_links_cannot_be_made_files_are_copied(
    make_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_backup().path

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    kept = tmp_path / "kept"
    link_tree(source, kept)
    assert tree(kept) == tree(source)
    blob = next(path for path in kept.rglob("*") if path.is_file())
    original = source / blob.relative_to(kept)
    assert blob.stat().st_ino != original.stat().st_ino
    assert blob.stat().st_mtime == original.stat().st_mtime


def test_linking_again_replaces_the_earlier_copy(make_backup: Any, tmp_path: Path) -> None:
    source = make_backup().path
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "left over").write_bytes(b"from an earlier attempt")
    link_tree(source, kept)
    assert tree(kept) == tree(source)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_full_disk_leaves_nothing_half_written_and_keeps_the_earlier_copy(
    make_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_backup().path
    kept = tmp_path / "kept"
    link_tree(source, kept)
    before = tree(kept)
    count = 0
    real = os.link

    def until_full(*places: Any, **how: Any) -> None:
        nonlocal count
        count += 1
        if count > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*places, **how)

    monkeypatch.setattr(os, "link", until_full)
    with pytest.raises(DiskFullHere) as full:
        link_tree(source, kept)
    assert full.value.exit_code == 33
    assert tree(kept) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups", "kept"]


def test_leftovers_of_a_killed_attempt_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".kept.building-0badcafe"
    left.mkdir()
    (left / "half").write_bytes(b"half")
    (tmp_path / ".kept-by-somebody-else").mkdir()
    with replace_folder(tmp_path / "kept") as building:
        (building / "whole").write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".kept-by-somebody-else", "kept"]


def test_a_link_inside_a_backup_is_refused_and_not_followed(make_backup: Any, tmp_path: Path) -> None:
    source = make_backup().path
    (tmp_path / "secret").write_bytes(b"not part of it")
    try:
        (source / "ab").mkdir(exist_ok=True)
        (source / "ab" / ("ab" + "0" * 38)).symlink_to(tmp_path / "secret")
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    with pytest.raises(StrangeFileInBackup):
        link_tree(source, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("into", ["", "inside", ".."])
def test_a_backup_is_never_linked_into_or_over_itself(make_backup: Any, into: str) -> None:
    source = make_backup().path
    before = tree(source)
    with pytest.raises(ValueError, match="lie in one another"):
        link_tree(source, source / into)
    assert tree(source) == before
