"""Tests with other people's data: a real manifest, real databases with their -wal files, an encrypted backup."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.choose import choose
from migrate.categories.claims import Claims
from migrate.content.databases import database_copy, table_digests
from migrate.content.tally import tally


@pytest.fixture
def real(shared_data: Path) -> Any:
    with Backup.open(shared_data / "ios14-real-manifest" / "backup") as backup:
        yield backup


def test_every_row_of_a_real_manifest_has_an_owner(real: Backup) -> None:
    claims = Claims.of(real)
    rows = list(real.records())
    owners = [claims.owners(r.domain, r.relative_path) for r in rows]
    assert len(rows) == 3721
    assert all(owners)
    assert Counter(len(o) for o in owners) == {1: 3711, 2: 10}  # ten rows of groups that Gmail and Chrome share
    by_owner = Counter(owner for o in owners for owner in o)
    assert by_owner["photos"] == 286
    assert by_owner["settings"] == 272
    assert by_owner["messages"] == 17
    assert by_owner["app:net.whatsapp.WhatsApp"] == 99
    assert {o for o in by_owner if o.startswith("app:")} == {
        "app:ch.icoaching.typewise",
        "app:com.google.Gmail",
        "app:com.google.chrome.ios",
        "app:net.whatsapp.WhatsApp",
        "app:org.mozilla.ios.Firefox",
        "app:ph.telegra.Telegraph",
    }


def test_the_totals_of_a_real_manifest_add_up(real: Backup, tmp_path: Path) -> None:
    """1,089 files: three of them twice, because two apps share their group."""
    found = tally(real, Claims.of(real), tmp=tmp_path)
    assert sum(t.files for t in (*found.categories, *found.apps, *found.unclaimed)) == 1089 + 3
    assert [u.as_json() for u in found.unclaimed] == [
        {"domain": "AppDomainGroup-group.com.facebook.family", "files": 1, "bytes": 93}
    ]
    assert found.category("messages").items == 1
    assert found.category("calendars").items == 1
    assert found.category("photos").files == 147
    assert found.category("photos").items is None  # its blob is not in the published folder


def test_everything_selects_every_row_and_so_do_all_parts_together(real: Backup) -> None:
    claims = Claims.of(real)
    rows = list(real.records())
    everything = choose(rows, claims, categories=["everything"])
    assert everything.file_ids == {r.file_id for r in rows}
    parts: set[str] = set()
    for word in (*claims.catalogue.ids, *(f"app:{bundle}" for bundle in claims.apps)):
        parts |= choose(rows, claims, categories=[word]).file_ids
    assert parts == everything.file_ids


def test_a_real_database_and_its_wal_have_the_same_owner(real: Backup) -> None:
    claims = Claims.of(real)
    for record in real.records():
        for suffix in ("-wal", "-shm", "-journal"):
            if record.relative_path.endswith(suffix):
                main = record.relative_path.removesuffix(suffix)
                if real.record(record.domain, main) is not None:
                    assert claims.owners(record.domain, main) == claims.owners(record.domain, record.relative_path)


def test_only_files_have_bytes(real: Backup, tmp_path: Path) -> None:
    claims = Claims.of(real)
    found = tally(real, claims, tmp=tmp_path)
    photos = sum(
        r.size or 0
        for r in real.records()
        if r.kind is Kind.FILE and claims.owners(r.domain, r.relative_path) == {"photos"}
    )
    assert found.category("photos").bytes == photos == 40_414_275


@pytest.fixture
def count(make_backup: Any, tmp_path: Path) -> Any:
    def items(category: str, domain: str, path: str, database: Path) -> tuple[int | None, int | None]:
        """Live and deleted items."""
        contents = {(domain, path): database.read_bytes()}
        for suffix in ("-wal", "-shm"):
            beside = database.with_name(database.name + suffix)
            if beside.exists():
                contents[domain, path + suffix] = beside.read_bytes()
        backup = make_backup(contents)
        found = tally(backup, Claims.of(backup), tmp=tmp_path / "tmp").category(category)
        return found.items, found.deleted

    return items


def recorded_rows(shared_data: Path, beginning: str) -> int:
    (answer,) = (shared_data / "databases" / "ios15-real" / "expected").glob(f"{beginning}*.json")
    rows = json.loads(answer.read_text(encoding="utf-8"))["metadata"]["number_of_rows"]
    assert isinstance(rows, int)
    return rows


def test_the_address_book_of_a_real_phone_with_its_log(shared_data: Path, count: Any) -> None:
    """With a stale -shm beside it (iOS 15.3.1)."""
    database = shared_data / "databases" / "ios15-real" / "addressBook" / "AddressBook.sqlitedb"
    items = count("contacts", "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", database)
    assert items == (recorded_rows(shared_data, "addressBook.addressBook"), 0) == (9, 0)


@pytest.mark.parametrize(
    ("database", "rows"),
    [
        # everything is in its -wal: the database file alone has no tables
        ("addressBook/AddressBookImages.sqlitedb", {"ABThumbnailImage": 4, "ABFullSizeImage": 2}),
        ("addressBook/AddressBook.sqlitedb", {"ABPerson": 9, "ABMultiValue": 13}),
        ("whatsAppMessages/ChatStorage.sqlite", {"ZWAMESSAGE": 32, "ZWACHATSESSION": 5}),
        ("whatsAppCallHistory/CallHistory.sqlite", {"ZWACDCALLEVENT": 4}),
        ("whatsAppCallHistory/ContactsV2.sqlite", {"ZWAADDRESSBOOKCONTACT": 9}),
        ("voicemail/voicemail.db", {"voicemail": 0}),
    ],
)
def test_rows_of_real_databases_are_counted_with_their_logs(
    shared_data: Path, make_backup: Any, tmp_path: Path, database: str, rows: dict[str, int]
) -> None:
    file = shared_data / "databases" / "ios15-real" / database
    contents = {
        ("HomeDomain", "x" + end): file.with_name(file.name + end).read_bytes()
        for end in ("", "-wal", "-shm")
        if file.with_name(file.name + end).exists()
    }
    backup = make_backup(contents)
    with database_copy(backup, backup.record("HomeDomain", "x"), tmp_path) as copy:
        counted = {table: rows.count for table, rows in table_digests(copy).items()}
    assert counted.items() >= rows.items()
    assert not any("FullTextSearch" in table for table in counted)


def test_a_real_phone_without_voicemail(shared_data: Path, count: Any) -> None:
    database = shared_data / "databases" / "ios15-real" / "voicemail" / "voicemail.db"
    items = count("voicemail", "HomeDomain", "Library/Voicemail/voicemail.db", database)
    assert items == (recorded_rows(shared_data, "voicemail.voicemail"), 0) == (0, 0)


@pytest.mark.parametrize(
    ("category", "domain", "path", "name", "expected"),
    [
        ("calendars", "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "calendar.1.Calendar.sqlitedb", (4, 0)),
        ("calls", "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", "calls.1.CallHistory.storedata", (5, 0)),
        (
            "contacts",
            "HomeDomain",
            "Library/AddressBook/AddressBook.sqlitedb",
            "contacts.1.AddressBook.sqlitedb",
            (4, 0),
        ),
        ("messages", "HomeDomain", "Library/SMS/sms.db", "messages.1.sms.db", (10, 0)),
        ("notes", "AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", "notes.1.NoteStore.sqlite", (2, 4)),
        (
            "reminders",
            "AppDomainGroup-group.com.apple.reminders",
            "Container_v1/Stores/Data-9C3FDBA9-DDC2-420C-B37F-3283F5D18C94.sqlite",
            "reminders.1.cloud.sqlite",
            (4, 1),
        ),
        ("safari", "HomeDomain", "Library/Safari/Bookmarks.db", "safari.1.Bookmarks.db", (5, 0)),
        ("safari", "HomeDomain", "Library/Safari/History.db", "safari.1.History.db", (4, 0)),
    ],
)
def test_databases_with_the_schema_of_ios_18_are_counted(
    shared_data: Path, count: Any, category: str, domain: str, path: str, name: str, expected: tuple[int, int]
) -> None:
    """The fifth row of the calendar is a birthday; three of six notes are in Recently Deleted and one is marked."""
    assert count(category, domain, path, shared_data / "databases" / "ios18-synthetic" / name) == expected


@pytest.mark.parametrize(
    ("category", "domain", "path", "schema"),
    [
        ("photos", "CameraRollDomain", "Media/PhotoData/Photos.sqlite", "photos/photos_11.2.sql"),
        ("photos", "CameraRollDomain", "Media/PhotoData/Photos.sqlite", "photos/photos_9.3.5.sql"),
        ("photos", "CameraRollDomain", "Media/PhotoData/Photos.sqlite", "photos/photos_6.1.6.sql"),
        ("messages", "HomeDomain", "Library/SMS/sms.db", "messages/iOS11.2.sql"),
        ("messages", "HomeDomain", "Library/SMS/sms.db", "messages/iOS6.1.6.sql"),
        ("voicemail", "HomeDomain", "Library/Voicemail/voicemail.db", "voicemails/voicemails_11.2.sql"),
        ("calls", "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", "calls/calls_9.3.5.sql"),
        ("calls", "WirelessDomain", "Library/CallHistory/call_history.db", "calls/calls2_9.3.5.sql"),
        ("notes", "AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", "notes/notes_11.2.sql"),
        ("notes", "HomeDomain", "Library/Notes/notes.sqlite", "oldnotes/notes_6.1.6.sql"),
        ("calendars", "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "calendars/calendars_11.2.sql"),
        ("safari", "HomeDomain", "Library/Safari/History.db", "webhistory/webhistory_11.2.sql"),
    ],
)
def test_empty_databases_with_old_schemas_count_zero(
    shared_data: Path,
    make_database: Any,
    make_backup: Any,
    tmp_path: Path,
    category: str,
    domain: str,
    path: str,
    schema: str,
) -> None:
    script = (shared_data / "databases" / "schemas" / schema).read_text(encoding="utf-8", errors="replace")
    script = "".join(tables_and_indices(script))
    if category == "notes" and "Z_PRIMARYKEY" in script:  # every store says which entity has which number
        script += "INSERT INTO Z_PRIMARYKEY (Z_ENT, Z_NAME) VALUES (9, 'ICNote');"
    backup = make_backup({(domain, path): make_database(script)})
    found = tally(backup, Claims.of(backup), tmp=tmp_path / "tmp").category(category)
    assert (found.items, [n for n in found.notes if "could not be" in n]) == (0, [])


def tables_and_indices(script: str) -> Iterator[str]:
    """The statements of a dumped schema that any SQLite can run: no triggers, no SQLite tables."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            if not re.match(r"\s*CREATE\s+(TRIGGER|VIRTUAL|TABLE\s+\S*sqlite_)", statement, re.IGNORECASE):
                yield statement
            statement = ""


def test_an_encrypted_backup_is_counted_too(shared_data: Path, tmp_path: Path) -> None:
    with Backup.open(shared_data / "minted" / "encrypted-backup", "test-password-1234") as backup:
        found = tally(backup, Claims.of(backup), tmp=tmp_path / "tmp")
        assert sum(t.files for t in (*found.categories, *found.apps, *found.unclaimed)) == 4
        assert [(a.app.id, a.files, a.bytes) for a in found.apps] == [("com.example.app", 1, 32)]
        assert list((tmp_path / "tmp").iterdir()) == []
