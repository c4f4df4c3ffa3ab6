"""Every error a person can meet: a what, a why and a next, beside its exit code.

The class that knows the facts holds the sentences. We raise; `talk/` lays the sentences out; only `cli.main()` exits.
`next` begins with a verb and can be pasted, or done with a finger. Exit codes: docs/contract in README.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from migrate.units import bytes_text


@dataclass(eq=False)
class MigrateError(Exception):
    """Something a person can act on. Subclasses carry facts as fields and build three sentences from them."""

    exit_code: ClassVar[int] = 1
    again = "run the same command again"
    """How to try again, as `next` says it. A run that can be resumed says so here."""

    @property
    def code(self) -> str:
        """The class's name as scripts see it: `PhoneLocked` is `phone-locked`."""
        return code_of(type(self))

    def what(self) -> str:
        """One sentence: what happened."""
        raise NotImplementedError

    def why(self) -> str:
        """One sentence: how we know, or what caused it."""
        raise NotImplementedError

    def next(self) -> str:
        """What to do now, beginning with a verb."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.what()} {self.why()} {self.next()}"

    def as_json(self) -> dict[str, str | int]:
        """The object under `error` in every `--json` answer (contract 4)."""
        return {
            "code": self.code,
            "what": self.what(),
            "why": self.why(),
            "next": self.next(),
            "exit_code": self.exit_code,
        }


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def code_of(error: type[MigrateError]) -> str:
    """`PhoneLocked` -> `phone-locked`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()


# --- journey ---


@dataclass(eq=False)
class WaitedTooLong(MigrateError):
    """Somebody had to do something on a phone, and `--wait` ran out first."""

    waited_s: int
    waiting_for: str
    how: str  # the `next` of what was lacking, which may say how to try again in its own way
    exit_code = 50

    def what(self) -> str:
        return f"Nobody did what was asked within {self.waited_s} seconds. {self.waiting_for}"

    def why(self) -> str:
        return "The move waits for a person's hand only as long as --wait says; nothing is lost by waiting."

    def next(self) -> str:
        if MigrateError.again in self.how:
            return self.how.replace(MigrateError.again, self.again)
        return f"{self.how.rstrip('.')}. Then {self.again}"


@dataclass(eq=False)
class Interrupted(MigrateError):
    """Ctrl-C, after something had begun."""

    run: str
    during: str
    exit_code = 50

    def what(self) -> str:
        return f"Stopped during {self.during}, because you asked."

    def why(self) -> str:
        return "What was finished is kept; the step that was interrupted begins again where it can go on."

    def next(self) -> str:
        return f"Go on with: migrate resume {self.run}".rstrip()


@dataclass(eq=False)
class StoppedBeforeBeginning(MigrateError):
    """Ctrl-C, before anything had begun."""

    exit_code = 130

    def what(self) -> str:
        return "Stopped before anything began, because you asked."

    def why(self) -> str:
        return "No phone was changed and nothing was saved."

    def next(self) -> str:
        return "Run the same command again whenever you like."


@dataclass(eq=False)
class NotAgreed(MigrateError):
    """The last confirmation was answered with no."""

    run: str
    exit_code = 50

    def what(self) -> str:
        return "The new phone was not touched, because you did not agree to the last question."

    def why(self) -> str:
        return "Nothing is sent to a phone without that word."

    def next(self) -> str:
        return f"Go on, and agree, with: migrate resume {self.run}"


@dataclass(eq=False)
class WordMissing(MigrateError):
    """The last confirmation has nobody to answer it."""

    run: str
    exit_code = 2

    def what(self) -> str:
        return "The last confirmation is missing, and there is no terminal to ask on."

    def why(self) -> str:
        return "From the next step on the new phone is changed, so somebody has to say yes."

    def next(self) -> str:
        return f"Run: migrate resume {self.run} --yes"


@dataclass(eq=False)
class WhichPhone(MigrateError):
    """Several phones could be meant, and a choice is not ours."""

    role: str
    seen: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return f"It is not clear which phone is the {self.role} one."

    def why(self) -> str:
        return f"The plan does not say, and these are connected: {', '.join(self.seen) or 'none'}."

    def next(self) -> str:
        return f"Name it: --{self.role} UDID (migrate phones lists them)"


@dataclass(eq=False)
class OtherPhone(MigrateError):
    role: str
    name: str
    udid: str
    expected_udid: str
    exit_code = 11

    def what(self) -> str:
        return f"{self.name} ({self.udid}) is not the {self.role} phone of this move."

    def why(self) -> str:
        return f"This move was begun with {self.expected_udid} as the {self.role} phone."

    def next(self) -> str:
        return "Connect that phone and run: migrate resume. For another pair begin a new one: migrate run PLAN"


@dataclass(eq=False)
class OtherPlan(MigrateError):
    run: str
    exit_code = 11

    def what(self) -> str:
        return f"The plan of {self.run} is not the one it was begun with."

    def why(self) -> str:
        return "Its frozen plan.toml has changed since, and going on with another plan could lose data."

    def next(self) -> str:
        return "Put the plan back as it was, or begin a new move: migrate run PLAN"


