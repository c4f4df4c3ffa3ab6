"""A backup in progress: its rows, the files to upload, and its phase.

A phone keeps it for a backup that was interrupted. Resuming plans again over the current files: an unchanged file keeps
its row and its key, so bytes that are sent twice are identical.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from migrate.backup.crypto.cipher import KEY_BYTES, encrypted_chunks, encrypted_size
from migrate.backup.record import file_id
from migrate.problems import BlobMissing, BlobUnreadable
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.host_folder import Unreadable
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.agent.rows.known_row import KnownRow, state_of
from migrate.simulator.agent.rows.pending_rows import PendingRow, PendingRows, StoredFile
from migrate.simulator.device.domains import DIGESTED
from migrate.simulator.device.filesystem import DigestOnly, Node
from migrate.simulator.faults.faults import Faults

MANIFEST_KEY_CLASS = 4  # *guessed*: the manifest must open before the first unlock
FALLBACK_CLASS = 4
WHOLE_BYTES = 64 << 10
"""Files of at most this size are read in one go."""
Phase = Literal["uploading", "moving", "removing"]


class PlannedUpload(NamedTuple):
    """A file to upload, and its size on the host."""

    node: Node
    row: PendingRow

    @property
    def stored_size(self) -> int:
        return self.row.stored_size


@dataclass
class PendingBackup:
    uuid: str  # in Status.plist; new for each backup that is started
    full: bool
    previous_state: str  # BackupState of the previous backup
    keys: PhoneKeys
    manifest_key: bytes = field(repr=False)  # unwrapped
    rows: PendingRows = field(repr=False)
    base: HostRows | PendingRows | None = field(default=None, repr=False)  # rows of the finished backup it builds on
    base_unreadable_ids: frozenset[str] = frozenset()
    old_folder: str | None = None  # where a full backup moved the previous one; removed at the end

    phase: Phase = "uploading"
    has_lost_contents: bool = False  # a file whose content this phone did not keep would be uploaded
    unreadable_ids: set[str] = field(default_factory=set, repr=False)
    manifest_plist: bytes = field(default=b"", repr=False)
    manifest_db: StoredFile | None = field(default=None, repr=False)

    @property
    def encrypted(self) -> bool:
        return self.keys.password is not None

    @property
    def wrapped_manifest_key(self) -> bytes | None:
        if not self.encrypted:
            return None
        return self.keys.class_keys.wrap(MANIFEST_KEY_CLASS, self.manifest_key)

    def plan(self, nodes: Iterable[Node], faults: Faults) -> None:
        """Plans a row for every node. Files that are new or changed since the base backup are uploaded and moved."""
        self.rows.begin_plan()
        self.has_lost_contents = False
        known_in_base = _lookup_in(self.base)
        for node in nodes:
            identity, state = file_id(node.domain, node.relative_path), state_of(node)
            stored_size = self._stored_size(node, faults)
            known = known_in_base(identity)
            if known is not None and known.state == state and identity not in self.base_unreadable_ids:
                self.rows.put_known(known, stored_size=stored_size)
                continue
            is_uploaded = node.kind == "file"
            self.has_lost_contents |= is_uploaded and isinstance(node.content, DigestOnly)
            planned = self.rows.known(identity)
            if planned is not None and planned.state == state:
                self.rows.keep(planned, is_uploaded=is_uploaded, stored_size=stored_size)
            else:
                self._put_new(node, identity, state, stored_size)
        self.rows.end_plan()
        self.unreadable_ids.clear()

    def planned_uploads(self, nodes: Iterable[Node]) -> Iterator[PlannedUpload]:
        """The files to upload. `nodes` must be the nodes that were planned, in the same order."""
        if not self.rows.has_uploads:
            return iter(())
        return (
            PlannedUpload(node, row) for node, row in zip(nodes, self.rows.in_order(), strict=True) if row.needs_upload
        )

    def removals(self, shards: Iterable[str]) -> Iterator[str]:
        """The file ids of the base backup that the new one no longer uses, shard by shard."""
        for shard in shards if self.base is not None else ():
            assert self.base is not None
            yield from sorted(set(self.base.file_ids_in(shard)).difference(self.rows.file_ids_in(shard)))

    def stored_chunks(self, planned: PlannedUpload, faults: Faults) -> Iterable[bytes]:
        """The bytes to upload for a file. At their end the file is marked as sent and its digest is in its row.

        Raises:
            Unreadable: the phone cannot read on. The file is added to `unreadable_ids`.
        """
        why = faults.why_unreadable(planned.node.domain, planned.node.relative_path)
        if why is not None or planned.node.size > WHOLE_BYTES:
            return self._stream(planned, why, faults.unreadable_after_bytes)
        try:
            chunks = tuple(planned.node.content.chunks())
        except _UNREADABLE:
            return self._stream(planned, why, None)
        key = planned.row.file_key if planned.row.stored_size else None
        stored = b"".join(chunks if key is None else encrypted_chunks(chunks, key))
        if planned.node.domain in DIGESTED:
            self.rows.set_digest(planned.row, hashlib.sha1(stored, usedforsecurity=False).digest())
        self.rows.mark_sent(planned.row)
        return (stored,)

    def _stream(self, planned: PlannedUpload, why: str | None, readable_bytes: int | None) -> Iterator[bytes]:
        digested = planned.node.domain in DIGESTED
        digest = hashlib.sha1(usedforsecurity=False)
        row = planned.row
        try:
            chunks = _readable_chunks(planned.node, why, readable_bytes)
            if row.file_key is not None and row.stored_size:
                chunks = encrypted_chunks(chunks, row.file_key)
            for chunk in chunks:
                if digested:
                    digest.update(chunk)
                yield chunk
        except Unreadable:
            self.unreadable_ids.add(row.file_id)
            raise
        if digested:
            self.rows.set_digest(row, digest.digest())
        self.rows.mark_sent(row)

    def write_manifest(self, faults: Faults) -> StoredFile:
        """Writes Manifest.db for the upload."""
        leave_out = self.unreadable_ids if faults.leaves_out_unreadable else frozenset()
        return self.rows.write_manifest(self.manifest_key if self.encrypted else None, leave_out)

    def _stored_size(self, node: Node, faults: Faults) -> int:
        stays_empty = node.size == 0 and node.domain == "HomeDomain" and faults.empty_blobs
        if not self.encrypted or stays_empty:
            return node.size
        return encrypted_size(node.size)

    def _put_new(self, node: Node, identity: str, state: bytes, stored_size: int) -> None:
        """Adds a new row for a node. Files also have a key in unencrypted backups (*seen*, iOS 14.3)."""
        protection_class = node.protection_class
        is_file = node.kind == "file"
        key = wrapped = None
        if is_file:
            if protection_class not in self.keys.class_keys.classes:
                protection_class = FALLBACK_CLASS
            key = os.urandom(KEY_BYTES)
            wrapped = self.keys.class_keys.wrap(protection_class, key)
        self.rows.put(
            node,
            identity,
            state,
            protection_class=protection_class if is_file else 0,
            wrapped_key=wrapped,
            attributes=_attributes(node),
            stored_size=stored_size,
            file_key=key if self.encrypted else None,
        )


def _lookup_in(base: HostRows | PendingRows | None) -> Callable[[str], KnownRow | None]:
    """A function that finds rows of `base` by file id, faster if it is asked for them in their order."""
    if base is None:
        return lambda _: None
    if isinstance(base, HostRows):
        return base.known
    following = base.known_from()
    expected = next(following, None)

    def known(file_id: str) -> KnownRow | None:
        nonlocal expected, following
        found = expected
        if found is None or found.file_id.hex() != file_id:
            found = base.known(file_id)
            if found is None:
                return None  # a new file: what is expected is still to come
            following = base.known_from(found.file_id)
        expected = next(following, None)
        return found

    return known


def _attributes(node: Node) -> bytes | None:
    if not node.extended_attributes:
        return None
    return plistlib.dumps(dict(node.extended_attributes), fmt=plistlib.FMT_BINARY)


_UNREADABLE = (OSError, BlobMissing, BlobUnreadable)
"""The last two: on a phone that plays a real backup."""


def _readable_chunks(node: Node, why: str | None, readable_bytes: int | None) -> Iterator[bytes]:
    """The file's bytes. If there is a reason `why` it cannot be read, some of them followed by Unreadable."""
    left = readable_bytes
    try:
        for chunk in node.content.chunks() if why is None or left != 0 else ():
            if why is None:
                yield chunk
            elif left is None:
                yield chunk[: len(chunk) // 2]
                break
            else:
                yield chunk[:left]
                if (left := left - len(chunk)) <= 0:
                    break
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    except (BlobMissing, BlobUnreadable) as error:
        raise Unreadable(error.what) from error
    if why is not None:
        raise Unreadable(why)
