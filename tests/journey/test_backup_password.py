"""Which password opens a backup, and when a person is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from migrate.journey import backup_password
from migrate.journey.backup_password import password_of
from migrate.journey.home import Home
from migrate.journey.prompts import Role
from migrate.journey.run_state import Run
from migrate.problems import PasswordMissing, WrongPassword
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Person, run_without_phones


@dataclass
class Typing(Person):
    """Types one password after the other."""

    typed: list[str] = field(default_factory=list)
    asked: int = 0

    def password(self, role: Role, phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        self.asked += 1
        return self.typed[0] if self.typed else super().password(role, phone, udid, may_prompt=may_prompt)

    def reject_password(self, role: Role, phone: str) -> bool:
        return bool(self.typed and self.typed.pop(0)) and bool(self.typed)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def unlock(backup: object, password: str) -> None:
        if password != PASSWORD:
            raise WrongPassword("backup")

    monkeypatch.setattr(backup_password, "unlock", unlock)
    monkeypatch.setattr(backup_password, "BackupFolder", lambda folder: SimpleNamespace(is_encrypted=folder != PLAIN))
    return run_without_phones(Home(tmp_path / "home").open())


PLAIN, ENCRYPTED = Path("plain"), Path("encrypted")


def opens(run: Run, person: Person, folder: Path = ENCRYPTED, role: Role = "old") -> str | None:
    asked = replace(run, context=replace(run.context, prompts=person))
    return asyncio.run(password_of(asked, folder, role))


def test_the_new_phone_may_carry_the_old_phones_password(run: Run) -> None:
    """After a restore of an encrypted backup."""
    assert opens(run, Person({"old": PASSWORD, "new": NEW_PASSWORD}), role="new") == PASSWORD
    with pytest.raises(WrongPassword):
        opens(run, Person({"old": NEW_PASSWORD, "new": PASSWORD}), role="old")


def test_a_typed_password_that_is_wrong_is_asked_for_again(run: Run) -> None:
    assert opens(run, Typing(typed=["a typo", "another", PASSWORD])) == PASSWORD
    with pytest.raises(WrongPassword):
        opens(run, Typing(typed=["a typo"]))


def test_a_password_that_nobody_gave_is_missing_and_not_wrong(run: Run) -> None:
    with pytest.raises(PasswordMissing):
        opens(run, Person({"old": None, "new": None}))


def test_nobody_is_asked_for_the_password_of_a_backup_that_is_not_encrypted(run: Run) -> None:
    person = Typing()
    assert opens(run, person, PLAIN) is None and person.asked == 0
