"""The address book and its pictures.

Tables and columns *seen* on iOS 15.3 and *read* in an iOS 18 schema. As on real phones, AddressBook.sqlitedb is one
empty page and its log holds everything; the default of `guid` calls a function that only a phone has.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from migrate.simulator.contents.author import HOME, Author, apple_seconds
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.contents.people import Person

PHONE, EMAIL, ADDRESS, URL = 3, 4, 5, 22
LABELS = ("_$!<Mobile>!$_", "_$!<Home>!$_", "_$!<Work>!$_", "_$!<HomePage>!$_", "Ferienhaus")
ADDRESS_KEYS = ("Street", "City", "CountryCode", "ZIP")
ICLOUD_STORE = 2
THUMBNAIL_FORMATS = (0, 2, 5)

PROPERTIES = "CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key));"
GUID = "guid TEXT NOT NULL DEFAULT (ab_generate_guid())"
SCHEMA = f"""
{PROPERTIES}
CREATE TABLE ABStore (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, Name TEXT, ExternalIdentifier TEXT, Type INTEGER,
 AccountID INTEGER DEFAULT -1, Enabled INTEGER DEFAULT 1, MeIdentifier INTEGER DEFAULT -1,
 Capabilities INTEGER DEFAULT 0, StoreInternalIdentifier TEXT, ConstraintsPath TEXT, ExternalModificationTag TEXT,
 ExternalSyncTag TEXT, SyncData BLOB, LastSyncDate TEXT, {GUID}, UNIQUE(guid));
CREATE TABLE ABAccount (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, AccountIdentifier TEXT, Flags INTEGER,
 DefaultSourceID INTEGER, {GUID}, UNIQUE(guid));
CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Middle TEXT,
 FirstPhonetic TEXT, MiddlePhonetic TEXT, LastPhonetic TEXT, Organization TEXT, Department TEXT, Note TEXT,
 Kind INTEGER, Birthday TEXT, JobTitle TEXT, Nickname TEXT, Prefix TEXT, Suffix TEXT, FirstSort TEXT, LastSort TEXT,
 CreationDate INTEGER, ModificationDate INTEGER, CompositeNameFallback TEXT, ExternalIdentifier TEXT,
 ExternalModificationTag TEXT, ExternalUUID TEXT, StoreID INTEGER, DisplayName TEXT, ExternalRepresentation BLOB,
 FirstSortSection TEXT, LastSortSection TEXT, FirstSortLanguageIndex INTEGER DEFAULT 2147483647,
 LastSortLanguageIndex INTEGER DEFAULT 2147483647, PersonLink INTEGER DEFAULT -1, ImageURI TEXT,
 IsPreferredName INTEGER DEFAULT 1, {GUID}, PhonemeData TEXT, AlternateBirthday TEXT, MapsData TEXT,
 FirstPronunciation TEXT, MiddlePronunciation TEXT, LastPronunciation TEXT, OrganizationPhonetic TEXT,
 OrganizationPronunciation TEXT, PreviousFamilyName TEXT, PreferredLikenessSource TEXT,
 PreferredPersonaIdentifier TEXT, PreferredChannel TEXT, DowntimeWhitelist TEXT, ImageType TEXT, ImageHash BLOB,
 MemojiMetadata BLOB, UNIQUE(guid));
CREATE TABLE ABPersonLink (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, PreferredImagePersonID INTEGER DEFAULT -1,
 PreferredNamePersonID INTEGER DEFAULT -1, {GUID}, UNIQUE(guid));
CREATE TABLE ABGroup (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, Name TEXT, ExternalIdentifier TEXT, StoreID INTEGER,
 ExternalModificationTag TEXT, ExternalRepresentation BLOB, ExternalUUID TEXT, {GUID}, UNIQUE(guid));
CREATE TABLE ABGroupMembers (UID INTEGER PRIMARY KEY, group_id INTEGER, member_type INTEGER, member_id INTEGER,
 UNIQUE(group_id, member_type, member_id));
CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, identifier INTEGER,
 label INTEGER, value TEXT, {GUID}, UNIQUE(guid));
CREATE TABLE ABMultiValueLabel (value TEXT, UNIQUE(value));
CREATE TABLE ABMultiValueEntry (parent_id INTEGER, key INTEGER, value TEXT, UNIQUE(parent_id, key));
CREATE TABLE ABMultiValueEntryKey (value TEXT, UNIQUE(value));
CREATE TABLE ABPhoneLastFour (multivalue_id INTEGER PRIMARY KEY, value TEXT);
CREATE INDEX ABMultiValueRecordIndex ON ABMultiValue(record_id);
CREATE TRIGGER delete_phone_last_four AFTER DELETE ON ABMultiValue
 BEGIN DELETE FROM ABPhoneLastFour WHERE multivalue_id = OLD.UID; END;
"""  # noqa: S608 - constants
LATER_COLUMNS = {
    "ABPerson": (
        "Wallpaper BLOB, DisplayFlags INTEGER, WatchWallpaperImageData BLOB, WallpaperMetadata BLOB, "
        "ImageBackgroundColorsData BLOB, SensitiveContentConfiguration BLOB, WallpaperURI TEXT, "
        "ImageSyncFailedTime TEXT, WallpaperSyncFailedTime TEXT"
    ),
    "ABStore": "ProviderIdentifier TEXT, ProviderMetadata BLOB",
}
"""*Read* in an iOS 18 schema; present from iOS 17 on (*guessed*)."""
IMAGES_SCHEMA = f"""
{PROPERTIES}
CREATE TABLE ABThumbnailImage (ROWID INTEGER PRIMARY KEY, record_id INTEGER, format INTEGER,
 derived_from_format INTEGER, data BLOB);
