"""Saving a phone: an ordinary MobileBackup2 backup, continued or made incremental, every blob hashed as it arrives.

What an interrupted save left (`Status.plist`, `Snapshot/`) is never touched here: by it the phone knows where to go on
(facts 2.4). Info.plist is ours to write, and is written anew each time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from pymobiledevice3.exceptions import PyMobileDevice3Exception

from migrate.backup.folder import BackupFolder
from migrate.backup.seal import Seal, SealDraft, read_seal
from migrate.phone.connection import PhoneConnection
from migrate.phone.lockdown import write_private
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.disk import translate_disk_errors
from migrate.phone.mobilebackup2.host_folder import make_folder
from migrate.phone.mobilebackup2.info_plist import InstalledApps, browse_apps, info_plist
from migrate.phone.mobilebackup2.session import BackupSession
from migrate.plists import encode_plist
from migrate.problems import FileUnreadable, InstalledAppsUnknown, MigrateError, MoreFilesUnreadable, SealDamaged
from migrate.progress import Progress

DURING: Final = "the backup"
REPORT_EVERY_BYTES = 1 << 20
"""A watcher hears of progress about once a mebibyte, and at the end."""

ALWAYS_UNREADABLE: Final = ("/FileProvider/backup/backup_manifest.db",)
"""Since iOS 17 a phone reports an I/O error for this file of its own in every backup, and nothing is missed without it
(REPORTED, pymobiledevice3 issue 755). Asking again would cost the person another passcode each time."""


FINDINGS_LIMIT = 1_000
"""Files that could not be read are told one by one up to here; nobody reads more, and a phone may say it of all."""


@dataclass(frozen=True)
class BackupReport:
    """What came in during one save. `unreadable`: file ids the phone could not read, both times it was asked."""

    bytes_received: int
    files_received: int
    unreadable: tuple[str, ...]


async def back_up(
    connection: PhoneConnection,
    folder: Path,
    *,
    seals: Path,
    begin: Literal["incremental", "fresh"],
    progress: Progress,
) -> BackupReport:
    """Save the phone into `folder`, whose name is its UDID. Finished and sealed when this returns.

    Whatever stops it (a cable, a full disk, Ctrl-C), the next `incremental` save goes on where it stopped.
    """
    if folder.name != connection.facts.udid:
        raise ValueError(f"{folder} is not the place of {connection.facts.udid}")
    with translate_disk_errors(folder):
        prepare_folder(folder)
    apps = await _apps(connection, progress)
    with translate_disk_errors(folder):
        ledger = SealLedger.open(seals, BackupFolder(folder), fresh=begin == "fresh", apps=apps)
    try:
        work = _BackupRun(connection, folder, ledger, apps, progress)
        unreadable = await work.back_up_once(force_full=begin == "fresh")
        if any(not path.endswith(ALWAYS_UNREADABLE) for path, _ in unreadable.values()):
            again = await work.back_up_once(force_full=False)
            unreadable = {**unreadable, **again}
        with translate_disk_errors(folder):
            seal = ledger.finish(BackupFolder(folder))
    finally:
        ledger.close()
    lost = {file_id: unreadable.get(file_id, ("", why)) for file_id, why in seal.unreadable.items()}
    for file_id, (path, why) in islice(lost.items(), FINDINGS_LIMIT):
        progress.found(FileUnreadable(connection.name, file_id, path, why).as_finding())
    if len(lost) > FINDINGS_LIMIT:
        progress.found(MoreFilesUnreadable(connection.name, len(lost) - FINDINGS_LIMIT).as_finding())
    return BackupReport(work.bytes_received, work.files_received, tuple(lost))


def prepare_folder(folder: Path) -> None:
    """The folder, and out of the way what would end every backup: a plist without a byte in it (facts row 9)."""
    make_folder(folder)
    for name in ("Manifest.plist", "Status.plist"):
        with suppress(FileNotFoundError):
            if (folder / name).stat().st_size == 0:
                (folder / name).unlink()


@dataclass
class _BackupRun:
    """The one or two conversations of a save, and their figures together."""

    connection: PhoneConnection
    folder: Path
    ledger: SealLedger
    apps: InstalledApps | None
    progress: Progress
    bytes_received: int = 0
    files_received: int = 0
    _reported_bytes: int = field(init=False, default=-REPORT_EVERY_BYTES)

    async def back_up_once(self, *, force_full: bool) -> dict[str, tuple[str, str]]:
        """One backup. What the phone could not read: file id -> (its own path, why)."""
        connection = self.connection
        request: dict[str, Any] = {"MessageName": "Backup", "TargetIdentifier": connection.facts.udid}
        if force_full:
            request["Options"] = {"ForceFullBackup": True}
        async with BackupSession(connection, self.progress, DURING) as session:
            # before the link is opened: gathering the icons of many apps takes longer than a phone waits for a request
            with connection.translate_errors(DURING):
                info = await info_plist(connection.client, session.afc, self.apps, udid=connection.facts.udid)
            with translate_disk_errors(self.folder):
                write_private(self.folder / "Info.plist", encode_plist(info), by_way_of=self.folder.parent)
            outcome = await session.send_request(
                request, self.folder, ledger=self.ledger, on_progress=self._on_progress
            )
        session.raise_if_refused(outcome, self.folder)
        self._on_progress(outcome.conversation, at_the_end=True)
        self.bytes_received += outcome.conversation.receiver.bytes_received
        self.files_received += outcome.conversation.receiver.files_received
        return outcome.conversation.receiver.unreadable

    def _on_progress(self, conversation: Conversation, *, at_the_end: bool = False) -> None:
        receiver = conversation.receiver
        if not at_the_end and receiver.bytes_received < self._reported_bytes + REPORT_EVERY_BYTES:
            return
        self._reported_bytes = receiver.bytes_received
        done = self.bytes_received + receiver.bytes_received
        self.progress.bytes_moved(done, self._total(conversation, done))
        self.progress.files_moved(self.files_received + receiver.files_received)

    def _total(self, conversation: Conversation, done: int) -> int | None:
        """The phone tells no total, only its own estimate of the way gone, in percent (facts 2.2)."""
        return max(done, round(done * 100 / conversation.percent)) if conversation.percent >= 1 else None


class SealLedger:
    """The seal's draft, fed by the hashing thread. `open` and `finish` belong to the thread that waits for it."""

    def __init__(self, draft: SealDraft, seals: Path, udid: str, groups: dict[str, list[str]] | None) -> None:
        self._draft = draft
        self._seals = seals
        self._udid = udid
        self._groups = groups
        self._note_groups()

    @classmethod
    def open(cls, seals: Path, folder: BackupFolder, *, fresh: bool, apps: InstalledApps | None) -> SealLedger:
        """The draft for a save into `folder`: on the seal of the finished save there, on that of an interrupted one, or
        on nothing."""
        udid = folder.path.name
        draft = None if fresh else _resumable_draft(seals, folder)
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

    def forget(self, file_id: str) -> None:
        self._draft.forget(file_id)

    def forget_everything(self) -> None:
        """The phone put the whole backup aside and begins from nothing."""
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


def _resumable_draft(seals: Path, folder: BackupFolder) -> SealDraft | None:
    try:
        if folder.is_finished and (seal := read_seal(seals, folder)) is not None:
            return SealDraft.open(seals, folder.path.name, seal)
        # interrupted; or, when it is finished, stopped between the phone's last word and the sealing
        return SealDraft.resume(seals, folder.path.name)
    except SealDamaged:
        return None  # it is worth nothing any more; this save takes a new one
    except MigrateError:
        return None  # a Status.plist nobody can read: the phone will say what it thinks of it


async def _apps(connection: PhoneConnection, progress: Progress) -> InstalledApps | None:
    try:
        return await browse_apps(connection.client)
    except (PyMobileDevice3Exception, OSError) as error:
        progress.found(InstalledAppsUnknown(connection.name, type(error).__name__).as_finding())
        return None
