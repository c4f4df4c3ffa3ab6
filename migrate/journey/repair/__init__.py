"""Repair: a damaged backup made whole again with the help of its phone."""
