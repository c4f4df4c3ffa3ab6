"""Re-keys a record for the restore set.

    the same keys                   the stored file is linked, the row is unchanged: `SameKeys`
    another keybag, both encrypted  the stored file is linked, its key is wrapped again: `RewrappedKeys`
    one encrypted, one not          the content is written again, piece by piece: `ReencryptedContent`

Only the row's key changes, for a rewritten file its digest and size, and for another phone's set the form of a digest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from migrate.backup.crypto.cipher import KEY_BYTES, encrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.mbfile.edit import ArchiveChange, CannotEdit, edit_archive
from migrate.backup.private_files import open_new
from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.problems import BlobMissing, BlobUnreadable, KeyUnusable

DEFAULT_PROTECTION_CLASS = 3
"""The protection class of a file that has none, or one without a key in the set's keybag: protected until the first
unlock after a start, the class that iOS gives by default (most app files, *seen* iOS 14.3). *Guessed* that a phone
accepts it for any file."""


class CannotIncludeRecord(Exception):
    """A record cannot be in the set; `reason` completes "it is left out: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SameKeys:
    """The set has the keys of this backup, or neither is encrypted."""

    is_linked = True

    def __init__(self, source: Manifest) -> None:
        self._source = source
        self.keys = source.class_keys
        self._prefixes = _prefixes(source.class_keys)

    def check(self, key: bytes | None) -> None:
        """Raises CannotIncludeRecord where the set's keybag cannot unwrap `key`."""
        if self._source.class_keys is None or (key is not None and key[:4] in self._prefixes):
            return
        if key is None:
            raise CannotIncludeRecord("its row has no key")
        raise CannotIncludeRecord(f"the backup has no key for its protection class, {protection_class_of(key)}")

    def protection_class_for(self, record: Record) -> int:
        """The protection class a file has in the set."""
        return record.protection_class if record.encryption_key is None else protection_class_of(record.encryption_key)

    def archive(self, row: Row, key: bytes | None, inode: int | None) -> bytes:
        """The row's archive in the set; `key` is its key in the backup. Raises CannotIncludeRecord."""
        return with_inode(row, inode)


class RewrappedKeys(SameKeys):
    """Both are encrypted with different keybags. The stored bytes and their digest do not change."""

    def __init__(self, source: Manifest, keys: ClassKeys, *, inline_digest: bool | None = None) -> None:
        """`inline_digest`: the form of a digest in the set's rows, None for the backup's own."""
        super().__init__(source)
        self.keys = keys
        self._set_prefixes = _prefixes(keys)
        self._inline_digest = inline_digest

    def check(self, key: bytes | None) -> None:
        super().check(key)
        if key is not None and key[:4] not in self._set_prefixes:
            raise CannotIncludeRecord(
                f"the new phone's backup has no key for its protection class, {protection_class_of(key)}"
            )

    def archive(self, row: Row, key: bytes | None, inode: int | None) -> bytes:
        assert key is not None and self._source.class_keys is not None and self.keys is not None
        try:
            file_key = self._source.class_keys.unwrap(key)
        except KeyUnusable as error:
            raise CannotIncludeRecord(f"its key cannot be unwrapped: {error.reason}") from error
        wrapped = self.keys.wrap(protection_class_of(key), file_key)
        return _edit_row(
            row, ArchiveChange(inode=inode, encryption_key=wrapped, inline_digest=self._inline_digest), key
        )


class ReencryptedContent(SameKeys):
    """One is encrypted and the other is not: every content is decrypted or encrypted into a new stored file."""

    is_linked = False

    def __init__(self, source: Manifest, keys: ClassKeys | None, *, inline_digest: bool | None = None) -> None:
        """`inline_digest`: the form of a digest in the set's rows, None for the backup's own."""
        super().__init__(source)
        self.keys = keys
        self._inline_digest = inline_digest
        self._backup = Backup(source.folder, source)

    def protection_class_for(self, record: Record) -> int:
        found = super().protection_class_for(record)
        if self.keys is None:
            return record.protection_class
        return found if found in self.keys.classes else DEFAULT_PROTECTION_CLASS

    def write(self, row: Row, inode: int | None, target: Path) -> tuple[bytes, int, bytes]:
        """Write the content to `target`, a new file. Returns the row's archive, the number of stored bytes, and their
        SHA-256.

        Raises:
            BadRecord: its row is damaged.
            CannotIncludeRecord: the content cannot be read or its row cannot be written; `target` is removed.
            OSError: it cannot be written here.
        """
        record = row.record()
        written = _ContentTotals()
        plain = written.plain(self._content(record))
        key, protection_class = b"", None
        if self.keys is not None:
            file_key = os.urandom(KEY_BYTES)
            plain = encrypted_chunks(plain, file_key)
            protection_class = self.protection_class_for(record)
            key = self.keys.wrap(protection_class, file_key)
        try:
            with open_new(target) as file:
                for chunk in written.stored(plain):
                    file.write(chunk)
            change = ArchiveChange(
                inode=inode,
                encryption_key=key,
                digest=None if record.digest is None else written.digest,
                size=written.plain_bytes,
                protection_class=protection_class,
                inline_digest=self._inline_digest,
            )
            return _edit_row(row, change), written.stored_bytes, written.sha256
        except CannotIncludeRecord:
            target.unlink(missing_ok=True)
            raise

    def _content(self, record: Record) -> Iterator[bytes]:
        try:
            yield from self._backup.chunks(record)
        except (BlobMissing, BlobUnreadable) as error:
            raise CannotIncludeRecord(
                "its stored bytes are not in the backup" if isinstance(error, BlobMissing) else error.reason
            ) from error


class _ContentTotals:
    """Lengths and digests of the content that streams through."""

    def __init__(self) -> None:
        self.plain_bytes = self.stored_bytes = 0
        self._sum = hashlib.sha1(usedforsecurity=False)
        self._seal = hashlib.sha256()

    def plain(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.plain_bytes += len(chunk)
            yield chunk

    def stored(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.stored_bytes += len(chunk)
            self._sum.update(chunk)
            self._seal.update(chunk)
            yield chunk

    @property
    def digest(self) -> bytes:
        return self._sum.digest()

    @property
    def sha256(self) -> bytes:
        return self._seal.digest()


def protection_class_of(encryption_key: bytes) -> int:
    """The protection class stored in front of a wrapped key. It equals the row's ProtectionClass, which some hosts
    leave out (*seen*: the minted test backups)."""
    return int.from_bytes(encryption_key[:4], "little")


def with_inode(row: Row, inode: int | None) -> bytes:
    """The archive of a directory or symbolic link with another inode number; None keeps its own. Raises
    CannotIncludeRecord."""
    return row.file if inode is None else _edit_row(row, ArchiveChange(inode=inode))


def _prefixes(keys: ClassKeys | None) -> frozenset[bytes]:
    """The first bytes of the wrapped keys that `keys` can unwrap."""
    return frozenset(found.to_bytes(4, "little") for found in (keys.classes if keys else ()))


def _edit_row(row: Row, change: ArchiveChange, key: bytes | None = None) -> bytes:
    try:
        return edit_archive(row.file, change, key=key)
    except CannotEdit as error:
        raise CannotIncludeRecord(f"its row cannot be written anew: {error.reason}") from error
