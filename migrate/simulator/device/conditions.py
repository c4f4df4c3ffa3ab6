"""What a healthy phone can be in the middle of, so that a backup or restore is not possible now.

Unlike faults these are a phone's ordinary states, and each has the answer a real phone gives to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from migrate.wire.backup2 import MBError, MBErrorCode

Act = Literal["backup", "restore"]


@dataclass
class Conditions:
    """The phone file's `[conditions]`; over the admin channel `set-condition`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for phone files and the admin channel

    policy: Literal["none", "shared-ipad", "return-to-service"] = "none"
    """Its owner's policy forbids backups and restores: code 22. Ordinary management does not."""
    cloud_restore: Literal["none", "running", "unknown"] = "none"
    """A restore from iCloud still brings apps and photos: code 25; where the phone cannot tell, code 1."""
    springboard_ready: bool = True
    """False: just started, or locked: a restore is refused with code 1 (seen by others, who ask again for two
    minutes)."""
    sync_lock_held: bool = False
    """Another program (Finder, iTunes) holds the AFC sync lock until this is set back: OP_WOULD_BLOCK."""
    restore_lock_held: bool = False
    """Another program restores or syncs: "Acquiring restore lock failed", code 1. A restart ends it."""
    snapshot_left: bool = False
    """A killed run has left its snapshot: a backup ends with code 3 until the phone restarts (REPORTED)."""
    charging: bool = True
    """What lockdown tells of the battery, beside `battery_percent`."""

    def on_restart(self) -> None:
        """A restart ends what only it can end."""
        self.restore_lock_held = self.snapshot_left = False

    def check_policy(self, act: Act) -> None:
        """The first thing a phone looks at (facts 2.3). Raises MBError."""
        if self.policy != "none":
            mode = "EDU" if self.policy == "shared-ipad" else "RRTS"
            raise MBError(MBErrorCode.POLICY, f"Drive {act} is disabled for this device in {mode} mode")

    def check(self, act: Act) -> None:
        """What else forbids it before the host's backup is looked at. Raises MBError."""
        if self.cloud_restore == "running":
            text = "Restore from iTunes Backup is unavailable while an iCloud Restore is in progress"
            raise MBError(MBErrorCode.ICLOUD_RESTORE_RUNNING, text)
        if self.cloud_restore == "unknown":
            raise MBError(MBErrorCode.OTHER, "Failed to determine iCloud Restore state")
        if act == "restore" and not self.springboard_ready:
            raise MBError(
                MBErrorCode.OTHER, "SpringBoard is not ready for a restore"
            )  # the words between are *guessed*

    def check_restore_lock(self) -> None:
        """Asked once the manifest was read (facts 2.5). Raises MBError."""
        if self.restore_lock_held:
            raise MBError(MBErrorCode.OTHER, "Acquiring restore lock failed")

    def check_snapshot(self) -> None:
        """Asked when a backup begins to scan. Raises MBError."""
        if self.snapshot_left:
            raise MBError(MBErrorCode.EXISTS, "Failed to create snapshot: File exists (17)", "/private/var")
