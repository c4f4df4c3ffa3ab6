"""Items of accounts are gone after a restore until the user signs in; local and subscribed ones stay."""

from __future__ import annotations

from typing import Any

import pytest

CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
PICTURES = "HomeDomain/Library/AddressBook/AddressBookImages.sqlitedb"
CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
NOTES = "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite"
STORES = "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores/"

PEOPLE = """SELECT p.guid, p.First, p.Last, s.guid, group_concat(m.guid || m.value) FROM ABPerson p
 JOIN ABStore s ON s.ROWID = p.StoreID LEFT JOIN (SELECT * FROM ABMultiValue ORDER BY guid) m ON m.record_id = p.ROWID
 WHERE s.AccountID {} -1 GROUP BY p.ROWID"""
EVENTS = """SELECT i.UUID, i.summary, i.start_date, c.title, l.title FROM CalendarItem i
 JOIN Calendar c ON c.ROWID = i.calendar_id JOIN Store s ON s.ROWID = c.store_id
 LEFT JOIN Location l ON l.ROWID = i.location_id WHERE s.type {}"""
NOTE = """SELECT n.ZIDENTIFIER, n.ZTITLE1, d.ZDATA FROM ZICCLOUDSYNCINGOBJECT n
 JOIN ZICCLOUDSYNCINGOBJECT a ON a.Z_PK = n.ZACCOUNT7 JOIN ZICNOTEDATA d ON d.Z_PK = n.ZNOTEDATA
 WHERE a.ZIDENTIFIER {} 'LocalAccount'"""
OF_ACCOUNTS = (
    (CONTACTS, PEOPLE.format("<>"), 4), (CALENDAR, EVENTS.format("= 2"), 4), (NOTES, NOTE.format("<>"), 3),
)  # fmt: skip
LOCAL = (
    (CONTACTS, PEOPLE.format("="), 8), (CALENDAR, EVENTS.format("= 0"), 8), (CALENDAR, EVENTS.format("= 4"), 2),
    (NOTES, NOTE.format("="), 4),
)  # fmt: skip


def reminders(look: Any, *, local: bool) -> set[tuple[Any, ...]]:
    """The lasting ids and titles in the store of the phone, or in those of accounts."""
    stores = [path for path in look.below(STORES) if path.endswith(".sqlite") and ("local" in path) is local]
    query = "SELECT ZIDENTIFIER, ZTITLE FROM ZREMCDREMINDER"
    return {row for path in stores for row in look.rows(path, query)}


def test_items_of_accounts_are_gone_until_the_sign_in(before: Any, after: Any, new_phone: Any) -> None:
    for path, query, count in OF_ACCOUNTS:
        assert len(before.rows(path, query)) == count and after.rows(path, query) == [], path
    assert len(reminders(before, local=False)) == 3 and reminders(after, local=False) == set()
    assert not [path for path in after.below(STORES) if "local" not in path]
    assert new_phone.awaits_sign_in
    authenticated = "SELECT DISTINCT ZAUTHENTICATED FROM ZACCOUNT"
    assert after.rows("HomeDomain/Library/Accounts/Accounts3.sqlite", authenticated) == [(0,)]


def test_local_and_subscribed_items_stay(before: Any, after: Any) -> None:
    for path, query, count in LOCAL:
        assert len(before.rows(path, query)) == count and after.rows(path, query) == before.rows(path, query)
    assert reminders(after, local=True) == reminders(before, local=True) != set()


def test_nothing_is_left_of_what_belongs_to_a_removed_item(after: Any) -> None:
    orphans = "SELECT count(*) FROM ABMultiValue WHERE record_id NOT IN (SELECT ROWID FROM ABPerson)"
    assert after.rows(CONTACTS, orphans) == [(0,)]
    for table in ("Alarm WHERE calendaritem_owner_id", "Participant WHERE owner_id", "Location WHERE item_owner_id"):
        query = f"SELECT count(*) FROM {table} NOT IN (SELECT ROWID FROM CalendarItem)"
        assert after.rows(CALENDAR, query) == [(0,)], table


@pytest.fixture(scope="module")
def signed_in(lab: Any) -> Any:
    """The backup of a phone whose user has signed in."""
    phone = lab.moved(aftermath={"arrives_in_s": "when-ordered", "seed": 6})
    phone.sign_in()
    assert not phone.awaits_sign_in
    return lab.look(phone)


def test_items_of_accounts_come_back_with_the_sign_in(before: Any, signed_in: Any) -> None:
    for path, query, _ in (*OF_ACCOUNTS, *LOCAL):
        assert signed_in.rows(path, query) == before.rows(path, query), path
    assert reminders(signed_in, local=False) == reminders(before, local=False)
    keys = "SELECT guid, ROWID FROM ABPerson WHERE StoreID IN (SELECT ROWID FROM ABStore WHERE AccountID <> -1)"
    old, new = dict(before.rows(CONTACTS, keys)), dict(signed_in.rows(CONTACTS, keys))
    assert old.keys() == new.keys() and not set(old.values()) & set(new.values())


def test_pictures_come_back_to_their_contacts(lab: Any, before: Any, signed_in: Any) -> None:
    def pictures(look: Any) -> set[tuple[Any, ...]]:
        people = dict(look.rows(CONTACTS, "SELECT ROWID, guid FROM ABPerson"))
        return {(people[row], data) for row, data in look.rows(PICTURES, "SELECT record_id, data FROM ABFullSizeImage")}

    assert pictures(signed_in) == pictures(before) != set()


def test_the_user_can_sign_in_without_an_order(lab: Any, make_phone: Any, when_called: Any) -> None:
    aftermath = {"arrives_in_s": "when-ordered", "signs_in_after_s": 0.0}
    phone = make_phone(seed=2, ios_version="26.1", contents={"empty": True}, aftermath=aftermath)
    signed_in = when_called(phone, "sign_in", 1)
    lab.restore(phone, lab.old_phone())
    assert signed_in.wait(30) and not phone.awaits_sign_in


def test_a_phone_that_skips_the_rule_keeps_everything(lab: Any, before: Any) -> None:
    phone = lab.moved(aftermath={"skip": ["accounts"], "arrives_in_s": "when-ordered"})
    look = lab.peek(phone)
    assert not phone.awaits_sign_in
    for path, query, _ in OF_ACCOUNTS:
        assert look.rows(path, query) == before.rows(path, query)


def test_an_erased_phone_gives_nothing_back(lab: Any) -> None:
    phone = lab.moved(aftermath={"arrives_in_s": "when-ordered"})
    phone.erase()
    assert not phone.awaits_sign_in and not phone.has_background_restore
