"""Problems of plans, and of a plan that does not fit the phones."""

from __future__ import annotations

from typing import cast

from migrate.problems.problem import Command, MigrateError, Problem, when


class PlanInvalid(MigrateError):
    """The plan cannot be used as it is written. Nothing was read from or changed on any phone."""

    file: str
    line: int  # 0: not known
    exit_code = 10
    schema = Command("plan", "schema")
    what = "{place}: this is not a valid plan."
    why = "Every line of a plan is checked before anything begins, because a plan decides what happens to a phone."
    next = "Compare it with a sample in plans/, or with everything that is allowed: {schema}"

    @property
    def others(self) -> tuple[MigrateError, ...]:
        """What else is wrong with the plan."""
        return cast(tuple[MigrateError, ...], self.__dict__.get("_others", ()))

    @others.setter
    def others(self, errors: tuple[MigrateError, ...]) -> None:
        self.__dict__["_others"] = errors

    @property
    def together(self) -> tuple[MigrateError, ...]:
        return (self, *self.others)

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}" if self.line > 0 else self.file


class PlanMissing(PlanInvalid):
    """There is no such plan file, or it cannot be read."""

    reason: str
    what = "The plan {file} cannot be read."
    why = "The system answered: {reason}."
    next = "Check the name and the folder. The samples are in plans/, for example plans/photos-and-messages.toml."


class PlanNotToml(PlanInvalid):
    reason: str
    what = "{place}: this is not TOML, the format of plans."
    why = "The parser reports: {reason}."
    next = "Look at that line: usually a quotation mark or a bracket is missing. Samples are in plans/."


class PlanTooNew(PlanInvalid):
    version: str
    what = "{place}: this plan has version {version}."
    why = "This version of migrate understands only plans of version 1."
    next = "Update migrate, or write version = 1 if the number is a mistake."


class PlanKeyMissing(PlanInvalid):
    """A key that every plan needs is not there."""

    key: str
    table: str
    example: str
    what = when(
        "table", "{file}: `{key}` is missing under [{table}].", otherwise="{file}: `{key}` is missing at the top."
    )
    why = "Every plan names at least its version, the state of the new phone, and the categories that move."
    next = when("table", "Add under [{table}]: {example}", otherwise="Add this line at the top: {example}")


class PlanKeyUnknown(PlanInvalid):
    """A plan has no such key. It is never ignored: it may be a misspelt wish."""

    key: str
    table: str
    nearest: str
    known: tuple[str, ...]
    what = when(
        "table",
        "{place}: there is no key `{key}` under [{table}].",
        otherwise="{place}: there is no key `{key}` at the top.",
    )
    why = "The keys allowed there are: {known}."
    next = "Write `{nearest}` if that is what you meant (it is the closest), or remove the line."


class PlanCategoryUnknown(PlanInvalid):
    word: str
    key: str
    nearest: str
    known: tuple[str, ...]
    what = "{place}: there is no category `{word}` (in `{key}`)."
    why = "The categories are: everything, {known}. Apps are named under `apps`, by bundle id."
    next = 'Write "{nearest}" if that is what you meant (it is the closest), or remove it.'


class PlanValueWrong(PlanInvalid):
    """A value of a wrong kind."""

    key: str
    found: str
    wanted: str
    nearest: str
    what = "{place}: `{key}` cannot be {found}."
    why = "It takes {wanted}."
    next = when("nearest", "Write `{nearest}` if that is what you meant.", otherwise="Change it to {wanted}.")


class PlanMovesNothing(PlanInvalid):
    what = "{place}: this plan moves nothing."
    why = "It chooses no category and no app, or excludes everything that it chooses."
    next = 'Choose something under [move], for example: categories = ["photos", "messages"]'


class EverythingOntoPhoneInUse(PlanInvalid):
    what = '{place}: "everything" cannot be moved to a phone that is in use.'
    why = "Each category replaces the one on the phone, so nothing that is on it now would remain."
    next = 'Choose categories by name, or erase the new phone and write is = "erased".'


