"""What belongs to an account leaves the phone until the user signs in, and then comes back from the cloud.

Contacts, events, notes and reminders of accounts are in a backup, but a restored phone shows them only after the
sign-in (REPORTED: libimobiledevice issue 1495). That their rows are gone until then, and what they come back as (the
same lasting ids, new primary keys, another file for a store of reminders), is *guessed*. The events of a subscribed
calendar stay, because it needs no account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from migrate.backup.companions import SUFFIXES
from migrate.simulator.aftermath import relations
from migrate.simulator.aftermath.chance import RESTORED_UNIX_S, chance_of, uuid_from
from migrate.simulator.aftermath.core_data import entity_number, raise_maxima
from migrate.simulator.aftermath.own_stores import CALENDARS, CONTACTS, HOME, NOTES, REMINDERS, OwnStore
from migrate.simulator.aftermath.relations import Keys, Table
from migrate.simulator.aftermath.store import Row, Store, Unusable, open_store, paths_matching, write_store
from migrate.simulator.device.filesystem import Node
from migrate.simulator.device.phone import SimulatedPhone

NO_ACCOUNT = -1
"""ABStore.AccountID of the phone's own contacts (*seen*: iOS 15.3)."""
REMOTE_STORES = (1, 2, 3)
"""Store.type of calendars in an account: Exchange, CalDAV, MobileMe, as EventKit numbers its sources (*read*). 0 is on
the phone, 4 subscribed, 5 birthdays."""
NOTES_ON_PHONE, LOCAL_ACCOUNT = 3, "LocalAccount"
LOCAL_REMINDERS = "Data-local.sqlite"
IMAGES = r"Library/AddressBook/AddressBookImages\.sqlitedb"
ACCOUNTS = "Library/Accounts/Accounts3.sqlite"

Taken = dict[str, list[Row]]
Roots = Mapping[str, Iterable[int]]


def remove_account_items(phone: SimulatedPhone, was_restored: Callable[[str, str], bool]) -> None:
    """Removes restored items of accounts, and registers their return."""
    for own, tables, find_roots in (
        (CONTACTS, relations.CONTACTS, _account_contacts),
        (CALENDARS, relations.CALENDARS, _account_calendars),
        (NOTES, relations.NOTES, _account_notes),
    ):
        for path in paths_matching(phone.files, own.domain, own.path):
            if was_restored(own.domain, path):
                _remove_rows(phone, own.domain, path, tables, find_roots)
    for own in REMINDERS:
        _remove_reminder_stores(phone, own, was_restored)
    if was_restored(HOME, ACCOUNTS):
        _set_authenticated(phone, 0)
        phone.add_return_at_sign_in(lambda: _set_authenticated(phone, 1))


# --- which rows


def _account_contacts(store: Store) -> Roots:
    if not store.has("ABStore", "AccountID") or not store.has("ABPerson", "StoreID"):
        return {}
    of_an_account = "SELECT ROWID FROM ABStore WHERE AccountID IS NOT ?"
    people = _numbers(store, f"SELECT ROWID FROM ABPerson WHERE StoreID IN ({of_an_account})", NO_ACCOUNT)  # noqa: S608
    if not store.has("ABGroup", "StoreID"):
        return {"ABPerson": people}
    groups = _numbers(store, f"SELECT ROWID FROM ABGroup WHERE StoreID IN ({of_an_account})", NO_ACCOUNT)  # noqa: S608
    return {"ABPerson": people, "ABGroup": groups}


def _account_calendars(store: Store) -> Roots:
    if not store.has("Store", "type") or not store.has("Calendar", "store_id"):
        return {}
    query = "SELECT ROWID FROM Calendar WHERE store_id IN (SELECT ROWID FROM Store WHERE type IN (?, ?, ?))"
    return {"Calendar": _numbers(store, query, *REMOTE_STORES)}


def _account_notes(store: Store) -> Roots:
    table = relations.NOTE_OBJECT
    entity = entity_number(store, "ICAccount")
    if entity is None or not store.has(table, "Z_PK", "Z_ENT", "ZACCOUNTTYPE", "ZIDENTIFIER"):
        return {}
    where = "Z_ENT = ? AND ZACCOUNTTYPE IS NOT ? AND ZIDENTIFIER IS NOT ?"
    query = f"SELECT Z_PK, ZIDENTIFIER FROM {table} WHERE {where}"  # noqa: S608
    accounts = store.rows(query, entity, NOTES_ON_PHONE, LOCAL_ACCOUNT)
    folders = [
        row
        for _, identifier in accounts
        for row in _numbers(store, f"SELECT Z_PK FROM {table} WHERE ZIDENTIFIER = ?", f"DefaultFolder-{identifier}")  # noqa: S608
    ]
    return {table: [*(row for row, _ in accounts), *folders]}


