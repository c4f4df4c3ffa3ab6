"""Sending a restore set to a phone. From the first byte of a file on, the phone may change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pymobiledevice3.exceptions import PyMobileDevice3Exception
from pymobiledevice3.services.afc import AfcService

from migrate.backup.folder import BackupFolder
from migrate.phone.connection import PhoneConnection
from migrate.phone.mobilebackup2.back_up import REPORT_EVERY_BYTES
from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.refusals import error_code
from migrate.phone.mobilebackup2.session import BackupSession, Outcome
from migrate.phone.muxer import find_device, list_phones
from migrate.phone.service import translate_parse_errors
from migrate.phone.wait import UserWait
from migrate.plists import encode_plist
from migrate.problems import NoMuxer, PasswordMissing, ServiceRefused
from migrate.progress import Progress

DURING: Final = "the restore"
SENT_AT_PERCENT = 99.5
"""A phone may reboot before its answer is out: a link that drops at or after this is the normal end (REPORTED, facts
2.5 and row 48). What really arrived is for the proof to say."""

HALF_PERCENT = 50.0
"""A phone stages everything before it moves a restore into place (facts 2.5), so below this it has not. It says its
own percentage, estimated by time, with every request (facts 2.2): half leaves room for a bad estimate (*guessed*)."""

APPS_FOLDER: Final = "/iTunesRestore"
APPS_FILE: Final = "/iTunesRestore/RestoreApplications.plist"

SLOWEST_BYTES_A_SECOND = 100_000
"""Of a write over AFC; Wi-Fi at its worst (*guessed*)."""

LEAVES_WITHIN_S = 60.0
"""How long a phone takes to begin its reboot after a restore (*guessed*; real ones show their bar within seconds)."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """Apple's five flags. All are always sent: to the phone a missing one means YES (facts 4.1)."""

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
    """What this process knows of a restore that did not end well. Fill it by handing it to `restore`."""

    conversation: Conversation | None = None
    """The last one in which the phone was sent anything."""
    refused: bool = False
    """The phone answered, and its answer was an error."""
    on_half_sent: Callable[[], None] = lambda: None
    """Called once, from the link's thread, before the phone can have received everything."""
    on_taken: Callable[[], None] = lambda: None
    """Called once, as soon as the phone has said that it took the set."""
    half_sent: bool = False

    @property
    def was_not_taken(self) -> bool:
        """Whether the phone cannot have taken the set: it refused, or had not fetched all of it when the link broke.

        False where that cannot be shown. The phone says how far it is with every request for files (facts 2.2).
        """
        if self.refused or self.conversation is None or self.conversation.sender.files_sent == 0:
            return True
        return self.conversation.fetching or 0 < self.conversation.percent < SENT_AT_PERCENT

    def note(self, conversation: Conversation, total_bytes: int) -> None:
        """Take what the conversation has come to; called after every frame."""
        self.conversation = conversation
        half = conversation.percent >= HALF_PERCENT or conversation.sender.bytes_sent * 2 >= total_bytes
        if half and not self.half_sent:
            self.half_sent = True
            self.on_half_sent()


@dataclass(frozen=True)
class RestoreReport:
    """What went out. `confirmed`: the phone itself said that it was done."""

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
) -> RestoreReport:
    """Send the set, and see the phone off to its reboot. `attempt` is kept up to date until this returns or raises.

    Raises:
        BackupUnfinished, PasswordMissing: found here, before the phone was asked.
        FindMyOn, PhoneFull, WrongPhonePassword, … : the phone refused (see `refusals`).
        PhoneLost: the link broke before nearly all was sent; the phone has not changed, and may be sent it again.
    """
    backup = BackupFolder(set_folder)
    backup.require_finished()
    if backup.is_encrypted and not password:
        raise PasswordMissing(set_folder)
    attempt = attempt or RestoreAttempt()
    sending = _Sending(progress, await asyncio.to_thread(stored_bytes, set_folder), attempt)
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
        _applications_on_phone(connection, session.afc, applications),
    ):
        outcome = await session.send_request(request, set_folder, on_progress=sending.on_progress)
        attempt.refused = outcome.response is not None and bool(error_code(outcome.response))
        confirmed = _judge(session, set_folder, outcome)
        attempt.on_taken()
    sender = outcome.conversation.sender
    sending.on_progress(outcome.conversation, at_the_end=True)
    if options.should_reboot:
        await wait_for_reboot(connection, progress)
    return RestoreReport(sender.bytes_sent, sender.files_sent, confirmed)


