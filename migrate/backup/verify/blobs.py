"""Checks each stored file: is it what the phone sent? Digest, seal and padding take one read.

length     encrypted contents fill whole blocks; a length other than the manifest's Size alone proves nothing
digest     SHA-1 of the stored bytes, where the phone recorded one (Home, Root, Health …; facts 3.3)
seal       SHA-256 of the stored bytes, taken while they streamed in
padding    the last block of an encrypted file decrypts to PKCS#7 padding
format     where the phone recorded no digest, and the bytes were not sealed with the manifest's length: pictures, films
           and property lists are complete. A seal alone does not help: bytes cut on their way were sealed as cut
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from operator import attrgetter

from migrate.backup.crypto.cipher import (
    BLOCK_BYTES,
    TruncatedCiphertext,
    decrypted_chunks,
    encrypted_size,
    last_block,
    padding_length,
)
from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.held_shards import HeldShards
from migrate.backup.record import Record
from migrate.backup.safe_path import PATH_LIMIT_BYTES
from migrate.backup.verify.formats import BEGIN_BYTES, FileFormat, detect_format, extension_mismatch, find_format_fault
from migrate.backup.verify.thread_pool import SMALL_BYTES, in_order
from migrate.problems import KeyUnusable, Problem, damage
from migrate.problems.finding import Finding

CHUNK_BYTES = 1 << 20


@dataclass(slots=True)  # not frozen: one is made for every file, and that takes three times as long
class Blob:
    """A stored file, and what is known about it before it is read."""

    record: Record
    shards: HeldShards
    stored_bytes: int
    sha256: bytes | None
    encrypted: bool
    is_to_be_sealed: bool = False
    """Whether to take its SHA-256 where the seal does not know it."""
    digest_of_content: bool = False
    """Whether its digest may also be that of the content (iOS 5 to 9). That those phones digest the stored bytes of an
    encrypted backup, as iOS 10 does, is *guessed*; so a digest that matches either is accepted."""

    @property
    def has_checksum(self) -> bool:
        """Whether a digest or seal can show that the bytes are those that the phone sent."""
        return self.record.digest is not None or self.sha256 is not None


@dataclass(slots=True)
class Examined:
    blob: Blob
    findings: tuple[Finding, ...]
    file_format: FileFormat | None = None
    """The format that its content begins with; None also where it was not checked."""
    sha256: bytes | None = None
    """Of its stored bytes, where it was sealed or is to be."""

    @property
    def is_sound(self) -> bool:
        return all(finding.severity != "error" for finding in self.findings)


def examine_all(
    blobs: Iterable[Blob], class_keys: ClassKeys | None, *, read: bool, on_read: Callable[[int], None]
) -> Generator[Examined, None, None]:
    """Examine every blob, in order. `read` False opens none. `on_read` gets the size of each piece read, in any
    thread."""
    if not read:
        for blob in blobs:
            yield Examined(blob, tuple(_check_length(blob, checksum_matches=False)))
        return
    yield from in_order(lambda blob: _examine(blob, class_keys, on_read), blobs, _stored_bytes)


_stored_bytes = attrgetter("stored_bytes")


def _check_length(blob: Blob, *, checksum_matches: bool) -> list[Finding]:
    """Findings from the length alone. `checksum_matches`: the bytes are also compared with a digest or seal."""
    record, stored = blob.record, blob.stored_bytes
    if stored == 0 and record.size:
        return [damage.FileEmptied.of(record, size=record.size).as_finding()]
    if blob.encrypted and stored % BLOCK_BYTES:
        return [damage.StoredLengthImpossible.of(record, stored_size=stored).as_finding()]
    if record.size is None or stored == 0:  # an empty file may be stored without any bytes, encrypted or not
        return []
    expected = encrypted_size(record.size) if blob.encrypted else record.size
    return [] if stored == expected else [_size_differs(record, stored, checksum_matches=checksum_matches)]


def _examine(blob: Blob, class_keys: ClassKeys | None, on_read: Callable[[int], None]) -> Examined:
    by_length = _check_length(blob, checksum_matches=blob.record.digest is not None)
    if any(finding.severity == "error" for finding in by_length):
        on_read(blob.stored_bytes)
        return Examined(blob, tuple(by_length))
    try:
        sha1, sha256, tail = _digests(blob, on_read)
    except OSError as problem:
        return Examined(blob, (_unreadable_here(blob.record, problem),))
    if blob.record.digest is not None and sha1 != blob.record.digest and not _content_has_digest(blob, class_keys):
        return Examined(blob, (damage.DigestDiffers.of(blob.record).as_finding(),))
    if blob.sha256 is not None and sha256 != blob.sha256:
        return Examined(blob, (damage.SealDiffers.of(blob.record).as_finding(),))
    if not blob.stored_bytes:
        return Examined(blob, tuple(by_length), sha256=sha256)
    try:
        key = _key_of(blob, class_keys)
    except _KeyWrong as wrong:
        return Examined(blob, (wrong.finding,))
    findings = by_length if key is None else _check_padding(blob, key, tail, by_length)
    is_what_was_sent = blob.record.digest is not None or (blob.sha256 is not None and not findings)
    if is_what_was_sent or any(finding.severity == "error" for finding in findings):
        return Examined(blob, tuple(findings), sha256=sha256)
    file_format, format_findings = _check_format(blob, key, another_length=bool(findings))
    return Examined(blob, (*findings, *format_findings), file_format, sha256)


class _KeyWrong(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.finding = problem.as_finding()


def _key_of(blob: Blob, class_keys: ClassKeys | None) -> bytes | None:
    """The key of a blob's content, None in an unencrypted backup. Raises _KeyWrong."""
    record = blob.record
    if class_keys is None:
        return None
    if record.encryption_key is None:
        raise _KeyWrong(damage.KeyMissing.of(record))
    try:
        key = class_keys.unwrap(record.encryption_key)
    except KeyUnusable as problem:
        raise _KeyWrong(damage.FileKeyUnusable.of(record, reason=problem.reason)) from problem
    key_class = int.from_bytes(record.encryption_key[:4], "little")
    if record.protection_class != key_class:  # equal on every phone; readers use either (*read*: facts 3.5)
        raise _KeyWrong(
            damage.ClassContradicted.of(record, protection_class=record.protection_class, key_class=key_class)
        )
    return key