@dataclass(eq=False)
class RunNotFound(MigrateError):
    run: str
    known: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return f"There is no run called {self.run}."

    def why(self) -> str:
        return f"Known runs: {', '.join(self.known) or 'none yet'}."

    def next(self) -> str:
        return "Look at them with: migrate runs"


@dataclass(eq=False)
class WhichRun(MigrateError):
    """`resume` without a name, and not exactly one unfinished run."""

    unfinished: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return "Several runs are unfinished." if self.unfinished else "No run is unfinished."

    def why(self) -> str:
        return f"Unfinished: {', '.join(self.unfinished) or 'none'}."

    def next(self) -> str:
        if self.unfinished:
            return f"Name one: migrate resume {self.unfinished[0]}"
        return "Begin one with: migrate run PLAN"


@dataclass(eq=False)
class RunBusy(MigrateError):
    run: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.run} is at work in another window."

    def why(self) -> str:
        return "Its lock is held by a process that still runs."

    def next(self) -> str:
        return "Wait for it, or stop it there with Ctrl-C; then run this command again."


@dataclass(eq=False)
class BackupBusy(MigrateError):
    """Another process of ours works in a phone's working backup."""

    phone: str
    exit_code = 24

    def what(self) -> str:
        return f"The backup of {self.phone} is at work in another window."

    def why(self) -> str:
        return "Another run, or migrate save, is saving it or proving its save; two at once would spoil it."

    def next(self) -> str:
        return f"Wait for it, or stop it there with Ctrl-C; then {self.again}"


@dataclass(eq=False)
class NothingSaved(MigrateError):
    """`begin = "as-is"`, and there is no saved backup to take as it is."""

    udid: str  # "" when any phone's would do
    home: str
    exit_code = 11

    def what(self) -> str:
        return f"The phone {self.udid} was never saved here." if self.udid else "No phone was ever saved here."

    def why(self) -> str:
        return f'The plan says begin = "as-is", and {self.home} holds no such backup.'

    def next(self) -> str:
        return 'Save it with: migrate save. Or write begin = "incremental" under [backup] in the plan'


@dataclass(eq=False)
class WhichSaved(MigrateError):
    """`begin = "as-is"` without the old phone's name, and several phones were saved."""

    seen: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return "It is not clear which saved phone is the old one."

    def why(self) -> str:
        return f"The plan does not say, and these were saved here: {', '.join(self.seen)}."

    def next(self) -> str:
        return "Name it: --old UDID"


@dataclass(eq=False)
class RunIsOver(MigrateError):
    run: str
    outcome: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.run} is finished: {self.outcome}."

    def why(self) -> str:
        return "There is no step left to go on with."

    def next(self) -> str:
        return f"Look at it with: migrate runs show {self.run}"


@dataclass(eq=False)
class JournalDamaged(MigrateError):
    path: str
    line: int
    reason: str
    exit_code = 30

    def what(self) -> str:
        return f"The journal of this run is damaged at line {self.line}."

    def why(self) -> str:
        return f"In {self.path} {self.reason}; guessing what was done could do it twice."

    def next(self) -> str:
        return "Begin a new move with: migrate run PLAN (saved backups are kept and used again)"


@dataclass(eq=False)
class JournalTooNew(MigrateError):
    path: str
    version: int
    known_version: int
    exit_code = 10

    def what(self) -> str:
        return f"This run was written by a newer migrate (journal format {self.version})."

    def why(self) -> str:
        return f"This one reads formats up to {self.known_version}: {self.path}"

    def next(self) -> str:
        return "Update migrate, then run: migrate resume"


@dataclass(eq=False)
class SavedBackupDamaged(MigrateError):
    """Verify found wounds in a backup the move would have built on."""

    path: str
    first: str
    count: int
    exit_code = 30

    def what(self) -> str:
        return f"The saved backup is damaged: {self.first}"

    def why(self) -> str:
        return f"Verify found {self.count} such wounds in {self.path}."

    def next(self) -> str:
        return 'Save the phone anew: set begin = "fresh" under [backup] in the plan and run: migrate run PLAN'


@dataclass(eq=False)
class ChosenFilesUnreadable(MigrateError):
    """The old phone could not read files that lie in a chosen category."""

    count: int
    first: str
    categories: tuple[str, ...]
    exit_code = 35

    def what(self) -> str:
        return f"{self.count} chosen files could not be read on the old phone, among them {self.first}."

    def why(self) -> str:
        return f"The phone reported a read error twice. They belong to: {', '.join(self.categories)}."

    def next(self) -> str:
        return (
            f"Restart the old phone, then {self.again}: it is saved once more. Or accept the loss with "
            "accept_unreadable = true under [safety] in the plan, and run: migrate run PLAN"
        )


@dataclass(eq=False)
class WouldReplace(MigrateError):
    """Something on the new phone would be replaced without the plan saying so."""

    titles: tuple[str, ...]
    ids: tuple[str, ...]
    exit_code = 11

    def what(self) -> str:
        return f"The new phone already has: {'; '.join(self.titles)}."

    def why(self) -> str:
        return "Putting a category on a phone in use replaces what is there, and the plan does not allow that."

    def next(self) -> str:
        listed = ", ".join(f'"{category}"' for category in self.ids)
        return (
            f"Leave these out, or allow it in the plan under [move]: may_replace = [{listed}]. "
            "Then run it anew: migrate run PLAN (what is saved is used again)"
        )


