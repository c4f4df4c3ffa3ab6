"""Calendars. Tables and columns *seen* on iOS 9.3 to 14.3. Up to iOS 12 the same table holds the reminders."""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, Author, apple_seconds
from migrate.simulator.contents.formats.sqlite_file import Database, Row

EVENT, REMINDER = 2, 3
"""CalendarItem.entity_type; the value for reminders is *guessed*."""
INVITEE = 7
LOCAL, CALDAV, SUBSCRIBED = 0, 2, 4
"""Store.type, with EventKit's numbers for sources (*read* in an iOS 18 database: iCloud is 2)."""
SUBSCRIBED_STORE = 3
STORES = (("Default", LOCAL), ("iCloud", CALDAV), ("Subscribed Calendars", SUBSCRIBED))
CALENDARS = (
    ("Home", "#1BADF8", 1), ("Work", "#CC73E1", 1), ("Familie 👪", "#63DA38", 1), ("iCloud", "#FF9500", 2),
    ("Feiertage 🎆", "#FF2968", 3),
)  # fmt: skip
ON_PHONE, IN_ICLOUD, FROM_THE_WEB = (1, 2, 3), (4,), (5,)
"""Row numbers in CALENDARS, from 1 on."""

SCHEMA = """
CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key));
CREATE TABLE Store (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, default_alarm_offset INTEGER, type INTEGER,
 disabled INTEGER, external_id TEXT, persistent_id TEXT, flags INTEGER);
CREATE TABLE Calendar (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER, title TEXT, flags INTEGER, color TEXT,
 symbolic_color_name TEXT, type TEXT, supported_entity_types INTEGER, external_id TEXT, display_order INTEGER,
 UUID TEXT, shared_owner_name TEXT, sharing_status INTEGER, self_identity_id INTEGER, notes TEXT);
CREATE TABLE CalendarItem (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT, location_id INTEGER,
 description TEXT, start_date REAL, start_tz TEXT, end_date REAL, end_tz TEXT, all_day INTEGER, calendar_id INTEGER,
 orig_item_id INTEGER, orig_date REAL, organizer_id INTEGER, self_attendee_id INTEGER, status INTEGER,
 invitation_status INTEGER, availability INTEGER, privacy_level INTEGER, url TEXT, last_modified REAL,
 sequence_num INTEGER, birthday_id INTEGER, external_id TEXT, unique_identifier TEXT, hidden INTEGER,
 has_recurrences INTEGER, has_attendees INTEGER, UUID TEXT, entity_type INTEGER, priority INTEGER, due_date REAL,
 due_tz TEXT, due_all_day INTEGER, completion_date REAL, creation_date REAL, display_order INTEGER,
 calendar_scale TEXT, travel_time INTEGER, junk_status INTEGER, conference_url TEXT, conference_url_detected TEXT);
CREATE TABLE Location (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, address TEXT, latitude INTEGER,
 longitude INTEGER, item_owner_id INTEGER, alarm_owner_id INTEGER);
CREATE TABLE Participant (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, entity_type INTEGER, type INTEGER, status INTEGER,
 pending_status INTEGER, role INTEGER, identity_id INTEGER, owner_id INTEGER, UUID TEXT, email TEXT,
 phone_number TEXT, is_self INTEGER);
CREATE TABLE Identity (display_name TEXT, address TEXT, first_name TEXT, last_name TEXT,
 UNIQUE (display_name, address, first_name, last_name));
CREATE TABLE Recurrence (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, frequency INTEGER, interval INTEGER, count INTEGER,
 end_date REAL, specifier TEXT, owner_id INTEGER, UUID TEXT);
CREATE TABLE ExceptionDate (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, date REAL, sync_order INTEGER);
CREATE TABLE Alarm (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, trigger_date REAL, trigger_interval INTEGER, type INTEGER,
 proximity INTEGER, disabled INTEGER, calendaritem_owner_id INTEGER, calendar_owner_id INTEGER, UUID TEXT);
CREATE TABLE Attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, file_id INTEGER, UUID TEXT);
CREATE TABLE AttachmentFile (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, filename TEXT, file_size INTEGER, url TEXT,
 UUID TEXT, local_path TEXT);
CREATE TABLE OccurrenceCache (day REAL, event_id INTEGER, calendar_id INTEGER, store_id INTEGER, occurrence_date REAL,
 occurrence_start_date REAL, occurrence_end_date REAL);
CREATE TABLE OccurrenceCacheDays (calendar_id INTEGER, store_id INTEGER, day REAL, count INTEGER,
 PRIMARY KEY (calendar_id, day));
CREATE INDEX EventUUID ON CalendarItem(UUID);
CREATE TRIGGER delete_event_alarms_recurs AFTER DELETE ON CalendarItem BEGIN
 DELETE FROM Location WHERE item_owner_id = OLD.ROWID; DELETE FROM Alarm WHERE calendaritem_owner_id = OLD.ROWID;
 DELETE FROM Recurrence WHERE owner_id = OLD.ROWID; DELETE FROM Participant WHERE owner_id = OLD.ROWID; END;
"""
EXTRAS_SCHEMA = "CREATE TABLE alerts (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, event_id INTEGER, fire_date REAL);"