class CategoryOntoPhoneInUse(PlanInvalid):
    """A category that only an erased phone can take."""

    word: str
    title: str
    reason: str
    what = "{place}: {title} cannot be moved to a phone that is in use."
    why = "The reason: {reason}."
    next = 'Remove "{word}", or erase the new phone and write is = "erased".'


class PlainOntoPhoneInUse(PlanInvalid):
    what = "{place}: encrypted = false, but the new phone is in use."
    why = (
        "A phone in use gets its own backup back with the chosen data in it. Only an encrypted backup has all of its "
        "data; the rest would be lost."
    )
    next = 'Remove encrypted = false, or erase the new phone and write is = "erased".'


class UnsavedPhoneInUse(PlanInvalid):
    what = "{place}: save_new_phone_first = false, but the new phone is in use."
    why = "A phone in use gets its own backup back with the chosen data in it. Without one its data would be lost."
    next = 'Remove save_new_phone_first = false, or erase the new phone and write is = "erased".'


class ExperimentalOntoErasedPhone(PlanInvalid):
    what = "{place}: `experimental` is only for a phone that is in use."
    why = "A new or erased phone always gets a complete restore, for which there is one method."
    next = 'Remove `experimental`, or write is = "in-use".'


class WipeOfPhoneInUse(PlanInvalid):
    """`wipe = true` beside `is = "in-use"`."""

    what = '{place}: wipe = true and is = "in-use" contradict each other.'
    why = '"in-use" keeps what is on the phone, and `wipe` allows it to be erased.'
    next = 'Remove `wipe` to keep what is on the phone, or write is = "erased" to erase it.'


class TwoOldPhones(PlanInvalid):
    """`udid` and `backup` are both given for the old phone."""

    what = "{place}: [old_phone] has both `udid` and `backup`."
    why = "The data comes either from the phone itself or from an existing backup."
    next = "Keep one of the two and remove the other."


class FreshFromFolder(PlanInvalid):
    """`begin = "fresh"` beside a backup folder."""

    what = '{place}: begin = "fresh" and `backup` under [old_phone] contradict each other.'
    why = "An existing backup is used as it is. Only a connected phone can be backed up from the beginning."
    next = "Remove `begin` to use the backup, or remove `backup` to back up the phone."


class SamePhoneTwice(MigrateError):
    name: str
    exit_code = 11
    what = "{name} is both the old and the new phone."
    why = "Both have the same UDID, and data cannot be moved from a phone to itself."
    next = "Name the two phones with --old UDID --new UDID. To list them: {list_phones}"
    next_in_wizard = "Go back, and choose two different phones."


class PlanMismatch(MigrateError):
    """The plan was written for another phone than the one that is connected."""

    role: str
    name: str
    udid: str
    wanted_udid: str
    exit_code = 11
    what = "{name} ({udid}) is not the {role} phone that this plan was written for."
    why = 'The plan says udid = "{wanted_udid}" under [{role}_phone].'
    why_in_wizard = "Another phone was chosen for this move."
    next = "Connect that phone, or name this one for this run: --{role} {udid}"
    next_in_wizard = "Connect the phone that was chosen. Then {again}"


class PhoneInUse(MigrateError):
    """A plan calls the new phone erased, and it is not. It would be emptied."""

    name: str
    signs: tuple[str, ...]
    exit_code = 11
    what = "{name} is in use, and this plan would erase everything on it."
    why = when("signs", "It holds: {signs}.", otherwise="Its setup is finished.")
    next = (
        "Connect the right phone, or erase this one in Settings. To let the move delete everything on "
        "it, write wipe = true under [new_phone]."
    )
    next_in_wizard = (
        "Connect the right phone, or erase this one in Settings. To delete everything on it, choose: {change_answer}"
    )


