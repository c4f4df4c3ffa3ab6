"""Back up a phone: an ordinary MobileBackup2 backup, resumed or incremental, with every blob hashed as it arrives.

The remains of an interrupted backup (`Status.plist`, `Snapshot/`) are left alone, because the phone uses them to resume
(facts 2.4). The host writes Info.plist, and does so for every backup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pymobiledevice3.exceptions import PyMobileDevice3Exception

from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.seal import Seal, read_seal
from migrate.backup.seal_draft import SealDraft
from migrate.backup.unreadable import HARMLESS_ID, Place, find_place, is_harmless
from migrate.phone.connection import PhoneConnection
from migrate.phone.lockdown import write_private
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.disk import translate_disk_errors
from migrate.phone.mobilebackup2.expected import ExpectedTotal, expect_backup
from migrate.phone.mobilebackup2.host_folder import make_folder
from migrate.phone.mobilebackup2.info_plist import InstalledApps, browse_apps, info_plist
from migrate.phone.mobilebackup2.session import BackupSession
from migrate.phone.quoting import safe_text
from migrate.plists import encode_plist
from migrate.problems import (
    FileDamagedInTransit,
    FileUnreadable,
    InstalledAppsUnknown,
    MigrateError,
    MoreFilesUnreadable,
    SealDamaged,
)
from migrate.progress import Progress

DURING: Final = "the backup"
REPORT_EVERY_BYTES = 1 << 20
"""Progress is reported about once per MiB, and at the end."""

FINDINGS_LIMIT = 1_000
"""Unreadable files get one finding each up to this number. People do not read more, and a phone may report them all."""


@dataclass(frozen=True)
class BackupReport:
    """The result of one backup. `unreadable`: ids of the files that the phone could not read in either attempt.
    `lost`: those of them that matter (see `is_harmless`)."""

    bytes_received: int
    files_received: int
    unreadable: tuple[str, ...]
    lost: tuple[str, ...]


class AskAgain(Protocol):
    """Decides, with the backup's password, which files the phone has to send again (`journey/second_look.py`)."""

    async def contradicted(self, folder: Path, received: Mapping[str, int]) -> Mapping[str, str]:
        """File id -> name of each received file (with its stored bytes) that is not what the phone described."""

    async def forget(self, folder: Path, file_ids: Collection[str]) -> Collection[str]:
        """Make a finished backup lack these files. Returns those that it had."""


async def back_up(
    connection: PhoneConnection,
    folder: Path,
    *,
    seals: Path,
    begin: Literal["incremental", "fresh"],
    progress: Progress,
    ask_again: AskAgain | None = None,
) -> BackupReport:
    """Back up the phone into `folder`, whose name is its UDID. The backup is finished and sealed on return.

    Whatever interrupts it (a cable, a full disk, Ctrl-C), the next `incremental` backup resumes it. Files that could
    not be read, or that contradict the phone's manifest, are asked for once more. `ask_again` None: only the former,
    and only if the phone itself sends them again.
    """
    if folder.name != connection.facts.udid:
        raise ValueError(f"{folder} is not the place of {connection.facts.udid}")
    with translate_disk_errors(folder):
        prepare_folder(folder)
    expected = await asyncio.to_thread(expect_backup, connection.facts, folder, fresh=begin == "fresh")
    progress.bytes_moved(0, expected.size_bytes or None)
    apps = await _apps(connection, progress)
    with translate_disk_errors(folder):
        ledger = SealLedger.open(seals, BackupFolder(folder), fresh=begin == "fresh", apps=apps)
    try:
        run = _BackupRun(connection, folder, ledger, apps, progress, ask_again, ExpectedTotal(expected.size_bytes))
        unreadable, in_transit = await run.back_up(fresh=begin == "fresh")
        with translate_disk_errors(folder):
            seal = ledger.finish(BackupFolder(folder))
    finally:
        ledger.close()
    still_unreadable = {file_id: unreadable.get(file_id, ("", why)) for file_id, why in seal.unreadable.items()}
    domains = apps.domains if apps is not None else ()
    for file_id, (path, why) in islice(still_unreadable.items(), FINDINGS_LIMIT):
        if file_id in seal.in_transit:
            name = safe_text(in_transit.get(file_id, file_id))
            progress.found(FileDamagedInTransit(connection.name, file_id, name).as_finding())
        else:
            place = find_place(file_id, path, domains) or Place("", "")
            found = FileUnreadable(connection.name, file_id, path, why, *place)
            progress.found(found.as_finding("info" if is_harmless(path) else None))
    if len(still_unreadable) > FINDINGS_LIMIT:
        progress.found(MoreFilesUnreadable(connection.name, len(still_unreadable) - FINDINGS_LIMIT).as_finding())
    lost = tuple(one for one, (path, _why) in still_unreadable.items() if not is_harmless(path))
    return BackupReport(run.bytes_received, run.files_received, tuple(still_unreadable), lost)


