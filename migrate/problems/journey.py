"""Problems of a run as a whole: waiting, stopping, resuming, the home folder, `check`. Proof and rehearsal are in
`proof.py`."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, Problem, RecordProblem, by_count, when


class WaitedTooLong(MigrateError):
    """Something had to be done on a phone, and `--wait` ran out first."""

    waited_s: int
    not_ready: MigrateError
    exit_code = 50
    what = by_count(
        "waited_s",
        "The phone was not ready after one second of waiting. {not_ready.what}",
        "The phone was not ready after {waited_s} seconds of waiting. {not_ready.what}",
    )
    why = "--wait sets how long a move waits for you. Nothing is lost."
    why_in_wizard = "The wizard does not wait longer for one thing. Nothing is lost."
    next = "{not_ready.next}"


class Interrupted(MigrateError):
    """Ctrl-C, after something had begun."""

    run: str
    during: str  # the step, or what else was going on
    exit_code = 50
    resume = Command("resume", "{run}")
    what = "You stopped the run before it was finished."
    why = "Everything that was finished is kept. The interrupted step continues where it stopped, or starts again."
    next = "Continue with: {resume}"


class StoppedBeforeBeginning(MigrateError):
    """Ctrl-C, before anything had begun."""

    exit_code = 130
    what = "You stopped migrate before anything began."
    why = "This command changed no phone and backed nothing up."
    next = "Run the same command again whenever you like."


class StoppedBeforeResuming(MigrateError):
    """Ctrl-C during `migrate resume`, before the run went on."""

    run: str  # "" when it was not named and not yet looked for
    exit_code = 50
    resume = Command("resume", "{run}")
    resume_only = Command("resume")
    what = "You stopped migrate before it continued the run."
    why = "The run is as it was: what was finished before is kept."
    next = when("run", "Continue with: {resume}", otherwise="Continue with: {resume_only}")


class NotAgreed(MigrateError):
    """The last confirmation was answered with no."""

    run: str
    exit_code = 50
    resume = Command("resume", "{run}")
    what = "The new iPhone was not changed, because you answered no to the last question."
    why = "Nothing is sent to a phone without your agreement."
    next = "Continue, and agree, with: {resume}"
    next_in_wizard = "Choose what to do now. To agree after all, {again}"


class RestoreInDoubt(MigrateError):
    """The process died while it sent the set, and nothing shows whether the phone took it."""

    phone: str
    run: str
    exit_code = 50
    resume = Command("resume", "{run}")
    what = "migrate does not know whether {phone} was restored, so it sends nothing to it again."
    why = (
        "migrate was stopped while it sent the data, and nothing that it can read decides whether the phone took it. "
        "If it did and was used since, sending the data again would overwrite what is new on it."
    )
    next = (
        "Look at {phone}: whether it says Hello or Restore Completed, or has the data on it. Then continue in a "
        "terminal and without --yes, and answer the question about it: {resume}"
    )
    next_in_wizard = (
        "Look at {phone}: whether it says Hello or Restore Completed, or has the data on it. Then answer the question "
        "about it: {again}"
    )


class ResendWouldLose(MigrateError):
    """The phone did not take the set, and has something since that sending it again would delete."""

    run: str
    phone: str
    titles: tuple[str, ...]
    exit_code = 11
    resume = Command("resume", "{run}", "--lose-what-came-after")
    what = "Sending the data again would delete what is new on {phone}: {titles:; }."
    why = (
        "The phone did not take the first try. This is neither in the data to send nor in the backup that was made of "
        "the phone before, if there is one. Nothing was changed."
    )
    next = (
        "Keep the phone as it is. To send the data anyway (the phone is backed up first, and that backup is kept on "
        "this computer), run: {resume}"
    )


class WordMissing(MigrateError):
    """The last confirmation is needed, and there is no terminal to ask on."""

    run: str
    exit_code = 2
    resume = Command("resume", "{run}", "--yes")
    what = "This needs your confirmation, and there is no terminal to ask you on."
    why = "The next step changes the new iPhone, so you have to agree to it first."
    next = "Run this to confirm: {resume}"


class WhichPhone(MigrateError):
    """Several phones could be meant."""

    role: str
    seen: tuple[str, ...]
    exit_code = 2
    what = "It is not clear which iPhone is the {role} one."
    why = when(
        "seen",
        "The plan does not say. Connected: {seen}.",
        otherwise="The plan does not say, and no iPhone is connected.",
    )
    next = "Name it with --{role} UDID. To list the phones: {list_phones}"
    next_in_wizard = "Unplug every iPhone but the old and the new one. Then {again}"


class OtherPhone(MigrateError):
    role: str
    name: str
    udid: str
    expected_udid: str
    exit_code = 11
    resume = Command("resume")
    what = "{name} ({udid}) is not the {role} phone of this move."
    why = "This move began with {expected_udid} as the {role} phone."
    next = (
        "Connect that phone and run {resume} again. To move between other phones, start a new move instead: {run_plan}"
    )
    next_in_wizard = "Connect the phone with which this move began. Then {again}"


class OtherPlan(MigrateError):
    run: str
    exit_code = 11
    what = "The plan of {run} was changed after the run began."
    why = "Continuing with another plan could lose data, so nothing was done."
    next = "Restore the run's plan.toml as it was, or start a new move: {run_plan}"
    next_in_wizard = "Restore the run's plan.toml as it was. Then {again}"


class RunNotFound(MigrateError):
    run: str
    known: tuple[str, ...]
    exit_code = 2
    what = "There is no run {run}."
    why = when("known", "Known runs: {known}.", otherwise="There are no runs yet.")
    next = "List them with: {list_runs}"


class WhichRun(MigrateError):
    """`resume` without a name, and not exactly one unfinished run."""

    unfinished: tuple[str, ...]
    exit_code = 2
    resume = Command("resume", "{unfinished[0]}")
    what = when("unfinished", "Several runs are unfinished.", otherwise="No run is unfinished.")
    why = when(
        "unfinished",
        "Unfinished runs: {unfinished}.",
        otherwise="Every run is finished, so there is nothing to resume.",
    )
    next = when("unfinished", "Name one: {resume}", otherwise="Start a new one: {run_plan}")


class RunBusy(MigrateError):
    run: str
    exit_code = 3
    what = "{run} is already running in another window."
    why = "Another process is working on it."
    next = "Wait until it is finished, or stop it there with Ctrl-C. Then run the same command again."
    next_in_wizard = "Wait until it is finished, or stop it there with Ctrl-C. Then {again}"


class BackupBusy(MigrateError):
    """Another process of ours works in a phone's working backup."""

    phone: str
    exit_code = 3
    what = "The backup of {phone} is already in use in another window."
    why = "Another run or migrate backup is working on it, and two at once would damage it."
    next = "Wait until it is finished, or stop it there with Ctrl-C. Then {again}"


