"""The backup agent's answers in a phone's states, and what the user can do during a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.agent.memory import MAX_CONNECTIONS, memory_of
from migrate.simulator.device.passcode_sheet import SHEET_PRESENTED
from migrate.simulator.device.phone import SYNC_CANCELLED, SimulatedPhone

Make = Callable[..., SimulatedPhone]


@pytest.mark.parametrize(
    ("condition", "backup", "restore"),
    [
        ({"policy": "shared-ipad"}, (22, "Drive backup is disabled"), (22, "Drive restore is disabled")),
        ({"policy": "return-to-service"}, (22, "in RRTS mode"), (22, "in RRTS mode")),
        ({"cloud_restore": "running"}, (25, "iCloud Restore is in progress"), (25, "iCloud Restore is in progress")),
        ({"cloud_restore": "unknown"}, (1, "iCloud Restore state"), (1, "iCloud Restore state")),
        ({"springboard_ready": False}, (0, ""), (1, "SpringBoard is not ready for a restore")),
        ({"restore_lock_held": True}, (0, ""), (1, "Acquiring restore lock failed")),
        ({"snapshot_left": True}, (3, "Failed to create snapshot: File exists (17) at path"), (0, "")),
    ],
)
def test_a_phones_condition_decides_its_answer(
    host: Any, another: Make, condition: dict[str, Any], backup: tuple[int, str], restore: tuple[int, str]
) -> None:
    phone = another()
    host.backup(phone)
    for name, value in condition.items():
        setattr(phone.conditions, name, value)
    for (code, text), answer in (
        (backup, host.backup(phone)),
        (restore, host.restore(phone, phone.udid, RemoveItemsNotRestored=False)),
    ):
        assert answer["ErrorCode"] == code and text in answer.get("ErrorDescription", "")


def test_a_restart_clears_the_restore_lock_and_a_left_snapshot(host: Any, another: Make) -> None:
    phone = another()
    phone.conditions.restore_lock_held = phone.conditions.snapshot_left = True
    assert host.backup(phone)["ErrorCode"] == 3
    phone.reboot()
    assert host.backup(phone)["ErrorCode"] == 0
    assert host.restore(phone, phone.udid)["ErrorCode"] == 0


def test_policy_is_checked_before_setup_and_setup_before_icloud(host: Any, another: Make) -> None:
    phone = another(setup="running")
    phone.conditions.policy, phone.conditions.cloud_restore = "shared-ipad", "running"
    assert host.backup(phone)["ErrorCode"] == 22
    phone.conditions.policy = "none"
    assert host.backup(phone)["ErrorCode"] == 212
    phone.setup = "finished"
    assert host.backup(phone)["ErrorCode"] == 25


def test_a_low_battery_refuses_nothing_unless_assumed(host: Any, another: Make) -> None:
    phone = another(battery_percent=3)
    phone.conditions.charging = False
    assert host.backup(phone)["ErrorCode"] == 0
    phone.assume.battery_gate_percent = 20
    assert host.backup(phone)["ErrorCode"] == 1
    phone.conditions.charging = True
    assert host.backup(phone)["ErrorCode"] == 0


def test_an_ignored_passcode_sheet_is_208_and_one_shown_twice_is_not(host: Any, another: Make) -> None:
    phone = another(passcode="1234")
    phone.simulated_user.passcode = "ignore"
    assert host.backup(phone)["ErrorCode"] == 208
    shown: list[str] = []
    phone.observe(shown.append)
    phone.simulated_user.passcode, phone.simulated_user.passcode_sheets = "enter", 2
    assert host.backup(phone)["ErrorCode"] == 0
    assert shown.count(SHEET_PRESENTED) == 2


def test_an_unanswered_passcode_sheet_times_out_after_half_an_hour(host: Any, another: Make) -> None:
    phone = another(passcode="1234")
    phone.simulated_user.passcode, phone.sheet.passcode_timeout_s = "wait", 0.0
    answer = host.backup(phone)
    assert answer["ErrorCode"] == 208 and "timeout waiting for passcode entry" in answer["ErrorDescription"]
    phone.simulated_user.passcode = "decline"
    assert host.backup(phone)["ErrorDescription"] == "Device locked (MBErrorDomain/208)."


def test_a_restore_asks_for_the_passcode_only_if_assumed(host: Any, another: Make) -> None:
    phone = another(passcode="1234")
    host.backup(phone)
    phone.simulated_user.passcode = "decline"
    assert host.restore(phone, phone.udid)["ErrorCode"] == 0
    phone.reboot()
    phone.assume.restore_asks_passcode = True
    assert host.restore(phone, phone.udid)["ErrorCode"] == 208


# --- the person taps cancel on the phone


def tap_at(host: Any, phone: SimulatedPhone, operation: str) -> list[str]:
    told: list[str] = []
    phone.observe(told.append)

    def tap(_: list[Any]) -> None:
        host.before.clear()
        phone.tap_cancel()

    host.before[operation] = tap
    return told


@pytest.mark.parametrize("operation", ["DLMessageUploadFiles", "DLMessageMoveItems", "DLMessageGetFreeDiskSpace"])
def test_cancel_on_the_phone_ends_a_backup_with_202_and_the_next_one_is_whole(
    host: Any, another: Make, operation: str
) -> None:
    phone = another()
    told = tap_at(host, phone, operation)
    answer = host.backup(phone)
    assert answer["ErrorCode"] == 202 and told == [SYNC_CANCELLED]
    assert host.backup(phone)["ErrorCode"] == 0


def test_a_cancelled_backup_resumes_where_it_stopped(host: Any, another: Make) -> None:
    phone = another()
    sent = 0

    def tap_in_the_second_batch(_: list[Any]) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:  # Status.plist, 128 files, then this
            phone.tap_cancel()

    for number in range(200):
        phone.files.add_file("MediaDomain", f"Media/{number}", b"x")
    host.before["DLMessageUploadFiles"] = tap_in_the_second_batch
    assert host.backup(phone)["ErrorCode"] == 202
    there = {path.name for path in (host.root / phone.udid / "Snapshot").glob("??/*")}
    assert len(there) >= 128
    host.before.clear()
    assert host.backup(phone)["ErrorCode"] == 0
    assert not [name for name in host.uploaded if name.rpartition("/")[2] in there]


def test_cancel_on_the_phone_ends_a_restore_with_202_and_nothing_is_staged(host: Any, another: Make) -> None:
    phone = another()
    host.backup(phone)
    tap_at(host, phone, "DLMessageDownloadFiles")
    assert host.restore(phone, phone.udid)["ErrorCode"] == 202
    assert phone.pending_restore is None
    assert host.restore(phone, phone.udid)["ErrorCode"] == 0


@pytest.mark.parametrize(("cancels", "backup", "restore"), [("backup", 202, 0), ("restore", 0, 202)])
def test_the_user_can_be_set_to_cancel(host: Any, another: Make, cancels: Any, backup: int, restore: int) -> None:
    phone = another()
    host.backup(phone)
    phone.simulated_user.cancels = cancels
    assert host.restore(phone, phone.udid)["ErrorCode"] == restore
    assert host.backup(phone, ForceFullBackup=True)["ErrorCode"] == backup


def test_with_host_ends_the_phone_only_notifies_the_host(host: Any, another: Make) -> None:
    phone = another()
    phone.assume.cancel = "host-ends"
    told = tap_at(host, phone, "DLMessageUploadFiles")
    assert host.backup(phone)["ErrorCode"] == 0 and told == [SYNC_CANCELLED]


def test_a_cancel_while_nothing_runs_has_no_effect(host: Any, another: Make) -> None:
    phone = another()
    phone.tap_cancel()
    assert host.backup(phone)["ErrorCode"] == 0


def test_a_sixth_session_with_the_backup_service_is_closed(host: Any, another: Make) -> None:
    phone = another()
    inside, leave = threading.Barrier(MAX_CONNECTIONS + 1), threading.Event()

    def converse() -> None:
        with memory_of(phone).connection_slot():
            inside.wait(10)
            leave.wait(10)

    others = [threading.Thread(target=converse) for _ in range(MAX_CONNECTIONS)]
    for other in others:
        other.start()
    inside.wait(10)
    try:
        with pytest.raises(ConnectionError):
            host.backup(phone)
    finally:
        leave.set()
        for other in others:
            other.join()
    assert host.backup(phone)["ErrorCode"] == 0
