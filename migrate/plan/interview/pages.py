"""The pages of the interview: when each matters, what must be seen for it, and what may be answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from migrate.categories.catalogue import APP_PREFIX
from migrate.plan.interview.answers import Answer, Answers
from migrate.plan.interview.observations import (
    BACK,
    Deed,
    EarlierBackup,
    Holding,
    Option,
    Phone,
    Question,
    Saved,
    Seen,
    new_udid,
    old_folder,
    old_key,
    weight_of,
)
from migrate.plan.strategy import ONLY_TO_ERASED, strategy_for
from migrate.problems import BackupTooOld, MigrateError, NewPhoneTooFull, StrategyRefused

LATER, FOLDER, AFRESH, GO_ON = "later", "folder", "afresh", "go-on"
ERASED: Literal["erased"] = "erased"
IN_USE: Literal["in-use"] = "in-use"
EVERYTHING, SOME = "everything", "some"
ALL_APPS = "all-apps"

Look = Callable[[Seen, Answers], Question]
When = Callable[[Seen, Answers], bool]
Need = Callable[[Seen, Answers], Deed | None]


def always(seen: Seen, said: Answers) -> bool:
    return True


def nothing(seen: Seen, said: Answers) -> Deed | None:
    return None


@dataclass(frozen=True)
class Ask:
    """One page. `needs` is looked at first: what it names can change whether the page matters."""

    name: str
    about: Look
    matters: When = always
    needs: Need = nothing


# -- who -------------------------------------------------------------------------------------------------------------


def start(seen: Seen, said: Answers) -> Question:
    left = (Option(value=GO_ON),) if seen.left else ()
    runs = tuple(Option(value=run.id, about=run) for run in reversed(seen.unfinished))
    return Question(name="start", options=(*runs[:9], *left, Option(value=AFRESH)))


def which_is_old(seen: Seen, said: Answers) -> Question:
    phones = tuple(Option(value=phone.udid, about=phone) for phone in seen.connected)
    backups = tuple(Option(value=one.folder, about=one, refused=_too_old(one)) for one in seen.backups[:9])
    return Question(name="old", options=(*phones, *backups, Option(value=FOLDER)))


def _too_old(backup: EarlierBackup) -> MigrateError | None:
    return BackupTooOld(backup.folder, backup.ios_version or "") if backup.is_too_old else None


def which_folder(seen: Seen, said: Answers) -> Question:
    return Question(name="folder", kind="path")


def which_is_new(seen: Seen, said: Answers) -> Question:
    others = tuple(Option(value=one.udid, about=one) for one in seen.connected if one.udid != _old_udid(seen, said))
    return Question(name="new", options=(*others, Option(value=LATER)))


def what_new_is(seen: Seen, said: Answers) -> Question:
    new = _new(seen, said)
    refused: MigrateError | None = None
    if new is not None and new.ios_version is not None:
        try:
            strategy_for(IN_USE, new.ios_version, phone=new.called)
        except StrategyRefused as error:
            refused = error
    return Question(
        name="new-is",
        options=(Option(value=ERASED), Option(value=IN_USE, refused=refused)),
        phone=new.called if new else None,
    )


def may_be_wiped(seen: Seen, said: Answers) -> Question:
    new = _new(seen, said)
    return Question(name="wipe", options=(Option(value="wipe"),), phone=new.called if new else None, preferred=BACK)


def shows_signs_of_use(seen: Seen, said: Answers) -> bool:
    return said.one("new-is") == ERASED and bool(seen.signs_of_use.get(new_udid(seen, said) or ""))


def look_at_new(seen: Seen, said: Answers) -> Deed | None:
    """Only where it trusts us already: the Trust dialog comes when the new phone's turn comes."""
    new = _new(seen, said)
    known = new is None or new.udid in seen.signs_of_use
    return "look-at-new" if said.one("new-is") == ERASED and new and new.trusted and not known else None


# -- how it is saved -------------------------------------------------------------------------------------------------


def whether_encrypted(seen: Seen, said: Answers) -> Question:
    return Question(name="encryption", options=(Option(value="on"), Option(value="off")), phone=_old_called(seen, said))