@dataclass(eq=False)
class NothingChosen(MigrateError):
    chosen: tuple[str, ...]
    exit_code = 11

    def what(self) -> str:
        return f"The backup holds nothing of what the plan chose: {', '.join(self.chosen) or 'no category'}."

    def why(self) -> str:
        return "Not one file of these categories is in the old phone's backup."

    def next(self) -> str:
        return "Look at what it holds with: migrate show BACKUP"


@dataclass(eq=False)
class PhonePasswordMissing(MigrateError):
    """A phone encrypts its backups, or shall, and nobody told the password."""

    phone: str
    role: str
    exit_code = 32

    def what(self) -> str:
        return f"The backup password of {self.phone} is missing."

    def why(self) -> str:
        return "Its backups are encrypted, or the plan wants them to be, and without the password nobody can read them."

    def next(self) -> str:
        if self.role == "new":
            return f"Give it with --new-password-file FILE, or in MIGRATE_NEW_BACKUP_PASSWORD; then {self.again}"
        return f"Give it with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD; then {self.again}"


@dataclass(eq=False)
class NotProven(MigrateError):
    first: str
    count: int
    receipt: str
    exit_code = 60

    def what(self) -> str:
        return f"Not proven: {self.first}"

    def why(self) -> str:
        return f"{self.count} things that were sent, or were there before, are not on the new phone as they should be."

    def next(self) -> str:
        return f"Keep the old phone as it is and read the receipt: {self.receipt}"


@dataclass(eq=False)
class DemoPhonesSilent(MigrateError):
    """The demo's software iPhones did not come up."""

    said: str
    exit_code = 1

    def what(self) -> str:
        return "The demo's software iPhones did not start."

    def why(self) -> str:
        return f"They said: {self.said or 'nothing'}"

    def next(self) -> str:
        return "Try them alone with: migrate softphone serve. If that fails too, report it: this is a bug of ours."


# --- backup: check, compose, links ---


@dataclass(eq=False)
class DiskFullHere(MigrateError):
    """This computer's disk filled up while a copy or a restore set was made from a saved backup."""

    folder: str
    system_said: str
    exit_code = 33

    def what(self) -> str:
        return f"There is no room left on this computer's disk for {self.folder}."

    def why(self) -> str:
        return (
            f"The system answered: {self.system_said}. What was begun there has been removed; the backup is unchanged."
        )

    def next(self) -> str:
        return f"Free some space on that disk, then {self.again}."


@dataclass(eq=False)
class StrangeFileInBackup(MigrateError):
    """A backup folder holds something that is neither a file nor a folder."""

    path: str
    exit_code = 30

    def what(self) -> str:
        return f"{self.path} does not belong into a backup."

    def why(self) -> str:
        return "It is a link or a device, and backups hold only files and folders; following it could lose other data."

    def next(self) -> str:
        return "Look what put it there and take it away, then check the backup with: migrate verify BACKUP"


@dataclass(eq=False)
class CannotCompose(MigrateError):
    """A saved backup cannot be made into a restore set that a phone would accept."""

    path: str
    reason: str
    exit_code = 30

    def what(self) -> str:
        return f"No restore set can be made from the backup {self.path}."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return f"See what else is wrong with it: migrate verify {self.path}"


# --- backup ---


@dataclass(eq=False)
class UnsafeName(MigrateError):
    """A phone or a backup named a place outside the folder it may touch. Theirs, never the person's."""

    name: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The name {self.name[:200]!r} was refused: nothing was read or written there."

    def why(self) -> str:
        return f"It {self.reason}; a healthy iPhone or backup never names such a place."

    def next(self) -> str:
        return "Check where the backup or the phone comes from; with a healthy one, please report this name to us."


@dataclass(eq=False)
class BackupNotFound(MigrateError):
    path: Path
    candidates: tuple[str, ...] = ()
    exit_code: ClassVar[int] = 2

    def what(self) -> str:
        return f"{self.path} is not one iPhone backup."

    def why(self) -> str:
        if self.candidates:
            return f"It holds {len(self.candidates)} backups: {', '.join(self.candidates[:8])}."
        return "Neither it nor a folder directly in it holds Manifest.db or Manifest.mbdb."

    def next(self) -> str:
        if self.candidates:
            return f"Name one of them, for instance: {self.path / self.candidates[0]}"
        return "Name the folder that holds Manifest.db, or the folder around exactly one such folder."


@dataclass(eq=False)
class BackupForbidden(MigrateError):
    """The system keeps us out of a folder: somebody else's, or on a Mac without Full Disk Access."""

    path: Path
    system_said: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return f"{self.path} may not be read."

    def why(self) -> str:
        return f"The system answered: {self.system_said}."

    def next(self) -> str:
        return (
            "Check whose folder it is; on a Mac, switch your terminal on in System Settings, Privacy & Security, "
            "Full Disk Access, and open it anew."
        )


