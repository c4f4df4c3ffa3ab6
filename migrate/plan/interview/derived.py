"""What follows from the facts and the answers: which phones, which categories, what is encrypted."""

from __future__ import annotations

from typing import Literal

from migrate.categories.catalogue import APP_PREFIX, load_catalogue
from migrate.plan.in_use import SYNCED_BY, erased_only_categories, moved_stores
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import (
    BackupContents,
    CategoryEntry,
    MoveFacts,
    Phone,
    new_udid,
    old_folder,
    old_phone_key,
)

LATER, FOLDER, START_OVER, CONTINUE = "later", "folder", "afresh", "go-on"
ERASED: Literal["erased"] = "erased"
IN_USE: Literal["in-use"] = "in-use"
EVERYTHING, SOME = "everything", "some"
ALL_APPS = "all-apps"


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
    old, new, contents = old_phone(facts, answers), new_phone(facts, answers), old_backup_contents(facts, answers)
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
    contents, old = old_backup_contents(facts, answers), old_phone(facts, answers)
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


def old_phone(facts: MoveFacts, answers: Answers) -> Phone | None:
    return facts.phone(old_phone_key(answers))


def old_udid(facts: MoveFacts, answers: Answers) -> str | None:
    folder = old_folder(facts, answers)
    backup = next((one for one in facts.backups if folder and one.folder == str(folder)), None)
    return backup.udid if backup else old_phone_key(answers)


def old_phone_name(facts: MoveFacts, answers: Answers) -> str | None:
    old, contents = old_phone(facts, answers), old_backup_contents(facts, answers)
    backup = next((one for one in facts.backups if one.folder == old_phone_key(answers)), None)
    return old.name_or_model if old else contents.name if contents else backup.name if backup else None


def new_phone(facts: MoveFacts, answers: Answers) -> Phone | None:
    return facts.phone(new_udid(facts, answers))


def new_phone_name(facts: MoveFacts, answers: Answers) -> str | None:
    new = new_phone(facts, answers)
    return new.name_or_model if new else None


def free_bytes_there(facts: MoveFacts, answers: Answers) -> int | None:
    new = new_phone(facts, answers)
    return new.free_bytes if new else None


def password_missing(facts: MoveFacts, key: str | None) -> bool:
    return key is not None and key not in facts.known_passwords
