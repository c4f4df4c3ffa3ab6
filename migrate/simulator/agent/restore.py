"""A restore, message by message: facts 2.5, 4.1 to 4.8 (decompiled BackupAgent2 26.1, CONFIRMED(dec)).

    Manifest.plist, Manifest.db; the restore lock; Find My (211); Info.plist: versions (203)
    Status.plist (204, 203): first of all before iOS 26.1, after Find My since then
    the keybag (207); the rows; free space on the phone (106); CopyItem of the phone's own backup, if requested
    the files in batches of 128, each checked against its digest and its padding; staging (102 if one is staged already)

Nothing is visible before the phone restarts. Up to iOS 26 a Manifest.mbdb, the format before iOS 10, is accepted.
"""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from migrate.backup.crypto.cipher import TruncatedCiphertext, decrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys
from migrate.problems import KeyUnusable
from migrate.simulator.agent.host_backup import FetchedBackup, HostManifest, fetch_backup
from migrate.simulator.agent.host_folder import HostFolder, batches
from migrate.simulator.agent.keychain.phone_keychain import keys_of_restored_items
from migrate.simulator.agent.manifest_plist import Properties
from migrate.simulator.agent.memory import memory_of
from migrate.simulator.agent.rows.scratch_database import IN_ORDER_CACHE_KIB
from migrate.simulator.agent.rows.staged_rows import ExpectedFile, StagedRows
from migrate.simulator.agent.rules import check_rows, policy_for, select_records
from migrate.simulator.agent.spool import Spool
from migrate.simulator.agent.staged_restore import ReceivedRestore
from migrate.simulator.agent.status_plist import LIMIT_BYTES as STATUS_LIMIT_BYTES
from migrate.simulator.agent.status_plist import parse_plist, read_status
from migrate.simulator.device.filesystem import EMPTY, Content, DigestOnly
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode, Restore, wrap_read_error
from migrate.wire.plist_frames import PeerBroke

INFO_LIMIT_BYTES = 512 << 20  # an icon and a receipt for every app
PADDING_ROOM_BYTES = 64 << 20
"""By how much all stored files together may exceed the sizes in their rows: padding, and files that were growing."""


def receive_restore(phone: SimulatedPhone, host: HostFolder, request: Restore) -> None:
    """Receives and stages one restore. Raises MBError, LinkCut, PeerBroke, AgentDied."""
    RestoreRun(phone, host, request).run()


