"""Conditions in which a healthy phone refuses a backup or restore, with the error a real phone answers.

Unlike faults, these are ordinary states of a phone.
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
    """The organization's policy forbids backups and restores: code 22. Ordinary management does not."""
    icloud_backup_forbidden: bool = False
    """The organization's policy forbids iCloud Backup: turning it on is refused with code 22 (code and text *guessed*;
    Apple's payload key is allowCloudBackup)."""
    cloud_restore: Literal["none", "running", "unknown"] = "none"
    """A restore from iCloud is still downloading apps and photos: code 25. `unknown`: code 1."""
    springboard_ready: bool = True
    """False: just started, or locked. A restore is refused with code 1 (seen by other clients, which retry for two
    minutes)."""
    sync_lock_held: bool = False
    """Another program (Finder, iTunes) holds the AFC sync lock until this is reset: OP_WOULD_BLOCK."""
    restore_lock_held: bool = False
    """Another program is restoring or syncing: "Acquiring restore lock failed", code 1, until the phone restarts."""
    snapshot_left: bool = False
    """A killed run left its snapshot: a backup ends with code 3 until the phone restarts (REPORTED)."""
    charging: bool = True
    """Whether lockdown reports the battery as charging."""

    def on_restart(self) -> None:
        """Clears the conditions that a restart ends."""
        self.restore_lock_held = self.snapshot_left = False

    def check_policy(self, act: Act) -> None:
        """The first check a phone makes (facts 2.3). Raises MBError."""
        if self.policy != "none":
            mode = "EDU" if self.policy == "shared-ipad" else "RRTS"
            raise MBError(MBErrorCode.POLICY, f"Drive {act} is disabled for this device in {mode} mode")

    def check_icloud_backup(self, on: bool) -> None:
        """Checked when a host turns iCloud Backup on or off. Raises MBError."""
        if on and self.icloud_backup_forbidden:
            raise MBError(MBErrorCode.POLICY, "iCloud Backup is not allowed on this device")

    def check(self, act: Act) -> None:
        """The other checks before the phone reads the host's backup. Raises MBError."""
        if self.cloud_restore == "running":
            text = "Restore from iTunes Backup is unavailable while an iCloud Restore is in progress"
            raise MBError(MBErrorCode.ICLOUD_RESTORE_RUNNING, text)
        if self.cloud_restore == "unknown":
            raise MBError(MBErrorCode.OTHER, "Failed to determine iCloud Restore state")
        if act == "restore" and not self.springboard_ready:
            text = "SpringBoard is not ready for a restore"  # partly *guessed*
            raise MBError(MBErrorCode.OTHER, text)

    def check_restore_lock(self) -> None:
        """Checked after the manifest was read (facts 2.5). Raises MBError."""
        if self.restore_lock_held:
            raise MBError(MBErrorCode.OTHER, "Acquiring restore lock failed")

    def check_snapshot(self) -> None:
        """Checked when a backup starts its scan. Raises MBError."""
        if self.snapshot_left:
            raise MBError(MBErrorCode.EXISTS, "Failed to create snapshot: File exists (17)", "/private/var")
