"""Every refusal code of a phone, and the error it becomes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.phone.meeting import pairing_error
from migrate.phone.mobilebackup2.refusals import refusal_error
from migrate.phone.mobilebackup2.session import BackupSession, Outcome
from migrate.phone.quoting import safe_text
from migrate.problems import DeviceRefused, MigrateError
from migrate.progress import no_progress

CASES = [
    (1, "SpringBoard is not ready for a restore (MBErrorDomain/1)", "phone-not-ready", 24),
    (1, "Acquiring restore lock failed (MBErrorDomain/1)", "phone-not-ready", 24),
    (1, "Error copying keychain data", "device-refused", 43),
    (3, 'Failed to create snapshot: File exists (17) at path "/private/var" (MBErrorDomain/3)', "restart-needed", 24),
    (22, "Drive backup is disabled for this device in EDU mode", "device-refused", 43),
    (25, "Restore from iTunes Backup is unavailable …", "restore-from-cloud-running", 24),
    (101, "Failed to move restore sandbox into place", "phone-storage-trouble", 43),
    (102, "Failed to move the incomplete restore directory into place", "restart-needed", 24),
    (104, "Multiple errors uploading files (MBErrorDomain/104)", "phone-could-not-send", 35),
    (
        104,
        "Multiple errors uploading files (MBErrorDomain/104). Underlying error: … (MBErrorDomain/105).",
        "backup-disk-full",
        33,
    ),
    (105, "Insufficient free disk space on drive to back up (1 < 2)", "backup-disk-full", 33),
    (105, "Insufficient free disk space on device to restore (1 < 2)", "phone-full", 41),
    (106, "Insufficient free disk space on device to restore (1 < 2)", "phone-full", 41),
    (202, "Cancelled", "cancelled-on-phone", 50),
    (203, "Backup is from an incompatible OS version", "incompatible-backup", 40),
    (204, "No status exists in backup", "backup-unfinished", 34),
    (205, "Digest didn't match for some files", "backup-rejected", 30),
    (207, "Invalid password", "wrong-phone-password", 32),
    (208, "Device locked", "passcode-not-entered", 50),
    (211, "Find My iPhone must be disabled before restoring", "find-my-on", 24),
    (212, "", "setup-unfinished", 24),
    *((number, "", "cancelled-on-phone", 50) for number in range(217, 225)),
    (225, "something new", "device-refused", 43),
    (555, "Drive backup force disallowed by behavior option", "device-refused", 43),
]


def error_for(response: dict[str, Any]) -> MigrateError:
    return refusal_error(response, phone="Anna's iPhone", folder=Path("backups/x"), needed_bytes=None, free_bytes=7)


@pytest.mark.parametrize(("number", "description", "code", "exit_code"), CASES)
def test_each_refusal_has_its_own_error_and_exit_code(number: int, description: str, code: str, exit_code: int) -> None:
    error = error_for({"ErrorCode": number, "ErrorDescription": description})
    assert (error.code, error.exit_code) == (code, exit_code)
    assert error.what.endswith(".")
    assert error.why
    assert error.next[0].isupper()


@pytest.mark.parametrize(
    ("refusal", "code", "exit_code"),
    [
        ("UserDeniedPairing", "trust-denied", 22),
        ("MCProtected", "pairing-forbidden", 22),
        ("MCChallengeRequired", "pairing-forbidden", 22),
        ("PairingProhibitedOverThisConnection", "pairing-needs-cable", 22),
        ("InvalidPairRecord", "service-refused", 43),
    ],
)
def test_each_refusal_to_pair(refusal: str, code: str, exit_code: int) -> None:
    error = pairing_error("Anna's iPhone", refusal)
    assert (error.code, error.exit_code) == (code, exit_code)


@pytest.mark.parametrize("response", [{}, {"ErrorCode": None}, {"ErrorCode": "0"}, {"ErrorCode": False}])
def test_a_response_without_a_number_never_counts_as_success(response: dict[str, Any], tmp_path: Path) -> None:
    connection: Any = SimpleNamespace(name="Anna's iPhone")
    conversation: Any = SimpleNamespace(local_disk_error=None, host_folder=SimpleNamespace(needed_bytes=None))
    session = BackupSession(connection, no_progress, "the backup")
    with pytest.raises(DeviceRefused):
        session.raise_if_refused(Outcome(conversation, response), tmp_path)
    session.raise_if_refused(Outcome(conversation, {"ErrorCode": 0}), tmp_path)


def test_a_response_without_a_number_is_a_refusal_too() -> None:
    assert error_for({"MessageName": "Response"}).code == "device-refused"
    assert error_for({"ErrorCode": "0"}).code == "device-refused"


def test_a_phone_s_error_text_is_quoted_on_one_safe_line() -> None:
    description = "Digest didn't match\n\x1b[31mrm -rf /\x1b[0m\u202e" + "x" * 5000
    why = error_for({"ErrorCode": 205, "ErrorDescription": description}).why
    assert "Digest didn't match [31mrm -rf / [0m" in why
    assert why.isprintable()
    assert len(why) < 330


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë's 📱 iPhone", "Zoë's 📱 iPhone"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("a\x00b\x07c\u2028d\ud800e", "a b c d e"),
        ("   ", ""),
        (None, "None"),
    ],
)
def test_names_keep_their_letters_and_lose_control_characters(name: object, shown: str) -> None:
    assert safe_text(name) == shown