class NothingBackedUp(MigrateError):
    """`begin = "as-is"`, and there is no backup to use."""

    udid: str  # "" when any phone's would do
    home: str
    exit_code = 11
    what = when(
        "udid", "There is no backup of the iPhone {udid} here.", otherwise="There is no backup of an iPhone here."
    )
    why = 'The plan says begin = "as-is", which uses an existing backup, and {home} has none.'
    next = 'Write begin = "incremental" under [backup] in the plan, or back up the phone first: {back_up_phone}'


class WhichBackup(MigrateError):
    """`begin = "as-is"` without the old phone's name, and there are backups of several phones."""

    seen: tuple[str, ...]
    exit_code = 2
    what = "It is not clear which backup is the old phone's."
    why = "The plan does not say, and there are backups of these phones: {seen}."
    next = "Name the old phone: --old UDID"


class RunIsOver(MigrateError):
    run: str
    outcome: str
    exit_code = 2
    show = Command("runs", "show", "{run}")
    what = "{run} is already finished: {outcome}."
    why = "It has no steps left to resume."
    next = "Look at it with: {show}"


class JournalDamaged(MigrateError):
    path: str
    line: int
    reason: str
    exit_code = 30
    what = "The record of this run is damaged, so it cannot be resumed."
    why = "{path}, line {line}: {reason}. Guessing what was done could do it twice. Backups are not affected."
    next = "Start a new move, which uses the existing backups: {run_plan}"
    next_in_wizard = "Start a new move, which uses the existing backups: {change_answer}"


