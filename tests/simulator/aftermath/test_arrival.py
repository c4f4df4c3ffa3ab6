"""Apps and pictures arrive after the restart, in waves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.aftermath.settings import only

DCIM = "CameraRollDomain/Media/DCIM/"
APP = "AppDomain-com.example.sketchbook/Documents/"
WHEN_ORDERED = {"arrives_in_s": "when-ordered"}


def photos(look: Any) -> set[str]:
    found: set[str] = look.below(DCIM) | look.below("CameraRollDomain/Media/PhotoData/CPLAssets")
    return found | look.below("CameraRollDomain/Media/PhotoData/Mutations")


def test_a_backup_before_the_arrival_lacks_apps_and_pictures(before: Any, after: Any, new_phone: Any) -> None:
    assert len(photos(before)) >= 10 and photos(after) == set()
    assert not [path for path in after.files if ".example." in path]
    assert new_phone.has_background_restore and not [name for name in new_phone.apps if ".example." in name]
    assert "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite" in after.files


def test_the_rest_arrives_in_waves_in_a_seeded_order(lab: Any, before: Any) -> None:
    def course(seed: int) -> list[frozenset[str]]:
        phone = lab.moved(aftermath={**WHEN_ORDERED, "seed": seed})
        there = [frozenset(phone.files.digests())]
        while phone.has_background_restore:
            phone.arrive_next_wave()
            there.append(frozenset(phone.files.digests()))
        assert {"com.example.chatter", "com.example.sketchbook"} <= phone.apps.keys()
        return there

    first, other = course(21), course(22)
    for steps in (first, other):
        assert len(steps) == 4 and all(earlier < later for earlier, later in itertools.pairwise(steps))
        assert photos(before) <= steps[-1]
    assert first[-1] & photos(before) == other[-1] & photos(before)
    assert first[1] & photos(before) != other[1] & photos(before)


def test_an_app_comes_with_its_group(lab: Any) -> None:
    phone = lab.moved(aftermath=WHEN_ORDERED)
    while phone.has_background_restore:
        phone.arrive_next_wave()
        has_group = "AppDomainGroup-group.com.example.chatter.shared/ChatStorage.sqlite" in phone.files.digests()
        assert has_group is ("com.example.chatter" in phone.apps)


@pytest.mark.parametrize(("rule", "late", "at_once"), [("late-photos", DCIM, APP), ("late-apps", APP, DCIM)])
def test_photos_or_apps_can_arrive_later(lab: Any, rule: Any, late: str, at_once: str) -> None:
    def files(phone: Any) -> list[str]:
        return [path for path, digest in phone.files.digests().items() if len(digest) == 64]

    phone = lab.moved(aftermath={**WHEN_ORDERED, "skip": only(rule).skip})
    assert not any(path.startswith(late) for path in files(phone))
    assert any(path.startswith(at_once) for path in files(phone)) and phone.has_background_restore
    assert ("com.example.sketchbook" in phone.apps) is (rule == "late-photos")
    phone.finish_background_restore()
    assert any(path.startswith(late) for path in files(phone)) and not phone.has_background_restore
    assert "com.example.sketchbook" in phone.apps


def test_the_waves_arrive_by_themselves_and_a_later_look_finds_everything(
    lab: Any, before: Any, make_phone: Callable[..., Any], when_called: Any
) -> None:
    new = make_phone(seed=2, ios_version="26.1", contents={"empty": True}, aftermath={"arrives_in_s": 0.3})
    arrived = when_called(new, "arrive_next_wave", 3)
    new.simulated_user.finishes_setup = False
    lab.restore(new, lab.old_phone(), wait=False)
    assert new.setup == "running" and new.has_background_restore and not arrived.wait(0.5)
    new.finish_setup()
    assert arrived.wait(30) and not new.has_background_restore
    assert photos(lab.look(new)) == photos(before)
