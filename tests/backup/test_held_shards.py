"""Shards that are held open: links are not followed, also not ones that are put in place later."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from migrate.backup import held_shards, open_files
from migrate.backup.held_shards import HeldShards

NAME, OTHER, THIRD = "ab" * 20, "cd" * 20, "ef" * 20


@pytest.fixture(params=["by descriptor", "by path"])
def backup(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Windows cannot open files in an open folder, and takes the second way."""
    if request.param == "by path":
        monkeypatch.setattr(held_shards, "_BY_DESCRIPTOR", False)
    elif not held_shards._BY_DESCRIPTOR:
        pytest.skip("this system does not open files in an open folder")
    folder = tmp_path / "backup"
    for name in (NAME, OTHER):
        (folder / name[:2]).mkdir(parents=True)
        (folder / name[:2] / name).write_bytes(name.encode())
    return folder


def symlink(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this user may not make symbolic links")


def test_files_are_read_and_measured(backup: Path) -> None:
    with HeldShards(backup) as shards:
        for name in (NAME, OTHER, NAME):
            assert shards.status(name).st_size == 40
            for expected in (0, 40, 41, 500):
                assert shards.read_small(name, expected) == name.encode(), "also where it grew or shrank"
            with shards.open_regular(name) as file:
                assert file.read() == name.encode()
        for missing in (THIRD, NAME[:-1] + "0"):
            for look in (shards.status, shards.open_regular):
                with pytest.raises(FileNotFoundError):
                    look(missing)


def test_old_backups_have_their_files_in_the_folder_itself(backup: Path) -> None:
    (backup / NAME).write_bytes(b"flat")
    with HeldShards(backup, flat=True) as shards:
        assert shards.read_small(NAME, 4) == b"flat"


def test_a_shard_that_is_a_link_counts_as_missing(backup: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / THIRD).write_bytes(b"a secret")
    symlink(backup / THIRD[:2], elsewhere)
    (backup / "00").write_bytes(b"no folder")
    with HeldShards(backup) as shards:
        for name in (THIRD, "00" * 20):
            for look in (shards.status, shards.open_regular):
                with pytest.raises(FileNotFoundError):
                    look(name)


def test_a_stored_file_that_is_a_link_or_a_folder_is_not_read(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"a secret")
    link, folder = backup / "ab" / f"{NAME[:-1]}1", backup / "ab" / f"{NAME[:-1]}2"
    symlink(link, tmp_path / "secret")
    folder.mkdir()
    with HeldShards(backup) as shards:
        for place in (link, folder):
            with pytest.raises(OSError):
                shards.read_small(place.name, 8)
            with pytest.raises(OSError):
                shards.open_regular(place.name)
        assert shards.status(link.name).st_size != 8 or link.is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes have names here")
def test_a_pipe_does_not_block(backup: Path) -> None:
    os.mkfifo(backup / "ab" / f"{NAME[:-1]}3")
    with HeldShards(backup) as shards, pytest.raises(OSError, match="no regular file"):
        shards.read_small(f"{NAME[:-1]}3", 8)


@pytest.mark.skipif(not held_shards._BY_DESCRIPTOR, reason="needs folders that stay open")
def test_a_link_put_in_the_place_of_a_shard_changes_nothing(tmp_path: Path) -> None:
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    for folder, content in ((backup / "ab", b"mine"), (elsewhere, b"theirs")):
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(content)
    with HeldShards(backup) as shards:
        assert shards.read_small(NAME, 4) == b"mine"
        (backup / "ab").rename(backup / "moved")
        (backup / "ab").symlink_to(elsewhere, target_is_directory=True)
        assert shards.read_small(NAME, 4) == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_more_shards_than_files_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(open_files, "WANTED", 0)
    names = [f"{number:02x}" * 20 for number in range(256)]
    for name in names:
        (tmp_path / name[:2]).mkdir()
        (tmp_path / name[:2] / name).write_bytes(name.encode())
    used = len(os.listdir("/dev/fd"))  # noqa: PTH208
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 60, before[1]))
    try:
        with HeldShards(tmp_path) as shards:
            assert [shards.read_small(name, 40).decode() for name in names * 2] == names * 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_of_another_length_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that should be small may be gigabytes long."""
    (tmp_path / NAME[:2]).mkdir()
    (tmp_path / NAME[:2] / NAME).write_bytes(b"mine")
    with HeldShards(tmp_path) as shards:
        assert shards.read_of_length(NAME, 4) == b"mine"
        monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
        assert shards.read_of_length(NAME, 3) is None
        assert shards.read_of_length(NAME, 5) is None