class JournalTooNew(MigrateError):
    path: str
    version: int
    known_version: int
    exit_code = 10
    resume = Command("resume")
    what = "This run was written by a newer version of migrate."
    why = "{path} has format {version}, and this version reads up to format {known_version}."
    next = "Update migrate, then run: {resume}"
    next_in_wizard = "Update migrate, and start it again. Your move is offered on its first page."


class JournalTooOld(MigrateError):
    """An unfinished run in an older journal format, whose steps cannot be continued."""

    run: str
    exit_code = 2
    what = "{run} was started by an older version of migrate and cannot be resumed."
    why = "This version records the steps of a run differently. The backups and the receipt of {run} are kept."
    next = "Use the commands receipt, prove and undo on it as before, or start a new run: {run_plan}"


class RunHasOtherPlan(MigrateError):
    """`--id` names a run of another plan."""

    run: str
    exit_code = 11
    resume = Command("resume", "{run}")
    what = "A run named {run} already exists, and it has another plan."
    why = "A run keeps the plan and the phones that it began with."
    next = "Choose another name with --id, or continue that run: {resume}"


class BackupDamaged(MigrateError):
    """`verify` found errors in a backup the move would have used."""

    path: str
    first: str
    count: int
    exit_code = 30
    repair = Command("repair", "{path}")
    what = "The backup is damaged: {first}"
    why = by_count(
        "count", "This is the only problem found in {path}.", "{count:,} such problems were found in {path}."
    )
    next = (
        "Repair it with {repair} while its phone is connected, or with --without-phone if you no longer have that "
        "phone. Then {again}"
    )


class RestoreSetDamaged(MigrateError):
    """What was composed is no longer whole: the disk under it lost something before it could be sent."""

    path: str
    first: str
    count: int
    exit_code = 30
    what = "The data prepared for the new iPhone is damaged, so it was not sent: {first}"
    why = by_count(
        "count",
        "It was complete when it was prepared. Now there is one problem in {path}.",
        "It was complete when it was prepared. Now there are {count:,} problems in {path}.",
    )
    next = "Check this computer's disk. Then start a new run: {run_plan}"
    next_in_wizard = "Check this computer's disk. To begin this move again, choose: {change_answer}"


class ChosenFilesUnreadable(MigrateError):
    """The old phone could not read files that lie in a chosen category."""

    count: int
    first: str
    categories: tuple[str, ...]
    exit_code = 35
    what = by_count(
        "count",
        "The old phone could not read one of the chosen files: {first}.",
        "The old phone could not read {count:,} of the chosen files, among them {first}.",
    )
    why = "The phone reported a read error twice. The files belong to: {categories}."
    next = (
        "Write accept_unreadable = true under [safety] in the plan to move without these files, and start a new run. "
        "To try to read them once more, restart the old phone and {again}"
    )
    next_in_wizard = "Restart the old phone, then {again}. To move without these files, choose: {change_answer}"


