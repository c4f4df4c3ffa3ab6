"""Errors of a run as a whole: waiting, stopping, resuming, homes, proofs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from migrate.problems.root import MigrateError


def _things(count: int) -> str:
    return "one thing" if count == 1 else f"{count} things"


@dataclass(eq=False)
class WaitedTooLong(MigrateError):
    """Somebody had to do something on a phone, and `--wait` ran out first."""

    waited_s: int
    waiting_for: str
    how: str  # the `next` of what was lacking, which may say how to try again in its own way
    exit_code = 50

    @property
    def _wait(self) -> str:
        return "one second" if self.waited_s == 1 else f"{self.waited_s} seconds"

    def what(self) -> str:
        return f"Nobody did what was asked within {self._wait}. {self.waiting_for}"

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
class RestoreInDoubt(MigrateError):
    """The process died while it sent the set, and nothing shows whether the phone took it."""

    phone: str
    run: str
    plan: str
    exit_code = 50

    def what(self) -> str:
        return f"It is not known whether {self.phone} was restored, so nothing is sent to it again."

    def why(self) -> str:
        return (
            "migrate was stopped while it sent the data, and the phone looks as it did before. If it was restored and "
            "used since, sending the data again would overwrite what is new on it."
        )

    def next(self) -> str:
        return (
            f"Look at {self.phone}. If what you moved is on it, keep it and stop here. If it is not, begin a new move, "
            f"which looks at the phone as it is now: migrate run {self.plan}"
        )


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
        return "Another run, or migrate backup, is saving it or proving its save; two at once would spoil it."

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
        return 'Save it with: migrate backup. Or write begin = "incremental" under [backup] in the plan'


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
class JournalTooOld(MigrateError):
    run: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.run} was begun by an older version of migrate and cannot be resumed."

    def why(self) -> str:
        return "This version records the steps of a run differently. Its backups and its receipt are kept."

    def next(self) -> str:
        return "Begin a new run: migrate run PLAN. The commands receipt, prove and undo still work for this run."


@dataclass(eq=False)
class RunHasOtherPlan(MigrateError):
    """`--id` names a run of another plan."""

    run: str
    exit_code = 11

    def what(self) -> str:
        return f"{self.run} exists already and has another plan."

    def why(self) -> str:
        return "A run keeps the plan and the phones it began with."

    def next(self) -> str:
        return f"Choose another --id, or run: migrate resume {self.run}"


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
        without = "where that phone is gone, add --without-phone"
        return f"Heal it with its phone on the cable: migrate repair {shlex.quote(self.path)} ({without}). Then {self.again}"


@dataclass(eq=False)
class RestoreSetDamaged(MigrateError):
    """What was composed is no longer whole: the disk under it lost something before it could be sent."""

    path: str
    first: str
    count: int
    exit_code = 30

    def what(self) -> str:
        return f"What was put together for the new phone is damaged: {self.first}"

    def why(self) -> str:
        return f"It was whole when it was composed; now there are {self.count} such wounds in {self.path}."

    def next(self) -> str:
        return "Look after this computer's disk, then begin a new run: migrate run PLAN"


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
        if self.count == 1:
            return "It was sent, or was there before, and is not on the new phone as it should be."
        return f"{self.count} things that were sent, or were there before, are not on the new phone as they should be."

    def next(self) -> str:
        return f"Keep the old phone as it is and read the receipt: {self.receipt}"


@dataclass(eq=False)
class RehearsalFailed(MigrateError):
    """What was to be sent did not go well on a simulated iPhone like the new phone."""

    first: str
    count: int
    exit_code = 42

    def what(self) -> str:
        return f"The rehearsal failed, so nothing was sent: {self.first}"

    def why(self) -> str:
        return f"On a simulated iPhone set up like the new phone, {_things(self.count)} went otherwise than agreed."

    def next(self) -> str:
        return f"See all of them in the findings of the run, mend the first one, then {self.again}"


@dataclass(eq=False)
class AppsNotInstalled(MigrateError):
    """Chosen apps that somebody has to install on the new phone first."""

    phone: str
    titles: tuple[str, ...]
    exit_code = 24

    def what(self) -> str:
        return f"Not installed on {self.phone}: {', '.join(self.titles)}."

    def why(self) -> str:
        return "A phone in use takes the data of an app only when it has the app."

    def next(self) -> str:
        return f"Install them on {self.phone} from the App Store, or leave them out of the plan; then {self.again}"


@dataclass(eq=False)
class NoReceipt(MigrateError):
    run: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.run} has no receipt yet."

    def why(self) -> str:
        return "A receipt is written at the end of a run."

    def next(self) -> str:
        return f"Go on with: migrate resume {self.run}"


@dataclass(eq=False)
class NothingToUndo(MigrateError):
    """`undo`, and there is nothing that could be put back."""

    run: str
    reason: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.run} cannot be undone."

    def why(self) -> str:
        return self.reason

    def next(self) -> str:
        return "Look for another backup of that phone with: migrate backups"


@dataclass(eq=False)
class UndoWouldLose(MigrateError):
    """Something came onto the new phone after the run, and would go with an undo."""

    run: str
    phone: str
    titles: tuple[str, ...]
    exit_code = 11

    def what(self) -> str:
        return f"Came onto {self.phone} since, and would be lost: {'; '.join(self.titles)}."

    def why(self) -> str:
        return "It is on the phone now, and neither in its safety backup nor in what was sent to it."

    def next(self) -> str:
        return (
            "Keep the phone as it is. Or, if that may go (a save of it as it is now is kept): "
            f"run: migrate undo {self.run} --lose-what-came-after"
        )


@dataclass(eq=False)
class NothingToProve(MigrateError):
    """`prove`, and nothing was sent yet."""

    run: str
    exit_code = 2

    def what(self) -> str:
        return f"In {self.run} nothing was sent to the new phone yet, so there is nothing to prove."

    def why(self) -> str:
        return "Its restore did not come to its end."

    def next(self) -> str:
        return f"Go on with: migrate resume {self.run}"


@dataclass(eq=False)
class DemoPhonesSilent(MigrateError):
    """The demo's simulated iPhones did not come up."""

    said: str
    exit_code = 1

    def what(self) -> str:
        return "The demo's simulated iPhones did not start."

    def why(self) -> str:
        return f"They said: {self.said or 'nothing'}"

    def next(self) -> str:
        return "Try them alone with: migrate simulator serve. If that fails too, report it: this is a bug of ours."