def _check_padding(blob: Blob, key: bytes, tail: bytes, by_length: list[Finding]) -> list[Finding]:
    """Decrypt the last block, which must end in padding. Another length than in the manifest is no damage by itself.

    A file with another length and no padding was cut or lengthened, or caught while an app wrote it (facts 3.5). If the
    phone's own digest matches, it is as the phone sent it.
    """
    record, by_phone = blob.record, blob.record.digest is not None
    padding = padding_length(last_block(tail, key))
    if padding is None and by_length and not by_phone:
        return [
            damage.DamagedInTransit.of(
                record, size=record.size or 0, stored_size=blob.stored_bytes, asked_twice=False
            ).as_finding()
        ]
    if padding is None:
        return by_length or [damage.PaddingWrong.of(record).as_finding()]
    content_bytes = blob.stored_bytes - padding
    if record.size is not None and content_bytes != record.size:
        return [_size_differs(record, content_bytes, checksum_matches=by_phone)]
    return []


_WRITTEN_BY_IOS = re.compile(r"CameraRollDomain-Media/DCIM/.*|[^/]*-(.*/)?Library/Preferences/[^/]*\.plist", re.DOTALL)
"""`domain-path` of files that iOS never leaves half written: pictures it took or imported, settings."""


def _check_format(blob: Blob, key: bytes | None, *, another_length: bool) -> tuple[FileFormat | None, list[Finding]]:
    """The format that the content begins with, and findings if it is incomplete.

    A broken format alone is a warning: people keep half-loaded pictures. Names are only checked in files that iOS
    writes, because apps use any name. In those files, a length that also differs from the manifest (`another_length`)
    shows that something was lost in the backup.
    """
    record = blob.record
    try:
        with BlobReader(blob.shards.open_regular(record.file_id), key) as content:
            begin = content.read(BEGIN_BYTES, 0)
            file_format = detect_format(begin)
            fault = find_format_fault(content, file_format) if file_format is not None else None
    except OSError as problem:
        return None, [_unreadable_here(record, problem)]
    name = f"{record.domain}-{record.relative_path}"
    by_ios = len(name) <= PATH_LIMIT_BYTES and bool(_WRITTEN_BY_IOS.fullmatch(name))
    if file_format is None:
        reason = extension_mismatch(record.relative_path, begin) if by_ios else None
        return None, [] if reason is None else [damage.NotWhatItsNameSays.of(record, reason=reason).as_finding()]
    if fault is None:
        return file_format, []
    damaged_in_transfer = another_length and fault.certain and by_ios
    broken = damage.FormBroken.of(
        record, file_format=file_format, reason=fault.reason, damaged_in_transfer=damaged_in_transfer
    )
    return file_format, [broken.as_finding()]


