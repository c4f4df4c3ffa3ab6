"""iCloud Backup of the simulated iPhone: its switch, which a computer can turn, and what lockdown tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.device.phone import BACKUP_DOMAIN_CHANGED, SimulatedPhone
from migrate.simulator.lockdown import values

Make = Callable[..., SimulatedPhone]
BACKUP, STORE = "com.apple.mobile.backup", "com.apple.mobile.iTunes.store"


def told(phone: SimulatedPhone) -> Any:
    return values.read(phone, BACKUP, None, in_session=True).get("CloudBackupEnabled")


def turn(host: Any, phone: SimulatedPhone, on: bool) -> dict[str, Any]:
    answer: dict[str, Any] = host.ask(phone, "EnableCloudBackup", Options={"CloudBackupState": on})
    return answer


def test_a_computer_turns_it_on_and_off_and_lockdown_says_so(host: Any, another: Make) -> None:
    phone, posted = another(icloud_account="ada@icloud.com"), []
    phone.observe(posted.append)
    assert told(phone) is False
    assert turn(host, phone, True)["ErrorCode"] == 0 and told(phone) is True
    assert turn(host, phone, False)["ErrorCode"] == 0 and told(phone) is False
    assert posted.count(BACKUP_DOMAIN_CHANGED) == 2


@pytest.mark.parametrize("code", [1, 210])
def test_without_an_account_it_cannot_be_turned_on(host: Any, another: Make, code: Any) -> None:
    phone = another()
    phone.assume.no_icloud_account = code
    answer = turn(host, phone, True)
    assert answer["ErrorCode"] == code and answer["ErrorDescription"].startswith("No account exists")
    assert told(phone) is False


def test_an_organization_may_forbid_it_and_not_that_it_is_turned_off(host: Any, another: Make) -> None:
    phone = another(icloud_account="ada@icloud.com")
    phone.conditions.icloud_backup_forbidden = True
    assert turn(host, phone, True)["ErrorCode"] == 22 and told(phone) is False
    assert turn(host, phone, False)["ErrorCode"] == 0


def test_lockdown_may_leave_out_the_account_or_everything(another: Make) -> None:
    phone = another(icloud_account="ada@icloud.com", cloud_backup_unix_s=1_700_000_000)
    assert told(phone) is True, "there is one, so it is on"
    assert values.read(phone, STORE, "AppleID", in_session=True) == "ada@icloud.com"
    phone.assume.icloud_in_lockdown = "no-account"
    assert told(phone) is True and values.read(phone, STORE, None, in_session=True) == {}
    phone.assume.icloud_in_lockdown = "absent"
    assert not [name for name in values.read(phone, BACKUP, None, in_session=True) if "Cloud" in name]


def test_an_erased_phone_has_no_account_and_no_backup(another: Make) -> None:
    phone = another(icloud_account="ada@icloud.com", cloud_backup_unix_s=1_700_000_000)
    phone.erase()
    assert told(phone) is False and values.read(phone, STORE, None, in_session=True) == {}
