"""The exit codes and what each one means."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.language import mark

EXIT_CODES: Mapping[int, str] = {
    0: mark("done"),
    1: mark("a bug in migrate"),
    2: mark("the command line is wrong, or a choice is missing"),
    3: mark("busy: another process is at it"),
    4: mark("a phone's automatic backup is overdue"),
    10: mark("the plan is wrong"),
    11: mark("the plan does not fit the phones"),
    20: mark("no phone, or the wrong one"),
    21: mark("a phone is locked"),
    22: mark("a phone does not trust this computer"),
    23: mark("the connection to a phone was lost"),
    24: mark("a phone is not ready: Find My, its setup, a restore in progress"),
    30: mark("a backup is damaged"),
    31: mark("a backup cannot be read"),
    32: mark("a password is missing or wrong"),
    33: mark("this computer's disk is full or cannot be written"),
    34: mark("a backup is unfinished"),
    35: mark("the phone could not read some of its files"),
    40: mark("there is no safe way for this iOS version"),
    41: mark("the new phone is full"),
    42: mark("the rehearsal failed"),
    43: mark("the phone refused for another reason"),
    50: mark("interrupted; it can be resumed"),
    60: mark("the proof failed"),
    61: mark("pending: nothing is wrong, but not everything could be proven yet"),
    130: mark("Ctrl-C before anything began"),
}
"""Contract for scripts (contract 4); the README and docs/troubles.md show the same."""
