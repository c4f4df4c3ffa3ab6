"""Small backups with given contents; see tests/made_backups.py."""

from tests.content.reading import read
from tests.made_backups import count_one, make_backup, make_database, phones_backup, shared_data

__all__ = ["count_one", "make_backup", "make_database", "phones_backup", "read", "shared_data"]
