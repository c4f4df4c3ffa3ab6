"""Problems of one connected phone: finding it, trust, backing up, restoring, refusals."""

from __future__ import annotations

from pathlib import Path

from migrate.problems.problem import Command, MigrateError, Problem, when


class NoMuxer(MigrateError):
    """usbmuxd, through which every phone on a cable is reached, does not answer (facts 5.3, rows 72 and 76)."""

    address: str  # as it was given; "" for the system's own
    platform: str  # sys.platform
    reason: str
    exit_code = 20
    what = "This computer cannot talk to iPhones: its usbmuxd service does not answer."
    why = when("address", "{address} answered: {reason}.", otherwise="The system answered: {reason}.")

    next = when(
        "address",
        "Check the address in --usbmuxd or USBMUXD_SOCKET_ADDRESS: it is HOST:PORT or the path of a socket. "
        "Then {again}",
        otherwise=when(
            "on_windows",
            "Install Apple Devices from the Microsoft Store (or iTunes), start the Apple Mobile Device Service, and "
            "plug the iPhone in again. Then {again}",
            otherwise=when(
                "on_mac",
                "Unplug the iPhone and plug it in again. If that does not help, restart this Mac. Then {again}",
                otherwise="Run: sudo apt install usbmuxd. Plug the iPhone in again (udev starts the service and "
                "/var/run/usbmuxd appears). Then {again}",
            ),
        ),
    )

    @property
    def on_windows(self) -> bool:
        return self.platform == "win32"

    @property
    def on_mac(self) -> bool:
        return self.platform == "darwin"


class UsbmuxdAddressInvalid(MigrateError):
    address: str
    exit_code = 2
    what = '"{address}" is not the address of a usbmuxd.'
    why = "An address is HOST:PORT, or the path of a socket (UNIX:/path works too)."
    next = "Correct --usbmuxd or USBMUXD_SOCKET_ADDRESS, or leave both out to use the system's usbmuxd."


class NoPhone(MigrateError):
    """The phone that is wanted is not on a cable."""

    udid: str  # "" when any phone would do
    seen: tuple[str, ...]
    exit_code = 20
    what = when("udid", "The iPhone {udid} is not connected.", otherwise="No iPhone is connected.")
    why = when("seen", "This computer sees: {seen}.", otherwise="This computer sees no iPhone.")
    next = (
        "Connect it with a cable and unlock it. If it charges but does not appear, plug it in again while it is "
        "unlocked. Then {again}"
    )


class PhoneNotConnected(MigrateError):
    """The old or the new phone of a move is not on a cable."""

    role: str
    exit_code = 20
    what = "The {role} iPhone is not connected."
    why = "A move needs it now."
    next = "Connect the {role} iPhone with a cable and unlock it. Then {again}"


class SeveralPhones(MigrateError):
    """Any phone would have done, and there is more than one."""

    seen: tuple[str, ...]
    exit_code = 2
    what = "Several iPhones are connected, and it is not clear which one you mean."
    why = "This computer sees: {seen}."
    next = "Unplug the others, or name the iPhone with --old UDID or --new UDID. To list them: {list_phones}"
    next_in_wizard = "Unplug the others. Then {again}"


class PhoneLocked(MigrateError):
    phone: str  # the name its owner gave it
    asked_for: str  # what was refused
    exit_code = 21
    what = "{phone} is locked."
    why = "It refuses {asked_for} until its passcode is entered."
    next = "Unlock {phone} and keep its screen on. Then {again}"


class NotTrusted(MigrateError):
    phone: str
    exit_code = 22
    what = "{phone} does not trust this computer yet."
    why = "Its question 'Trust This Computer?' has not been answered, or its trusted computers were reset."
    next = "Unlock {phone}, tap Trust and enter its passcode. Then {again}"


class TrustDenied(MigrateError):
    phone: str
    exit_code = 22
    what = "{phone} was told not to trust this computer."
    why = "Don't Trust was tapped on it."
    next = "Unplug {phone}, plug it in again and tap Trust. Then {again}"


class PairingForbidden(MigrateError):
    """The phone's administrator does not let it pair (MCProtected, MCChallengeRequired)."""

    phone: str
    answer: str
    exit_code = 22
    what = "{phone} is managed by an organization and may not connect to this computer."
    why = "The organization allows only its own computers (the phone answered {answer})."
    next = "Ask the administrator of the phone to allow pairing with this computer."


class PairingNeedsCable(MigrateError):
    phone: str
    exit_code = 22
    what = "{phone} has to be connected with a cable before it can trust this computer."
    why = "It is connected over Wi-Fi, where an iPhone does not ask for trust."
    next = "Connect {phone} with a cable. Then {again}"


