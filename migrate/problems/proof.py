"""Problems of the rehearsal, the restore's proof, and what each found file by file."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, Problem, RecordProblem, by_count, when

KEEP_OLD_PHONE = "Compare it on both phones before you erase the old one."
KEEP_BOTH_PHONES = "Keep both phones as they are, and report this with the findings of the run."


class NotProven(MigrateError):
    first: str
    count: int
    receipt: str
    exit_code = 60
    what = "The move is not proven: {first}"
    why = by_count(
        "count",
        "One file that was sent, or was there before, is missing or different on the new iPhone.",
        "{count:,} files that were sent, or were there before, are missing or different on the new iPhone.",
    )
    next = "Keep the old iPhone as it is, and read the receipt: {receipt}"


class NothingToProve(MigrateError):
    """`prove`, and nothing was sent yet."""

    run: str
    exit_code = 2
    resume = Command("resume", "{run}")
    what = "{run} has sent nothing to the new iPhone yet, so there is nothing to prove."
    why = "Its restore is not finished."
    next = "Continue with: {resume}"


class RehearsalFailed(MigrateError):
    """What was to be sent did not go well on a simulated iPhone like the new phone."""

    first: str
    count: int
    exit_code = 42
    what = "The rehearsal failed, so nothing was sent: {first}"
    why = by_count(
        "count",
        "The simulated iPhone, set up like the new one, showed one problem.",
        "The simulated iPhone, set up like the new one, showed {count:,} problems.",
    )
    next = "Correct the first one; the findings of the run list all of them. Then {again}"


class RehearsalRefused(Problem):
    phone: str
    refusal: MigrateError
    exit_code = 42
    what = "In the rehearsal: {refusal.what}"
    why = "{refusal.why}"
    next = "{refusal.next}"


class RehearsalSucceeded(Problem):
    phone: str
    ios_version: str
    arrived: int
    kept: int
    code = "rehearsed"
    severity = "info"
    what = when(
        "kept",
        "The rehearsal on a simulated iPhone like {phone} (iOS {ios_version}) succeeded: {arrived:,} "
        "files would arrive, and "
        "{kept:,} files that are on it now would stay.",
        otherwise="The rehearsal on a simulated iPhone like {phone} (iOS {ios_version}) succeeded: "
        "{arrived:,} files would "
        "arrive.",
    )
    why = (
        "A rehearsal shows what a phone would refuse, drop or delete. It cannot show what only Apple's software knows: "
        "hidden lists of paths, how databases are converted for a newer iOS, and what iCloud does."
    )
    next = "Read the receipt after the move: the new phone itself is compared with what was sent."


# -- the rehearsal, file by file ---------------------------------------------------------------------------------------


class FileInPhone(RecordProblem, abstract=True):
    categories: tuple[str, ...]

    @property
    def shown(self) -> str:
        return self.relative_path or self.domain


class FileInRehearsal(FileInPhone, abstract=True):
    phone: str
    exit_code = 42


class RehearsalMissing(FileInRehearsal):
    what = "{shown} would not arrive on {phone}."
    why = "It should move, and after the rehearsal it is not there."
    next = KEEP_BOTH_PHONES


class RehearsalChanged(FileInRehearsal):
    what = "{shown} would arrive on {phone} with different contents."
    why = "After the rehearsal its contents are not what was sent."
    next = KEEP_BOTH_PHONES


class RehearsalLost(FileInRehearsal):
    what = "{shown} on {phone} would be deleted."
    why = "It is not part of the move, and a restore to this iOS version does not keep it."
    next = "Leave the new iPhone as it is, or erase it and move everything."


class RehearsalKeptChanged(FileInRehearsal):
    what = "{shown} on {phone} would be changed."
    why = "It is not part of the move, and after the rehearsal its contents are different."
    next = KEEP_BOTH_PHONES


class RehearsalAppMissing(FileInRehearsal):
    what = "{shown} would not arrive on {phone}, because its app is not installed there."
    why = "An iPhone in use accepts an app's data only when the app is installed."
    next = "Install the app on the new iPhone from the App Store. Then {again}"


# -- the proof, file by file -------------------------------------------------------------------------------------------


class ProofPending(FileInPhone):
    severity = "info"
    what = "{shown} has not arrived yet."
    why = "The phone loads it in the background, or with its app from the App Store."
    next = "Leave the phone on Wi-Fi and power for a while, then look again."


class ProofPresent(FileInPhone):
    severity = "info"
    what = "{shown} is on the new iPhone, but its contents were not compared."
    why = (
        "The phone itself writes to this database. It has at least as many rows as were sent, which does "
        "not prove that they "
        "are the same."
    )
    next = "Check it on the new iPhone. Keep the old iPhone as it is until then."


class ProofMissing(FileInPhone):
    exit_code = 60
    what = "{shown} is not on the new iPhone."
    why = "The backup taken after the move does not contain it."
    next = "Keep the old iPhone as it is, and report this with the receipt."


class ProofAppMissing(FileInPhone):
    code = "proof-missing"
    exit_code = 60
    what = "{shown} is not on the new iPhone, because its app is not installed there."
    why = "An iPhone in use accepts an app's data only when the app is installed."
    next = "Install the app on the new iPhone, then run the plan again: {run_plan}"


class ProofOverdue(FileInPhone):
    code = "proof-missing"
    exit_code = 60
    what = "{shown} is not on the new iPhone, and should have arrived by now."
    why = "Everything else that was still arriving is there now, or a week has passed."
    next = (
        "Leave the phone on Wi-Fi and power overnight and prove the move again. Keep the old iPhone as it is "
        "until then."
    )


class ProofChanged(FileInPhone):
    exit_code = 60
    what = "{shown} is on the new iPhone with different contents."
    why = "Its contents differ from what was sent, in a way that iOS is not known to cause."
    next = KEEP_OLD_PHONE


class ProofFewerRows(FileInPhone):
    exit_code = 60
    what = "{shown} has fewer entries on the new iPhone."
    why = "At least one of its tables has fewer rows than were sent."
    next = KEEP_OLD_PHONE


class ProofKeptPending(ProofPending):
    why = (
        "It was on the new iPhone before the move. The phone loads it in the background, or with its app from the"
        " App Store."
    )


class ProofKeptPresent(ProofPresent):
    why = (
        "It was on the new iPhone before the move. It has at least as many rows as before, which does not prove "
        "that they are the same."
    )


class ProofKeptMissing(ProofMissing):
    why = "It was on the new iPhone before the move. The backup taken after the move does not contain it."


class ProofKeptChanged(ProofChanged):
    why = (
        "It was on the new iPhone before the move. Its contents changed since, in a way that iOS is not known to cause."
    )


class ProofKeptFewerRows(ProofFewerRows):
    why = "It was on the new iPhone before the move. At least one of its tables has fewer rows than before."
