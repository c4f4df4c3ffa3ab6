"""Checks a file's content while it is extracted: whether these are the bytes that the phone sent.

emptied     the phone reported bytes, and none are stored
digest      SHA-1 of the stored bytes, where the phone recorded one
seal        SHA-256 of the stored bytes, where there is a seal of this backup
padding     an encrypted content ends in padding. Where an app was writing to it, it does not (facts 3.5), and only the
            phone's digest can tell that from a cut
length      without a digest, a plain content is not shorter than the phone reported. A database may be, because it
            is rewritten while it is sent (facts 3.5): it must not be shorter than its own header says either
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.companions import database_of, is_database
from migrate.backup.crypto.cipher import encrypted_size
from migrate.backup.manifest.vfs import HEADER_BYTES, page_bytes
from migrate.backup.manifest.wal import SQLITE_MAGIC
from migrate.backup.record import Record
from migrate.problems import ExtractCaughtMidWrite, ExtractDamaged, ExtractEmptied, RecordProblem


@dataclass(eq=False)
class ContentCheck:
    """The check of one file. Feed it every piece, then ask for the `problem`."""

    record: Record
    encrypted: bool
    sha256: str | None
    """The seal's digest of the stored bytes, if there is one."""
    digest_of_content: bool
    """Whether its digest may also be that of the content (iOS 5 to 9, verify/blobs.py)."""
    stored_bytes: int = 0
    content_bytes: int = 0
    _begin: bytes = b""
    _stored_sha1: Any = field(init=False)
    _content_sha1: Any = field(init=False)
    _stored_sha256: Any = field(init=False)

    def __post_init__(self) -> None:
        has_digest = self.record.digest is not None
        self._stored_sha1 = hashlib.sha1(usedforsecurity=False) if has_digest else None
        by_content = has_digest and self.digest_of_content and self.encrypted
        self._content_sha1 = hashlib.sha1(usedforsecurity=False) if by_content else None
        self._stored_sha256 = hashlib.sha256() if self.sha256 is not None else None

    def add_stored(self, piece: memoryview) -> None:
        self.stored_bytes += len(piece)
        for hashed in (self._stored_sha1, self._stored_sha256):
            if hashed is not None:
                hashed.update(piece)

    def add_content(self, piece: memoryview) -> None:
        self.content_bytes += len(piece)
        if len(self._begin) < HEADER_BYTES:
            self._begin += bytes(piece[: HEADER_BYTES - len(self._begin)])
        if self._content_sha1 is not None:
            self._content_sha1.update(piece)

    def problem(self, *, is_padded: bool) -> RecordProblem | None:
        """What is wrong with the whole content, or None. `is_padded`: it ended in padding, or is not encrypted."""
        record = self.record
        if self.stored_bytes == 0 and record.size:
            return ExtractEmptied.of(record, size=record.size)
        if (reason := self._why_changed()) is not None:
            return ExtractDamaged.of(record, reason=reason)
        if self._stored_sha1 is None:  # a seal does not help: what was cut on its way was sealed as cut
            if not is_padded:
                return ExtractDamaged.of(record, reason=self._why_unpadded())
            if not self.encrypted and self._is_short():
                return ExtractDamaged.of(record, reason=f"{self._lengths()}, so it was cut")
        return None if is_padded else ExtractCaughtMidWrite.of(record)

    def _why_changed(self) -> str | None:
        if self._stored_sha1 is not None:
            found = [one.digest() for one in (self._stored_sha1, self._content_sha1) if one is not None]
            if self.record.digest not in found:
                return "its contents do not have the checksum (SHA-1) that the phone stored for them"
        if self._stored_sha256 is not None and self._stored_sha256.hexdigest() != self.sha256:
            return "its contents do not have the checksum (SHA-256) that was taken while they came from the phone"
        return None

    def _why_unpadded(self) -> str:
        size = self.record.size
        if size is None or self.stored_bytes == encrypted_size(size):
            return "it does not end as an encrypted file does: its contents or its key were changed"
        return f"{self._lengths()}, and they do not end as an encrypted file does"

    def _is_short(self) -> bool:
        size, path = self.record.size, self.record.relative_path
        if size is None or self.content_bytes >= size:
            return False
        if self._begin.startswith(SQLITE_MAGIC):
            return self.content_bytes < _length_by_header(self._begin)
        return not is_database(path) and database_of(path) is None

    def _lengths(self) -> str:
        return f"the phone reported {self.record.size:,} bytes and {self.content_bytes:,} are here"


def _length_by_header(header: bytes) -> int:
    """The length that a database's header gives it; 0 where the header may be old (*read*: SQLite's file format, the
    in-header database size)."""
    if header[24:28] != header[92:96]:
        return 0
    return int.from_bytes(header[28:32], "big") * page_bytes(header)