class RestoreNeedsCable(MigrateError):
    """The new phone is only reachable over Wi-Fi."""

    phone: str
    exit_code = 24
    what = "{phone} is connected over Wi-Fi, and it is restored over a cable only."
    why = "A restore sends everything at once, and a connection over Wi-Fi breaks off too easily. Nothing was changed."
    next = "Connect {phone} to this computer with a cable and unlock it. Then {again}"


class PhoneLost(MigrateError):
    """The link to the phone broke while something was going on. What was received so far is kept."""

    phone: str
    during: str
    reason: str  # for the developer: text of the library or of OpenSSL
    exit_code = 23
    what = "The connection to {phone} was lost during {during}."
    why = "The cable moved, or the phone restarted or ended the connection. Everything received so far is kept."
    next = "Plug {phone} in again (directly, with a good cable) and unlock it. Then {again}"


class PhoneSilent(MigrateError):
    """The link is up, but nothing came through it for longer than any phone is known to take."""

    phone: str
    during: str
    waited_s: int
    exit_code = 23
    what = "{phone} has sent nothing for {minutes} minutes during {during}."
    why = "It is still connected. Phones often pause for minutes while they prepare data, but not for this long."
    next = "Restart {phone} and unlock it. To continue where it stopped, {again}"

    @property
    def minutes(self) -> int:
        return self.waited_s // 60


class NotActivated(MigrateError):
    phone: str
    exit_code = 24
    what = "{phone} is not activated yet."
    why = "An iPhone can be backed up or restored only after it is activated."
    next = "Follow the first setup screens on {phone} until it is activated. Then {again}"


class AnotherProgramSyncing(MigrateError):
    """The phone's sync lock stayed taken (AFC status 19 for 10 seconds)."""

    phone: str
    exit_code = 24
    what = "Another program is syncing {phone}."
    why = "Finder, iTunes, Music or a backup tool has held the phone's sync lock for ten seconds."
    next = "Close the other program, or wait until its sync is finished. Then {again}"


class SetupUnfinished(MigrateError):
    """The phone's setup assistant still runs (error 212, or its setup state)."""

    phone: str
    said: str
    exit_code = 24
    what = "The setup of {phone} is not finished."
    why = "An iPhone refuses to be backed up or restored while its setup assistant is running."
    next = "Finish the setup on {phone} until the Home Screen appears. Then {again}"


class FindMyOn(MigrateError):
    """Error 211: nothing has been sent yet when a phone says this."""

    phone: str
    said: str
    exit_code = 24
    what = "{phone} cannot be restored while Find My is on."
    why = "An iPhone refuses every restore while Find My is on. Nothing on it was changed."
    next = (
        "Turn it off on {phone}: Settings, your name, Find My, Find My iPhone. (Away from home, Stolen "
        "Device Protection "
        "may make you wait an hour.) Then {again}"
    )


class RestartNeeded(MigrateError):
    """Error 102 after an earlier restore, or 3 after an interrupted backup: only a restart of the phone helps."""

    phone: str
    said: str
    exit_code = 24
    what = "{phone} has to be restarted first."
    why = when(
        "said",
        "An earlier backup or restore left something behind on it. The phone reported: {said}",
        otherwise="An earlier backup or restore left something behind on it.",
    )
    next = "Restart {phone}, unlock it and wait a minute. Then {again}"


class PhoneNotReady(MigrateError):
    """Error 1: SpringBoard is not ready yet, or another program holds the restore lock."""

    phone: str
    said: str
    exit_code = 24
    what = "{phone} is not ready yet."
    why = when(
        "said",
        "It has just started, or another program is backing it up or restoring it. The phone reported: {said}",
        otherwise="It has just started, or another program is backing it up or restoring it.",
    )
    next = "Close Finder, iTunes and similar programs, unlock {phone} and wait a minute. Then {again}"


class RestoreFromCloudRunning(MigrateError):
    """Error 25."""

    phone: str
    said: str
    exit_code = 24
    what = "{phone} is still restoring from iCloud."
    why = "It refuses other backups and restores until its apps and photos are back."
    next = "Wait until Settings, your name, iCloud, iCloud Backup shows no restore. Then {again}"


class PhoneStorageTrouble(MigrateError):
    """Error 101: a step on the phone's own disk failed."""

    phone: str
    said: str
    exit_code = 43
    what = "{phone} had a problem with its own storage."
    why = when("said", "The phone reported: {said}", otherwise="The phone reported error 101.")
    next = "Free one or two gigabytes on {phone} and restart it. Then {again}"


