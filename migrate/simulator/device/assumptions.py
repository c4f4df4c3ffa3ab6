"""What nobody has found out about real iPhones, and which answer this one gives.

Where two answers are plausible both can be had, so that a host can be tried against either. The defaults are what
seems likelier, or what costs a careless host more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict


@dataclass
class Assumptions:
    """The phone file's `[assume]`; over the admin channel `set-assumption`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    databases: Literal["as-they-lie", "consistent"] = "as-they-lie"
    """How a backup takes a SQLite database that has a `-wal`. `consistent`: a copy with the log folded in, and no
    companions (CONFIRMED(dec); of 85 databases in a real backup of iOS 14.3, 82 had none: *seen*). `as-they-lie`: file
    and companions as they are, as with the other three."""
    missing_rows: Literal["fetch", "full"] = "fetch"
    """What the phone does about a backup whose manifest lacks rows it wrote there: it sends those files again, or it
    takes the backup for damaged and begins a full one. Which of the two a real phone does is not known (INFERRED)."""
    photos_arrive: Literal["at-restart", "later"] = "at-restart"
    """When restored photos are there: Domains.plist marks them for the background, whether a restore from a computer
    waits is open (facts 4.8). `later`: with the order `arrive`, or after `arrival_delay_s`."""
    apps_arrive: Literal["at-restart", "later"] = "at-restart"
    """The same for the containers of apps that a restore brings along: their data waits for the App Store."""
    arrival_delay_s: float | None = None
    """How long after the restart what arrives `later` is there. Not set: when somebody orders `arrive`."""
    store_installs: Literal["with-remove", "with-list"] = "with-remove"
    """Which restores have apps installed: those with RemoveItemsNotRestored (REPORTED), or every one for which the
    host has left a RestoreApplications.plist (open, facts 8)."""
    exact_domains: tuple[str, ...] | None = None
    """Domains of which a restore leaves nothing else, instead of those the iOS version is known for (facts 8: whether
    iOS 27 treats more than two so is open)."""
    find_my_in_lockdown: Literal["as-version", "tells", "absent", "stale"] = "as-version"
    """com.apple.fmip IsAssociated: the truth, no value, or false whatever is true (open for iOS 27, facts 8)."""
    device_class_in_backup: bool | None = None
    """Whether Manifest.plist's Lockdown has DeviceClass, which decides about RestoreSystemFiles (facts 4.1: not
    verified that every real backup has it). Not set: from iOS 26.1 on."""
    restore_asks_passcode: bool = False
    """The passcode sheet before a restore too; none was found in 26.1 (facts 8)."""
    battery_gate_percent: int = 0
    """Below this charge backups and restores are refused with code 1; no such gate was found (facts 8)."""
    snapshot_needs_bytes: int = 0
    """With less room than this on the phone a backup ends with 101 at its snapshot. REPORTED: phones with less than one
    or two GB free stall or do that; the words are *guessed*."""
    unknown_paths: Literal["taken", "left-out"] = "taken"
    """What backups and restores do with paths of HomeDomain that are not on the part of its allow-list that is known.
    Real phones leave out whatever is not on the whole list."""
    sizes_checked: bool = False
    """A set is refused with 205 "Failed to validate backup" where a stored file is shorter than its row says. The words
    are in iOS 27's agent; what it checks is not known (facts 8)."""
    cancel: Literal["host-ends", "phone-ends"] = "phone-ends"
    """Who ends a run that the person cancels on the phone: the phone with 202, or only the host, which is told by the
    notification syncCancelRequest in both cases."""
    forgotten_computer: Literal["InvalidHostID", "tls-closes"] = "InvalidHostID"
    """What a computer meets whose trust the phone has forgotten: StartSession is refused, or granted and TLS ends at
    once. Both were seen by others (facts 1.2)."""
