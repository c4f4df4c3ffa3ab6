"""`migrate icloud`: the backup that a phone makes by itself, at the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

if TYPE_CHECKING:
    from conftest import Migrate

ADA, BEN = "00008101-00000000000000A1", "00008140-00000000000000B2"
DAY = 86_400
Serve = Callable[..., SimulatedUsbmuxd]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """`serve({…}, {…})` puts phones on the cable as their files would describe them."""
    servers: list[SimulatedUsbmuxd] = []

    def begin(*phones: dict[str, Any]) -> SimulatedUsbmuxd:
        described = [{"contents": {"empty": True}, "keybag_rounds": 10, **phone} for phone in phones]
        server = SimulatedUsbmuxd([PhoneFile.model_validate(phone).to_phone() for phone in described])
        servers.append(server)
        monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", server.start())
        return server

    yield begin
    for server in servers:
        server.stop()


def ada(**about: Any) -> dict[str, Any]:
    return {"udid": ADA, "name": "Ada's iPhone", "icloud_account": "ada.lovelace@icloud.com", **about}


def days_ago(days: float) -> int:
    return int(time.time() - days * DAY)


@pytest.mark.parametrize(
    ("about", "code", "on", "age"),
    [
        ({"cloud_backup_unix_s": days_ago(0.5)}, "icloud-backup-on", True, 0),
        ({"cloud_backup_unix_s": days_ago(6.9)}, "icloud-backup-on", True, 6),
        ({"cloud_backup_unix_s": days_ago(-1)}, "icloud-backup-on", True, 0),
        ({"cloud_backup_unix_s": days_ago(40.5)}, "icloud-backup-overdue", True, 40),
        ({"icloud_backup": True}, "icloud-backup-never", True, None),
        ({"icloud_backup": False, "cloud_backup_unix_s": days_ago(3.5)}, "icloud-backup-off", False, 3),
        ({"assume": {"icloud_in_lockdown": "absent"}}, "icloud-backup-unknown", None, None),
    ],
    ids=["today", "last week", "clock ahead", "overdue", "never", "off", "unknown"],
)
def test_the_status_says_how_icloud_backup_is_doing(
    migrate: Migrate, serve: Serve, about: dict[str, Any], code: str, on: bool | None, age: int | None
) -> None:
    serve(ada(**about))
    answer = migrate("icloud", "status", "--json")
    assert answer.code == 0 and tuple(answer.json) == (
        *("udid", "name", "on", "last", "age_days", "account", "signed_in", "findings"),
    )
    assert (answer.json["udid"], answer.json["on"], answer.json["age_days"]) == (ADA, on, age)
    assert [finding["code"] for finding in answer.json["findings"]] == [code]
    assert "lovelace" not in answer.out


def test_an_overdue_backup_comes_with_the_ways_out_and_a_recent_one_does_not(migrate: Migrate, serve: Serve) -> None:
    server = serve(ada(cloud_backup_unix_s=days_ago(40.5)))
    overdue = migrate("icloud", "status").out
    for words in ("40 days", "a…@icloud.com", "iCloud storage is full", "Back up less", "Pay for more", "family"):
        assert words in overdue, words
    assert f"migrate backup {ADA}" in overdue and max(map(len, overdue.splitlines())) <= 60
    server.phones[0].cloud_backup_unix_s = days_ago(1.5)
    recent = migrate("icloud", "status").out
    assert "yesterday" in recent and "storage is full" not in recent and f"migrate backup {ADA}" in recent


def test_it_is_turned_on_and_off(migrate: Migrate, serve: Serve) -> None:
    phone = serve(ada()).phones[0]
    on = migrate("icloud", "on", ADA)
    assert on.code == 0 and "is on" in on.out and phone.icloud_backup is True
    off = migrate("icloud", "off", "--json")
    assert off.json == {"udid": ADA, "name": "Ada's iPhone", "on": False} and phone.icloud_backup is False


def test_a_phone_without_an_account_says_so(migrate: Migrate, serve: Serve) -> None:
    serve(ada(icloud_account=""))
    answer = migrate("icloud", "on", "--json")
    assert (answer.code, answer.error["code"]) == (24, "no-icloud-account")


def test_one_of_several_phones_has_to_be_named(migrate: Migrate, serve: Serve) -> None:
    serve(ada(), {"udid": BEN, "name": "Ben's iPhone"})
    answer = migrate("icloud", "off")
    assert answer.code == 2 and "migrate icloud off UDID" in answer.err and BEN in answer.err.replace("\n", " ")


def test_a_locked_phone_is_waited_for_and_then_reported(migrate: Migrate, serve: Serve) -> None:
    serve(ada(screen="before-first-unlock"))
    answer = migrate("icloud", "on", "--wait", "1")
    assert answer.code == 21 and "Unlock Ada's iPhone and keep its screen on." in answer.err
    serve(ada(screen="before-first-unlock", hand={"unlocks": True}))
    assert migrate("icloud", "on", "--wait", "20").code == 0
