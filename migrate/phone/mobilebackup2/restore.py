"""Send a restore set to a phone. The phone may change from the first byte of the first file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.services.afc import AfcService

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.seal import Seal
from migrate.phone.connection import PhoneConnection
from migrate.phone.mobilebackup2.back_up import REPORT_EVERY_BYTES
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.download import NotAsSealed
from migrate.phone.mobilebackup2.expected import stored_bytes
from migrate.phone.mobilebackup2.refusals import error_code
from migrate.phone.mobilebackup2.session import BackupSession, Outcome
from migrate.phone.muxer import find_device, list_phones
from migrate.phone.service import translate_parse_errors
from migrate.phone.wait import UserWait
from migrate.plists import encode_plist
from migrate.problems import MigrateError, NoMuxer, PasswordMissing, RestoreSetChanged, ServiceRefused
from migrate.progress import UNFINISHED, Phase, Progress, unfinished_total

DURING: Final = "the restore"
SENT_AT_PERCENT = 99.5
"""A phone may reboot before it has sent its Response: a link that drops at or after this percentage is a normal end
(REPORTED, facts 2.5 and row 48). The proof shows what really arrived."""

HALF_PERCENT = 50.0
"""Below this, the phone cannot have moved the restore into place, because it stages everything first (facts 2.5). Its
percentage comes with every request and is estimated from time (facts 2.2); half allows for a bad estimate (*guessed*).
"""

RESTORE_PENDING: Final = 102
"""A restore is staged already (facts 5.1): the answer says nothing about an earlier try of ours."""

FILES_BEFORE_BLOBS = 5
"""Status.plist, Manifest.plist, Manifest.db and Info.plist, some of them more than once (facts 2.5)."""

APPS_FOLDER: Final = "/iTunesRestore"
APPS_FILE: Final = "/iTunesRestore/RestoreApplications.plist"

SLOWEST_BYTES_PER_S = 100_000
"""The slowest expected write over AFC: bad Wi-Fi (*guessed*)."""

LEAVES_WITHIN_S = 60.0
"""How long a phone may take to start its reboot after a restore (*guessed*; a real one shows its progress bar within
seconds)."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """Apple's five restore flags. All are always sent, because a missing one means YES to the phone (facts 4.1)."""

    system_files: bool
    should_reboot: bool
    dont_copy_backup: bool
    preserve_settings: bool
    remove_items_not_restored: bool

    def as_request(self) -> dict[str, bool]:
        return {
            "RestoreSystemFiles": self.system_files,
            "RestoreShouldReboot": self.should_reboot,
            "RestoreDontCopyBackup": self.dont_copy_backup,
            "RestorePreserveSettings": self.preserve_settings,
            "RemoveItemsNotRestored": self.remove_items_not_restored,
        }


@dataclass
class RestoreAttempt:
    """How far a restore got. Pass it to `restore`, which keeps it up to date; read it when `restore` raised."""

    conversation: Conversation | None = None
    """The last conversation in which anything was sent to the phone."""
    refused: bool = False
    """The phone responded with an error, and no restore is staged on it."""
    taken: bool = False
    """The phone responded that everything is staged."""
    on_half_sent: Callable[[], None] = lambda: None
    """Called once, from the link's thread, before the phone can have received everything."""
    on_taken: Callable[[], None] = lambda: None
    on_refused: Callable[[], None] = lambda: None
    """One of both is called once, from the link's thread, with the phone's Response and before anything else."""
    half_sent: bool = False

    @property
    def was_not_taken(self) -> bool:
        """Whether it is certain that the phone did not take the set: it refused, or the link broke before it had
        everything.

        False if that is uncertain: between two batches nobody but the phone knows whether another one follows, and the
        percentage is an estimate.
        """
        if self.taken:
            return False
        if self.refused or self.conversation is None or self.conversation.sender.files_sent == 0:
            return True
        return self.conversation.fetching or not self.half_sent

    def note_response(self, response: Mapping[str, Any]) -> None:
        """Record the phone's answer."""
        code = error_code(response)
        if not code:
            self.taken = True
            self.on_taken()
        elif code != RESTORE_PENDING:
            self.refused = True
            self.on_refused()

    def note(self, conversation: Conversation, total_bytes: int) -> None:
        """Record the conversation's progress; called after every frame."""
        self.conversation = conversation
        half = conversation.percent >= HALF_PERCENT or conversation.sender.bytes_sent * 2 >= total_bytes
        if half and not self.half_sent:
            self.half_sent = True
            self.on_half_sent()


