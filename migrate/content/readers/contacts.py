"""Contacts: `AddressBook.sqlitedb`, and their pictures in `AddressBookImages.sqlitedb`.

Tables and columns *seen* on iOS 15.3 and *read* in an iOS 18 schema. Linked contacts stay one item per row of ABPerson;
`Contact.link` says which belong together. Contacts have no Recently Deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote

from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import address, from_cocoa
from migrate.content.open_database import Columns, Database
from migrate.content.ordering import ordered
from migrate.content.readers.cells import filled, finite, row_number, shown
from migrate.content.readers.children import Children, no_children
from migrate.content.readers.common import needed_table
from migrate.content.readers.contact_pictures import PICTURES, Pictures, open_pictures
from migrate.content.source import Place, Source
from migrate.language import _, mark

BOOK = Place("HomeDomain", ("Library/AddressBook/AddressBook.sqlitedb",))
PHONE, EMAIL, ADDRESS, DATE, MESSENGER, URL, RELATED, PROFILE = 3, 4, 5, 12, 13, 22, 23, 46
"""ABMultiValue.property. 3, 4, 5 and 22 *seen*; 13, 23 and 46 *read* (notes on an iOS 18 address book); 12 is
kABPersonDateProperty of Apple's headers (*guessed* to be the number in the database too)."""
_LOCAL_ACCOUNT = -1
"""ABStore.AccountID of the phone's own contacts (*seen*: iOS 15.3)."""
_COLLECTIONS = ("Card", "Address Book")
"""Names of ABStores that are the server's word for the collection and not the account's name (*seen*: iOS 15.3)."""
_ICLOUD = re.compile(r"/\d+/carddavhome/")
_CARDDAV_USER = re.compile(r"/principals/([^/]{1,100})/")
"""ABStore.ExternalIdentifier of iCloud and of Google (*seen*: iOS 15.3)."""
_COMPANY = 1
"""ABPerson.Kind: 0 a person, 1 an organization (*seen*: iOS 15.3)."""
_YEARLESS = 1604
"""The year that stands for "no year" in a birthday (*reported*: Contacts and CardDAV)."""
_SORTED_AT_ONCE = 5_000
"""A contact with five values takes about 5 KB."""
NAMES = {
    "first": ("First",),
    "middle": ("Middle",),
    "last": ("Last",),
    "prefix": ("Prefix",),
    "suffix": ("Suffix",),
    "nickname": ("Nickname",),
    "previous_name": ("PreviousFamilyName",),
    "first_phonetic": ("FirstPhonetic",),
    "middle_phonetic": ("MiddlePhonetic",),
    "last_phonetic": ("LastPhonetic",),
    "organization": ("Organization",),
    "organization_phonetic": ("OrganizationPhonetic",),
    "department": ("Department",),
    "job_title": ("JobTitle",),
    "note": ("Note",),
}