class PhoneCouldNotSend(MigrateError):
    """Error 104: the phone gave up because it could not upload some files."""

    phone: str
    said: str
    exit_code = 35
    what = "{phone} could not send some of its files."
    why = when(
        "said",
        "A locked screen or damaged files on the phone cause this. The phone reported: {said}",
        otherwise="A locked screen or damaged files on the phone cause this. The phone reported error 104.",
    )
    next = (
        "Keep {phone} unlocked (Settings, Display & Brightness, Auto-Lock, Never). If this is the second time, restart "
        "it. Then {again}"
    )


class BackupDiskFull(MigrateError):
    """This computer's disk has no room for the backup: the phone counted (105), or a write failed."""

    path: Path
    needed_bytes: int  # 0 when only the failed write is known
    free_bytes: int
    exit_code = 33
    what = "This computer's disk has too little space for the backup in {path}."
    why = when(
        "needed_bytes",
        "{free_bytes} are free, and the phone asks for {needed_bytes} (it counts copies and links in full).",
        otherwise="{free_bytes} are free, and a write failed. Everything received so far is kept.",
    )
    next = "Free space on that disk, or use a larger one with --home DIR. Then {again}"


class CannotWriteHere(MigrateError):
    """A write into the backup folder failed, and not for want of room."""

    path: Path
    reason: str
    exit_code = 33
    what = "The backup cannot be written to {path}."
    why = "This computer answered: {reason}."
    next = (
        "Check that you own the folder and that its disk is healthy, or use another folder with --home DIR. Then "
        "{again}"
    )


class NoRoomForConnection(MigrateError):
    """Not even a pair record or the key file of one handshake fits on this computer's disk."""

    path: Path
    reason: str
    exit_code = 33
    what = "This computer's disk is full, so migrate cannot connect to an iPhone."
    why = "A small file in {path} could not be written: {reason}. Everything saved so far is kept."
    next = "Free space on that disk, or use a larger one with --home DIR. Then {again}"


class CannotStoreKeys(MigrateError):
    """A pair record or the key file of one handshake cannot be written, and not for want of room."""

    path: Path
    reason: str
    exit_code = 33
    what = "migrate cannot connect to an iPhone, because it cannot write to its own folder."
    why = "A small file in {path} could not be written: {reason}."
    next = (
        "Check that you own the folder and that its disk is healthy, or use another folder with --home DIR. Then "
        "{again}"
    )


class PhoneFull(MigrateError):
    """Error 106: the restore set does not fit on the phone."""

    phone: str
    said: str
    exit_code = 41
    what = "{phone} has too little free space for the data you are moving."
    why = when("said", "The phone reported: {said}", otherwise="The phone reported error 106.")
    next = "Delete something on {phone}, or move fewer categories. Then {again}"


class IncompatibleBackup(MigrateError):
    """Error 203: a backup of a newer iOS, or one in a form the phone does not take."""

    phone: str
    said: str
    exit_code = 40
    what = "{phone} cannot use a backup of this iOS version."
    why = when(
        "said",
        "An iPhone accepts backups from its own iOS version and from older ones. The phone reported: {said}",
        otherwise="An iPhone accepts backups from its own iOS version and from older ones.",
    )
    next = "Update {phone}: Settings, General, Software Update. Then {again}"


class BackupRejected(MigrateError):
    """Error 205: the phone found the backup on this computer damaged."""

    phone: str
    said: str
    exit_code = 30
    what = "{phone} found the backup on this computer damaged."
    why = when("said", "The phone reported: {said}", otherwise="The phone reported error 205.")
    next = "See what is damaged (a virus scanner or a cloud folder may have changed it): {verify_backup}. Then {again}"


class WrongPhonePassword(MigrateError):
    """Error 207: the phone's backup password is another one."""

    phone: str
    said: str
    exit_code = 32
    what = "{phone} does not accept the backup password."
    why = "Its backup password was set earlier, perhaps by another computer or through a restore."
    next = (
        "Try the passwords you used then. If none fits, remove the password on the phone: Settings, General, Transfer "
        "or Reset iPhone, Reset, Reset All Settings. (This also resets Wi-Fi passwords, the home screen layout and "
        "Apple Pay cards. Away from home, Stolen Device Protection may make you wait an hour.) Then {again}"
    )


class PasswordNotTaken(MigrateError):
    """The phone answered success to ChangePassword, and its WillEncrypt still says otherwise."""

    phone: str
    exit_code = 43
    what = "{phone} did not change its backup password."
    why = "It reported success, but its setting for encrypted backups is unchanged."
    next = "Restart {phone} and unlock it. Then {again}"


class PasscodeNotEntered(MigrateError):
    """Error 208: the passcode sheet was declined, cancelled, or timed out (about three minutes)."""

    phone: str
    said: str
    exit_code = 50
    what = "The passcode was not entered on {phone}."
    why = "Since iOS 16 an iPhone asks for its passcode before every backup."
    next = "Enter the passcode when {phone} asks for it; it may ask twice. To begin, {again}"


