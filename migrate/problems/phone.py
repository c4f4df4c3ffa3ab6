"""Errors of one connected phone: finding, trust, saving, restoring, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrate.problems.root import MigrateError, capital
from migrate.units import format_bytes


@dataclass(eq=False)
class NoMuxer(MigrateError):
    """usbmuxd, through which every phone on a cable is reached, does not answer (facts 5.3, rows 72 and 76)."""

    address: str  # as it was given; "" for the system's own
    platform: str  # sys.platform
    reason: str
    exit_code = 20

    def what(self) -> str:
        return "The service through which this computer talks to iPhones (usbmuxd) cannot be reached."

    def why(self) -> str:
        return f"{self.address or 'The system'}'s usbmuxd did not answer: {self.reason}."

    def next(self) -> str:
        if self.address:
            return "Check the address in --usbmuxd or USBMUXD_SOCKET_ADDRESS: HOST:PORT, or the path of a socket"
        if self.platform == "win32":
            return (
                "Install Apple Devices from the Microsoft Store (or iTunes), start the Apple Mobile Device Service, "
                "then plug the phone in again"
            )
        if self.platform == "darwin":
            return "Unplug the phone and plug it in again; if it stays away, restart this Mac"
        return "Run: sudo apt install usbmuxd. Then plug the phone in again (udev starts it; /var/run/usbmuxd appears)"


@dataclass(eq=False)
class UsbmuxdAddressInvalid(MigrateError):
    """The address of a usbmuxd has a form nobody can connect to."""

    address: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.address!r} is not an address of a usbmuxd."

    def why(self) -> str:
        return "It is neither HOST:PORT nor the path of a socket (UNIX:/path is understood too)."

    def next(self) -> str:
        return "Correct --usbmuxd or USBMUXD_SOCKET_ADDRESS, or leave both away to use the system's"


@dataclass(eq=False)
class NoPhone(MigrateError):
    """The phone that is wanted is not on a cable."""

    udid: str  # "" when any phone would do
    seen: tuple[str, ...]
    exit_code = 20

    def what(self) -> str:
        return f"The iPhone {self.udid} is not connected." if self.udid else "No iPhone is connected."

    def why(self) -> str:
        return f"This computer sees: {', '.join(self.seen) or 'no phone'}."

    def next(self) -> str:
        return "Connect it with a cable and unlock it. If it only charges: plug it in again while it is unlocked"


@dataclass(eq=False)
class SeveralPhones(MigrateError):
    """Any phone would have done, and there is more than one."""

    seen: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return f"{len(self.seen)} phones are connected and it is not clear which one is meant."

    def why(self) -> str:
        return f"This computer sees: {', '.join(self.seen)}."

    def next(self) -> str:
        return "Unplug the others, or name the phone: --old UDID or --new UDID (migrate phones lists them)"


@dataclass(eq=False)
class PhoneLocked(MigrateError):
    phone: str  # the name its owner gave it
    asked_for: str  # what was refused
    exit_code = 21

    def what(self) -> str:
        return f"{self.phone} is locked."

    def why(self) -> str:
        return f"It refused {self.asked_for} until its passcode has been entered."

    def next(self) -> str:
        return f"Unlock {self.phone}, keep its screen on, then {self.again}"


@dataclass(eq=False)
class NotTrusted(MigrateError):
    phone: str
    exit_code = 22

    def what(self) -> str:
        return f"{self.phone} does not trust this computer yet."

    def why(self) -> str:
        return "Its question 'Trust This Computer?' has not been answered, or the trust was reset since."

    def next(self) -> str:
        return f"Unlock {self.phone}, tap Trust and enter its passcode, then {self.again}"


@dataclass(eq=False)
class TrustDenied(MigrateError):
    phone: str
    exit_code = 22

    def what(self) -> str:
        return f"{self.phone} was told not to trust this computer."

    def why(self) -> str:
        return "Somebody tapped Don't Trust on it (it answered UserDeniedPairing)."

    def next(self) -> str:
        return f"Unplug {self.phone}, plug it in again and tap Trust this time; then {self.again}"


@dataclass(eq=False)
class PairingForbidden(MigrateError):
    """The phone's administrator does not let it pair (MCProtected, MCChallengeRequired)."""

    phone: str
    answer: str
    exit_code = 22

    def what(self) -> str:
        return f"{self.phone} is managed and may not be connected to this computer."

    def why(self) -> str:
        return f"It answered {self.answer}: its organisation allows only its own computers."

    def next(self) -> str:
        return "Ask the administrator who manages the phone to allow pairing with this computer"


