"""What differs between two backups: their files and their items (`migrate diff`)."""