def prepare_folder(folder: Path) -> None:
    """Create the folder, and delete empty plists, which would make every backup fail (facts row 9)."""
    make_folder(folder)
    for name in ("Manifest.plist", "Status.plist"):
        with suppress(FileNotFoundError):
            if (folder / name).stat().st_size == 0:
                (folder / name).unlink()


@dataclass
class _BackupRun:
    """The conversations of a backup, with their counts added up: one, and another for files that went wrong."""

    connection: PhoneConnection
    folder: Path
    ledger: SealLedger
    apps: InstalledApps | None
    progress: Progress
    ask_again: AskAgain | None
    expected: ExpectedTotal
    bytes_received: int = 0
    files_received: int = 0
    _reported_bytes: int = field(init=False, default=-REPORT_EVERY_BYTES)

    async def back_up(self, *, fresh: bool) -> tuple[dict[str, tuple[str, str]], Mapping[str, str]]:
        """Back up, and ask once more for what went wrong.

        Returns:
            the files the phone could not read: file id -> (path on the phone, why); those damaged in transit: file id
            -> name.
        """
        old_trouble = frozenset() if fresh else await self._forget(self.ledger.unreadable - {HARMLESS_ID})
        unreadable = await self.back_up_once(force_full=fresh)
        for file_id in old_trouble & self.ledger.unreadable - unreadable.keys():
            self.ledger.forget(file_id)  # the phone no longer has it
        reported = {file_id for file_id, (path, _) in unreadable.items() if not is_harmless(path)} - {HARMLESS_ID}
        wrong = await self._contradicted()
        forgotten = await self._forget(reported | wrong.keys())
        if not reported and not forgotten:
            return unreadable, {}
        for file_id in forgotten - reported:
            self.ledger.forget(file_id)
        unreadable |= await self.back_up_once(force_full=False)
        wrong = await self._contradicted()
        for file_id in wrong:
            self.ledger.mark_damaged(file_id, "what arrived is not what the phone announced")
        return unreadable, wrong

    async def _contradicted(self) -> Mapping[str, str]:
        received = self.ledger.received
        return await self.ask_again.contradicted(self.folder, received) if self.ask_again and received else {}

    async def _forget(self, file_ids: Collection[str]) -> frozenset[str]:
        if self.ask_again is None or not file_ids:
            return frozenset()
        with translate_disk_errors(self.folder):
            return frozenset(await self.ask_again.forget(self.folder, file_ids))

    async def back_up_once(self, *, force_full: bool) -> dict[str, tuple[str, str]]:
        """Run one backup, and return the files the phone could not read: file id -> (path on the phone, why)."""
        connection = self.connection
        request: dict[str, Any] = {"MessageName": "Backup", "TargetIdentifier": connection.facts.udid}
        if force_full:
            request["Options"] = {"ForceFullBackup": True}
        async with BackupSession(connection, self.progress, DURING) as session:
            # before the link is opened: reading the icons of many apps takes longer than a phone waits for a request
            with connection.translate_errors(DURING):
                info = await info_plist(connection.client, session.afc, self.apps, udid=connection.facts.udid)
            with translate_disk_errors(self.folder):
                write_private(self.folder / "Info.plist", encode_plist(info), temp_folder=self.folder.parent)
            outcome = await session.send_request(
                request,
                self.folder,
                ledger=self.ledger,
                on_progress=self._on_progress,
                on_phase=self.progress.phase_began,
            )
        session.raise_if_refused(outcome, self.folder)
        self._on_progress(outcome.conversation, at_the_end=True)
        self.progress.phase_began("checking-here")
        self.expected = ExpectedTotal(0)  # files asked for once more are few
        self._reported_bytes = -REPORT_EVERY_BYTES
        self.bytes_received += outcome.conversation.receiver.bytes_received
        self.files_received += outcome.conversation.receiver.files_received
        return outcome.conversation.receiver.unreadable

    def _on_progress(self, conversation: Conversation, *, at_the_end: bool = False) -> None:
        receiver = conversation.receiver
        if not at_the_end and receiver.bytes_received < self._reported_bytes + REPORT_EVERY_BYTES:
            return
        self._reported_bytes = receiver.bytes_received
        done = self.bytes_received + receiver.bytes_received
        total = self.expected.total(receiver.bytes_received, conversation.percent)
        if at_the_end:
            self.progress.bytes_moved(done, done)
        else:
            self.progress.bytes_moved(done, None if total is None else self.bytes_received + total)
        self.progress.files_moved(self.files_received + receiver.files_received)