class LabelledValue(NamedTuple):
    """A phone number, an address … of a contact."""

    property: object
    """What it is: PHONE, EMAIL …"""
    label: str | None
    """As stored: `_$!<Home>!$_` for Apple's labels, else the person's own text."""
    value: str | None
    """None for values that consist of parts."""
    parts: tuple[tuple[str | None, str | None], ...]
    """Street, city … of an address; service and user of a profile."""

    def normalised(self) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
        value = self.value
        if self.property in (PHONE, EMAIL):
            value = address(value)
        elif self.property == DATE:
            value = calendar_day(value)
        parts = sorted((key or "", part or "") for key, part in self.parts)
        return str(self.property), self.label or "", value or "", tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Item):
    """One card of the address book."""

    names: tuple[str | None, ...]
    """In the order of `NAMES`."""
    birthday: str | None
    """`1990-04-01`, or `--04-01` without a year; else as stored."""
    other_birthday: str | None
    """In a calendar other than the Gregorian, as stored."""
    values: tuple[LabelledValue, ...]
    groups: tuple[str, ...]
    """Names of its groups."""
    picture: str | None
    """A digest of its picture."""
    row: int | None = None
    """Its row number, by which `Pictures` knows it."""
    link: int | None = None
    """Contacts with one link are one person to whom several accounts have a card."""
    leads: bool = False
    """Of linked contacts, this one's name is shown."""
    is_company: bool = False

    def named(self) -> dict[str, str | None]:
        """The names by what they are: `first`, `last`, `organization` …"""
        return dict(zip(NAMES, self.names, strict=True))

    def full_name(self) -> str | None:
        """The name a person knows it by: of the person, else of the organization; None if it has none."""
        names = self.named()
        parts = (names[part] for part in ("prefix", "first", "middle", "last", "suffix"))
        return " ".join(part for part in parts if part) or names["organization"] or names["nickname"]

    def fingerprint(self) -> Fingerprint:
        return {
            **self.named(),
            "birthday": self.birthday,
            "other_birthday": self.other_birthday,
            "values": tuple(sorted(value.normalised() for value in self.values)),
            "groups": self.groups,
            "picture": self.picture,
        }

    def describe(self) -> str:
        names = self.named()
        full = " ".join(name for name in (names["first"], names["last"]) if name)
        reached = (value.value for value in self.values if value.property in (PHONE, EMAIL))
        who = shown(full, names["organization"], names["nickname"], names["middle"], *reached)
        return _("a contact without a name") if who is None else _("the contact {name}").format(name=who)


def contacts(source: Source) -> Iterator[Item]:
    """All contacts, ordered by id."""
    return ordered(_unordered(source), source.tmp, in_memory=_SORTED_AT_ONCE)


def cards(source: Source) -> Iterator[Contact]:
    """All contacts by row number, without their pictures, which take long to read."""
    for record in source.files(BOOK):
        with source.reading(record), source.database(record) as database:
            yield from _contacts_of(database, Pictures(source))


def _unordered(source: Source) -> Iterator[Contact]:
    for record in source.files(BOOK):
        with open_pictures(source) as pictures, source.reading(record), source.database(record) as database:
            yield from _contacts_of(database, pictures)


def _contacts_of(database: Database, pictures: Pictures) -> Iterator[Contact]:
    people = needed_table(database, "ABPerson")
    columns = Columns(
        people,
        "p",
        guid=("guid",),
        store=("StoreID",),
        created=("CreationDate",),
        modified=("ModificationDate",),
        birthday=("Birthday",),
        other_birthday=("AlternateBirthday",),
        link=("PersonLink",),
        preferred=("IsPreferredName",),
        kind=("Kind",),
        **NAMES,
    )
    lacking = columns.lacking.intersection({*NAMES, "birthday", "other_birthday"})
    values, groups, accounts = _Values(database), _groups(database), _accounts(database)
    if groups is None:
        groups, lacking = no_children(), lacking | {"groups"}
    for row, guid, store, created, modified, birthday, other_birthday, link, preferred, what, *names in database.rows(
        f"SELECT p.ROWID, {columns.sql} FROM {people.sql} p NOT INDEXED ORDER BY p.ROWID"  # noqa: S608  names are the schema's own, quoted
    ):
        number = row_number(row)
        picture, is_known = pictures.digest_of(number)
        contact = Contact(
            id=filled(guid) or "",
            when=from_cocoa(created),
            modified=from_cocoa(modified),
            account=accounts.get(store) if isinstance(store, int) else None,
            names=tuple(filled(name) for name in names),
            birthday=calendar_day(birthday),
            other_birthday=filled(other_birthday),
            values=() if number is None else values.of(number),
            groups=() if number is None else tuple(sorted(filled(name) or "" for (name,) in groups.of(number))),
            picture=picture,
            row=number,
            link=link if isinstance(link, int) and link > 0 else None,
            leads=preferred == 1,
            is_company=what == _COMPANY,
            lacking=lacking,
            undecoded=frozenset() if is_known else frozenset({"picture"}),
        )
        yield contact if contact.id else replace(contact, id=_id_of(contact))


def _id_of(contact: Contact) -> str:
    return fingerprint_id((contact.names, contact.birthday, contact.fingerprint()["values"]))


