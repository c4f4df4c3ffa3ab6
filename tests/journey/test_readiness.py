"""What `migrate check` finds about each connected phone: each finding where it is right, and silence elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from migrate.journey.home import Home
from migrate.journey.readiness import report
from migrate.journey.readiness.computer import Computer
from migrate.journey.readiness.phones import findings_of, findings_of_pair
from migrate.journey.readiness.report import Readiness, check_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.survey import Survey, survey_phones
from migrate.problems.finding import Finding
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import absent_user
from migrate.simulator.services.afc import SYNC_LOCK
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import NEW, OLD

GB = 1_000_000_000
HEALTHY = Survey(
    facts=PhoneFacts(
        udid=OLD, connection="USB", name="Ada's iPhone", model="iPhone13,2", model_name="iPhone 12", ios_version="16.0",
        trusted=True, locked=False, activation="Activated", setup_finished=True, setup_state="SetupUsingAssistant",
        encrypts_backups=True, requires_encryption=False, find_my=False, free_bytes=30 * GB, restore_bytes=30 * GB,
        used_bytes=20 * GB, battery_percent=80, charging=True, icloud_backup_on=True,
        last_icloud_backup=datetime.now(UTC) - timedelta(hours=9),
    ),
    passcode_set=False, supervised=False, another_syncs=False, restore_begun=False,
)  # fmt: skip
ALWAYS = ["phone", "backups-are-encrypted", "icloud-backup-on", "ask-lockdown-mode"]
ROOM = 500 * GB


def codes(findings: list[Finding], severity: str | None = None) -> list[str]:
    return [finding.code for finding in findings if severity in (None, finding.severity)]


def found(*, free_here: int | None = ROOM, **changed: Any) -> list[Finding]:
    """What is found about Ada's healthy phone with these facts changed."""
    facts = {name: value for name, value in changed.items() if hasattr(HEALTHY.facts, name)}
    more = {name: value for name, value in changed.items() if name not in facts}
    survey = replace(HEALTHY, facts=replace(HEALTHY.facts, **facts), **more)
    return list(findings_of(survey, free_here=free_here))


def test_a_healthy_phone_has_nothing_to_see_to() -> None:
    assert codes(found()) == ALWAYS and codes(found(), "warning") == []


BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("only-over-wi-fi", "warning", {"connection": "Network"}),
    ("ios-too-old", "warning", {"ios_version": "9.3.5"}),
    ("find-my-on", "warning", {"find_my": True}),
    ("find-my-unknown", "info", {"find_my": None}),
    ("not-activated-yet", "info", {"activation": "Unactivated"}),
    ("setup-not-finished", "info", {"setup_finished": False}),
    ("restored-and-in-setup", "warning", {"setup_finished": False, "setup_state": "RestoredFromiTunesBackup"}),
    ("restore-may-be-pending", "warning", {"restore_begun": True}),
    ("phone-is-syncing", "warning", {"another_syncs": True}),
    ("battery-low", "warning", {"battery_percent": 49, "charging": False}),
    ("battery-low", "warning", {"battery_percent": 5, "charging": None}),
    ("phone-is-supervised", "info", {"supervised": True}),
    ("phone-is-locked", "info", {"locked": True}),
    ("asks-for-passcode", "info", {"passcode_set": True, "ios_version": "16.1"}),
    ("phone-nearly-full", "warning", {"free_bytes": GB - 1}),
    ("no-room-for-phone-here", "warning", {"free_here": 20 * GB}),
    ("backups-are-not-encrypted", "info", {"encrypts_backups": False}),
    ("backups-must-be-encrypted", "warning", {"encrypts_backups": False, "requires_encryption": True}),
    ("icloud-backup-overdue", "warning", {"last_icloud_backup": datetime(2024, 1, 1, tzinfo=UTC)}),
    ("icloud-backup-never", "warning", {"last_icloud_backup": None}),
    ("icloud-backup-off", "info", {"icloud_backup_on": False}),
    ("icloud-backup-unknown", "info", {"icloud_backup_on": None}),
    ("ask-stolen-device-protection", "info", {"ios_version": "17.3"}),
]
"""The finding, how grave it is, and what makes it true."""