def encryption_is_off(seen: Seen, said: Answers) -> bool:
    if not seen.with_phones:
        return True
    old = _old(seen, said)
    return old_folder(seen, said) is None and old is not None and old.encrypts_backups is False


def meet_old(seen: Seen, said: Answers) -> Deed | None:
    old = _old(seen, said)
    if old_folder(seen, said) is not None or (old_key(said) or "") in seen.saves:
        return None
    return None if old is not None and old.trusted and old.encrypts_backups is not None else "meet-old"


def chosen_password(seen: Seen, said: Answers) -> Question:
    return Question(name="chosen-password", kind="new-secret", phone=_old_called(seen, said))


def old_password(seen: Seen, said: Answers) -> Question:
    return Question(name="old-password", kind="secret", phone=_old_called(seen, said))


def new_password(seen: Seen, said: Answers) -> Question:
    new = _new(seen, said)
    return Question(name="new-password", kind="secret", phone=new.called if new else None)


def wants_new_secret(seen: Seen, said: Answers) -> bool:
    """Not where encryption is on by now: a conversation that goes on may have turned it on itself."""
    on = bool((old := _old(seen, said)) and old.encrypts_backups)
    return seen.with_phones and said.one("encryption") == "on" and not on and _not_told(seen, old_key(said))


def wants_old_secret(seen: Seen, said: Answers) -> bool:
    folder, old = old_folder(seen, said), _old(seen, said)
    if folder is not None:
        backup = next((one for one in seen.backups if one.folder == str(folder)), None)
        return (backup is None or backup.encrypted) and _not_told(seen, str(folder))
    return bool(old and old.encrypts_backups) and "chosen-password" not in said and _not_told(seen, old_key(said))


def wants_new_phone_secret(seen: Seen, said: Answers) -> bool:
    """Not once it was saved in this conversation: its encryption was turned on then, if it was off."""
    new, udid = _new(seen, said), new_udid(seen, said)
    return in_use(said) and bool(new and new.encrypts_backups) and udid not in seen.saves and _not_told(seen, udid)


def meet_new(seen: Seen, said: Answers) -> Deed | None:
    new = _new(seen, said)
    return None if not in_use(said) or (new and new.trusted) or new_udid(seen, said) in seen.saves else "meet-new"


def save_old(seen: Seen, said: Answers) -> Deed | None:
    return None if (old_key(said) or "") in seen.saves else "save-old"


# -- what moves ------------------------------------------------------------------------------------------------------


def all_or_some(seen: Seen, said: Answers) -> Question:
    free = _free_bytes(seen, said)
    too_full = refuse_too_full(seen, said, tuple(one.id for one in holdings(seen, said)))
    return Question(
        name="what",
        options=(Option(value=EVERYTHING, refused=too_full), Option(value=SOME)),
        phone=new_called(seen, said),
        free_bytes=free,
    )


def chosen(seen: Seen, said: Answers) -> Question:
    return Question(
        name="chosen",
        kind="many",
        options=tuple(Option(value=one.id, about=one) for one in holdings(seen, said) if not one.is_empty),
        phone=new_called(seen, said),
        free_bytes=_free_bytes(seen, said),
    )


def refuse_too_full(seen: Seen, said: Answers, ids: tuple[str, ...]) -> NewPhoneTooFull | None:
    """Why so much does not fit; None where it does, or nobody can tell yet. The phone's own word comes later."""
    free = _free_bytes(seen, said)
    wanted = weight_of(one for one in holdings(seen, said) if one.id in ids)
    if free is None or wanted <= free:
        return None
    return NewPhoneTooFull(new_called(seen, said) or "The new phone", free, wanted)


def accept_unreadable(seen: Seen, said: Answers) -> Question:
    called = _old_called(seen, said)
    return Question(name="unreadable", options=(Option(value="accept"),), phone=called, preferred=BACK)


def some_unreadable(seen: Seen, said: Answers) -> bool:
    saved = saved_old(seen, said)
    return bool(saved and set(saved.unreadable) & set(owners(seen, said)))


