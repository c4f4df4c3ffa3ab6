"""The simulated iPhone's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.simulator.device.filesystem import Bytes, Filesystem, OnDisk, Synthetic, read_content, sha256_of


def test_adding_a_file_creates_its_ancestors_and_the_domain_root() -> None:
    files = Filesystem()
    files.add_file("HomeDomain", "Library/SMS/sms.db", b"rows")
    assert [(n.relative_path, n.kind) for n in files.walk()] == [
        ("", "directory"),
        ("Library", "directory"),
        ("Library/SMS", "directory"),
        ("Library/SMS/sms.db", "file"),
    ]
    assert files.total_bytes == 4


def test_a_file_rewritten_within_the_same_second_is_seen_as_changed() -> None:
    files = Filesystem(clock=lambda: 1_700_000_000)
    before = files.add_file("HomeDomain", "a", b"one")
    after = files.add_file("HomeDomain", "a", b"two")
    assert (after.inode, after.born) == (before.inode, before.born)
    assert after.changed > before.changed and after.modified > before.modified


def test_a_walk_is_a_snapshot() -> None:
    files = Filesystem()
    files.add_file("HomeDomain", "a", b"one")
    seen = files.walk()
    files.remove("HomeDomain", "", recursive=True)
    assert [n.relative_path for n in seen] == ["", "a"]
    assert files.domains() == []


def test_copies_are_independent() -> None:
    files = Filesystem()
    files.add_file("HomeDomain", "a", b"one")
    twin = files.copy()
    twin.add_file("HomeDomain", "a", b"two")
    assert files.digests() != twin.digests()
    assert read_content(files.get("HomeDomain", "a").content) == b"one"  # type: ignore[union-attr]


def test_retain_keeps_the_ancestors_of_kept_nodes() -> None:
    files = Filesystem()
    files.add_file("HomeDomain", "a/b/stays", b"")
    files.add_file("HomeDomain", "a/c/goes", b"")
    files.add_file("HomeDomain", "a-b", b"")
    files.retain("HomeDomain", lambda node: node.relative_path == "a/b/stays")
    assert [n.relative_path for n in files.walk()] == ["", "a", "a/b", "a/b/stays"]
    files.retain("HomeDomain", lambda _: False)
    assert files.domains() == []


def test_digests_distinguish_kinds() -> None:
    files = Filesystem()
    files.add_symlink("HomeDomain", "link", "/private/var")
    files.add_file("HomeDomain", "empty", b"")
    digests = files.digests()
    assert digests["HomeDomain/"] == "dir"
    assert digests["HomeDomain/link"] == "->/private/var"
    assert digests["HomeDomain/empty"].startswith("e3b0c442")


@pytest.mark.parametrize("path", ["../x", "a//b", "/etc", "a/./b", "nul\0"])
def test_invalid_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a valid path on a phone"):
        Filesystem().add_file("HomeDomain", path, b"")


def test_a_file_cannot_have_children_and_a_directory_cannot_become_a_file() -> None:
    files = Filesystem()
    files.add_file("HomeDomain", "a/b", b"")
    with pytest.raises(ValueError, match="not a directory"):
        files.add_file("HomeDomain", "a/b/c", b"")
    with pytest.raises(ValueError, match="already"):
        files.add_file("HomeDomain", "a", b"")
    with pytest.raises(ValueError, match="not empty"):
        files.remove("HomeDomain", "a")


@pytest.mark.parametrize("size", [0, 3, 1 << 20, (1 << 20) + 1, (3 << 20) + 7])
def test_synthetic_content_has_its_size_and_never_changes(size: int) -> None:
    one, two = Synthetic(7, size), Synthetic(7, size)
    assert sum(map(len, one.chunks())) == size
    assert list(one.chunks()) == list(two.chunks())
    assert size < 8 or sha256_of(one) != sha256_of(Synthetic(8, size))


def test_content_on_disk_reads_like_content_in_memory(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello" * 1000)
    assert read_content(OnDisk(tmp_path / "x")) == read_content(Bytes(b"hello" * 1000))
    assert OnDisk(tmp_path / "x").size == 5000
