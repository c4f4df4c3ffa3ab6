"""Problems of the rehearsal, the restore's proof, and what each found file by file."""

from __future__ import annotations

from migrate.language import plural
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


# -- the proof, item by item -------------------------------------------------------------------------------------------


class ItemsInProof(Problem, abstract=True):
    """Items of one kind that share a fate. `named` are the first of them, as a person would recognise them."""

    count: int
    total: int
    label: str
    named: tuple[str, ...]
    differing: tuple[str, ...]
    categories: tuple[str, ...]

    @property
    def shown(self) -> str:
        more = self.count - len(self.named)
        listed = "; ".join(self.named)
        if more <= 0:
            return listed
        return listed + "; " + plural("and {count:,} more", "and {count:,} more", more).format(count=more)

    @property
    def differs(self) -> str:
        return ", ".join(self.differing)


class ProofItemsMissing(ItemsInProof):
    code = "proof-missing"
    exit_code = 60
    what = by_count(
        "count",
        "1 of {total:,} {label} is not on the new iPhone: {shown}.",
        "{count:,} of {total:,} {label} are not on the new iPhone: {shown}.",
    )
    why = "The backup taken after the move does not contain them."
    next = "Keep the old iPhone as it is, and report this with the receipt."


class ProofItemsOverdue(ItemsInProof):
    code = "proof-missing"
    exit_code = 60
    what = by_count(
        "count",
        "1 of {total:,} {label} has still not arrived on the new iPhone: {shown}.",
        "{count:,} of {total:,} {label} have still not arrived on the new iPhone: {shown}.",
    )
    why = "Nothing of this category has come within a day, or a week has passed."
    next = (
        "Leave the phone on Wi-Fi and power overnight, sign in to the accounts of the old iPhone, and prove the move "
        "again. Keep the old iPhone as it is until then."
    )


class ProofItemsDifferent(ItemsInProof):
    code = "proof-changed"
    exit_code = 60
    what = by_count(
        "count",
        "1 of {total:,} {label} is different on the new iPhone: {shown}.",
        "{count:,} of {total:,} {label} are different on the new iPhone: {shown}.",
    )
    why = when(
        "differs",
        "What differs: {differs}. They were not changed on the new iPhone since the move.",
        otherwise="A file that belongs to them is missing or different.",
    )
    next = KEEP_OLD_PHONE


class ProofItemsKeptOwn(ItemsInProof):
    code = "proof-kept-own"
    exit_code = 60
    what = by_count(
        "count",
        "1 of {total:,} {label} did not move: the new iPhone kept its own. {shown}.",
        "{count:,} of {total:,} {label} did not move: the new iPhone kept its own. {shown}.",
    )
    why = "What is on the new iPhone equals what it had before the move."
    next = "Keep the old iPhone as it is, and report this with the receipt."


class ProofItemsChangedSince(ItemsInProof):
    code = "proof-changed-since"
    severity = "info"
    what = by_count(
        "count",
        "1 of {total:,} {label} was changed or deleted on the new iPhone since the move: {shown}.",
        "{count:,} of {total:,} {label} were changed or deleted on the new iPhone since the move: {shown}.",
    )
    why = "They are there, with a date after the move, or in Recently Deleted."
    next = "Compare them with the old iPhone if you did not change them yourself."


class ProofItemsUnseen(ItemsInProof):
    code = "proof-unseen"
    severity = "warning"
    what = by_count(
        "count",
        "1 of {total:,} {label} could not be compared: {shown}.",
        "{count:,} of {total:,} {label} could not be compared: {shown}.",
    )
    why = "The backup taken after the move could not read them, or does not contain this category."
    next = "Check them on the new iPhone. Keep the old iPhone as it is until then."


class ProofItemsPending(ItemsInProof):
    code = "proof-pending"
    severity = "info"
    what = by_count(
        "count",
        "1 of {total:,} {label} is still arriving: {shown}.",
        "{count:,} of {total:,} {label} are still arriving: {shown}.",
    )
    why = when(
        "differs",
        "{differs}.",
        otherwise="The phone loads them in the background, with their app, or after you sign in to their account.",
    )
    next = "Leave the phone on Wi-Fi and power for a while, then look again."


