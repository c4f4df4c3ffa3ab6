"""Automatic backups: what is wanted, what is due, and the system's own timer that asks every hour."""
