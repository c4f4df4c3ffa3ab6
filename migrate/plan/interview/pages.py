"""The pages of the interview: when each is asked, what has to be prepared for it, and the possible answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate.language import _
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    ALL_APPS,
    CONTINUE,
    ERASED,
    EVERYTHING,
    FOLDER,
    IN_USE,
    LATER,
    SOME,
    START_OVER,
    category_entries,
    counterpart_count,
    free_bytes_there,
    is_app,
    is_new_phone_in_use,
    new_phone,
    new_phone_name,
    old_backup_contents,
    old_phone,
    old_phone_name,
    old_udid,
    owners,
    password_missing,
)
from migrate.plan.interview.observations import (
    AGAIN,
    BACK,
    CHANGE,
    DROP,
    GO_ON,
    CategoryEntry,
    ExistingBackup,
    MoveFacts,
    Option,
    Preparation,
    Question,
    chosen_run,
    new_udid,
    old_folder,
    old_phone_key,
    total_size_bytes,
)
from migrate.plan.interview.obstacles import is_final, refused_version, space_obstacles
from migrate.problems import BackupTooOld, MigrateError, NewPhoneTooFull

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


def ask_unfinished(facts: MoveFacts, answers: Answers) -> Question:
    """What to do with the unfinished run. Its plan can change as long as nothing was sent."""
    run = chosen_run(facts, answers)
    can_change = run is not None and not run.is_sent and not run.is_undo
    change = (Option(value=CHANGE, about=run),) if can_change else ()
    return Question(
        name="unfinished",
        options=(Option(value=GO_ON, about=run), *change, Option(value=DROP, about=run)),
        preferred=GO_ON,
    )


def ask_drop(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="drop", options=(Option(value=DROP, about=chosen_run(facts, answers)),), preferred=BACK)


def ask_old_phone(facts: MoveFacts, answers: Answers) -> Question:
    phones = tuple(Option(value=phone.udid, about=phone) for phone in facts.connected)
    backups = tuple(Option(value=one.folder, about=one, refused=_too_old(one)) for one in facts.backups[:9])
    again = (Option(value=AGAIN),) if facts.no_muxer else ()
    return Question(name="old", options=(*again, *phones, *backups, Option(value=FOLDER)))


def _too_old(backup: ExistingBackup) -> MigrateError | None:
    return BackupTooOld(backup.folder, backup.ios_version or "") if backup.is_too_old else None


def ask_backup_folder(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="folder", kind="path")


def ask_new_phone(facts: MoveFacts, answers: Answers) -> Question:
    candidates = tuple(
        Option(value=phone.udid, about=phone) for phone in facts.connected if phone.udid != old_udid(facts, answers)
    )
    return Question(name="new", options=(*candidates, Option(value=LATER)))


def ask_version(facts: MoveFacts, answers: Answers) -> Question:
    """The new phone's iOS is too old for the backup: nothing goes on until that has changed."""
    refused = refused_version(facts, answers)
    return Question(
        name="version",
        options=(Option(value=AGAIN),),
        phone=new_phone_name(facts, answers),
        obstacles=(refused,) if refused else (),
    )


def ask_space(facts: MoveFacts, answers: Answers) -> Question:
    """Something may not fit. Where it certainly does not, there is no way on."""
    found = space_obstacles(facts, answers)
    go_on = () if any(isinstance(one, MigrateError) and is_final(one) for one in found) else (Option(value=GO_ON),)
    return Question(
        name="space",
        options=(Option(value=AGAIN), *go_on),
        phone=new_phone_name(facts, answers),
        obstacles=found,
    )


def ask_new_phone_state(facts: MoveFacts, answers: Answers) -> Question:
    new = new_phone(facts, answers)
    return Question(
        name="new-is",
        options=(Option(value=ERASED), Option(value=IN_USE)),
        phone=new.name_or_model if new else None,
    )


def ask_wipe(facts: MoveFacts, answers: Answers) -> Question:
    new = new_phone(facts, answers)
    return Question(
        name="wipe", options=(Option(value="wipe"),), phone=new.name_or_model if new else None, preferred=BACK
    )


def has_signs_of_use(facts: MoveFacts, answers: Answers) -> bool:
    return answers.one("new-is") == ERASED and bool(facts.signs_of_use.get(new_udid(facts, answers) or ""))