def may_replace(seen: Seen, said: Answers) -> Question:
    kept = [one for one in owners(seen, said) if not counterpart_count(seen, said, one)]
    leave = (Option(value="leave"),) if kept else ()
    return Question(name="replace", options=(Option(value="replace"), *leave), phone=new_called(seen, said))


def something_is_replaced(seen: Seen, said: Answers) -> bool:
    if not in_use(said):
        return False
    return not seen.with_phones or any(counterpart_count(seen, said, one) for one in owners(seen, said))


def save_new(seen: Seen, said: Answers) -> Deed | None:
    return "save-new" if in_use(said) and (new_udid(seen, said) or "") not in seen.saves else None


def all_is_seen(seen: Seen, said: Answers) -> Deed | None:
    """A conversation that goes on has its answers, but not yet what they are about."""
    new = _new(seen, said)
    missing = save_old(seen, said) or meet_new(seen, said) or save_new(seen, said)
    return missing or ("find-my-off" if new and new.connected and new.find_my else None)


# -- read from what is seen and said ---------------------------------------------------------------------------------


def saved_old(seen: Seen, said: Answers) -> Saved | None:
    return seen.saves.get(old_key(said) or "")


def holdings(seen: Seen, said: Answers) -> tuple[Holding, ...]:
    """What could move: what the saved phone holds, or every category where nothing was saved yet."""
    saved = saved_old(seen, said)
    every = saved.holdings if saved else seen.catalogue
    encrypted = is_encrypted(seen, said)
    return tuple(
        one
        for one in every
        if not (in_use(said) and one.id in ONLY_TO_ERASED) and (encrypted or not one.needs_encryption)
    )


def is_encrypted(seen: Seen, said: Answers) -> bool:
    """Whether the old phone's backup is to be encrypted: as chosen, or as it is already."""
    if (chosen := said.one("encryption")) is not None:
        return chosen == "on"
    saved, old = saved_old(seen, said), _old(seen, said)
    if saved is not None:
        return saved.encrypted
    return old is None or old.encrypts_backups is not False


def owners(seen: Seen, said: Answers) -> tuple[str, ...]:
    """The categories and apps that were chosen and that have something in them."""
    ids = [one.id for one in holdings(seen, said) if not one.is_empty]
    return tuple(ids if said.one("what") == EVERYTHING else [one for one in ids if one in said.many("chosen")])


def counterpart_count(seen: Seen, said: Answers, owner: str) -> int:
    """How much of a category or app the new phone has, as far as it was saved."""
    there = seen.saves.get(new_udid(seen, said) or "")
    found = next((one for one in there.holdings if one.id == owner), None) if there else None
    return (found.count or 0) if found else 0


def complaint(seen: Seen, said: Answers, question: Question, answer: Answer) -> MigrateError | None:
    """Why this answer cannot be taken."""
    if question.kind == "many" and isinstance(answer, tuple):
        return refuse_too_full(seen, said, answer)
    option = next((one for one in question.options if one.value == answer), None)
    return option.refused if option else None


def is_app(holding: Holding) -> bool:
    return holding.id.startswith(APP_PREFIX)


def in_use(said: Answers) -> bool:
    return said.one("new-is") == IN_USE


def _old(seen: Seen, said: Answers) -> Phone | None:
    return seen.phone(old_key(said))


def _old_udid(seen: Seen, said: Answers) -> str | None:
    folder = old_folder(seen, said)
    backup = next((one for one in seen.backups if folder and one.folder == str(folder)), None)
    return backup.udid if backup else old_key(said)


def _old_called(seen: Seen, said: Answers) -> str | None:
    old, saved = _old(seen, said), saved_old(seen, said)
    backup = next((one for one in seen.backups if one.folder == old_key(said)), None)
    return old.called if old else saved.name if saved else backup.name if backup else None


def _new(seen: Seen, said: Answers) -> Phone | None:
    return seen.phone(new_udid(seen, said))


def new_called(seen: Seen, said: Answers) -> str | None:
    new = _new(seen, said)
    return new.called if new else None


def _free_bytes(seen: Seen, said: Answers) -> int | None:
    new = _new(seen, said)
    return new.free_bytes if new else None


def _not_told(seen: Seen, key: str | None) -> bool:
    return key is not None and key not in seen.told
