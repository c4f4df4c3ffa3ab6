"""The pages of the interview: when each is asked, what has to be prepared for it, and the possible answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from migrate.categories.catalogue import APP_PREFIX, load_catalogue
from migrate.language import _
from migrate.plan.in_use import SYNCED_BY, erased_only_categories, moved_stores
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import (
    BACK,
    BackupContents,
    CategoryEntry,
    ExistingBackup,
    MoveFacts,
    Option,
    Phone,
    Preparation,
    Question,
    new_udid,
    old_folder,
    old_phone_key,
    total_size_bytes,
)
from migrate.problems import BackupTooOld, MigrateError, NewPhoneTooFull

LATER, FOLDER, START_OVER, CONTINUE = "later", "folder", "afresh", "go-on"
ERASED: Literal["erased"] = "erased"
IN_USE: Literal["in-use"] = "in-use"
EVERYTHING, SOME = "everything", "some"
ALL_APPS = "all-apps"

BuildQuestion = Callable[[MoveFacts, Answers], Question]
Condition = Callable[[MoveFacts, Answers], bool]
FindPreparation = Callable[[MoveFacts, Answers], Preparation | None]


def always(facts: MoveFacts, answers: Answers) -> bool:
    return True


def nothing(facts: MoveFacts, answers: Answers) -> Preparation | None:
    return None


@dataclass(frozen=True)
class InterviewPage:
    """One page. `needs` is evaluated before `matters`, because the preparation can change whether the page matters."""

    name: str
    about: BuildQuestion
    matters: Condition = always
    needs: FindPreparation = nothing


# -- phones ----------------------------------------------------------------------------------------------------------


def ask_start(facts: MoveFacts, answers: Answers) -> Question:
    earlier_answers = (Option(value=CONTINUE),) if facts.earlier_answers else ()
    runs = tuple(Option(value=run.id, about=run) for run in reversed(facts.unfinished))
    return Question(name="start", options=(*runs[:9], *earlier_answers, Option(value=START_OVER)))


def ask_old_phone(facts: MoveFacts, answers: Answers) -> Question:
    phones = tuple(Option(value=phone.udid, about=phone) for phone in facts.connected)
    backups = tuple(Option(value=one.folder, about=one, refused=_too_old(one)) for one in facts.backups[:9])
    return Question(name="old", options=(*phones, *backups, Option(value=FOLDER)))


def _too_old(backup: ExistingBackup) -> MigrateError | None:
    return BackupTooOld(backup.folder, backup.ios_version or "") if backup.is_too_old else None


def ask_backup_folder(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="folder", kind="path")


def ask_new_phone(facts: MoveFacts, answers: Answers) -> Question:
    candidates = tuple(
        Option(value=phone.udid, about=phone) for phone in facts.connected if phone.udid != _old_udid(facts, answers)
    )
    return Question(name="new", options=(*candidates, Option(value=LATER)))


def ask_new_phone_state(facts: MoveFacts, answers: Answers) -> Question:
    new = _new(facts, answers)
    return Question(
        name="new-is",
        options=(Option(value=ERASED), Option(value=IN_USE)),
        phone=new.name_or_model if new else None,
    )


def ask_wipe(facts: MoveFacts, answers: Answers) -> Question:
    new = _new(facts, answers)
    return Question(
        name="wipe", options=(Option(value="wipe"),), phone=new.name_or_model if new else None, preferred=BACK
    )


def has_signs_of_use(facts: MoveFacts, answers: Answers) -> bool:
    return answers.one("new-is") == ERASED and bool(facts.signs_of_use.get(new_udid(facts, answers) or ""))


def prepare_signs_of_use(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """Only if the new phone trusts this computer already; otherwise its Trust dialog appears later, when it is met."""
    new = _new(facts, answers)
    known = new is None or new.udid in facts.signs_of_use
    return "look-at-new" if answers.one("new-is") == ERASED and new and new.trusted and not known else None


# -- backup and passwords --------------------------------------------------------------------------------------------


def ask_encryption(facts: MoveFacts, answers: Answers) -> Question:
    """A phone in use gets its own encrypted backup back, and so the plan cannot leave encryption off."""
    off = () if is_new_phone_in_use(answers) else (Option(value="off"),)
    return Question(name="encryption", options=(Option(value="on"), *off), phone=_old_phone_name(facts, answers))


def is_encryption_off(facts: MoveFacts, answers: Answers) -> bool:
    if not facts.with_phones:
        return True
    old = _old(facts, answers)
    return old_folder(facts, answers) is None and old is not None and old.encrypts_backups is False


def prepare_old_phone(facts: MoveFacts, answers: Answers) -> Preparation | None:
    old = _old(facts, answers)
    if old_folder(facts, answers) is not None or (old_phone_key(answers) or "") in facts.backup_contents:
        return None
    return None if old is not None and old.trusted and old.encrypts_backups is not None else "meet-old"


def ask_chosen_password(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="chosen-password", kind="new-secret", phone=_old_phone_name(facts, answers))


def ask_old_password(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="old-password", kind="secret", phone=_old_phone_name(facts, answers))


def ask_new_phone_password(facts: MoveFacts, answers: Answers) -> Question:
    new = _new(facts, answers)
    return Question(name="new-password", kind="secret", phone=new.name_or_model if new else None)


def needs_chosen_password(facts: MoveFacts, answers: Answers) -> bool:
    """Not if encryption is on already: a resumed conversation may have turned it on itself."""
    on = bool((old := _old(facts, answers)) and old.encrypts_backups)
    return (
        facts.with_phones
        and answers.one("encryption") == "on"
        and not on
        and _password_missing(facts, old_phone_key(answers))
    )


def needs_old_password(facts: MoveFacts, answers: Answers) -> bool:
    folder, old = old_folder(facts, answers), _old(facts, answers)
    if folder is not None:
        backup = next((one for one in facts.backups if one.folder == str(folder)), None)
        return (backup is None or backup.encrypted) and _password_missing(facts, str(folder))
    return (
        bool(old and old.encrypts_backups)
        and "chosen-password" not in answers
        and _password_missing(facts, old_phone_key(answers))
    )


def needs_new_phone_password(facts: MoveFacts, answers: Answers) -> bool:
    """Not if it was backed up in this conversation, which turns its encryption on with a known password."""
    new, udid = _new(facts, answers), new_udid(facts, answers)
    return (
        is_new_phone_in_use(answers)
        and bool(new and new.encrypts_backups)
        and udid not in facts.backup_contents
        and _password_missing(facts, udid)
    )


def prepare_new_phone(facts: MoveFacts, answers: Answers) -> Preparation | None:
    new = _new(facts, answers)
    return (
        None
        if not is_new_phone_in_use(answers)
        or (new and new.trusted)
        or new_udid(facts, answers) in facts.backup_contents
        else "meet-new"
    )


def prepare_old_backup(facts: MoveFacts, answers: Answers) -> Preparation | None:
    return None if (old_phone_key(answers) or "") in facts.backup_contents else "save-old"


# -- what moves ------------------------------------------------------------------------------------------------------


def ask_everything_or_some(facts: MoveFacts, answers: Answers) -> Question:
    free = _free_bytes(facts, answers)
    too_full = too_full_error(facts, answers, tuple(one.id for one in category_entries(facts, answers)))
    return Question(
        name="what",
        options=(Option(value=EVERYTHING, refused=too_full), Option(value=SOME)),
        phone=new_phone_name(facts, answers),
        free_bytes=free,
    )


def ask_chosen(facts: MoveFacts, answers: Answers) -> Question:
    return Question(
        name="chosen",
        kind="many",
        options=tuple(Option(value=one.id, about=one) for one in category_entries(facts, answers) if not one.is_empty),
        phone=new_phone_name(facts, answers),
        free_bytes=_free_bytes(facts, answers),
    )


def too_full_error(facts: MoveFacts, answers: Answers, ids: tuple[str, ...]) -> NewPhoneTooFull | None:
    """The error if these do not fit on the new phone; None if they do or its free space is unknown.

    This is an estimate: the phone itself decides during the restore.
    """
    free = _free_bytes(facts, answers)
    wanted = total_size_bytes(one for one in category_entries(facts, answers) if one.id in ids)
    if free is None or wanted <= free:
        return None
    return NewPhoneTooFull(new_phone_name(facts, answers) or _("The new phone"), free, wanted)


def ask_accept_unreadable(facts: MoveFacts, answers: Answers) -> Question:
    name_or_model = _old_phone_name(facts, answers)
    return Question(name="unreadable", options=(Option(value="accept"),), phone=name_or_model, preferred=BACK)


def has_unreadable_files(facts: MoveFacts, answers: Answers) -> bool:
    contents = old_backup_contents(facts, answers)
    return bool(contents and set(contents.unreadable) & set(owners(facts, answers)))


def ask_replace(facts: MoveFacts, answers: Answers) -> Question:
    without_counterpart = [owner for owner in owners(facts, answers) if not counterpart_count(facts, answers, owner)]
    leave = (Option(value="leave"),) if without_counterpart else ()
    return Question(name="replace", options=(Option(value="replace"), *leave), phone=new_phone_name(facts, answers))


def is_anything_replaced(facts: MoveFacts, answers: Answers) -> bool:
    if not is_new_phone_in_use(answers):
        return False
    return not facts.with_phones or any(counterpart_count(facts, answers, one) for one in owners(facts, answers))


def prepare_new_backup(facts: MoveFacts, answers: Answers) -> Preparation | None:
    return (
        "save-new"
        if is_new_phone_in_use(answers) and (new_udid(facts, answers) or "") not in facts.backup_contents
        else None
    )


def prepare_summary(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """A resumed conversation has its answers, but the phones and backups they refer to are not loaded yet."""
    new = _new(facts, answers)
    missing = (
        prepare_old_backup(facts, answers) or prepare_new_phone(facts, answers) or prepare_new_backup(facts, answers)
    )
    return missing or ("find-my-off" if new and new.connected and new.find_my else None)


# -- derived from facts and answers ----------------------------------------------------------------------------------


def old_backup_contents(facts: MoveFacts, answers: Answers) -> BackupContents | None:
    return facts.backup_contents.get(old_phone_key(answers) or "")


def category_entries(facts: MoveFacts, answers: Answers) -> tuple[CategoryEntry, ...]:
    """The categories and apps that can move: those in the old phone's backup, or all if there is no backup yet."""
    contents = old_backup_contents(facts, answers)
    every = contents.category_entries if contents else facts.catalogue
    encrypted, refused = is_encrypted(facts, answers), refused_in_use(facts, answers)
    return tuple(one for one in every if one.id not in refused and (encrypted or not one.needs_encryption))


