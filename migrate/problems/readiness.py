"""What `check` notices about a connected phone, and about this computer's way to phones."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, Problem, when

# -- this computer -----------------------------------------------------------------------------------------------------


class UsbmuxdNotInstalled(MigrateError):
    """Linux, and no program called usbmuxd (facts row 72)."""

    install: str  # the command for this system's packages; "" where it is not known
    exit_code = 20
    code = "no-muxer"
    what = "This computer cannot talk to iPhones: usbmuxd is not installed."
    why = "On Linux, usbmuxd is the service through which every iPhone on a cable is reached."
    next = when(
        "install",
        "Run: {install}. Plug the iPhone in again, unlock it, and run: {check}",
        otherwise="Install the package usbmuxd. Plug the iPhone in again, unlock it, and run: {check}",
    )
    check = Command("check")


class UsbmuxdNotRunning(MigrateError):
    """Linux, usbmuxd is installed, and its socket does not answer. udev starts it when an iPhone is plugged in."""

    udev_rule: bool
    iphone_on_bus: bool
    exit_code = 20
    code = "no-muxer"
    what = when(
        "iphone_on_bus",
        "An iPhone is on the USB, but usbmuxd, through which it is reached, does not run.",
        otherwise="This computer cannot talk to iPhones now: usbmuxd is installed, but it does not run.",
    )
    why = when(
        "udev_rule",
        "The system starts it when an iPhone is plugged in.",
        otherwise="The udev rule that starts it when an iPhone is plugged in (39-usbmuxd.rules) is missing.",
    )
    next = when(
        "udev_rule",
        "Plug the iPhone in again and unlock it. If that does not help, run: sudo systemctl start usbmuxd. "
        "Then run: {check}",
        otherwise="Install usbmuxd again, or start it by hand: sudo usbmuxd. Then run: {check}",
    )
    check = Command("check")


class AppleServiceMissing(MigrateError):
    """Windows without the Apple Mobile Device Service (facts row 76)."""

    exit_code = 20
    code = "no-muxer"
    what = "This computer cannot talk to iPhones: the Apple Mobile Device Service is not installed."
    why = "On Windows, every iPhone on a cable is reached through it. It comes with Apple Devices and with iTunes."
    next = "Install Apple Devices from the Microsoft Store (or iTunes) and plug the iPhone in again. Then run: {check}"
    check = Command("check")


class AppleServiceStopped(MigrateError):
    exit_code = 20
    code = "no-muxer"
    what = "This computer cannot talk to iPhones: the Apple Mobile Device Service is not running."
    why = "It is installed, but Windows has not started it."
    next = (
        "Start it: open Services from the Start menu, choose Apple Mobile Device Service, Start. Plug the iPhone in "
        "again. Then run: {check}"
    )
    check = Command("check")


class IPhoneOnlyOnBus(Problem):
    """The USB has it, and usbmuxd does not list it."""

    severity = "warning"
    what = "An iPhone is on the USB, but usbmuxd does not list it."
    why = "It may be locked since it was plugged in, or usbmuxd has not noticed it."
    next = "Unlock the iPhone and plug it in again, directly and with a cable that carries data. Then run: {check}"
    check = Command("check")


class NoFullDiskAccess(Problem):
    """macOS keeps programs away from Finder's backups."""

    folder: str
    severity = "warning"
    what = "macOS does not let your terminal read Finder's backups ({folder})."
    why = "Only a program with Full Disk Access may. Backups that migrate makes itself are not affected."
    next = (
        "Open System Settings, Privacy & Security, Full Disk Access, turn your terminal on there and restart it, if "
        "you want to use Finder's backups."
    )


# -- a connected phone -------------------------------------------------------------------------------------------------


class PhoneDidNotAnswer(Problem):
    phone: str
    severity = "warning"
    what = "{phone} is connected, but it did not answer."
    why = "It may have just been plugged in, or be restarting."
    next = "Unlock {phone} and look at its screen. If nothing helps, restart it. Then run: {check}"
    check = Command("check")


class PhoneIsLocked(Problem):
    phone: str
    severity = "info"
    what = "{phone} is locked now."
    why = "A backup or a move waits until it is unlocked."
    next = "Unlock {phone} when you begin."


class NotActivatedYet(Problem):
    phone: str
    severity = "info"
    what = "{phone} is not activated yet."
    why = "The first screens of its setup activate a new or erased iPhone. Before that nothing can be restored to it."
    next = "Follow the first setup screens on {phone} when a move asks for it."


class RestoredAndInSetup(Problem):
    phone: str
    severity = "warning"
    what = "{phone} was restored from a backup, and its setup is not finished."
    why = "Until it is, the phone refuses to be backed up or restored."
    next = "Finish the setup on {phone} until the Home Screen appears."


class RestoreMayBePending(Problem):
    phone: str
    severity = "warning"
    what = "A computer has begun to restore {phone}, and the phone has not finished it."
    why = (
        "The list of apps of that restore is still on it. If the restore is waiting for a restart, the phone refuses "
        "another one."
    )
    next = "Restart {phone}, unlock it and wait a minute, unless it is being restored right now."


class PhoneIsSyncing(Problem):
    phone: str
    severity = "warning"
    what = "Another program is syncing {phone} now."
    why = "Only one program at a time may sync, back up or restore an iPhone: Finder, iTunes, Apple Devices, Music."
    next = "Wait until the other program is finished, or close it."


