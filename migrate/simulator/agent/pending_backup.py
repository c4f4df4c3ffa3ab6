"""A backup in progress: its rows, the files to upload, and its phase.

A phone keeps it for a backup that was interrupted. Resuming plans again over the current files: an unchanged file keeps
its row and its key, so bytes that are sent twice are identical.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from migrate.backup.crypto.cipher import KEY_BYTES, encrypted_chunks, encrypted_size
from migrate.backup.record import Kind, Record, file_id
from migrate.problems import BlobMissing, BlobUnreadable
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.host_folder import Unreadable
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.agent.rows.pending_rows import PendingRow, PendingRows, StoredFile
from migrate.simulator.device.domains import DIGESTED
from migrate.simulator.device.filesystem import Node
from migrate.simulator.faults.faults import Faults

KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "symlink": Kind.SYMLINK}
MANIFEST_KEY_CLASS = 4  # *guessed*: the manifest must open before the first unlock
FALLBACK_CLASS = 4
Phase = Literal["uploading", "moving", "removing"]


@dataclass(frozen=True)
class PlannedUpload:
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
    base: HostRows | None = field(default=None, repr=False)  # rows of the finished backup it builds on
    base_unreadable_ids: frozenset[str] = frozenset()
    old_folder: str | None = None  # where a full backup moved the previous one; removed at the end

    phase: Phase = "uploading"
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
        for node in nodes:
            identity = file_id(node.domain, node.relative_path)
            stored_size = self._stored_size(node, faults)
            known = self.base.get(identity) if self.base is not None else None
            if known is not None and identity not in self.base_unreadable_ids and _unchanged(node, known):
                self.rows.put(known, is_uploaded=False, stored_size=stored_size)
                continue
            planned = self.rows.get(identity)
            is_uploaded = node.kind == "file"
            if planned is not None and _unchanged(node, planned):
                self.rows.keep(planned, is_uploaded=is_uploaded, stored_size=stored_size)
            else:
                self.rows.put(self._new_record(node, identity), is_uploaded=is_uploaded, stored_size=stored_size)
        self.rows.end_plan()
        self.unreadable_ids.clear()

    def planned_uploads(self, nodes: Iterable[Node]) -> Iterator[PlannedUpload]:
        """The files to upload. `nodes` must be the nodes that were planned, in the same order."""
        return (
            PlannedUpload(node, row) for node, row in zip(nodes, self.rows.in_order(), strict=True) if row.needs_upload
        )

    def removals(self, shards: Iterable[str]) -> Iterator[str]:
        """The file ids of the base backup that the new one no longer uses, shard by shard."""
        for shard in shards if self.base is not None else ():
            assert self.base is not None
            yield from sorted(set(self.base.file_ids_in(shard)).difference(self.rows.file_ids_in(shard)))

    def stored_chunks(self, planned: PlannedUpload, faults: Faults) -> Iterator[bytes]:
        """The bytes to upload for a file. At their end the file is marked as sent and its digest is in its row.

        Raises:
            Unreadable: the phone cannot read on. The file is added to `unreadable_ids`.
        """
        digested = planned.node.domain in DIGESTED
        digest = hashlib.sha1(usedforsecurity=False)
        row, key = planned.row, None
        if self.encrypted and row.stored_size:
            key = row.record().encryption_key
            assert key is not None
        try:
            chunks = _readable_chunks(planned.node, faults)
            if key is not None:
                chunks = encrypted_chunks(chunks, self.keys.class_keys.unwrap(key))
            for chunk in chunks:
                if digested:
                    digest.update(chunk)
                yield chunk
        except Unreadable:
            self.unreadable_ids.add(row.file_id)
            raise
        if digested:
            self.rows.replace(row, replace(row.record(), digest=digest.digest()))
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

    def _new_record(self, node: Node, identity: str) -> Record:
        """A new row for a node. Files also have a key in unencrypted backups (*seen*, iOS 14.3)."""
        protection_class = node.protection_class
        key: bytes | None = None
        if node.kind == "file":
            if protection_class not in self.keys.class_keys.classes:
                protection_class = FALLBACK_CLASS
            key = self.keys.class_keys.wrap(protection_class, os.urandom(KEY_BYTES))
        return Record(
            file_id=identity,
            domain=node.domain,
            relative_path=node.relative_path,
            kind=KINDS[node.kind],
            mode=node.mode,
            inode=node.inode,
            user_id=node.user_id,
            group_id=node.group_id,
            size=node.size,
            modified=node.modified,
            changed=node.changed,
            born=node.born,
            protection_class=protection_class if node.kind == "file" else 0,
            flags=0,
            encryption_key=key,
            digest=None,
            extended_attributes=_attributes(node),
            target=node.target,
        )


def _unchanged(node: Node, record: Record) -> bool:
    then = (record.kind, record.size, record.modified, record.changed, record.inode, record.mode, record.target)
    now = (KINDS[node.kind], node.size, node.modified, node.changed, node.inode, node.mode, node.target)
    return then == now and (record.user_id, record.group_id) == (node.user_id, node.group_id)


def _attributes(node: Node) -> bytes | None:
    if not node.extended_attributes:
        return None
    return plistlib.dumps(dict(node.extended_attributes), fmt=plistlib.FMT_BINARY)


def _readable_chunks(node: Node, faults: Faults) -> Iterator[bytes]:
    """The file's bytes, or some of them followed by Unreadable if the faults say so."""
    why = faults.why_unreadable(node.domain, node.relative_path)
    left = faults.unreadable_after_bytes
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
    except (BlobMissing, BlobUnreadable) as error:  # on a phone that plays a real backup
        raise Unreadable(error.what) from error
    if why is not None:
        raise Unreadable(why)
