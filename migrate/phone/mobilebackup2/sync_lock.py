"""Hold the phone's sync lock, which allows only one program at a time to sync, back up or restore it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pymobiledevice3.exceptions import AfcException, PyMobileDevice3Exception
from pymobiledevice3.services.afc import AFC_LOCK_EX, AFC_LOCK_UN, AfcError, AfcService

from migrate.phone.mobilebackup2.notifications import NotificationListener
from migrate.phone.service import AFC_TIMEOUT_S, translate_parse_errors
from migrate.phone.wait import Sleep
from migrate.problems import AnotherProgramSyncing

LOCK_FILE = "/com.apple.itunes.lock_sync"
TRIES = 50
PAUSE_S = 0.2
"""50 tries, 0.2 s apart: libimobiledevice's LOCK_ATTEMPTS and LOCK_WAIT, and pymobiledevice3's."""

UNLOCK_S = 5.0

WILL_START = "com.apple.itunes-mobdev.syncWillStart"
LOCK_REQUEST = "com.apple.itunes-mobdev.syncLockRequest"
DID_START = "com.apple.itunes-mobdev.syncDidStart"
DID_FINISH = "com.apple.itunes-mobdev.syncDidFinish"


@asynccontextmanager
async def sync_lock(
    afc: AfcService | None, notifications: NotificationListener, *, phone: str, sleep: Sleep
) -> AsyncIterator[None]:
    """Hold the lock inside the context. Does nothing if `afc` is None; then only the phone's own refusal protects it.

    Raises:
        AnotherProgramSyncing: another program held it for ten seconds.
        PyMobileDevice3Exception, OSError: the phone is gone.
    """
    if afc is None:
        yield
        return
    await notifications.post(WILL_START)
    with translate_parse_errors():
        async with asyncio.timeout(AFC_TIMEOUT_S):
            handle = await afc.fopen(LOCK_FILE, "r+")
    try:
        await notifications.post(LOCK_REQUEST)
        await _acquire(afc, handle, phone, sleep)
        await notifications.post(DID_START)
        yield
    except BaseException:
        # The phone may be gone, or we are being cancelled; closing the AFC connection next releases the lock
        await notifications.post(DID_FINISH)
        raise
    # After a restore the phone may be rebooting already, and then unlocking fails
    with suppress(PyMobileDevice3Exception, OSError), translate_parse_errors():
        async with asyncio.timeout(UNLOCK_S):
            await afc.lock(handle, AFC_LOCK_UN)
            await afc.fclose(handle)
    await notifications.post(DID_FINISH)


async def _acquire(afc: AfcService, handle: int, phone: str, sleep: Sleep) -> None:
    for _ in range(TRIES):
        try:
            with translate_parse_errors():
                async with asyncio.timeout(AFC_TIMEOUT_S):
                    await afc.lock(handle, AFC_LOCK_EX)
        except AfcException as error:
            if error.status != AfcError.OP_WOULD_BLOCK:
                raise
            await sleep(PAUSE_S)
        else:
            return
    raise AnotherProgramSyncing(phone)