class ChosenFilesDamaged(MigrateError):
    """Chosen files did not arrive as the old phone described them, though it was asked twice."""

    count: int
    first: str
    categories: tuple[str, ...]
    exit_code = 35
    what = by_count(
        "count",
        "One of the chosen files was damaged on its way from the old phone: {first}.",
        "{count:,} of the chosen files were damaged on their way from the old phone, among them {first}.",
    )
    why = (
        "The phone was asked for it twice, and what arrived was never what it had announced. The files belong to: "
        "{categories}."
    )
    next = (
        "Use another cable and another USB port. (To move without them, write accept_unreadable = true under [safety] "
        "in the plan, and start a new run.) To fetch them again, {again}"
    )
    next_in_wizard = (
        "Use another cable and another USB port. (To move without them, choose: {change_answer}.) To fetch them again, "
        "{again}"
    )


class WouldReplace(MigrateError):
    """Something on the new phone would be replaced without the plan saying so."""

    titles: tuple[str, ...]
    ids: tuple[str, ...]
    exit_code = 11
    what = "The new iPhone already has: {titles:; }."
    why = "Moving these categories would replace what is there, and the plan does not allow that."
    next = (
        "Leave them out, or allow it with may_replace = [{listed}] under [move] in the plan. Then start "
        "again (existing "
        "backups are used): {run_plan}"
    )
    next_in_wizard = "Leave them out, or allow it. For either, choose: {change_answer}"

    @property
    def listed(self) -> tuple[str, ...]:
        return tuple(f'"{category}"' for category in self.ids)


class NothingChosen(MigrateError):
    chosen: tuple[str, ...]
    exit_code = 11
    what = when(
        "chosen",
        "The old phone's backup contains nothing that the plan chose: {chosen}.",
        otherwise="The plan chose no category.",
    )
    why = "It has no files in these categories."
    next = "See what it has: {show_backup}"
    next_in_wizard = "Choose something else: {change_answer}"


class PhonePasswordMissing(MigrateError):
    """A phone encrypts its backups, or shall, and the password is not known."""

    phone: str
    role: str
    exit_code = 32
    what = "The backup password of {phone} is missing."
    why = "Its backups are encrypted, or the plan turns encryption on. Both need the password."
    next = when(
        "is_new",
        "Give it with --new-password-file FILE, or in MIGRATE_NEW_BACKUP_PASSWORD. Then {again}",
        otherwise="Give it with --password-file FILE, or in MIGRATE_BACKUP_PASSWORD. Then {again}",
    )
    next_in_wizard = "Enter it when you are asked for it: {again}"

    @property
    def is_new(self) -> bool:
        return self.role == "new"


class OtherPasswordThanBefore(MigrateError):
    """The password given for a phone does not open its earlier backup, so it is probably mistyped."""

    phone: str
    path: str
    exit_code = 32
    what = "This password does not open the earlier backup of {phone}."
    why = (
        "A new backup adds to the one in {path}. With a wrong password it could not be read after hours of copying, so "
        "it was not started."
    )
    next = (
        'Give the password that {phone} uses for its backups. If you have changed it since, write begin = "fresh" '
        "under [backup] in the plan. Then {again}"
    )
    next_in_wizard = "Enter the password that {phone} uses for its backups: {again}"


class AppsNotInstalled(MigrateError):
    """Chosen apps that have to be installed on the new phone first."""

    phone: str
    titles: tuple[str, ...]
    exit_code = 24
    what = "Not installed on {phone}: {titles}."
    why = "An iPhone in use accepts an app's data only when the app is installed."
    next = "Install them on {phone} from the App Store, or remove them from the plan. Then {again}"
    next_in_wizard = (
        "Install them on {phone} from the App Store, then {again}. To move without them, choose: {change_answer}"
    )


class PhoneNotErased(MigrateError):
    """The person agreed to erase the new phone, and it is still in use."""

    name: str
    exit_code = 24
    what = "{name} is not erased yet."
    why = "What is restored to it does not fit beside what is on it. Its own data is in its backup."
    next = "Erase it in Settings, General, Transfer or Reset, Erase All Content and Settings. Then {again}"


class AccountMissing(Problem):
    """Some of what is sent belongs to an account that the new phone lacks."""

    phone: str
    which: str
    severity = "warning"
    what = "{phone} does not have the account of some of what moves: {which}."
    why = "An iPhone removes what belongs to an account that it does not have."
    next = "Add that account on {phone} in Settings after the move, or before it and then begin again."


