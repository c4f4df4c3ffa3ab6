"""Verify: is this backup whole? Plists, manifest, stored files, databases."""
