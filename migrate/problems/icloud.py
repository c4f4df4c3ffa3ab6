"""Problems of iCloud Backup, the backup that a phone makes by itself (facts 6.1)."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, Problem, by_count, when


class NoICloudAccount(MigrateError):
    """EnableCloudBackup: code 1 or 210, "No account exists"."""

    phone: str
    udid: str
    said: str
    exit_code = 24
    back_up_phone = Command("backup", "{udid}")
    what = "{phone} is not signed in to iCloud, so iCloud Backup cannot be turned on or off."
    why = "iCloud Backup belongs to an Apple Account. The phone reported: {said}"
    next = (
        "Open Settings on {phone}, tap Apple Account at the top and sign in. Then {again} A backup to this computer "
        "needs no account: {back_up_phone}"
    )


class ICloudBackupForbidden(MigrateError):
    """EnableCloudBackup: code 22 (*guessed*)."""

    phone: str
    udid: str
    said: str
    exit_code = 43
    back_up_phone = Command("backup", "{udid}")
    what = "The organization that manages {phone} does not allow iCloud Backup."
    why = "The phone reported: {said}"
    next = "Back it up to this computer instead: {back_up_phone}. Or ask the administrator."


class ICloudBackupNotChanged(MigrateError):
    phone: str
    on: bool
    exit_code = 43
    what = when("on", "{phone} did not turn iCloud Backup on.", otherwise="{phone} did not turn iCloud Backup off.")
    why = "It reported success, but its setting is unchanged."
    next = "Open Settings on {phone}, your name, iCloud, iCloud Backup, and change it there."


# -- noticed by `icloud status` and `check` ----------------------------------------------------------------------------


class ICloudBackupRecent(Problem):
    phone: str
    udid: str
    days: int
    severity = "info"
    back_up_phone = Command("backup", "{udid}")
    code = "icloud-backup-on"
    what = when(
        "days",
        by_count(
            "days",
            "iCloud Backup of {phone} is on. The last one was finished yesterday.",
            "iCloud Backup of {phone} is on. The last one was finished {days:,} days ago.",
        ),
        otherwise="iCloud Backup of {phone} is on. The last one was finished within a day.",
    )
    why = "It leaves out what is in iCloud anyway, such as photos in iCloud Photos. Only the phone can look inside."
    next = "Back it up to this computer too if you want a backup that you can check: {back_up_phone}"


class ICloudBackupOverdue(Problem):
    """On, and the last one is old: a phone does not tell a computer why."""

    phone: str
    udid: str
    days: int
    severity = "warning"
    icloud_status = Command("icloud", "status", "{udid}")
    what = "iCloud Backup of {phone} is on, but the last one was finished {days:,} days ago."
    why = (
        "It should run every night while the phone charges, is locked and has Wi-Fi. If it does not, iCloud storage is "
        "full in most cases; the phone does not tell a computer."
    )
    next = (
        "Look in Settings on {phone}, your name, iCloud, iCloud Backup for the reason. More ways out: {icloud_status}"
    )


class ICloudBackupNever(Problem):
    phone: str
    udid: str
    severity = "warning"
    icloud_status = Command("icloud", "status", "{udid}")
    what = "iCloud Backup of {phone} is on, but the phone knows of no finished one."
    why = (
        "The first one needs hours on Wi-Fi, and as much iCloud storage as the phone has data. 5 GB are free with an "
        "Apple Account, which is too little for most phones."
    )
    next = (
        "Look in Settings on {phone}, your name, iCloud, iCloud Backup for the reason. More ways out: {icloud_status}"
    )


class ICloudBackupOff(Problem):
    phone: str
    udid: str
    days: int | None  # since the last one
    severity = "info"
    back_up_phone = Command("backup", "{udid}")
    icloud_on = Command("icloud", "on", "{udid}")
    what = when(
        "days",
        by_count(
            "days",
            "iCloud Backup of {phone} is off. The last one was finished yesterday.",
            "iCloud Backup of {phone} is off. The last one was finished {days:,} days ago.",
        ),
        otherwise="iCloud Backup of {phone} is off.",
    )
    why = "If the phone breaks, what it alone holds is lost, unless there is a backup on a computer."
    next = "Back it up to this computer: {back_up_phone}. Or turn iCloud Backup on: {icloud_on}"


class ICloudBackupUnknown(Problem):
    phone: str
    severity = "info"
    what = "It is not known whether iCloud Backup of {phone} is on."
    why = "The phone does not tell this computer."
    next = "Look in Settings on {phone}, your name, iCloud, iCloud Backup."