class OwnBackupStale(Problem):
    """The new phone changed after it was backed up, so its backup is taken and composed again."""

    phone: str
    reason: str
    severity = "warning"
    what = "{phone} is no longer what its backup says: {reason}. It is backed up again."
    why = "It gets its own backup back, so what came onto it since would be lost."
    next = "Leave it in airplane mode, and do not use it until the restore has begun."


class NoReceipt(MigrateError):
    run: str
    exit_code = 2
    resume = Command("resume", "{run}")
    what = "{run} has no receipt yet."
    why = "A receipt is written at the end of a run."
    next = "Continue with: {resume}"


class NothingToUndo(MigrateError):
    """`undo`, and there is nothing that could be put back."""

    run: str
    reason: str  # a whole sentence
    exit_code = 2
    what = "{run} cannot be undone."
    why = "{reason}"
    next = "Look for another backup of that phone: {list_backups}"


class UndoWouldLose(MigrateError):
    """Something came onto the new phone after the run, and would be lost with an undo."""

    run: str
    phone: str
    titles: tuple[str, ...]
    exit_code = 11
    undo = Command("undo", "{run}", "--lose-what-came-after")
    what = "Undoing would delete what is new on {phone}: {titles:; }."
    why = "It was added after the move and is not in the backup that would be restored. Nothing was changed."
    next = "Keep the phone as it is. To undo anyway (a backup of the new data is kept on this computer), run: {undo}"


class UndoNeedsRun(MigrateError):
    """`runs rm` of a run that an undo still needs."""

    run: str
    losses: tuple[str, ...]
    exit_code = 2
    delete = Command("runs", "rm", "{run}", "--lose-undo")
    what = "{run} was not deleted, because an undo may still need it."
    why = "Without it this is lost for good: {losses:; }."
    next = "Keep it as long as you may want to undo. To delete it all the same: {delete}"


# -- noticed in a run --------------------------------------------------------------------------------------------------


class JournalTorn(Problem):
    severity = "info"
    what = "The last line of this run's journal is incomplete."
    why = "The computer or migrate stopped while writing it. That line is not needed."
    next = "Do nothing: the step it belongs to is checked again."


class LeftOut(RecordProblem):
    """A record that cannot be put into a restore set."""

    reason: str
    categories: tuple[str, ...]
    severity = "warning"
    what = when("relative_path", "{relative_path} is not moved.", otherwise="{domain} is not moved.")
    why = "It cannot be sent: {reason}."
    next = "Look for it on the old phone before you erase that phone."


class LeftBehindUnreadable(RecordProblem):
    categories: tuple[str, ...]
    in_transit: bool  # damaged on its way, and not unreadable on the phone
    severity = "warning"
    what = when(
        "in_transit",
        "{relative_path} is not moved: it was damaged on its way from the old phone.",
        otherwise="{relative_path} is not moved: the old phone could not read it.",
    )
    why = when(
        "in_transit",
        "It was asked for twice, and the plan accepts that (accept_unreadable).",
        otherwise="The phone reported a read error twice, and the plan accepts that (accept_unreadable).",
    )
    next = "Look for it on the old phone."


class AppNotInstalled(Problem):
    phone: str
    title: str
    severity = "warning"
    what = "{title} is not installed on {phone}."
    why = "An iPhone in use accepts an app's data only when the app is installed."
    next = "Install {title} on {phone} from the App Store. The move continues as soon as it is there."


class BackupEncryptionTurnedOn(Problem):
    phone: str | None
    severity = "info"
    what = "{phone} now encrypts its backups with the password you gave."
    why = "The plan asks for encrypted backups. Only they include Health data, Wi-Fi networks and passwords."
    next = "Keep that password. It stays on the phone until you change it there or with Finder or iTunes."


