"""The behaviour of iOS versions: every tested version differs from the one before it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.domains import ALLOWED, is_allowed, is_backed_up, is_covered
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.versions import TESTED, Behaviour, _tables, behaviour_of


def test_a_later_table_overrides_earlier_ones() -> None:
    assert behaviour_of((26, 0)) == behaviour_of((18, 2))
    assert behaviour_of((26, 1)) != behaviour_of((26, 0))
    assert behaviour_of((99,)) == behaviour_of((27, 0))


@pytest.mark.parametrize("ios_version", TESTED)
def test_every_tested_version_behaves_differently(ios_version: str) -> None:
    behaviours = {version: SimulatedPhone(ios_version=version).behaviour for version in TESTED}
    assert [version for version in TESTED if behaviours[version] == behaviours[ios_version]] == [ios_version]


def test_the_oldest_table_has_every_key() -> None:
    since, table = _tables()[0]
    assert since == (0,) and set(table) == {field.name for field in fields(Behaviour)}


@pytest.mark.parametrize(
    ("ios_version", "exact"),
    [("16.4", set()), ("26.5", set()), ("27.0", {"HomeDomain", "CameraRollDomain"})],
)
def test_only_27_makes_two_domains_exact(ios_version: str, exact: set[str]) -> None:
    assert SimulatedPhone(ios_version=ios_version).behaviour.exact_domains == exact


@pytest.mark.parametrize("ios_version", ["16.4", "27.0"])
def test_all_generated_home_files_are_on_the_known_allow_list(ios_version: str) -> None:
    phone = SimulatedPhone(ios_version=ios_version)
    fill(phone, ContentsSpec(contacts=2, messages=20, photos=1, videos=0, health_samples=1, history=5), 7)
    strange = [
        node.relative_path
        for node in phone.files.walk("HomeDomain")
        if is_backed_up(node.domain, node.relative_path, encrypted=True)
        and not is_allowed(node.domain, node.relative_path)
    ]
    assert strange == []


def test_the_allow_list_covers_ancestors_and_descendants() -> None:
    for path in ("", "Library", "Library/SMS", "Library/SMS/sms.db-wal", "Library/CoreDuet/People"):
        assert is_allowed("HomeDomain", path)
    for path in ("Library/Maps/x", "Library/CoreDuet/Knowledge/knowledgeC.db", "Library/SMSx"):
        assert not is_allowed("HomeDomain", path)
    assert is_allowed("RootDomain", "whatever")  # no list is known
    assert all(is_covered(ALLOWED, "HomeDomain", rule) for rule in ALLOWED["HomeDomain"])