def prepare_signs_of_use(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """Only if the new phone trusts this computer already; otherwise its Trust dialog appears later, when it is met."""
    new = new_phone(facts, answers)
    known = new is None or new.udid in facts.signs_of_use
    return "look-at-new" if answers.one("new-is") == ERASED and new and new.trusted and not known else None


# -- backup and passwords --------------------------------------------------------------------------------------------


def ask_encryption(facts: MoveFacts, answers: Answers) -> Question:
    """A phone in use gets its own encrypted backup back, and so the plan cannot leave encryption off."""
    off = () if is_new_phone_in_use(answers) else (Option(value="off"),)
    return Question(name="encryption", options=(Option(value="on"), *off), phone=old_phone_name(facts, answers))


def is_encryption_off(facts: MoveFacts, answers: Answers) -> bool:
    if not facts.with_phones:
        return True
    old = old_phone(facts, answers)
    return old_folder(facts, answers) is None and old is not None and old.encrypts_backups is False


def prepare_old_phone(facts: MoveFacts, answers: Answers) -> Preparation | None:
    old = old_phone(facts, answers)
    if old_folder(facts, answers) is not None or (old_phone_key(answers) or "") in facts.backup_contents:
        return None
    return None if old is not None and old.trusted and old.encrypts_backups is not None else "meet-old"


def ask_chosen_password(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="chosen-password", kind="new-secret", phone=old_phone_name(facts, answers))


def ask_old_password(facts: MoveFacts, answers: Answers) -> Question:
    return Question(name="old-password", kind="secret", phone=old_phone_name(facts, answers))


def ask_new_phone_password(facts: MoveFacts, answers: Answers) -> Question:
    new = new_phone(facts, answers)
    return Question(name="new-password", kind="secret", phone=new.name_or_model if new else None)


def needs_chosen_password(facts: MoveFacts, answers: Answers) -> bool:
    """Not if encryption is on already: a resumed conversation may have turned it on itself."""
    on = bool((old := old_phone(facts, answers)) and old.encrypts_backups)
    return (
        facts.with_phones
        and answers.one("encryption") == "on"
        and not on
        and password_missing(facts, old_phone_key(answers))
    )


def needs_old_password(facts: MoveFacts, answers: Answers) -> bool:
    folder, old = old_folder(facts, answers), old_phone(facts, answers)
    if folder is not None:
        backup = next((one for one in facts.backups if one.folder == str(folder)), None)
        return (backup is None or backup.encrypted) and password_missing(facts, str(folder))
    return (
        bool(old and old.encrypts_backups)
        and "chosen-password" not in answers
        and password_missing(facts, old_phone_key(answers))
    )


def needs_new_phone_password(facts: MoveFacts, answers: Answers) -> bool:
    """Not if it was backed up in this conversation, which turns its encryption on with a known password."""
    new, udid = new_phone(facts, answers), new_udid(facts, answers)
    return (
        is_new_phone_in_use(answers)
        and bool(new and new.encrypts_backups)
        and udid not in facts.backup_contents
        and password_missing(facts, udid)
    )


def prepare_new_phone(facts: MoveFacts, answers: Answers) -> Preparation | None:
    new = new_phone(facts, answers)
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
    free = free_bytes_there(facts, answers)
    too_full = too_full_error(facts, answers, tuple(one.id for one in category_entries(facts, answers)))
    return Question(
        name="what",
        options=(Option(value=EVERYTHING, refused=too_full), Option(value=SOME)),
        phone=new_phone_name(facts, answers),
        free_bytes=free,
    )


def ask_chosen(facts: MoveFacts, answers: Answers) -> Question:
    there = [one for one in category_entries(facts, answers) if not one.is_empty]
    return Question(
        name="chosen",
        kind="many",
        options=tuple(Option(value=one.id, about=one) for one in there),
        selected=preselected(facts, answers, there),
        phone=new_phone_name(facts, answers),
        free_bytes=free_bytes_there(facts, answers),
    )


def preselected(facts: MoveFacts, answers: Answers, there: Sequence[CategoryEntry]) -> tuple[str, ...]:
    """What is selected at first: what was selected last, else everything for an erased phone. Nothing for a phone in
    use, because each choice replaces something there."""
    if "chosen" in facts.remembered:
        last = set(facts.remembered.many("chosen"))
        return tuple(one.id for one in there if one.id in last or (ALL_APPS in last and is_app(one)))
    return () if is_new_phone_in_use(answers) else tuple(one.id for one in there)


def too_full_error(facts: MoveFacts, answers: Answers, ids: tuple[str, ...]) -> NewPhoneTooFull | None:
    """The error if these do not fit on the new phone; None if they do or its free space is unknown.

    This is an estimate: the phone itself decides during the restore.
    """
    free = free_bytes_there(facts, answers)
    wanted = total_size_bytes(one for one in category_entries(facts, answers) if one.id in ids)
    if free is None or wanted <= free:
        return None
    return NewPhoneTooFull(new_phone_name(facts, answers) or _("The new phone"), free, wanted)


def ask_accept_unreadable(facts: MoveFacts, answers: Answers) -> Question:
    name_or_model = old_phone_name(facts, answers)
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
    new = new_phone(facts, answers)
    missing = (
        prepare_old_backup(facts, answers) or prepare_new_phone(facts, answers) or prepare_new_backup(facts, answers)
    )
    return missing or ("find-my-off" if new and new.connected and new.find_my else None)