class RestoreRun:
    def __init__(self, phone: SimulatedPhone, host: HostFolder, request: Restore) -> None:
        self.phone = phone
        self.host = host
        self.request = request
        self.spool = Spool(phone.keeps)
        self.first_with_inode: dict[int, Content] = {}
        self.remaining_bytes = phone.free_bytes + PADDING_ROOM_BYTES

    def run(self) -> None:
        behaviour = self.phone.behaviour
        if behaviour.restore_reads_status_first:
            self._check_status()
        try:
            with fetch_backup(self.host, self.request.folder, takes_mbdb=behaviour.takes_mbdb) as backup:
                self.phone.conditions.check_restore_lock()
                self._check_find_my()
                if not behaviour.restore_reads_status_first:
                    self._check_status()
                self._check_version(backup.properties)
                manifest = self._open(backup)
        except MBError as error:
            if error.code == MBErrorCode.NOT_FOUND:
                self._check_status()  # an unfinished first backup has a more precise error than a missing file
            outer = error.code in (
                MBErrorCode.NOT_FOUND,
                MBErrorCode.INVALID_DATA,
                MBErrorCode.IO,
                MBErrorCode.MULTI_STATUS,
            )
            raise (wrap_read_error("Error reading manifest", error) if outer else error) from error
        check_rows(manifest.rows, backup.properties, slash_refused=behaviour.slash_in_domain_refused)
        policy = policy_for(self.phone, self.request, backup.properties)
        staged = StagedRows(self.spool, encrypted=backup.properties.is_encrypted)
        staged.fill(select_records(manifest.rows, policy))
        manifest.rows.close()
        self._check_free_space(staged.claimed_bytes())
        if not self.request.options.dont_copy_backup:
            self._copy_own_backup()
        self._receive(staged, manifest)
        self._report_full_progress()
        self._stage(staged, backup.properties, policy.system_files, manifest.class_keys)

    # --- checks

    def _check_find_my(self) -> None:
        if self.phone.find_my:
            self.phone.on_refused_by_find_my()
            raise MBError(MBErrorCode.FIND_MY_ON, "Find My iPhone must be disabled before restoring")

    def _check_status(self) -> None:
        try:
            status = read_status(self.host.read(self._path("Status.plist"), STATUS_LIMIT_BYTES))
        except MBError as error:
            if error.code == MBErrorCode.NOT_FOUND:
                raise MBError(MBErrorCode.UNFINISHED, "No status exists in backup") from error
            raise wrap_read_error("Error reading status", error) from error
        if status.snapshot_state not in ("uploading", "moving", "removing", "finished"):
            raise MBError(MBErrorCode.CORRUPT, f"Invalid snapshot state: {status.snapshot_state}")
        match status.backup_state:
            case "empty" if status.snapshot_state == "uploading":
                raise MBError(MBErrorCode.UNFINISHED, "Initial backup failed while uploading files")
            case "empty":
                raise MBError(MBErrorCode.UNFINISHED, "Backup state is empty")
            case "old":
                raise MBError(MBErrorCode.INCOMPATIBLE, "Backup is in old format")
            case "new":
                return
        raise MBError(MBErrorCode.CORRUPT, f"Invalid backup state: {status.backup_state}")

    def _check_version(self, properties: Properties) -> None:
        """Checks the iOS versions (facts 4.7). A missing or invalid Info.plist skips the check."""
        try:
            info = parse_plist(self.host.read(self._path("Info.plist"), INFO_LIMIT_BYTES))
        except MBError:
            return
        if not is_compatible(self.phone.ios, info.get("Product Version"), properties.required_product_version):
            raise MBError(MBErrorCode.INCOMPATIBLE, "Backup is from an incompatible OS version")

    def _open(self, backup: FetchedBackup) -> HostManifest:
        if self.phone.behaviour.keybag_always_needed and backup.properties.keybag is None:
            raise MBError(MBErrorCode.CORRUPT, "No keybag in manifest")  # REPORTED, for unencrypted sets too
        try:
            return backup.open(self.request.options.password, cache_kib=IN_ORDER_CACHE_KIB)
        except MBError as error:
            if error.code != MBErrorCode.PASSWORD:
                raise
            inner = MBError(-3, "MKBKeyBagUnlock error (-3)", domain="")
            text = "Invalid password when restoring encrypted backup"
            raise MBError(MBErrorCode.PASSWORD, text, underlying=(inner,)) from None

    def _check_free_space(self, need: int) -> None:
        have = self.phone.free_bytes
        if have < need:
            text = f"Insufficient free disk space on device to restore ({have} < {need})"
            raise MBError(MBErrorCode.PHONE_FULL, text)

    def _copy_own_backup(self) -> None:
        """Has the host copy the phone's own backup, if it has one.

        Its Info.plist is requested first, because a host may crash on a CopyItem of a missing folder. The copy's
        Info.plist is rewritten (CONFIRMED(dec); that the display name changes is *guessed*).
        """
        own = self.request.udid
        aside = memory_of(self.phone).name_aside(own)
        with suppress(MBError):
            info = parse_plist(self.host.read(f"{own}/Info.plist", INFO_LIMIT_BYTES))
            self.host.copy(own, aside)
            info["Display Name"] = f"{info.get('Display Name', self.phone.name)} ({aside.removeprefix(own)[1:]})"
            self.host.write(f"{aside}/Info.plist", "/.ba/Info.plist", plistlib.dumps(info))

    # --- the files

    def _receive(self, staged: StagedRows, manifest: HostManifest) -> None:
        """Receives the contents of every file. Raises MBError at the first batch with an error."""
        by_path: dict[str, list[ExpectedFile]] = {}  # of one batch; two rows of a bad backup may share a file id
        shared = staged.shared_inodes()
        self.host.done_bytes, self.host.total_bytes = 0, staged.claimed_bytes(files_only=True)
        self.phone.on_transfer_started("restore")

        def consume(path: str, chunks: Iterator[bytes]) -> None:
            expected = by_path[path][-1]
            content = self._keep(expected, chunks, manifest.class_keys)
            if expected.inode in shared:  # a second file with the inode of an earlier one becomes a hard link. REPORTED
                content = self.first_with_inode.setdefault(expected.inode, content)
            for one in by_path[path]:
                staged.keep(one.place, content)

        for batch in batches(staged.files()):
            by_path.clear()
            for one in batch:
                by_path.setdefault(manifest.blob_path(self.request.folder, one.file_id), []).append(one)
            problems = list(self.host.download(list(by_path), consume).values())
            corrupt = [problem for problem in problems if problem.code == MBErrorCode.CORRUPT]
            if corrupt:
                raise MBError(MBErrorCode.CORRUPT, corrupt[0].text, underlying=tuple(corrupt))
            if problems:
                outer = wrap_read_error("Multiple errors downloading files", problems[0])
                raise MBError(outer.code, outer.text, underlying=tuple(problems))

    def _report_full_progress(self) -> None:
        """Reports 100 % progress. Hosts have seen it before the end (facts 5.2 row 48); which message carried it is not
        known, here it is another read of Status.plist (*guessed*)."""
        self.host.done_bytes = self.host.total_bytes = 1
        self._check_status()

    def _keep(self, expected: ExpectedFile, chunks: Iterator[bytes], class_keys: ClassKeys | None) -> Content:
        """Receives and checks one file's content. Raises MBError CORRUPT."""
        is_encrypted = class_keys is not None and expected.encryption_key is not None
        digest = hashlib.sha1(usedforsecurity=False) if expected.digest is not None else None
        sha256 = hashlib.sha256() if is_encrypted and self.phone.keeps == "digests" else None
        stored = plain = self._stored(chunks, [each.update for each in (digest, sha256) if each is not None])
        if class_keys is not None and expected.encryption_key is not None:
            plain = _decrypted(expected, stored, class_keys)
        content: Content = EMPTY
        problem: MBError | None = None
        try:
            content = self.spool.keep(plain)
        except MBError as error:
            problem = error
            for _ in stored:  # the digest covers the whole file
                pass
        if digest is not None and digest.digest() != expected.digest:
            raise MBError(MBErrorCode.CORRUPT, "Digest didn't match for some files", expected.relative_path)
        if problem is not None:
            raise problem
        if self.phone.assume.sizes_checked and content.size < expected.claimed:
            raise MBError(MBErrorCode.CORRUPT, "Failed to validate backup", expected.relative_path)
        if sha256 is not None and isinstance(content, DigestOnly):
            return replace(content, stored_sha256=sha256.digest())
        return content

    def _stored(self, chunks: Iterator[bytes], updates: Sequence[Callable[[bytes], object]]) -> Iterator[bytes]:
        """The chunks, hashed. Raises PeerBroke if the host sends more than the phone has space for: the sizes in rows
        may be wrong."""
        for chunk in chunks:
            self.remaining_bytes -= len(chunk)
            if self.remaining_bytes < 0:
                raise PeerBroke("the host sent more bytes than the phone has space for")
            for update in updates:
                update(chunk)
            yield chunk

    def _stage(
        self, rows: StagedRows, properties: Properties, system_files: bool, class_keys: ClassKeys | None
    ) -> None:
        if self.phone.pending_restore is not None:
            text = "Failed to move the incomplete restore directory into place"
            raise MBError(
                MBErrorCode.RESTORE_PENDING,
                text,
                "/var/.backup.i",
                (MBError(MBErrorCode.EXISTS, "rename error: File exists (17)"),),
            )
        replaced_domains: frozenset[str] | None = frozenset()
        if self.request.options.remove_items_not_restored:
            replaced_domains = None
        elif system_files:
            assumed = self.phone.assume.exact_domains
            replaced_domains = self.phone.behaviour.exact_domains if assumed is None else frozenset(assumed)
        password = self.request.options.password if properties.is_encrypted else None
        self.phone.pending_restore = ReceivedRestore(
            rows,
            replaced_domains,
            dict(properties.applications),
            password,
            self.spool,
            source_ios=_version(properties.lockdown.get("ProductVersion")),
            item_keys=keys_of_restored_items(class_keys, properties.keybag, self.phone),
        )

    def _path(self, name: str) -> str:
        return f"{self.request.folder}/{name}"