class EncryptionNeeded(MigrateError):
    """A chosen category exists only in encrypted backups, and this backup is not encrypted."""

    titles: tuple[str, ...]
    exit_code = 11
    what = "An encrypted backup is needed to move: {titles}."
    why = "An iPhone includes them only in encrypted backups, and the old phone's backup is not encrypted."
    next = "Write encrypted = true under [backup] and give a password, or remove these categories."
    next_in_wizard = "Go back, and choose an encrypted backup or select less."


class StrategyRefused(MigrateError):
    """The experimental overlay is not known to be safe on this iOS version."""

    name: str
    ios_version: str
    known: str  # "erases": known to delete what is not sent; anything else: not known
    exit_code = 40
    what = 'The plan says experimental = ["overlay"], but {name} runs iOS {ios_version}.'
    why = when(
        "erases",
        "From iOS 27 on, restoring only some data deletes settings, messages and photos that were not sent.",
        otherwise="It is not known whether this iOS version keeps the data that is not part of a restore.",
    )
    next = "Remove `experimental` from the plan: by default the phone gets its own backup back with the data in it."

    @property
    def erases(self) -> bool:
        return self.known == "erases"


class CategoriesMovedStore(MigrateError):
    """Two iOS versions keep a category in different places, and nothing takes it from one to the other."""

    name: str
    old_ios_version: str
    titles: tuple[str, ...]
    categories: tuple[str, ...]
    exit_code = 40
    what = "These cannot be moved from iOS {old_ios_version} to {name}, which is in use: {titles}."
    why = (
        "That iOS version began to keep them in another place. A phone in use looks only there, and has its own there."
    )
    next = "Remove them from the plan ({categories}), or update the old phone first. An erased phone can take them."
    next_in_wizard = (
        "Go back and leave them out ({categories}), or update the old phone first. An erased phone can take them."
    )


class CategoriesSynced(MigrateError):
    """The new phone keeps a category in step with an account, which would see everything replaced."""

    name: str
    titles: tuple[str, ...]
    categories: tuple[str, ...]
    exit_code = 40
    what = "{name} syncs with an account what would be replaced: {titles}."
    why = (
        "What is replaced on the phone might be deleted in the account, and so on all other devices. It was not tested."
    )
    next = "Turn off their sync in Settings on {name}, or remove them from the plan: {categories}. Then {again}"
    next_in_wizard = "Turn off their sync in Settings on {name}, or go back and leave them out ({categories})."


class BackupNewerThanPhone(MigrateError):
    """The old phone's iOS is newer than the new phone's."""

    name: str
    ios_version: str
    backup_ios_version: str
    exit_code = 40
    what = "{name} runs iOS {ios_version}, which is older than the backup's iOS {backup_ios_version}."
    why = "An iPhone accepts backups only from its own iOS version or an older one."
    next = "Update {name} to iOS {backup_ios_version} or later. Then {again}"


class UdidInvalid(MigrateError):
    """Something else was given where a phone's UDID belongs."""

    word: str
    exit_code = 2
    what = "`{word}` is not a UDID."
    why = "A UDID has only letters, digits and dashes; a real iPhone's has 25 or 40 of them."
    next = "Look it up: {list_phones}"


class TooLittleSpaceHere(MigrateError):
    """This computer's disk is too full before anything has begun."""

    folder: str
    free_bytes: int
    needed_bytes: int
    exit_code = 33
    what = "The disk of {folder} has {free_bytes} free, and at least {needed_bytes} are needed."
    why = "The backup would run out of space, so it was not started."
    next = "Free some space there, or use another disk: --home DIR"
    next_in_wizard = "Free some space there. Or stop, and start migrate with another disk: --home DIR"


class NoRoomForProof(MigrateError):
    """Before the point of no return: the backup that the proof compares would not fit on this computer."""

    folder: str
    free_bytes: int
    needed_bytes: int
    exit_code = 33
    what = "The disk of {folder} has {free_bytes} free, and the proof needs up to {needed_bytes}."
    why = "After the move, the new iPhone is backed up and compared. The new iPhone was not changed."
    next = "Free some space on that disk. Then {again}"


