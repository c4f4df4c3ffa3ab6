"""Rows of manifests, kept on the disk."""