def _size_differs(record: Record, content_size: int, *, checksum_matches: bool) -> Finding:
    return damage.SizeDiffers.of(
        record, size=record.size, content_size=content_size, checksum_matches=checksum_matches
    ).as_finding()


def _unreadable_here(record: Record, error: OSError) -> Finding:
    return damage.FileUnreadableHere.of(record, reason=error.strerror or type(error).__name__).as_finding()


def _content_has_digest(blob: Blob, class_keys: ClassKeys | None) -> bool:
    """Whether a digest of iOS 5 to 9 is that of the decrypted content."""
    key = blob.record.encryption_key
    if not blob.digest_of_content or class_keys is None or key is None:
        return False
    sha1 = hashlib.sha1(usedforsecurity=False)
    try:
        with blob.shards.open_regular(blob.record.file_id) as file:
            for chunk in decrypted_chunks(iter(lambda: file.read(CHUNK_BYTES), b""), class_keys.unwrap(key)):
                sha1.update(chunk)
    except (KeyUnusable, TruncatedCiphertext, OSError):
        return False
    return sha1.digest() == blob.record.digest


def _digests(blob: Blob, on_read: Callable[[int], None]) -> tuple[bytes | None, bytes | None, bytes]:
    """SHA-1 and SHA-256 of the stored bytes, each only if there is a value to compare with, and the last two blocks."""
    record, stored_bytes = blob.record, blob.stored_bytes
    needs_sha256 = blob.sha256 is not None or blob.is_to_be_sealed
    if stored_bytes < SMALL_BYTES:
        data = blob.shards.read_small(record.file_id, stored_bytes)
        on_read(len(data))
        return (
            None if record.digest is None else hashlib.sha1(data, usedforsecurity=False).digest(),
            hashlib.sha256(data).digest() if needs_sha256 else None,
            data[-2 * BLOCK_BYTES :],
        )
    sha1 = hashlib.sha1(usedforsecurity=False) if record.digest is not None else None
    sha256 = hashlib.sha256() if needs_sha256 else None
    tail = b""
    with blob.shards.open_regular(record.file_id) as file:
        view = memoryview(_buffers.chunk)
        while count := file.readinto(view):
            chunk = view[:count]
            if sha1 is not None:
                sha1.update(chunk)
            if sha256 is not None:
                sha256.update(chunk)
            tail = (tail + bytes(chunk[-2 * BLOCK_BYTES :]))[-2 * BLOCK_BYTES :]
            on_read(count)
    return sha1.digest() if sha1 else None, sha256.digest() if sha256 else None, tail


class _Buffers(threading.local):
    """One buffer for each thread: a new one for every piece costs page faults."""

    def __init__(self) -> None:
        self.chunk = bytearray(CHUNK_BYTES)


_buffers = _Buffers()
