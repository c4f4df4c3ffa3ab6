"""Generated files: they behave like all others, but need no memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.filesystem import Filesystem, Synthetic, sha256_of
from migrate.simulator.device.generated_files import GeneratedFiles
from migrate.simulator.device.phone import SimulatedPhone

APP = "AppDomain-com.example.archive"
MANY = GeneratedFiles(APP, "Documents/many", 2_500, 30, seed=4)


def a_disk(many: GeneratedFiles = MANY) -> Filesystem:
    files = Filesystem(lambda: 1_700_000_000)
    files.add_file("HomeDomain", "Library/x", b"stored")
    files.add_lazy(many)
    return files


def test_a_walk_yields_directories_before_their_files() -> None:
    seen: set[str] = set()
    files = 0
    for node in a_disk().walk(APP):
        assert not node.relative_path or node.relative_path.rpartition("/")[0] in seen
        assert node.relative_path not in seen
        seen.add(node.relative_path)
        files += node.kind == "file"
    assert files == 2_500
    assert {"", "Documents", "Documents/many", "Documents/many/00002"} <= seen


def test_get_returns_the_same_node_as_a_walk() -> None:
    disk = a_disk()
    walked = {node.relative_path: node for node in disk.walk(APP)}
    for path in ("", "Documents/many", "Documents/many/00001", "Documents/many/00000/00000000.dat"):
        assert disk.get(APP, path) == walked[path]
    last = "Documents/many/00002/00002499.dat"
    assert disk.get(APP, last) == walked[last]
    for path in ("Documents/many/00002/00002500.dat", "Documents/many/00001/00002499.dat", "Documents/other"):
        assert disk.get(APP, path) is None
    assert len({node.inode for node in disk.walk()}) == len(list(disk.walk()))
    digests = [digest for digest in disk.digests().values() if len(digest) == 64]
    assert len(set(digests)) == 2_501


def test_assorted_files_have_log_uniform_sizes_in_every_domain() -> None:
    phone = SimulatedPhone()
    spec = ContentsSpec(
        **dict.fromkeys(("messages", "attachments", "photos", "videos"), 0),
        assorted_files=3_000, assorted_bytes=300 << 20, assorted_domains=31,
    )  # fmt: skip
    fill(phone, spec, 7)
    walked = [node for node in phone.files.walk() if "assorted" in node.domain]
    assert len({node.domain for node in walked}) == 31
    for node in walked:
        assert phone.files.get(node.domain, node.relative_path) == node
    sizes = [node.size for node in walked if node.kind == "file"]
    assert len(sizes) == 3_000 and sum(sizes) == pytest.approx(300 << 20, rel=0.02)
    assert (
        0.8 < sum(1 << 10 < size < 2 << 10 for size in sizes) / sum(32 << 10 < size < 64 << 10 for size in sizes) < 1.2
    )
    some = walked[40].domain
    suffixes = (".dat", ".db-wal")
    assert [n for n in phone.files.files_ending_with(suffixes) if n.domain == some] == [
        n for n in walked if n.domain == some and n.kind == "file"
    ]
    assert not [n for n in phone.files.files_ending_with((".mov",)) if n.domain == some]
    assert {len(b"".join(n.content.chunks())) - n.size for n in walked[:200] if n.kind == "file"} == {0}


def test_generated_files_can_be_replaced_and_removed() -> None:
    disk, before = a_disk(), a_disk().total_bytes
    assert before == 75_000 + 6
    path = "Documents/many/00001/00001234.dat"
    old = disk.get(APP, path)
    assert old is not None
    new = disk.add_file(APP, path, b"another")
    assert (new.inode, new.changed > old.changed) == (old.inode, True)
    assert disk.total_bytes == before - 30 + 7
    twin = disk.copy()
    disk.remove(APP, "Documents/many/00000", recursive=True)
    assert disk.total_bytes == before - 30 + 7 - 30_000
    assert disk.get(APP, "Documents/many/00000/00000001.dat") is None
    assert twin.total_bytes == before - 30 + 7, "the copy is another disk"
    with pytest.raises(ValueError, match="not empty"):
        disk.remove(APP, "Documents/many/00002")
    placed = disk.put(replace(old, relative_path="Documents/many/00002/put"))
    assert disk.get(APP, "Documents/many/00002/put") == placed
    order = [node.relative_path for node in disk.walk(APP)]
    assert order.index("Documents/many/00002") < order.index("Documents/many/00002/put")
    assert len(order) == len(set(order))


def test_a_replace_removes_generated_files() -> None:
    disk = a_disk()
    disk.retain(APP, lambda node: node.relative_path.endswith("0007.dat"))
    assert [n.relative_path for n in disk.walk(APP) if n.kind == "file"] == ["Documents/many/00000/00000007.dat"]
    assert disk.get(APP, "Documents/many/00000") is not None and disk.get(APP, "Documents/many/00001") is None
    disk.retain(APP, lambda node: False)
    assert APP not in disk.domains() and list(disk.walk(APP)) == []


def test_a_million_files_and_a_hundred_gigabytes_need_no_memory() -> None:
    sha256_of(Synthetic(0, 4_096))  # all generated contents share 2 MB of noise, which a process makes once
    tracemalloc.start()
    try:
        phone = SimulatedPhone(capacity_bytes=1 << 40)
        fill(phone, ContentsSpec(empty=True), 1)
        before = tracemalloc.get_traced_memory()[0]
        disk = phone.files
        disk.add_lazy(GeneratedFiles(APP, "Documents/many", 1_000_000, 4_096))
        disk.add_lazy(GeneratedFiles(APP, "Documents/vast", 100, 1 << 30))
        assert disk.total_bytes > 111_000_000_000 and phone.free_bytes > 0
        assert sum(1 for _ in zip(disk.walk(APP), range(50_000), strict=False)) == 50_000
        node = disk.get(APP, "Documents/many/00999/00999999.dat")
        assert node is not None and len(sha256_of(node.content)) == 64
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000


def test_a_spec_puts_them_in_the_archive_app() -> None:
    phone = SimulatedPhone()
    fill(phone, ContentsSpec(messages=0, attachments=0, photos=0, videos=0, many_files=3, vast_bytes=(1 << 30) + 5), 7)
    assert "com.example.archive" in phone.apps
    sizes = sorted(node.size for node in phone.files.walk(APP) if node.kind == "file")
    assert sizes == [5, 4096, 4096, 4096, 1 << 30]
