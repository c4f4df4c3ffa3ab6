"""What is said before a move begins: how long, and how much space."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.journey.estimate import (
    BackupEstimate,
    Space,
    computer_space,
    estimate_backup,
    estimate_move,
    phone_space,
    transfer_duration,
)
from migrate.phone.facts import PhoneFacts
from migrate.phone.mobilebackup2.expected import ExpectedBackup

GB = 1_000_000_000


def backup_of(size_bytes: int | None) -> BackupEstimate:
    return estimate_backup(ExpectedBackup("first", size_bytes), "usb2")


def test_sixty_gigabytes_over_usb_2_take_half_an_hour_to_two_hours() -> None:
    duration = backup_of(60 * GB).duration
    assert duration is not None
    assert 25 * 60 < duration.shortest_s < 40 * 60 < duration.likely_s < 100 * 60 < duration.longest_s < 130 * 60


def test_a_faster_link_never_takes_longer() -> None:
    by_link = [transfer_duration(60 * GB, link) for link in ("usb3", "usb2", "wifi")]
    assert sorted(by_link, key=lambda one: one.likely_s) == by_link
    assert by_link[1] == transfer_duration(60 * GB, "unknown"), "most iPhones have USB 2"


def test_a_phone_that_does_not_tell_its_used_space_gets_no_estimate() -> None:
    assert backup_of(None).duration is None and not backup_of(None).is_long
    assert estimate_move(backup_of(None)) is None


def test_a_move_takes_longer_the_more_it_does() -> None:
    alone = estimate_move(backup_of(60 * GB), proves=False)
    proven = estimate_move(backup_of(60 * GB))
    with_safety = estimate_move(backup_of(60 * GB), new_backup=backup_of(20 * GB))
    assert alone and proven and with_safety
    assert alone.longest_s < proven.longest_s < with_safety.longest_s


def test_a_backup_that_is_there_already_is_not_counted_again() -> None:
    made = estimate_move(backup_of(60 * GB))
    there = estimate_move(BackupEstimate("changes", 0, "usb2", transfer_duration(0, "usb2")), moved_bytes=60 * GB)
    assert made and there and there.longest_s < made.longest_s - 3600


def test_what_is_moved_in_seconds_is_not_worth_a_sentence() -> None:
    assert estimate_move(backup_of(20_000_000)) is None


def test_space_is_what_the_phone_and_the_disk_say(tmp_path: Path) -> None:
    facts = PhoneFacts(udid="00008101-0001AAAA00000001", connection="USB", free_bytes=5, capacity_bytes=9)
    assert phone_space(facts) == Space(9, 5)
    here = computer_space(tmp_path / "not" / "there" / "yet")
    assert here.total_bytes and here.free_bytes is not None and 0 <= here.free_bytes <= here.total_bytes


@pytest.mark.parametrize("size_bytes", [0, 1, 60 * GB])
def test_a_range_is_a_range(size_bytes: int) -> None:
    duration = backup_of(size_bytes).duration
    assert duration is not None and duration.shortest_s <= duration.likely_s <= duration.longest_s
