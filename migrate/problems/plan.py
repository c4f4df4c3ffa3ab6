"""Errors of plans, and of a plan that does not fit the phones."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.problems.root import MigrateError
from migrate.units import format_bytes


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
                "From iOS 27 on, a partial restore deletes settings, messages and photos that were not sent. The way "
                "round that, a graft into the phone's own backup, is built and rehearsed, and proven on no iPhone yet."
            )
        return "Nobody has shown that this iOS version keeps what a partial restore does not mention."

    def next(self) -> str:
        return (
            'Erase the new phone and write is = "erased", or leave it as it is. Only to try what is not proven: '
            'experimental = ["graft"] under [new_phone].'
        )


@dataclass(eq=False)
class GraftNeedsSafety(MigrateError):
    """A graft is made of the new phone's own encrypted backup, and the plan forbids one."""

    key: str  # of the plan, with its value
    exit_code = 40

    def what(self) -> str:
        return f"The new phone can only be given a graft, and the plan says {self.key}."

    def why(self) -> str:
        return "A graft carries what is on the new phone out of a fresh backup of it. Without one nothing stays."

    def next(self) -> str:
        return f'Take {self.key} out of the plan, or erase the new phone and write is = "erased".'


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
            f"The disk that holds {self.folder} has {format_bytes(self.free_bytes)} free, "
            f"and at least {format_bytes(self.needed_bytes)} are needed."
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
            f"{self.name} has {format_bytes(self.free_bytes)} free, "
            f"and what was chosen takes {format_bytes(self.needed_bytes)}."
        )

    def why(self) -> str:
        return "The phone lays everything beside what it holds before it puts anything in place."

    def next(self) -> str:
        return f"Delete something on {self.name}, or let less move."
