"""Which password opens a saved backup. A person may be asked here, and only here: never inside a worker thread."""

from __future__ import annotations

from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import unlock
from migrate.journey.run_state import Role, Run
from migrate.journey.threads import in_thread
from migrate.problems import PasswordMissing, WrongPassword


async def password_of(run: Run, folder: Path, role: Role) -> str | None:
    """The password that opens `folder`, a backup of the old or of the new phone; None where it is not encrypted.

    A typed one that does not fit is asked for again.

    Raises:
        PasswordMissing: nobody told one. WrongPassword: none of those told opens it.
    """
    backup = BackupFolder(folder)
    if not backup.is_encrypted:
        return None
    while True:
        tried = candidate_passwords(run, role)
        for word in tried:
            if await in_thread(run, lambda word=word: _can_open(backup, word)):  # type: ignore[misc]
                return word
        if role == "new" and (typed := _ask(run, role, may_prompt=True)) and typed not in tried:
            if await in_thread(run, lambda typed=typed: _can_open(backup, typed)):  # type: ignore[misc]
                return typed
            tried.append(typed)
        if not tried:
            raise PasswordMissing(folder)
        if not run.prompts.reject_password(role, run.name_of(role)):
            raise WrongPassword(str(folder))


def candidate_passwords(run: Run, role: Role) -> list[str]:
    """What may open a backup of this phone, the likeliest first.

    After a `replace` from an encrypted backup the new phone may carry the old phone's password (REPORTED, facts 5.4),
    so for the new phone a person is not asked before that one was tried.
    """
    told = [_ask(run, role, may_prompt=role == "old")]
    if role == "new":
        told.append(_ask(run, "old", may_prompt=run.plan.backup.encrypted))
    return list(dict.fromkeys(word for word in told if word))


def _ask(run: Run, role: Role, *, may_prompt: bool) -> str | None:
    return run.prompts.password(role, run.name_of(role), run.journal.udid_of(role), may_prompt=may_prompt)


def _can_open(backup: BackupFolder, password: str) -> bool:
    try:
        unlock(backup, password)
    except WrongPassword:
        return False
    return True