@dataclass(eq=False)
class BackupUnreadable(MigrateError):
    path: Path
    part: str  # the file inside the backup: "Manifest.db"
    reason: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return f"The backup {self.path} cannot be read."

    def why(self) -> str:
        return f"{self.part}: {self.reason}."

    def next(self) -> str:
        return "Save the phone again with migrate save, or name another backup of it."


@dataclass(eq=False)
class KeybagUnreadable(MigrateError):
    reason: str
    exit_code: ClassVar[int] = 31

    def what(self) -> str:
        return "The backup's keybag cannot be read, so nothing in it can be decrypted."

    def why(self) -> str:
        return f"BackupKeyBag in Manifest.plist: {self.reason}."

    def next(self) -> str:
        return "Save the phone again with migrate save, or name another backup of it."


@dataclass(eq=False)
class BackupUnfinished(MigrateError):
    path: Path
    state: str  # Status.plist's SnapshotState: "uploading", "moving", "removing"; "" where there is none
    exit_code: ClassVar[int] = 34

    def what(self) -> str:
        return f"The backup {self.path} was never finished."

    def why(self) -> str:
        return f"Its Status.plist says {self.state!r}, not 'finished'." if self.state else "It has no finished state."

    def next(self) -> str:
        return "Connect the phone and run migrate save: it goes on where the backup stopped."


@dataclass(eq=False)
class PasswordMissing(MigrateError):
    path: Path
    exit_code: ClassVar[int] = 32

    def what(self) -> str:
        return f"The backup {self.path} is encrypted and no password was given."

    def why(self) -> str:
        return "Its Manifest.plist says IsEncrypted."

    def next(self) -> str:
        return "Give the backup password with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD."


@dataclass(eq=False)
class WrongPassword(MigrateError):
    backup: str = ""  # the folder, where it is known
    exit_code: ClassVar[int] = 32

    def what(self) -> str:
        return f"The password does not open {f'the backup {self.backup}' if self.backup else 'the backup'}."

    def why(self) -> str:
        return "No key of its keybag can be unwrapped with it."

    def next(self) -> str:
        return (
            "Try the password given when backups of this phone were first encrypted; it is not the passcode. "
            f"Then {self.again}"
        )


