"""One connected phone that trusts this computer: find it, ask it, save it, restore to it, wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pymobiledevice3.exceptions import AfcException
from pymobiledevice3.services.afc import AfcService

from migrate.phone.connection import PhoneConnection
from migrate.phone.facts import PhoneFacts, setup_finished, trusted_facts
from migrate.phone.lockdown import read_values
from migrate.phone.meeting import Meeting
from migrate.phone.mobilebackup2 import back_up as backing_up
from migrate.phone.mobilebackup2 import password as backup_password
from migrate.phone.mobilebackup2 import restore as restoring
from migrate.phone.mobilebackup2.back_up import BackupReport
from migrate.phone.mobilebackup2.info_plist import InstalledApp, browse_apps
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions, RestoreReport
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.service import AFC_ANSWERS_WITHIN_S, translate_parse_errors
from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import MigrateError, NotActivated, PhoneLost, SetupUnfinished
from migrate.progress import Progress, no_progress

__all__ = ["BackupReport", "InstalledApp", "Phone", "RestoreOptions", "RestoreReport", "wait_until_ready"]

SETUP_POLL_S = 1.0
REBOOT_S = 300.0
"""How long a phone may be away after a restore before anybody is told to look after its cable: it shows its bar, and
starts twice (facts 4.8; the length is *guessed*, GoldenNugget waits up to 20 minutes)."""


class Phone:
    """Use `meet`. An async context manager; every method may find the phone gone (PhoneLost) and may be cancelled."""

    def __init__(self, connection: PhoneConnection) -> None:
        self._connection = connection

    # -- meeting -----------------------------------------------------------------------------------------------------

    @classmethod
    async def meet(
        cls,
        usbmux: UsbmuxConfig,
        udid: str,
        *,
        progress: Progress = no_progress,
        wait_s: float = 0.0,
        time: Time | None = None,
    ) -> Self:
        """The phone `udid`, connected and trusted. For up to `wait_s` seconds a person is asked for what it lacks.

        Raises:
            NoMuxer, NoPhone, PhoneLocked, NotTrusted, PairingNeedsCable, NotActivated, PhoneLost: still so after that.
            TrustDenied, PairingForbidden, ServiceRefused: waiting does not help.
        """
        return await cls._of(Meeting(usbmux, udid, UserWait(progress, wait_s, time or Time())))

    @classmethod
    async def meet_any(
        cls,
        usbmux: UsbmuxConfig,
        *,
        excluded_udids: Collection[str] = (),
        progress: Progress = no_progress,
        wait_s: float = 0.0,
        time: Time | None = None,
    ) -> Self:
        """As `meet`, the only phone there is that is not one of `excluded_udids`.

        Raises:
            SeveralPhones: it could be more than one.
        """
        return await cls._of(Meeting(usbmux, None, UserWait(progress, wait_s, time or Time()), excluded_udids))

    @classmethod
    async def _of(cls, meeting: Meeting) -> Self:
        met, user_wait = await meeting.wait(), meeting.user_wait
        return cls(PhoneConnection(meeting.usbmux, met.client, met.device, met.facts, user_wait.wait_s, user_wait.time))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.client.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> PhoneFacts:
        """As of the meeting, or of the last `refresh`."""
        return self._connection.facts

    async def refresh(self) -> PhoneFacts:
        """Ask everything anew."""
        connection = self._connection
        with connection.translate_errors("a query of its details"):
            await read_values(connection.client)
            connection.facts = await trusted_facts(
                connection.client, connection.client.service.mux_device or connection.device
            )
        return connection.facts

    async def installed_apps(self) -> dict[str, InstalledApp]:
        """The apps a person installed, by bundle id."""
        with self._connection.translate_errors("the list of its apps"):
            return (await browse_apps(self._connection.client)).installed

    async def signs_of_use(self) -> tuple[str, ...]:
        """What shows from outside that somebody uses this phone: `3 apps`, `120 photos and videos`. Empty: nothing.

        Apple's own apps count for nothing: a new phone brings some that could be deleted. Messages, contacts and the
        like cannot be seen without a backup.
        """
        signs: list[str] = []
        own = [bundle_id for bundle_id in await self.installed_apps() if not bundle_id.startswith("com.apple.")]
        if own:
            signs.append(f"{len(own)} app{'s' if len(own) != 1 else ''}")
        if pictures := await self._pictures():
            signs.append(f"{pictures} photo{'s' if pictures != 1 else ''} and videos")
        return tuple(signs)

    async def _pictures(self) -> int:
        count = 0
        with self._connection.translate_errors("a query of its photos"), translate_parse_errors():
            async with asyncio.timeout(AFC_ANSWERS_WITHIN_S), AfcService(self._connection.client) as afc:
                with suppress(AfcException):
                    for roll in await afc.listdir("/DCIM"):
                        with suppress(AfcException):
                            count += len(await afc.listdir(f"/DCIM/{roll}"))
        return count

    # -- acting ------------------------------------------------------------------------------------------------------

    async def back_up(
        self,
        folder: Path,
        *,
        seals: Path,
        begin: Literal["incremental", "fresh"] = "incremental",
        progress: Progress = no_progress,
    ) -> BackupReport:
        """Save it into `folder` (see `save.save`)."""
        return await backing_up.back_up(self._connection, folder, seals=seals, begin=begin, progress=progress)

    async def restore(
        self,
        set_folder: Path,
        *,
        options: RestoreOptions,
        password: str | None = None,
        restore_applications: bool,
        progress: Progress = no_progress,
        attempt: RestoreAttempt | None = None,
    ) -> RestoreReport:
        """Send it the restore set (see `restore.restore`)."""
        return await restoring.restore(
            self._connection,
            set_folder,
            options=options,
            password=password,
            restore_applications=restore_applications,
            progress=progress,
            attempt=attempt,
        )

    async def change_backup_password(
        self, old: str | None, new: str | None, *, progress: Progress = no_progress
    ) -> None:
        """Set, change or remove its backup password (see `password.change_backup_password`); facts are fresh then."""
        await backup_password.change_backup_password(self._connection, old, new, progress=progress)
        await self.refresh()


async def wait_until_ready(
    usbmux: UsbmuxConfig, udid: str, *, progress: Progress = no_progress, wait_s: float = 0.0, time: Time | None = None
) -> Phone:
    """The phone, back from its reboot: attached, trusted (asked anew where a restore ended it), its setup finished.

    A phone that does not tell how far its setup is counts as through: a backup would be answered 212 otherwise.

    Raises:
        what `Phone.meet` raises; SetupUnfinished: somebody still has to finish its setup.
    """
    user_wait = UserWait(progress, wait_s, time or Time(), poll_s=SETUP_POLL_S)
    no_prompt_until = user_wait.time.clock() + REBOOT_S
    while True:
        meeting = Meeting(
            usbmux, udid, UserWait(progress, user_wait.remaining_s, user_wait.time), no_prompt_until=no_prompt_until
        )
        try:
            phone = await Phone._of(meeting)
        except NotActivated as error:
            raise SetupUnfinished(error.phone, "it is not activated") from error
        try:
            if await _wait_for_setup(phone, user_wait):
                user_wait.request_done()
                return phone
        except BaseException:
            await phone.close()
            raise
        await phone.close()


async def _wait_for_setup(phone: Phone, user_wait: UserWait) -> bool:
    """Wait for the end of the setup. False: the phone left meanwhile, which a phone in setup may do."""
    connection = phone._connection
    while True:
        try:
            with connection.translate_errors("its setup"):
                if await setup_finished(connection.client) is not False:
                    await phone.refresh()
                    return True
        except PhoneLost:
            return False
        unfinished: MigrateError = SetupUnfinished(connection.name, "its setup assistant is running")
        await user_wait.poll(NotReady(unfinished, "finish-setup"), connection.name)