class _Values:
    """The labelled values of the people, read beside them."""

    def __init__(self, database: Database) -> None:
        value, part = needed_table(database, "ABMultiValue"), needed_table(database, "ABMultiValueEntry")
        self._labels = _words(database, "ABMultiValueLabel")
        self._keys = _words(database, "ABMultiValueEntryKey")
        query = (
            f"SELECT v.record_id, v.UID, v.property, v.label, v.value, e.parent_id, e.key, e.value FROM {value.sql} v"  # noqa: S608  names are the schema's own, quoted
            f" LEFT JOIN {part.sql} e ON e.parent_id = v.UID ORDER BY v.record_id, v.UID"
        )
        self._rows = Children(database.rows(query), "values of one contact")

    def of(self, person: int) -> tuple[LabelledValue, ...]:
        """The values of one person, in the order of their row numbers."""
        found: list[LabelledValue] = []
        last: object = None
        parts: list[tuple[str | None, str | None]] = []
        for uid, kind, label, value, owner, key, part in self._rows.of(person):
            if owner is not None and uid == last and parts:
                parts.append((self._keys.get(key), filled(part)))
                found[-1] = found[-1]._replace(parts=tuple(parts))
                continue
            parts = [] if owner is None else [(self._keys.get(key), filled(part))]
            found.append(LabelledValue(kind, self._labels.get(label), filled(value), tuple(parts)))
            last = uid
        return tuple(found)


def _words(database: Database, name: str) -> dict[object, str | None]:
    """A small table of texts by row number: labels, keys of parts."""
    table = needed_table(database, name)
    return {row: filled(word) for row, word in database.rows(f"SELECT ROWID, value FROM {table.sql}")}  # noqa: S608  the name is the schema's own, quoted


def _groups(database: Database) -> Children | None:
    """(member_id, name of the group). None if the schema has no groups."""
    group, member = database.table("ABGroup"), database.table("ABGroupMembers")
    if group is None or member is None or not group.has("Name") or not member.has("group_id", "member_id"):
        return None
    people_only = " WHERE m.member_type IS 0" if member.has("member_type") else ""  # a group may contain groups
    query = (
        f"SELECT m.member_id, g.Name FROM {member.sql} m JOIN {group.sql} g ON g.ROWID = m.group_id"  # noqa: S608  names are the schema's own, quoted
        f"{people_only} ORDER BY m.member_id"
    )
    return Children(database.rows(query), "groups of one contact")


def _accounts(database: Database) -> dict[int, str]:
    """What the stores that belong to an account are called, by row number."""
    store = database.table("ABStore")
    if store is None or not store.has("AccountID"):
        return {}
    columns = Columns(store, "", name=("Name",), account=("AccountID",), place=("ExternalIdentifier",))
    rows = database.rows(f"SELECT ROWID, {columns.sql} FROM {store.sql}")  # noqa: S608  names are the schema's own, quoted
    return {
        row: _account(filled(name), filled(place)) for row, name, account, place in rows if account != _LOCAL_ACCOUNT
    }


def _account(name: str | None, place: str | None) -> str:
    if name is not None and name not in _COLLECTIONS:
        return name
    if place is not None and _ICLOUD.search(place):
        return "iCloud"
    user = None if place is None else _CARDDAV_USER.search(place)
    return _("an account") if user is None else filled(unquote(user[1], errors="replace")) or _("an account")


def calendar_day(stored: object) -> str | None:
    """`1990-04-01` from seconds since 2001 (as number or text) or from text; `--04-01` if it has no year.

    Birthdays are texts with seconds since 2001, at noon UTC (*reported*).
    """
    seconds = finite(stored)
    if seconds is None:
        return filled(stored)
    try:
        day = datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return filled(stored)
    return f"--{day:%m-%d}" if day.year == _YEARLESS else f"{day.year:04d}-{day:%m-%d}"


CONTACTS = Kind(
    id="contacts",
    owner="contacts",
    label=mark("people"),
    places=(BOOK, PICTURES),
    items=contacts,
)