@dataclass(eq=False)
class BadRecord(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The manifest's row for {self.domain or '?'} {self.relative_path or self.file_id!r} is damaged."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return "Save the phone again with migrate save; until then this one file cannot move."


@dataclass(eq=False)
class BlobMissing(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The stored bytes of {self.domain} {self.relative_path} are not in the backup."

    def why(self) -> str:
        return f"The manifest lists {self.file_id}, and there is no such file in the folder."

    def next(self) -> str:
        return "Run migrate verify on the backup to see what else is missing, then migrate save to fetch it again."


@dataclass(eq=False)
class BlobUnreadable(MigrateError):
    file_id: str
    domain: str
    relative_path: str
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The stored bytes of {self.domain} {self.relative_path} cannot be read."

    def why(self) -> str:
        return f"{self.file_id}: {self.reason}."

    def next(self) -> str:
        return "Run migrate verify on the backup to see what else is damaged, then migrate save to fetch it again."


@dataclass(eq=False)
class KeyUnusable(MigrateError):
    """A wrapped key that the unlocked keybag does not open. `BlobUnreadable` carries it where the file is known."""

    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return "A key in the backup cannot be unwrapped."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return "Run migrate verify on the backup to see which files it touches."


@dataclass(eq=False)
class SealDamaged(MigrateError):
    path: Path
    reason: str
    exit_code: ClassVar[int] = 30

    def what(self) -> str:
        return f"The seal {self.path} cannot be read, so the backup it belongs to cannot be compared with it."

    def why(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."

    def next(self) -> str:
        return f"Delete {self.path} and run migrate save: it takes a new seal."


# --- backup: extract ---


@dataclass(eq=False)
class WouldOverwrite(MigrateError):
    """`migrate extract` into a folder that has some of the files already."""

    folder: str
    count: int
    first: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing was taken out: {self.folder} has {self.count:,} of the chosen files already."

    def why(self) -> str:
        return f"The first one is {self.first}, and what is there is never replaced."

    def next(self) -> str:
        return "Name a new or empty folder with --to DIR."


@dataclass(eq=False)
class ExtractIntoBackup(MigrateError):
    """`migrate extract` into the backup itself, or around it."""

    folder: str
    backup: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing was taken out: {self.folder} and the backup {self.backup} lie in one another."

    def why(self) -> str:
        return "A saved backup is never changed, and other programs would take its folder for damaged."

    def next(self) -> str:
        return "Name a folder elsewhere with --to DIR."


@dataclass(eq=False)
class NothingToExtract(MigrateError):
    """`migrate extract` of what the backup does not have."""

    backup: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing in the backup {self.backup} is what you asked for."

    def why(self) -> str:
        return "No file of it belongs to the categories and apps you named, or has a name like those you gave."

    def next(self) -> str:
        return "See what is in it: migrate show BACKUP"


@dataclass(eq=False)
class CannotExtractHere(MigrateError):
    """The folder that files are taken out into cannot be written, or its disk is full."""

    folder: str
    system_said: str
    exit_code = 33

    def what(self) -> str:
        return f"Files could not all be written to {self.folder}."

    def why(self) -> str:
        return f"The system answered: {self.system_said}. The files that are there are whole; the backup is unchanged."

    def next(self) -> str:
        return "Free some space on that disk, or name a new folder on another one with --to DIR."


@dataclass(eq=False)
class ExtractStopped(MigrateError):
    """Ctrl-C while files were taken out of a backup."""

    folder: str
    exit_code = 130

    def what(self) -> str:
        return f"Stopped while files were written to {self.folder}, because you asked."

    def why(self) -> str:
        return "The files that are there are whole; the one that was being written has been removed."

    def next(self) -> str:
        return "Delete that folder, or name another with --to DIR, and run the same command again."


# --- phone ---


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
        room = f"{bytes_text(self.free_bytes)} are free there"
        if self.needed_bytes:
            return f"{room}; the phone asks for {bytes_text(self.needed_bytes)} (copies and links counted in full)."
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


# --- categories ---


@dataclass(eq=False)
class UnknownCategory(MigrateError):
    word: str  # as the plan or the command line says it
    nearest: str  # the id that was probably meant
    exit_code: ClassVar[int] = 10

    def what(self) -> str:
        return f'There is no category "{self.word}".'

    def why(self) -> str:
        return f'The nearest one we know is "{self.nearest}".'

    def next(self) -> str:
        return f'Write "{self.nearest}" instead, or run migrate show on the backup to see every category in it.'


@dataclass(eq=False)
class UnknownApp(MigrateError):
    bundle: str  # as the plan or the command line says it
    nearest: str  # the bundle id that was probably meant; '' where the backup holds no app
    exit_code: ClassVar[int] = 11

    def what(self) -> str:
        return f'The backup holds no app "{self.bundle}".'

    def why(self) -> str:
        if not self.nearest:
            return "There is no app in it at all."
        return f'The nearest one in it is "{self.nearest}".'

    def next(self) -> str:
        if not self.nearest:
            return "Take the app out of the plan, or save the old phone again and look with migrate show."
        return f'Write "{self.nearest}" instead, or run migrate show on the backup to see every app in it.'


# --- plan ---


@dataclass(eq=False)
class PlanInvalid(MigrateError):
    """The plan cannot be used as it is written. Nothing was read from or changed on any phone."""

    file: str
    line: int  # 0: not known
    exit_code = 10

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}" if self.line > 0 else self.file

    def what(self) -> str:
        return f"{self.place}: this cannot be used as a plan."

    def why(self) -> str:
        return "Every line of a plan is checked before anything begins, because a plan decides what happens to a phone."

    def next(self) -> str:
        return "Compare it with a sample in plans/, or with what is allowed: migrate plan schema"


@dataclass(eq=False)
class PlanMissing(PlanInvalid):
    """There is no such plan file, or it cannot be read."""

    reason: str

    def what(self) -> str:
        return f"{self.file} cannot be read as a plan."

    def why(self) -> str:
        return f"The file could not be opened: {self.reason}."

    def next(self) -> str:
        return "Check the name and the folder; the samples are in plans/, for example plans/photos-and-messages.toml"


@dataclass(eq=False)
class PlanNotToml(PlanInvalid):
    """The file is not TOML."""

    reason: str

    def what(self) -> str:
        return f"{self.place}: this is not TOML, the notation plans are written in."

    def why(self) -> str:
        return f"Reading it stopped with: {self.reason}."

    def next(self) -> str:
        return "Look at that line: a missing quotation mark or bracket is the usual reason. Samples are in plans/."


@dataclass(eq=False)
class PlanTooNew(PlanInvalid):
    """The plan was written for a later version of migrate."""

    version: str

    def what(self) -> str:
        return f"{self.place}: this plan has version {self.version}."

    def why(self) -> str:
        return "This migrate understands version 1, and does not guess what another one means."

    def next(self) -> str:
        return "Update migrate, or write version = 1 if the plan was written for this one."


@dataclass(eq=False)
class PlanKeyMissing(PlanInvalid):
    """A key every plan needs is not there."""

    key: str
    table: str
    example: str

    def what(self) -> str:
        where = f"[{self.table}]" if self.table else "the top of the plan"
        return f"{self.file}: `{self.key}` is missing in {where}."

    def why(self) -> str:
        return "Every plan says at least its version, what the new phone is, and which categories move."

    def next(self) -> str:
        return f"Add this line: {self.example}" if not self.table else f"Add under [{self.table}]: {self.example}"


@dataclass(eq=False)
class PlanKeyUnknown(PlanInvalid):
    """A plan has no such key. It is never ignored: it may be a misspelt wish."""

    key: str
    table: str
    nearest: str
    known: tuple[str, ...]

    def what(self) -> str:
        where = f"[{self.table}]" if self.table else "the top of a plan"
        return f"{self.place}: there is no `{self.key}` in {where}."

    def why(self) -> str:
        return f"What can stand there: {', '.join(self.known)}."

    def next(self) -> str:
        return f"Write `{self.nearest}` if that is what you meant (it is the nearest), or take the line out."


@dataclass(eq=False)
class PlanCategoryUnknown(PlanInvalid):
    """A plan names a category that does not exist."""

    word: str
    key: str
    nearest: str
    known: tuple[str, ...]

    def what(self) -> str:
        return f"{self.place}: there is no category `{self.word}` (in `{self.key}`)."

    def why(self) -> str:
        return f"Categories are: everything, {', '.join(self.known)}. Apps are named in `apps`, by bundle id."

    def next(self) -> str:
        return f'Write "{self.nearest}" if that is what you meant (it is the nearest), or take it out.'


@dataclass(eq=False)
class PlanValueWrong(PlanInvalid):
    """A value of a wrong kind."""

    key: str
    found: str
    wanted: str
    nearest: str

    def what(self) -> str:
        return f"{self.place}: `{self.key}` cannot be {self.found}."

    def why(self) -> str:
        return f"It takes {self.wanted}."

    def next(self) -> str:
        if self.nearest:
            return f"Write `{self.nearest}` if that is what you meant."
        return f"Change it to {self.wanted}."


@dataclass(eq=False)
class PlanMovesNothing(PlanInvalid):
    """The plan chooses no category and no app."""

    def what(self) -> str:
        return f"{self.place}: this plan moves nothing."

    def why(self) -> str:
        return "It chooses no category and no app, or leaves out again all that it chooses."

    def next(self) -> str:
        return 'Choose something under [move], for example: categories = ["photos", "messages"]'


@dataclass(eq=False)
class EverythingOntoPhoneInUse(PlanInvalid):
    """`everything` was chosen for a phone that is in use."""

    def what(self) -> str:
        return f"{self.place}: everything cannot be put on a phone that is in use."

    def why(self) -> str:
        return "Each category replaces its counterpart, so nothing of what is on that phone would be left."

    def next(self) -> str:
        return 'Choose categories by name; or erase the new phone and write is = "erased".'


@dataclass(eq=False)
class PasswordsOntoPhoneInUse(PlanInvalid):
    """`passwords` was chosen for a phone that is in use."""

    def what(self) -> str:
        return f"{self.place}: saved passwords cannot be put on a phone that is in use."

    def why(self) -> str:
        return "They are one sealed file that can only be exchanged as a whole, with the phone's own keys in it."

    def next(self) -> str:
        return 'Take "passwords" out; or erase the new phone and write is = "erased".'


@dataclass(eq=False)
class WipeOfPhoneInUse(PlanInvalid):
    """`wipe = true` beside `is = "in-use"`."""

    def what(self) -> str:
        return f'{self.place}: wipe = true and is = "in-use" contradict each other.'

    def why(self) -> str:
        return 'in-use means that what is on the phone stays; wipe means that it may be emptied, for is = "erased".'

    def next(self) -> str:
        return 'Take `wipe` out to keep what is on the phone, or write is = "erased" to empty it.'


@dataclass(eq=False)
class TwoOldPhones(PlanInvalid):
    """`udid` and `backup` are both given for the old phone."""

    def what(self) -> str:
        return f"{self.place}: [old_phone] has both `udid` and `backup`."

    def why(self) -> str:
        return "The data comes either from the phone itself or from a backup that is already there."

    def next(self) -> str:
        return "Keep one of the two and take the other out."


@dataclass(eq=False)
class FreshFromFolder(PlanInvalid):
    """`begin = "fresh"` beside a backup folder."""

    def what(self) -> str:
        return f'{self.place}: begin = "fresh" and `backup` in [old_phone] contradict each other.'

    def why(self) -> str:
        return "A backup that is already there is used as it is; only a connected phone can be saved anew."

    def next(self) -> str:
        return "Take `begin` out to use the backup, or take `backup` out to save the phone."


@dataclass(eq=False)
class NotBuiltYet(PlanInvalid):
    """A plan asks for something this version of migrate cannot do yet."""

    wish: str
    feature: str
    instead: str

    def what(self) -> str:
        return f"{self.place}: `{self.wish}` asks for {self.feature}, which this version does not have yet."

    def why(self) -> str:
        return "A wish in a plan is either done or refused; it is never passed over in silence."

    def next(self) -> str:
        return f"Write `{self.instead}`, or wait for a version that has it."


@dataclass(eq=False)
class SamePhoneTwice(MigrateError):
    """The old and the new phone are one and the same."""

    name: str
    exit_code = 11

    def what(self) -> str:
        return f"{self.name} is both the old and the new phone."

    def why(self) -> str:
        return "Both have the same UDID, and a phone cannot be moved to itself."

    def next(self) -> str:
        return "Name the two phones: --old UDID --new UDID (migrate phones lists them)"


@dataclass(eq=False)
class PlanMismatch(MigrateError):
    """The plan was written for another phone than the one that is here."""

    role: str
    name: str
    udid: str
    wanted_udid: str
    exit_code = 11

    def what(self) -> str:
        return f"{self.name} ({self.udid}) is not the {self.role} phone this plan was written for."

    def why(self) -> str:
        return f'The plan says udid = "{self.wanted_udid}" under [{self.role}_phone].'

    def next(self) -> str:
        return f"Connect that phone, or name this one for this run: --{self.role} {self.udid}"


@dataclass(eq=False)
class PhoneInUse(MigrateError):
    """A plan calls the new phone erased, and it is not. It would be emptied."""

    name: str
    signs: tuple[str, ...]
    exit_code = 11

    def what(self) -> str:
        return f"{self.name} is not erased: it is in use, and this plan would empty it."

    def why(self) -> str:
        return f"What shows it: {', '.join(self.signs) or 'its setup is finished'}."

    def next(self) -> str:
        return (
            "Connect the right phone; or erase this one in Settings; or write wipe = true under [new_phone] "
            "if all that is on it may go."
        )


@dataclass(eq=False)
class EncryptionNeeded(MigrateError):
    """A chosen category exists only in encrypted backups, and this backup is not encrypted."""

    titles: tuple[str, ...]
    exit_code = 11

    def what(self) -> str:
        return f"These cannot be moved without an encrypted backup: {', '.join(self.titles)}."

    def why(self) -> str:
        return "An iPhone puts them only into encrypted backups, and the one of the old phone is not."

    def next(self) -> str:
        return "Write encrypted = true under [backup] and give a password, or take these categories out."


@dataclass(eq=False)
class StrategyRefused(MigrateError):
    """Putting chosen categories on a phone in use is not known to be safe on its iOS version."""

    name: str
    ios_version: str
    known: str  # "erases": known to delete what is not sent; anything else: not known
    exit_code = 40

    def what(self) -> str:
        return f"Chosen categories cannot be put on {self.name} while it is in use: it runs iOS {self.ios_version}."

    def why(self) -> str:
        if self.known == "erases":
            return (
                "From iOS 27 on, a partial restore deletes settings, messages and photos that were not sent; "
                "the way round that (graft) is not built yet."
            )
        return "Nobody has shown that this iOS version keeps what a partial restore does not mention."

    def next(self) -> str:
        return 'Erase the new phone and write is = "erased", or leave it as it is until a later version of migrate.'


@dataclass(eq=False)
class BackupNewerThanPhone(MigrateError):
    """The old phone's iOS is newer than the new phone's."""

    name: str
    ios_version: str
    backup_ios_version: str
    exit_code = 40

    def what(self) -> str:
        return f"{self.name} runs iOS {self.ios_version}, and the backup is from iOS {self.backup_ios_version}."

    def why(self) -> str:
        return "An iPhone takes backups only from its own or an older iOS."

    def next(self) -> str:
        return f"Update {self.name} to iOS {self.backup_ios_version} or later, then {self.again}."


@dataclass(eq=False)
class UdidInvalid(MigrateError):
    """Something else was given where a phone's UDID belongs."""

    word: str
    exit_code = 2

    def what(self) -> str:
        return f"`{self.word}` is not a phone's UDID."

    def why(self) -> str:
        return "A UDID has letters, digits and dashes only, 25 or 40 of them on a real phone."

    def next(self) -> str:
        return "Look it up with: migrate phones"


@dataclass(eq=False)
class TooLittleSpaceHere(MigrateError):
    """This computer's disk is too full before anything has begun."""

    folder: str
    free_bytes: int
    needed_bytes: int
    exit_code = 33

    def what(self) -> str:
        return (
            f"The disk that holds {self.folder} has {bytes_text(self.free_bytes)} free, "
            f"and at least {bytes_text(self.needed_bytes)} are needed."
        )

    def why(self) -> str:
        return "A backup that runs out of room half-way is of no use, so it is not begun."

    def next(self) -> str:
        return "Free some space there, or use another disk: --home DIR"


@dataclass(eq=False)
class NewPhoneTooFull(MigrateError):
    """What was chosen does not fit on the new phone."""

    name: str
    free_bytes: int
    needed_bytes: int
    exit_code = 41

    def what(self) -> str:
        return (
            f"{self.name} has {bytes_text(self.free_bytes)} free, "
            f"and what was chosen takes {bytes_text(self.needed_bytes)}."
        )

    def why(self) -> str:
        return "The phone lays everything beside what it holds before it puts anything in place."

    def next(self) -> str:
        return f"Delete something on {self.name}, or let less move."


# --- talk ---


@dataclass(eq=False)
class UsageWrong(MigrateError):
    """A command line that cannot be understood."""

    said: str
    command: str
    exit_code = 2

    def what(self) -> str:
        return self.said

    def why(self) -> str:
        return "The command line could not be understood, so nothing was begun."

    def next(self) -> str:
        return f"Look at: {self.command} --help"


@dataclass(eq=False)
class NoTerminal(MigrateError):
    """The conversation was to begin where nobody can be asked."""

    exit_code = 2

    def what(self) -> str:
        return "migrate without a command is a conversation, and this is no terminal."

    def why(self) -> str:
        return "Its input or its error output is a pipe or a file, so nobody can be asked."

    def next(self) -> str:
        return "Write a plan (there are samples in plans/), then run: migrate run PLAN --old UDID --new UDID --yes"


@dataclass(eq=False)
class ConversationStopped(MigrateError):
    """Ctrl-C in the conversation, after something had been answered."""

    command: str
    exit_code = 50

    def what(self) -> str:
        return "Stopped, because you asked. Nothing was moved yet."

    def why(self) -> str:
        return "Your answers are kept (no password is), and what was saved of a phone is kept too."

    def next(self) -> str:
        return f"Go on where you stopped with: {self.command}"


@dataclass(eq=False)
class DemoStopped(MigrateError):
    """Ctrl-C in a demo: its phones end with it, so there is nothing to go on with."""

    command: str
    exit_code = 130

    def what(self) -> str:
        return "The demo was stopped, because you asked."

    def why(self) -> str:
        return "Its two software iPhones are gone with it. No real phone was touched."

    def next(self) -> str:
        return f"Begin again with: {self.command}"


@dataclass(eq=False)
class PlanExists(MigrateError):
    """`migrate plan new` was to write over a file."""

    path: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.path} exists already."

    def why(self) -> str:
        return "A plan is somebody's word, so none is ever written over."

    def next(self) -> str:
        return "Name another file: migrate plan new FILE"


@dataclass(eq=False)
class Bug(MigrateError):
    """Something we did not think of. The details are in a file, not on the screen."""

    kind: str
    report: str
    exit_code = 1

    def what(self) -> str:
        return "Sorry: migrate made a mistake of its own and has stopped."

    def why(self) -> str:
        return f"It ran into {self.kind}, which it should have foreseen. Saved backups are not harmed by it."

    def next(self) -> str:
        return f"Look at this file and report it, please (it holds no password): {self.report or '(not written)'}"


@dataclass(eq=False)
class HomeUnusable(MigrateError):
    """The home folder cannot be made or written to."""

    folder: str
    reason: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.folder} cannot be used to keep backups in."

    def why(self) -> str:
        return f"The system answered: {self.reason}."

    def next(self) -> str:
        return "Name a folder of your own: --home DIR"