class NewPhoneTooFull(MigrateError):
    """What was chosen does not fit on the new phone."""

    name: str
    free_bytes: int
    needed_bytes: int
    exit_code = 41
    what = "{name} has {free_bytes} free, and the chosen data takes {needed_bytes}."
    why = "The phone stores all new data beside its own before it puts anything in place."
    next = "Delete something on {name}, or move less."
    next_in_wizard = "Delete something on {name}, or go back and choose less."


class EverythingMayNotFit(Problem):
    """Before the backup: what the old phone uses is more than what the new phone has free."""

    old: str
    used_bytes: int
    new: str
    free_bytes: int
    severity = "warning"
    what = "{old} uses {used_bytes}, and {new} has {free_bytes} free."
    why = "Everything will probably not fit. The exact size is known after the backup, which does not contain apps."
    next = "Free space on {new}, choose less when you are asked what should move, or use a phone with more storage."


class RebuildDoesNotFit(MigrateError):
    """A phone in use has less room than a restore of its own backup stages."""

    name: str
    udid: str
    free_bytes: int
    needed_bytes: int
    back_up = Command("backup", "{udid}")
    exit_code = 41
    what = "{name} has {free_bytes} free for a restore, and up to {needed_bytes} may be needed."
    why = "A phone in use gets its whole backup back, and stores all of it beside its data before it puts it in place."
    next = (
        "Free space on {name}, or back it up so that the size is known exactly: {back_up}. Without --yes, on a "
        "terminal, you can also agree to erase it when everything is ready."
    )
    next_in_wizard = (
        "Free space on {name}. Or go on: you are asked whether it may be erased when everything is ready, and it gets "
        "all of its own data back."
    )


# -- noticed before a move ---------------------------------------------------------------------------------------------


class LittleRoomHere(Problem):
    free_bytes: int
    needed_bytes: int
    severity = "warning"
    what = "This computer has {free_bytes} free, and up to {needed_bytes} may be needed."
    why = "The estimate counts everything on the phone, although apps themselves are not part of a backup."
    next = "Free some space, or use another disk with --home DIR. If the data fits after all, the move continues."
    next_in_wizard = (
        "Free some space, or start migrate with another disk: --home DIR. If the data fits after all, the move goes on."
    )


class NoHardLinks(Problem):
    """exFAT, FAT32 and many network shares."""

    folder: str
    severity = "warning"
    what = "The disk of {folder} stores every copy of a backup in full."
    why = "It cannot give one file two names (hard links), so a move takes up to five times the data instead of twice."
    next = "Use a disk formatted for this computer's system, with --home DIR, if space or time matters to you."
    next_in_wizard = (
        "Use a disk formatted for this computer's system, if space or time matters to you: start migrate with --home "
        "DIR."
    )


class NotEncrypted(Problem):
    """`everything` moves, and some categories need an encrypted backup."""

    titles: tuple[str, ...]
    categories: tuple[str, ...]
    severity = "warning"
    what = "Not included in this move: {titles}."
    why = "An iPhone includes them only in encrypted backups, and this one is not encrypted."
    next = "Write encrypted = true under [backup] in the plan and give a password if you want to move them."
    next_in_wizard = "Go back, and choose an encrypted backup if you want to move them."


class BatteryLow(Problem):
    phone: str
    percent: int
    severity = "warning"
    what = "The battery of {phone} is at {percent} %."
    why = "A move can take hours. If the phone turns off during the restore, the restore has to begin again."
    next = "Connect {phone} to a cable that charges it."


class FindMyUnknown(Problem):
    phone: str
    severity = "info"
    what = "It is not known whether Find My is on for {phone}."
    why = "The phone does not report it. If Find My is on, the phone refuses the restore, and nothing is changed."
    next = "Check on {phone}: Settings, your name, Find My. Turning it off can take an hour."