@pytest.mark.parametrize(("code", "severity", "facts"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_finding_comes_where_it_is_right(code: str, severity: str, facts: dict[str, Any]) -> None:
    assert code in codes(found(**facts), severity)
    assert all(finding.phone == "Ada's iPhone" for finding in found(**facts))


GOOD: list[tuple[str, dict[str, Any]]] = [
    *((code, {}) for code, _severity, _facts in BAD),
    ("ios-too-old", {"ios_version": "10.3"}),
    ("battery-low", {"battery_percent": 49, "charging": True}),
    ("battery-low", {"battery_percent": 50, "charging": False}),
    ("battery-low", {"battery_percent": None, "charging": None}),
    ("setup-not-finished", {"setup_finished": False, "setup_state": "RestoredFromiTunesBackup"}),
    ("restored-and-in-setup", {"setup_finished": True, "setup_state": "RestoredFromiTunesBackup"}),
    ("asks-for-passcode", {"passcode_set": True, "ios_version": "15.7"}),
    ("asks-for-passcode", {"passcode_set": None, "ios_version": "18.0"}),
    ("phone-nearly-full", {"free_bytes": GB}),
    ("phone-nearly-full", {"free_bytes": None}),
    ("no-room-for-phone-here", {"free_here": 21 * GB}),
    ("no-room-for-phone-here", {"free_here": None}),
    ("no-room-for-phone-here", {"used_bytes": None, "free_here": 0}),
    ("backups-must-be-encrypted", {"requires_encryption": True}),
    ("backups-are-not-encrypted", {"encrypts_backups": None}),
    ("backups-are-encrypted", {"encrypts_backups": None}),
    ("find-my-on", {"find_my": None}),
    ("icloud-backup-overdue", {"icloud_backup_on": False, "last_icloud_backup": datetime(2024, 1, 1, tzinfo=UTC)}),
    ("ask-stolen-device-protection", {"ios_version": "17.2.1"}),
    ("ask-lockdown-mode", {"ios_version": "15.8"}),
    ("ask-lockdown-mode", {"ios_version": None}),
]


@pytest.mark.parametrize(("code", "facts"), GOOD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_finding_is_silent_where_it_is_wrong(code: str, facts: dict[str, Any]) -> None:
    always = code in ALWAYS and not facts
    assert always or code not in codes(found(**facts))


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        ("whether it has a passcode", {"passcode_set": None}),
        ("whether its setup is finished", {"setup_finished": None}),
        ("which iOS it runs", {"ios_version": None}),
        ("how full it is", {"free_bytes": None}),
        ("how full it is", {"used_bytes": None}),
        ("its battery", {"battery_percent": None}),
        ("whether its backups are encrypted", {"encrypts_backups": None}),
        ("whether an organization supervises it", {"supervised": None}),
        ("whether another program is syncing it", {"another_syncs": None}),
        ("whether a restore is waiting for a restart", {"restore_begun": None}),
    ],
)
def test_what_cannot_be_read_is_said_and_not_guessed(words: str, facts: dict[str, Any]) -> None:
    (finding,) = [one for one in found(**facts) if one.code == "not-readable"]
    assert finding.what == f"Not known of Ada's iPhone: {words}." and finding.severity == "info"
    assert codes(found(**facts), "warning") == []


def test_of_a_phone_without_trust_only_what_it_shows_is_said() -> None:
    told_with_trust = ("setup_finished", "encrypts_backups", "find_my", "free_bytes", "used_bytes", "battery_percent")
    unknown: dict[str, Any] = dict.fromkeys(told_with_trust)
    assert codes(found(trusted=False, locked=True, **unknown)) == ["phone", "not-trusted-yet"]
    assert codes(found(trusted=None, ios_version=None, **unknown)) == ["phone", "phone-did-not-answer"]


# -- two phones --------------------------------------------------------------------------------------------------------


def pair(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    ada, ben = replace(HEALTHY.facts, **old), replace(HEALTHY.facts, udid=NEW, name="Ben's iPhone", **new)
    return codes(list(findings_of_pair(old=ada, new=ben)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"ios_version": "18.5"}, {"ios_version": "17.7"}, ["too-old-for-other"]),
        ({"ios_version": "18.5"}, {"ios_version": "18.4"}, ["too-old-for-other"]),
        ({"ios_version": "18.5.1"}, {"ios_version": "18.5"}, []),  # only its backup says whether 18.5 takes it
        ({"ios_version": "18.5"}, {"ios_version": "26.1"}, []),
        ({"ios_version": None}, {"ios_version": "17.7"}, []),
        ({"ios_version": "18.5"}, {"ios_version": None}, []),
        ({"used_bytes": 31 * GB}, {}, ["other-does-not-fit"]),
        ({"used_bytes": 30 * GB}, {}, []),
        ({"used_bytes": None}, {}, []),
        ({"used_bytes": 99 * GB}, {"free_bytes": None}, []),
    ],
)
def test_the_ios_rule_and_the_room_of_the_other_phone(
    old: dict[str, Any], new: dict[str, Any], expected: list[str]
) -> None:
    assert pair(old, new) == expected


def test_what_would_fit_after_erasing_is_told_from_what_never_fits() -> None:
    ben = replace(HEALTHY.facts, udid=NEW, name="Ben's iPhone")
    for used, words in ((45 * GB, "It would fit if Ben's iPhone were erased"), (51 * GB, "It would not fit")):
        (finding,) = findings_of_pair(old=replace(HEALTHY.facts, used_bytes=used), new=ben)
        assert words in finding.why


# -- simulated phones --------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def usbmux(server: SimulatedUsbmuxd, home: Home) -> UsbmuxConfig:
    return UsbmuxConfig(server.address, home.pairing, home.tmp)


def checked(home: Home, *phones: SimulatedPhone, udids: tuple[str, ...] = ()) -> Readiness:
    with SimulatedUsbmuxd(phones) as server:
        return asyncio.run(check_phones(usbmux(server, home), Computer(), home, udids))


