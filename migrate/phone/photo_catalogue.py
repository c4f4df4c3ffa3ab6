"""The catalogue of a phone's photos, read over the cable without a backup.

AFC shows /var/mobile/Media, and there Photos keeps `PhotoData/Photos.sqlite` with its write-ahead log. That an iPhone
lets a computer read them is *guessed*: AFC's folder is *confirmed*, and AFC reads other files there that Photos owns.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pymobiledevice3.exceptions import AfcException, PyMobileDevice3Exception
from pymobiledevice3.services.afc import AfcService

from migrate.phone.mobilebackup2.link import SILENCE_S
from migrate.phone.service import AFC_TIMEOUT_S

CATALOGUE = "/PhotoData/Photos.sqlite"
LIMIT_BYTES = 400 << 20
"""Of both files together: a connection may receive 512 MB. A library of 100,000 photos has about 300 MB (*guessed*)."""
CHUNK_BYTES = 1 << 20
TRIES = 3


async def fetch_photo_catalogue(afc: AfcService, folder: Path) -> Path | None:
    """Copy the catalogue into `folder`; None if the phone does not show it, or it is too large or never at rest.

    The log is read after the database: what is added to it meanwhile does no harm. Only a checkpoint changes the
    database itself, and then both are read again.

    Raises:
        PyMobileDevice3Exception, OSError: the connection is lost.
    """
    database = folder / "Photos.sqlite"
    for _try in range(TRIES):
        before = await _size_and_time(afc, CATALOGUE)
        log = await _size_and_time(afc, f"{CATALOGUE}-wal")
        if before is None or before[0] + (log[0] if log else 0) > LIMIT_BYTES:
            return None
        if not await _copy(afc, CATALOGUE, database):
            return None
        await _copy(afc, f"{CATALOGUE}-wal", database.with_name("Photos.sqlite-wal"))
        if await _size_and_time(afc, CATALOGUE) == before:
            return database
    return None


async def _size_and_time(afc: AfcService, path: str) -> tuple[int, Any] | None:
    try:
        async with asyncio.timeout(AFC_TIMEOUT_S):
            known = await afc.stat(path)
    except AfcException:  # it does not exist, or may not be read
        return None
    return int(known["st_size"]), known["st_mtime"]


async def _copy(afc: AfcService, path: str, to: Path) -> bool:
    """Copy one file. False if the phone does not let it be read; then there is no copy."""
    to.unlink(missing_ok=True)
    try:
        async with asyncio.timeout(AFC_TIMEOUT_S):
            handle = await afc.fopen(path, "r")
    except AfcException:
        return False
    received = 0
    with to.open("xb") as file:
        while True:
            async with asyncio.timeout(SILENCE_S):
                chunk = await afc.fread(handle, CHUNK_BYTES)
            received += len(chunk)
            if received > LIMIT_BYTES:
                raise PyMobileDevice3Exception(f"{path} is longer than the phone said")
            file.write(chunk)
            if not chunk:
                break
    async with asyncio.timeout(AFC_TIMEOUT_S):
        await afc.fclose(handle)
    return True