CREATE TABLE ABFullSizeImage (ROWID INTEGER PRIMARY KEY, record_id INTEGER, crop_x INTEGER, crop_y INTEGER,
 crop_width INTEGER, data BLOB);
CREATE INDEX ABThumbnailImageRecordIndex ON ABThumbnailImage(record_id);
"""


def write(author: Author) -> None:
    book, images = Database(SCHEMA), Database(IMAGES_SCHEMA)
    if author.ios >= (17,):
        for table, columns in LATER_COLUMNS.items():
            book.add_columns(table, columns)
    for name, value in (("ClientVersion", "14"), ("UniqueIdentifier", author.uuid())):
        book.insert("_SqliteDatabaseProperties", {"key": name, "value": value})
        images.insert("_SqliteDatabaseProperties", {"key": name, "value": value})
    book.insert("ABStore", {"Name": "Contacts", "Type": 0, "guid": f"{author.uuid()}:ABStore"})
    if author.spec.icloud_contacts:
        _add_account(author, book)
    book.insert_all("ABMultiValueLabel", ({"value": label} for label in LABELS))
    book.insert_all("ABMultiValueEntryKey", ({"value": key} for key in ADDRESS_KEYS))
    people = [_add_person(author, book, images, person) for person in author.people[: author.spec.contacts]]
    for row in people[len(people) - author.spec.icloud_contacts :]:
        book.execute("UPDATE ABPerson SET StoreID = ? WHERE ROWID = ?", ICLOUD_STORE, row)
    if people:
        family = book.insert("ABGroup", {"Name": "Family 👨‍👩‍👧", "StoreID": 1, "guid": f"{author.uuid()}:ABGroup"})
        book.insert_all(
            "ABGroupMembers", ({"group_id": family, "member_type": 0, "member_id": row} for row in people[:5])
        )
    author.database_with_wal(HOME, "Library/AddressBook/AddressBook.sqlitedb", book)
    author.database(HOME, "Library/AddressBook/AddressBookImages.sqlitedb", images)


def _add_account(author: Author, book: Database) -> None:
    """Adds a second store that belongs to an account: its AccountID is not -1 (Type 4 *seen* on iOS 15.3)."""
    account = book.insert("ABAccount", {"AccountIdentifier": author.uuid(), "guid": f"{author.uuid()}:ABAccount"})
    store: Row = {"Name": "Card", "Type": 4, "AccountID": account, "guid": f"{author.uuid()}:ABStore"}
    book.insert("ABStore", {"ROWID": ICLOUD_STORE, **store})


def _add_person(author: Author, book: Database, images: Database, person: Person) -> int:
    created = int(apple_seconds(author.moment()))
    row = book.insert(
        "ABPerson",
        {
            "First": person.first,
            "Last": person.last,
            "Organization": person.organization or None,
            "Note": author.sentence() if author.random.random() < 0.2 else None,
            "Kind": 0,
            "Birthday": _birthday(len(person.name), has_year=len(person.last) % 2 == 0),
            "FirstSort": person.first.casefold(),
            "LastSort": person.last.casefold(),
            "CreationDate": created,
            "ModificationDate": created,
            "StoreID": 1,
            "guid": f"{author.uuid()}:ABPerson",
        },
    )
    phone = _add_value(author, book, row, PHONE, label=1, value=person.phone)
    book.insert("ABPhoneLastFour", {"multivalue_id": phone, "value": person.phone[-4:]})
    _add_value(author, book, row, EMAIL, label=2, value=person.email)
    if row % 4 == 0:
        address = _add_value(author, book, row, ADDRESS, label=author.pick(2, 5), value=None)
        for key, value in enumerate((person.street, person.city, "nl", f"{row:05d}"), start=1):
            book.insert("ABMultiValueEntry", {"parent_id": address, "key": key, "value": value})
    if row % 7 == 0:
        _add_value(author, book, row, URL, label=4, value=f"https://example.com/~{row}")
    if row % 3 == 0:
        _add_picture(author, images, row)
    return row


def _birthday(number: int, *, has_year: bool) -> str | None:
    """Noon UTC, as text; one without a year is in 1604 (*reported*). Only some people have one."""
    if number % 3:
        return None
    day = datetime(1960 + number if has_year else 1604, number % 12 + 1, number % 28 + 1, 12, tzinfo=UTC)
    return str(float((day - datetime(2001, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)))


def _add_value(author: Author, book: Database, person: int, kind: int, *, label: int, value: str | None) -> int:
    row: Row = {"record_id": person, "property": kind, "identifier": 0, "label": label, "value": value}
    return book.insert("ABMultiValue", {**row, "guid": author.uuid()})


def _add_picture(author: Author, images: Database, person: int) -> None:
    full = draw_picture(160, 160, author.random, detail=6)
    images.insert("ABFullSizeImage", {"record_id": person, "crop_x": 0, "crop_y": 0, "crop_width": 160, "data": full})
    for number, format_number in enumerate(THUMBNAIL_FORMATS):
        side = 32 << (number // 2)
        small = draw_picture(side, side, author.random, detail=4)
        images.insert(
            "ABThumbnailImage",
            {"record_id": person, "format": format_number, "derived_from_format": -1, "data": small},
        )