def surveyed(home: Home, phone: SimulatedPhone) -> Survey:
    with SimulatedUsbmuxd([phone]) as server:
        (survey,) = asyncio.run(survey_phones(usbmux(server, home)))
        return survey


def test_each_phone_has_its_own_list_and_none_sees_a_trust_dialog(home: Home) -> None:
    old = SimulatedPhone(udid=OLD, name="Ada's old iPhone", ios_version="18.5", find_my=True)
    stranger = SimulatedPhone(
        udid=NEW, name="Ben's iPhone", ios_version="27.0", trust="ask", simulated_user=absent_user()
    )
    both = checked(home, old, stranger)
    assert codes(both.findings, "error") == []
    lists = {phone.facts.name: codes(phone.findings, "warning") for phone in both.phones}
    assert lists == {"Ada's old iPhone": ["find-my-on"], "Ben's iPhone": ["not-trusted-yet"]}
    assert stranger.trust == "ask" and not stranger.trusted_hosts
    (ben,) = [f for f in both.findings if f.code == "phone" and f.phone == "Ben's iPhone"]
    assert "erased" in ben.why


def test_two_phones_of_one_name_and_one_problem_are_two_findings(home: Home) -> None:
    twins = [SimulatedPhone(udid=udid, name="iPhone", find_my=True, ios_version="18.5") for udid in (OLD, NEW)]
    on = [finding for finding in checked(home, *twins).findings if finding.code == "find-my-on"]
    assert len(on) == 2 and len({finding.phone for finding in on}) == 2


def test_only_the_named_phones_are_listed_and_a_missing_one_is_an_error(home: Home) -> None:
    phones = [SimulatedPhone(udid=OLD, name="Ada's iPhone"), SimulatedPhone(udid=NEW, name="Ben's iPhone")]
    one = checked(home, *phones, udids=(NEW.lower(),))
    assert [phone.facts.udid for phone in one.phones] == [NEW] and one.computer == []
    missing = checked(home, phones[0], udids=(OLD, NEW))
    assert [phone.facts.udid for phone in missing.phones] == [OLD]
    assert [(f.code, f.severity) for f in missing.computer] == [("no-phone", "error")] and NEW in missing.computer[
        0
    ].what


def test_a_survey_reads_what_a_phone_shows_and_changes_nothing(home: Home) -> None:
    phone = SimulatedPhone(udid=OLD, ios_version="17.3", passcode="1234", supervised=True)
    before = phone.files.digests()
    shown = surveyed(home, phone)
    assert (shown.passcode_set, shown.supervised, shown.another_syncs, shown.restore_begun) == (
        True,
        True,
        False,
        False,
    )
    assert shown.facts.charging is True
    assert phone.files.digests() == before and not phone.afc_files, "not even the file that syncing programs lock"


CHANGES: list[tuple[str, Callable[[SimulatedPhone], None], bool | None]] = [
    ("passcode_set", lambda phone: setattr(phone, "passcode", ""), False),
    ("passcode_set", lambda phone: setattr(phone, "ios_version", "17.4"), None),
    ("passcode_set", lambda phone: (setattr(phone, "ios_version", "18.0"), phone.lock())[1], True),
    ("supervised", lambda phone: None, False),
    ("supervised", lambda phone: phone.faults.refuse_services.update({"com.apple.mobile.MCInstall": "InvalidService"}),
     None),
    ("another_syncs", lambda phone: setattr(phone.conditions, "sync_lock_held", True), True),
    ("another_syncs", lambda phone: phone.faults.refuse_services.update({"com.apple.afc": "InvalidService"}), None),
    ("restore_begun", lambda phone: phone.afc_files.update({"/iTunesRestore/RestoreApplications.plist": b"x"}), True),
    ("restore_begun", lambda phone: phone.faults.refuse_services.update({"com.apple.afc": "InvalidService"}), None),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "change", "expected"), CHANGES, ids=[f"{row[0]} {row[2]}" for row in CHANGES])
def test_a_survey_of_a_changed_phone(
    home: Home, fact: str, change: Callable[[SimulatedPhone], None], expected: bool | None
) -> None:
    phone = SimulatedPhone(udid=OLD, ios_version="17.3", passcode="1234", simulated_user=absent_user())
    phone.afc_files[SYNC_LOCK] = b""  # it has been synced before
    change(phone)
    assert getattr(surveyed(home, phone), fact) is expected


def test_a_backup_here_counts_as_room_for_the_next_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home.working_backup(OLD)
    folder.mkdir(parents=True)
    (folder / "blob").write_bytes(b"x" * 4000)
    monkeypatch.setattr(report, "free_bytes_at", lambda path: 1000)
    assert report._room_for(HEALTHY.facts, home) == 5000
    monkeypatch.setattr(report, "free_bytes_at", lambda path: ROOM)
    assert report._room_for(HEALTHY.facts, home) == ROOM, "nothing has to be added up"
    monkeypatch.setattr(report, "free_bytes_at", lambda path: None)
    assert report._room_for(HEALTHY.facts, home) is None
