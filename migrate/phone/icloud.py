"""iCloud Backup of one phone: what it tells a computer about it, and its switch.

A phone tells whether iCloud Backup is on and when the last one was finished. It does not tell why one failed, how full
the iCloud storage is, or what a backup holds (facts 6.1).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from migrate.phone.connection import PhoneConnection
from migrate.phone.facts import PhoneFacts, trusted_facts
from migrate.phone.lockdown import Lockdown, value_of, values_of
from migrate.phone.mobilebackup2.refusals import error_code
from migrate.phone.mobilebackup2.session import BackupSession
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.problems import ICloudBackupForbidden, ICloudBackupNotChanged, NoICloudAccount
from migrate.progress import Progress

DURING: Final = "the change of its iCloud Backup"

NO_ACCOUNT_CODES: Final = (1, 210)
"""Both are reported with the text "No account exists" (facts 2.6). 1 also means other things."""
POLICY_CODE: Final = 22

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class ICloudBackup:
    """What a phone tells about its iCloud Backup. None: it does not tell."""

    on: bool | None
    last: datetime | None
    account: str | None
    """The Apple Account, masked: `a…@icloud.com`."""
    signed_in: bool | None
    """Whether it is signed in to an Apple Account. Never False: a phone that tells nothing may have one."""


async def read_icloud_backup(connection: PhoneConnection) -> ICloudBackup:
    with connection.translate_errors("a query of its iCloud Backup"):
        client = connection.client
        facts = await trusted_facts(client, client.service.mux_device or connection.device)
        account = await _account(client)
    return ICloudBackup(
        on=facts.icloud_backup_on,
        last=facts.last_icloud_backup,
        account=masked_account(account) if account else None,
        signed_in=True if account or _shows_account(facts) else None,
    )


def _shows_account(facts: PhoneFacts) -> bool:
    """Find My, iCloud Backup and contacts in iCloud all need an account."""
    synced = (source for sources in (facts.synced_data or {}).values() for source in sources)
    return bool(facts.find_my or facts.icloud_backup_on or "iCloud" in synced)


async def _account(client: Lockdown) -> str | None:
    """The Apple Account. com.apple.mobile.iTunes.store has the one of the App Store (*read* in a program that asks for
    it), usually that of iCloud too; data_sync names accounts after their addresses (*read* in another)."""
    if isinstance(account := await value_of(client, "com.apple.mobile.iTunes.store", "AppleID"), str) and account:
        return account
    for kind in (await values_of(client, "com.apple.mobile.data_sync")).values():
        names: Any = kind.get("AccountNames") if isinstance(kind, dict) else None
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and _ADDRESS.fullmatch(name):
                return name
    return None


def masked_account(account: str) -> str:
    """`ada.lovelace@icloud.com` -> `a…@icloud.com`: its owner recognises it, nobody else learns it."""
    name, at, host = safe_text(account, NAME_LIMIT).rpartition("@")
    if not at:
        name, host = host, ""
    return f"{name[:1]}…{at}{host}"


async def set_icloud_backup(connection: PhoneConnection, on: bool, *, progress: Progress) -> None:
    """Turn iCloud Backup on or off. Nothing is backed up now.

    Raises:
        NoICloudAccount: it is not signed in to iCloud.
        ICloudBackupForbidden: its organization forbids it.
        ICloudBackupNotChanged: the phone reports success, and its setting is unchanged.
    """
    udid = connection.facts.udid
    request = {
        "MessageName": "EnableCloudBackup",
        "TargetIdentifier": udid,
        "Options": {"CloudBackupState": on},
    }
    connection.usbmux.make_folders()
    root = Path(tempfile.mkdtemp(dir=connection.usbmux.tmp, prefix="icloud-"))  # the phone has no business there
    try:
        async with BackupSession(connection, progress, DURING) as session:
            outcome = await session.send_request(request, root / udid, lock=False)
            _raise_if_refused_here(outcome.response, connection.facts)
            session.raise_if_refused(outcome, root)
            if not await session.has_set("CloudBackupEnabled", on):
                raise ICloudBackupNotChanged(connection.name, on)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _raise_if_refused_here(response: dict[str, Any] | None, phone: PhoneFacts) -> None:
    """Raise for the refusals that mean something else here than in a backup."""
    if response is None:
        return
    code, said = error_code(response), safe_text(response.get("ErrorDescription") or "")
    if code == 210 or (code in NO_ACCOUNT_CODES and "account" in said.casefold()):
        raise NoICloudAccount(phone.name_or_model, phone.udid, said)
    if code == POLICY_CODE:
        raise ICloudBackupForbidden(phone.name_or_model, phone.udid, said)