def is_compatible(phone: tuple[int, ...], backup: object, required: str | None) -> bool:
    """MBIsRestoreCompatible, CONFIRMED(dec): compares the phone's version with the backup's "Product Version", or with
    "RequiredProductVersion" if the backup has one and major and minor are equal. Without a version it is compatible."""
    made_on = _version(backup)
    if made_on is None:
        return True
    needed = _version(required)
    if needed is None:
        return _padded(phone) >= _padded(made_on)
    if phone[:2] != made_on[:2]:
        return phone[:2] > made_on[:2]
    return _padded(phone) >= _padded(needed)


def _version(text: object) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in str(text).split(".")) if isinstance(text, str) else None
    except ValueError:
        return None


def _padded(version: tuple[int, ...]) -> tuple[int, ...]:
    return (*version, 0, 0, 0)[:3]


def _decrypted(expected: ExpectedFile, chunks: Iterator[bytes], class_keys: ClassKeys) -> Iterator[bytes]:
    """Yields the plaintext. Raises MBError CORRUPT if the bytes are not encrypted with the record's key. REPORTED: a
    plaintext file in an encrypted backup is refused like this."""

    def not_padded() -> None:
        raise MBError(MBErrorCode.CORRUPT, "File is not encrypted with its key", expected.relative_path)

    try:
        assert expected.encryption_key is not None
        yield from decrypted_chunks(chunks, class_keys.unwrap(expected.encryption_key), not_padded)
    except TruncatedCiphertext:
        not_padded()
    except KeyUnusable as error:
        raise MBError(MBErrorCode.CORRUPT, f"Invalid encryption key ({error.reason})", expected.relative_path) from None
