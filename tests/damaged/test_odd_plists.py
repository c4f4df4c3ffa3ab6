"""Property lists of other hosts and times: odd values are read where possible and stop nothing."""

from __future__ import annotations

import plistlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.backup.folder import BackupFolder, parse_boolean
from migrate.backup.reader import Backup
from migrate.backup.verify.run import verify, verify_locked
from migrate.problems import MigrateError, PasswordMissing
from tests.backup.small_backup import UDID, SmallBackup
from tests.damaged.defect import healthy_backup, look

ODD: dict[str, dict[str, dict[str, Any]]] = {
    "numbers for booleans": {"Manifest.plist": {"IsEncrypted": "AS NUMBER", "WasPasscodeSet": 0}},
    "texts for booleans": {"Manifest.plist": {"IsEncrypted": "AS TEXT"}},
    "dates as texts": {"Manifest.plist": {"Date": "2016-12-20"}, "Info.plist": {"Last Backup Date": "yesterday"}},
    "hardly any key": {"Info.plist": {"Device Name": "", "Applications": None, "Installed Applications": None}},
    "a GUID of bytes": {"Info.plist": {"GUID": bytes(16)}},
    "apps as a list": {"Info.plist": {"Installed Applications": {"a": 1}}},
}


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "xml"])
def test_odd_values_are_not_defects(odd: Any, encrypted: bool, binary: bool, tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path, encrypted=encrypted)
    contents = {"Info.plist": backup.info, "Manifest.plist": backup.manifest_plist, "Status.plist": backup.status}
    words = {"AS NUMBER": int(encrypted), "AS TEXT": str(encrypted)}
    for name, content in contents.items():
        told = {key: words.get(str(value), value) for key, value in odd.get(name, {}).items()}
        backup.write_plist(name, {k: v for k, v in {**content(), **told}.items() if v is not None}, binary=binary)
    verdict = look(backup, None)
    assert (verdict.verdict, verdict.encrypted) == ("whole", encrypted), verdict.findings
    assert {finding.severity for finding in verdict.findings} <= {"info"}


def test_plists_that_apples_parser_accepts_are_read(tmp_path: Path) -> None:
    """A control character in a name, a year 0, blanks and NULs around it: *seen* from programs on other computers."""
    backup = healthy_backup(tmp_path, encrypted=False)
    info = plistlib.dumps({**backup.info(), "Device Name": "Mia's BELL", "Last Backup Date": "NO DATE"})
    info = info.replace(b"BELL", b"\x07iPhone").replace(
        b"<string>NO DATE</string>", b"<date>0000-12-30T00:00:00Z</date>"
    )
    (backup.path / "Info.plist").write_bytes(b"\xef\xbb\xbf" + info)
    assert look(backup, None).verdict == "whole"
    (backup.path / "Info.plist").write_bytes(b"\r\n " + info + b"\n\0\0")
    assert look(backup, None).verdict == "whole"
    read = BackupFolder(backup.path).info or {}
    assert (read["Device Name"], read["Last Backup Date"]) == ("Mia's ?iPhone", "0000-12-30T00:00:00Z")


def test_a_date_beyond_the_years_in_a_binary_list_reads_as_its_number(tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path, encrypted=False)
    binary = plistlib.dumps({**backup.status(), "Odd": datetime(2001, 1, 1)}, fmt=plistlib.FMT_BINARY)
    at = binary.index(b"\x33" + bytes(8))
    (backup.path / "Status.plist").write_bytes(binary[: at + 1] + b"\x7e" + bytes(7) + binary[at + 9 :])
    assert look(backup, None).verdict == "whole"
    assert isinstance((BackupFolder(backup.path).status or {})["Odd"], float)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (True, True),
        (0, False),
        (1.0, True),
        ("YES", True),
        (" false", False),
        ("perhaps", None),
        (None, None),
        (b"", None),
    ],
)
def test_what_counts_as_a_boolean(said: object, means: bool | None) -> None:
    assert parse_boolean(said) is means


VALUES = st.recursive(
    st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.binary(max_size=60)
    | st.text("ab/.\n", max_size=9)
    | st.just(datetime(2016, 12, 20)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "UniqueDeviceID"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = (
    *("IsEncrypted", "Lockdown", "BackupKeyBag", "ManifestKey", "Applications", "SnapshotState", "UUID", "Date"),
    *("Product Version", "Target Identifier", "Unique Identifier", "Installed Applications", "Device Name"),
)


@pytest.fixture(scope="module", params=[True, False], ids=["encrypted", "plain"])
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallBackup:
    return healthy_backup(tmp_path_factory.mktemp("odd"), encrypted=request.param)


@given(
    st.sampled_from(["Info.plist", "Manifest.plist", "Status.plist"]), st.dictionaries(st.sampled_from(KEYS), VALUES)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_plists_never_crash(victim: SmallBackup, name: str, odd: dict[str, Any]) -> None:
    """Whatever stands in it, the answer is a verdict or an error with a sentence."""
    victim.write()
    content = {"Info.plist": victim.info, "Manifest.plist": victim.manifest_plist, "Status.plist": victim.status}[
        name
    ]()
    try:
        (victim.path / name).write_bytes(plistlib.dumps({**content, **odd}, fmt=plistlib.FMT_BINARY))
    except OverflowError:
        return
    for ask in (
        lambda: look(victim, victim.path.parent, "quick").as_json(),
        lambda: verify_locked(
            victim.path, PasswordMissing(victim.path), seals=victim.path.parent, depth="quick"
        ).as_json(),
        lambda: Backup.open(victim.path, victim.password).close(),
    ):
        try:
            ask()
        except MigrateError as error:
            assert str(error)
    assert BackupFolder(victim.path).udid in (UDID, UDID.upper()) or name != "Status.plist"


def test_an_unknown_value_is_an_error_only_for_a_required_key(tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path, encrypted=False)
    backup.write_plist("Manifest.plist", backup.manifest_plist() | {"IsEncrypted": "perhaps"})
    verdict = verify(backup.path, None, seals=None, depth="quick")
    assert [(finding.code, finding.severity) for finding in verdict.findings] == [("plist-odd", "error")]
