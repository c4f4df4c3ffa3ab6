"""A read-only page on this computer with what is in a backup."""
