"""Which password opens a backup. A person is asked only here, never inside a worker thread."""

from __future__ import annotations

from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import unlock
from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import Role
from migrate.journey.threads import in_thread
from migrate.problems import PasswordMissing, WrongPassword


async def password_of(session: PhoneSession, folder: Path, role: Role) -> str | None:
    """The password that opens `folder`, a backup of the old or of the new phone; None where it is not encrypted.

    A typed password that is wrong is asked for again.

    Raises:
        PasswordMissing: no password was given. WrongPassword: none of those given opens it.
    """
    backup = BackupFolder(folder)
    if not backup.is_encrypted:
        return None
    while True:
        tried = candidate_passwords(session, role)
        for word in tried:
            if await in_thread(session, lambda word=word: _can_open(backup, word)):  # type: ignore[misc]
                return word
        if role == "new" and (typed := _ask(session, role, may_prompt=True)) and typed not in tried:
            if await in_thread(session, lambda typed=typed: _can_open(backup, typed)):  # type: ignore[misc]
                return typed
            tried.append(typed)
        if not tried:
            raise PasswordMissing(folder)
        if not session.prompts.reject_password(role, session.name_of(role)):
            raise WrongPassword(str(folder))


def candidate_passwords(session: PhoneSession, role: Role) -> list[str]:
    """The passwords that may open a backup of this phone, the likeliest first.

    After a `replace` from an encrypted backup the new phone may carry the old phone's password (REPORTED, facts 5.4),
    so a person is asked for the new phone's only after that one was tried.
    """
    known = [_ask(session, role, may_prompt=role == "old")]
    if role == "new":
        known.append(_ask(session, "old", may_prompt=session.encrypts_backups))
    return list(dict.fromkeys(word for word in known if word))


def _ask(session: PhoneSession, role: Role, *, may_prompt: bool) -> str | None:
    return session.prompts.password(role, session.name_of(role), session.udid_of(role), may_prompt=may_prompt)


def _can_open(backup: BackupFolder, password: str) -> bool:
    try:
        unlock(backup, password)
    except WrongPassword:
        return False
    return True