def refused_in_use(facts: MoveFacts, answers: Answers) -> frozenset[str]:
    """The categories that this new phone cannot take because it is in use, as far as the phones are known."""
    if not is_new_phone_in_use(answers):
        return frozenset()
    old, new, contents = _old(facts, answers), _new(facts, answers), old_backup_contents(facts, answers)
    ios = contents.ios_version if contents else old.ios_version if old else None
    moved = moved_stores(load_catalogue().ids, ios, new.ios_version if new else None)
    synced = (new.synced_data if new else None) or {}
    return erased_only_categories().union(
        (one.category.id for one in moved), (category for name, category in SYNCED_BY.items() if synced.get(name))
    )


def is_encrypted(facts: MoveFacts, answers: Answers) -> bool:
    """Whether the old phone's backup will be encrypted: as chosen, else as it is now."""
    if (chosen := answers.one("encryption")) is not None:
        return chosen == "on"
    contents, old = old_backup_contents(facts, answers), _old(facts, answers)
    if contents is not None:
        return contents.encrypted
    return old is None or old.encrypts_backups is not False


def owners(facts: MoveFacts, answers: Answers) -> tuple[str, ...]:
    """The chosen categories and apps that are not empty."""
    ids = [one.id for one in category_entries(facts, answers) if not one.is_empty]
    return tuple(ids if answers.one("what") == EVERYTHING else [one for one in ids if one in answers.many("chosen")])


