"""Phones in use keep what was not restored, phones that keep digests are not read, and some paths never come along."""

from __future__ import annotations

from typing import Any

import pytest

SMS = "HomeDomain/Library/SMS/sms.db"
CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
CALLS = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"


@pytest.mark.soak
def test_in_a_phone_in_use_only_what_was_restored_is_migrated(lab: Any, make_phone: Any) -> None:
    """The old phone has only contacts and messages; the new one has its own calls and calendars."""
    old = make_phone(
        seed=31,
        ios_version="17.5.1",
        contents={"contacts": 9, "icloud_contacts": 3, "messages": 12},
        backup_password="secret",
    )
    for node in list(old.files.walk()):
        path = f"{node.domain}/{node.relative_path}"
        if node.kind == "file" and not path.startswith((SMS, CONTACTS)):
            old.files.remove(node.domain, node.relative_path)
    lab.backups["little"] = lab.back_up(old), old
    contents = {"calls": 7, "events": 6, "icloud_events": 3, "contacts": 4, "icloud_contacts": 2, "messages": 8}
    new = make_phone(
        seed=32,
        ios_version="26.1",
        contents=contents,
        aftermath={"arrives_in_s": "when-ordered"},
        backup_password="secret",
    )
    had, sent = lab.peek(new), lab.peek(old)
    look = lab.look(lab.restore(new, old, replace=False))
    texts = "SELECT guid, text FROM message"
    assert set(sent.rows(SMS, texts)) < set(look.rows(SMS, texts)) and "schedule_type" in look.columns(SMS, "message")
    people = "SELECT guid FROM ABPerson WHERE StoreID {}"
    assert look.rows(CONTACTS, people.format("= 1")) == sent.rows(CONTACTS, people.format("= 1"))
    assert look.rows(CONTACTS, people.format("<> 1")) == [] != sent.rows(CONTACTS, people.format("<> 1"))
    calls = "SELECT Z_PK, Z_ENT, ZUNIQUE_ID FROM ZCALLRECORD"
    assert set(had.rows(CALLS, calls)) < set(look.rows(CALLS, calls)), "the phone's own calls keep their keys"
    events = "SELECT ROWID, UUID FROM CalendarItem"
    calendar = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
    assert look.rows(calendar, events) == had.rows(calendar, events), "and its own account's events stay"


def test_a_phone_that_keeps_digests_is_not_rewritten(lab: Any, make_phone: Any) -> None:
    old = lab.old_phone()
    about: dict[str, Any] = {"seed": 2, "ios_version": "26.1", "contents": {"empty": True}, "keeps": "digests"}
    new = lab.restore(make_phone(**about, aftermath={"arrives_in_s": "when-ordered"}), old)
    assert new.has_background_restore and not new.awaits_sign_in
    new.finish_background_restore()
    received, sent = new.files.digests(), old.files.digests()
    for path in (SMS, CONTACTS, CALLS, "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"):
        assert received[path] == sent[path]
    assert received["HomeDomain/Library/Preferences/com.apple.carrier_1.plist"].endswith("+D53g+48.0.plist")


@pytest.mark.soak
@pytest.mark.parametrize(
    "path",
    [
        "HomeDomain/Library/Preferences/com.apple.mmcs.plist",
        "HomeDomain/Library/Preferences/com.apple.icloud.findmydeviced.FMIPAccounts.notbackedup.plist",
        "HomeDomain/Library/Passes/Discovery/x",
        "HomeDomain/Library/BackBoard/x.plist",
        "HomeDomain/Library/Mail/Recents-wal",
        "RootDomain/Library/Preferences/com.apple.xpc.activity2.plist",
        "WirelessDomain/Library/Preferences/no_backup/x",
        "KeyboardDomain/Library/Keyboard/app_usage_database.plist",
        "KeychainDomain/ocspcache.sqlite3",
        "ProtectedDomain/trustd/private/ocspcache.sqlite3",
    ],
)
def test_paths_that_are_never_restored_are_skipped(never_restored: Any, path: str) -> None:
    sent, received = never_restored
    assert path not in received
    assert path not in sent or "BackBoard" in path or "Recents" in path, "most of them are not backed up either"


@pytest.fixture(scope="module")
def never_restored(lab: Any, make_phone: Any) -> tuple[set[str], set[str]]:
    """What a backup of a phone with such files holds, and what another phone has after restoring it."""
    old = make_phone(seed=51, ios_version="17.5.1", contents={"empty": True}, backup_password="secret")
    (mark,) = test_paths_that_are_never_restored_are_skipped.pytestmark  # type: ignore[attr-defined]
    for path in mark.args[1]:
        domain, _, inside = path.partition("/")
        old.files.add_file(domain, inside, b"x")
    lab.backups["never"] = lab.back_up(old), old
    new = make_phone(seed=52, ios_version="26.1", contents={"empty": True}, aftermath={"on": False})
    lab.restore(new, old)
    return set(lab.peek(old).files), set(new.files.digests())
