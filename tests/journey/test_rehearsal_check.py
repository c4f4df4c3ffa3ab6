"""What a rehearsal looks at on the simulated iPhone, file by file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.categories.claims import Claims
from migrate.journey.opened_backup import OpenedBackup
from migrate.journey.steps.compose import AgreedSelection
from migrate.journey.steps.rehearse import RehearsalCheck
from migrate.plan.strategy import Strategy
from migrate.simulator.device.filesystem import DigestOnly, Filesystem
from tests.journey.proof.made import LINK, PHOTO, Files, backup_of, link_to, seal_of, zero

MEMO = ("MediaDomain", "Media/Recordings/soup.m4a")
OWN_MEMO = ("MediaDomain", "Media/Recordings/own.m4a")
Look = Callable[..., RehearsalCheck]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Voice memos move to a phone in use: `sent`, and what is on it `before` and `after` the rehearsal."""

    def look(
        sent: Files,
        after: Files,
        before: Files,
        *,
        in_set: Files | None = None,
        unsent: bool = False,
        sealed: bool = False,
    ) -> RehearsalCheck:
        in_set = sent if in_set is None else in_set
        old, restore_set = backup_of(tmp_path / "old", sent), backup_of(tmp_path / "set", in_set)
        earlier = backup_of(tmp_path / "before", before)
        phone = Filesystem()
        for (domain, path), content in after.items():
            if content.startswith(LINK):
                phone.add_symlink(domain, path, content.removeprefix(LINK).decode())
            else:
                digest = hashlib.sha256(content).digest()
                phone.add_file(domain, path, DigestOnly(digest, len(content)) if sealed else content)
        unsent_file_ids = frozenset(record.file_id for record in old.records()) if unsent else frozenset()
        simulated: Any = SimpleNamespace(files=phone, apps={}, name="the simulated iPhone")
        check = RehearsalCheck(
            rehearsal_phone=simulated,
            agreement=AgreedSelection(
                OpenedBackup(old, Claims.of(old), None), frozenset({"voice-memos"}), unsent_file_ids
            ),
            restore_set=restore_set,
            seal=seal_of(in_set) if sealed else None,
            strategy=Strategy.OVERLAY,
            before=earlier,
            before_claims=Claims.of(earlier),
        )
        check.look()
        assert check.bad == len(check.findings)
        return check

    return look


def codes(check: RehearsalCheck) -> list[str]:
    return [finding.code for finding in check.findings]


def test_what_arrives_and_what_stays_is_fine_and_what_is_replaced_may_go(look: Look) -> None:
    photo = {PHOTO: b"\xff\xd8 its own"}
    check = look({MEMO: b"soup"}, {MEMO: b"soup", **photo}, {OWN_MEMO: b"replaced", **photo})
    assert codes(check) == []
    assert check.outcomes == {"voice-memos": {"arrives": 1}} and check.kept == {"kept": 1}


@pytest.mark.parametrize(
    ("after", "code"), [({}, "rehearsal-missing"), ({MEMO: b"stew"}, "rehearsal-changed")], ids=["missing", "changed"]
)
def test_one_file_that_does_not_arrive_as_it_was_sent_is_found(look: Look, after: Files, code: str) -> None:
    assert codes(look({MEMO: b"soup"}, after, {})) == [code]


@pytest.mark.parametrize("unsent", [True, False])
def test_a_file_that_is_not_in_the_set_is_missing_unless_that_was_said(look: Look, unsent: bool) -> None:
    check = look({MEMO: b"soup"}, {}, {}, in_set={}, unsent=unsent)
    assert codes(check) == ([] if unsent else ["rehearsal-missing"])


def test_a_link_that_leads_elsewhere_is_found(look: Look) -> None:
    assert codes(look({MEMO: link_to("there")}, {MEMO: link_to("elsewhere")}, {})) == ["rehearsal-changed"]


def test_what_was_received_as_sealed_has_arrived_and_is_not_read_again(look: Look, tmp_path: Path) -> None:
    """The set was read once, while it was sent."""
    check = look({MEMO: b"soup"}, {MEMO: b"soup"}, {}, sealed=True)
    assert codes(check) == [] and check.outcomes == {"voice-memos": {"arrives": 1}}
    zero(check.restore_set, MEMO)
    again = replace(check, outcomes={}, findings=[])
    again.look()
    assert codes(again) == []


def test_what_was_received_otherwise_than_sealed_is_found(look: Look) -> None:
    assert codes(look({MEMO: b"soup"}, {MEMO: b"stew"}, {}, sealed=True)) == ["rehearsal-changed"]


def test_a_photo_of_its_own_that_would_be_wiped_is_found(look: Look) -> None:
    assert codes(look({MEMO: b"soup"}, {MEMO: b"soup"}, {PHOTO: b"\xff\xd8"})) == ["rehearsal-lost"]


def test_a_photo_of_its_own_that_is_sent_again_has_to_be_the_same(look: Look) -> None:
    """A graft sends what is on the phone once more."""
    graft = {MEMO: b"soup", PHOTO: b"\xff\xd8 altered"}
    check = look({MEMO: b"soup"}, graft, {PHOTO: b"\xff\xd8"}, in_set=graft)
    assert codes(check) == ["rehearsal-kept-changed"]
