"""Everything that a phone shows a computer by itself, for a look at its state: nothing on it changes, nobody is asked.

More than `discovery` reads, because the services that are asked here take longer than a list of phones may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pymobiledevice3.exceptions import AfcException, PyMobileDevice3Exception
from pymobiledevice3.services.afc import AFC_LOCK_SH, AFC_LOCK_UN, AfcError
from pymobiledevice3.services.diagnostics import DiagnosticsService
from pymobiledevice3.services.mobile_config import MobileConfigService
from pymobiledevice3.usbmux import MuxDevice

from migrate.phone.discovery import read_phone
from migrate.phone.facts import PhoneFacts, tell_apart
from migrate.phone.lockdown import Lockdown
from migrate.phone.mobilebackup2.restore import APPS_FILE
from migrate.phone.mobilebackup2.sync_lock import LOCK_FILE
from migrate.phone.muxer import UsbmuxConfig, list_phones
from migrate.phone.service import PhoneFiles, translate_parse_errors

ASK_S = 10.0
"""How long one service may take to start and answer. A healthy phone takes milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one phone shows. None: it cannot be read, or the phone does not trust this computer."""

    facts: PhoneFacts
    passcode_set: bool | None = None
    supervised: bool | None = None
    another_syncs: bool | None = None
    """Whether another program holds the phone's sync lock."""
    restore_begun: bool | None = None
    """Whether a computer left the list of apps of a restore there. A phone removes it when it has carried the restore
    out (INFERRED; libimobiledevice removes it when a restore fails)."""


async def survey_phones(usbmux: UsbmuxConfig) -> list[Survey]:
    """Every attached phone, each once.

    Raises:
        NoMuxer: no usbmuxd answers.
        NoRoomForConnection, CannotStoreKeys: this computer's disk, which every connection needs.
    """
    devices = await list_phones(usbmux)
    surveys = await asyncio.gather(*(_survey(usbmux, device) for device in devices))
    named = tell_apart([survey.facts for survey in surveys])
    return [replace(survey, facts=facts) for survey, facts in zip(surveys, named, strict=True)]


async def _survey(usbmux: UsbmuxConfig, device: MuxDevice) -> Survey:
    found: dict[str, Any] = {}

    async def ask_services(client: Lockdown, facts: PhoneFacts) -> None:
        # a locked screen means that there is a passcode
        found["passcode_set"] = True if facts.locked else await _asked(lambda: _passcode_set(client))
        found["supervised"] = await _asked(lambda: _supervised(client))
        found["another_syncs"] = await _asked(lambda: _another_syncs(client))
        found["restore_begun"] = await _asked(lambda: _restore_begun(client))

    facts = await read_phone(usbmux, device, then=ask_services)
    return Survey(facts=facts, **found)


async def _asked(question: Callable[[], Awaitable[bool | None]]) -> bool | None:
    """The answer, or None where the phone gives none. One that fails must not hide the others."""
    try:
        async with asyncio.timeout(ASK_S):
            with translate_parse_errors():
                return await question()
    except (PyMobileDevice3Exception, OSError, EOFError, TimeoutError):
        return None


async def _passcode_set(client: Lockdown) -> bool | None:
    """iOS 17.4 and later do not say (facts 1.3)."""
    async with DiagnosticsService(client) as diagnostics:
        answer = (await diagnostics.mobilegestalt(["PasswordConfigured"])).get("PasswordConfigured")
    return answer if isinstance(answer, bool) else None


async def _supervised(client: Lockdown) -> bool:
    """The empty configuration of a phone that no organization supervises lacks the key (facts 6.1)."""
    async with MobileConfigService(client) as configuration:
        return (await configuration.get_cloud_configuration() or {}).get("IsSupervised") is True


async def _another_syncs(client: Lockdown) -> bool:
    """Try a shared lock on the file that syncing programs lock, and give it back at once. Opened for reading, so that
    nothing is created; where the file does not exist, nobody has ever synced."""
    async with PhoneFiles(client) as afc:
        try:
            handle = await afc.fopen(LOCK_FILE, "r")
            await afc.lock(handle, AFC_LOCK_SH)
            await afc.lock(handle, AFC_LOCK_UN)
        except AfcException as error:
            if error.status == AfcError.OP_WOULD_BLOCK:
                return True
            if error.status != AfcError.OBJECT_NOT_FOUND:
                raise
    return False


async def _restore_begun(client: Lockdown) -> bool:
    async with PhoneFiles(client) as afc:
        return bool(await afc.exists(APPS_FILE))
