"""What holds for every export holds for backups that nobody here wrote. Nothing of their contents is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.content.counting import Counting
from migrate.problems import MigrateError, NothingToExport
from tests.export.exporting import Export
from tests.made_backups import DATA, MakeBackup

PASSWORD = "test-password-1234"  # (SecurityRonin/ios-backup-forensic: the data's README)
BACKUPS = sorted(DATA.rglob("Manifest.db")) if DATA.is_dir() else []
HOME, VOICEMAIL = "HomeDomain", "Library/Voicemail/"
WHATSAPP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
DATABASES = {
    "ios15-real/addressBook/AddressBook.sqlitedb": (HOME, "Library/AddressBook/AddressBook.sqlitedb"),
    "ios15-real/addressBook/AddressBookImages.sqlitedb": (HOME, "Library/AddressBook/AddressBookImages.sqlitedb"),
    "ios15-real/voicemail/voicemail.db": (HOME, f"{VOICEMAIL}voicemail.db"),
    "ios15-real/whatsAppMessages/ChatStorage.sqlite": (WHATSAPP, "ChatStorage.sqlite"),
    "ios15-real/whatsAppCallHistory/CallHistory.sqlite": (WHATSAPP, "CallHistory.sqlite"),
    "ios15-real/whatsAppCallHistory/ContactsV2.sqlite": (WHATSAPP, "ContactsV2.sqlite"),
    "ios18-synthetic/calendar.1.Calendar.sqlitedb": (HOME, "Library/Calendar/Calendar.sqlitedb"),
    "ios18-synthetic/calls.1.CallHistory.storedata": (HOME, "Library/CallHistoryDB/CallHistory.storedata"),
    "ios18-synthetic/messages.1.sms.db": (HOME, "Library/SMS/sms.db"),
    "ios18-synthetic/notes.1.NoteStore.sqlite": ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite"),
    "ios18-synthetic/reminders.1.local.sqlite": (
        "AppDomainGroup-group.com.apple.reminders",
        "Container_v1/Stores/Data-local.sqlite",
    ),
    "ios18-synthetic/safari.1.Bookmarks.db": (HOME, "Library/Safari/Bookmarks.db"),
    "ios18-synthetic/safari.1.History.db": (HOME, "Library/Safari/History.db"),
}


@pytest.mark.skipif(not BACKUPS, reason="the data that others wrote is not beside the project")
@pytest.mark.parametrize("manifest", BACKUPS, ids=lambda path: f"{path.parent.parent.name}/{path.parent.name}")
def test_the_numbers_of_a_foreign_backup_add_up(manifest: Path, export: Export, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in manifest.parent.rglob("*")}
    with _opened(manifest.parent) as backup:
        try:
            exported = export(backup)  # checks the numbers and every digest
        except NothingToExport:
            pytest.skip("it has nothing that can be exported")
        counting = Counting(backup, tmp_path)
        for category in exported.result.categories:
            if category.kinds:
                assert category.count("items") == counting.count(category.id).items, category.id

    assert {path: path.stat().st_mtime_ns for path in manifest.parent.rglob("*")} == before


def _opened(folder: Path) -> Backup:
    try:
        return Backup.open(folder)
    except MigrateError:
        return Backup.open(folder, PASSWORD)


@pytest.mark.parametrize(
    "choice",
    [{}, {"deleted": "only"}, {"deleted": "without"}, {"since": 1_600_000_000.0}, {"until": 1_600_000_000.0}],
    ids=str,
)
def test_the_numbers_of_foreign_databases_add_up_whatever_is_chosen(
    make_backup: MakeBackup, shared_data: Path, export: Export, choice: dict[str, object]
) -> None:
    folder, contents = shared_data / "databases", {}
    for name, (domain, path) in DATABASES.items():
        for ending in ("", "-wal"):
            if (folder / (name + ending)).exists():
                contents[domain, path + ending] = (folder / (name + ending)).read_bytes()
    exported = export(make_backup(contents), **choice)

    assert len(exported.result.categories) >= 7
    assert all(category.count("items") is not None for category in exported.result.categories if category.kinds)
