"""Which of the files that a phone has just sent are not what it described in its manifest.

A cable, a hub or a driver may cut a file or add to it, and the seal is then of the wrong bytes. The row still has the
length that the phone announced. But another length alone is no damage: phones rewrite databases before they send them,
and an app may be writing to a file (facts 3.5). So a file of another length is right if the phone's own digest says so,
if it is encrypted and ends in padding, or if it is a complete database or the companion of one.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.backup.companions import database_of
from migrate.backup.crypto.cipher import encrypted_size
from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.folder import BackupFolder
from migrate.backup.held_shards import HeldShards
from migrate.backup.manifest.open import open_manifest
from migrate.backup.record import Kind, Record
from migrate.backup.verify.blobs import Blob, examine_all
from migrate.problems import BadRecord

_PAGE_SIZE, _PAGE_COUNT = slice(16, 18), slice(28, 32)
"""In the first 100 bytes of a database (*read*: https://www.sqlite.org/fileformat2.html)."""


def find_contradicted(folder: BackupFolder, password: str | None, received: Mapping[str, int]) -> list[Record]:
    """The files among `received` (file id -> stored bytes) that contradict their rows. Blocking.

    Raises:
        BackupUnreadable, PasswordMissing, WrongPassword: the manifest cannot be opened.
    """
    wrong: list[Record] = []
    with open_manifest(folder, password) as manifest, HeldShards(folder.path, flat=folder.is_flat) as shards:
        encrypted = manifest.is_encrypted
        for row in manifest.rows(lambda _: None):
            if row.flags & 7 != Kind.FILE or (stored_bytes := received.get(row.file_id)) is None:
                continue
            try:
                size = row.size()
                if size is None or stored_bytes == (encrypted_size(size) if encrypted else size):
                    continue
                record = row.record()
            except BadRecord:
                continue
            blob = Blob(
                record=record,
                shards=shards,
                stored_bytes=stored_bytes,
                sha256=None,
                encrypted=encrypted,
                digest_of_content=folder.is_flat,
            )
            if _is_contradicted(blob, manifest.class_keys):
                wrong.append(record)
    return wrong


def _is_contradicted(blob: Blob, class_keys: ClassKeys | None) -> bool:
    (examined,) = examine_all([blob], class_keys, read=True, on_read=lambda _: None)
    if not examined.is_sound:
        return True
    if blob.record.digest is not None or blob.encrypted or database_of(blob.record.relative_path) is not None:
        return False
    return examined.file_format != "database" or not _is_complete_database(blob)


def _is_complete_database(blob: Blob) -> bool:
    try:
        with BlobReader(blob.shards.open_regular(blob.record.file_id), None) as content:
            header = content.read(100, 0)
    except OSError:
        return False
    page_bytes = int.from_bytes(header[_PAGE_SIZE], "big")
    pages = int.from_bytes(header[_PAGE_COUNT], "big")
    return blob.stored_bytes == pages * (65536 if page_bytes == 1 else page_bytes)
