"""Manifest rows, kept in databases on disk."""
