"""A backup opened for reading: its records and their decrypted contents."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Self

from migrate.backup.crypto.cipher import PLAIN_SPARE_BYTES, TruncatedCiphertext, decrypted_chunks, decrypted_views
from migrate.backup.crypto.stored_content import BlobReader, open_regular_file
from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.manifest.manifest import Manifest, OnBad
from migrate.backup.manifest.open import open_manifest
from migrate.backup.record import Kind, Record
from migrate.problems import BlobChanged, BlobMissing, BlobUnreadable, KeyUnusable, UnsafeName

CHUNK_BYTES = 256 << 10
"""Decryption alone runs at 5.7 GB/s in chunks of 16 to 256 KiB and at 4.7 GB/s in chunks of 1 MiB, which exceed the
processor's cache (measured, one core with AES instructions); the largest of the fast sizes needs the fewest calls."""


class Backup:
    """One backup with its manifest open. Close it, or use it as a context manager: it holds keys in memory."""

    def __init__(self, folder: BackupFolder, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._sealed: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Backup({str(self.folder.path)!r})"

    @classmethod
    def open(cls, path: Path, password: str | None = None) -> Self:
        """Open the backup at `path`, or in its only child that is one. It may be unfinished: see
        `folder.require_finished()`.

        Raises:
            BackupNotFound, and what `open_manifest` raises.
        """
        folder = BackupFolder(find_backup(path))
        return cls(folder, open_manifest(folder, password))

    def close(self) -> None:
        self.manifest.close()

    def hold_to(self, sha256_by_file_id: Mapping[str, str]) -> None:
        """From now on `chunks` compares the stored bytes of these files with their digests while reading them, and
        raises BlobChanged at the end of a file that differs. Digests: 64 hex digits (see `Seal.digests`)."""
        self._sealed = sha256_by_file_id

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
        """The path of a file's stored bytes: `ab/abcdef…`, or directly in the backup where an old host put it. The file
        may be missing. Raises UnsafeName where it leads out of the backup."""
        place = self.folder.blob(record.file_id)
        if not self.folder.is_flat and not place.exists():
            flat = self.folder.blob(record.file_id, sharded=False)
            if flat.is_file():
                return flat
        return place

    def chunks(self, record: Record, on_caught_mid_write: Callable[[], None] | None = None) -> Iterator[bytes]:
        """The content of a file in pieces of up to CHUNK_BYTES, decrypted, without padding, never cut to `size`.

        `on_caught_mid_write` is called after the last piece of a file that does not end in padding: an app was writing
        to it during the backup, and its end may be old or torn.

        Raises:
            BlobMissing, BlobUnreadable: while iterating. The backup's fault.
            BlobChanged: at the end, perhaps before the last piece was yielded: see `hold_to`.
        """
        key = self._key_of(record)
        sealed = self._sealed.get(record.file_id)
        stored = self._stored_chunks(record) if sealed is None else self._held_chunks(record, sealed)
        return stored if key is None else _decrypted(record, stored, key, on_caught_mid_write)

    def copy(
        self,
        record: Record,
        write: Callable[[memoryview], object],
        on_stored: Callable[[memoryview], object] = lambda piece: None,
    ) -> bool:
        """Pass the content of a file to `write` in the pieces of `chunks`; a piece is valid until `write` returns.
        `on_stored` gets the stored bytes first. Several threads may do so at once. Returns False if the content does
        not end in padding.

        Raises:
            BlobMissing, BlobUnreadable, and what `write` raises.
        """
        key = self._key_of(record)
        with self._stored_file(record) as file:
            fill = _reading(record, file, on_stored)
            if key is None:
                view = memoryview(_buffers.stored)
                while count := fill(view):
                    write(view[:count])
                return True
            views = decrypted_views(fill, key, _buffers.stored, _buffers.plain)
            while True:
                try:
                    view = next(views)
                except StopIteration as end:
                    return bool(end.value)
                except TruncatedCiphertext as error:
                    raise _torn(record) from error
                write(view)

    def opened(self, record: Record) -> BlobReader:
        """The content of a file, decrypted, to be read at any offset. Close it. Its `read` raises OSError.

        Raises:
            BlobMissing, BlobUnreadable
        """
        key = self._key_of(record)
        try:
            return BlobReader(self._stored_file(record), key, pieces_kept=1)
        except OSError as error:
            raise _unreadable(record, error.strerror or type(error).__name__) from error

    def _key_of(self, record: Record) -> bytes | None:
        """The key of a file's content, None in an unencrypted backup (whose files have keys too, *seen*, iOS 14.3)."""
        if record.kind is not Kind.FILE:
            raise ValueError(f"a {record.kind.name.lower()} has no content")
        keys = self.manifest.class_keys
        if keys is None:
            return None
        if record.encryption_key is None:
            raise _unreadable(record, "the backup is encrypted and its row has no key")
        try:
            return keys.unwrap(record.encryption_key)
        except KeyUnusable as error:
            raise _unreadable(record, f"its key cannot be unwrapped: {error.reason}") from error

    def read(self, record: Record, limit: int) -> bytes:
        """The whole content of a file of at most `limit` bytes.

        Raises:
            BlobMissing, BlobUnreadable: also where it is longer than `limit`.
        """
        content = bytearray()
        for chunk in self.chunks(record):
            content += chunk
            if len(content) > limit:
                raise _unreadable(record, f"it is longer than {limit:,} bytes")
        return bytes(content)

    def _stored_chunks(self, record: Record) -> Iterator[bytes]:
        with self._stored_file(record) as file:
            try:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
            except OSError as error:
                raise _unreadable(record, error.strerror or type(error).__name__) from error

    def _held_chunks(self, record: Record, sealed: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in self._stored_chunks(record):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != sealed:
            raise BlobChanged(record.file_id, record.domain, record.relative_path)

    def _stored_file(self, record: Record) -> FileIO:
        try:
            return open_regular_file(self.stored_path(record))
        except FileNotFoundError as error:
            raise BlobMissing(record.file_id, record.domain, record.relative_path) from error
        except UnsafeName as error:
            raise _unreadable(record, f"its place {error.reason}") from error
        except OSError as error:
            raise _unreadable(record, error.strerror or type(error).__name__) from error


class _Buffers(threading.local):
    """Buffers of each thread for reading and decrypting: allocating one for every piece costs more than decrypting
    it."""

    def __init__(self) -> None:
        self.stored = bytearray(CHUNK_BYTES)
        self.plain = bytearray(CHUNK_BYTES + PLAIN_SPARE_BYTES)


_buffers = _Buffers()


def _reading(record: Record, file: FileIO, on_stored: Callable[[memoryview], object]) -> Callable[[memoryview], int]:
    def fill(buffer: memoryview) -> int:
        try:
            count = file.readinto(buffer)
        except OSError as error:
            raise _unreadable(record, error.strerror or type(error).__name__) from error
        on_stored(buffer[:count])
        return count

    return fill


def _decrypted(
    record: Record, stored: Iterator[bytes], key: bytes, on_unpadded: Callable[[], None] | None
) -> Iterator[bytes]:
    try:
        yield from decrypted_chunks(stored, key, on_unpadded)
    except TruncatedCiphertext as error:
        raise _torn(record) from error


def _torn(record: Record) -> BlobUnreadable:
    return _unreadable(record, "its stored length is no multiple of 16: something was cut off")


def _unreadable(record: Record, reason: str) -> BlobUnreadable:
    return BlobUnreadable(record.file_id, record.domain, record.relative_path, reason)
