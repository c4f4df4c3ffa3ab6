"""One connected phone that trusts this computer: meet it, read its facts, back it up, restore to it, wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pymobiledevice3.exceptions import AfcException

from migrate.backup.seal import Seal
from migrate.phone.connection import PhoneConnection
from migrate.phone.facts import PhoneFacts, setup_finished, trusted_facts
from migrate.phone.icloud import ICloudBackup, read_icloud_backup, set_icloud_backup
from migrate.phone.lockdown import read_values
from migrate.phone.meeting import Meeting
from migrate.phone.mobilebackup2.back_up import AskAgain, BackupReport, back_up
from migrate.phone.mobilebackup2.info_plist import InstalledApp, browse_apps
from migrate.phone.mobilebackup2.password import change_backup_password, is_backup_password
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions, RestoreReport, restore
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.photo_catalogue import fetch_photo_catalogue
from migrate.phone.service import AFC_TIMEOUT_S, PhoneFiles, translate_parse_errors
from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import MigrateError, NotActivated, PhoneLost, SetupUnfinished
from migrate.progress import Progress, no_progress

__all__ = ["BackupReport", "InstalledApp", "Phone", "RestoreOptions", "RestoreReport", "wait_until_ready"]

SETUP_POLL_S = 1.0
REBOOT_S = 300.0
"""How long a phone may be away after a restore before the person is asked to check its cable: it shows a progress bar
and reboots twice (facts 4.8; the length is *guessed*, GoldenNugget waits up to 20 minutes)."""


class Phone:
    """A phone; create it with `meet`, and use it as an async context manager.

    Every method may raise PhoneLost and may be cancelled.
    """

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
        taken_names: Collection[str] = (),
        needs_cable: bool = False,
    ) -> Self:
        """The phone `udid`, connected and trusted. Asks the person for what is missing for up to `wait_s` seconds.

        `taken_names`: other phones' names, from which this one's has to be told apart. `needs_cable`: whether Wi-Fi
        does not do.

        Raises:
            RestoreNeedsCable: it is connected over Wi-Fi, and `needs_cable`.
            NoMuxer, NoPhone, PhoneLocked, NotTrusted, PairingNeedsCable, NotActivated, PhoneLost: the time ran out.
            TrustDenied, PairingForbidden, ServiceRefused: waiting does not help.
        """
        user_wait = UserWait(progress, wait_s, time or Time())
        return await cls._from(Meeting(usbmux, udid, user_wait, taken_names=taken_names, needs_cable=needs_cable))

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
        """Like `meet`, for the only connected phone that is not in `excluded_udids`.

        Raises:
            SeveralPhones: more than one is connected.
        """
        return await cls._from(Meeting(usbmux, None, UserWait(progress, wait_s, time or Time()), excluded_udids))

    @classmethod
    async def _from(cls, meeting: Meeting) -> Self:
        met, user_wait = await meeting.wait(), meeting.user_wait
        connection = PhoneConnection(
            meeting.usbmux,
            met.client,
            met.device,
            met.facts,
            user_wait.wait_s,
            user_wait.time,
            user_wait.progress,
        )
        return cls(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.client.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> PhoneFacts:
        """The facts as of `meet` or the last `refresh`."""
        return self._connection.facts

    async def refresh(self) -> PhoneFacts:
        """Read all facts from the phone again."""
        connection = self._connection
        with connection.translate_errors("a query of its details"):
            await read_values(connection.client)
            facts = await trusted_facts(connection.client, connection.client.service.mux_device or connection.device)
            connection.facts = replace(facts, shares_name=connection.facts.shares_name)
        return connection.facts

    async def installed_apps(self) -> dict[str, InstalledApp]:
        """The apps a person installed, by bundle id."""
        connection, asked_for = self._connection, "the list of its apps"
        with connection.translate_errors(asked_for):
            return (await connection.when_unlocked(asked_for, lambda: browse_apps(connection.client))).installed

    async def signs_of_use(self) -> tuple[str, ...]:
        """What shows, without a backup, that this phone is in use: `3 apps`, `120 photos and videos`. Empty: nothing.

        Apple's own apps do not count, because a new phone already has some. Messages, contacts and the like cannot be
        seen without a backup.
        """
        signs: list[str] = []
        own = [bundle_id for bundle_id in await self.installed_apps() if not bundle_id.startswith("com.apple.")]
        if own:
            signs.append(f"{len(own)} app{'s' if len(own) != 1 else ''}")
        if pictures := len(await self.pictures()):
            signs.append(f"{pictures} photo{'s' if pictures != 1 else ''} and videos")
        return tuple(signs)

    async def pictures(self) -> list[str]:
        """The names of its photos and videos, as `100APPLE/IMG_0001.JPG`. They are only to be compared or counted."""
        connection, asked_for = self._connection, "a query of its photos"

        async def read() -> list[str]:
            found: list[str] = []
            with translate_parse_errors():
                async with asyncio.timeout(AFC_TIMEOUT_S), PhoneFiles(connection.client) as afc:
                    with suppress(AfcException):
                        for roll in await afc.listdir("/DCIM"):
                            with suppress(AfcException):
                                found += [f"{roll}/{name}" for name in await afc.listdir(f"/DCIM/{roll}")]
            return found

        with connection.translate_errors(asked_for):
            return sorted(await connection.when_unlocked(asked_for, read))

    async def icloud_backup(self) -> ICloudBackup:
        """What it tells about its iCloud Backup."""
        return await read_icloud_backup(self._connection)

    async def photo_catalogue(self, folder: Path) -> Path | None:
        """A copy of the catalogue of its photos in `folder`, made without a backup. None: it does not show it."""
        with self._connection.translate_errors("a look at its photos"), translate_parse_errors():
            async with PhoneFiles(self._connection.client) as afc:
                return await fetch_photo_catalogue(afc, folder)

    # -- acting ------------------------------------------------------------------------------------------------------

    async def back_up(
        self,
        folder: Path,
        *,
        seals: Path,
        begin: Literal["incremental", "fresh"] = "incremental",
        progress: Progress = no_progress,
        ask_again: AskAgain | None = None,
    ) -> BackupReport:
        """Back it up into `folder` (see `mobilebackup2.back_up`)."""
        return await back_up(self._connection, folder, seals=seals, begin=begin, progress=progress, ask_again=ask_again)

    async def restore(
        self,
        set_folder: Path,
        *,
        options: RestoreOptions,
        password: str | None = None,
        restore_applications: bool,
        progress: Progress = no_progress,
        attempt: RestoreAttempt | None = None,
        seal: Seal | None = None,
    ) -> RestoreReport:
        """Send it the restore set (see `mobilebackup2.restore`)."""
        return await restore(
            self._connection,
            set_folder,
            options=options,
            password=password,
            restore_applications=restore_applications,
            progress=progress,
            attempt=attempt,
            seal=seal,
        )

    async def set_icloud_backup(self, on: bool, *, progress: Progress = no_progress) -> None:
        """Turn iCloud Backup on or off (see `icloud`), then refresh the facts."""
        await set_icloud_backup(self._connection, on, progress=progress)
        await self.refresh()

    async def change_backup_password(
        self,
        old: str | None,
        new: str | None,
        *,
        progress: Progress = no_progress,
        key_files: Mapping[str, bytes] | None = None,
    ) -> dict[str, bytes]:
        """Set, change or remove its backup password (see `mobilebackup2.password`), then refresh the facts."""
        rewrapped = await change_backup_password(self._connection, old, new, progress=progress, key_files=key_files)
        await self.refresh()
        return rewrapped

    async def is_backup_password(self, password: str, *, progress: Progress = no_progress) -> bool:
        """Ask it whether this is its backup password (see `mobilebackup2.password`)."""
        return await is_backup_password(self._connection, password, progress=progress)


async def wait_until_ready(
    usbmux: UsbmuxConfig,
    udid: str,
    *,
    progress: Progress = no_progress,
    wait_s: float = 0.0,
    time: Time | None = None,
    taken_names: Collection[str] = (),
) -> Phone:
    """Wait until the phone is back from its reboot, trusts this computer (a restore may end trust) and is set up.

    A phone that does not report its setup state counts as set up: if it is not, a backup is answered with 212.

    Raises:
        what `Phone.meet` raises; SetupUnfinished: its setup was not finished in time.
    """
    user_wait = UserWait(progress, wait_s, time or Time(), poll_s=SETUP_POLL_S)
    no_prompt_until = user_wait.time.clock() + REBOOT_S
    while True:
        meeting = Meeting(
            usbmux,
            udid,
            UserWait(progress, user_wait.remaining_s, user_wait.time),
            no_prompt_until=no_prompt_until,
            taken_names=taken_names,
        )
        try:
            phone = await Phone._from(meeting)
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
    """Wait until the setup is finished. False: the phone disconnected meanwhile, as a phone in setup may do."""
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
