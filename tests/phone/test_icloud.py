"""iCloud Backup of one phone: what it tells, and its switch."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from migrate.phone.icloud import ICloudBackup, masked_account
from migrate.phone.mobilebackup2 import session
from migrate.phone.phone import Phone
from migrate.problems import ICloudBackupForbidden, ICloudBackupNotChanged, NoICloudAccount, PhoneLocked
from migrate.simulator.device.simulated_user import SimulatedUser

ADA, WHEN = "ada.lovelace@icloud.com", datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
AT = int(WHEN.timestamp())


def told(host: Any, phone: Any) -> ICloudBackup:
    async def story() -> ICloudBackup:
        met: Phone
        async with await host.meet(phone) as met:
            return await met.icloud_backup()

    return asyncio.run(story())


def turn(host: Any, phone: Any, on: bool) -> bool | None:
    async def story() -> bool | None:
        met: Phone
        async with await host.meet(phone) as met:
            await met.set_icloud_backup(on, progress=host.progress)
            return met.facts.icloud_backup_on

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"icloud_account": ADA, "cloud_backup_unix_s": AT}, (True, WHEN, "a…@icloud.com", True)),
        ({"icloud_account": ADA, "icloud_backup": True}, (True, None, "a…@icloud.com", True)),
        ({"icloud_account": ADA, "icloud_backup": False}, (False, None, "a…@icloud.com", True)),
        ({}, (False, None, None, None)),
        ({"find_my": True}, (False, None, None, True)),
        ({"cloud_sources": {"Contacts": ("iCloud",)}}, (False, None, None, True)),
        ({"cloud_sources": {"Contacts": ("eve@example.org",)}}, (False, None, "e…@example.org", True)),
    ],
    ids=["on", "never", "off", "nothing", "Find My", "contacts in iCloud", "an address"],
)
def test_the_phone_tells_of_its_icloud_backup(attach: Any, a_phone: Any, about: Any, expected: Any) -> None:
    phone = a_phone(**about)
    on, last, account, signed_in = expected
    assert told(attach(phone), phone) == ICloudBackup(on=on, last=last, account=account, signed_in=signed_in)


def test_what_lockdown_leaves_out_is_unknown(attach: Any, a_phone: Any) -> None:
    phone = a_phone(icloud_account=ADA, cloud_backup_unix_s=AT)
    host = attach(phone)
    phone.assume.icloud_in_lockdown = "no-account"
    assert told(host, phone).account is None and told(host, phone).signed_in is True
    phone.assume.icloud_in_lockdown = "absent"
    assert told(host, phone) == ICloudBackup(on=None, last=None, account=None, signed_in=None)
    assert turn(host, phone, True) is None and phone.icloud_backup is True, "its answer has to do"


@pytest.mark.parametrize(
    ("account", "masked"),
    [(ADA, "a…@icloud.com"), ("x@y.z", "x…@y.z"), ("+4915550100", "+…"), ("a\x1b[2J@b.c\n", "a…@b.c"), ("@", "…@")],
)
def test_an_account_is_masked(account: str, masked: str) -> None:
    assert masked_account(account) == masked


def test_it_is_turned_on_and_off_and_nothing_stays_on_this_computer(attach: Any, a_phone: Any) -> None:
    phone = a_phone(icloud_account=ADA)
    host = attach(phone)
    assert turn(host, phone, True) is True and phone.icloud_backup_on
    assert turn(host, phone, False) is False and not phone.icloud_backup_on
    assert not any(host.usbmux.tmp.iterdir()) and not host.folder(phone).exists()


@pytest.mark.parametrize("code", [1, 210])
def test_a_phone_without_an_account_says_so(attach: Any, a_phone: Any, code: Any) -> None:
    phone = a_phone()
    phone.assume.no_icloud_account = code
    with pytest.raises(NoICloudAccount) as caught:
        turn(attach(phone), phone, True)
    assert caught.value.exit_code == 24 and f"migrate backup {phone.udid}" in caught.value.next


def test_an_organization_may_forbid_it(attach: Any, a_phone: Any) -> None:
    phone = a_phone(icloud_account=ADA)
    phone.conditions.icloud_backup_forbidden = True
    with pytest.raises(ICloudBackupForbidden):
        turn(attach(phone), phone, True)


def test_a_phone_that_only_says_yes_is_not_believed(attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = a_phone(icloud_account=ADA)
    phone.lockdown_settings["com.apple.mobile.backup"] = {"CloudBackupEnabled": False}  # whatever is set
    monkeypatch.setattr(session, "CONFIRMED_WITHIN_S", 1)
    with pytest.raises(ICloudBackupNotChanged):
        turn(attach(phone), phone, True)


def test_a_locked_phone_is_waited_for(attach: Any, a_phone: Any) -> None:
    phone = a_phone(icloud_account=ADA, passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    host = attach(phone)
    phone.reboot()
    with pytest.raises(PhoneLocked):
        turn(host, phone, True)
    assert host.progress.asked == ["unlock"]

    class Owner(type(host.progress)):  # type: ignore[misc]
        def person_needed(self, name: str, action: Any) -> None:
            phone.unlock()

    host.progress = Owner()
    assert turn(host, phone, True) is True