class ProofItemsUnknown(Problem):
    """The items of the old backup could not be read, so they were not compared one by one."""

    label: str
    categories: tuple[str, ...]
    severity = "warning"
    what = "The {label} could not be compared one by one."
    why = "The old iPhone's backup keeps them in a form that migrate cannot read, or its file is damaged."
    next = "Check them on the new iPhone. Keep the old iPhone as it is until then."


class ProofFieldsLeftOut(Problem):
    """Fields that only one of the two iOS versions stores."""

    label: str
    fields: tuple[str, ...]
    categories: tuple[str, ...]
    severity = "info"
    what = "Not compared for the {label}: {shown}."
    why = "Only one of the two iOS versions stores this."
    next = "Check them on the new iPhone if they matter to you."

    @property
    def shown(self) -> str:
        return ", ".join(self.fields)


# -- the proof, file by file -------------------------------------------------------------------------------------------


class FilesInProof(Problem, abstract=True):
    """Files of one category that share a fate and are not listed one by one."""

    count: int
    title: str
    first: str
    categories: tuple[str, ...]


class ProofFilesPending(FilesInProof):
    code = "proof-pending"
    severity = "info"
    what = by_count(
        "count",
        "{title}: 1 file is still arriving.",
        "{title}: {count:,} files are still arriving.",
    )
    why = "The phone loads them in the background, or with their app from the App Store. The first is {first}."
    next = "Leave the phone on Wi-Fi and power for a while, then look again."


class ProofFilesPresent(FilesInProof):
    code = "proof-present"
    severity = "info"
    what = by_count(
        "count",
        "{title}: 1 file is on the new iPhone, but its contents were not compared.",
        "{title}: {count:,} files are on the new iPhone, but their contents were not compared.",
    )
    why = "iOS itself writes to them. The first is {first}."
    next = "Check them on the new iPhone if they matter to you."


class ProofFilesChangedSince(FilesInProof):
    code = "proof-changed-since"
    severity = "info"
    what = by_count(
        "count",
        "{title}: 1 file was changed on the new iPhone since the move.",
        "{title}: {count:,} files were changed on the new iPhone since the move.",
    )
    why = "They were written after the move. The first is {first}."
    next = "Compare them with the old iPhone if you did not change them yourself."


class ProofUnseen(FileInPhone):
    severity = "warning"
    what = "{shown} could not be compared."
    why = "The backup taken after the move lists it, but the phone could not read it."
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
    why = "Nothing of its category has come within a day, or a week has passed."
    next = (
        "Leave the phone on Wi-Fi and power overnight and prove the move again. Keep the old iPhone as it is "
        "until then."
    )


class ProofChanged(FileInPhone):
    details: str
    exit_code = 60
    what = "{shown} is on the new iPhone with different contents."
    why = when(
        "details",
        "These settings are not what was sent: {details}.",
        otherwise="Its contents differ from what was sent, and it was not changed on the new iPhone since the move.",
    )
    next = KEEP_OLD_PHONE


class ProofOldCopyChanged(FileInPhone):
    """The seal does not fit any more: what was sent may have been damaged."""

    exit_code = 60
    what = "The copy of {shown} on this computer has changed since the old iPhone sent it."
    why = (
        "The disk or another program altered it, so it cannot prove anything, and the new iPhone may have received it "
        "damaged."
    )
    next = "Keep the old iPhone as it is, back it up again, and compare this file on both phones: {back_up_phone}"


class ProofKeptOwn(FileInPhone):
    exit_code = 60
    what = "{shown} did not move: the new iPhone kept its own."
    why = "It equals what the new iPhone had before the move."
    next = "Keep the old iPhone as it is, and report this with the receipt."


class ProofKeptMissing(ProofMissing):
    why = "It was on the new iPhone before the move. The backup taken after the move does not contain it."


class ProofKeptChanged(ProofChanged):
    why = when(
        "details",
        "It was on the new iPhone before the move. These settings are not what they were: {details}.",
        otherwise="It was on the new iPhone before the move, and was not changed by a person since.",
    )
