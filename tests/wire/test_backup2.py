"""mobilebackup2's requests and errors."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.wire.backup2 import (
    Backup,
    ChangePassword,
    EnableCloudBackup,
    EraseDevice,
    Extract,
    Hello,
    InfoOrList,
    MBError,
    MBErrorCode,
    Remove,
    Request,
    Restore,
    RestoreOptions,
    Unback,
    error_from_host_status,
    error_response,
    hello_response,
    ok_response,
    read_request,
    wrap_read_error,
    wrap_write_error,
)
from migrate.wire.plist_frames import PeerBroke


def body(name: str, **keys: Any) -> dict[str, object]:
    return {"MessageName": name, "TargetIdentifier": "u", **keys}


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ({"MessageName": "Hello", "SupportedProtocolVersions": [2.0, 2.1]}, Hello(versions=(2.0, 2.1))),
        (body("Backup"), Backup(udid="u")),
        (body("Backup", Options={"ForceFullBackup": True}), Backup(udid="u", force_full=True)),
        (body("ChangePassword", NewPassword="n"), ChangePassword(udid="u", old=None, new="n")),
        (body("ChangePassword", OldPassword="o", NewPassword=""), ChangePassword(udid="u", old="o", new=None)),
        (body("Info"), InfoOrList(udid="u", folder="u", command="Info")),
        (body("List", SourceIdentifier="s"), InfoOrList(udid="u", folder="s", command="List")),
        (
            body("Extract", DomainName="D", RelativePath="p"),
            Extract(udid="u", folder="u", domain="D", relative_path="p"),
        ),
        (body("Unback", Password="p"), Unback(udid="u", folder="u", password="p")),
        (body("Remove"), Remove(udid="u")),
        (body("EnableCloudBackup", Options={"CloudBackupState": True}), EnableCloudBackup(udid="u", state=True)),
        (body("EraseDevice"), EraseDevice(udid="u")),
        (body("Dance"), None),
    ],
)
def test_requests(message: dict[str, object], request_: Request | None) -> None:
    assert read_request(message) == request_


def test_absent_restore_options_have_the_devices_defaults_not_the_clients() -> None:
    found = read_request(body("Restore", SourceIdentifier="s"))
    assert found == Restore(udid="u", folder="s", options=RestoreOptions())
    assert RestoreOptions() == RestoreOptions(
        system_files=True, should_reboot=True, dont_copy_backup=False, remove_items_not_restored=True
    )


def test_restore_options_are_read_and_the_password_is_not_in_a_repr() -> None:
    options = {"RestoreSystemFiles": False, "RemoveItemsNotRestored": False, "Password": "correct-horse-1947"}
    found = read_request(body("Restore", Options=options, ApplicationIDs=["com.a"]))
    assert isinstance(found, Restore) and found.app_ids == ("com.a",)
    assert (found.options.system_files, found.options.password) == (False, "correct-horse-1947")
    assert "1947" not in repr(found)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"MessageName": 7},
        {"MessageName": "Backup"},
        {"MessageName": "Hello"},
        {"MessageName": "Hello", "SupportedProtocolVersions": ["2.0"]},
        body("Backup", Options=[]),
        body("Backup", Options={"ForceFullBackup": "yes"}),
        body("Restore", ApplicationIDs="com.a"),
        body("ChangePassword", OldPassword=b"bytes"),
        body("Extract", DomainName="D"),
    ],
)
def test_keys_of_a_wrong_type_break_the_protocol(message: dict[str, object]) -> None:
    with pytest.raises(PeerBroke):
        read_request(message)


def test_an_error_description_lists_its_causes() -> None:
    inner = MBError(MBErrorCode.NOT_FOUND, "File not found", "u/ab")
    assert MBError(208, "Device locked").description == "Device locked (MBErrorDomain/208)."
    assert MBError(205, "Multiple errors downloading files", underlying=(inner,)).description == (
        "Multiple errors downloading files (MBErrorDomain/205). "
        'Underlying error: File not found at path "u/ab" (MBErrorDomain/4).'
    )
    assert MBError(1, "x", underlying=(inner,) * 5).description.endswith(", ....")


def test_errors_of_other_domains_reach_the_host_as_code_1() -> None:
    answer = error_response(MBError(260, "No such file", domain="NSCocoaErrorDomain"))
    assert answer["ErrorCode"] == 1 and "(NSCocoaErrorDomain/260)" in str(answer["ErrorDescription"])


@pytest.mark.parametrize(
    ("status", "inner", "on_read", "on_write"),
    [
        (-6, 4, 205, 205),
        (-7, 3, 103, 205),
        (-11, 100, 103, 104),
        (-13, 2, 103, 104),
        (-15, 105, 103, 104),  # a disk that fills up during the transfer is 104, not 105
        (-1, 100, 103, 104),
    ],
)
def test_a_hosts_status_becomes_an_mb_error(status: int, inner: int, on_read: int, on_write: int) -> None:
    error = error_from_host_status(status, "text")
    assert error.code == inner
    assert wrap_read_error("outer", error).code == on_read
    assert wrap_write_error("outer", error).code == on_write


def test_an_unsupported_version_and_damaged_data_keep_their_meaning() -> None:
    assert wrap_read_error("outer", MBError(203, "version")).code == 203
    assert wrap_read_error("outer", MBError(11, "null")).code == 205


def test_the_hello_takes_the_highest_common_version() -> None:
    assert hello_response((2.0, 2.1, 3.0))["ProtocolVersion"] == 2.1
    assert hello_response((1.0,)) == {
        "MessageName": "Response",
        "ErrorCode": 1,
        "ErrorDescription": "No common supported protocol version (MBErrorDomain/1).",
    }
    assert ok_response("text") == {"MessageName": "Response", "ErrorCode": 0, "Content": "text"}