@dataclass(eq=False)
class WhichPhoneToSave(MigrateError):
    """`migrate save` without a UDID, and several phones are there."""

    seen: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return "Several phones are connected, and it is not clear which one to save."

    def why(self) -> str:
        return f"These are here: {', '.join(self.seen)}."

    def next(self) -> str:
        return "Name one: migrate save UDID"


@dataclass(eq=False)
class SaveInterrupted(MigrateError):
    """Ctrl-C while a phone was being saved."""

    phone: str
    udid: str
    exit_code = 50

    def what(self) -> str:
        return f"Stopped while {self.phone} was being saved, because you asked."

    def why(self) -> str:
        return "What was received is kept; the same command goes on there."

    def next(self) -> str:
        return f"Go on with: migrate save {self.udid}"


@dataclass(eq=False)
class PasswordFileUnusable(MigrateError):
    """--password-file or --new-password-file names nothing that holds a password."""

    file: str
    reason: str
    exit_code = 32

    def what(self) -> str:
        named = "Standard input" if self.file == "-" else self.file
        return f"{named} cannot be used as a password."

    def why(self) -> str:
        return f"Reading its first line failed: {self.reason}."

    def next(self) -> str:
        return "Put the password on the first line of a file of your own and name it: --password-file FILE"


@dataclass(eq=False)
class TwoPasswordsFromInput(MigrateError):
    """Both passwords were to be read from standard input."""

    exit_code = 2

    def what(self) -> str:
        return "Only one of the two passwords can come from standard input."

    def why(self) -> str:
        return "--password-file and --new-password-file are both `-`, and there is only one input."

    def next(self) -> str:
        return "Put one of them into a file, or into MIGRATE_NEW_BACKUP_PASSWORD."


@dataclass(eq=False)
class NothingToExplain(MigrateError):
    """`migrate explain` was asked about something it does not know."""

    asked: str
    nearest: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing is known about: {self.asked}"

    def why(self) -> str:
        return "It is no error of ours, no exit code, and no number or text we have seen a phone answer."

    def next(self) -> str:
        return f"Try the nearest one: migrate explain {self.nearest}"


@dataclass(eq=False)
class CannotListen(MigrateError):
    """The software iPhone could not open its socket."""

    address: str
    reason: str
    exit_code = 2

    def what(self) -> str:
        return f"The software iPhone cannot listen on {self.address}."

    def why(self) -> str:
        return f"The system answered: {self.reason}."

    def next(self) -> str:
        return "Choose another one, or leave it out: --listen 127.0.0.1:0 takes any free port."


# --- softphone ---


@dataclass(eq=False)
class PhoneFileInvalid(MigrateError):
    """A file that describes a software iPhone cannot be used."""

    path: Path
    problem: str

    exit_code = 2

    def what(self) -> str:
        return f"{self.path} does not describe a software iPhone."

    def why(self) -> str:
        return f"{self.problem}."

    def next(self) -> str:
        return f"Correct {self.path}, then {self.again}."
