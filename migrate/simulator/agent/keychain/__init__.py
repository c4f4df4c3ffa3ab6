"""The keychain in a backup: `keychain-backup.plist`, written at every backup and taken over after a restore."""
