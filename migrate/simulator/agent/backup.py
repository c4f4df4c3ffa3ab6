"""A backup, message by message: facts 2.3 and 2.4 (decompiled BackupAgent2 26.1, CONFIRMED(dec); wire logs agree).

    passcode, preconditions
    Status.plist, then Manifest.plist and Manifest.db of the backup to build on, and a check that its files exist
    free space; directories; Status uploading; files to Snapshot/ab/abcdef…; Snapshot/Manifest.plist, .db
    Status moving; MoveItems Snapshot/ab/x -> ab/x, then the manifests
    Status removing; RemoveItems; Status finished
    verify: everything is read and listed again; the previous backup is removed

Unlike on a real phone, nothing changes between a file's scan and its upload. `Assumptions.databases` decides whether
SQLite databases are sent as they are or as consistent copies.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from migrate.backup.crypto.cipher import KEY_BYTES
from migrate.simulator.agent.host_backup import blob_path, fetch_backup
from migrate.simulator.agent.host_folder import Entry, FileUpload, HostFolder
from migrate.simulator.agent.keychain.phone_keychain import add_keychain_to_snapshot
from migrate.simulator.agent.manifest_plist import LIMIT_BYTES as PROPERTIES_LIMIT_BYTES
from migrate.simulator.agent.manifest_plist import write_properties
from migrate.simulator.agent.memory import AgentMemory, keys_of, memory_of
from migrate.simulator.agent.pending_backup import PendingBackup, PlannedUpload
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.agent.rows.pending_rows import PendingRows
from migrate.simulator.agent.scan import Scan
from migrate.simulator.agent.status_plist import LIMIT_BYTES as STATUS_LIMIT_BYTES
from migrate.simulator.agent.status_plist import OLDEST_INCREMENTAL, Status, read_status
from migrate.simulator.device.domains import device_path
from migrate.simulator.device.filesystem import NOT_KEPT, DigestOnly
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faults import Faults
from migrate.wire.backup2 import Backup, MBError, MBErrorCode, wrap_read_error, wrap_write_error

HEADROOM_BYTES = 0x8000000
PURGE_OVERSHOOT_BYTES = 0x80000000
PURGE_URGENCY = 4
"""128 MiB in addition to the upload, and 2 GiB more in a purge request: measured on 26.5 to 26.6.1 (facts 2.3)."""
SHARDS = tuple(f"{number:02x}" for number in range(256))
CACHE = "/.ba"
"""The phone's folder for the files it generates; device paths of plists start with it. facts 2.2."""
METADATA = ("Manifest.plist", "Manifest.db")


def back_up(phone: SimulatedPhone, host: HostFolder, request: Backup) -> None:
    """Makes one complete backup. Raises MBError, LinkCut, PeerBroke."""
    BackupRun(phone, host, request).run()


@dataclass(frozen=True)
class HostFolderListing:
    """The names in the host's folder and in its Snapshot/."""

    folder: frozenset[str]
    snapshot: frozenset[str]


class Base(NamedTuple):
    """The finished backup on the host that a new one builds on."""

    rows: HostRows | PendingRows
    manifest_key: bytes | None


