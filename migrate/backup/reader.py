"""A backup opened for reading: its records, and their contents as the phone had them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from migrate.backup.crypto import TornCiphertext, decrypted_chunks
from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.manifest import Manifest, OnBad
from migrate.backup.record import Kind, Record
from migrate.errors import BlobMissing, BlobUnreadable, KeyUnusable, UnsafeName

CHUNK_BYTES = 256 << 10
"""Decryption alone runs at 5.7 GB/s in chunks of 16 to 256 KiB and at 4.7 in 1 MiB, which leave the processor's cache
(measured, one core with AES instructions); reads of a quarter mebibyte keep the calls few."""


class Backup:
    """One backup, its manifest open. Close it, or use it as a context manager: keys live as long as it does."""

    def __init__(self, folder: BackupFolder, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"Backup({str(self.folder.path)!r})"

    @classmethod
    def open(cls, path: Path, password: str | None = None) -> Self:
        """The backup at `path`, or its only child that is one. Whether it was ever finished is not asked here:
        `folder.require_finished()` does.

        Raises:
            BackupNotFound, and what `Manifest.open` raises.
        """
        folder = BackupFolder(find_backup(path))
        return cls(folder, Manifest.open(folder, password))

    def close(self) -> None:
        self.manifest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self, on_bad: OnBad | None = None) -> Iterator[Record]:
        """Every record; see `Manifest.records`."""
        return self.manifest.records(on_bad)

    def record(self, domain: str, relative_path: str) -> Record | None:
        return self.manifest.record(domain, relative_path)

    def stored_path(self, record: Record) -> Path:
        """Where the stored bytes of a file lie: `ab/abcdef…`, or flat where an old host left them so. It may be
        missing. Raises UnsafeName where it leads out of the backup."""
        place = self.folder.blob(record.file_id)
        if not self.folder.is_flat and not place.exists():
            flat = self.folder.blob(record.file_id, sharded=False)
            if flat.is_file():
                return flat
        return place

    def chunks(self, record: Record, on_caught_mid_write: Callable[[], None] | None = None) -> Iterator[bytes]:
        """The content of a file in pieces of up to CHUNK_BYTES, decrypted, without padding, never cut to `size`.

        `on_caught_mid_write` is called after the last piece of a file that does not end in padding: an app was
        writing to it, and its tail may be old or torn. All of it has been given.

        Raises:
            BlobMissing, BlobUnreadable: while iterating. The backup's fault.
        """
        if record.kind is not Kind.FILE:
            raise ValueError(f"a {record.kind.name.lower()} has no content")
        stored = self._stored_chunks(record)
        keys = self.manifest.class_keys
        if keys is None:  # an unencrypted backup's files have keys too: not asked (*seen*, iOS 14.3)
            return stored
        if record.encryption_key is None:
            raise _unreadable(record, "the backup is encrypted and its row has no key")
        try:
            key = keys.unwrap(record.encryption_key)
        except KeyUnusable as error:
            raise _unreadable(record, f"its key cannot be unwrapped: {error.reason}") from error
        return _decrypted(record, stored, key, on_caught_mid_write)

    def read(self, record: Record, limit: int) -> bytes:
        """The whole content of a file that has at most `limit` bytes.

        Raises:
            BlobMissing, BlobUnreadable: also where there is more than `limit`.
        """
        content = bytearray()
        for chunk in self.chunks(record):
            content += chunk
            if len(content) > limit:
                raise _unreadable(record, f"it is longer than {limit:,} bytes")
        return bytes(content)

    def _stored_chunks(self, record: Record) -> Iterator[bytes]:
        try:
            path = self.stored_path(record)
            # O_NONBLOCK: a pipe in a stranger's folder must not hold us; Windows has neither pipes there nor the flag
            flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
            with os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _unreadable(record, "it is no regular file")
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError as error:
            raise BlobMissing(record.file_id, record.domain, record.relative_path) from error
        except UnsafeName as error:
            raise _unreadable(record, f"its place {error.reason}") from error
        except OSError as error:
            raise _unreadable(record, error.strerror or type(error).__name__) from error


def _decrypted(
    record: Record, stored: Iterator[bytes], key: bytes, on_unpadded: Callable[[], None] | None
) -> Iterator[bytes]:
    try:
        yield from decrypted_chunks(stored, key, on_unpadded)
    except TornCiphertext as error:
        raise _unreadable(record, "its stored length is no multiple of 16: something was cut off") from error


def _unreadable(record: Record, reason: str) -> BlobUnreadable:
    return BlobUnreadable(record.file_id, record.domain, record.relative_path, reason)