def write(author: Author) -> None:
    database = Database(SCHEMA)
    database.insert("_SqliteDatabaseProperties", {"key": "version", "value": "1300"})
    last = SUBSCRIBED_STORE if author.spec.subscribed_events else SUBSCRIBED_STORE - 1
    for name, kind in STORES[:last]:
        database.insert("Store", {"name": name, "type": kind, "persistent_id": author.uuid()})
    for place, (title, color, store) in enumerate(calendar for calendar in CALENDARS if calendar[2] <= last):
        calendar: Row = {"title": title, "color": color, "store_id": store, "display_order": place, "sharing_status": 0}
        database.insert("Calendar", {**calendar, "UUID": author.uuid()})
    for number, start in enumerate(author.moments(author.spec.events)):
        _add_event(author, database, start, _calendars_of(author, number))
    if author.ios < (13,):
        for number, due in enumerate(author.moments(author.spec.reminders)):
            calendars = IN_ICLOUD if number < author.spec.icloud_reminders else ON_PHONE
            done = author.random.random() < 0.4
            reminder: Row = {
                "due_date": apple_seconds(due),
                "completion_date": apple_seconds(REFERENCE_TIME) if done else None,
            }
            database.insert("CalendarItem", {**_item(author, REMINDER, author.title(), calendars), **reminder})
    author.database(HOME, "Library/Calendar/Calendar.sqlitedb", database)
    author.database(HOME, "Library/Calendar/Extras.db", Database(EXTRAS_SCHEMA))


def _calendars_of(author: Author, number: int) -> tuple[int, ...]:
    """The calendars that may hold the event: the first events are in iCloud, the next ones in a subscription."""
    if number < author.spec.icloud_events:
        return IN_ICLOUD
    is_subscribed = number < author.spec.icloud_events + author.spec.subscribed_events
    return FROM_THE_WEB if is_subscribed else ON_PHONE


def _item(author: Author, entity_type: int, summary: str, calendars: tuple[int, ...]) -> Row:
    return {
        "summary": summary,
        "entity_type": entity_type,
        "calendar_id": author.random.choice(calendars),
        "creation_date": apple_seconds(author.moment()),
        "last_modified": apple_seconds(REFERENCE_TIME),
        "UUID": author.uuid(),
    }


def _add_event(author: Author, database: Database, start: int, calendars: tuple[int, ...]) -> None:
    all_day = author.random.random() < 0.15
    zone = "_float" if all_day else author.time_zone
    span: Row = {"start_date": apple_seconds(start), "end_date": apple_seconds(start + 3600), "all_day": int(all_day)}
    event = database.insert(
        "CalendarItem",
        {
            **_item(author, EVENT, author.title(), calendars),
            **span,
            "start_tz": zone,
            "end_tz": zone,
            "availability": 0,
        },
    )
    day = apple_seconds(start - start % 86_400)
    occurrence: Row = {"day": day, "event_id": event, "occurrence_date": span["start_date"]}
    database.insert("OccurrenceCache", occurrence)
    if event % 3 == 0:
        person = author.person()
        known: Row = {"title": person.street, "address": person.city, "item_owner_id": event}
        location = database.insert("Location", known)
        database.execute("UPDATE CalendarItem SET location_id = ? WHERE ROWID = ?", location, event)
    if event % 4 == 0:
        _invite(author, database, event)
    if event % 5 == 0:
        database.insert("Recurrence", {"frequency": 2, "interval": 1, "owner_id": event, "UUID": author.uuid()})
        next_week = apple_seconds(start + 7 * 86_400)
        database.insert("ExceptionDate", {"owner_id": event, "date": next_week, "sync_order": 0})
    if event % 2 == 0:
        alarm: Row = {"trigger_interval": -900, "type": 0, "calendaritem_owner_id": event, "UUID": author.uuid()}
        database.insert("Alarm", alarm)


def _invite(author: Author, database: Database, event: int) -> None:
    person = author.person()
    names = (person.name, f"mailto:{person.email}", person.first, person.last)
    columns = "display_name, address, first_name, last_name"
    database.execute(f"INSERT OR IGNORE INTO Identity ({columns}) VALUES (?, ?, ?, ?)", *names)  # noqa: S608 - constant
    identity = database.value("SELECT rowid FROM Identity WHERE address = ?", names[1])
    guest: Row = {
        "entity_type": INVITEE,
        "status": 1,
        "identity_id": identity,
        "owner_id": event,
        "email": person.email,
    }
    database.insert("Participant", {**guest, "UUID": author.uuid(), "is_self": 0})
    database.execute("UPDATE CalendarItem SET has_attendees = 1 WHERE ROWID = ?", event)
