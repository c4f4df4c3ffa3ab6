"""Manifest.db read in pieces: SQLite gets the same bytes as from the whole file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.stored_content import PIECE_BYTES, PIECES_KEPT
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.manifest.vfs import ManifestPages, connect
from migrate.backup.record import Kind, Record, file_id
from migrate.problems import BackupUnreadable
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

KEY = bytes(range(32))
PAGE_BYTES = 4096


def stored(tmp_path: Path, size: int, key: bytes | None) -> tuple[Path, bytes]:
    """A file that begins like a database of `size` bytes, and what must be read from it."""
    plain = b"SQLite format 3\0" + PAGE_BYTES.to_bytes(2, "big") + b"\2\2" + random.Random(size).randbytes(size - 20)
    path = tmp_path / "Manifest.db"
    path.write_bytes(b"".join(encrypted_chunks([plain], key)) if key else pad_manifest(plain))
    return path, plain[:18] + b"\1\1" + plain[20:]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("size", [PAGE_BYTES, PIECE_BYTES, PIECE_BYTES + PAGE_BYTES, 12 * PIECE_BYTES - PAGE_BYTES])
def test_any_range_reads_as_in_the_whole_file(tmp_path: Path, size: int, key: bytes | None) -> None:
    path, plain = stored(tmp_path, size, key)
    pages = ManifestPages(path, key)
    chance = random.Random(size)
    assert (pages.size, pages.is_padded) == (size, True)
    assert pages.read(size + 100, 0) == plain
    for _ in range(100):
        at, amount = chance.randrange(size), chance.choice([1, 16, 100, PAGE_BYTES, PIECE_BYTES + 7])
        assert pages.read(amount, at) == plain[at : at + amount]
        assert len(pages._pieces) <= PIECES_KEPT
    assert pages.read(10, size) == pages.read(10, size + PIECE_BYTES) == b""
    pages.close()


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_last_byte_that_only_looks_like_padding_is_kept(tmp_path: Path, key: bytes | None) -> None:
    path, _ = stored(tmp_path, 3 * PAGE_BYTES, key)
    plain = (
        path.read_bytes()[: 3 * PAGE_BYTES - 1] + b"\1"
        if key is None
        else b"".join(chunk for chunk in encrypted_chunks([bytes(PAGE_BYTES - 1) + b"\1"], key))[:PAGE_BYTES]
    )
    path.write_bytes(plain)
    pages = ManifestPages(path, key)
    # of an encrypted one without a header nothing can be said, so there the byte counts as padding
    assert pages.size == len(plain) - (key is not None)
    pages.close()


def many(count: int) -> bytes:
    writer = MemoryManifest("17.5.1")
    for number in range(count):
        path = f"Library/{number}"
        writer.add(
            Record(
                file_id=file_id("HomeDomain", path),
                domain="HomeDomain",
                relative_path=path,
                kind=Kind.FILE,
                mode=0o100644,
                inode=number + 2,
                user_id=501,
                group_id=501,
                size=number,
                modified=1_700_000_000,
                changed=1_700_000_000,
                born=1_600_000_000,
                protection_class=3,
                flags=0,
                encryption_key=None,
                digest=None,
                extended_attributes=bytes(9_000) if number % 50 == 0 else None,
                target=None,
            )
        )
    return writer.to_bytes()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_all_rows_of_a_manifest_of_many_pieces_are_read(make_backup: Callable[..., Any], encrypted: bool) -> None:
    backup = make_backup(encrypted=encrypted)
    database = many(3_000)
    assert len(database) > 2 * PIECES_KEPT * PIECE_BYTES // 4
    stored_bytes = encrypt_manifest(database, backup.manifest_key) if encrypted else pad_manifest(database)
    (backup.path / "Manifest.db").write_bytes(stored_bytes)
    with open_manifest(BackupFolder(backup.path), backup.password) as manifest:
        assert list(manifest.find_faults()) == []
        assert [record.size for record in manifest.records()] == list(range(3_000))
        found = manifest.record("HomeDomain", "Library/2999")
        assert found is not None and found.size == 2_999


def test_a_manifest_cut_while_it_is_read_raises_backup_unreadable(make_backup: Callable[..., Any]) -> None:
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.db").write_bytes(pad_manifest(many(3_000)))
    with open_manifest(BackupFolder(backup.path), None) as manifest:
        os.truncate(backup.path / "Manifest.db", 10 * PAGE_BYTES)
        with pytest.raises(BackupUnreadable):
            list(manifest.records())


def test_closing_the_connection_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "Manifest.db"
    path.write_bytes(pad_manifest(many(3)))
    pages = ManifestPages(path, None)
    connection = connect(pages)
    assert connection.execute("SELECT count(*) FROM Files").fetchall() == [(3,)]
    connection.close()
    with pytest.raises(ValueError, match="closed"):
        pages.read(PAGE_BYTES, 0)


def test_the_manifests_vfs_opens_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "Manifest.db"
    path.write_bytes(pad_manifest(many(3)))
    connection = connect(ManifestPages(path, None))
    for other in (str(path), "manifest-0", "/etc/passwd"):
        with pytest.raises(apsw.CantOpenError):
            connection.execute("ATTACH ? AS other", (other,))
    connection.close()
