"""MBFile archives, the `file` column of Manifest.db: decoded fast, edited in place."""