def _judge(session: BackupSession, set_folder: Path, outcome: Outcome) -> bool:
    """Whether the phone confirmed it. Raises when the set was not, or not all, sent."""
    if outcome.response is None and outcome.conversation.percent >= SENT_AT_PERCENT:
        return False
    session.raise_if_refused(outcome, set_folder)
    return True


@dataclass
class _Sending:
    progress: Progress
    total: int
    attempt: RestoreAttempt
    _reported_bytes: int = field(init=False, default=-REPORT_EVERY_BYTES)

    def on_progress(self, conversation: Conversation, *, at_the_end: bool = False) -> None:
        self.attempt.note(conversation, self.total)
        sender = conversation.sender
        if not at_the_end and sender.bytes_sent < self._reported_bytes + REPORT_EVERY_BYTES:
            return
        self._reported_bytes = sender.bytes_sent
        # the phone fetches the manifest more than once, so more may be sent than there is
        self.progress.bytes_moved(min(sender.bytes_sent, self.total), self.total)
        self.progress.files_moved(sender.files_sent)


def stored_bytes(folder: Path) -> int:
    """What a set weighs on disk. Walks it: a second or so for a hundred thousand files."""
    total = 0
    for parent, _, names in os.walk(folder):
        total += sum(os.lstat(Path(parent, name)).st_size for name in names)
    return total


@asynccontextmanager
async def _applications_on_phone(
    connection: PhoneConnection, afc: AfcService | None, applications: dict[str, Any] | None
) -> AsyncIterator[None]:
    """The list of apps that the phone shall install after the restore; taken away again when the restore fails.

    Put there before the restore is asked for, as libimobiledevice does it (facts 4.5).
    """
    if not applications:
        yield
        return
    if afc is None:
        raise ServiceRefused(connection.name, "to be told which apps to install", "its file service does not start")
    with connection.translate_errors(DURING):
        content = encode_plist(applications)
        with translate_parse_errors():
            async with asyncio.timeout(LEAVES_WITHIN_S + len(content) / SLOWEST_BYTES_A_SECOND):
                await afc.makedirs(APPS_FOLDER)
                await afc.rm_single(APPS_FILE, force=True)
                await afc.set_file_contents(APPS_FILE, content)
    try:
        yield
    except BaseException:
        with suppress(PyMobileDevice3Exception, OSError), translate_parse_errors():
            async with asyncio.timeout(LEAVES_WITHIN_S):
                await afc.rm_single(APPS_FILE, force=True)
        raise


async def wait_for_reboot(connection: PhoneConnection, progress: Progress) -> None:
    """Wait until the phone leaves the bus for its reboot, or patience is over.

    Without this, whoever waits for its return could take the phone that has not left yet for the one that is back.
    A phone that stays is asked to be restarted by hand: nothing of a restore shows before (facts 4.8).
    """
    by_itself = UserWait(progress, LEAVES_WITHIN_S, connection.time)
    by_hand: UserWait | None = None
    while await _is_still_there(connection):
        if by_itself.remaining_s > 0:
            await connection.time.sleep(by_itself.poll_s)
            continue
        if by_hand is None:
            by_hand = UserWait(progress, connection.wait_s, connection.time)
            progress.person_needed(connection.name, "restart-phone")
        if by_hand.remaining_s <= 0:
            return
        await connection.time.sleep(by_hand.poll_s)
    if by_hand is not None:
        progress.person_done(connection.name, "restart-phone")


async def _is_still_there(connection: PhoneConnection) -> bool:
    """Whether the phone is attached under the number it had. One that came back has a new one."""
    try:
        device = find_device(await list_phones(connection.usbmux), connection.facts.udid)
    except NoMuxer:  # Linux's usbmuxd may end with the last phone
        return False
    now = connection.client.service.mux_device or connection.device
    return device is not None and device.devid == now.devid