class SealLedger:
    """Writes hashes to the draft of the backup's seal.

    During a conversation only the hashing thread uses it, before and after that only the thread that waits for the
    backup.
    """

    def __init__(self, draft: SealDraft, seals: Path, udid: str, groups: dict[str, list[str]] | None) -> None:
        self._draft = draft
        self._seals = seals
        self._udid = udid
        self._groups = groups
        self._note_groups()

    @classmethod
    def open(cls, seals: Path, folder: BackupFolder, *, fresh: bool, apps: InstalledApps | None) -> SealLedger:
        """A draft for a backup into `folder`, based on the seal of the finished backup there, on the draft of an
        interrupted one, or empty."""
        udid = folder.path.name
        draft = None if fresh else _resumable_draft(seals, folder)
        if draft is not None and not folder.is_finished:
            _remove_unrecorded(folder.path / "Snapshot", draft.received)
        return cls(
            draft or SealDraft.open(seals, udid, None, fresh=True),
            seals,
            udid,
            apps.groups if apps is not None else None,
        )

    def add(self, file_id: str, sha256: str, size: int) -> None:
        self._draft.add(file_id, sha256, size)

    def mark_unreadable(self, file_id: str, reason: str) -> None:
        self._draft.mark_unreadable(file_id, reason)

    def mark_damaged(self, file_id: str, reason: str) -> None:
        self._draft.mark_damaged(file_id, reason)

    def flush(self) -> None:
        self._draft.flush()

    @property
    def unreadable(self) -> frozenset[str]:
        return frozenset(self._draft.unreadable)

    @property
    def received(self) -> Mapping[str, int]:
        return self._draft.received

    def forget(self, file_id: str) -> None:
        self._draft.forget(file_id)

    def forget_everything(self) -> None:
        """Start an empty draft: the phone renamed the old backup and starts a full one."""
        self._draft.close()
        self._draft = SealDraft.open(self._seals, self._udid, None, fresh=True)
        self._note_groups()

    def finish(self, folder: BackupFolder) -> Seal:
        return self._draft.finish(folder)

    def close(self) -> None:
        self._draft.close()

    def _note_groups(self) -> None:
        if self._groups is not None:
            self._draft.groups(self._groups)


def _remove_unrecorded(snapshot: Path, received: Collection[str]) -> None:
    """Remove the files of an interrupted backup that were written, but whose hash was lost with the process: the phone
    sends again what is not there, and then every file of the backup has been hashed on its way."""
    for path in snapshot.glob("[0-9a-f][0-9a-f]/*"):
        if FILE_ID.fullmatch(path.name) and path.name not in received:
            path.unlink()


def _resumable_draft(seals: Path, folder: BackupFolder) -> SealDraft | None:
    try:
        if folder.is_finished and (seal := read_seal(seals, folder)) is not None:
            return SealDraft.open(seals, folder.path.name, seal)
        # interrupted; or, if the backup is finished, stopped between the phone's Response and the sealing
        return SealDraft.resume(seals, folder.path.name)
    except SealDamaged:
        return None  # unusable; this backup starts a new seal
    except MigrateError:
        return None  # an unreadable Status.plist: the phone itself will refuse it or not


async def _apps(connection: PhoneConnection, progress: Progress) -> InstalledApps | None:
    try:
        return await connection.when_unlocked("the list of its apps", lambda: browse_apps(connection.client), progress)
    except (PyMobileDevice3Exception, OSError) as error:
        progress.found(InstalledAppsUnknown(connection.name, type(error).__name__).as_finding())
        return None
