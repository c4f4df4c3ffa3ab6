"""How long a backup or a move will take, and how much space there is, before anything begins. Pure but for `measure`.

An estimate is a range, because nobody can know more: it divides the space that is used by what such a link has been
seen to carry. It is shown once and replaced by what is measured as soon as bytes move.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time only in `measure`: what shows progress must start fast
    from migrate.phone.facts import PhoneFacts
    from migrate.phone.link_speed import Link
    from migrate.phone.mobilebackup2.expected import ExpectedBackup, Kind
    from migrate.phone.muxer import UsbmuxConfig

MB = 1_000_000
RATES_BYTES_PER_S: dict[Link, tuple[int, int]] = {
    "usb2": (10 * MB, 35 * MB),
    "usb3": (30 * MB, 150 * MB),
    "wifi": (2 * MB, 15 * MB),
    "unknown": (10 * MB, 35 * MB),
}
"""Slowest and fastest of a whole backup. USB 2: *reported* 2 GB a minute on a laptop and 8 MB/s on a small ARM board
(lim#404), 18 MB/s over AFC (ifuse#40); its own limit is 60 MB/s. USB 3 and Wi-Fi are *guessed*: many small files and
the phone's encryption keep both far below what the link could do. Unknown: most iPhones have USB 2."""
PREPARING_S = (10.0, 300.0)
"""How long a phone goes through its files before it sends any: seconds to minutes (*reported*, facts 2.3)."""
RESTART_S = (120.0, 900.0)
"""From the end of a restore until the phone can be used again (*guessed*)."""
READING_BYTES_PER_S = (100 * MB, 400 * MB)
"""Reading and decrypting what is on this computer, for a check (*guessed*: a hard disk, an SSD)."""
LONG_S = 10.0


@dataclass(frozen=True)
class Duration:
    """A range of seconds."""

    shortest_s: float
    longest_s: float

    @property
    def likely_s(self) -> float:
        return float((self.shortest_s * self.longest_s) ** 0.5)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.shortest_s + other.shortest_s, self.longest_s + other.longest_s)


@dataclass(frozen=True)
class BackupEstimate:
    """What is expected of one backup. `duration` None: the phone does not tell its used space."""

    kind: Kind
    size_bytes: int | None
    link: Link
    duration: Duration | None

    @property
    def is_long(self) -> bool:
        """Whether copying alone takes long enough to be worth a sentence."""
        return transfer_duration(self.size_bytes or 0, self.link).likely_s >= LONG_S


@dataclass(frozen=True)
class Space:
    """How much a phone or a disk holds. None: unknown."""

    total_bytes: int | None
    free_bytes: int | None


def transfer_duration(size_bytes: int, link: Link) -> Duration:
    slowest, fastest = RATES_BYTES_PER_S[link]
    return Duration(size_bytes / fastest, size_bytes / slowest)


def estimate_backup(expected: ExpectedBackup, link: Link) -> BackupEstimate:
    """The estimate for what the phone is expected to send over `link`."""
    size = expected.size_bytes
    duration = None if size is None else transfer_duration(size, link) + Duration(*PREPARING_S)
    return BackupEstimate(expected.kind, size, link, duration)


def estimate_move(
    old: BackupEstimate,
    *,
    moved_bytes: int | None = None,
    new_link: Link = "unknown",
    new_backup: BackupEstimate | None = None,
    proves: bool = True,
) -> Duration | None:
    """How long a whole move takes, without what people do at the phones and what is downloaded afterwards.

    Args:
        old: the backup of the old phone; one of size 0 where a backup is there already.
        moved_bytes: what is chosen, where that is known; None: everything the old phone's backup holds.
        new_backup: the backup of the new phone before it is changed, if one is made.
        proves: whether the new phone is backed up once more and compared.

    Returns:
        None if the old phone does not tell its used space, or if there is too little to move to be worth a sentence.
    """
    if old.duration is None or old.size_bytes is None:
        return None
    moved = old.size_bytes if moved_bytes is None else moved_bytes
    if transfer_duration(moved, new_link).likely_s < LONG_S:
        return None
    backed_up = old.duration if old.size_bytes else Duration(0, 0)
    total = backed_up + _reading(moved) + transfer_duration(moved, new_link) + Duration(*RESTART_S)
    if new_backup is not None and new_backup.duration is not None:
        total += new_backup.duration + _reading(new_backup.size_bytes or 0)
    if proves:
        total += Duration(*PREPARING_S) + transfer_duration(moved, new_link) + _reading(moved)
    return total


def _reading(size_bytes: int) -> Duration:
    slowest, fastest = READING_BYTES_PER_S
    return Duration(size_bytes / fastest, size_bytes / slowest)


def phone_space(facts: PhoneFacts) -> Space:
    return Space(facts.capacity_bytes, facts.free_bytes)


def computer_space(folder: Path) -> Space:
    """The disk on which `folder` is, or will be once it is created."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    usage = shutil.disk_usage(there)
    return Space(usage.total, usage.free)


async def measure(usbmux: UsbmuxConfig, facts: PhoneFacts, folder: Path, *, fresh: bool = False) -> BackupEstimate:
    """The estimate for backing a connected phone up into `folder`."""
    import asyncio

    from migrate.phone.link_speed import link_to
    from migrate.phone.mobilebackup2.expected import expect_backup

    expected = await asyncio.to_thread(expect_backup, facts, folder, fresh=fresh)
    return estimate_backup(expected, await link_to(usbmux, facts.udid))
