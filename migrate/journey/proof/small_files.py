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

from migrate.backup.crypto.cipher import BLOCK_BYTES, decrypted_blocks, padding_length
from migrate.backup.held_shards import HeldShards
from migrate.backup.manifest.manifest import Row
from migrate.backup.seal_file import SealRows
from migrate.journey.proof.evidence import Side
from migrate.problems import BadRecord, KeyUnusable

SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class SmallFiles:
    """The small files of one backup: those whose length its seal knows."""

    side: Side
    sealed: SealRows
    shards: HeldShards

    @classmethod
    @contextmanager
    def of(cls, side: Side) -> Iterator[Self | None]:
        """None where the backup has no seal."""
        if side.seal is None:
            yield None
            return
        folder = side.backup.folder
        with HeldShards(folder.path, flat=folder.is_flat) as shards:
            yield cls(side, side.seal.rows, shards)

    def content(self, row: Row, *, held_to_seal: bool) -> bytes | None:
        """The whole content, as `Backup.chunks` yields it in pieces; None where it cannot be told like this, because it
        is large, not sealed, not as sealed, or in any way unusual: `chunks` finds out."""
        found = self.sealed.get(bytes.fromhex(row.file_id))
        if found is None or found[1] > SMALL_BYTES:
            return None
        try:
            stored = self.shards.read_small(row.file_id, found[1])
            if held_to_seal and hashlib.sha256(stored).digest() != found[0]:
                return None
            keys = self.side.backup.manifest.class_keys
            if keys is None:
                return stored
            wrapped = row.copied()[1]
            if wrapped is None or not stored or len(stored) % BLOCK_BYTES:
                return None
            plain = decrypted_blocks(stored, b"", keys.unwrap(wrapped))
        except (OSError, BadRecord, KeyUnusable):
            return None
        padding = padding_length(plain[-BLOCK_BYTES:])
        return None if padding is None else plain[:-padding]
