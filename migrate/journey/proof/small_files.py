"""Compare small files of two backups whole, each read in one call from a shard that is held open.

Most of a phone's files are small. In two encrypted backups each has a key of its own, so their contents have to be
compared; hashing both, or following two paths to them, would take longer than that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from migrate.backup.crypto.cipher import BLOCK_BYTES, decrypted_blocks, encrypted_size, padding_length
from migrate.backup.held_shards import HeldShards
from migrate.backup.manifest.manifest import Row
from migrate.journey.proof.evidence import Side
from migrate.problems import BadRecord, KeyUnusable

SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class SmallFiles:
    """The small files of one backup."""

    side: Side
    shards: HeldShards

    @classmethod
    @contextmanager
    def of(cls, side: Side) -> Iterator[Self]:
        folder = side.backup.folder
        with HeldShards(folder.path, flat=folder.is_flat) as shards:
            yield cls(side, shards)

    def sealed_content(self, row: Row, sha256: bytes, stored_bytes: int) -> bytes | None:
        """The whole content of a file that its seal describes like this, as `Backup.chunks` yields it in pieces; None
        where it cannot be told like this, because it is large, not as sealed, or in any way unusual: `chunks` finds
        out."""
        if stored_bytes > SMALL_BYTES:
            return None
        try:
            stored = self.shards.read_of_length(row.file_id, stored_bytes)
            if stored is None or hashlib.sha256(stored).digest() != sha256:
                return None
            return self._decrypted(row, stored)
        except (OSError, BadRecord, KeyUnusable):
            return None

    def has_content(self, row: Row, content: bytes) -> bool:
        """Whether a file has this content. False also where it cannot be told like this."""
        is_encrypted = self.side.backup.manifest.is_encrypted
        try:
            stored = self.shards.read_of_length(
                row.file_id, encrypted_size(len(content)) if is_encrypted else len(content)
            )
            return stored is not None and self._decrypted(row, stored) == content
        except (OSError, BadRecord, KeyUnusable):
            return False

    def _decrypted(self, row: Row, stored: bytes) -> bytes | None:
        """None where it is not encrypted as phones do it. Raises BadRecord, KeyUnusable."""
        keys = self.side.backup.manifest.class_keys
        if keys is None:
            return stored
        wrapped = row.copied()[1]
        if wrapped is None or not stored or len(stored) % BLOCK_BYTES:
            return None
        plain = decrypted_blocks(stored, b"", keys.unwrap(wrapped))
        padding = padding_length(plain[-BLOCK_BYTES:])
        return None if padding is None else plain[:-padding]
