"""Manifest.db and Manifest.mbdb: the list of files of a backup, read and written."""
