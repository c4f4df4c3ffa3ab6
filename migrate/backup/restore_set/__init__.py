"""The restore set: composed from a backup and a choice, re-keyed, linked."""