def _numbers(store: Store, query: str, *values: object) -> list[int]:
    return [row[0] for row in store.rows(query, *values)]


# --- rows that leave and come back


def _remove_rows(
    phone: SimulatedPhone, domain: str, path: str, tables: tuple[Table, ...], find_roots: Callable[[Store], Roots]
) -> None:
    try:
        with open_store(phone.files, domain, path) as store:
            roots = find_roots(store)
            taken = relations.take(store, tables, roots) if any(roots.values()) else {}
            image = store.image()
    except Unusable:
        return
    if not taken:
        return
    write_store(phone.files, domain, path, image)
    images = _take_pictures(phone, taken) if tables is relations.CONTACTS else {}
    files = _take_note_files(phone, domain, taken) if tables is relations.NOTES else []
    phone.add_return_at_sign_in(partial(_return_rows, phone, domain, path, tables, taken, images, files))


def _return_rows(
    phone: SimulatedPhone,
    domain: str,
    path: str,
    tables: tuple[Table, ...],
    taken: Taken,
    images: Taken,
    files: list[Node],
) -> None:
    keys: Keys = {}
    try:
        with open_store(phone.files, domain, path) as store:
            keys = relations.give_back(store, tables, taken)
            raise_maxima(store)
            image = store.image()
    except Unusable:
        return
    write_store(phone.files, domain, path, image)
    for node in files:
        phone.files.put(node)
    for picture_path in paths_matching(phone.files, HOME, IMAGES) if images else ():
        try:
            with open_store(phone.files, HOME, picture_path) as store:
                relations.give_back(store, relations.CONTACT_IMAGES, images, keys)
                image = store.image()
        except Unusable:
            continue
        write_store(phone.files, HOME, picture_path, image)


def _take_pictures(phone: SimulatedPhone, taken: Taken) -> Taken:
    """The pictures of contacts are in a database of their own."""
    people = [row["ROWID"] for row in taken.get("ABPerson", ())]
    pictures: Taken = {}
    for path in paths_matching(phone.files, HOME, IMAGES):
        try:
            with open_store(phone.files, HOME, path) as store:
                pictures = relations.take(store, relations.CONTACT_IMAGES, {"ABPerson": people})
                image = store.image()
        except Unusable:
            continue
        if pictures:
            write_store(phone.files, HOME, path, image)
    return pictures


def _take_note_files(phone: SimulatedPhone, domain: str, taken: Taken) -> list[Node]:
    """The files of removed notes: below a folder that is named after their media or their account."""
    names = {row.get("ZIDENTIFIER") for row in taken.get(relations.NOTE_OBJECT, ())} - {None}
    found = [node for node in phone.files.walk(domain) if node.kind == "file" and names & _folders(node.relative_path)]
    for node in found:
        phone.files.remove(domain, node.relative_path)
    return found


def _folders(path: str) -> set[str]:
    return set(path.split("/")[:-1]) if path.startswith("Accounts/") else set()


# --- reminders: one store for each account


def _remove_reminder_stores(phone: SimulatedPhone, own: OwnStore, was_restored: Callable[[str, str], bool]) -> None:
    for path in paths_matching(phone.files, own.domain, own.path):
        if path.endswith(LOCAL_REMINDERS) or not was_restored(own.domain, path):
            continue
        try:
            with open_store(phone.files, own.domain, path) as store:
                image = store.image()
        except Unusable:
            continue
        node = phone.files.get(own.domain, path)
        assert node is not None
        for suffix in ("", *SUFFIXES):
            phone.files.remove(own.domain, path + suffix)
        phone.add_return_at_sign_in(partial(_return_reminders, phone, node, image))


def _return_reminders(phone: SimulatedPhone, node: Node, image: bytes) -> None:
    """The account's store comes back under another name."""
    name = f"Data-{uuid_from(chance_of(phone, 'accounts', node.relative_path))}.sqlite"
    path = re.sub(r"[^/]+$", name, node.relative_path)
    phone.files.add_file(
        node.domain, path, image, protection_class=node.protection_class, mode=node.mode, modified=RESTORED_UNIX_S
    )


def _set_authenticated(phone: SimulatedPhone, value: int) -> None:
    """Accounts3 says which accounts the user has signed in to."""
    try:
        with open_store(phone.files, HOME, ACCOUNTS) as store:
            if not store.has("ZACCOUNT", "ZAUTHENTICATED"):
                return
            store.run("UPDATE ZACCOUNT SET ZAUTHENTICATED = ?", value)
            image = store.image()
    except Unusable:
        return
    write_store(phone.files, HOME, ACCOUNTS, image)