class BackupRun:
    def __init__(self, phone: SimulatedPhone, host: HostFolder, request: Backup) -> None:
        self.phone = phone
        self.host = host
        self.request = request
        self.folder = request.udid
        self.memory: AgentMemory = memory_of(phone)

    def run(self) -> None:
        status = self._read_status()
        pending = self._resumable_backup(status)
        if pending is None:
            pending = self._new_pending_backup(status)
        self.memory.pending_backups = {pending.uuid: pending}
        if pending.phase == "uploading":
            self._upload(pending)
            pending.phase = "moving"
        if pending.phase == "moving":
            self._write_status(pending, "moving")
            self._move(pending)
            pending.phase = "removing"
        self._write_status(pending, "removing")
        self._remove(pending)
        self._write_status(pending, "finished")
        self.memory.pending_backups.clear()
        self._verify(pending)
        if pending.old_folder:
            self.host.remove([pending.old_folder])
        whole_manifest = not (pending.unreadable_ids and self.phone.faults.leaves_out_unreadable)
        self.memory.remember(pending, whole_manifest=whole_manifest)
        self.phone.itunes_backup_unix_s = int(time.time())

    # --- the existing backup

    def _read_status(self) -> Status | None:
        """The host's Status.plist, or None if there is none."""
        try:
            return read_status(self.host.read(self._path("Status.plist"), STATUS_LIMIT_BYTES))
        except MBError as error:
            if error.code == MBErrorCode.NOT_FOUND:
                return None
            raise wrap_read_error("Error reading status", error) from error

    def _resumable_backup(self, status: Status | None) -> PendingBackup | None:
        """The interrupted backup that the host's Status.plist names, if it can be resumed."""
        if status is None or status.snapshot_state == "finished" or self.request.force_full:
            return None
        pending = self.memory.pending_backups.get(status.uuid)
        if pending is None or pending.keys != keys_of(self.phone):
            return None
        if pending.phase == "removing" and status.snapshot_state == "uploading":
            return None  # the host restored an older Status.plist, so its files are not those that were moved
        return pending

    def _new_pending_backup(self, status: Status | None) -> PendingBackup:
        base = self._read_base(status)
        listing = self.host.contents(self.folder)
        complete = base is not None and self._has_every_file(base.rows.file_ids_in, listing)
        if base is not None and (self._lost_rows(base, status) or not complete):
            base = None  # "Existing backup is corrupt, forcing a full backup"
        keys = keys_of(self.phone)
        pending = PendingBackup(
            uuid=str(uuid.uuid4()).upper(),
            full=base is None,
            previous_state=status.backup_state if status else "empty",
            keys=keys,
            manifest_key=os.urandom(KEY_BYTES),
            rows=PendingRows(self.phone.ios_version, encrypted=keys.password is not None),
        )
        if base is not None and status is not None:
            pending.base = base.rows
            if self.phone.assume.unreadable_files == "sent-again":
                pending.base_unreadable_ids = self.memory.unreadable_ids.get(status.uuid, frozenset())
            pending.manifest_key = base.manifest_key or pending.manifest_key
        elif _has_content(listing):
            pending.old_folder = self._set_aside_old_backup()
        return pending

    def _read_base(self, status: Status | None) -> Base | None:
        """The finished backup that this one can build on, or None if it must be a full one."""
        if self.request.force_full or status is None or status.version < OLDEST_INCREMENTAL:
            return None
        if status.is_full or status.backup_state != "new" or status.snapshot_state in ("moving", "removing"):
            return None
        try:
            return self._fetch_base()
        except MBError as error:
            empty = error.code == MBErrorCode.INVALID_DATA and "zero-length" in error.text
            if empty and status.snapshot_state == "finished":
                raise wrap_read_error("Error reading backup properties", error) from error
            return None  # missing, damaged, or of another version: make a full backup

    def _fetch_base(self) -> Base | None:
        keys = keys_of(self.phone)
        with fetch_backup(self.host, self.folder) as found:
            if found.properties.is_encrypted != (keys.password is not None):
                return None
            if found.properties.keybag != keys.keybag.to_bytes():
                return None
            if (sent := self.memory.sent_manifests.get(found.sha256)) is not None:
                return Base(*sent)
            opened = found.open(keys.password)
            return Base(opened.rows, opened.manifest_key)

    def _lost_rows(self, base: Base, status: Status | None) -> bool:
        """Whether rows are missing from the manifest this phone wrote and it therefore makes a full backup."""
        rows = self.memory.rows.get(status.uuid) if status else None
        return self.phone.assume.missing_rows == "full" and rows is not None and len(base.rows) < rows

    def _has_every_file(self, file_ids_in: Callable[[str], Iterable[str]], listing: dict[str, Entry]) -> bool:
        """Whether the host has all files. Only one shard's names are in memory at a time."""
        for shard in SHARDS:
            existing = set(self.host.names(self._path(shard)) if shard in listing else ())
            if any(file_id not in existing for file_id in file_ids_in(shard)):
                return False
        return True

    def _set_aside_old_backup(self) -> str:
        """Renames the existing backup and returns its new name. It is removed when the new one is finished, so the host
        needs space for both; if the new one never finishes, it keeps its new name.

        The Info.plist that the host has just written is copied back, because the new backup would have none. *guessed*;
        the decompiled agent only shows the move.
        """
        old = self.memory.name_aside(self.folder)
        with writing("Error moving the old backup"):
            self.host.move([(self.folder, old)])
            self.host.make_directory(self.folder)
            if "Info.plist" in self.host.contents(old):
                self.host.copy(f"{old}/Info.plist", self._path("Info.plist"))
        return old

    # --- uploading

    def _upload(self, pending: PendingBackup) -> None:
        self._begin_snapshot()
        files = self.phone.files.copy()  # an APFS snapshot, scanned more than once
        changed = self.memory.keychain_changed
        self.memory.keychain_changed = add_keychain_to_snapshot(self.phone, files, pending.keys, changed)
        copies, encrypted = self.memory.copies, pending.encrypted
        scan = Scan(files, self.phone.assume, copies, encrypted=encrypted, check_link=self.host.check_link)
        pending.plan(scan, self.phone.faults)
        existing = self._list_host_folder(pending)
        if pending.has_lost_contents and any(
            isinstance(planned.node.content, DigestOnly) for planned in pending.planned_uploads(scan)
        ):
            raise MBError(MBErrorCode.OTHER, NOT_KEPT)
        plain_bytes, stored_bytes = pending.rows.pending_upload_bytes()
        self._check_free_space(plain_bytes)
        self._make_directories(existing)
        self._write_status(pending, "uploading")
        self.host.done_bytes, self.host.total_bytes = 0, stored_bytes
        self.phone.on_transfer_started("backup")
        with writing("Multiple errors uploading files"):
            self.host.upload(self._outgoing(pending, pending.planned_uploads(scan)))
        self._upload_manifests(pending)

    def _begin_snapshot(self) -> None:
        """Checks that a snapshot is possible. The phone is silent while it scans."""
        if self.phone.faults.silence_s:
            self.host.pause(self.phone.faults.silence_s)
        self.phone.conditions.check_snapshot()
        if self.phone.free_bytes < self.phone.assume.snapshot_needs_bytes:
            raise MBError(MBErrorCode.PHONE_STEP_FAILED, "Failed to create snapshot: No space left on device (28)")

    def _list_host_folder(self, pending: PendingBackup) -> HostFolderListing:
        """Lists the host's folder, and its Snapshot/ if an interrupted run left one, whose files are recorded."""
        folder = self.host.contents(self.folder)
        snapshot = self.host.contents(self._path("Snapshot")) if "Snapshot" in folder else {}
        for shard in sorted(snapshot.keys() & set(SHARDS)):
            found = self.host.contents(self._path(f"Snapshot/{shard}"))
            pending.rows.record_uploaded_sizes((name, entry.size) for name, entry in found.items())
        return HostFolderListing(frozenset(folder), frozenset(snapshot))

    def _make_directories(self, existing: HostFolderListing) -> None:
        """Creates the missing ones of twice 256 folders, in random order, as a real agent does (it uses an NSSet)."""
        wanted = [self.folder, *(self._path(shard) for shard in _shuffled(set(SHARDS) - existing.folder))]
        wanted += [] if "Snapshot" in existing.folder else [self._path("Snapshot")]
        wanted += [self._path(f"Snapshot/{shard}") for shard in _shuffled(set(SHARDS) - existing.snapshot)]
        with writing("Error creating directory"):
            for path in wanted:
                self.host.make_directory(path)

    def _check_free_space(self, upload_bytes: int) -> None:
        need = upload_bytes + HEADROOM_BYTES
        free = self.host.free_bytes()
        if need >= free and self.host.purge(need - free + PURGE_OVERSHOOT_BYTES, PURGE_URGENCY):
            free = self.host.free_bytes()
        if need >= free:
            raise MBError(MBErrorCode.HOST_FULL, f"Insufficient free disk space on drive to back up ({free} < {need})")

    def _outgoing(self, pending: PendingBackup, uploads: Iterable[PlannedUpload]) -> Iterator[FileUpload]:
        faults, snapshot = self.phone.faults, self._path("Snapshot")
        return (
            FileUpload(
                host_path=blob_path(snapshot, planned.row.file_id),
                device_path=device_path(planned.node.domain, planned.node.relative_path),
                size=planned.stored_size,
                chunks=partial(_sent_chunks, pending, planned, faults),
            )
            for planned in uploads
        )

    def _upload_manifests(self, pending: PendingBackup) -> None:
        pending.manifest_plist = write_properties(
            self.phone,
            date=datetime.now(UTC),
            keybag=pending.keys.keybag.to_bytes(),
            manifest_key=pending.wrapped_manifest_key,
            domains=pending.rows.domains(),
        )
        pending.manifest_db = manifest = pending.write_manifest(self.phone.faults)
        self._write("Snapshot/Manifest.plist", pending.manifest_plist)
        with writing("Error writing Snapshot/Manifest.db"):
            path = self._path("Snapshot/Manifest.db")
            self.host.upload([FileUpload(path, f"{CACHE}/Manifest.db", manifest.size, manifest.chunks)])

    # --- moving, removing, verifying

    def _move(self, pending: PendingBackup) -> None:
        """Moves the uploaded files to their folders. An interrupted run may have moved some of them already."""
        snapshot = self._path("Snapshot")
        listing = self.host.contents(snapshot)
        shards = sorted(listing.keys() & set(SHARDS))

        def moves() -> Iterator[tuple[str, str]]:
            for shard in shards:
                wanted = set(pending.rows.file_ids_in(shard, uploaded_only=True))
                for name in self.host.names(f"{snapshot}/{shard}"):
                    if name in wanted:
                        yield blob_path(snapshot, name), blob_path(self.folder, name)

        with writing("Error moving files"):
            self.host.move(moves())
            for name in METADATA:
                if name in listing:
                    self.host.move([(f"{snapshot}/{name}", self._path(name))])

    def _remove(self, pending: PendingBackup) -> None:
        removed = (blob_path(self.folder, identity) for identity in pending.removals(SHARDS))
        with writing("Error removing files"):
            self.host.remove(removed)
            self.host.remove([self._path("Snapshot"), self._path("Manifest.mbdx")])

    def _verify(self, pending: PendingBackup) -> None:
        """Checks that every file exists; sizes are not checked. facts 2.4, CONFIRMED(dec)."""
        self._read_back("Status.plist", STATUS_LIMIT_BYTES)
        if self._read_back("Manifest.plist", PROPERTIES_LIMIT_BYTES) != pending.manifest_plist:
            raise MBError(MBErrorCode.CORRUPT, "Manifest.plist is not the one that was sent")
        if pending.manifest_db is None or self._digest_of("Manifest.db") != pending.manifest_db.sha256:
            raise MBError(MBErrorCode.CORRUPT, "Manifest.db is not the one that was sent")
        if not self._has_every_file(pending.rows.file_ids_in, self.host.contents(self.folder)):
            raise MBError(MBErrorCode.CORRUPT, "Manifest references files not in backup")

    # --- reading and writing

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _read_back(self, name: str, limit_bytes: int) -> bytes:
        try:
            return self.host.read(self._path(name), limit_bytes)
        except MBError as error:
            raise wrap_read_error(f"Error verifying {name}", error) from error

    def _digest_of(self, name: str) -> bytes:
        """The SHA-256 of the host's file, hashed while it streams in."""
        digest = hashlib.sha256()

        def consume(_: str, chunks: Iterator[bytes]) -> None:
            for chunk in chunks:
                digest.update(chunk)

        path = self._path(name)
        if problem := self.host.download([path], consume).get(path):
            raise wrap_read_error(f"Error verifying {name}", problem)
        return digest.digest()

    def _write(self, name: str, data: bytes) -> None:
        device_name = f"{CACHE}/{name.rpartition('/')[2]}"
        with writing(f"Error writing {name}"):
            self.host.write(self._path(name), device_name, data)

    def _write_status(self, pending: PendingBackup, state: str) -> None:
        status = Status(
            uuid=pending.uuid,
            backup_state=pending.previous_state if state == "uploading" else "new",
            snapshot_state=state,
            is_full=pending.full and state != "finished",
        )
        self._write("Status.plist", status.to_bytes(datetime.now(UTC)))


def _sent_chunks(pending: PendingBackup, planned: PlannedUpload, faults: Faults) -> Iterable[bytes]:
    """The file's stored bytes, as far as they reach the host."""
    lost = faults.bytes_cut_in_transit(planned.node.domain, planned.node.relative_path)
    if not lost:
        return pending.stored_chunks(planned, faults)
    whole = b"".join(pending.stored_chunks(planned, faults))
    return whole[: max(0, len(whole) - lost)], b"\xa5" * max(0, -lost)


@contextmanager
def writing(text: str) -> Iterator[None]:
    """Wraps an error of the host in the error of a failed write."""
    try:
        yield
    except MBError as error:
        raise wrap_write_error(text, error) from error


def _has_content(listing: dict[str, Entry]) -> bool:
    """Whether a folder holds a backup, finished or not. Info.plist, Status.plist and empty files do not count."""
    folders = any(entry.is_directory and (name in SHARDS or name == "Snapshot") for name, entry in listing.items())
    return folders or any(listing[name].size > 0 for name in ("Manifest.db", "Manifest.mbdb") if name in listing)


def _shuffled(shards: set[str]) -> list[str]:
    return random.sample(sorted(shards), len(shards))
