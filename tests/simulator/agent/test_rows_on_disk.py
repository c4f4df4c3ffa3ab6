"""Backups and restores of many files keep their rows on disk, not in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.manifest.manifest import Row
from migrate.backup.record import Kind, Record, file_id
from migrate.simulator.agent.consistent_copies import ConsistentCopies
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.agent.rows.pending_rows import PendingRows
from migrate.simulator.agent.rows.record_templates import RecordTemplates
from migrate.simulator.agent.rows.staged_rows import AT_RESTART, StagedRows
from migrate.simulator.agent.scan import Scan
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.filesystem import DigestOnly, Filesystem
from migrate.simulator.device.generated_files import GeneratedFiles
from migrate.simulator.device.phone import SimulatedPhone

APP = "AppDomain-com.example.notes"
NEW = "00008120-000000000000B0B0"
ROWS = 12_000
ROW_IN_MEMORY_BYTES = 800
"""Memory per record that is held (measured: 1,000 to 1,400)."""
REPLACE = {"RemoveItemsNotRestored": True}


def records(count: int = ROWS) -> Iterator[Record]:
    for number in range(-1, count):
        path = f"Documents/{number:08}" if number >= 0 else "Documents"
        kind = Kind.FILE if number >= 0 else Kind.DIRECTORY
        yield Record(
            file_id=file_id("HomeDomain", path),
            domain="HomeDomain",
            relative_path=path,
            kind=kind,
            mode=0o100644,
            inode=5_000 + number,
            user_id=501,
            group_id=501,
            size=100,
            modified=1_700_000_000,
            changed=1_700_000_000,
            born=1_700_000_000,
            protection_class=3,
            flags=0,
            encryption_key=None,
            digest=None,
            extended_attributes=None,
            target=None,
        )


@cache
def every_row() -> tuple[Row, ...]:
    templates = RecordTemplates("26.1")
    return tuple(
        Row(one.file_id, one.domain, one.relative_path, int(one.kind), templates.encode(one)) for one in records()
    )


def rows() -> Iterator[Row]:
    """Made before memory is measured."""
    return iter(every_row())


@contextmanager
def far_less_memory_than_rows() -> Iterator[None]:
    every_row()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < ROWS * ROW_IN_MEMORY_BYTES, f"{peak} bytes"


@pytest.mark.soak
@pytest.mark.parametrize("encrypted", [False, True])
def test_receiving_a_restore_holds_neither_rows_nor_nodes(encrypted: bool) -> None:
    with far_less_memory_than_rows():
        there = HostRows(rows(), encrypted=encrypted)
        assert there.first_duplicate() is None and len(there) == ROWS + 1
        staged = StagedRows(Spool("digests"), encrypted=encrypted)
        staged.fill(there.by_path())
        del there
        for expected in staged.files():
            staged.keep(expected.place, DigestOnly(expected.file_id.encode()[:32], 100))
        assert not staged.shared_inodes() and staged.claimed_bytes(files_only=True) == ROWS * 100
        disk = Filesystem()
        for many in staged.lazy_nodes(AT_RESTART):
            disk.add_lazy(many)
        assert disk.total_bytes == ROWS * 100
        assert sum(1 for _ in disk.walk()) == ROWS + 1
        one = disk.get("HomeDomain", "Documents/00010345")
        assert one is not None
        assert one.content == DigestOnly(file_id("HomeDomain", one.relative_path).encode()[:32], 100)


def test_a_backup_that_builds_on_another_holds_the_rows_of_neither() -> None:
    with far_less_memory_than_rows():
        base = HostRows(rows(), encrypted=False)
        pending = PendingRows("26.1", encrypted=False)
        pending.begin_plan()
        for row in every_row():
            known = base.known(row.file_id)
            assert known is not None
            pending.put_known(known, stored_size=100)
        pending.end_plan()
        assert sorted(base.file_ids_in("a7")) == sorted(pending.file_ids_in("a7")) != []
        assert not list(pending.file_ids_in("a7", uploaded_only=True))


def test_making_databases_consistent_holds_only_those_with_companions() -> None:
    disk = Filesystem(lambda: 1_700_000_000)
    disk.add_lazy(GeneratedFiles(APP, "Documents/many", ROWS, 30))
    disk.add_file("HomeDomain", "Library/a.db", b"no database")
    disk.add_file("HomeDomain", "Library/a.db-wal", b"a log")
    with far_less_memory_than_rows():
        scan = Scan(disk, Assumptions(), ConsistentCopies(), encrypted=True, check_link=lambda: None)
        assert sum(1 for _ in scan) == sum(1 for _ in disk.walk())


@pytest.mark.parametrize("password", [None, "correct-horse-1947"], ids=["plain", "encrypted"])
def test_rows_of_an_encrypted_backup_are_encrypted_on_disk(
    password: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = HostRows(rows(), encrypted=password is not None, cache_kib=64)  # so that much of it reaches the disk
    (file,) = tmp_path.rglob("rows")
    assert (b"Documents/0000" in file.read_bytes()) is (password is None)
    assert file.parent.stat().st_mode & 0o077 == 0
    del kept
    assert not list(tmp_path.iterdir())


def test_the_second_of_two_rows_with_one_path_is_found() -> None:
    every = [*list(rows())[:40], *list(rows())[7:9]]
    assert HostRows(every, encrypted=False).first_duplicate() == 40


@pytest.mark.parametrize("password", [None, "correct-horse-1947"], ids=["plain", "encrypted"])
def test_a_phone_that_keeps_digests_places_restored_files_lazily(
    host: Any, another: Callable[..., SimulatedPhone], password: str | None
) -> None:
    old = another(backup_password=password)
    old.files.add_lazy(GeneratedFiles(APP, "Documents/many", 300, 30, seed=4))
    secret = {"Password": password} if password else {}
    assert host.backup(old)["ErrorCode"] == 0
    keeping, digesting = another(udid=NEW), another(udid=NEW, keeps="digests")
    for new in (keeping, digesting):
        for _ in range(2):  # the second time over what the first brought
            assert host.restore(new, old.udid, **REPLACE, **secret)["ErrorCode"] == 0
            new.reboot()
    assert digesting.files.digests() == keeping.files.digests()
    assert digesting.used_bytes == keeping.used_bytes
    inodes = [node.inode for node in digesting.files.walk()]
    assert len(inodes) == len(set(inodes))
    for new in (keeping, digesting):
        new.files.add_file(APP, "Documents/many/00000/00000007.dat", b"mine")
        new.files.remove(APP, "Documents/many/00000/00000008.dat")
    assert digesting.files.digests() == keeping.files.digests()


def test_an_incremental_backup_of_many_files_sends_only_changes(
    host: Any, another: Callable[..., SimulatedPhone]
) -> None:
    phone = another()
    phone.files.add_lazy(GeneratedFiles(APP, "Documents/many", 300, 30, seed=4))
    host.backup(phone)
    phone.files.add_file(APP, "Documents/many/00000/00000007.dat", b"changed")
    phone.files.remove(APP, "Documents/many/00000/00000008.dat")
    assert host.backup(phone)["ErrorCode"] == 0
    changed, gone = (file_id(APP, f"Documents/many/00000/0000000{n}.dat") for n in (7, 8))
    folder = host.root / phone.udid
    assert (folder / changed[:2] / changed).read_bytes() == b"changed"
    assert not (folder / gone[:2] / gone).exists()
    sent = [name for name in host.uploaded if "/Snapshot/" in name and "Manifest" not in name]
    assert sent == [f"{phone.udid}/Snapshot/{changed[:2]}/{changed}"]
