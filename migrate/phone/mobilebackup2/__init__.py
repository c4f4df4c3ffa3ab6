"""The host's side of com.apple.mobilebackup2: DeviceLink, backups, restores, the backup password."""
