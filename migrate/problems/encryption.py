"""Problems of turning a phone's backup encryption on or off, and of changing its password."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, Problem


class EncryptionForced(MigrateError):
    """A managed phone: a profile of its organisation requires encrypted backups (`RequiresEncryption`)."""

    phone: str
    exit_code = 43
    change = Command("encryption", "change")
    what = "{phone} is managed, and its organisation requires encrypted backups."
    why = "While its management profile is installed, an iPhone keeps encryption on. Nothing was changed."
    next = "Ask the organisation that manages {phone}. To set another password instead: {change}"


class EncryptionOff(MigrateError):
    """`migrate encryption change` on a phone that has no backup password."""

    phone: str
    exit_code = 32
    turn_on = Command("encryption", "on")
    what = "{phone} has no backup password to change."
    why = "Its backups are not encrypted. Nothing was changed."
    next = "Turn encryption on, with a password that you choose: {turn_on}"


class NewPasswordMissing(MigrateError):
    """No password to set was given, or its two entries differed."""

    phone: str
    option: str
    variable: str
    exit_code = 32
    what = "There is no new backup password for {phone}."
    why = "Nothing was given, or what was typed twice was not the same. Nothing was changed."
    next = "Give it with {option} FILE, or in {variable}. Then {again}"


class NewPasswordIsOld(MigrateError):
    """`migrate encryption change` was given one password for both."""

    phone: str
    exit_code = 32
    what = "The new backup password of {phone} is the same as the old one."
    why = "The phone was not asked, and nothing was changed."
    next = "Choose another one. Then {again}"


class NewPasswordRefused(MigrateError):
    """The phone accepted a new password, and the test right after shows that another one is in force."""

    phone: str
    exit_code = 43
    what = "{phone} does not accept the backup password that was just set."
    why = (
        "It reported success. Perhaps another program changed the password at the same time. The backups on this "
        "computer were not changed."
    )
    next = "Try the password that {phone} had before. Do not make a backup until you know which one it accepts."


class EncryptionStopped(MigrateError):
    """Ctrl-C while the phone was asked to change its setting."""

    phone: str
    exit_code = 50
    what = "You stopped while {phone} was asked to change its backup encryption."
    why = "It may or may not have done so. Its data and your backups are unchanged."
    next = "See whether it encrypts its backups: {list_phones}"
    next_in_wizard = "Try again: the wizard looks whether it encrypts its backups."


class BackupPasswordUntested(Problem):
    """The new password was set, and the phone could not be asked whether it accepts it."""

    phone: str
    reason: str
    severity = "warning"
    what = "The new backup password of {phone} was set, but not tested."
    why = "{reason}"
    next = "Back up {phone} and check that backup now, while you still know what you typed: {back_up_phone}"
