"""com.apple.mobilebackup2, the host's side: DeviceLink, backing up, restoring."""