class OnlyOverWiFi(Problem):
    phone: str
    severity = "warning"
    what = "{phone} is connected over Wi-Fi."
    why = "A backup over Wi-Fi takes many times longer, and nothing is restored that way."
    next = "Connect {phone} with a cable."


class AsksForPasscode(Problem):
    phone: str
    severity = "info"
    what = "{phone} has a passcode and asks for it at the start of every backup."
    why = "iPhones do that since iOS 16. It is not for this computer: only the phone learns it."
    next = "Enter it on {phone} when a backup begins."


class IosTooOld(Problem):
    phone: str
    ios_version: str
    severity = "warning"
    what = "{phone} runs iOS {ios_version}, which is too old to move its data from here."
    why = "Its backups have a form that later iPhones do not take in this way. They can be read and extracted."
    next = "Update {phone} if it can be updated: Settings, General, Software Update."


class TooOldForOther(Problem):
    """Of two connected phones this one cannot be the new one."""

    phone: str
    ios_version: str
    other: str
    other_version: str
    severity = "info"
    what = "{phone} cannot be the new phone for the data of {other}, unless it is updated."
    why = (
        "An iPhone accepts only backups from its own iOS version ({ios_version}) or an older one, not {other_version}."
    )
    next = "Update {phone} if you want to move that way: Settings, General, Software Update."


class OtherDoesNotFit(Problem):
    """Of two connected phones this one is too full to be the new one."""

    phone: str
    other: str
    free_bytes: int
    needed_bytes: int
    after_erasing: bool
    severity = "info"
    what = "Not everything on {other} ({needed_bytes}) fits on {phone} ({free_bytes} free)."
    why = when(
        "after_erasing",
        "It would fit if {phone} were erased first.",
        otherwise="It would not fit if {phone} were erased, either.",
    )
    next = when(
        "after_erasing",
        "Erase {phone} first if you want to move everything that way, or choose less.",
        otherwise="Choose less if you want to move that way.",
    )


class PhoneNearlyFull(Problem):
    """Phones with less than one or two GB free fail with 101 or stall (REPORTED, facts 5.1)."""

    phone: str
    free_bytes: int
    severity = "warning"
    what = "{phone} has only {free_bytes} free."
    why = "An iPhone needs one or two gigabytes to prepare a backup. With less, backups fail or stop halfway."
    next = "Free space on {phone}: Settings, General, iPhone Storage."


class NoRoomForPhoneHere(Problem):
    phone: str
    free_bytes: int
    needed_bytes: int
    severity = "warning"
    what = (
        "A backup of {phone} may not fit on this computer: up to {needed_bytes} are needed, and there is room for "
        "{free_bytes}."
    )
    why = "The estimate counts everything on the phone, although apps themselves are not part of a backup."
    next = "Free some space, or use another disk with --home DIR."


class BackupsAreEncrypted(Problem):
    phone: str
    severity = "info"
    what = "Backups of {phone} are encrypted. You need its backup password."
    why = (
        "It was set earlier on this or another computer, and is neither the passcode nor the Apple Account's password."
    )
    next = "Find the backup password before you begin."


class BackupsAreNotEncrypted(Problem):
    phone: str
    severity = "info"
    what = "Backups of {phone} are not encrypted."
    why = "Without encryption an iPhone leaves out passwords, Health, Wi-Fi networks, call and Safari history."
    next = "Choose a backup password when a move offers it, and write it down."


class BackupsMustBeEncrypted(Problem):
    """RequiresEncryption, and no password is set: a backup ends with 207."""

    phone: str
    severity = "warning"
    what = "The organization that manages {phone} requires encrypted backups, and no backup password is set."
    why = "The phone refuses every backup until it has one."
    set_password = Command("encryption", "on")
    next = "Give it a backup password: {set_password}. Finder and iTunes can do it too."
    next_in_wizard = "Choose to encrypt the backup, with a password of your own."


class PhoneIsSupervised(Problem):
    phone: str
    severity = "info"
    what = "{phone} is supervised by an organization."
    why = (
        "Its rules may forbid backups to this computer, and a supervised phone's backup belongs on a supervised phone."
    )
    next = "Ask the administrator before you move it."


class NotReadable(Problem):
    """What the phone did not tell, although it trusts this computer."""

    phone: str
    things: tuple[str, ...]
    severity = "info"
    what = "Not known of {phone}: {things:; }."
    why = "The phone does not tell this computer."
    next = "Look on {phone} itself if it matters to you."


class AskStolenDeviceProtection(Problem):
    """No value of lockdown tells it (facts 6.1). Since iOS 17.3; on by default since 26.4 (REPORTED)."""

    phone: str
    severity = "info"
    what = "Is Stolen Device Protection on? No computer can read that."
    why = (
        "If it is on, then away from home it takes an hour to turn Find My off, to reset all settings (the way out of "
        "a forgotten backup password) or to erase the phone. Backups are not affected."
    )
    next = "Look in Settings, Face ID & Passcode, Stolen Device Protection. If it is on, do the move at home."


class AskLockdownMode(Problem):
    """No value of lockdown tells it (facts 6.1). Since iOS 16."""

    phone: str
    severity = "info"
    what = "Is Lockdown Mode on? No computer can read that, and few people use it."
    why = "If it is on, a locked iPhone lets no computer connect, so a backup stops when the screen locks."
    next = "Look in Settings, Privacy & Security, Lockdown Mode. If it is on, keep the phone unlocked all the time."