@dataclass(eq=False)
class PairingNeedsCable(MigrateError):
    phone: str
    exit_code = 22

    def what(self) -> str:
        return f"{self.phone} can only be trusted over a cable."

    def why(self) -> str:
        return "It is connected over Wi-Fi, and a phone does not ask for trust there."

    def next(self) -> str:
        return f"Connect {self.phone} with a cable, then {self.again}"


@dataclass(eq=False)
class PhoneLost(MigrateError):
    """The link to the phone broke while something was going on. What was received so far is kept."""

    phone: str
    during: str
    reason: str
    exit_code = 23

    def what(self) -> str:
        return f"The connection to {self.phone} broke during {self.during}."

    def why(self) -> str:
        return f"{self.reason} A cable that moved, a phone that restarted, or one that ended the link looks like this."

    def next(self) -> str:
        return f"Plug {self.phone} in again (directly, with a good cable), unlock it, then {self.again}"


@dataclass(eq=False)
class PhoneSilent(MigrateError):
    """The link is up, but nothing came through it for longer than any phone is known to take."""

    phone: str
    during: str
    waited_s: int
    exit_code = 23

    def what(self) -> str:
        return f"{self.phone} has not said a word for {self.waited_s // 60} minutes during {self.during}."

    def why(self) -> str:
        return "It is still connected; phones are known to be silent for minutes while they prepare, not for so long."

    def next(self) -> str:
        return f"Restart {self.phone}, unlock it, then {self.again}: it goes on where it stopped"


@dataclass(eq=False)
class NotActivated(MigrateError):
    phone: str
    exit_code = 24

    def what(self) -> str:
        return f"{self.phone} is not activated yet."

    def why(self) -> str:
        return "It says so itself, and a phone that is not activated neither saves nor restores."

    def next(self) -> str:
        return f"Follow the first screens of {self.phone} until it is activated, then {self.again}"


@dataclass(eq=False)
class AnotherProgramSyncing(MigrateError):
    """The phone's sync lock stayed taken (AFC status 19 for 10 seconds)."""

    phone: str
    exit_code = 24

    def what(self) -> str:
        return f"Another program is syncing {self.phone}."

    def why(self) -> str:
        return "The phone's sync lock stayed taken for ten seconds: Finder, iTunes, Music or a backup tool holds it."

    def next(self) -> str:
        return f"Close the other program (or wait until its sync is over), then {self.again}"


@dataclass(eq=False)
class SetupUnfinished(MigrateError):
    """The phone's setup assistant still runs (error 212, or its setup state)."""

    phone: str
    said: str
    exit_code = 24

    def what(self) -> str:
        return f"The setup of {self.phone} is not finished."

    def why(self) -> str:
        return f"A phone in its setup assistant refuses to be saved or restored. It said: {self.said or 'nothing'}"

    def next(self) -> str:
        return f"Finish the setup on {self.phone} until the Home Screen appears, then {self.again}"


@dataclass(eq=False)
class FindMyOn(MigrateError):
    """Error 211: nothing has been sent yet when a phone says this."""

    phone: str
    said: str
    exit_code = 24

    def what(self) -> str:
        return f"Find My is on, so {self.phone} refuses to be restored."

    def why(self) -> str:
        return f"It said: {self.said or 'error 211'}"

    def next(self) -> str:
        return (
            f"Turn it off on {self.phone}: Settings, your name, Find My, Find My iPhone (away from home it may take an "
            f"hour: Stolen Device Protection). Then {self.again}"
        )


@dataclass(eq=False)
class RestartNeeded(MigrateError):
    """Error 102 after an earlier restore, or 3 after an interrupted save: only a restart of the phone helps."""

    phone: str
    said: str
    exit_code = 24

    def what(self) -> str:
        return f"{self.phone} has to be restarted first."

    def why(self) -> str:
        return f"Something an earlier run left on it is in the way. It said: {self.said or 'nothing'}"

    def next(self) -> str:
        return f"Restart {self.phone}, unlock it, wait a minute, then {self.again}"


