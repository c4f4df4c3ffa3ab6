"""Behaviour of real iPhones that is not known, and which of the plausible behaviours this phone shows.

A host can be tested against each of them. The default is the likelier behaviour, or the one that is harder on a
careless host.
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
    """How a backup takes a SQLite database that has a `-wal`. `consistent`: a checkpointed copy without companion files
    (CONFIRMED(dec); of 85 databases in a real backup of iOS 14.3, 82 had none: *seen*). `as-they-lie`: the database and
    its companion files as they are, as with the other three."""
    missing_rows: Literal["fetch", "full"] = "fetch"
    """What the phone does if a backup's manifest lacks rows it wrote there. `fetch`: it sends those files again.
    `full`: it considers the backup damaged and makes a full one. Which a real phone does is not known (INFERRED)."""
    unreadable_files: Literal["sent-again", "as-they-are"] = "sent-again"
    """What the next backup does with a file that the phone could not read in the last one. `sent-again`: the phone
    remembers and sends it (INFERRED). `as-they-are`: it has a row and is stored, so it counts as saved."""
    store_installs: Literal["with-remove", "with-list"] = "with-remove"
    """Which restores install apps: those with RemoveItemsNotRestored (REPORTED), or all for which the host left a
    RestoreApplications.plist (open, facts 8)."""
    delisted_apps: tuple[str, ...] = ()
    """Bundle ids of apps that the App Store no longer has. A restore that installs the apps again cannot bring them
    back: no backup has the apps themselves (facts 4.5)."""
    exact_domains: tuple[str, ...] | None = None
    """Domains in which a restore deletes everything it does not bring, instead of those known for the iOS version
    (facts 8: whether iOS 27 does this to more than two domains is open)."""
    find_my_in_lockdown: Literal["as-version", "tells", "absent", "stale"] = "as-version"
    """com.apple.fmip IsAssociated: the true value, no value, or always false (open for iOS 27, facts 8)."""
    icloud_in_lockdown: Literal["tells", "no-account", "absent"] = "tells"
    """What lockdown says about iCloud: com.apple.mobile.backup's CloudBackupEnabled and LastCloudBackupDate (iOS may
    omit any, facts 6.1) and com.apple.mobile.iTunes.store's AppleID (*read* in one program, which asks for it); no
    AppleID; or nothing of it."""
    no_icloud_account: Literal[1, 210] = 1
    """The code of "No account exists" for EnableCloudBackup. Both are reported (facts 2.6)."""
    device_class_in_backup: bool | None = None
    """Whether Manifest.plist's Lockdown has DeviceClass, which decides about RestoreSystemFiles (facts 4.1: not
    verified that every real backup has it). None: from iOS 26.1 on."""
    restore_asks_passcode: bool = False
    """Whether a restore also shows the passcode sheet; none was found in 26.1 (facts 8)."""
    battery_gate_percent: int = 0
    """Below this charge, and not charging, backups and restores are refused with code 1. No such check was found
    (facts 8)."""
    snapshot_needs_bytes: int = 0
    """With less free space than this a backup fails with 101 when it creates its snapshot. REPORTED: phones with less
    than one or two GB free do this or stall; the error text is *guessed*."""
    unknown_paths: Literal["taken", "left-out"] = "taken"
    """What backups and restores do with paths of HomeDomain outside the known part of its allow-list. Real phones leave
    out every path that is not on the complete list."""
    carrier_links: Literal["taken", "left-out"] = "taken"
    """What backups and restores do with the links into the carrier bundles, which name the hardware. A real backup of
    iOS 14.3 has seven of them (*seen*), the lists of 16.4 leave them out (*read*)."""
    sizes_checked: bool = False
    """Whether a restore fails with 205 "Failed to validate backup" if a stored file is shorter than its row says. The
    text is in iOS 27's agent; what it checks is not known (facts 8)."""
    cancel: Literal["host-ends", "phone-ends"] = "phone-ends"
    """Who ends a run that the user cancels on the phone: the phone with 202, or the host. The notification
    syncCancelRequest is posted in both cases."""
    forgotten_computer: Literal["InvalidHostID", "tls-closes"] = "InvalidHostID"
    """What a computer gets whose pairing the phone has forgotten: StartSession is refused, or it is granted and TLS
    ends at once. Both were seen by others (facts 1.2)."""