@dataclass(frozen=True)
class RestoreReport:
    """The result of a restore. `confirmed`: the phone responded that it succeeded."""

    bytes_sent: int
    files_sent: int
    confirmed: bool


async def restore(
    connection: PhoneConnection,
    set_folder: Path,
    *,
    options: RestoreOptions,
    password: str | None,
    restore_applications: bool,
    progress: Progress,
    attempt: RestoreAttempt | None = None,
    seal: Seal | None = None,
) -> RestoreReport:
    """Send the set, and wait until the phone starts its reboot. Keeps `attempt` up to date throughout.

    `seal`: that of the set. Every byte is hashed while it is sent and held to it; None: nothing is compared.

    Raises:
        RestoreSetChanged: a file is not the sealed one. The phone did not get all of it, and nothing on it has changed.
        BackupUnfinished, PasswordMissing: checked here, before anything is sent.
        FindMyOn, PhoneFull, WrongPhonePassword, … : the phone refused (see `refusals`).
        PhoneLost: the link broke before nearly everything was sent; the phone has not changed, and the set may be sent
            again.
    """
    backup = BackupFolder(set_folder)
    backup.require_finished()
    if backup.is_encrypted and not password:
        raise PasswordMissing(set_folder)
    attempt = attempt or RestoreAttempt()
    send_progress = _SendProgress(progress, await asyncio.to_thread(stored_bytes, set_folder), attempt)
    send_progress.begin()
    restore_options: dict[str, Any] = {**options.as_request()}
    if backup.is_encrypted:
        restore_options["Password"] = password
    request = {
        "MessageName": "Restore",
        "TargetIdentifier": connection.facts.udid,
        "SourceIdentifier": set_folder.name,
        "Options": restore_options,
    }
    applications = (backup.info or {}).get("Applications") if restore_applications else None
    async with (
        BackupSession(connection, progress, DURING) as session,
        _applications_on_phone(connection, session.afc, applications, attempt),
    ):
        try:
            outcome = await session.send_request(
                request,
                set_folder,
                on_progress=send_progress.on_progress,
                on_response=attempt.note_response,
                seal=seal,
            )
        except NotAsSealed as found:
            raise await asyncio.to_thread(_set_changed, connection.name, backup, password, found) from found
        confirmed = _is_confirmed(session, set_folder, outcome)
    sender = outcome.conversation.sender
    send_progress.on_progress(outcome.conversation, at_the_end=True)
    if options.should_reboot:
        await wait_for_reboot(connection, progress)
    return RestoreReport(sender.bytes_sent, sender.files_sent, confirmed)


def _set_changed(phone: str, backup: BackupFolder, password: str | None, found: NotAsSealed) -> RestoreSetChanged:
    """The error that says which file it is, as far as the manifest can be read."""
    domain = path = ""
    with suppress(MigrateError, OSError), open_manifest(backup, password) as manifest:
        for row in manifest.rows(lambda _: None):
            if row.file_id == found.name:
                domain, path = row.domain, row.relative_path
    return RestoreSetChanged(phone, str(backup.path), found.name, domain, path, found.reason)


def _is_confirmed(session: BackupSession, set_folder: Path, outcome: Outcome) -> bool:
    """Whether the phone confirmed the restore. Raises if it refused, or if the link broke too early."""
    if outcome.response is None and outcome.conversation.percent >= SENT_AT_PERCENT:
        return False
    session.raise_if_refused(outcome, set_folder)
    return True


