"""How long a move will take, before it begins.

Everything that shows such an estimate asks `move_time`, and nothing else here.
"""

from __future__ import annotations

from migrate.language import plural

CABLE_BYTES_PER_S = (15_000_000, 35_000_000)
"""A slow and a fast backup over USB 2, whose cable carries at most 60 MB/s (*guessed*: half of it on a good day)."""
START_S, RESTART_S = 60, 600
"""The phone goes through its files before each backup, and restarts after a restore (facts 2.4: minutes; *guessed*)."""


def move_time(*, backups_bytes: int, set_bytes: int) -> str:
    """How long it takes to back up and to send this much: `10 to 20 minutes`.

    Args:
        backups_bytes: what is still to be backed up, with the backup that the proof makes.
        set_bytes: what is sent to the new phone.
    """
    slow, fast = ((backups_bytes + set_bytes) / rate for rate in CABLE_BYTES_PER_S)
    return _between(fast + START_S, slow + START_S + RESTART_S)


def _between(least_s: float, most_s: float) -> str:
    least, most = max(1, round(least_s / 60)), max(2, round(most_s / 60))
    if most < 100:
        low, high = _rounded(least), _rounded(most)
        return plural("{low} to {high} minute", "{low} to {high} minutes", high).format(low=low, high=high)
    hours = max(1, least_s / 3600), max(2, round(most_s / 3600))
    low, high = round(hours[0]), hours[1]
    if low >= high:
        return plural("about {count} hour", "about {count} hours", high).format(count=high)
    return plural("{low} to {high} hour", "{low} to {high} hours", high).format(low=low, high=high)


def _rounded(minutes: int) -> int:
    """Minutes without a precision that the estimate does not have."""
    return minutes if minutes < 10 else 5 * round(minutes / 5)
