"""One stored file at a time: is it what the phone sent? One read serves the digest, the seal and the padding.

length     encrypted contents fill whole blocks; another length than the manifest's Size proves nothing by itself
digest     SHA-1 of the stored bytes, where the phone wrote one down (Home, Root, Health …; facts 3.3)
seal       SHA-256 of the stored bytes, taken while they streamed in
padding    the last block of an encrypted file decrypts to PKCS#7 padding, unless it was caught mid-write
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from migrate.backup import check_record_findings as wound
from migrate.backup.crypto import BLOCK_BYTES, TornCiphertext, decrypted_chunks, encrypted_size
from migrate.backup.keybag import ClassKeys
from migrate.backup.record import Record
from migrate.errors import KeyUnusable
from migrate.findings import Finding

CHUNK_BYTES = 1 << 20
WORKERS = min(4, os.cpu_count() or 1)
"""hashlib and read() let go of the interpreter's lock, so threads help; past four the disk is the limit (*guessed*)."""

AHEAD = 64
"""So many files are handed out before the first is waited for: a million small ones must not queue up in memory."""


@dataclass(frozen=True)
class Blob:
    """A stored file and all that can be known about it beforehand."""

    record: Record
    path: Path
    stored_bytes: int
    sha256: str | None
    encrypted: bool
    digest_of_content: bool = False
    """Whether its digest may also be that of the content (iOS 5 to 9). What those phones digest in an encrypted backup
    is *guessed* to be the stored bytes, as iOS 10 does; a digest that either meets is no wound."""

    @property
    def proof_at_hand(self) -> bool:
        """Whether anything can show that its bytes are the ones the phone sent."""
        return self.record.digest is not None or self.sha256 is not None


@dataclass(frozen=True)
class Examined:
    blob: Blob
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return all(finding.severity != "error" for finding in self.findings)


def examine_all(
    blobs: Iterable[Blob], class_keys: ClassKeys | None, *, read: bool, on_read: Callable[[int], None]
) -> Iterator[Examined]:
    """Examine every blob, in order. `read` False opens none; `on_read` hears of every piece read, in any thread."""
    if not read:
        for blob in blobs:
            yield Examined(blob, tuple(_judge_length(blob, as_sent=False)))
        return
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
    try:
        running: deque[Future[Examined]] = deque()
        for blob in blobs:
            running.append(pool.submit(_examine, blob, class_keys, on_read))
            if len(running) >= AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _judge_length(blob: Blob, *, as_sent: bool) -> list[Finding]:
    """What the length alone tells. `as_sent`: the bytes are held against a digest as well."""
    record, stored = blob.record, blob.stored_bytes
    if stored == 0 and record.size:
        return [wound.emptied(record)]
    if blob.encrypted and stored % BLOCK_BYTES:
        return [wound.stored_length_impossible(record, stored)]
    if record.size is None or stored == 0:  # an empty file may be stored as nothing at all, encrypted or not
        return []
    expected = encrypted_size(record.size) if blob.encrypted else record.size
    return [] if stored == expected else [wound.size_differs(record, stored, as_sent=as_sent)]


def _examine(blob: Blob, class_keys: ClassKeys | None, on_read: Callable[[int], None]) -> Examined:
    by_length = _judge_length(blob, as_sent=blob.proof_at_hand)
    if any(finding.severity == "error" for finding in by_length):
        on_read(blob.stored_bytes)
        return Examined(blob, tuple(by_length))
    try:
        sha1, sha256, tail = _digests(blob, on_read)
    except OSError as problem:
        return Examined(blob, (wound.unreadable_here(blob.record, problem.strerror or type(problem).__name__),))
    if blob.record.digest is not None and sha1 != blob.record.digest and not _content_has_digest(blob, class_keys):
        return Examined(blob, (wound.digest_differs(blob.record),))
    if blob.sha256 is not None and sha256 != blob.sha256:
        return Examined(blob, (wound.seal_differs(blob.record),))
    if class_keys is None or not blob.stored_bytes:
        return Examined(blob, tuple(by_length))
    return Examined(blob, tuple(_judge_padding(blob, class_keys, tail, by_length)))


def _judge_padding(blob: Blob, class_keys: ClassKeys, tail: bytes, by_length: list[Finding]) -> list[Finding]:
    """Decrypt the last block. Where the length is as announced it must be padding of just the right length."""
    record = blob.record
    if record.encryption_key is None:
        return [wound.key_missing(record)]
    try:
        key = class_keys.unwrap(record.encryption_key)
    except KeyUnusable as problem:
        return [wound.key_unusable(record, problem.reason)]
    padding = _padding_bytes(tail, key)
    if padding is None:
        return by_length or [wound.padding_wrong(record)]
    content_bytes = blob.stored_bytes - padding
    if record.size is not None and content_bytes != record.size:
        return [wound.size_differs(record, content_bytes, as_sent=blob.proof_at_hand)]
    return []


def _content_has_digest(blob: Blob, class_keys: ClassKeys | None) -> bool:
    """Whether the content, decrypted, is what a digest of iOS 5 to 9 speaks of."""
    key = blob.record.encryption_key
    if not blob.digest_of_content or class_keys is None or key is None:
        return False
    sha1 = hashlib.sha1(usedforsecurity=False)
    try:
        with blob.path.open("rb") as file:
            for chunk in decrypted_chunks(iter(lambda: file.read(CHUNK_BYTES), b""), class_keys.unwrap(key)):
                sha1.update(chunk)
    except (KeyUnusable, TornCiphertext, OSError):
        return False
    return sha1.digest() == blob.record.digest


def _padding_bytes(tail: bytes, key: bytes) -> int | None:
    """How many bytes of padding end a file whose last two blocks are `tail`; None where there is no padding.

    The block before the last is all that decrypting the last one needs; that one itself comes out as nonsense.
    """
    unpadded: list[bool] = []
    plain = b"".join(decrypted_chunks([tail], key, lambda: unpadded.append(True)))
    return None if unpadded else len(tail) - len(plain)


def _digests(blob: Blob, on_read: Callable[[int], None]) -> tuple[bytes | None, str | None, bytes]:
    """SHA-1 and SHA-256 of the stored bytes, where there is something to hold them against, and the last two blocks."""
    sha1 = hashlib.sha1(usedforsecurity=False) if blob.record.digest is not None else None
    sha256 = hashlib.sha256() if blob.sha256 is not None else None
    tail = b""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(blob.path, flags), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            if sha1 is not None:
                sha1.update(chunk)
            if sha256 is not None:
                sha256.update(chunk)
            tail = (tail + chunk)[-2 * BLOCK_BYTES :] if len(chunk) < 2 * BLOCK_BYTES else chunk[-2 * BLOCK_BYTES :]
            on_read(len(chunk))
    return sha1.digest() if sha1 else None, sha256.hexdigest() if sha256 else None, tail