@dataclass(eq=False)
class PhoneNotReady(MigrateError):
    """Error 1: SpringBoard is not ready yet, or another program holds the restore lock."""

    phone: str
    said: str
    exit_code = 24

    def what(self) -> str:
        return f"{self.phone} is not ready yet."

    def why(self) -> str:
        return f"It has just started, or another program is saving or restoring it. It said: {self.said or 'nothing'}"

    def next(self) -> str:
        return f"Close Finder, iTunes and the like, unlock {self.phone}, wait a minute, then {self.again}"


@dataclass(eq=False)
class RestoreFromCloudRunning(MigrateError):
    """Error 25."""

    phone: str
    said: str
    exit_code = 24

    def what(self) -> str:
        return f"{self.phone} is still restoring from iCloud."

    def why(self) -> str:
        return f"Until its apps and photos are back it refuses anything else. It said: {self.said or 'error 25'}"

    def next(self) -> str:
        return f"Wait until Settings, your name, iCloud, iCloud Backup shows no restore, then {self.again}"


@dataclass(eq=False)
class PhoneStorageTrouble(MigrateError):
    """Error 101: a step on the phone's own disk failed."""

    phone: str
    said: str
    exit_code = 43

    def what(self) -> str:
        return f"{self.phone} had trouble with its own storage."

    def why(self) -> str:
        return f"It said: {self.said or 'error 101'}"

    def next(self) -> str:
        return f"Free one or two gigabytes on {self.phone}, restart it, then {self.again}"


@dataclass(eq=False)
class PhoneCouldNotSend(MigrateError):
    """Error 104: the phone gave up because it could not upload some files."""

    phone: str
    said: str
    exit_code = 35

    def what(self) -> str:
        return f"{self.phone} could not hand over some of its files."

    def why(self) -> str:
        return f"A locked screen does this, and damaged files on the phone do. It said: {self.said or 'error 104'}"

    def next(self) -> str:
        return (
            f"Keep {self.phone} unlocked (Settings, Display & Brightness, Auto-Lock, Never), restart it if it happened "
            f"twice, then {self.again}"
        )


@dataclass(eq=False)
class BackupDiskFull(MigrateError):
    """This computer's disk has no room for the backup: the phone counted (105), or a write failed."""

    path: Path
    needed_bytes: int  # 0 when only the failed write is known
    free_bytes: int
    exit_code = 33

    def what(self) -> str:
        return f"The disk of {self.path} is too full."

    def why(self) -> str:
        room = f"{format_bytes(self.free_bytes)} are free there"
        if self.needed_bytes:
            return f"{room}; the phone asks for {format_bytes(self.needed_bytes)} (copies and links counted in full)."
        return f"{room}, and a write failed for want of room. What was received so far is kept."

    def next(self) -> str:
        return f"Free room on that disk, or use a larger one with --home DIR; then {self.again}"


@dataclass(eq=False)
class CannotWriteHere(MigrateError):
    """A write into the backup folder failed, and not for want of room."""

    path: Path
    reason: str
    exit_code = 33

    def what(self) -> str:
        return f"The backup cannot be written to {self.path}."

    def why(self) -> str:
        return f"This computer answered: {self.reason}."

    def next(self) -> str:
        return "Check that the folder is yours and its disk is healthy, or use another with --home DIR; then run again"


@dataclass(eq=False)
class PhoneFull(MigrateError):
    """Error 106: the restore set does not fit on the phone."""

    phone: str
    said: str
    exit_code = 41

    def what(self) -> str:
        return f"{self.phone} has too little free space for what it should receive."

    def why(self) -> str:
        return f"It said: {self.said or 'error 106'}"

    def next(self) -> str:
        return f"Delete things on {self.phone}, or move fewer categories; then {self.again}"


@dataclass(eq=False)
class IncompatibleBackup(MigrateError):
    """Error 203: a backup of a newer iOS, or one in a form the phone does not take."""

    phone: str
    said: str
    exit_code = 40

    def what(self) -> str:
        return f"{self.phone} does not take a backup of this version."

    def why(self) -> str:
        return f"A phone takes backups of its own iOS version and older ones. It said: {self.said or 'error 203'}"

    def next(self) -> str:
        return f"Update {self.phone} (Settings, General, Software Update), then {self.again}"


@dataclass(eq=False)
class BackupRejected(MigrateError):
    """Error 205: the phone found the backup on this computer damaged."""

    phone: str
    said: str
    exit_code = 30

    def what(self) -> str:
        return f"{self.phone} found the backup on this computer damaged."

    def why(self) -> str:
        return f"It said: {self.said or 'error 205'}"

    def next(self) -> str:
        return "Look what is damaged with: migrate verify BACKUP. A virus scanner or a cloud folder may have touched it"


