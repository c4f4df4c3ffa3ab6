"""The phone's own lists, from a public transcription of Domains.plist of iOS 16.4."""

from __future__ import annotations

import pytest

from migrate.backup.companions import SUFFIXES
from migrate.categories.arrival import never_arrives_reason
from migrate.categories.catalogue import load_catalogue
from migrate.categories.domain_lists import domain_lists, is_listed

NOT_TO_RESTORE = {
    "HomeDomain": 68,
    "RootDomain": 10,
    "WirelessDomain": 7,
    "KeyboardDomain": 4,
    "ProtectedDomain": 2,
    "KeychainDomain": 1,
}
"""How many paths each domain has, counted by others who read the same file."""


def test_the_lists_are_complete_and_contain_paths() -> None:
    counted = {domain: len(lists.get("RelativePathsNotToRestore", ())) for domain, lists in domain_lists().items()}
    assert {domain: count for domain, count in counted.items() if count} == NOT_TO_RESTORE
    migrate = [path for lists in domain_lists().values() for path in lists.get("RelativePathsNotToMigrate", ())]
    assert len(migrate) == 8
    for lists in domain_lists().values():
        for paths in lists.values():
            assert len(set(paths)) == len(paths)
            assert all(path == path.strip("/ ") and path for path in paths)


@pytest.mark.parametrize("below", ["", "/below/x", *SUFFIXES])
def test_a_path_covers_what_is_below_it_and_its_companions(below: str) -> None:
    assert is_listed(["RelativePathsNotToRestore"], "HomeDomain", "Library/Maps" + below)


@pytest.mark.parametrize(
    ("domain", "path"),
    [("HomeDomain", "Library/Maps2"), ("HomeDomain", "Library"), ("RootDomain", "Library/Maps"), ("Nowhere", "x")],
)
def test_a_path_covers_nothing_else(domain: str, path: str) -> None:
    assert not is_listed(["RelativePathsNotToRestore"], domain, path)


def test_health_is_removed_only_to_be_replaced() -> None:
    assert "Health" in domain_lists()["HealthDomain"]["RelativePathsToRemoveOnRestore"]
    assert never_arrives_reason("HealthDomain", "Health/healthdb.sqlite") is None


def test_the_catalogue_does_not_repeat_the_lists() -> None:
    catalogue = load_catalogue()
    for effect in (*catalogue.restore_effects("never"), *catalogue.restore_effects("later")):
        for domain, lists in domain_lists().items():
            if not effect.is_about(domain):
                continue
            for name in ("RelativePathsNotToRestore", "RelativePathsNotToMigrate", "RelativePathsToBackgroundRestore"):
                assert not [path for path in lists.get(name, ()) if effect.matches(path)], effect