def counterpart_count(facts: MoveFacts, answers: Answers, owner: str) -> int:
    """How many items (else files) of a category or app are in the new phone's backup; 0 without a backup."""
    contents = facts.backup_contents.get(new_udid(facts, answers) or "")
    entry = next((one for one in contents.category_entries if one.id == owner), None) if contents else None
    return (entry.count or 0) if entry else 0


def is_app(entry: CategoryEntry) -> bool:
    return entry.id.startswith(APP_PREFIX)


def is_new_phone_in_use(answers: Answers) -> bool:
    return answers.one("new-is") == IN_USE


def _old(facts: MoveFacts, answers: Answers) -> Phone | None:
    return facts.phone(old_phone_key(answers))


def _old_udid(facts: MoveFacts, answers: Answers) -> str | None:
    folder = old_folder(facts, answers)
    backup = next((one for one in facts.backups if folder and one.folder == str(folder)), None)
    return backup.udid if backup else old_phone_key(answers)


def _old_phone_name(facts: MoveFacts, answers: Answers) -> str | None:
    old, contents = _old(facts, answers), old_backup_contents(facts, answers)
    backup = next((one for one in facts.backups if one.folder == old_phone_key(answers)), None)
    return old.name_or_model if old else contents.name if contents else backup.name if backup else None


def _new(facts: MoveFacts, answers: Answers) -> Phone | None:
    return facts.phone(new_udid(facts, answers))


def new_phone_name(facts: MoveFacts, answers: Answers) -> str | None:
    new = _new(facts, answers)
    return new.name_or_model if new else None


def _free_bytes(facts: MoveFacts, answers: Answers) -> int | None:
    new = _new(facts, answers)
    return new.free_bytes if new else None


def _password_missing(facts: MoveFacts, key: str | None) -> bool:
    return key is not None and key not in facts.known_passwords
