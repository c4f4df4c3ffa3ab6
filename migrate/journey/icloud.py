"""What a person should know about the iCloud Backup of a phone."""

from __future__ import annotations

from datetime import datetime

from migrate.phone.facts import PhoneFacts
from migrate.problems import (
    ICloudBackupNever,
    ICloudBackupOff,
    ICloudBackupOverdue,
    ICloudBackupRecent,
    ICloudBackupUnknown,
    Problem,
)
from migrate.units import now_utc

OVERDUE_DAYS = 7
"""A backup runs every night that the phone charges, is locked and has Wi-Fi. A few nights without that are usual
(*guessed*); a phone itself complains after weeks."""


def icloud_backup_problem(facts: PhoneFacts, now: datetime | None = None) -> Problem:
    """How the iCloud Backup of a phone is doing."""
    phone, udid, last = facts.name_or_model, facts.udid, facts.last_icloud_backup
    days = None if last is None else days_since(last, now or now_utc())
    match facts.icloud_backup_on, days:
        case None, _:
            return ICloudBackupUnknown(phone)
        case False, _:
            return ICloudBackupOff(phone, udid, days)
        case True, None:
            return ICloudBackupNever(phone, udid)
        case True, int(days) if days > OVERDUE_DAYS:
            return ICloudBackupOverdue(phone, udid, days)
    return ICloudBackupRecent(phone, udid, days or 0)


def icloud_backup_sentence(facts: PhoneFacts, now: datetime | None = None) -> str:
    """The same in one sentence, as for the wizard."""
    return icloud_backup_problem(facts, now).what


def days_since(moment: datetime, now: datetime) -> int:
    """Whole days. A phone whose clock is ahead of this computer's is not backed up in the future: 0."""
    return max(0, (now - moment).days)
