"""Categories as data, the apps of a backup, counts, and which record belongs to which category or app."""