class PasscodeWaitOver(MigrateError):
    """The passcode sheet was up for as long as `--wait` allows, and nobody typed anything."""

    phone: str
    waited_s: int
    exit_code = 50
    what = "The passcode was not entered on {phone} within {waited_s} seconds."
    why = "Since iOS 16 an iPhone asks for its passcode before every backup, and --wait limits how long migrate waits."
    why_in_wizard = (
        "Since iOS 16 an iPhone asks for its passcode before every backup. The wizard does not wait longer for it."
    )
    next = "Enter the passcode when {phone} asks for it; it may ask twice. To begin, {again}"


class CancelledOnPhone(MigrateError):
    """Somebody tapped cancel on the phone, or the phone put the work off (202, 217 to 224, syncCancelRequest)."""

    phone: str
    said: str
    exit_code = 50
    what = "{phone} cancelled the operation."
    why = when(
        "said",
        "Cancel was tapped on it, or it postponed the work. The phone reported: {said}",
        otherwise="Cancel was tapped on it, or it postponed the work.",
    )
    next = "Wait until the phone is free. To continue where it stopped, {again}"


class DeviceRefused(MigrateError):
    """Any other refusal of the backup service: the phone's own words and number are all that is known."""

    phone: str
    number: int
    said: str
    exit_code = 43
    explain = Command("explain", "{number}")
    what = "{phone} refused with error {number}."
    why = when("said", "The phone reported: {said}", otherwise="The phone gave no reason.")
    next = "Restart {phone} and unlock it (more about the error: {explain}). Then {again}"


class ServiceRefused(MigrateError):
    """lockdownd refused something before any backup service was reached."""

    phone: str
    asked_for: str
    answer: str
    exit_code = 43
    what = "{phone} refused {asked_for}."
    why = "The phone answered: {answer}."
    next = "Unlock {phone}; if that does not help, restart it. Then {again}"


class PhoneBrokeProtocol(MigrateError):
    """The phone said something its own protocol does not allow, so the conversation was ended."""

    phone: str
    detail: str
    exit_code = 43
    what = "{phone} sent something that migrate does not understand, so the connection was closed."
    why = "{detail!c}."
    next = "Restart {phone}, and report this text if it happens twice. Then {again}"


# -- noticed while a phone is backed up --------------------------------------------------------------------------------


class InstalledAppsUnknown(Problem):
    phone: str
    answer: str
    severity = "warning"
    what = "{phone} did not report which apps are installed on it."
    why = "Its installation service answered: {answer}. The backup holds the data of the apps all the same."
    next = "Back it up again later if its apps should be installed on another iPhone from this backup."


class FileUnreadable(Problem):
    """The phone named one of its files as unreadable, twice."""

    phone: str
    file_id: str
    path: str
    reason: str
    domain: str = ""  # empty where no known domain gives this file id
    relative_path: str = ""
    severity = "warning"
    what = when(
        "path",
        "{phone} could not read one of its own files: {path}.",
        otherwise="{phone} could not read one of its own files: {file_id}.",
    )
    why = "The phone reported: {reason}"
    next = "Restart {phone} and back it up again. If the file stays unreadable, it is damaged on the phone."


class FileDamagedInTransit(Problem):
    """A file arrived otherwise than the phone announced it, twice."""

    phone: str
    file_id: str
    path: str
    severity = "warning"
    what = "{path} of {phone} was damaged on its way to this computer."
    why = "It was asked for twice, and both times it was not what the phone had announced."
    next = "Use another cable and another USB port, and back up {phone} again."


class RestoreSetChanged(MigrateError):
    """A file of the restore set is not the one that was sealed. Noticed while it was sent."""

    phone: str
    path: str
    name: str  # a file id, Manifest.db or a plist
    domain: str  # "" where the manifest does not tell
    relative_path: str
    reason: str
    exit_code = 30
    what = "{file} has changed on this computer's disk since it was verified, so the restore was stopped."
    why = "{reason!c}. {phone} did not receive all of it: nothing on it has changed. The data lies in {path}."
    next = "Check this computer's disk. Then start a new run: {run_plan}"
    next_in_wizard = "Check this computer's disk. To begin this move again, choose: {change_answer}"

    @property
    def file(self) -> str:
        return f"{self.relative_path} ({self.domain})" if self.relative_path else self.name


class MoreFilesUnreadable(Problem):
    phone: str
    count: int
    severity = "warning"
    what = "{phone} could not read {count:,} more of its own files."
    why = "The backup's seal lists each of them, and the move checks that list."
    next = "Restart {phone}, unlock it and back it up again. This many unreadable files suggest that it needs service."
