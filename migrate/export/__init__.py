"""Writes the contents of a backup as files that people and other programs read."""
