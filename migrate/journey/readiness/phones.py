"""What is found about one connected phone, and about two of them as the old and the new phone of a move."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.journey.icloud import icloud_backup_problem
from migrate.language import _, mark
from migrate.phone.facts import PhoneFacts
from migrate.phone.survey import Survey
from migrate.plan.preflight import ENOUGH_BATTERY_PERCENT, SPARE_BYTES, MoveFacts, required_ios_version
from migrate.plan.strategy import parse_version, partial_restore_support, refuse_newer_backup
from migrate.problems import (
    AskLockdownMode,
    AsksForPasscode,
    AskStolenDeviceProtection,
    BackupNewerThanPhone,
    BackupsAreEncrypted,
    BackupsAreNotEncrypted,
    BackupsMustBeEncrypted,
    BatteryLow,
    FindMyOn,
    FindMyUnknown,
    IosTooOld,
    NoRoomForPhoneHere,
    NotActivatedYet,
    NotReadable,
    NotTrustedYet,
    OnlyOverWiFi,
    OtherDoesNotFit,
    PhoneDidNotAnswer,
    PhoneIsLocked,
    PhoneIsSupervised,
    PhoneIsSyncing,
    PhoneNearlyFull,
    PhoneSeen,
    Problem,
    RestoredAndInSetup,
    RestoreMayBePending,
    SetupNotFinished,
    TooOldForOther,
)
from migrate.problems.finding import Finding

NEARLY_FULL_BYTES = 1_000_000_000
"""Phones with less than one or two GB free fail with 101 or stall (REPORTED, facts 5.1)."""
OLDEST_MOVED_IOS = (10,)
PASSCODE_FOR_BACKUPS_IOS = (16, 1)  # facts 2.3
STOLEN_DEVICE_PROTECTION_IOS = (17, 3)
LOCKDOWN_MODE_IOS = (16,)

NOT_KNOWN: dict[str, str] = {
    "passcode": mark("whether it has a passcode"),
    "setup": mark("whether its setup is finished"),
    "ios": mark("which iOS it runs"),
    "space": mark("how full it is"),
    "battery": mark("its battery"),
    "encryption": mark("whether its backups are encrypted"),
    "supervised": mark("whether an organization supervises it"),
    "syncing": mark("whether another program is syncing it"),
    "restore": mark("whether a restore is waiting for a restart"),
}


def findings_of(survey: Survey, *, free_here: int | None) -> Iterator[Finding]:
    """Everything that is found about one phone. `free_here`: the room for a backup of it on this computer."""
    facts = survey.facts
    name = facts.name_or_model
    yield PhoneSeen(
        phone=name,
        model=facts.model_name or facts.model or "iPhone",
        ios_version=facts.ios_version or _("unknown"),
        connection={"USB": _("by cable"), "Network": _("over Wi-Fi")}.get(facts.connection, facts.connection),
        support=partial_restore_support(facts.ios_version),
    ).as_finding()
    if facts.connection == "Network":
        yield OnlyOverWiFi(name).as_finding()
    if facts.trusted is None:
        yield PhoneDidNotAnswer(name).as_finding()
        return
    version = parse_version(facts.ios_version)
    if version is not None and version < OLDEST_MOVED_IOS:
        yield IosTooOld(name, str(facts.ios_version)).as_finding()
    if facts.activation == "Unactivated":
        yield NotActivatedYet(name).as_finding()
    if not facts.trusted:
        yield NotTrustedYet(name, bool(facts.locked)).as_finding()
        return
    if facts.find_my:
        yield FindMyOn(name, "IsAssociated is true").as_finding("warning")
    for problem in (*_state(survey), *_space(facts, free_here), *_backups(facts)):
        yield problem.as_finding()
    yield icloud_backup_problem(facts).as_finding()
    if things := _not_known(survey):
        yield NotReadable(name, things).as_finding()
    if version is not None and version >= STOLEN_DEVICE_PROTECTION_IOS:
        yield AskStolenDeviceProtection(name).as_finding()
    if version is not None and version >= LOCKDOWN_MODE_IOS:
        yield AskLockdownMode(name).as_finding()


def findings_of_pair(*, old: PhoneFacts, new: PhoneFacts) -> Iterator[Finding]:
    """What speaks against moving from one connected phone to the other. Nobody has said which of the two is meant to be
    the new one, so none of it is a warning."""
    phone, other = new.name_or_model, old.name_or_model
    try:
        required = required_ios_version(MoveFacts(old=old))
        refuse_newer_backup(old.ios_version, new.ios_version, phone=phone, required=required)
    except BackupNewerThanPhone as error:
        yield TooOldForOther(phone, error.ios_version, other, error.backup_ios_version).as_finding()
    if old.used_bytes is None or new.free_bytes is None or old.used_bytes <= new.free_bytes:
        return
    after_erasing = old.used_bytes <= new.free_bytes + (new.used_bytes or 0)
    yield OtherDoesNotFit(phone, other, new.free_bytes, old.used_bytes, after_erasing).as_finding()


def _state(survey: Survey) -> Iterator[Problem]:
    facts, name = survey.facts, survey.facts.name_or_model
    version = parse_version(facts.ios_version)
    if facts.find_my is None:
        yield FindMyUnknown(name)
    if facts.setup_finished is False and (facts.setup_state or "").startswith("RestoredFrom"):
        yield RestoredAndInSetup(name)
    elif facts.setup_finished is False:
        yield SetupNotFinished(name)
    if survey.restore_begun:
        yield RestoreMayBePending(name)
    if survey.another_syncs:
        yield PhoneIsSyncing(name)
    if facts.battery_percent is not None and facts.battery_percent < ENOUGH_BATTERY_PERCENT and not facts.charging:
        yield BatteryLow(name, facts.battery_percent)
    if survey.supervised:
        yield PhoneIsSupervised(name)
    if facts.locked:
        yield PhoneIsLocked(name)
    if survey.passcode_set and version is not None and version >= PASSCODE_FOR_BACKUPS_IOS:
        yield AsksForPasscode(name)


def room_needed(used_bytes: int) -> int:
    """What a first backup of a phone may need here at most."""
    return used_bytes + SPARE_BYTES


def _space(facts: PhoneFacts, free_here: int | None) -> Iterator[Problem]:
    name = facts.name_or_model
    if facts.free_bytes is not None and facts.free_bytes < NEARLY_FULL_BYTES:
        yield PhoneNearlyFull(name, facts.free_bytes)
    if free_here is not None and facts.used_bytes is not None:
        needed = room_needed(facts.used_bytes)
        if free_here < needed:
            yield NoRoomForPhoneHere(name, free_here, needed)


def _backups(facts: PhoneFacts) -> Iterator[Problem]:
    name = facts.name_or_model
    if facts.encrypts_backups:
        yield BackupsAreEncrypted(name)
    elif facts.encrypts_backups is False and facts.requires_encryption:
        yield BackupsMustBeEncrypted(name)
    elif facts.encrypts_backups is False:
        yield BackupsAreNotEncrypted(name)


def _not_known(survey: Survey) -> tuple[str, ...]:
    """What a phone that trusts this computer did not tell. Find My and iCloud Backup have findings of their own."""
    facts = survey.facts
    known = {
        "passcode": survey.passcode_set is not None,
        "setup": facts.setup_finished is not None,
        "ios": parse_version(facts.ios_version) is not None,
        "space": facts.free_bytes is not None and facts.used_bytes is not None,
        "battery": facts.battery_percent is not None,
        "encryption": facts.encrypts_backups is not None,
        "supervised": survey.supervised is not None,
        "syncing": survey.another_syncs is not None,
        "restore": survey.restore_begun is not None,
    }
    return tuple(_(NOT_KNOWN[thing]) for thing, is_known in known.items() if not is_known)
