"""A set for a phone in use: what its own backup shows is refused or named while the set is composed, before anybody is
asked for the last confirmation."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.backup.restore_set.compose import RestoreSet
from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import load_catalogue
from migrate.content.counting import ItemCounts, KindCount
from migrate.content.kinds import kind
from migrate.content.tally import AppTally, CategoryTally, Tally
from migrate.journey.home import Home
from migrate.journey.opened_backup import OpenedBackup
from migrate.journey.prompts import Role
from migrate.journey.run_state import Run
from migrate.journey.steps import compose as composing
from migrate.journey.steps.compose import ComposedSet, compose_set
from migrate.journey.steps.new_phone import refuse_unfit_phone
from migrate.journey.steps.own_backup import limits_of
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified
from migrate.phone.facts import PhoneFacts
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import CategoriesSynced, RebuildDoesNotFit, RestoreWouldDelete
from tests.journey.moves import NEW, OLD, run_without_phones, see_every_row
from tests.journey.proof.made import CONTACTS, PHOTO, SMS, backup_of, seal_of

GB = 1_000_000_000
CHOSEN = ("contacts", "messages", "photos")
FULL_PHONE = PhoneFacts(udid=NEW, connection="USB", name="Ada's new iPhone", free_bytes=9 * GB, restore_bytes=4 * GB)
"""A phone that stages less than it has free."""


def a_tally(*apps: AppTally, **categories: dict[str, Any]) -> Tally:
    rows = (
        CategoryTally(category=load_catalogue().category(name), **{"files": 1, "bytes": 1, "notes": (), **known})
        for name, known in {**{name: {} for name in CHOSEN}, **categories}.items()
    )
    return Tally(backup=Path("b"), categories=tuple(rows), apps=apps, unclaimed=(), files=1, bytes=1)


def an_app(title: str, *, reinstallable: bool | None, files: int) -> AppTally:
    entry = AppEntry(id=f"com.example.{title.lower()}", title=title, reinstallable=reinstallable)
    return AppTally(app=entry, files=files, bytes=files, notes=())


def of_accounts(name: str, **accounts: int) -> dict[str, Any]:
    """Items of these accounts, and one of none."""
    live = sum(accounts.values()) + 1
    return {"items": live, "counts": ItemCounts(kinds=(KindCount(kind(name), live=live, accounts=Counter(accounts)),))}


def a_plan(strategy: Strategy = Strategy.REBUILD) -> Plan:
    experimental = [] if strategy is Strategy.REBUILD else [strategy.value]
    move = {"categories": list(CHOSEN), "may_replace": list(CHOSEN)}
    return Plan.model_validate(
        {"version": 1, "new_phone": {"is": "in-use", "experimental": experimental}, "move": move}
    )


class Composer:
    """Composes a set of contacts, messages and photos for a phone in use, up to the set itself, which is `made_bytes`
    long."""

    def __init__(self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run, self.made_bytes = run, 1
        self.old = self.new = a_tally()
        self.facts = replace(FULL_PHONE, restore_bytes=None)
        self.unreadable: tuple[tuple[str, str], ...] = ()
        self.composed = 0
        files = {SMS: b"messages", CONTACTS: b"contacts", PHOTO: b"\xff\xd8"}
        self.verified = OldPhoneVerified(folder / OLD, "whole", 1, 1, 1, "18.5", False, {})
        self.safety = NewPhoneVerified(run.folder / "safety" / NEW, "whole", 1, 1, 1, "27.0", False, {})
        self.safety.backup.parent.mkdir()
        for verified in (self.verified, self.safety):
            backup_of(verified.backup, files).__exit__(None, None, None)
        self._really_open = composing.open_with_claims
        monkeypatch.setattr(composing, "compose", self._compose)
        monkeypatch.setattr(composing, "open_with_claims", self._open)
        monkeypatch.setattr(composing, "tally", self._tally)
        monkeypatch.setattr(run, "phone", self._phone)

    def __call__(self, strategy: Strategy = Strategy.REBUILD) -> ComposedSet:
        self.run.set_strategy(strategy)
        return asyncio.run(compose_set(self.run, a_plan(strategy), self.verified, self.safety))

    def _compose(self, request: Any, progress: Any) -> RestoreSet:
        self.composed += 1
        see_every_row(request)
        return RestoreSet(path=Path("set"), records=1, files=1, bytes=self.made_bytes, dropped=())

    async def _open(self, run: Run, folder: Path, role: Role) -> OpenedBackup:
        opened = await self._really_open(run, folder, role)
        return replace(opened, seal=seal_of({}, self.unreadable)) if role == "new" else opened

    def _tally(self, backup: Any, claims: Any, *, tmp: Path) -> Tally:
        return self.new if backup.folder.path == self.safety.backup else self.old

    @asynccontextmanager
    async def _phone(self, role: str) -> AsyncIterator[Any]:
        assert role == "new"
        yield SimpleNamespace(facts=self.facts)


@pytest.fixture(name="compose")
def compose_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Composer:
    return Composer(run_without_phones(Home(tmp_path / "home").open()), tmp_path, monkeypatch)


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings]


# -- what its own backup does not bring back ---------------------------------------------------------------------------


def test_rows_of_accounts_that_the_phone_lacks_are_named_before_the_confirmation(compose: Composer) -> None:
    compose.old = a_tally(contacts=of_accounts("contacts", Work=1_200, iCloud=3))
    compose.new = a_tally(notes=of_accounts("notes", iCloud=1))
    composed = compose()
    assert composed.own_limits is not None and composed.own_limits.accounts == ("Contacts, 1,200 of Work",)
    (said,) = (finding for finding in compose.run.findings if finding.code == "account-missing")
    assert "Contacts, 1,200 of Work" in said.what and said.severity == "warning"


def test_only_what_moves_is_named_with_its_account(compose: Composer) -> None:
    compose.old = a_tally(notes=of_accounts("notes", Work=5))
    composed = compose()
    assert composed.own_limits is not None and composed.own_limits.accounts == ()
    assert "account-missing" not in codes(compose.run)


def test_apps_that_do_not_come_back_as_they_were_are_counted() -> None:
    own = a_tally(
        an_app("Chatter", reinstallable=True, files=4),
        an_app("Vault", reinstallable=True, files=0),
        an_app("Gone", reinstallable=False, files=2),
        an_app("Unlisted", reinstallable=None, files=0),
    )
    limits = limits_of(own, a_tally(), CHOSEN)
    assert (limits.apps, limits.not_reinstallable, limits.without_data) == (2, ("Gone",), ("Vault",))


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "synced"),
    [
        ({"contacts": of_accounts("contacts", iCloud=2)}, ("contacts",)),
        ({"photos": {"items": 4, "only_in_icloud": 1}}, ("photos",)),
        ({"notes": of_accounts("notes", iCloud=2)}, ()),
        ({"contacts": of_accounts("contacts")}, ()),
    ],
    ids=["of an account", "only in iCloud", "not chosen", "of no account"],
)
def test_a_category_that_its_own_backup_shows_as_synced_is_refused(
    compose: Composer, own: dict[str, Any], synced: tuple[str, ...]
) -> None:
    compose.new = a_tally(**own)
    if not synced:
        compose()
        return
    with pytest.raises(CategoriesSynced) as refused:
        compose()
    assert refused.value.categories == synced and compose.composed == 0


@pytest.mark.parametrize(
    ("strategy", "refuses"), [(Strategy.REBUILD, True), (Strategy.GRAFT, True), (Strategy.OVERLAY, False)]
)
def test_a_file_that_its_own_backup_lacks_would_be_deleted(
    compose: Composer, strategy: Strategy, refuses: bool
) -> None:
    """An overlay restores the old phone's backup, and deletes nothing."""
    compose.unreadable = (("HomeDomain", "Library/Notes/notes.sqlite"),)
    if not refuses:
        compose(strategy)
        return
    with pytest.raises(RestoreWouldDelete) as refused:
        compose(strategy)
    assert file_id(*compose.unreadable[0]) in refused.value.what and compose.composed == 0


# -- room --------------------------------------------------------------------------------------------------------------


def test_a_phone_that_stages_less_than_it_has_free_is_refused_when_it_is_met(compose: Composer) -> None:
    with pytest.raises(RebuildDoesNotFit) as refused:
        refuse_unfit_phone(compose.run, a_plan(), replace(FULL_PHONE, used_bytes=5 * GB), "18.5")
    assert (refused.value.free_bytes, refused.value.needed_bytes) == (4 * GB, 5 * GB)


def test_a_set_that_does_not_fit_after_all_is_refused_once_it_is_composed(compose: Composer) -> None:
    """At first only the larger of what is sent and what is there is compared; the set has both."""
    compose.facts, compose.made_bytes = replace(FULL_PHONE, used_bytes=3 * GB), 5 * GB
    refuse_unfit_phone(compose.run, a_plan(), compose.facts, "18.5", chosen_bytes=3 * GB)
    with pytest.raises(RebuildDoesNotFit) as refused:
        compose()
    assert (refused.value.free_bytes, refused.value.needed_bytes) == (4 * GB, 5 * GB)