@dataclass
class _SendProgress:
    progress: Progress
    total: int
    attempt: RestoreAttempt
    _reported_bytes: int = field(init=False, default=-REPORT_EVERY_BYTES)
    _phase: Phase | None = field(init=False, default=None)

    def begin(self) -> None:
        self.progress.bytes_moved(0, self.total)
        self.progress.phase_began("getting-ready")
        self._phase = "getting-ready"

    def on_progress(self, conversation: Conversation, *, at_the_end: bool = False) -> None:
        self.attempt.note(conversation, self.total)
        sender = conversation.sender
        if not at_the_end and sender.bytes_sent < self._reported_bytes + REPORT_EVERY_BYTES:
            return
        self._reported_bytes = sender.bytes_sent
        # the phone downloads the manifest more than once, so more bytes may be sent than the set has
        sent = min(sender.bytes_sent, self.total)
        self._note_phase(sender.files_sent, sent)
        self.progress.bytes_moved(sent, sent if at_the_end else max(self.total, unfinished_total(sent)))
        self.progress.files_moved(sender.files_sent)

    def _note_phase(self, files_sent: int, sent: int) -> None:
        """The phone first fetches the plists and the manifest, and works through that for a while. Whether it has all
        of the files shows only by their bytes."""
        phase: Phase = "getting-ready" if files_sent < FILES_BEFORE_BLOBS else "sending"
        phase = "taking" if sent >= self.total * UNFINISHED else phase
        if phase != self._phase:
            self._phase = phase
            self.progress.phase_began(phase)


@asynccontextmanager
async def _applications_on_phone(
    connection: PhoneConnection,
    afc: AfcService | None,
    applications: dict[str, Any] | None,
    attempt: RestoreAttempt,
) -> AsyncIterator[None]:
    """Put the list of apps to install after the restore on the phone, and remove it again if the phone did not take the
    set. If it may have, the list stays: without it the apps would never come.

    It is written before the restore is requested, as libimobiledevice does (facts 4.5).
    """
    if not applications:
        yield
        return
    if afc is None:
        raise ServiceRefused(connection.name, "to be told which apps to install", "its file service does not start")
    with connection.translate_errors(DURING):
        content = encode_plist(applications)
        with translate_parse_errors():
            async with asyncio.timeout(LEAVES_WITHIN_S + len(content) / SLOWEST_BYTES_PER_S):
                await afc.makedirs(APPS_FOLDER)
                await afc.rm_single(APPS_FILE, force=True)
                await afc.set_file_contents(APPS_FILE, content)
    try:
        yield
    except BaseException:
        if attempt.was_not_taken and not connection.is_gone:  # of a phone that is gone it would answer after a minute
            with suppress(PyMobileDevice3Exception, OSError), translate_parse_errors():
                async with asyncio.timeout(LEAVES_WITHIN_S):
                    await afc.rm_single(APPS_FILE, force=True)
        raise


async def wait_for_reboot(connection: PhoneConnection, progress: Progress) -> None:
    """Wait until the phone leaves the bus for its reboot, or the time runs out.

    Otherwise the next step could mistake a phone that has not left yet for one that is back. If the phone does not
    reboot, the person is asked to restart it: before a restart nothing of the restore shows (facts 4.8).
    """
    progress.phase_began("restarting")
    automatic = UserWait(progress, LEAVES_WITHIN_S, connection.time)
    manual: UserWait | None = None
    while await _is_still_attached(connection):
        if automatic.remaining_s > 0:
            await connection.time.sleep(automatic.poll_s)
            continue
        if manual is None:
            manual = UserWait(progress, connection.wait_s, connection.time)
            progress.person_needed(connection.name, "restart-phone")
        if manual.remaining_s <= 0:
            return
        await connection.time.sleep(manual.poll_s)
    if manual is not None:
        progress.person_done(connection.name, "restart-phone")


async def _is_still_attached(connection: PhoneConnection) -> bool:
    """Whether the phone is attached under the same usbmuxd device id. After a reboot it has a new one."""
    try:
        device = find_device(await list_phones(connection.usbmux), connection.facts.udid)
    except NoMuxer:  # Linux's usbmuxd may end with the last phone
        return False
    known = connection.client.service.mux_device or connection.device
    return device is not None and device.devid == known.devid