@dataclass(eq=False)
class WrongPhonePassword(MigrateError):
    """Error 207: the phone's backup password is another one."""

    phone: str
    said: str
    exit_code = 32

    def what(self) -> str:
        return f"{self.phone} does not accept the backup password."

    def why(self) -> str:
        return (
            "It was set on the phone some day, perhaps by another computer or with an earlier restore. "
            f"It said: {self.said or 'error 207'}"
        )

    def next(self) -> str:
        return (
            "Try the passwords you used then. If none fits: Settings, General, Transfer or Reset iPhone, Reset, "
            f"Reset All Settings removes it (data stays); then {self.again}"
        )


@dataclass(eq=False)
class PasswordNotTaken(MigrateError):
    """The phone answered success to ChangePassword, and its WillEncrypt still says otherwise."""

    phone: str
    exit_code = 43

    def what(self) -> str:
        return f"{self.phone} did not change its backup password."

    def why(self) -> str:
        return "It answered that it had, yet its own setting for encrypted backups has not changed."

    def next(self) -> str:
        return f"Restart {self.phone}, unlock it, then {self.again}"


@dataclass(eq=False)
class PasscodeNotEntered(MigrateError):
    """Error 208: the passcode sheet was declined, cancelled, or timed out (about three minutes)."""

    phone: str
    said: str
    exit_code = 50

    def what(self) -> str:
        return f"The passcode was not entered on {self.phone}."

    def why(self) -> str:
        return f"Since iOS 16 a phone asks for it before every backup. It said: {self.said or 'error 208'}"

    def next(self) -> str:
        return f"{capital(self.again)}, and enter the passcode when {self.phone} asks; it may ask twice"


@dataclass(eq=False)
class PasscodeWaitOver(MigrateError):
    """The passcode sheet was up for as long as `--wait` allows, and nobody typed anything."""

    phone: str
    waited_s: int
    exit_code = 50

    def what(self) -> str:
        return f"Nobody entered the passcode on {self.phone} within {self.waited_s} seconds."

    def why(self) -> str:
        return "Since iOS 16 a phone asks for it before every backup; a hand is waited for only as long as --wait says."

    def next(self) -> str:
        return f"{capital(self.again)}, and enter the passcode when {self.phone} asks; it may ask twice"


@dataclass(eq=False)
class CancelledOnPhone(MigrateError):
    """Somebody tapped cancel on the phone, or the phone put the work off (202, 217 to 224, syncCancelRequest)."""

    phone: str
    said: str
    exit_code = 50

    def what(self) -> str:
        return f"{self.phone} cancelled it."

    def why(self) -> str:
        return f"Somebody tapped cancel on it, or it put the work off. {self.said}".strip()

    def next(self) -> str:
        return f"{capital(self.again)} when you are ready: it goes on where it stopped"


@dataclass(eq=False)
class DeviceRefused(MigrateError):
    """Any other refusal of the backup service: the phone's own words and number are all that is known."""

    phone: str
    number: int
    said: str
    exit_code = 43

    def what(self) -> str:
        return f"{self.phone} refused with error {self.number}."

    def why(self) -> str:
        return f"It said: {self.said or 'nothing more'}"

    def next(self) -> str:
        return f"Restart {self.phone}, unlock it, and {self.again}; if it stays, look up: migrate explain"


@dataclass(eq=False)
class ServiceRefused(MigrateError):
    """lockdownd refused something before any backup service was reached."""

    phone: str
    asked_for: str
    answer: str
    exit_code = 43

    def what(self) -> str:
        return f"{self.phone} refused {self.asked_for}."

    def why(self) -> str:
        return f"It answered: {self.answer}."

    def next(self) -> str:
        return f"Unlock {self.phone}, restart it if that does not help, then {self.again}"


@dataclass(eq=False)
class PhoneBrokeProtocol(MigrateError):
    """The phone said something its own protocol does not allow, so the conversation was ended."""

    phone: str
    detail: str
    exit_code = 43

    def what(self) -> str:
        return f"{self.phone} said something that makes no sense, so the conversation was ended."

    def why(self) -> str:
        return f"{self.detail[:1].upper()}{self.detail[1:]}."

    def next(self) -> str:
        return f"Restart {self.phone} and {self.again}; if it happens twice, report it with this text"