# -- the place of the home folder -------------------------------------------------------------------------------------


class HomeInCloud(Problem):
    home: str
    service: str
    severity = "warning"
    what = "Your backups lie in a folder that is synchronised with {service}."
    why = (
        "{home} is uploaded file by file while migrate writes there. That is slow, may exceed your storage, and copies"
        " everything on your iPhone to that service."
    )
    next = "Name a folder that is not synchronised, on this computer or on an external disk: --home DIR"


class HomeOnNetwork(Problem):
    home: str
    kind: str  # nfs, smbfs
    severity = "warning"
    what = "Your backups lie on another computer ({kind})."
    why = "A move reads and writes every file several times, and stops if the network does. {home} is a network drive."
    next = "Use a folder on this computer or on an external disk if you can: --home DIR"


class HomeWithoutPermissions(Problem):
    home: str
    severity = "warning"
    what = "Other users of this computer can read your backups."
    why = "The disk of {home} cannot keep files private. Disks that are formatted as exFAT or FAT cannot."
    next = "Use encrypted backups, or name a folder on another disk: --home DIR"


class HomeWithoutLocks(Problem):
    """Some network drives cannot lock files (ENOLCK, EOPNOTSUPP)."""

    home: str
    severity = "warning"
    what = "Two commands of migrate could change the same backup at once."
    why = "The drive of {home} cannot lock files, so that a second command does not notice the first."
    next = "Run one command at a time, or name a folder on another disk: --home DIR"


# -- noticed by `check` -----------------------------------------------------------------------------------------------


class DiskSpace(Problem):
    home: str
    free_bytes: int
    roomy: bool
    severity = when("roomy", "info", otherwise="warning")
    what = "{free_bytes} are free where backups are kept ({home})."
    why = "A backup can be as large as everything on the phone. Preparing a move takes little more."
    next = "Use another disk with --home DIR if a phone holds more than that."


class HomeOpenToOthers(Problem):
    home: str
    mode: str  # octal
    severity = "warning"
    what = "Other people on this computer could read {home}, where backups are kept."
    why = "Its permissions were {mode}."
    next = "Run any command of migrate: it closes that folder to others."


class Versions(Problem):
    python: str
    library: str
    system: str
    severity = "info"
    what = "Python {python}, pymobiledevice3 {library}, {system}."
    why = "Include this line when you report a problem."
    next = "Keep them up to date."


class NoPhoneConnected(Problem):
    severity = "warning"
    what = "No iPhone is connected."
    why = "usbmuxd is running and lists no phone."
    next = "Connect an iPhone with its cable and unlock it."


class PhoneSeen(Problem):
    """One connected phone, and how it can be used."""

    phone: str
    model: str
    ios_version: str
    connection: str
    support: str  # partial_restore_support: "keeps", "erases" or anything else
    code = "phone"
    severity = "info"
    what = "{phone}: {model}, iOS {ios_version}, {connection}."
    why = when(
        "keeps",
        "As a new phone it can receive selected categories.",
        otherwise=when(
            "erases",
            "As a new phone it can only receive everything, after it is erased.",
            otherwise="As a new phone it can receive everything, after it is erased.",
        ),
    )
    next = "Choose which phone is the old one and which is the new one."

    @property
    def keeps(self) -> bool:
        return self.support == "keeps"

    @property
    def erases(self) -> bool:
        return self.support == "erases"


class NotTrustedYet(Problem):
    phone: str
    locked: bool
    severity = "warning"
    what = "{phone} does not trust this computer yet."
    why = when(
        "locked",
        "It is not paired with this computer, and it is locked.",
        otherwise="It is not paired with this computer.",
    )
    next = "Unlock {phone} and tap Trust when a move asks for it."


class SetupNotFinished(Problem):
    phone: str
    severity = "info"
    what = "{phone} is at the beginning of its setup."
    why = "An erased iPhone can be used as the new phone like this."
    next = "Finish its setup when a move asks for it."
